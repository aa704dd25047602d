//! What a trader does with what customers ask for.

use machine::{After, Destination, NodeId};
use market::{Command, Deed, Good, Outcome, Request, RequestId, TermId, Tried};

use super::counts::Fate;
use super::deeds::Waiting;
use super::{Cx, FORWARDED_MAX, Trader};
use crate::marks;
use crate::message::{House, Message};
use crate::settings::Durability;
use crate::trader::ledger::Seen;

/// What a customer asks for.
#[derive(Debug)]
pub(super) struct Asked {
    pub request: Request,
    pub home: Option<TermId>,
    pub is_retried: bool,
    pub seen: Option<Seen>,
}

/// What the warehouse was asked to decide.
#[derive(Debug, Clone)]
pub(super) struct Forwarded {
    pub customer: NodeId,
    /// What it is about, where that is told.
    pub good: Option<Good>,
    /// The request and its home, where it may have been promised.
    again: Option<(Request, Option<TermId>)>,
    /// Whether it was not decided when last was looked.
    is_overdue: bool,
}

impl Trader {
    pub(super) fn asked(&mut self, customer: NodeId, asked: Asked, cx: &mut Cx<'_>) {
        let Asked { request, home, is_retried, seen } = asked;
        let term = self.term();
        if self.is_going() {
            cx.mark(marks::ASKED_ON_ITS_WAY_OUT);
        }
        if let Command::Buy(order) = &request.command {
            if self.denies() {
                // Who has seen what is not here is answered by the warehouse.
                let is_behind = seen.as_ref().is_some_and(|seen| !self.covers(seen));
                match self.fate(&request, is_retried, is_behind, cx) {
                    Fate::Late => return,
                    Fate::Denied(outcome) => {
                        let (id, seen) = (request.id, self.seen());
                        self.tell_answer(id, Some(order.good.clone()), &outcome, cx);
                        let answer = Message::Answer { id, outcome, is_by_cache: true, seen };
                        cx.send(customer, answer);
                        return;
                    }
                    Fate::PassedOn if !is_retried && !is_behind => {
                        self.promise(customer, request.id, order, cx);
                    }
                    Fate::PassedOn => {}
                }
            }
            let (good, quantity) = (order.good.clone(), order.quantity);
            if term.is_some() && home == term && self.lends() {
                self.wish(&good, quantity, cx);
                if self.sell(customer, &request, cx) {
                    return;
                }
            }
        }
        self.forward(customer, request, home, cx);
    }

    /// Passes a request on to the warehouse.
    fn forward(
        &mut self,
        customer: NodeId,
        request: Request,
        home: Option<TermId>,
        cx: &mut Cx<'_>,
    ) {
        if self.forwarded.len() >= FORWARDED_MAX && !self.forwarded.contains_key(&request.id) {
            return;
        }
        let by = self.term();
        if home.is_some()
            && home == by
            && let Some(open) = &mut self.open
        {
            // From now on it is the warehouse's to decide.
            _ = open.stall.shut(request.id);
        }
        let good = request.command.order().filter(|_| self.settings.tells_answers);
        let good = good.map(|order| order.good.clone());
        let again = self.keeps_ledger().then(|| (request.clone(), home));
        let forwarded = Forwarded { customer, good, again, is_overdue: false };
        self.forwarded.insert(request.id, forwarded);
        self.house(House::Forward { request, home, by }, cx);
    }

    /// Passes on again what was promised and is not decided since the last time: its customer may
    /// have asked another trader meanwhile, and would not ask here again, and the promise would stand
    /// for as long as the term.
    pub(super) fn forward_again(&mut self, cx: &mut Cx<'_>) {
        let by = self.term();
        for (id, forwarded) in &mut self.forwarded {
            let was_overdue = std::mem::replace(&mut forwarded.is_overdue, true);
            if let (true, Some((request, home))) = (was_overdue, &forwarded.again)
                && self.ledger.has_promised(*id)
            {
                let (request, home) = (request.clone(), *home);
                let body = House::Forward { request, home, by };
                cx.send(self.settings.warehouse, Message::House(body));
            }
        }
    }

    /// Sells from what is on loan; false if the warehouse is to be asked.
    fn sell(&mut self, customer: NodeId, request: &Request, cx: &mut Cx<'_>) -> bool {
        let draw = cx.random.next_u64();
        let Some(open) = &mut self.open else { return false };
        let id = request.id;
        match open.stall.sell(request, cx.now.as_millis(), draw) {
            Tried::Ask => false,
            Tried::Refused(refusal) => {
                self.answer(customer, id, None, Outcome::Refused(refusal), cx);
                true
            }
            Tried::SoldBefore(receipt) => {
                // What waits to be confirmed is answered then.
                if !open.deeds.is_unconfirmed(id) {
                    self.answer(customer, id, None, Outcome::Bought(receipt), cx);
                }
                true
            }
            Tried::Sold(receipt, deed) => {
                let outcome = Outcome::Bought(receipt);
                self.sold(deed, Waiting { customer, id, outcome }, cx);
                true
            }
        }
    }

    fn sold(&mut self, deed: Deed, waiting: Waiting, cx: &mut Cx<'_>) {
        if self.is_logging() {
            self.did(deed, cx);
            let Waiting { customer, id, outcome } = waiting;
            self.tell_answer(id, None, &outcome, cx);
            let answer = Message::Answer { id, outcome, is_by_cache: false, seen: None };
            cx.send_after(After::Own, Destination::One(customer), answer);
            self.report_soon(cx);
            return;
        }
        #[cfg(feature = "planted")]
        if self.settings.has_planted(crate::Planted::EarlyYes) {
            let Waiting { customer, id, outcome } = waiting.clone();
            let answer = Message::Answer { id, outcome, is_by_cache: false, seen: None };
            cx.send(customer, answer);
        }
        let Some(open) = &mut self.open else { return };
        open.deeds.sold(deed, waiting);
        self.report_on(cx);
        self.keep_on(cx);
    }

    /// Deeds are there to be reported: at once if answers wait for that.
    pub(super) fn report_on(&mut self, cx: &mut Cx<'_>) {
        let has_buddy = self.open.as_ref().is_some_and(|open| open.buddy.is_some());
        let is_ending = self.open.as_ref().is_some_and(|open| open.is_ending);
        match self.settings.durability {
            Durability::Warehouse => self.report(cx),
            Durability::Buddy if !has_buddy || is_ending => self.report(cx),
            Durability::Buddy | Durability::TraderLog if is_ending => self.report(cx),
            Durability::Buddy | Durability::TraderLog => self.report_soon(cx),
        }
    }

    /// These answers may leave.
    pub(super) fn confirm(&mut self, confirmed: Vec<Waiting>, cx: &mut Cx<'_>) {
        for Waiting { customer, id, outcome } in confirmed {
            self.answer(customer, id, None, outcome, cx);
        }
    }

    /// The warehouse wants to decide a request of this term.
    pub(super) fn shut(&mut self, id: RequestId, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        let deed = open.stall.shut(id);
        self.did(deed, cx);
        self.report(cx);
    }
}
