//! One number that rises along every chain of cause and effect.

use serde::{Deserialize, Serialize};

/// A Lamport clock, and a reading of it: the two are the same number.
///
/// If one event happened before another, its reading is lower. The reverse does not hold, so for
/// one order of all events compare `(LamportClock, NodeId)`.
///
/// ```
/// use clocks::LamportClock;
///
/// let (mut sender, mut receiver) = (LamportClock::default(), LamportClock::default());
/// let stamp = sender.tick();
/// assert!(receiver.witness(stamp) > stamp);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LamportClock(pub u64);

impl LamportClock {
    /// An event of this node's own, such as a send: returns its reading.
    pub fn tick(&mut self) -> Self {
        self.0 = self.0.saturating_add(1);
        *self
    }

    /// The receipt of a message stamped `other`: returns the reading of the receipt, which is
    /// above both the stamp and all that this clock read before.
    pub fn witness(&mut self, other: Self) -> Self {
        self.0 = self.0.max(other.0);
        self.tick()
    }
}

impl std::fmt::Display for LamportClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::history::{History, histories};

    #[test]
    fn a_receipt_is_above_both_sides_and_nothing_overflows() {
        let mut clock = LamportClock(3);
        assert_eq!(clock.witness(LamportClock(7)), LamportClock(8));
        assert_eq!(clock.witness(LamportClock(2)), LamportClock(9));
        assert_eq!(clock.witness(LamportClock(u64::MAX)), LamportClock(u64::MAX));
    }

    fn readings(history: &History) -> Vec<LamportClock> {
        let mut clocks = BTreeMap::<_, LamportClock>::new();
        let mut readings: Vec<LamportClock> = Vec::new();
        for event in &history.0 {
            let clock = clocks.entry(event.node).or_default();
            readings.push(match event.sender {
                Some(sender) => clock.witness(readings[sender]),
                None => clock.tick(),
            });
        }
        readings
    }

    proptest! {
        #[test]
        fn what_happened_before_reads_lower(history in histories()) {
            let readings = readings(&history);
            for (first, second) in history.pairs() {
                if history.before(first, second) {
                    prop_assert!(readings[first] < readings[second]);
                }
            }
        }

        #[test]
        fn with_the_node_no_two_events_tie(history in histories()) {
            let readings = readings(&history);
            for (first, second) in history.pairs().filter(|(first, second)| first != second) {
                let key = |event: usize| (readings[event], history.0[event].node);
                prop_assert_ne!(key(first), key(second));
            }
        }
    }
}
