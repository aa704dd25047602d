//! Validity: what a member that stays sends is delivered; when it does not stay, what it has not
//! delivered itself is handed back, exactly and in order.

use bytes::Bytes;
use machine::NodeId;

use super::difference;
use crate::group::history::History;
use crate::group::message::MessageId;

/// A member is removed, and these messages are handed back.
pub(in crate::group) fn handed_back(
    history: &History,
    node: NodeId,
    messages: &[Bytes],
) -> Result<(), String> {
    let ids: Option<Vec<_>> = messages.iter().map(|one| MessageId::from_message(one)).collect();
    let Some(ids) = ids else {
        return Err(format!("{node} was handed back what it did not send"));
    };
    let open = history.open(node);
    if ids == open {
        return Ok(());
    }
    Err(format!("{node} was handed back {}", difference(&ids, &open)))
}

/// A member has left.
pub(in crate::group) fn left(history: &History, node: NodeId) -> Result<(), String> {
    match history.open(node).first() {
        None => Ok(()),
        Some(id) => Err(format!("{node} left, and {id:?} was neither delivered nor handed back")),
    }
}

/// All faults are over for long: nothing is open any more.
pub(in crate::group) fn all_delivered(history: &History, node: NodeId) -> Result<(), String> {
    match history.open(node).first() {
        None => Ok(()),
        Some(id) => Err(format!("{id:?} was not delivered, though {node} stayed")),
    }
}
