//! View synchrony: members that go from one view to the same next one delivered the same messages
//! in it (Birman 1987). Views form one line, so that all who go on go to the same one.

use std::collections::BTreeMap;

use groupcast::group::ViewId;
use machine::NodeId;

use super::difference;
use crate::group::history::History;
use crate::group::message::MessageId;

#[derive(Debug, Default)]
pub(in crate::group) struct ViewSynchrony {
    /// Of each view that ended, what was delivered in it, sorted.
    ended: BTreeMap<ViewId, Vec<MessageId>>,
}

impl ViewSynchrony {
    pub fn passed(&mut self, history: &History, node: NodeId, view: ViewId) -> Result<(), String> {
        let mut delivered = history.of(node).in_view.clone();
        delivered.sort_unstable();
        let known = self.ended.entry(view).or_insert_with(|| delivered.clone());
        if *known == delivered {
            return Ok(());
        }
        let parted = difference(&delivered, known);
        Err(format!("in view {view:?} {node} and others delivered, sorted, {parted}"))
    }

    /// What those who went on delivered in a view that ended, sorted.
    pub fn ended(&self, view: ViewId) -> Option<&[MessageId]> {
        self.ended.get(&view).map(Vec::as_slice)
    }
}
