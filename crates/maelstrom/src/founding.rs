//! Who begins the group: the first node of the list, once it knows that there is none.
//!
//! ```text
//!   first node   founding { life, asks }      each other node    each period, until all answered
//!   other node   founding { life, has_been }  first node         has it ever been in a group?
//!
//!   all answered, none has been in one   ──▶  the first node founds the group
//!   one has been in one                  ──▶  the first node joins, like all others
//! ```
//!
//! *Promise:* a first node that is killed and starts again never founds a second group beside one
//! that has told a client anything. *Why:* a group tells clients something only when a majority of
//! the nodes was in it at once, and then one of the others has been in it for as long as that one
//! lives. Only members let others in: if all answered that they had not been in any group, none can
//! come into one later but by this founding. What this cannot see is a group all of whose members
//! were killed: its state is gone, and the next one begins with nothing (the group is in `memory`
//! mode).

use std::collections::BTreeSet;

use machine::NodeId;

/// What a node has to find out before it begins.
#[derive(Debug)]
pub enum Founding {
    /// It is not for this node, or it is done.
    Done,
    /// These have not answered yet.
    Asking(BTreeSet<NodeId>),
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Found the group.
    Found,
    /// Join it.
    Join,
}

impl Founding {
    /// The node `me` of these nodes begins: what to do at once, if anything.
    pub fn begin(me: NodeId, all: &BTreeSet<NodeId>) -> (Self, Option<Step>) {
        let others: BTreeSet<_> = all.iter().copied().filter(|node| *node != me).collect();
        if all.first() != Some(&me) {
            return (Self::Done, Some(Step::Join));
        }
        if others.is_empty() {
            return (Self::Done, Some(Step::Found));
        }
        (Self::Asking(others), None)
    }

    /// Whom to ask.
    pub fn unanswered(&self) -> impl Iterator<Item = NodeId> {
        match self {
            Self::Done => None,
            Self::Asking(nodes) => Some(nodes.iter().copied()),
        }
        .into_iter()
        .flatten()
    }

    /// A node answered whether it has ever been in a group.
    pub fn answered(&mut self, from: NodeId, has_been: bool) -> Option<Step> {
        let Self::Asking(nodes) = self else { return None };
        nodes.remove(&from);
        let step = match (has_been, nodes.is_empty()) {
            (true, _) => Step::Join,
            (false, true) => Step::Found,
            (false, false) => return None,
        };
        *self = Self::Done;
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes() -> BTreeSet<NodeId> {
        [1, 2, 3].map(NodeId).into()
    }

    #[test]
    fn the_first_node_founds_when_all_have_answered_that_they_were_in_no_group() {
        let (mut founding, step) = Founding::begin(NodeId(1), &nodes());
        assert_eq!(step, None);
        assert_eq!(founding.answered(NodeId(3), false), None);
        assert_eq!(founding.answered(NodeId(3), false), None, "the same one twice");
        assert_eq!(founding.unanswered().collect::<Vec<_>>(), [NodeId(2)]);
        assert_eq!(founding.answered(NodeId(2), false), Some(Step::Found));
        assert_eq!(founding.answered(NodeId(2), false), None);
    }

    #[test]
    fn one_that_has_been_in_a_group_is_enough_to_join() {
        let (mut founding, _) = Founding::begin(NodeId(1), &nodes());
        assert_eq!(founding.answered(NodeId(2), true), Some(Step::Join));
        assert_eq!(founding.unanswered().count(), 0);
    }

    #[test]
    fn all_others_join_and_one_alone_founds() {
        assert_eq!(Founding::begin(NodeId(2), &nodes()).1, Some(Step::Join));
        assert_eq!(Founding::begin(NodeId(1), &[NodeId(1)].into()).1, Some(Step::Found));
    }
}
