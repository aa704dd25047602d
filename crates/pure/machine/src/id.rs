//! Names of nodes, of their lives, and of the terms of leaders.

use serde::{Deserialize, Serialize};

/// A node of the cluster: a process with an address.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NodeId(pub u32);

impl std::fmt::Display for NodeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which life of a node: it rises by one at each start.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Incarnation(pub u64);

impl Incarnation {
    /// The life after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Incarnation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The numbered term of one leader; a higher one fences all lower ones (SAFETY S1).
///
/// Ordered by counter, then node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Epoch {
    /// The number.
    pub counter: u64,
    /// The leader whose term it is.
    pub node: NodeId,
}

impl Epoch {
    /// Before any leader.
    pub const ZERO: Self = Self { counter: 0, node: NodeId(0) };

    /// The lowest epoch of `node` above this one.
    #[must_use]
    pub fn next(self, node: NodeId) -> Self {
        Self { counter: self.counter.saturating_add(1), node }
    }
}

/// `counter.node`, as in `3.5`.
impl std::fmt::Display for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.counter, self.node)
    }
}

/// As it is displayed: traces are full of epochs.
impl std::fmt::Debug for Epoch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_is_ordered_by_counter_then_node() {
        let epoch = |counter, node| Epoch { counter, node: NodeId(node) };
        assert!(epoch(1, 9) < epoch(2, 1));
        assert!(epoch(2, 1) < epoch(2, 3));
        assert!(Epoch::ZERO < Epoch::ZERO.next(NodeId(0)));
    }
}
