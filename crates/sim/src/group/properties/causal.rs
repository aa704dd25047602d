//! Causal order: a message after all that its sender had delivered before it sent it. Safe total
//! orders keep it too; under agreed ones the cause may be lost together with all that delivered it.

use groupcast::group::{Delivery, Order};
use machine::NodeId;

use crate::group::history::History;
use crate::group::message::MessageId;

pub(in crate::group) fn check(
    history: &History,
    node: NodeId,
    id: MessageId,
) -> Result<(), String> {
    let keeps = match history.order {
        Order::Fifo => false,
        Order::Causal => true,
        Order::Sequencer | Order::Lamport => history.delivery == Delivery::Safe,
    };
    let Some(sent) = history.sent(id).filter(|_| keeps && history.transfers_state) else {
        return Ok(());
    };
    let has = &history.of(node).next;
    let lacking = sent.after.iter().zip(has).position(|(after, has)| has < after);
    match lacking {
        None => Ok(()),
        Some(other) => Err(format!(
            "{node} delivered {id:?} and of {other} what is before {}, the sender what is before {}",
            has[other], sent.after[other]
        )),
    }
}
