//! Coming in and going out.

use std::collections::BTreeSet;

use bytes::Bytes;
use machine::{Context, Epoch, NodeId};

use super::install::Carried;
use super::message::{Joiner, Message};
use super::view::{Member, View, ViewId};
use super::{ADDRESS_BYTES_MAX, Alarm, Group, JOINERS_MAX, Report, Standing};
use crate::detector::Health;

impl Group {
    /// Begins a group.
    pub(super) fn found(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let messages = match std::mem::replace(&mut self.standing, Standing::Outside) {
            Standing::Inside(inside) => inside.traffic.unsettled(),
            Standing::Outside | Standing::Joining(_) => Vec::new(),
        };
        self.highest = self.highest.next(me);
        let member = Member {
            node: me,
            incarnation: self.incarnation,
            address: self.settings.address.clone(),
            has_state: true,
        };
        let view = View {
            id: ViewId { group: cx.random.next_u64(), number: 1 },
            epoch: self.highest,
            members: vec![member],
            coordinator: me,
        };
        self.begin(view, true, Carried { messages, ..Carried::default() }, cx);
    }

    /// Asks to be let in.
    pub(super) fn join(&mut self, contacts: BTreeSet<NodeId>, cx: &mut Context<'_, Self>) {
        if self.inside().is_some() {
            return;
        }
        self.standing = Standing::Joining(contacts);
        self.ask_to_join(cx);
    }

    pub(super) fn ask_to_join(&mut self, cx: &mut Context<'_, Self>) {
        let Standing::Joining(contacts) = &self.standing else { return };
        let me = self.settings.me;
        let contacts: Vec<_> = contacts.iter().copied().filter(|&node| node != me).collect();
        self.send_many(contacts, Message::Join(self.joiner()), cx);
        cx.set(Alarm::Join, self.settings.heartbeat_period);
    }

    fn joiner(&self) -> Joiner {
        Joiner {
            node: self.settings.me,
            incarnation: self.incarnation,
            address: self.settings.address.clone(),
        }
    }

    /// A member takes this node for another one. It may have been let in without having heard of
    /// it, by a view of which none of those is a member that it asks: so it asks this one too.
    pub(super) fn counted_on(&mut self, by: NodeId, cx: &mut Context<'_, Self>) {
        if matches!(self.standing, Standing::Joining(_)) {
            self.send(by, Message::Join(self.joiner()), cx);
        }
    }

    /// Somebody wants to be let in.
    pub(super) fn join_asked(&mut self, from: NodeId, joiner: Joiner, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        if joiner.address.len() > ADDRESS_BYTES_MAX || joiner.node == me {
            return;
        }
        let Some(inside) = self.inside() else { return };
        if let Some(member) = inside.view.member(joiner.node) {
            if member.incarnation > joiner.incarnation {
                return;
            }
            // It may be in and not have heard of it.
            let is_in = member.incarnation == joiner.incarnation;
            if let Some((view, proposal)) = inside.before.clone() {
                self.send(joiner.node, Message::Install(view, proposal), cx);
            }
            if is_in {
                return;
            }
        }
        let Some(inside) = self.inside() else { return };
        let coordinator = inside.view.coordinator;
        // A new life of a member says that the old one is gone, which concerns everybody.
        let is_member = inside.view.position(joiner.node).is_some();
        if coordinator == me || is_member {
            let is_older = |known: &Joiner| known.incarnation > joiner.incarnation;
            if inside.joiners.get(&joiner.node).is_some_and(is_older)
                || inside.joiners.len() >= JOINERS_MAX && !inside.joiners.contains_key(&joiner.node)
            {
                return;
            }
            inside.joiners.insert(joiner.node, joiner.clone());
            self.meet(joiner.node, &joiner.address, cx);
            self.consider(cx);
        }
        if coordinator != me && from == joiner.node {
            self.send(coordinator, Message::Join(joiner), cx);
        } else if coordinator == me && from != joiner.node {
            // It has to be heard by the one who lets it in.
            self.send(joiner.node, Message::AskMe, cx);
        }
    }

    /// The coordinator of a group wants to be asked by the joiner itself.
    pub(super) fn told_to_ask(&mut self, coordinator: NodeId, cx: &mut Context<'_, Self>) {
        if let Standing::Joining(contacts) = &mut self.standing
            && contacts.len() < JOINERS_MAX
            && contacts.insert(coordinator)
        {
            self.ask_to_join(cx);
        }
    }

    /// Tells the host where a node is, once.
    pub(super) fn meet(&mut self, node: NodeId, address: &str, cx: &mut Context<'_, Self>) {
        if node == self.settings.me || address.is_empty() || address.len() > ADDRESS_BYTES_MAX {
            return;
        }
        if self.met.get(&node).is_none_or(|known| known != address) {
            self.met.insert(node, address.to_owned());
            cx.report(Report::Meet(node, address.to_owned()));
        }
    }

    /// Those that can be let in now.
    pub(super) fn admissible(&mut self, cx: &Context<'_, Self>) -> Vec<Joiner> {
        let (transfers_state, now) = (self.settings.transfers_state, cx.now);
        let detector = &self.detector;
        let Standing::Inside(inside) = &self.standing else { return Vec::new() };
        let room = match transfers_state {
            true => inside.room_for_joiners(),
            false => super::MEMBERS_MAX.saturating_sub(inside.view.members.len()),
        };
        let is_there = |joiner: &&Joiner| detector.health(joiner.node, now) == Health::Alive;
        inside.joiners.values().filter(is_there).take(room).cloned().collect()
    }

    /// Leaves, once all own messages are delivered.
    pub(super) fn leave(&mut self, cx: &mut Context<'_, Self>) {
        match &mut self.standing {
            Standing::Outside => {}
            Standing::Joining(_) => self.left(Vec::new(), cx),
            Standing::Inside(inside) if inside.others.is_empty() => {
                let unsettled = inside.traffic.clone().unsettled();
                self.left(unsettled, cx);
            }
            Standing::Inside(inside) => {
                inside.is_leaving = true;
                self.ask_to_leave(cx);
            }
        }
    }

    /// Tells the coordinator, or acts as the coordinator.
    pub(super) fn ask_to_leave(&mut self, cx: &mut Context<'_, Self>) {
        let me = self.settings.me;
        let Some(inside) = self.inside() else { return };
        if inside.is_leaving && inside.traffic.is_settled() && inside.promised.is_none() {
            let (coordinator, view) = (inside.view.coordinator, inside.view.id);
            if coordinator == me {
                self.consider(cx);
            } else {
                let incarnation = inside.view.member(me).map(|member| member.incarnation);
                let incarnation = incarnation.unwrap_or_default();
                self.send(coordinator, Message::Leave(view, incarnation), cx);
            }
        }
        self.set_repair(cx);
    }

    /// A member wants to go.
    pub(super) fn leave_asked(&mut self, from: NodeId, cx: &mut Context<'_, Self>) {
        if let Some(inside) = self.inside() {
            inside.leavers.insert(from);
            self.consider(cx);
        }
    }

    /// This node is a member no more, as it wished. If it was removed before its messages were
    /// delivered, they are handed back.
    pub(super) fn left(&mut self, unsettled: Vec<Bytes>, cx: &mut Context<'_, Self>) {
        self.step_out(cx);
        if !unsettled.is_empty() {
            cx.report(Report::Removed(unsettled));
        }
        cx.report(Report::Left);
    }

    /// This node is a member no more.
    pub(super) fn excluded(&mut self, cx: &mut Context<'_, Self>) {
        let Standing::Inside(inside) = &self.standing else { return };
        let unsettled = inside.traffic.clone().unsettled();
        if inside.is_leaving {
            return self.left(unsettled, cx);
        }
        let contacts: BTreeSet<_> = inside.others.iter().copied().collect();
        self.step_out(cx);
        cx.report(Report::Removed(unsettled));
        if self.settings.rejoins {
            self.join(contacts, cx);
        }
    }

    fn step_out(&mut self, cx: &mut Context<'_, Self>) {
        let old = std::mem::replace(&mut self.standing, Standing::Outside);
        // What it held is forgotten: it comes back as another member. One that was still joining
        // has held nothing, and may have been let in without having heard of it. So may one that
        // was let in by a late request, under an older name than it asks under since: it keeps that
        // name, for to ask under a newer one would remove it from the view that has let it in.
        if let Standing::Inside(inside) = old
            && let Some(member) = inside.view.member(self.settings.me)
        {
            self.last = Some((inside.view.id, member.incarnation));
            self.incarnation = self.incarnation.max(member.incarnation.next());
        }
        self.early.clear();
        self.highest = Epoch::ZERO;
        for alarm in [Alarm::Beat, Alarm::Repair, Alarm::Candidate, Alarm::Join] {
            cx.clear(alarm);
        }
        self.is_repair_set = false;
    }
}
