//! One line of views: one membership for each number, the same at all members, and no member skips
//! a view.

use std::collections::BTreeMap;

use groupcast::group::{View, ViewId};
use machine::{Incarnation, NodeId};

/// Of each view who is in it, and who coordinates it.
#[derive(Debug, Default)]
pub(in crate::group) struct OneLine(BTreeMap<ViewId, (Vec<(NodeId, Incarnation)>, NodeId)>);

impl OneLine {
    pub fn installed(
        &mut self,
        node: NodeId,
        before: Option<ViewId>,
        view: &View,
    ) -> Result<(), String> {
        let members = view.members.iter().map(|member| (member.node, member.incarnation));
        let members: Vec<_> = members.collect();
        if view.position(node).is_none() || view.position(view.coordinator).is_none() {
            return Err(format!("{node} or the coordinator is not in the view {view:?}"));
        }
        if before.is_some_and(|before| {
            before.group != view.id.group || before.number + 1 != view.id.number
        }) {
            return Err(format!("{node} went from view {before:?} to {:?}", view.id));
        }
        let found = (members, view.coordinator);
        let known = self.0.entry(view.id).or_insert_with(|| found.clone());
        if *known == found {
            return Ok(());
        }
        Err(format!("{node} has view {:?} as {found:?}, another one as {known:?}", view.id))
    }

    /// The highest view of all, and its members.
    pub fn highest(&self) -> Option<(ViewId, &[(NodeId, Incarnation)])> {
        let by_number = self.0.iter().max_by_key(|(id, _)| id.number);
        by_number.map(|(id, (members, _))| (*id, &members[..]))
    }

    /// How many views there were.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
