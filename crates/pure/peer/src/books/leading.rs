//! What a trader does with its market: each fact goes to the books that it concerns, in order,
//! and is true when all have it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{After, Context, Destination, Epoch, NodeId};
use market::{Act, BadPart, Entry, Kernel, Party, RequestId};

use super::claiming::{Gathering, Incoming};
use super::message::{Fact, FactId, Item, Message};
use super::progress::Keeper;
use super::{Admission, Alarm, Books, Report, Ticket};

/// How many messages' worth of items are under way to one keeper at once.
const MESSAGES_MAX: u64 = 8;

/// What a node does beside keeping its book.
#[derive(Debug, Clone)]
pub(super) enum Side {
    Idle,
    Gathering(Gathering),
    Leading(Box<Leader>),
}

/// A trader.
#[derive(Debug, Clone)]
pub(super) struct Leader {
    pub epoch: Epoch,
    pub sum: Kernel,
    pub incoming: Incoming,
    pub keepers: BTreeMap<NodeId, Keeper>,
    /// Facts of earlier epochs of which it is not known whether they are true.
    pub undecided: BTreeMap<FactId, Fact>,
    /// Facts of this epoch that are not yet true.
    open: BTreeMap<u64, Open>,
    by_request: BTreeMap<RequestId, u64>,
    /// How many facts there were.
    facts: u64,
    away: BTreeSet<NodeId>,
    pub misfit: Option<BadPart>,
}

#[derive(Debug, Clone)]
struct Open {
    request: RequestId,
    concerned: Vec<NodeId>,
    missing: BTreeSet<NodeId>,
}

/// The node behind a party.
fn node(party: Party) -> Option<NodeId> {
    u32::try_from(party.0).ok().map(NodeId)
}

pub(super) fn nodes(parties: &[Party]) -> Vec<NodeId> {
    parties.iter().filter_map(|party| node(*party)).collect()
}

impl Leader {
    pub fn new(epoch: Epoch, founding: Kernel, incoming: Incoming) -> Self {
        Self {
            epoch,
            sum: founding,
            incoming,
            keepers: BTreeMap::new(),
            undecided: BTreeMap::new(),
            open: BTreeMap::new(),
            by_request: BTreeMap::new(),
            facts: 0,
            away: BTreeSet::new(),
            misfit: None,
        }
    }

    pub fn market(&self) -> &Kernel {
        &self.sum
    }

    pub fn admission(&self, node: NodeId) -> Admission {
        match self.keepers.get(&node) {
            None => Admission::Waits,
            Some(keeper) if keeper.is_full() => Admission::Dropped,
            Some(_) => Admission::Served,
        }
    }

    pub fn is_stuck(&self, request: RequestId, client: NodeId) -> bool {
        let fact = self.by_request.get(&request).and_then(|number| self.open.get(number));
        let is_away = |node: &NodeId| *node != client && self.away.contains(node);
        fact.is_some_and(|open| open.missing.iter().any(is_away))
    }

    /// The entry of a request that is not held by all whom it concerns, if it is not.
    pub fn open(&self, request: RequestId) -> Option<u64> {
        self.by_request.get(&request).copied()
    }

    /// The last fact that is not yet true, but for those that wait for one that is away.
    pub fn last_open(&self) -> Option<u64> {
        let is_away = |open: &Open| open.missing.iter().any(|node| self.away.contains(node));
        self.open.iter().rev().find(|(_, open)| !is_away(open)).map(|(number, _)| *number)
    }

    pub fn check(&self) -> Result<(), String> {
        if let Some(misfit) = self.misfit {
            return Err(format!("the sum of the books in {}: {misfit}", self.epoch));
        }
        self.sum.check_quick()
    }

    /// Carries an entry out; whether somebody has become full by it.
    fn carry_out(&mut self, entry: Entry) -> (Ticket, bool) {
        let applied = self.sum.apply(&entry);
        let Act::Request(request) = &entry.act else { return (Ticket::Nothing, false) };
        let request = request.id;
        if applied.repeated {
            let number = self.by_request.get(&request);
            return (number.map_or(Ticket::Nothing, |number| Ticket::Fact(*number)), false);
        }
        let concerned = nodes(&entry.concerns(&applied.outcome));
        if concerned.is_empty() {
            return (Ticket::Nothing, false);
        }
        self.facts += 1;
        let number = self.facts;
        let id = FactId { epoch: self.epoch, number };
        let fact = Fact { id, entry, outcome: applied.outcome };
        let mut is_full = false;
        for node in &concerned {
            if let Some(keeper) = self.keepers.get_mut(node) {
                keeper.open.insert(number);
                if concerned.len() > 1 {
                    keeper.tail.insert(number);
                }
                keeper.give(Item::Fact(Box::new(fact.clone())));
                is_full |= keeper.is_full();
            }
        }
        let missing = concerned.iter().copied().collect();
        self.open.insert(number, Open { request, concerned, missing });
        self.by_request.insert(request, number);
        (Ticket::Fact(number), is_full)
    }

    /// A keeper has so many items; the facts that are true by that.
    fn acked(&mut self, from: NodeId, position: u64) -> Vec<u64> {
        let mut held = Vec::new();
        let Some(keeper) = self.keepers.get_mut(&from) else { return held };
        if position > keeper.end() || position <= keeper.acked {
            return held;
        }
        let mut has = Vec::new();
        while keeper.acked < position {
            keeper.acked += 1;
            if let Some(Item::Fact(fact)) = keeper.items.pop_front() {
                has.push(fact.id.number);
            }
        }
        keeper.sent = keeper.sent.max(keeper.acked);
        if keeper.items.is_empty() {
            (keeper.silent, keeper.is_behind) = (Duration::ZERO, false);
        }
        for number in has {
            let Some(open) = self.open.get_mut(&number) else { continue };
            open.missing.remove(&from);
            if open.missing.is_empty() {
                held.push(number);
            }
        }
        for number in &held {
            let Some(open) = self.open.remove(number) else { continue };
            self.by_request.remove(&open.request);
            for node in open.concerned {
                if let Some(keeper) = self.keepers.get_mut(&node) {
                    keeper.open.remove(number);
                }
            }
        }
        held
    }
}

impl Books {
    /// Carries an entry out; it leaves together with all others of this turn.
    pub(super) fn append(&mut self, entry: Entry, cx: &mut Context<'_, Self>) {
        let Side::Leading(leader) = &mut self.side else {
            self.ticket = Ticket::Never;
            return;
        };
        let (ticket, is_full) = leader.carry_out(entry);
        self.ticket = ticket;
        self.flush_soon(cx);
        if is_full {
            self.look_who_is_away(cx);
        }
    }

    pub(super) fn flush_soon(&self, cx: &mut Context<'_, Self>) {
        cx.set(Alarm::Flush, Duration::ZERO);
    }

    /// What each keeper lacks leaves, as far as it is not too much at once.
    pub(super) fn flush(&mut self, cx: &mut Context<'_, Self>) {
        let items_max = self.settings.items_max.max(1);
        let Side::Leading(leader) = &mut self.side else { return };
        let (epoch, next) = (leader.epoch, leader.facts + 1);
        for (&node, keeper) in &mut leader.keepers {
            let window = MESSAGES_MAX.saturating_mul(items_max as u64);
            while self.links.contains(&node)
                && keeper.sent < keeper.end()
                && keeper.sent - keeper.acked < window
            {
                let (after, settled) = (keeper.sent, keeper.settled(next));
                let items = keeper.items(after, items_max);
                keeper.sent += items.len() as u64;
                let body = Message::Append { epoch, after, items, settled };
                cx.send_after(After::Nothing, Destination::One(node), body);
            }
        }
    }

    pub(super) fn acked(
        &mut self,
        from: NodeId,
        epoch: Epoch,
        position: u64,
        cx: &mut Context<'_, Self>,
    ) {
        let Side::Leading(leader) = &mut self.side else { return };
        if leader.epoch != epoch {
            return;
        }
        for number in leader.acked(from, position) {
            // What was acknowledged is durable where it was.
            cx.report_after(After::Nothing, Report::Held(number));
        }
        let waits = leader.keepers.get(&from).is_some_and(|keeper| keeper.sent < keeper.end());
        let was_away = leader.away.contains(&from);
        if waits {
            self.flush_soon(cx);
        }
        if was_away {
            self.look_who_is_away(cx);
        }
    }

    /// Reminds those that do not get on, and sees who is behind.
    pub(super) fn resend(&mut self, cx: &mut Context<'_, Self>) {
        let (resend, limit) = (self.settings.resend, self.settings.limit);
        let wanted = match &mut self.side {
            Side::Idle => return,
            Side::Gathering(gathering) => gathering.incoming.wanted(),
            Side::Leading(leader) => {
                let (epoch, next) = (leader.epoch, leader.facts + 1);
                for (&node, keeper) in &mut leader.keepers {
                    if !keeper.items.is_empty() && keeper.acked == keeper.looked_at {
                        keeper.sent = keeper.acked;
                        keeper.silent += resend;
                        keeper.is_behind |= keeper.silent >= limit;
                    } else {
                        keeper.silent = Duration::ZERO;
                    }
                    keeper.looked_at = keeper.acked;
                    let is_idle = keeper.items.is_empty();
                    if is_idle && keeper.tail.iter().any(|number| !keeper.open.contains(number)) {
                        let (after, settled) = (keeper.acked, keeper.settled(next));
                        let body = Message::Append { epoch, after, items: Vec::new(), settled };
                        cx.send_after(After::Nothing, Destination::One(node), body);
                    }
                }
                leader.incoming.wanted()
            }
        };
        for (node, _) in wanted {
            self.want(node, cx);
        }
        self.flush(cx);
        self.look_who_is_away(cx);
        cx.set(Alarm::Resend, resend);
    }

    /// A connection came up: whoever is behind it registers, or may have missed something.
    pub(super) fn opened(&mut self, node: NodeId, cx: &mut Context<'_, Self>) {
        self.links.insert(node);
        match &mut self.side {
            Side::Idle => return,
            Side::Gathering(gathering) if gathering.has(node) => {}
            Side::Gathering(gathering) => gathering.incoming.expect(node),
            Side::Leading(leader) => match leader.keepers.get_mut(&node) {
                Some(keeper) => {
                    keeper.sent = keeper.acked;
                    self.flush_soon(cx);
                }
                None => leader.incoming.expect(node),
            },
        }
        self.want(node, cx);
        self.look_who_is_away(cx);
    }

    pub(super) fn closed(&mut self, node: NodeId, cx: &mut Context<'_, Self>) {
        if node == self.settings.me {
            return;
        }
        self.links.remove(&node);
        match &mut self.side {
            Side::Idle => {}
            Side::Gathering(gathering) => {
                gathering.incoming.give_up(node);
                self.gather(false, cx);
            }
            Side::Leading(leader) => {
                leader.incoming.give_up(node);
                self.look_who_is_away(cx);
            }
        }
    }

    /// Passes over the lots of those that could not write down that they sold.
    pub(super) fn look_who_is_away(&mut self, cx: &mut Context<'_, Self>) {
        let Side::Leading(leader) = &mut self.side else { return };
        let is_away = |(node, keeper): &(&NodeId, &Keeper)| {
            !self.links.contains(node) || keeper.is_behind || keeper.is_full()
        };
        let away: BTreeSet<NodeId> =
            leader.keepers.iter().filter(is_away).map(|(node, _)| *node).collect();
        if away != leader.away {
            let parties: BTreeSet<Party> = away.iter().map(|node| crate::party(*node)).collect();
            leader.away = away;
            leader.sum.pass_over(parties.clone());
            cx.report_after(After::Nothing, Report::Away(parties));
        }
    }

    /// A higher epoch than the one that this node trades in or wants to trade in.
    pub(super) fn superseded(&mut self, by: Epoch, cx: &mut Context<'_, Self>) {
        let is_over = match &self.side {
            Side::Idle => false,
            Side::Gathering(gathering) => gathering.epoch < by,
            Side::Leading(leader) => leader.epoch < by,
        };
        if is_over {
            cx.mark(super::marks::SUPERSEDED);
            self.side = Side::Idle;
            for alarm in [Alarm::Flush, Alarm::Resend, Alarm::Gather] {
                cx.clear(alarm);
            }
            cx.report_after(After::Own, Report::Refused(by));
        }
    }
}
