//! What the warehouse decided on how many traders there are to be.

use std::collections::BTreeSet;

use houses::Scaling;
use machine::{Instant, NodeId};

/// What it decided last, and when.
#[derive(Debug)]
pub struct Decisions {
    scaling: Option<Scaling>,
    /// What it told last in this life, and in any.
    told: Option<u64>,
    wanted: u64,
    /// When it last wanted more than before, in this life.
    rose: Option<Instant>,
    /// How often it wanted more, and fewer.
    pub rises: u64,
    /// How often it wanted fewer.
    pub falls: u64,
    /// Traders that were hired and said that they have gone.
    pub left: BTreeSet<NodeId>,
}

impl Decisions {
    /// Of a warehouse that goes by this, or has a fixed number of traders.
    pub fn new(scaling: Option<Scaling>) -> Self {
        let (told, rose, left) = (None, None, BTreeSet::new());
        Self { scaling, told, wanted: 0, rose, rises: 0, falls: 0, left }
    }

    /// How many traders it wants, as far as it told.
    pub fn wanted(&self) -> usize {
        usize::try_from(self.wanted).unwrap_or(usize::MAX)
    }

    /// The warehouse begins a new life, and knows nothing of the load.
    pub fn begin(&mut self) {
        (self.told, self.rose) = (None, None);
    }

    /// It wants so many now: within its limits, and not fewer until it has wanted no more for the
    /// calm time.
    pub fn decided(&mut self, at: Instant, wanted: u64) -> Result<(), String> {
        let Some(scaling) = self.scaling else {
            return Err(format!("{wanted} traders are wanted, where their number is fixed"));
        };
        self.wanted = wanted;
        let Some(before) = self.told.replace(wanted) else { return Ok(()) };
        if wanted > before {
            (self.rose, self.rises) = (Some(at), self.rises + 1);
        } else {
            self.falls += 1;
        }
        if !(scaling.least..=scaling.most).contains(&self.wanted()) {
            return Err(format!("{wanted} traders are wanted: {scaling:?}"));
        }
        match self.rose {
            Some(rose) if wanted < before && at.since(rose) < scaling.calm => Err(format!(
                "{wanted} traders are wanted at {at:?}, though {before} were at {rose:?}: {scaling:?}"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn fewer_too_soon_after_more_is_an_error_but_for_a_new_life() {
        let calm = Duration::from_secs(5);
        let scaling = Scaling { least: 1, most: 4, calm, ..Scaling::fixed(1) };
        let at = |second: u64| Instant::ZERO + Duration::from_secs(second);
        let mut decisions = Decisions::new(Some(scaling));
        for (second, wanted, is_right) in
            [(1, 1, true), (2, 3, true), (6, 2, false), (7, 1, true), (8, 5, false)]
        {
            assert_eq!(decisions.decided(at(second), wanted).is_ok(), is_right, "{second}");
        }
        assert_eq!((decisions.rises, decisions.falls), (2, 2));
        decisions.begin();
        assert!(decisions.decided(at(9), 4).is_ok() && decisions.decided(at(9), 3).is_ok());
        assert!(Decisions::new(None).decided(at(1), 1).is_err());
    }
}
