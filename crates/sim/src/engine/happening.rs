//! What is due in a world, and in which order it comes.

use std::cmp::Ordering;

use machine::{Epoch, Input, Instant, Machine, NodeId};

use super::disk::Contents;

/// Something that happens to one life of one node.
#[derive(Debug)]
pub(super) enum Happening<M: Machine> {
    /// Boxed, because what is due is moved about much while it waits.
    Input(Box<Input<M>>),
    /// This connection came up.
    Opened(NodeId, u64),
    /// This connection, and no later one, ended.
    Closed(NodeId, u64),
    Alarm(M::Alarm),
    /// The writer's commit is on the disk.
    Committed,
    /// The writer has read the common journal.
    Read(Epoch, Box<Contents<M>>, usize),
}

/// When it is due, and to which life of which node.
#[derive(Debug)]
pub(super) struct Scheduled<M: Machine> {
    pub at: Instant,
    pub order: u64,
    pub to: usize,
    pub life: u64,
    pub what: Happening<M>,
}

impl<M: Machine> PartialEq for Scheduled<M> {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}
impl<M: Machine> Eq for Scheduled<M> {}
impl<M: Machine> PartialOrd for Scheduled<M> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<M: Machine> Ord for Scheduled<M> {
    // The heap gives the greatest: the earliest, and of those the first made.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}
