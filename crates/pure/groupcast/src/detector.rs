//! The failure detector: connection loss and heartbeats with a fixed limit.
//!
//! Think of two signs that a neighbour is home: the telephone line is up, and now and then it
//! rings. A line that goes dead is noticed at once (a killed process closes its connections within
//! a millisecond); a line that stays silent for too long means that whoever holds it hangs. Either
//! is a suspicion, not a death (SAFETY S5): what follows from it is a quorum's business.
//!
//! A value, not a machine: its owner sets the alarms.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Instant, NodeId};

/// What the detector thinks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Connected, and heard of within the limit.
    Alive,
    /// Not connected.
    Closed,
    /// Connected, and silent for longer than the limit.
    Silent,
}

/// Who is connected, and when each was heard last.
#[derive(Debug, Clone)]
pub struct Detector {
    limit: Duration,
    heard: BTreeMap<NodeId, Instant>,
}

impl Detector {
    /// A detector that calls a connected node silent after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self { limit, heard: BTreeMap::new() }
    }

    /// A connection came up; that counts as being heard.
    pub fn opened(&mut self, node: NodeId, now: Instant) {
        self.heard.insert(node, now);
    }

    /// A connection ended. Until it is up again, nothing heard of the node counts: a datagram may
    /// outlive its sender.
    pub fn closed(&mut self, node: NodeId) {
        self.heard.remove(&node);
    }

    /// Something came from the node.
    pub fn heard(&mut self, node: NodeId, now: Instant) {
        if let Some(last) = self.heard.get_mut(&node) {
            *last = now.max(*last);
        }
    }

    /// What the detector thinks of the node now.
    pub fn health(&self, node: NodeId, now: Instant) -> Health {
        match self.heard.get(&node) {
            None => Health::Closed,
            Some(&last) if now.since(last) >= self.limit => Health::Silent,
            Some(_) => Health::Alive,
        }
    }

    /// For how long from now the node may stay silent; zero if it is not alive.
    pub fn time_left(&self, node: NodeId, now: Instant) -> Duration {
        self.heard.get(&node).map_or(Duration::ZERO, |&last| (last + self.limit).since(now))
    }

    /// Whether a connection to the node is up.
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.heard.contains_key(&node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1);
    const LIMIT: Duration = Duration::from_millis(10);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_closed_connection_is_noticed_at_once() {
        let mut detector = Detector::new(LIMIT);
        assert_eq!(detector.health(NODE, at(0)), Health::Closed);
        detector.opened(NODE, at(0));
        assert_eq!(detector.health(NODE, at(1)), Health::Alive);
        detector.closed(NODE);
        detector.heard(NODE, at(2));
        assert_eq!(detector.health(NODE, at(2)), Health::Closed, "a late datagram proves nothing");
    }

    #[test]
    fn silence_is_noticed_at_the_limit_and_ends_when_the_node_is_heard() {
        let mut detector = Detector::new(LIMIT);
        detector.opened(NODE, at(0));
        detector.heard(NODE, at(5));
        assert_eq!(detector.health(NODE, at(14)), Health::Alive);
        assert_eq!(detector.time_left(NODE, at(14)), Duration::from_millis(1));
        assert_eq!(detector.health(NODE, at(15)), Health::Silent);
        detector.heard(NODE, at(20));
        assert_eq!(detector.health(NODE, at(20)), Health::Alive);
    }
}
