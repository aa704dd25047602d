//! The end of a view and the beginning of the next.

use std::collections::BTreeMap;

use bytes::Bytes;
use machine::{Context, NodeId};

use super::inside::{Inside, Role};
use super::marks;
use super::message::{Joiner, Message};
use super::traffic::Traffic;
use super::view::{Proposal, View, ViewId};
use super::{Alarm, Group, Order, Report, Standing};

/// What a member takes from one view into the next.
#[derive(Default)]
pub(super) struct Carried {
    pub joiners: BTreeMap<NodeId, Joiner>,
    /// The view before, and how it ended.
    pub before: Option<(ViewId, Proposal)>,
    /// What was held in it.
    pub traffic: Option<Traffic>,
    /// This member's messages that nobody delivered in it.
    pub messages: Vec<Bytes>,
    pub is_leaving: bool,
}

impl Group {
    /// At the member that led the change: a majority accepted.
    pub(super) fn decide(&mut self, proposal: Proposal, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Some(inside) = self.inside() else { return };
        let ended = inside.view.id;
        // Whoever is left out hears it too.
        let mut to: Vec<NodeId> = inside.others.clone();
        to.extend(
            proposal.view.nodes().filter(|node| *node != me && !inside.others.contains(node)),
        );
        self.send_many(to, Message::Install(ended, proposal.clone()), cx);
        self.install_came(ended, proposal, cx);
    }

    /// A view has ended, and this one follows.
    pub(super) fn install_came(
        &mut self,
        ended: ViewId,
        proposal: Proposal,
        cx: &mut Context<'_, Self>,
    ) {
        let me = self.settings.me;
        let is_in = self.is_in(&proposal.view);
        match &self.standing {
            Standing::Outside => {}
            Standing::Joining(_) => {
                if let Some(member) = proposal.view.member(me)
                    && is_in
                {
                    let has_state = member.has_state;
                    let before = Some((ended, proposal.clone()));
                    let carried = Carried { before, ..Carried::default() };
                    self.begin(proposal.view, has_state, carried, cx);
                }
            }
            Standing::Inside(inside) if inside.view.id == ended => {
                let has_all = inside.traffic.has_all(&proposal.cut);
                self.ended = (!is_in).then(|| (ended, proposal.clone()));
                match (is_in, has_all) {
                    (true, true) => self.pass(proposal, cx),
                    (true, false) => self.catch_up(proposal, cx),
                    (false, true) if inside.is_leaving => {
                        let unsettled = self.finish(&proposal, cx);
                        self.left(unsettled, cx);
                    }
                    (false, _) => {
                        cx.mark(marks::LEFT_OUT);
                        self.excluded(cx);
                    }
                }
            }
            Standing::Inside(inside) => {
                let mine = inside.view.id;
                if mine.group == ended.group && mine < ended && self.early.is_empty() {
                    cx.mark(marks::FAR_BEHIND);
                    self.send(proposal.view.coordinator, Message::Behind(mine), cx);
                }
            }
        }
    }

    /// Whether a view means this node as it is now. One that is joining has held nothing since it
    /// stepped out, so that it may be let in under any name that it has asked under since: a
    /// request may be late, and the view that lets it in counts on it.
    fn is_in(&self, view: &View) -> bool {
        let me = self.settings.me;
        let Some(name) = view.member(me).map(|member| member.incarnation) else { return false };
        if let Standing::Inside(inside) = &self.standing {
            return inside.view.has(me, name);
        }
        let is_own = self.settings.incarnation <= name && name <= self.incarnation;
        // In the view that follows the last one it may still be what it was there.
        let is_new = self.last.is_none_or(|(last, old)| {
            last.group != view.id.group
                || view.id.number > last.number + 1
                || view.id.number > last.number && name > old
        });
        is_own && is_new
    }

    /// The next view is decided, but something before its cut is missing here: the other members
    /// have it. The next view counts on this member, so that it may not just give up.
    fn catch_up(&mut self, proposal: Proposal, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        if inside.decided.is_none() {
            cx.mark(marks::CAUGHT_UP);
            inside.traffic.freeze();
            inside.role = Role::Quiet;
            inside.pending = None;
            inside.decided = Some((proposal, 0));
            self.fetch_rest(cx);
        }
    }

    /// Asks the members of the next view, one after another, for what is missing.
    pub(super) fn fetch_rest(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Some(inside) = self.inside() else { return };
        let Some((proposal, times)) = &mut inside.decided else { return };
        let others: Vec<_> = proposal.view.nodes().filter(|&node| node != me).collect();
        let missing = inside.traffic.missing(&proposal.cut);
        let body = Message::Fetch(inside.view.id, proposal.view.epoch, missing);
        let to = others.get(*times % others.len().max(1)).copied();
        *times += 1;
        if let Some(to) = to {
            self.send(to, body, cx);
        }
        self.set_repair(cx);
    }

    /// Something came of what was missing.
    pub(super) fn rest_came(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let Some((proposal, _)) = &inside.decided else { return };
        if inside.traffic.has_all(&proposal.cut) {
            let proposal = proposal.clone();
            self.pass(proposal, cx);
        } else {
            self.fetch_rest(cx);
        }
    }

    /// Goes from the present view to the next.
    fn pass(&mut self, proposal: Proposal, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        #[cfg_attr(not(feature = "planted"), expect(unused_mut, reason = "only a planted bug"))]
        let mut messages = self.finish(&proposal, cx);
        #[cfg(feature = "planted")]
        if self.settings.planted == Some(super::Planted::NotSentAgain) {
            messages.clear();
        }
        let Standing::Inside(inside) = std::mem::replace(&mut self.standing, Standing::Outside)
        else {
            return;
        };
        let Inside { view: old, joiners, is_leaving, has_state, traffic, .. } = *inside;
        let view = proposal.view.clone();
        let joiners = joiners.into_iter().filter(|(node, joiner)| {
            view.coordinator == me && !view.has(*node, joiner.incarnation)
        });
        let joiners = joiners.collect();
        let before = Some((old.id, proposal));
        let carried = Carried { joiners, before, traffic: Some(traffic), messages, is_leaving };
        self.begin(view, has_state, carried, cx);
    }

    /// Delivers what is left of the view; this member's messages that nobody delivered.
    fn finish(&mut self, proposal: &Proposal, cx: &mut Context<'_, Self>) -> Vec<Bytes> {
        let Some(inside) = self.inside() else { return Vec::new() };
        let coordinator = inside.view.coordinator;
        let (delivered, unsettled) = inside.traffic.clone().finish(&proposal.cut);
        if !delivered.is_empty() {
            cx.mark(marks::DELIVERED_AT_THE_END);
            let is_lost = !proposal.view.nodes().any(|node| node == coordinator);
            if is_lost && self.settings.order == Order::Sequencer {
                cx.mark(marks::SEQUENCER_LOST);
            }
        }
        self.report_delivered(delivered, cx);
        unsettled
    }

    /// Begins a view.
    pub(super) fn begin(
        &mut self,
        view: View,
        has_state: bool,
        carried: Carried,
        cx: &mut Context<'_, Self>,
    ) {
        let Some(mut inside) = Inside::new(view.clone(), &self.settings, has_state) else { return };
        inside.joiners = carried.joiners;
        inside.before = carried.before;
        inside.is_leaving = carried.is_leaving;
        inside.unheard = inside.others.iter().copied().collect();
        inside.traffic_before = carried.traffic.filter(|_| !inside.unheard.is_empty());
        if !carried.messages.is_empty() {
            cx.mark(marks::SENT_AGAIN);
        }
        for message in carried.messages {
            inside.traffic.send(message);
        }
        self.standing = Standing::Inside(Box::new(inside));
        self.highest = self.highest.max(view.epoch);
        self.counts.views += 1;
        cx.clear(Alarm::Join);
        cx.clear(Alarm::Candidate);
        self.introduce(&view, cx);
        let (id, is_mine) = (view.id, view.coordinator == self.settings.me);
        let state_wanted = view.members.iter().any(|member| !member.has_state);
        if has_state {
            cx.report(Report::View(view));
        }
        if is_mine && has_state && state_wanted {
            cx.report(Report::StateWanted(id));
        }
        cx.set(Alarm::Beat, self.settings.heartbeat_period);
        self.beat_due = cx.now + self.settings.heartbeat_period;
        self.set_flush(cx);
        self.want_state(cx);
        let early = std::mem::take(&mut self.early);
        if !early.is_empty() {
            cx.mark(marks::EARLY);
        }
        for (from, body) in early {
            let input = machine::Input::Message { from, body };
            machine::Machine::handle(self, input, cx);
        }
        self.consider(cx);
    }

    /// Tells the host where the members are.
    pub(super) fn introduce(&mut self, view: &View, cx: &mut Context<'_, Self>) {
        for member in &view.members {
            self.meet(member.node, &member.address, cx);
        }
    }

    /// At the coordinator: notes who does not get on, though others have.
    pub(super) fn look_for_stalled(&mut self, cx: &mut Context<'_, Self>) {
        let Some(inside) = self.inside() else { return };
        let behind = inside.traffic.behind();
        let nodes: BTreeMap<NodeId, u64> = behind
            .into_iter()
            .map(|(position, held)| (inside.view.members[position].node, held))
            .collect();
        inside.stalled.retain(|node, (held, _)| nodes.get(node) == Some(held));
        for (node, held) in nodes {
            inside.stalled.entry(node).or_insert((held, cx.now));
        }
    }

    /// At the coordinator: whether a member holds up the others for too long. It is suspected.
    pub(super) fn has_stalled(&mut self, cx: &mut Context<'_, Self>) -> bool {
        let limit = self.settings.stall_limit;
        let Some(inside) = self.inside() else { return false };
        let late = inside.stalled.iter().filter(|(_, (_, since))| cx.now.since(*since) >= limit);
        let late: Vec<_> = late.map(|(node, _)| *node).collect();
        if !late.is_empty() {
            cx.mark(marks::STALLED);
        }
        inside.leavers.extend(&late);
        !late.is_empty()
    }
}
