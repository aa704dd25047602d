//! Integrity: a message is delivered at most once, only if its sender sent it, whole and unchanged,
//! and only in a view that has the sender as a member.

use machine::NodeId;

use crate::group::history::History;
use crate::group::message::MessageId;

pub(in crate::group) fn check(
    history: &History,
    node: NodeId,
    sender: NodeId,
    message: &[u8],
) -> Result<MessageId, String> {
    let Some(id) = MessageId::from_message(message) else {
        return Err(format!("{node} delivered {} bytes that nobody sent", message.len()));
    };
    let member = history.of(node);
    let Some(sent) = history.sent(id) else {
        return Err(format!("{node} delivered {id:?}, which nobody sent"));
    };
    if id.sender != sender.0 || sent.length_bytes != message.len() {
        let length = message.len();
        return Err(format!("{node} delivered {id:?} as {length} bytes from {sender}"));
    }
    if member.view.is_none() {
        return Err(format!("{node} delivered {id:?} outside of any view"));
    }
    // Numbers only rise in a log, unless FIFO is broken.
    if id.number < member.next[id.sender as usize] && member.log.contains(&id) {
        return Err(format!("{node} delivered {id:?} twice"));
    }
    Ok(id)
}
