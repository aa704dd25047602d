//! Total order: in each view one sequence, of which every member delivers a prefix, and all of it
//! who go on to the next view. Under agreed delivery it binds only those who go on.

use std::collections::BTreeMap;

use groupcast::group::{Delivery, ViewId};
use machine::NodeId;

use super::difference;
use crate::group::history::History;
use crate::group::message::MessageId;

#[derive(Debug, Default)]
pub(in crate::group) struct TotalOrder {
    /// Of each view, the sequence so far.
    sequences: BTreeMap<ViewId, Vec<MessageId>>,
}

impl TotalOrder {
    /// Before the message enters the member's log.
    pub fn delivered(
        &mut self,
        history: &History,
        node: NodeId,
        id: MessageId,
    ) -> Result<(), String> {
        let member = history.of(node);
        let Some(view) =
            member.view.filter(|_| history.order.is_total() && history.delivery == Delivery::Safe)
        else {
            return Ok(());
        };
        let sequence = self.sequences.entry(view).or_default();
        let position = member.in_view.len();
        match sequence.get(position) {
            None => sequence.push(id),
            Some(known) if *known == id => {}
            Some(known) => {
                let text = format!("{node} delivered {id:?} in view {view:?} as the {position}th");
                return Err(format!("{text}, and another member {known:?}"));
            }
        }
        Ok(())
    }

    /// A member goes on to the next view.
    pub fn passed(&mut self, history: &History, node: NodeId, view: ViewId) -> Result<(), String> {
        let in_view = &history.of(node).in_view;
        if !history.order.is_total() || history.delivery == Delivery::Safe {
            return Ok(());
        }
        let sequence = self.sequences.entry(view).or_insert_with(|| in_view.clone());
        if sequence == in_view {
            return Ok(());
        }
        Err(format!("in view {view:?} {node} and others: {}", difference(in_view, sequence)))
    }
}
