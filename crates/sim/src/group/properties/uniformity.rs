//! Uniformity of safe delivery: what any member delivered in a view, even one that crashed or was
//! removed after, all who go on to the next view have delivered in it.

use std::collections::{BTreeMap, BTreeSet};

use groupcast::group::{Delivery, ViewId};
use machine::NodeId;

use crate::group::history::History;
use crate::group::message::MessageId;

#[derive(Debug, Default)]
pub(in crate::group) struct Uniformity {
    /// Of each view, what any member delivered in it, and who was the first.
    by_anybody: BTreeMap<ViewId, BTreeMap<MessageId, NodeId>>,
}

impl Uniformity {
    /// `ended` is what those who went on delivered, sorted, if anybody has gone on.
    pub fn delivered(
        &mut self,
        history: &History,
        node: NodeId,
        id: MessageId,
        ended: Option<&[MessageId]>,
    ) -> Result<(), String> {
        let Some(view) = history.of(node).view.filter(|_| history.delivery == Delivery::Safe)
        else {
            return Ok(());
        };
        if ended.is_some_and(|ended| ended.binary_search(&id).is_err()) {
            return Err(format!("{node} delivered {id:?} in {view:?}, those who went on did not"));
        }
        self.by_anybody.entry(view).or_default().entry(id).or_insert(node);
        Ok(())
    }

    /// The first member goes on.
    pub fn passed(
        &mut self,
        view: ViewId,
        node: NodeId,
        ended: Option<&[MessageId]>,
    ) -> Result<(), String> {
        let ended: BTreeSet<_> = ended.unwrap_or_default().iter().collect();
        let by_anybody = self.by_anybody.remove(&view).unwrap_or_default();
        let lost = by_anybody.into_iter().find(|(id, _)| !ended.contains(id));
        match lost {
            None => Ok(()),
            Some((id, by)) => {
                Err(format!("{by} delivered {id:?} in {view:?}, {node} went on without it"))
            }
        }
    }
}
