//! FIFO: the messages of one sender in the order sent, and none left out. Only what a sender sent
//! before it crashed or was removed may be missing.

use machine::NodeId;

use crate::group::history::History;
use crate::group::message::MessageId;

pub(in crate::group) fn check(
    history: &History,
    node: NodeId,
    id: MessageId,
) -> Result<(), String> {
    let next = history.of(node).next[id.sender as usize];
    if id.number < next {
        return Err(format!("{node} delivered {id:?} after the one before {next}"));
    }
    // Without the others' state, a member begins somewhere.
    if next == 0 && !history.transfers_state {
        return Ok(());
    }
    let stay = history.sent(id).map_or(0, |sent| sent.stay);
    let left_out = (next..id.number).map(|number| MessageId { number, ..id });
    let mut left_out = left_out.filter(|id| history.sent(*id).is_some_and(|one| one.stay == stay));
    match left_out.next() {
        None => Ok(()),
        Some(missing) => Err(format!("{node} delivered {id:?} without {missing:?}")),
    }
}
