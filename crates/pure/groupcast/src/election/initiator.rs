//! Who starts an election when a leader is lost.
//!
//! Whoever starts is only the first to speak: any number may start at once. Fewer initiators send
//! fewer messages; with [`Initiator::Every`] nobody has to wait for one that is gone as well.

use std::collections::BTreeSet;

use machine::{Epoch, NodeId, Random};

/// Who starts an election when a leader is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initiator {
    /// Every node that suspects the leader.
    Every,
    /// One of those that are connected, the same at all of them.
    Random,
    /// The lowest id that is connected.
    Lowest,
    /// The highest id that is connected.
    Highest,
    /// The last to join of those that are connected (seed 000); by id, as seed 003 numbers its
    /// members, as far as nothing else was said.
    LastToJoin,
}

/// A policy, and the order in which nodes joined.
#[derive(Debug, Clone)]
pub struct Starters {
    policy: Initiator,
    /// The last to join is the last.
    joined: Vec<NodeId>,
}

impl Starters {
    /// A policy for these nodes, which joined in the order of their ids as far as is known.
    pub fn new(policy: Initiator, nodes: &BTreeSet<NodeId>) -> Self {
        Self { policy, joined: nodes.iter().copied().collect() }
    }

    /// This node joined after all others. Strangers are none of these nodes.
    pub fn joined(&mut self, node: NodeId) {
        if let Some(place) = self.joined.iter().position(|&one| one == node) {
            self.joined[place..].rotate_left(1);
        }
    }

    /// Who starts the election after `gone`, of those that are there; every one of them if none.
    pub fn choose(&self, gone: Epoch, is_there: impl Fn(NodeId) -> bool) -> Option<NodeId> {
        let mut left: Vec<NodeId> =
            self.joined.iter().copied().filter(|&node| is_there(node)).collect();
        if self.policy != Initiator::LastToJoin {
            left.sort_unstable();
        }
        match self.policy {
            Initiator::Every => None,
            Initiator::Lowest => left.first().copied(),
            Initiator::Highest | Initiator::LastToJoin => left.last().copied(),
            // The same at all nodes that have the same connections: the epoch is the die.
            Initiator::Random => {
                Random::fork(gone.counter, gone.node.0.into()).pick(&left).copied()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starter(policy: Initiator, last: Option<u32>, gone: u32) -> Option<u32> {
        let mut starters = Starters::new(policy, &(1..=5).map(NodeId).collect());
        if let Some(last) = last {
            starters.joined(NodeId(last));
        }
        let gone = NodeId(gone);
        let chosen = starters.choose(Epoch { counter: 7, node: gone }, |node| node != gone);
        chosen.map(|node| node.0)
    }

    #[test]
    fn each_policy_names_its_node() {
        assert_eq!(starter(Initiator::Every, None, 5), None);
        assert_eq!(starter(Initiator::Lowest, None, 1), Some(2));
        assert_eq!(starter(Initiator::Highest, Some(2), 5), Some(4));
        assert_eq!(starter(Initiator::LastToJoin, None, 5), Some(4), "by id if nothing was said");
        assert_eq!(starter(Initiator::LastToJoin, Some(2), 5), Some(2));
        assert_eq!(starter(Initiator::LastToJoin, Some(2), 2), Some(5), "the last is gone too");
        assert_eq!(starter(Initiator::LastToJoin, Some(9), 5), Some(4), "a stranger");
    }

    #[test]
    fn chance_is_the_same_everywhere_and_not_always_the_same_node() {
        let starters = Starters::new(Initiator::Random, &(1..=5).map(NodeId).collect());
        let drawn: BTreeSet<_> = (0..50)
            .filter_map(|counter| starters.choose(Epoch::ZERO.max(epoch(counter)), |_| true))
            .collect();
        assert_eq!(drawn.len(), 5);
    }

    fn epoch(counter: u64) -> Epoch {
        Epoch { counter, node: NodeId(1) }
    }
}
