//! The change of views, at the members that are asked.

use machine::{Context, Epoch, NodeId};

use super::inside::Role;
use super::marks;
use super::message::{Message, Pack};
use super::view::Proposal;
use super::{Alarm, Group};

impl Group {
    /// A candidate asks for the promise of an epoch.
    pub(super) fn prepare_asked(&mut self, from: NodeId, epoch: Epoch, cx: &mut Context<'_, Self>) {
        if !self.promise_epoch(from, epoch, cx) {
            return;
        }
        #[cfg(feature = "planted")]
        let planted = self.settings.planted;
        if let Some(inside) = self.inside() {
            #[cfg(feature = "planted")]
            if planted == Some(super::Planted::AcceptedForgotten) {
                inside.accepted = None;
            }
            let body = Message::Promised(inside.view.id, epoch, inside.promise());
            self.send(from, body, cx);
        }
    }

    /// Promises an epoch, unless a higher one is promised (SAFETY S1).
    fn promise_epoch(&mut self, from: NodeId, epoch: Epoch, cx: &mut Context<'_, Self>) -> bool {
        let patience = self.settings.flush_limit * 2;
        let Some(inside) = self.inside() else { return false };
        let view = inside.view.id;
        let promised = inside.promised.map_or(inside.view.epoch, |(epoch, _)| epoch);
        if promised > epoch || epoch.node != from {
            self.send(from, Message::Reject(view, promised), cx);
            return false;
        }
        if promised < epoch {
            if inside.promised.is_some() {
                cx.mark(marks::PROMISED_AGAIN);
            }
            inside.promised = Some((epoch, cx.now));
            inside.traffic.freeze();
            inside.role = Role::Quiet;
            inside.pending = None;
            inside.doubtful_since = None;
            self.highest = self.highest.max(epoch);
            cx.set(Alarm::Candidate, patience);
        }
        inside_is_frozen(self, epoch)
    }

    /// A candidate proposes the next view.
    pub(super) fn proposed(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        proposal: Proposal,
        cx: &mut Context<'_, Self>,
    ) {
        let fits = self.inside().is_some_and(|inside| {
            proposal.cut.len() == inside.traffic.held().len()
                && proposal.view.id.group == inside.view.id.group
                && proposal.view.id.number == inside.view.id.number + 1
                && proposal.view.members.len() <= super::MEMBERS_MAX
        });
        if !fits || !self.promise_epoch(from, epoch, cx) {
            return;
        }
        self.introduce(&proposal.view, cx);
        if let Some(inside) = self.inside() {
            inside.pending = Some((epoch, proposal, from));
            self.accept_pending(cx);
        }
    }

    /// Accepts what was proposed once all before the cut is held; asks for the rest.
    pub(super) fn accept_pending(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let Some((epoch, proposal, from)) = &inside.pending else { return };
        let (epoch, from, view) = (*epoch, *from, inside.view.id);
        let missing = inside.traffic.missing(&proposal.cut);
        if missing.is_empty() {
            inside.accepted = Some((epoch, proposal.clone()));
            self.send(from, Message::Accepted(view, epoch), cx);
        } else {
            cx.mark(marks::ACCEPTOR_LACKED);
            self.send(from, Message::Fetch(view, epoch, missing), cx);
        }
        self.set_repair(cx);
    }

    /// A member lacks something before the cut. What is held stays the same once an epoch is
    /// promised, whichever it is.
    pub(super) fn fetched(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        missing: &[(u16, u64)],
        cx: &mut Context<'_, Self>,
    ) {
        if let Some(inside) = self.inside()
            && inside.promised.is_some()
        {
            let view = inside.view.id;
            for packs in inside.traffic.supply(missing) {
                self.send(from, Message::Supply(view, epoch, packs), cx);
            }
        }
    }

    /// What this member lacked.
    pub(super) fn supplied(&mut self, epoch: Epoch, packs: Vec<Pack>, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        if inside.decided.is_some() {
            let before = inside.traffic.held();
            inside.traffic.take(packs, false);
            if inside.traffic.held() != before {
                self.rest_came(cx);
            }
            return;
        }
        if inside.promised.is_none_or(|(promised, _)| promised != epoch) {
            return;
        }
        inside.traffic.take(packs, false);
        if inside.pending.is_some() {
            self.accept_pending(cx);
        } else {
            self.advance(cx);
        }
    }
}

fn inside_is_frozen(group: &mut Group, epoch: Epoch) -> bool {
    let promised = group.inside().and_then(|inside| inside.promised);
    promised.is_some_and(|(promised, _)| promised == epoch)
}
