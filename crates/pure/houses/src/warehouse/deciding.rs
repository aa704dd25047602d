//! How the warehouse decides what is passed on to it.

use std::collections::BTreeSet;

use machine::{Epoch, NodeId};
use market::{Act, Command, EndedHold, Good, HoldId, Outcome, Request, RequestId, TermId};
use peer::{What, party};

use super::requests::{Awaits, Waiting};
use super::{Cx, Warehouse};
use crate::marks;
use crate::message::{House, Message};

impl Warehouse {
    /// A trader passes on a request, in its term `by`.
    pub(super) fn forwarded(
        &mut self,
        from: NodeId,
        request: Request,
        home: Option<TermId>,
        by: Option<TermId>,
        cx: &mut Cx<'_>,
    ) {
        let id = request.id;
        // What its home may have sold is decided when that is known (SAFETY S14).
        let foreign = home.filter(|home| Some(*home) != by && self.kernel.term(*home).is_some());
        #[cfg(feature = "planted")]
        let foreign = foreign.filter(|_| !self.settings.has_planted(crate::Planted::UnshutRetry));
        match foreign {
            Some(home) if self.kernel.answer_to(id).is_none() => {
                cx.mark(marks::HOME_ASKED);
                let awaits = Awaits::Home(home);
                self.requests.add(Waiting { request, from, awaits });
                self.house(home, House::Shut { term: home, id }, cx);
            }
            _ => self.decide(from, request, cx),
        }
    }

    /// Decides, unless what is on loan has to come back first.
    fn decide(&mut self, from: NodeId, request: Request, cx: &mut Cx<'_>) {
        let id = request.id;
        if let Some(order) = request.command.order()
            && !self.kernel.knows(&request)
        {
            let good = order.good.clone();
            let awaits = Awaits::Recall(good.clone());
            if self.requests.add(Waiting { request, from, awaits }) {
                self.recall(good, cx);
            }
            return;
        }
        self.requests.remove(id);
        let brought = match &request.command {
            Command::Deposit(offer) => Some(offer.good.clone()),
            Command::Void { hold } => self.good_in(*hold),
            _ => None,
        };
        let outcome = self.carry_out(from, request, cx);
        self.decided(from, id, outcome, cx);
        if let Some(good) = brought {
            self.decide_waiting(&Awaits::Recall(good), cx);
        }
    }

    fn good_in(&self, hold: HoldId) -> Option<Good> {
        self.kernel.hold(hold).map(|hold| hold.good().clone())
    }

    /// Ends the carts whose time is over.
    pub(super) fn end_holds(&mut self, cx: &mut Cx<'_>) {
        if self.kernel.holds_due_in_ms(cx.now.as_millis()) != Some(0) {
            return;
        }
        let me = self.settings.warehouse;
        let Outcome::HoldsEnded(holds) = self.apply(party(me), Act::EndHolds, cx).outcome else {
            return;
        };
        let epoch = Epoch { counter: 0, node: me };
        let mut goods = BTreeSet::new();
        for EndedHold { hold, good, quantity } in holds {
            goods.insert(good.clone());
            self.tell(What::HoldEnded { epoch, hold, good, quantity, request: None }, cx);
        }
        for good in goods {
            self.decide_waiting(&Awaits::Recall(good), cx);
        }
    }

    fn decided(&mut self, from: NodeId, id: RequestId, outcome: Outcome, cx: &mut Cx<'_>) {
        let is_bought = matches!(outcome, Outcome::Bought(_));
        // Counts that are made from now on have it; what was refused changes none.
        let version = if is_bought { cx.now.as_nanos().saturating_add(1) } else { 0 };
        cx.send(from, Message::House(House::Decided { id, outcome, version }));
        if is_bought {
            // Traders wait for such counts, be it an answer that was given before.
            self.push_soon(cx);
        }
    }

    fn carry_out(&mut self, from: NodeId, request: Request, cx: &mut Cx<'_>) -> Outcome {
        let applied = self.apply(party(from), Act::Request(request.clone()), cx);
        if !applied.repeated {
            self.tell_of(from, request, &applied.outcome, cx);
        }
        applied.outcome
    }

    fn tell_of(&self, from: NodeId, request: Request, outcome: &Outcome, cx: &mut Cx<'_>) {
        let epoch = Epoch { counter: 0, node: from };
        let (id, client) = (request.id, request.id.client.party);
        let what = match (request.command, outcome) {
            (_, Outcome::Bought(receipt)) => {
                What::Sold { epoch, request: id, receipt: receipt.clone(), buyer: client }
            }
            (Command::Deposit(offer), Outcome::Deposited { lot }) => What::Deposited {
                epoch,
                request: id,
                seller: client,
                good: offer.good,
                quantity: offer.quantity,
                unit_price: offer.unit_price,
                lot: *lot,
            },
            (_, Outcome::Held { hold, receipt, .. }) => {
                let (hold, receipt) = (*hold, receipt.clone());
                What::Held { epoch, request: id, buyer: client, hold, receipt }
            }
            (Command::Void { hold }, Outcome::Voided { good, quantity }) => {
                let (good, quantity) = (good.clone(), *quantity);
                What::HoldEnded { epoch, hold, good, quantity, request: Some(id) }
            }
            (Command::Buy(order) | Command::Hold { order, .. }, Outcome::Refused(refusal)) => {
                What::Refused { epoch, request: id, good: order.good, refusal: *refusal }
            }
            _ => return,
        };
        self.tell(what, cx);
    }

    /// What these wait for has come, or some of it: each is decided, in order, that can be.
    pub(super) fn decide_waiting(&mut self, awaits: &Awaits, cx: &mut Cx<'_>) {
        for id in self.requests.waiting_for(awaits) {
            self.decide_one(id, cx);
        }
        if let Awaits::Recall(good) = awaits
            && self.requests.waiting_for(awaits).is_empty()
        {
            self.recalls.remove(good);
        }
    }

    /// Decides one that waits, if it can be now.
    pub(super) fn decide_one(&mut self, id: RequestId, cx: &mut Cx<'_>) {
        let Some(waiting) = self.requests.get(id) else { return };
        let can_be = match &waiting.awaits {
            Awaits::Home(_) => true,
            Awaits::Recall(_) => self.kernel.knows(&waiting.request),
        };
        if can_be && let Some(Waiting { request, from, .. }) = self.requests.remove(id) {
            self.decide(from, request, cx);
        }
    }

    /// Asks homes again.
    pub(super) fn ask_homes(&self, cx: &mut Cx<'_>) {
        for waiting in self.requests.iter() {
            if let Awaits::Home(term) = waiting.awaits {
                self.house(term, House::Shut { term, id: waiting.request.id }, cx);
            }
        }
    }

    fn recall(&mut self, good: Good, cx: &mut Cx<'_>) {
        if self.recalls.insert(good.clone(), cx.now).is_none() {
            self.ask_back(&good, cx);
        }
    }

    /// Asks all who have some of it on loan to give it back.
    fn ask_back(&self, good: &Good, cx: &mut Cx<'_>) {
        for (term, open) in self.kernel.terms() {
            if open.lent(good) > 0 {
                if open.is_fenced() {
                    cx.mark(marks::LENT_TO_FENCED);
                }
                let (good, upto) = (good.clone(), open.granted());
                self.house(term, House::Recall { term, good, upto }, cx);
            }
        }
    }

    /// Asks again for what is not back; answers that it is not known where that takes too long.
    pub(super) fn recall_again(&mut self, cx: &mut Cx<'_>) {
        let limit = self.settings.times.recall_limit;
        for (good, since) in self.recalls.clone() {
            if cx.now.since(since) < limit {
                self.ask_back(&good, cx);
                continue;
            }
            for id in self.requests.waiting_for(&Awaits::Recall(good.clone())) {
                cx.mark(marks::RECALL_OVERDUE);
                // That it is not known is an answer like any other: a later copy gets it again.
                let Some(Waiting { request, from, .. }) = self.requests.remove(id) else {
                    continue;
                };
                let outcome = self.carry_out(from, request, cx);
                self.decided(from, id, outcome, cx);
            }
            self.recalls.remove(&good);
        }
    }
}
