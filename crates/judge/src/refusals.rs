//! That no buy was refused although the goods were there (SAFETY, Judging).
//!
//! The stock is followed through what the traders did, in their serial order: by epoch, then as
//! reported. A sale may be durable without its report, when a trader died in between; every buy
//! that may have been carried out so is taken off the stock from the moment it was asked for. So
//! the stock counted here is never above the true one, and no refusal is called false that was not.

use std::collections::BTreeMap;

use machine::Epoch;
use market::{
    Fill, Good, HoldId, LotId, Money, Order, Outcome, Party, Receipt, Refusal, RequestId,
};
use view::history::{Phase, phase};
use view::{Event, Operation, What};

use crate::finding::{Finding, Ruling};
use crate::houses::{Houses, WAREHOUSE};
use crate::story::{Stories, line};

const PROPERTY: &str = "no refusal was false";

/// How often a market was wrong about what it had.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wrong {
    /// Buys that a trader let pass by what it knew, and the warehouse refused for want of goods.
    pub oversold: u64,
    /// Buys refused although the goods were there.
    pub undersold: u64,
}

/// Judges every refusal for want of goods. Also says how many were false.
///
/// Where traders of trading houses go by counts, a refusal by the warehouse is over-selling, and one
/// by a trader, while there was enough, under-selling (seed 004). They are counted; neither is
/// promised not to happen.
pub fn judge(stories: &Stories<'_>, houses: Option<Houses>) -> (Finding, Wrong) {
    let doubts = Doubts::of(stories);
    let mut shelves: BTreeMap<&Good, Shelf> = BTreeMap::new();
    let goes_by_counts = houses.is_some_and(|houses| houses.goes_by_counts);
    let (mut judged, mut wrong, mut denied) = (0, Wrong::default(), 0);
    let count = |is: fn(&What) -> bool| stories.events.iter().filter(|of| is(&of.what)).count();
    let promised = count(|what| matches!(what, What::Promised { .. }));
    let taken_back = count(|what| matches!(what, What::TakenBack { .. }));
    let mut first = None;
    for at in serial_order(stories.events, houses.is_some()) {
        match &stories.events[at].what {
            What::Deposited { seller, good, quantity, unit_price, lot, .. } => {
                let shelf = shelves.entry(good).or_default();
                shelf.put(*lot, *seller, *unit_price, u64::from(*quantity));
            }
            What::Withdrawn { good, quantity, lot, .. } => {
                shelves.entry(good).or_default().take(*lot, u64::from(*quantity));
            }
            What::Sold { request, receipt, .. } => {
                let shelf = shelves.entry(&receipt.good).or_default();
                let claims = stories.requests.get(request).and_then(|story| story.claims());
                if claims.is_none_or(|hold| shelf.carts.remove(&hold).is_none()) {
                    shelf.take_all(&receipt.fills);
                }
            }
            What::Held { hold, receipt, .. } => {
                let shelf = shelves.entry(&receipt.good).or_default();
                shelf.take_all(&receipt.fills);
                shelf.carts.insert(*hold, receipt);
            }
            What::HoldEnded { hold, good, .. } => {
                shelves.entry(good).or_default().let_go(*hold);
            }
            What::Refused { request, good, refusal, .. } if is_for_want(refusal) => {
                let order = stories.requests.get(request).and_then(|story| story.order());
                let Some(order) = order else { continue };
                judged += 1;
                wrong.oversold += u64::from(goes_by_counts);
                let Some(shelf) = shelves.get(good) else { continue };
                if let Some(hold) = in_carts(stories, shelf, refusal, order, request.client.party) {
                    let event = &stories.events[at];
                    first = first.or_else(|| Some(sold_out(event, at, *request, hold)));
                }
                let doubted = doubts.before(good, at);
                if let Some(units) = shelf.could_serve(order, request.client.party, doubted) {
                    wrong.undersold += 1;
                    let event = &stories.events[at];
                    first = first.or_else(|| Some(sentence(event, at, *request, order, units)));
                }
            }
            What::DeniedByCache { request, good, .. } => {
                let order = stories.requests.get(request).and_then(|story| story.order());
                let (Some(order), Some(shelf)) = (order, shelves.get(good)) else { continue };
                denied += 1;
                let doubted = doubts.before(good, at);
                if let Some(units) = shelf.could_serve(order, request.client.party, doubted) {
                    wrong.undersold += 1;
                    let event = &stories.events[at];
                    first = first.or_else(|| Some(sentence(event, at, *request, order, units)));
                }
            }
            _ => {}
        }
    }
    if goes_by_counts {
        let evidence = format!(
            "traders go by counts: {denied} buys denied by them, {} of those with goods there; \
             {judged} let pass and refused by the warehouse",
            wrong.undersold
        ) + &if promised > 0 {
            format!("; {promised} promised at once, {taken_back} of those taken back")
        } else {
            String::new()
        };
        return (Finding::new(PROPERTY, Ruling::NotPromised, evidence), wrong);
    }
    let checked = first.map_or_else(
        || {
            let evidence = format!("refusals for want of goods: {judged}");
            Ok(Finding::held(PROPERTY, judged, evidence, "no buy was refused for want of goods"))
        },
        Err,
    );
    (Finding::from_check(PROPERTY, checked), wrong)
}

/// What is said where a trader may not know of all that is for sale.
pub fn not_promised() -> Finding {
    let evidence = "the goods of a seller that is away are not for sale".to_owned();
    Finding::new(PROPERTY, Ruling::NotPromised, evidence)
}

fn sentence(event: &Event, at: usize, request: RequestId, order: &Order, units: u64) -> String {
    let Order { good, quantity, .. } = order;
    format!(
        "trader {} refused buy {request} of {quantity} {good} at {}, but {units} units were there \
         for it",
        event.node,
        line(at)
    )
}

/// A cart that surely held what the order could be filled from, where that was said to be sold out
/// (SAFETY S13).
fn in_carts(
    stories: &Stories<'_>,
    shelf: &Shelf<'_>,
    refusal: &Refusal,
    order: &Order,
    buyer: Party,
) -> Option<HoldId> {
    if matches!(refusal, Refusal::Held { .. } | Refusal::NotSoldHere) {
        return None;
    }
    let limit = order.limit.unwrap_or(Money(u64::MAX));
    let fits = |fill: &Fill| fill.seller != buyer && fill.unit_price <= limit;
    // The end of one that a trader did not live to tell of may have come before.
    let has_an_end = |hold| stories.carts.get(hold).is_some_and(|cart| !cart.ends.is_empty());
    let mut carts = shelf.carts.iter().filter(|(_, held)| held.fills.iter().any(fits));
    carts.find(|(hold, _)| has_an_end(hold)).map(|(hold, _)| *hold)
}

fn sold_out(event: &Event, at: usize, request: RequestId, hold: HoldId) -> String {
    format!(
        "trader {} told buy {request} at {} that nothing is to be had, but cart {hold} held some of \
         it, and was not at its end",
        event.node,
        line(at)
    )
}

fn is_for_want(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::OutOfStock { .. }
            | Refusal::NotSoldHere
            | Refusal::TooDear { .. }
            | Refusal::OnlyOwnGoods
            | Refusal::Held { .. }
    )
}

/// What the traders did, in the order in which the market saw it.
pub fn serial_order(events: &[Event], is_of_houses: bool) -> Vec<usize> {
    if is_of_houses {
        // What the warehouse did as it told of it, and denials of traders at their moment.
        let of_houses = |(_, event): &(usize, &Event)| {
            event.node == WAREHOUSE || matches!(event.what, What::DeniedByCache { .. })
        };
        return events.iter().enumerate().filter(of_houses).map(|(at, _)| at).collect();
    }
    let mut order: Vec<(Epoch, usize)> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        if let What::Sold { epoch, .. }
        | What::Refused { epoch, .. }
        | What::Deposited { epoch, .. }
        | What::Withdrawn { epoch, .. }
        | What::Held { epoch, .. }
        | What::HoldEnded { epoch, .. } = &event.what
        {
            order.push((*epoch, at));
        }
    }
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

/// The lots of one good.
#[derive(Default)]
struct Shelf<'a> {
    units: u64,
    lots: BTreeMap<LotId, (Party, Money, u64)>,
    carts: BTreeMap<HoldId, &'a Receipt>,
}

impl Shelf<'_> {
    fn take_all(&mut self, fills: &[Fill]) {
        fills.iter().for_each(|fill| self.take(fill.lot, fill.quantity.into()));
    }

    /// What is in a cart is for sale again.
    fn let_go(&mut self, hold: HoldId) {
        let Some(receipt) = self.carts.remove(&hold) else { return };
        for fill in &receipt.fills {
            let units = u64::from(fill.quantity);
            self.units += units;
            let lot = self.lots.entry(fill.lot).or_insert((fill.seller, fill.unit_price, 0));
            lot.2 += units;
        }
    }

    fn put(&mut self, lot: LotId, seller: Party, unit_price: Money, units: u64) {
        self.units += units;
        self.lots.insert(lot, (seller, unit_price, units));
    }

    fn take(&mut self, lot: LotId, units: u64) {
        // A lot whose deposit was not reported was not counted either.
        let Some((_, _, left)) = self.lots.get_mut(&lot) else { return };
        let taken = units.min(*left);
        *left -= taken;
        self.units -= taken;
        if *left == 0 {
            self.lots.remove(&lot);
        }
    }

    /// The units that `buyer` could have had, if they were enough whatever the doubted buys took.
    fn could_serve(&self, order: &Order, buyer: Party, doubted: u64) -> Option<u64> {
        let wanted = if order.partial { 1 } else { u64::from(order.quantity) };
        let wanted = wanted.saturating_add(doubted);
        if self.units < wanted {
            return None;
        }
        let limit = order.limit.unwrap_or(Money(u64::MAX));
        let fitting =
            self.lots.values().filter(|(seller, price, _)| *seller != buyer && *price <= limit);
        let units = fitting.map(|(_, _, left)| left).sum::<u64>();
        (units >= wanted).then(|| units - doubted)
    }
}

/// Units that may have left the stock without a trader's report: of each good, the position at
/// which they were asked for, and the sum up to there.
struct Doubts<'a>(BTreeMap<&'a Good, Vec<(usize, u64)>>);

impl<'a> Doubts<'a> {
    fn of(stories: &Stories<'a>) -> Self {
        let mut doubts: BTreeMap<&Good, Vec<(usize, u64)>> = BTreeMap::new();
        for story in stories.requests.values() {
            let turned_down = story.refused.iter().any(|(_, refusal)| refusal.is_remembered());
            let is_told = |(_, outcome): &(usize, &Outcome)| phase(outcome) == Phase::Fail;
            let turned_down = turned_down || story.answered.iter().any(is_told);
            let is_told = !story.sold.is_empty() || !story.withdrawn.is_empty();
            if turned_down || is_told || !story.held.is_empty() {
                continue;
            }
            let taken = match story.asked.first() {
                Some((at, Operation::Buy(order) | Operation::Hold { order, .. })) => {
                    Some((*at, &order.good, order.quantity))
                }
                Some((at, Operation::Withdraw { lot })) => {
                    stories.lots.get(lot).map(|lot| (*at, lot.good, lot.quantity))
                }
                _ => None,
            };
            if let Some((at, good, quantity)) = taken {
                doubts.entry(good).or_default().push((at, u64::from(quantity)));
            }
        }
        for of_good in doubts.values_mut() {
            of_good.sort_unstable();
            let mut sum = 0;
            for (_, units) in of_good {
                sum += *units;
                *units = sum;
            }
        }
        Self(doubts)
    }

    fn before(&self, good: &Good, at: usize) -> u64 {
        let Some(of_good) = self.0.get(good) else { return 0 };
        let asked = of_good.partition_point(|(asked, _)| *asked < at);
        asked.checked_sub(1).map_or(0, |last| of_good[last].1)
    }
}
