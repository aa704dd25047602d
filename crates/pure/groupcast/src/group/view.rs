//! Views: who is in, agreed by all that are.

use machine::{Epoch, Incarnation, NodeId};
use serde::{Deserialize, Serialize};

/// Which view.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewId {
    /// Which group: drawn by its founder, so that two groups are never taken for one.
    pub group: u64,
    /// The number: the founder's view is 1, each next one is one more.
    pub number: u64,
}

/// The number alone; a process meets one group.
impl std::fmt::Display for ViewId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.number.fmt(f)
    }
}

impl std::fmt::Debug for ViewId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}", self.number)
    }
}

/// A member: a life of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Which node.
    pub node: NodeId,
    /// Which life of it. A restarted process has forgotten what it held, so it is another member.
    pub incarnation: Incarnation,
    /// Where hosts reach it.
    pub address: String,
    /// Whether it has the state of the application. Until then it delivers nothing.
    pub has_state: bool,
}

/// An agreed membership. Views follow each other in one line, whatever the network does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct View {
    /// Which.
    pub id: ViewId,
    /// The epoch in which it was agreed.
    pub epoch: Epoch,
    /// The members, from the one that has been in for longest to the newest.
    pub members: Vec<Member>,
    /// The member that changes views and, in [`Order::Sequencer`](super::Order), orders.
    pub coordinator: NodeId,
}

impl View {
    /// Where a node stands among the members.
    pub fn position(&self, node: NodeId) -> Option<usize> {
        self.members.iter().position(|member| member.node == node)
    }

    /// A node that is a member.
    pub fn member(&self, node: NodeId) -> Option<&Member> {
        self.members.iter().find(|member| member.node == node)
    }

    /// Whether this life of a node is a member.
    pub fn has(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.member(node).is_some_and(|member| member.incarnation == incarnation)
    }

    /// The nodes of all members.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.members.iter().map(|member| member.node)
    }

    /// How many members are a majority.
    pub fn majority(&self) -> usize {
        self.members.len() / 2 + 1
    }
}

/// A view that is put to the vote, and what the members deliver before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The next view.
    pub view: View,
    /// Of each stream of the view before, how many items belong to it.
    pub cut: Vec<u64>,
}
