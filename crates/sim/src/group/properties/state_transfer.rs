//! State transfer: all who are in a view began it with the same log: those who were in the view
//! before by what they delivered, new members by the state that they were given.

use std::collections::BTreeMap;

use groupcast::group::ViewId;
use machine::NodeId;

use crate::group::history::History;

#[derive(Debug, Default)]
pub(in crate::group) struct StateTransfer(BTreeMap<ViewId, (u64, usize, NodeId)>);

impl StateTransfer {
    pub fn began(&mut self, history: &History, node: NodeId, view: ViewId) -> Result<(), String> {
        let member = history.of(node);
        if !history.transfers_state {
            return Ok(());
        }
        let (length, digest) = (member.log.len(), member.digest);
        let known = self.0.entry(view).or_insert((digest, length, node));
        if (known.0, known.1) == (digest, length) {
            return Ok(());
        }
        let (length_there, other) = (known.1, known.2);
        Err(format!(
            "{node} began view {view:?} with {length} messages, {other} with {length_there}, \
             which are not the same"
        ))
    }
}
