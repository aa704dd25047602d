//! Who of the others is up, as far as a peer can tell.

use std::collections::BTreeSet;

use groupcast::membership;
use machine::NodeId;

use crate::event::What;

/// Those with a connection that the directory did not strike off since it opened: one that hangs
/// keeps its connection, and expires.
#[derive(Debug, Clone)]
pub struct Presence {
    directory: NodeId,
    open: BTreeSet<NodeId>,
    expired: BTreeSet<NodeId>,
}

impl Presence {
    /// Nobody yet; the directory is no peer.
    pub fn new(directory: NodeId) -> Self {
        Self { directory, open: BTreeSet::new(), expired: BTreeSet::new() }
    }

    /// There is a connection.
    pub fn opened(&mut self, node: NodeId) {
        if node != self.directory {
            self.open.insert(node);
            self.expired.remove(&node);
        }
    }

    /// The connection is gone.
    pub fn closed(&mut self, node: NodeId) {
        self.open.remove(&node);
        self.expired.remove(&node);
    }

    /// The directory lists it.
    pub fn joined(&mut self, node: NodeId) {
        self.expired.remove(&node);
    }

    /// The directory struck it off.
    pub fn expired(&mut self, node: NodeId) {
        if self.open.contains(&node) {
            self.expired.insert(node);
        }
    }

    /// Who is up.
    pub fn up(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.open.difference(&self.expired).copied()
    }
}

impl From<membership::Report> for What {
    fn from(report: membership::Report) -> Self {
        match report {
            membership::Report::Joined(membership::Entry { node, incarnation, address }) => {
                Self::Joined { member: node, incarnation, address }
            }
            membership::Report::Expired(member) => Self::Expired { member },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hangs_is_struck_off_until_it_is_back() {
        let mut presence = Presence::new(NodeId(0));
        let up = |presence: &Presence| presence.up().map(|node| node.0).collect::<Vec<_>>();
        (0..4).for_each(|node| presence.opened(NodeId(node)));
        assert_eq!(up(&presence), [1, 2, 3]);
        presence.expired(NodeId(2));
        presence.closed(NodeId(3));
        presence.expired(NodeId(3));
        assert_eq!(up(&presence), [1]);
        presence.joined(NodeId(2));
        presence.opened(NodeId(3));
        assert_eq!(up(&presence), [1, 2, 3]);
    }
}
