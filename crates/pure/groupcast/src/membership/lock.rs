//! One election at a time: the directory's side (`setVotant` of seed 003, with a deadline).

use std::time::Duration;

use machine::{Incarnation, Instant, NodeId};

/// Which life of which node may hold an election, and until when.
#[derive(Debug, Clone)]
pub(super) struct Lock {
    limit: Duration,
    grant: Option<Grant>,
}

#[derive(Debug, Clone)]
struct Grant {
    node: NodeId,
    incarnation: Incarnation,
    until: Instant,
}

impl Grant {
    fn is_of(&self, node: NodeId, incarnation: Incarnation) -> bool {
        (self.node, self.incarnation) == (node, incarnation)
    }
}

impl Lock {
    pub fn new(limit: Duration) -> Self {
        Self { limit, grant: None }
    }

    /// For how long from now this one may, if it may. Asking again prolongs nothing before the
    /// grant is over.
    pub fn grant(
        &mut self,
        node: NodeId,
        incarnation: Incarnation,
        now: Instant,
    ) -> Option<Duration> {
        if self.grant.as_ref().is_none_or(|grant| grant.until <= now) {
            self.grant = Some(Grant { node, incarnation, until: now + self.limit });
        }
        let grant = self.grant.as_ref().filter(|grant| grant.is_of(node, incarnation));
        grant.map(|grant| grant.until.since(now))
    }

    /// The last one that was granted, if it has not said that it is done.
    pub fn holder(&self) -> Option<(NodeId, Incarnation)> {
        self.grant.as_ref().map(|grant| (grant.node, grant.incarnation))
    }

    /// This one is done. No effect if another one holds the lock.
    pub fn release(&mut self, node: NodeId, incarnation: Incarnation) {
        self.grant.take_if(|grant| grant.is_of(node, incarnation));
    }
}
