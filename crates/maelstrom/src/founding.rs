//! Who begins the group: the first node of the list, once it knows that there is none.
//!
//! ```text
//!   each node    founding { life, asks }             each other   each period, until it answered
//!   other node   founding { life, has_been, open }   the asker    has it been in a group, and does
//!                                                                 it know of one that was open?
//!
//!   all answered, none has been in one   ──▶  the first node founds the group
//!   one has been in one                  ──▶  the first node joins, like all others
//! ```
//!
//! *Promise:* a first node that is killed and starts again never founds a second group beside one
//! that has told a client anything. *Why:* a group tells clients something only when it is open: a
//! majority of the nodes is in one view. Then one of the others has been in it for as long as that
//! one lives, and whoever starts again hears of it from those that live, and hands it on. Only
//! members let others in: if all answered that they had not been in any group, none can come into
//! one later but by this founding. What this cannot see is a group all of whose members died before
//! one of them had told another one's next life: its state is gone, and the next one begins with
//! nothing (the group is in `memory` mode).

use std::collections::BTreeSet;

use machine::NodeId;

/// What a node has to find out when it begins.
#[derive(Debug, Default)]
pub struct Founding {
    /// Whether it is for this node to found the group.
    founds: bool,
    /// These have not answered yet.
    unanswered: BTreeSet<NodeId>,
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
        let unanswered: BTreeSet<_> = all.iter().copied().filter(|node| *node != me).collect();
        let founds = all.first() == Some(&me);
        match (founds, unanswered.is_empty()) {
            (true, true) => (Self::default(), Some(Step::Found)),
            (true, false) => (Self { founds, unanswered }, None),
            (false, _) => (Self { founds, unanswered }, Some(Step::Join)),
        }
    }

    /// Whom to ask.
    pub fn unanswered(&self) -> impl Iterator<Item = NodeId> {
        self.unanswered.iter().copied()
    }

    /// A node answered whether it has ever been in a group.
    pub fn answered(&mut self, from: NodeId, has_been: bool) -> Option<Step> {
        self.unanswered.remove(&from);
        let step = match (has_been, self.unanswered.is_empty()) {
            (true, _) => Step::Join,
            (false, true) => Step::Found,
            (false, false) => return None,
        };
        std::mem::take(&mut self.founds).then_some(step)
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
        assert_eq!(founding.answered(NodeId(3), false), None, "it joins already");
    }

    #[test]
    fn all_others_join_and_one_alone_founds() {
        let (mut founding, step) = Founding::begin(NodeId(2), &nodes());
        assert_eq!(step, Some(Step::Join));
        for other in [1, 3].map(NodeId) {
            assert_eq!(founding.answered(other, false), None, "it asks only to know");
        }
        assert_eq!(Founding::begin(NodeId(1), &[NodeId(1)].into()).1, Some(Step::Found));
    }
}
