//! The properties of group communication, judged as reports come. One file each, named as in the
//! literature (Chockler, Keidar, Vitenberg 2001; Défago, Schiper, Urbán 2004).

mod causal;
mod fifo;
mod integrity;
mod one_line;
mod state_transfer;
mod total_order;
mod uniformity;
mod validity;
mod view_synchrony;

pub(super) use causal::check as causal;
pub(super) use fifo::check as fifo;
pub(super) use integrity::check as integrity;
pub(super) use one_line::OneLine;
pub(super) use state_transfer::StateTransfer;
pub(super) use total_order::TotalOrder;
pub(super) use uniformity::Uniformity;
pub(super) use validity::{all_delivered, handed_back, left};
pub(super) use view_synchrony::ViewSynchrony;

use super::message::MessageId;

/// Where two sequences part, for evidence.
fn difference(one: &[MessageId], other: &[MessageId]) -> String {
    let common = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let from = |ids: &[MessageId]| {
        let shown: Vec<_> = ids[common..].iter().take(6).collect();
        format!("{shown:?} of {}", ids.len())
    };
    format!("from the {common}th on {} and {}", from(one), from(other))
}
