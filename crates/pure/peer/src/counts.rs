//! Counts that no later life of a peer gives again, though not each of them is written down.
//!
//! A peer that forgot what its clock read would stamp a purchase as it stamped another one in an
//! earlier life. To write each reading down before it leaves would make each purchase wait for the
//! disk; so a peer writes down a count far ahead, and the next one when it has come there. A later
//! life begins at the count written down: some are left out, none is given twice.

use clocks::{Stamp, VectorClock};
use machine::NodeId;

/// How far ahead: so rarely that the wait for the disk does not count, and so few that the clocks
/// of a peer that comes back still look like those of the others.
const AHEAD: u64 = 256;

/// Up to which count a node's clock is written down.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reserve(u64);

impl Reserve {
    /// The earlier lives wrote this down.
    pub fn restored(count: u64) -> Self {
        Self(count)
    }

    /// Whether a count may be given that is not written down yet. From then on it is: its owner
    /// writes the clock [raised](Reserve::raised) before anything that carries it leaves.
    pub fn is_passed_by(&mut self, count: u64) -> bool {
        let is_passed = count > self.0;
        if is_passed {
            self.0 = count.saturating_add(AHEAD);
        }
        is_passed
    }

    /// The clock as a later life of `node` begins with it.
    pub fn raised(self, clock: &VectorClock, node: NodeId) -> VectorClock {
        let mut clock = clock.clone();
        clock.raise(node, self.0);
        clock
    }

    /// The same, of either kind.
    pub fn raised_stamp(self, stamp: &Stamp, node: NodeId) -> Stamp {
        match stamp {
            Stamp::Lamport(clock) => {
                let mut clock = *clock;
                clock.0 = clock.0.max(self.0);
                Stamp::Lamport(clock)
            }
            Stamp::Vector(clock) => Stamp::Vector(self.raised(clock, node)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_count_is_written_down_before_it_is_given_and_few_are() {
        let node = NodeId(3);
        let (mut reserve, mut clock) = (Reserve::default(), VectorClock::new());
        let mut written = Vec::new();
        for _ in 0..1000 {
            clock.tick(node);
            if reserve.is_passed_by(clock.get(node)) {
                written.push(reserve.raised(&clock, node).get(node));
            }
            assert!(written.last().is_some_and(|count| *count >= clock.get(node)));
        }
        assert_eq!(written, [257, 514, 771, 1028]);
        let mut later = Reserve::restored(1028);
        assert!(later.is_passed_by(1029));
    }
}
