//! The state of the application on its way to members that have just come in.
//!
//! ```text
//!   coordinator    StateWanted to its application, behind the last message of the view before
//!   new member     WantState {view, offset}   again and again, until it has all
//!   coordinator    State {view, total, offset, part}
//! ```
//!
//! A new member takes part in the view at once: it holds messages, acknowledges and votes. It
//! delivers nothing before it has the state, which is that of the view's beginning; if the view
//! ends first, it begins again with the next one. Why that is safe: a view lets in at most as many
//! members without state as there are with it, and no change of views counts without a member that
//! has it.

use std::collections::BTreeSet;

use bytes::Bytes;
use machine::{Context, NodeId};

use super::message::Message;
use super::settings::STATE_BYTES_MAX;
use super::view::ViewId;
use super::{Group, Report};

/// How much of the state travels at once.
const PART_BYTES_MAX: usize = 256 << 10;

/// A state on its way: at the coordinator out, at a new member in.
#[derive(Debug, Clone, Default)]
pub(super) struct Transfer {
    /// The application's answer.
    state: Option<Bytes>,
    /// Who asked before it was there.
    waiting: BTreeSet<NodeId>,
    received: Vec<u8>,
}

impl Group {
    /// The application gave its state.
    pub(super) fn state_given(&mut self, view: ViewId, state: Bytes, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        if inside.view.id != view || state.len() > STATE_BYTES_MAX {
            return;
        }
        inside.transfer.state = Some(state);
        for node in std::mem::take(&mut inside.transfer.waiting) {
            self.send_state(node, view, 0, cx);
        }
    }

    /// A new member asks for the state from `offset` on.
    pub(super) fn state_wanted(
        &mut self,
        from: NodeId,
        view: ViewId,
        offset: u64,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(inside) = self.inside() else { return };
        if inside.view.id != view || inside.view.member(from).is_none() {
            return;
        }
        if inside.transfer.state.is_none() {
            inside.transfer.waiting.insert(from);
        } else {
            self.send_state(from, view, offset, cx);
        }
    }

    fn send_state(&mut self, to: NodeId, view: ViewId, offset: u64, cx: &mut Context<'_, Self>) {
        let Some(state) = self.inside().and_then(|inside| inside.transfer.state.clone()) else {
            return;
        };
        let total_bytes = state.len() as u64;
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(state.len());
        let part = state.slice(start..state.len().min(start.saturating_add(PART_BYTES_MAX)));
        let body = Message::State { view, total_bytes, offset: start as u64, part };
        self.send(to, body, cx);
    }

    /// Asks the coordinator for what is still missing of the state.
    pub(super) fn want_state(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        if inside.has_state || inside.promised.is_some() {
            return;
        }
        let (to, view) = (inside.view.coordinator, inside.view.id);
        let offset = inside.transfer.received.len() as u64;
        self.send(to, Message::WantState(view, offset), cx);
        self.set_repair(cx);
    }

    /// A part of the state came.
    pub(super) fn state_came(
        &mut self,
        view: ViewId,
        total_bytes: u64,
        offset: u64,
        part: &Bytes,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(inside) = self.inside() else { return };
        let received = &mut inside.transfer.received;
        let is_next = inside.view.id == view
            && !inside.has_state
            && inside.promised.is_none()
            && offset == received.len() as u64
            && total_bytes <= STATE_BYTES_MAX as u64
            && offset.saturating_add(part.len() as u64) <= total_bytes;
        if !is_next {
            return;
        }
        received.extend_from_slice(part);
        if (received.len() as u64) < total_bytes {
            return self.want_state(cx);
        }
        let state = Bytes::from(std::mem::take(received));
        inside.has_state = true;
        inside.traffic.delivers = true;
        let view = inside.view.clone();
        cx.report(Report::State(state));
        cx.report(Report::View(view));
        self.heartbeat(cx);
        self.set_flush(cx);
    }

    /// A member has the state now: others may be let in.
    pub(super) fn has_state(&mut self, position: usize, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        inside.view.members[position].has_state = true;
        if inside.view.members.iter().all(|member| member.has_state) {
            inside.transfer = Transfer::default();
        }
        self.consider(cx);
    }
}
