//! What a peer asks of the market, what it does with the answers, and the messages of both sides.

use machine::{After, Destination, NodeId};
use market::{Command, Outcome, Refusal, Request, RequestId};

use crate::any_peer::Cx;
use crate::buyer::Next;
use crate::client::{Resolution, is_recorded};
use crate::event::{Operation, What};
use crate::message::{Body, Message, Record, Sale, Standing, Trade};
use crate::party;
use crate::peer::{Alarm, Peer};
use crate::queue::Queued;
use crate::settings::Role;

/// The client's side.
impl Peer {
    /// A leader is known: what the peer wants can go on.
    pub(crate) fn act(&mut self, cx: &mut Cx<'_>) {
        if !self.may_act() || !self.client.has_returned() {
            return;
        }
        if self.role.sells && !self.seller.has_stocked_up() {
            let command = self.seller.stock_up(self.reading(), cx.random);
            self.submit(command, cx);
        }
        // What it heard while it traded itself it could do nothing about, and will not hear again.
        self.restock(cx);
        if self.role.buys && !self.buying {
            let time = self.buyer.think(cx.random);
            cx.set(Alarm::Think, time.max(self.rests_until.since(cx.now)));
        }
    }

    pub(crate) fn buy(&mut self, cx: &mut Cx<'_>) {
        if self.may_act() && self.role.buys && !self.buying && self.client.has_returned() {
            let command = self.buyer.wish(cx.random);
            self.buying = command.is_some();
            self.submit(command, cx);
        }
    }

    /// What a seller does now and then: gains goods, considers a deposit, asks where it stands.
    pub(crate) fn tend_stall(&mut self, alarm: Alarm, cx: &mut Cx<'_>) {
        let is_open = self.role.sells && self.seller.has_stocked_up() && self.may_act();
        let (stamp, settings) = (self.reading(), self.seller.settings());
        let (every, command) = match alarm {
            Alarm::Accrue if is_open => (settings.accrue_every, self.seller.accrue(stamp)),
            Alarm::Update if is_open => {
                (settings.update_every, self.seller.update(stamp, cx.random))
            }
            Alarm::Accrue => (settings.accrue_every, None),
            Alarm::Update => (settings.update_every, None),
            _ => (settings.inquire_every, None),
        };
        cx.set(alarm, every);
        self.submit(command, cx);
        if let (Alarm::Inquire, true, Some(leader)) = (alarm, is_open, self.leader()) {
            self.send(leader.node, Body::Inquire, cx);
        }
    }

    pub(crate) fn submit(&mut self, command: Option<Command>, cx: &mut Cx<'_>) {
        let Some(command) = command else { return };
        if !self.client.submit(command.clone(), cx.now) {
            let value = crate::client::QUEUE_MAX as u64;
            self.report(What::Overflow { limit: "client queue".into(), value }, cx);
            // It was never asked: whoever wanted it goes on as after any other failure.
            self.conclude(&command, None, cx);
        }
        self.send_fresh(cx);
    }

    fn send_fresh(&mut self, cx: &mut Cx<'_>) {
        while let Some(request) = self.client.fresh() {
            if request.command.order().is_some() {
                self.ordering.ask(request.id);
            }
            if is_recorded(&request.command) {
                let RequestId { client, number } = request.id;
                let (life, command) = (client.life, request.command.clone());
                self.note(Record::Asked { life, number, command }, cx);
            }
            self.note_counts(cx);
            if request.command != Command::Open {
                self.report_asked(request.id, &request.command, cx);
                self.announce(request.id, cx);
            }
            self.route(request, cx);
            cx.set(Alarm::Resend, self.settings.resend);
        }
    }

    pub(crate) fn report_asked(&mut self, request: RequestId, command: &Command, cx: &mut Cx<'_>) {
        let operation = Operation::from(command);
        let stamp = self.ordering.stamp(request).cloned();
        self.report(What::Asked { request, operation, stamp }, cx);
    }

    /// Sends all that is under way, to whoever leads now.
    pub(crate) fn resend(&mut self, cx: &mut Cx<'_>) {
        for request in self.client.unanswered() {
            self.route(request, cx);
        }
        self.send_fresh(cx);
        if self.client.is_busy() {
            cx.set(Alarm::Resend, self.settings.resend);
        }
    }

    /// To the leader. A request that has none now is sent as soon as there is one.
    fn route(&mut self, request: Request, cx: &mut Cx<'_>) {
        // It may be this peer: what was under way when it became the trader, it serves like any
        // other's.
        if let Some(leader) = self.leader() {
            let body = self.stamped(request);
            self.send(leader.node, body, cx);
        }
    }

    fn answered(&mut self, id: RequestId, outcome: Outcome, cx: &mut Cx<'_>) {
        let has_session = outcome != Outcome::Refused(Refusal::UnknownSession);
        let resolutions = self.client.answered(id, outcome, cx.now);
        if !has_session && !resolutions.is_empty() {
            self.note(Record::SessionLost, cx);
        }
        for resolution in resolutions {
            match resolution {
                Resolution::Answered { id, command, outcome, took } => {
                    self.ordering.resolved(id);
                    let operation = Operation::from(&command);
                    let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    let known = outcome.clone();
                    let next = self.digest(&command, Some(&outcome), cx);
                    if is_recorded(&command) {
                        self.note(Record::Answered { number: id.number }, cx);
                    }
                    self.report(What::Answered { request: id, operation, outcome, took_ns }, cx);
                    self.go_on(&command, Some(&known), next, cx);
                }
                Resolution::Returned { purchases } => self.returned(purchases, cx),
                Resolution::InDoubt { id, command } => {
                    self.ordering.resolved(id);
                    let operation = Operation::from(&command);
                    let next = self.digest(&command, None, cx);
                    if has_session && is_recorded(&command) {
                        self.note(Record::Answered { number: id.number }, cx);
                    }
                    self.report(What::Abandoned { request: id, operation }, cx);
                    self.go_on(&command, None, next, cx);
                }
            }
        }
        self.send_fresh(cx);
        if !self.client.is_busy() {
            cx.clear(Alarm::Resend);
            self.go_on_leaving(cx);
        }
    }

    fn conclude(&mut self, command: &Command, outcome: Option<&Outcome>, cx: &mut Cx<'_>) {
        let next = self.digest(command, outcome, cx);
        self.go_on(command, outcome, next, cx);
    }

    /// What the buyer makes of an answer: part of what it remembers.
    fn digest(
        &mut self,
        command: &Command,
        outcome: Option<&Outcome>,
        cx: &mut Cx<'_>,
    ) -> Option<Next> {
        command.is_of_a_buyer().then(|| self.buyer.answered(command, outcome, cx.random))
    }

    /// What the peer does after an answer.
    fn go_on(
        &mut self,
        command: &Command,
        outcome: Option<&Outcome>,
        next: Option<Next>,
        cx: &mut Cx<'_>,
    ) {
        match command {
            Command::Buy(_)
            | Command::Hold { .. }
            | Command::Claim { .. }
            | Command::Void { .. } => {
                self.buying = false;
                if let (Some(Outcome::Refused(_)), Some(instead), Some(good)) =
                    (outcome, self.buyer.wanted(), command.good())
                    && instead != good
                {
                    let (good, instead) = (good.clone(), instead.clone());
                    self.report(What::Switched { good, instead }, cx);
                }
                match next {
                    Some(Next::Buy) => self.buy(cx),
                    Some(Next::Think(time)) if time.is_zero() => self.buy(cx),
                    Some(Next::Think(time)) => cx.set(Alarm::Think, time),
                    Some(Next::Rest(time)) => {
                        let lasts_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                        self.report(What::Rests { lasts_ns }, cx);
                        self.rests_until = cx.now + time;
                        cx.set(Alarm::Think, time);
                    }
                    Some(Next::Stop) | None => {
                        self.role = Role { buys: false, ..self.role };
                        self.consider_leaving(cx);
                    }
                }
            }
            Command::Deposit(offer) => {
                self.seller.answered(offer, outcome);
                self.restock(cx);
            }
            Command::Open | Command::Withdraw { .. } => {}
        }
    }

    fn noticed(&mut self, standing: Standing, sales: Vec<Sale>, cx: &mut Cx<'_>) {
        if !self.seller.learn(standing) {
            return;
        }
        for Sale { request, good, quantity, paid, earned: amount, total, left } in sales {
            self.report(What::Earned { request, good, quantity, paid, amount, total, left }, cx);
        }
        self.restock(cx);
    }

    fn restock(&mut self, cx: &mut Cx<'_>) {
        if self.role.sells && self.may_act() && self.seller.is_sold_out() {
            let command = self.seller.stock_up(self.reading(), cx.random);
            self.submit(command, cx);
        }
    }
}

/// Messages of the market.
impl Peer {
    pub(crate) fn trade(&mut self, from: NodeId, trade: Trade, cx: &mut Cx<'_>) {
        if let (Some(mine), Some(theirs)) = (&mut self.clock, &trade.clock) {
            mine.merge(theirs);
        }
        match trade.body {
            // Nobody asks in another one's name.
            Body::Request(request) | Body::Stamped { request, .. }
                if request.id.client.party != party(from) => {}
            Body::Request(request) => self.accept(Queued { from, request, stamp: None }, cx),
            Body::Stamped { request, stamp, floor } => {
                self.trader.queue().floor(from, floor);
                self.accept(Queued { from, request, stamp: Some(stamp) }, cx);
            }
            Body::Announced(stamp) => self.ordering.witness(&stamp),
            Body::Earliest(stamp) => self.tell_floor(from, &stamp, cx),
            Body::Floor(floor) => {
                if self.trader.queue().floor(from, floor) {
                    self.serve_soon(cx);
                }
            }
            Body::Answer { epoch, id, outcome } => {
                // What no journal holds counts only while the one that says so leads: one that was
                // deposed knows nothing of sessions that were opened since.
                let holds = match &outcome {
                    Outcome::Refused(refusal) => {
                        refusal.is_remembered() || self.leader() == Some(epoch)
                    }
                    _ => true,
                };
                if epoch.node == from && holds {
                    self.answered(id, outcome, cx);
                }
            }
            Body::Inquire => {
                if self.trader.epoch().is_some() {
                    let standing = self.trader.standing(party(from));
                    self.send(from, Body::Notice { standing, sales: Vec::new() }, cx);
                }
            }
            Body::Written(epoch) if from == self.me => self.written(epoch, cx),
            Body::Written(_) => {}
            Body::AskLots => self.tell_lots(from, cx),
            Body::Lots { lots, in_carts } => {
                if self.leader().is_some_and(|leader| leader.node == from) {
                    self.take_back(lots, in_carts, cx);
                }
            }
            Body::Notice { standing, sales } => {
                if self.leader().is_some_and(|leader| leader.node == from) {
                    self.noticed(standing, sales, cx);
                }
            }
        }
    }

    pub(crate) fn send(&mut self, to: NodeId, body: Body, cx: &mut Cx<'_>) {
        if let Some(clock) = &mut self.clock {
            clock.tick(self.me);
            self.note_counts(cx);
        }
        let after = match body {
            Body::Request(_)
            | Body::Stamped { .. }
            | Body::Announced(_)
            | Body::Earliest(_)
            | Body::Floor(_)
            | Body::Inquire
            | Body::AskLots => After::Own,
            Body::Answer { .. } | Body::Notice { .. } | Body::Lots { .. } | Body::Written(_) => {
                After::All
            }
        };
        let message = Message::Trade(Trade { clock: self.clock.clone(), body });
        cx.send_after(after, Destination::One(to), message);
    }
}
