//! What a peer does in the market: asks, serves, and takes answers.

use machine::{After, Destination, Epoch, Input, Journal, NodeId};
use market::{Act, Applied, Command, Outcome, Request, RequestId};

use groupcast::leadership::{self, Stepped};

use crate::buyer::Next;
use crate::client::Resolution;
use crate::event::{Operation, What};
use crate::message::{Body, Message, Record, Sale, Snapshot, Standing, Trade};
use crate::party;
use crate::peer::{Alarm, Cx, Peer};
use crate::settings::Role;
use crate::trader::Queued;

/// The client's side.
impl Peer {
    /// A leader is known: what the peer wants can go on.
    pub(crate) fn act(&mut self, cx: &mut Cx<'_>) {
        if !self.may_act() {
            return;
        }
        if self.role.sells && !self.has_stocked_up {
            self.has_stocked_up = true;
            let command = self.seller.stock_up(self.clock.clone(), cx.random);
            self.submit(command, cx);
        }
        if self.role.buys && !self.buying {
            let time = self.buyer.think(cx.random);
            cx.set(Alarm::Think, time);
        }
    }

    pub(crate) fn buy(&mut self, cx: &mut Cx<'_>) {
        if self.may_act() && self.role.buys && !self.buying {
            let command = self.buyer.wish(cx.random);
            self.buying = command.is_some();
            self.submit(command, cx);
        }
    }

    pub(crate) fn tend_stall(&mut self, alarm: Alarm, cx: &mut Cx<'_>) {
        let stamp = self.clock.clone();
        let settings = self.seller.settings();
        let (every, command) = match alarm {
            Alarm::Accrue => (settings.accrue_every, Seller::Accrue),
            Alarm::Update => (settings.update_every, Seller::Update),
            _ => (settings.inquire_every, Seller::Inquire),
        };
        cx.set(alarm, every);
        if !self.role.sells || !self.may_act() || !self.has_stocked_up {
            return;
        }
        match command {
            Seller::Accrue => {
                let command = self.seller.accrue(stamp);
                self.submit(command, cx);
            }
            Seller::Update => {
                let command = self.seller.update(stamp, cx.random);
                self.submit(command, cx);
            }
            Seller::Inquire => {
                if let Some(leader) = self.leader() {
                    self.send(leader.node, Body::Inquire, cx);
                }
            }
        }
    }

    fn submit(&mut self, command: Option<Command>, cx: &mut Cx<'_>) {
        let Some(command) = command else { return };
        if !self.client.submit(command, cx.now) {
            let value = crate::client::QUEUE_MAX as u64;
            self.report(What::Overflow { limit: "client queue".into(), value }, cx);
        }
        self.send_fresh(cx);
    }

    fn send_fresh(&mut self, cx: &mut Cx<'_>) {
        while let Some(request) = self.client.fresh() {
            if request.command != Command::Open {
                let operation = Operation::from(&request.command);
                self.report(What::Asked { request: request.id, operation }, cx);
            }
            self.route(request, cx);
            cx.set(Alarm::Resend, self.settings.resend);
        }
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
            self.send(leader.node, Body::Request(request), cx);
        }
    }

    fn answered(&mut self, id: RequestId, outcome: Outcome, cx: &mut Cx<'_>) {
        for resolution in self.client.answered(id, outcome, cx.now) {
            match resolution {
                Resolution::Answered { id, command, outcome, took } => {
                    let operation = Operation::from(&command);
                    let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    let known = outcome.clone();
                    self.report(What::Answered { request: id, operation, outcome, took_ns }, cx);
                    self.go_on(&command, Some(&known), cx);
                }
                Resolution::InDoubt { id, command } => {
                    let operation = Operation::from(&command);
                    self.report(What::Abandoned { request: id, operation }, cx);
                    self.go_on(&command, None, cx);
                }
            }
        }
        self.send_fresh(cx);
        if !self.client.is_busy() {
            cx.clear(Alarm::Resend);
        }
    }

    fn go_on(&mut self, command: &Command, outcome: Option<&Outcome>, cx: &mut Cx<'_>) {
        match command {
            Command::Buy(order) => {
                self.buying = false;
                match self.buyer.answered(order, outcome, cx.random) {
                    Next::Buy => self.buy(cx),
                    Next::Think(time) if time.is_zero() => self.buy(cx),
                    Next::Think(time) => cx.set(Alarm::Think, time),
                    Next::Stop => self.role = Role { buys: false, ..self.role },
                }
            }
            Command::Deposit(offer) => {
                self.seller.answered(offer, outcome);
                self.restock(cx);
            }
            Command::Open | Command::Withdraw { .. } => {}
        }
    }

    fn noticed(&mut self, standing: Standing, sale: Option<Sale>, cx: &mut Cx<'_>) {
        if !self.seller.learn(standing) {
            return;
        }
        if let Some(Sale { good, quantity, earned }) = sale {
            let (amount, total) = (earned, standing.earned);
            self.report(What::Earned { good, quantity, amount, total }, cx);
        }
        self.restock(cx);
    }

    fn restock(&mut self, cx: &mut Cx<'_>) {
        if self.role.sells && self.may_act() && self.seller.is_sold_out() {
            let command = self.seller.stock_up(self.clock.clone(), cx.random);
            self.submit(command, cx);
        }
    }
}

enum Seller {
    Accrue,
    Update,
    Inquire,
}

/// Messages of the market.
impl Peer {
    pub(crate) fn trade(&mut self, from: NodeId, trade: Trade, cx: &mut Cx<'_>) {
        if let (Some(mine), Some(theirs)) = (&mut self.clock, &trade.clock) {
            mine.merge(theirs);
        }
        match trade.body {
            // Nobody asks in another one's name.
            Body::Request(request) if request.id.client.party != party(from) => {}
            Body::Request(request) => {
                let clock = trade.clock;
                self.accept(Queued { from, request, clock }, cx);
            }
            Body::Answer { id, outcome, .. } => self.answered(id, outcome, cx),
            Body::Inquire => {
                if self.trader.epoch().is_some() {
                    let standing = self.trader.standing(party(from));
                    self.send(from, Body::Notice { standing, sale: None }, cx);
                }
            }
            Body::Notice { standing, sale } => self.noticed(standing, sale, cx),
        }
    }

    fn send(&mut self, to: NodeId, body: Body, cx: &mut Cx<'_>) {
        if let Some(clock) = &mut self.clock {
            clock.tick(self.me);
        }
        let after = match body {
            Body::Request(_) | Body::Inquire => After::Own,
            Body::Answer { .. } | Body::Notice { .. } => After::All,
        };
        let message = Message::Trade(Trade { clock: self.clock.clone(), body });
        cx.send_after(after, Destination::One(to), message);
    }
}

/// The trader's side.
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
        // What waited while the market was being taken over is served first.
        self.serve_queue(cx);
    }

    pub(crate) fn stop_trading(&mut self, why: Stepped, cx: &mut Cx<'_>) {
        self.trader.stop();
        for alarm in [Alarm::Quantum, Alarm::Expire, Alarm::Serve] {
            cx.clear(alarm);
        }
        if why == Stepped::Resigned && self.settings.return_as_random {
            let buys = cx.random.chance(0.5);
            self.role = Role { buys, sells: !buys };
        }
    }

    fn accept(&mut self, queued: Queued, cx: &mut Cx<'_>) {
        if !self.trader.must_queue() {
            return self.serve(queued.from, queued.request, cx);
        }
        if !self.trader.enqueue(queued) {
            let value = self.settings.trader.pending_max as u64;
            return self.report(What::Overflow { limit: "pending requests".into(), value }, cx);
        }
        if self.trader.epoch().is_some() {
            // At once, but after the other inputs of this turn: they make up a batch.
            cx.set(Alarm::Serve, std::time::Duration::ZERO);
        }
    }

    pub(crate) fn serve_queue(&mut self, cx: &mut Cx<'_>) {
        for queued in self.trader.take_queue() {
            self.serve(queued.from, queued.request, cx);
        }
    }

    /// Serves a request; without effect at a peer that does not trade (its sender sends it again
    /// to whoever does).
    fn serve(&mut self, from: NodeId, request: Request, cx: &mut Cx<'_>) {
        let (Some(epoch), id) = (self.trader.epoch(), request.id) else { return };
        let good = good_of(&request.command);
        let Some(applied) = self.apply(Act::Request(request.clone()), cx) else { return };
        self.tell(epoch, &request, good, &applied, cx);
        let outcome = applied.outcome;
        let sales = if applied.repeated { Vec::new() } else { sales_of(&outcome) };
        self.send(from, Body::Answer { epoch, id, outcome }, cx);
        for (seller, sale) in sales {
            let standing = self.trader.standing(party(seller));
            self.send(seller, Body::Notice { standing, sale: Some(sale) }, cx);
        }
        if self.trader.has_sold_enough() {
            // When the rest of this turn's requests are served.
            cx.set(Alarm::Quantum, std::time::Duration::ZERO);
        }
    }

    fn apply(&mut self, act: Act, cx: &mut Cx<'_>) -> Option<Applied> {
        let draw = cx.random.next_u64();
        let served = self.trader.serve(party(self.me), cx.now.as_millis(), draw, act)?;
        if let Some(entry) = served.entry {
            cx.persist(Journal::Common, Record::Entry(entry));
        }
        if let Some(kernel) = self.trader.due_snapshot() {
            cx.snapshot(Journal::Common, Snapshot::Market(Box::new(kernel)));
        }
        Some(served.applied)
    }

    /// Reports what came of a request.
    fn tell(
        &mut self,
        epoch: Epoch,
        request: &Request,
        good: Option<market::Good>,
        applied: &Applied,
        cx: &mut Cx<'_>,
    ) {
        let (id, party) = (request.id, request.id.client.party);
        let what = match (&applied.outcome, &request.command) {
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
            (Outcome::Refused(refusal), _) => {
                let Some(good) = good else { return };
                What::Refused { epoch, request: id, good, refusal: *refusal }
            }
            _ => return,
        };
        self.report_trade(what, cx);
    }

    pub(crate) fn consider_resigning(&mut self, cx: &mut Cx<'_>) {
        let settings = self.trader.settings();
        if self.trader.epoch().is_none() {
            return;
        }
        if !settings.resign_quantum.is_zero() {
            cx.set(Alarm::Quantum, settings.resign_quantum);
        }
        let wants_to =
            self.trader.has_sold_enough() || cx.random.chance(settings.resign_probability);
        if wants_to && !self.is_winding_down {
            self.lead_input(Input::Command(leadership::Command::Resign), cx);
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

fn good_of(command: &Command) -> Option<market::Good> {
    match command {
        Command::Buy(order) => Some(order.good.clone()),
        Command::Deposit(offer) => Some(offer.good.clone()),
        Command::Open | Command::Withdraw { .. } => None,
    }
}

/// What each seller sold.
fn sales_of(outcome: &Outcome) -> Vec<(NodeId, Sale)> {
    let Outcome::Bought(receipt) = outcome else { return Vec::new() };
    let mut sales: Vec<(NodeId, Sale)> = Vec::with_capacity(receipt.fills.len());
    for fill in &receipt.fills {
        let Ok(seller) = u32::try_from(fill.seller.0).map(NodeId) else { continue };
        match sales.iter_mut().find(|(other, _)| *other == seller) {
            Some((_, sale)) => {
                sale.quantity += fill.quantity;
                sale.earned = market::Money(sale.earned.0 + fill.earned.0);
            }
            None => {
                let good = receipt.good.clone();
                let (quantity, earned) = (fill.quantity, fill.earned);
                sales.push((seller, Sale { good, quantity, earned }));
            }
        }
    }
    sales
}
