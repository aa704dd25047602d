//! What a peer does while it trades: takes the market over, serves requests, and resigns.

use std::time::Duration;

use groupcast::leadership::Stepped;
use machine::{Epoch, Journal, NodeId};
use market::{Act, Applied, Command, EndedHold, Outcome, Refusal, Request};

use crate::any_peer::Cx;
use crate::event::What;
use crate::message::{Body, Record, SALES_TOLD_MAX, Snapshot};
use crate::party;
use crate::peer::{Alarm, Peer};
use crate::settings::Role;
use crate::trader::Served;

impl Peer {
    pub(crate) fn start_trading(&mut self, epoch: Epoch, cx: &mut Cx<'_>) {
        let Some(kernel) = self.trader.claimed(epoch) else { return };
        let shipped_before = kernel.totals().units.shipped;
        cx.snapshot(Journal::Common, Snapshot::Market(Box::new(kernel)));
        self.report_trade(What::Trading { epoch, shipped_before }, cx);
        let settings = self.trader.settings();
        if !settings.resign_quantum.is_zero() {
            cx.set(Alarm::Quantum, settings.resign_quantum);
        }
        cx.set(Alarm::Expire, settings.session_idle / 4);
        self.await_holds(cx);
        // What waited while the market was being taken over is served first.
        let requests = self.trader.queue().len() as u64;
        if requests > 0 {
            self.report_trade(What::Pending { epoch, requests }, cx);
        }
        self.serve_queue(false, cx);
    }

    pub(crate) fn stop_trading(&mut self, why: Stepped, cx: &mut Cx<'_>) {
        self.trader.stop();
        self.asks_again = false;
        self.clear_trading_alarms(cx);
        if why == Stepped::Resigned && self.settings.return_as_random {
            let buys = cx.random.chance(0.5);
            self.role = Role { buys, sells: !buys };
            self.role_by_chance = Some(self.role);
            self.note(Record::Role(self.role), cx);
        }
        self.report(What::TookRole { role: self.role.name().to_owned() }, cx);
    }

    pub(crate) fn clear_trading_alarms(&mut self, cx: &mut Cx<'_>) {
        for alarm in [Alarm::Quantum, Alarm::Expire, Alarm::EndHolds] {
            cx.clear(alarm);
        }
        for alarm in [Alarm::Serve, Alarm::Question, Alarm::Notify] {
            cx.clear(alarm);
        }
    }

    /// Serves a request; without effect at a peer that does not trade (its sender sends it again
    /// to whoever does).
    pub(crate) fn serve(&mut self, from: NodeId, request: Request, cx: &mut Cx<'_>) {
        let (Some(epoch), id) = (self.trader.epoch(), request.id) else { return };
        if request.command.is_of_a_cart() && !self.trader.settings().holds_carts {
            let refusal = Refusal::NoCarts;
            if let Some(good) = request.command.good().cloned() {
                self.report_trade(What::Refused { epoch, request: id, good, refusal }, cx);
            }
            let outcome = Outcome::Refused(refusal);
            return self.send(from, Body::Answer { epoch, id, outcome }, cx);
        }
        let Some(served) = self.decide(Act::Request(request), cx) else { return };
        let what = self.reports_requests.then(|| what_came(epoch, &served)).flatten();
        let applied = self.keep(served, cx);
        if let Some(what) = what {
            self.report_trade(what, cx);
        }
        let outcome = applied.outcome;
        if matches!(outcome, Outcome::Held { .. }) && !applied.repeated {
            self.await_holds(cx);
        }
        if !applied.repeated {
            let had_notes = self.trader.has_notes();
            match self.trader.note_sales(id, &outcome) {
                SALES_TOLD_MAX.. => self.notify(cx),
                // When the rest of this turn's requests are served.
                1.. if !had_notes => cx.set(Alarm::Notify, Duration::ZERO),
                _ => {}
            }
        }
        self.send(from, Body::Answer { epoch, id, outcome }, cx);
        if self.trader.has_sold_enough() {
            // When the rest of this turn's requests are served.
            cx.set(Alarm::Quantum, Duration::ZERO);
        }
    }

    fn apply(&mut self, act: Act, cx: &mut Cx<'_>) -> Option<Applied> {
        let served = self.decide(act, cx)?;
        Some(self.keep(served, cx))
    }

    fn decide(&mut self, act: Act, cx: &mut Cx<'_>) -> Option<Served> {
        let draw = cx.random.next_u64();
        self.trader.serve(party(self.me), cx.now.as_millis(), draw, act)
    }

    /// Writes down what was decided, before anybody is told.
    fn keep(&mut self, served: Served, cx: &mut Cx<'_>) -> Applied {
        if served.has_changed {
            cx.persist(Journal::Common, Record::Entry(served.entry));
        }
        if let Some(kernel) = self.trader.due_snapshot() {
            cx.snapshot(Journal::Common, Snapshot::Market(Box::new(kernel)));
        }
        served.applied
    }

    /// Tells sellers what was sold since the last time.
    pub(crate) fn notify(&mut self, cx: &mut Cx<'_>) {
        for (seller, sales) in self.trader.take_notes() {
            let standing = self.trader.standing(party(seller));
            self.send(seller, Body::Notice { standing, sales }, cx);
        }
    }

    /// Ends the carts whose time is over, and looks again when the next one's is.
    pub(crate) fn end_holds(&mut self, cx: &mut Cx<'_>) {
        let Some(epoch) = self.trader.epoch() else { return };
        if self.trader.holds_due_in_ms(cx.now.as_millis()) == Some(0)
            && let Some(Applied { outcome: Outcome::HoldsEnded(holds), .. }) =
                self.apply(Act::EndHolds, cx)
        {
            for EndedHold { hold, good, quantity } in holds {
                let over = What::HoldEnded { epoch, hold, good, quantity, request: None };
                self.report_trade(over, cx);
            }
        }
        self.await_holds(cx);
    }

    fn await_holds(&self, cx: &mut Cx<'_>) {
        match self.trader.holds_due_in_ms(cx.now.as_millis()) {
            Some(due_ms) => cx.set(Alarm::EndHolds, Duration::from_millis(due_ms)),
            None => cx.clear(Alarm::EndHolds),
        }
    }

    pub(crate) fn expire_sessions(&mut self, cx: &mut Cx<'_>) {
        let idle = self.trader.settings().session_idle;
        let Some(epoch) = self.trader.epoch() else { return };
        let idle_ms = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        cx.set(Alarm::Expire, idle / 4);
        let applied = self.apply(Act::ExpireSessions { idle_ms }, cx);
        if let Some(Applied { outcome: Outcome::Expired { sessions }, .. }) = applied
            && sessions > 0
        {
            self.report_trade(What::SessionsExpired { epoch, sessions }, cx);
        }
    }
}

/// What came of a request, as the record tells it.
fn what_came(epoch: Epoch, served: &Served) -> Option<What> {
    let (Act::Request(request), applied) = (&served.entry.act, &served.applied) else {
        return None;
    };
    let (id, party) = (request.id, request.id.client.party);
    Some(match (&applied.outcome, &request.command) {
        _ if applied.repeated => What::Repeated { epoch, request: id },
        (Outcome::Bought(receipt), _) => {
            What::Sold { epoch, request: id, receipt: receipt.clone(), buyer: party }
        }
        (Outcome::Deposited { lot }, Command::Deposit(offer)) => What::Deposited {
            epoch,
            request: id,
            seller: party,
            good: offer.good.clone(),
            quantity: offer.quantity,
            unit_price: offer.unit_price,
            lot: *lot,
        },
        (Outcome::Withdrawn { good, quantity }, Command::Withdraw { lot }) => What::Withdrawn {
            epoch,
            request: id,
            seller: party,
            good: good.clone(),
            quantity: *quantity,
            lot: *lot,
        },
        (Outcome::Held { hold, receipt, .. }, _) => {
            let (hold, receipt) = (*hold, receipt.clone());
            What::Held { epoch, request: id, buyer: party, hold, receipt }
        }
        (Outcome::Voided { good, quantity }, Command::Void { hold }) => What::HoldEnded {
            epoch,
            hold: *hold,
            good: good.clone(),
            quantity: *quantity,
            request: Some(id),
        },
        (Outcome::Refused(refusal), _) => {
            let good = request.command.good()?.clone();
            What::Refused { epoch, request: id, good, refusal: *refusal }
        }
        _ => return None,
    })
}
