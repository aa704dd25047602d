//! That no lot is sold beyond what was in it.

use std::collections::BTreeMap;

use market::LotId;

use crate::story::{Stories, line};

/// What left one lot, and the last sale.
#[derive(Default)]
struct Taken {
    units: u64,
    last: usize,
}

/// Units sold out of lots beyond what was in them, over all lots, and a sentence on the first such
/// lot. A sale counts once, however often it was reported.
pub fn oversold(stories: &Stories<'_>) -> (u64, Option<String>) {
    let mut taken: BTreeMap<LotId, Taken> = BTreeMap::new();
    for story in stories.requests.values() {
        let Some(receipt) = story.receipt() else { continue };
        let at =
            story.sold.first().map(|(at, _)| *at).or(story.answered.first().map(|(at, _)| *at));
        for fill in &receipt.fills {
            let lot = taken.entry(fill.lot).or_default();
            lot.units = lot.units.saturating_add(fill.quantity.into());
            lot.last = lot.last.max(at.unwrap_or_default());
        }
    }
    let (mut excess, mut first) = (0_u64, None);
    for (id, Taken { units, last }) in taken {
        let Some(lot) = stories.lots.get(&id) else { continue };
        let more = units.saturating_sub(lot.quantity.into());
        excess = excess.saturating_add(more);
        if more > 0 && first.is_none() {
            first = Some(format!(
                "{}: {units} units of lot {id} were sold by {}, but only {} were in it",
                lot.good,
                line(last),
                lot.quantity
            ));
        }
    }
    (excess, first)
}
