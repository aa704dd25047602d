//! A customer of the trading houses: buys and sells through any trader.
//!
//! ```text
//!   request ── home: a trader's term, chosen once ──▶ Ask ──▶ Answer
//!                 │ silence, Lost, or gone from the roster
//!                 └──▶ Ask another trader: the same request, the same home
//! ```
//!
//! **Promise.** Each request has one effect and one answer, whichever traders are lost on the way.
//! *Why:* it is sold from a loan in its home only, which was fixed before it was sent for the first
//! time (SAFETY S14), and everything else is decided by the warehouse, once each. A promise is no
//! answer: it is sent again until it has one, though the buyer goes on.

mod traders;

use std::collections::BTreeMap;

use machine::{Context, Incarnation, Input, Journal, Machine, NodeId};
use market::{Command as Wanted, Outcome, Request, RequestId, TermId};
use peer::buyer::{Buyer, Next};
use peer::client::{Client, Resolution};
use peer::event::Operation;
use peer::seller::Seller;
use peer::{Report, What, party};

use crate::message::{Message, Record, Snapshot};
use crate::settings::{CustomerSettings, Settings};
use crate::trader::ledger::Seen;
use traders::Traders;

/// Timers of a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// What is not answered is sent again.
    Resend,
    /// The buyer has thought enough.
    Think,
    /// The seller gains goods.
    Accrue,
}

/// To a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Ask for nothing new.
    WindDown,
    /// Neither buy nor sell for a while.
    StandAside,
    /// Buy and sell again.
    GoOn,
}

/// Where a request was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    home: Option<TermId>,
    to: TermId,
    is_retried: bool,
    /// Whether it was promised, so that the buyer went on.
    is_promised: bool,
}

/// A customer.
#[derive(Debug, Clone)]
pub struct Customer {
    settings: Settings,
    own: CustomerSettings,
    incarnation: Incarnation,
    client: Client,
    buyer: Buyer,
    seller: Seller,
    buying: bool,
    is_winding_down: bool,
    is_aside: bool,
    /// Whether its process says which life this is, and writes it down.
    is_part: bool,
    traders: Traders,
    sent: BTreeMap<RequestId, Sent>,
    /// What it has seen of the traders' ledger, where they keep one.
    seen: Option<Seen>,
}

type Cx<'a> = Context<'a, Customer>;

impl Customer {
    /// A customer before its first life.
    pub fn new(settings: Settings, own: CustomerSettings) -> Self {
        Self {
            incarnation: Incarnation::default(),
            client: Client::new(party(settings.me)),
            buyer: Buyer::new(own.buyer.clone(), own.goods.clone()),
            seller: Seller::new(own.seller.clone(), own.goods.clone()),
            buying: false,
            is_winding_down: false,
            is_aside: false,
            is_part: false,
            traders: Traders::new(own.choice),
            sent: BTreeMap::new(),
            seen: None,
            settings,
            own,
        }
    }

    /// The same as a part of a process whose life this is.
    pub(crate) fn live(&mut self, incarnation: Incarnation) {
        (self.incarnation, self.is_part) = (incarnation, true);
    }

    /// What it asked for and has no answer to.
    pub fn pending(&self) -> impl Iterator<Item = RequestId> {
        self.client.pending().map(|(id, _)| id)
    }

    /// Whether anything is under way.
    pub fn is_busy(&self) -> bool {
        self.client.is_busy()
    }

    fn tell(&self, what: What, cx: &mut Cx<'_>) {
        cx.report(Report { at: cx.now, clock: None, what });
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        if !self.is_part {
            self.incarnation = self.incarnation.next();
            cx.snapshot(Journal::Own, Snapshot::Life(self.incarnation));
        }
        self.client.begin(self.incarnation, cx.now);
        if !self.is_part {
            let (incarnation, role) = (self.incarnation, self.own.role.name().to_owned());
            self.tell(What::Started { incarnation, role }, cx);
        }
        if !self.own.seller.accrue_every.is_zero() {
            cx.set(Alarm::Accrue, self.own.seller.accrue_every);
        }
        if self.own.role.sells {
            let stock = self.seller.stock_up(None, cx.random);
            self.submit(stock, cx);
        }
        if self.own.role.buys {
            let time = self.buyer.think(cx.random);
            cx.set(Alarm::Think, time);
        }
    }

    fn submit(&mut self, command: Option<Wanted>, cx: &mut Cx<'_>) {
        let Some(command) = command.filter(|_| !self.is_winding_down) else { return };
        if !self.client.submit(command.clone(), cx.now) {
            self.go_on(&command, None, cx);
        }
        self.send_fresh(cx);
    }

    fn send_fresh(&mut self, cx: &mut Cx<'_>) {
        while !self.traders.is_empty()
            && let Some(request) = self.client.fresh()
        {
            if request.command != Wanted::Open {
                let operation = Operation::from(&request.command);
                self.tell(What::Asked { request: request.id, operation, stamp: None }, cx);
            }
            self.send(request, cx);
            cx.set(Alarm::Resend, self.settings.times.resend);
        }
    }

    /// Sends a request, to its home if that is there.
    fn send(&mut self, request: Request, cx: &mut Cx<'_>) {
        let before = self.sent.get(&request.id).and_then(|sent| sent.home.or(Some(sent.to)));
        let Some(to) = self.traders.pick(before, cx.random) else { return };
        let is_buy = matches!(request.command, Wanted::Buy(_));
        let sent = match self.sent.get(&request.id) {
            Some(sent) => Sent { to, is_retried: true, ..*sent },
            None => {
                let home = is_buy.then_some(to);
                Sent { home, to, is_retried: false, is_promised: false }
            }
        };
        self.sent.insert(request.id, sent);
        let Sent { home, is_retried, .. } = sent;
        if let Some(node) = crate::node_of(to.trader) {
            let seen = self.seen.clone();
            cx.send(node, Message::Ask { request, home, is_retried, seen });
        }
    }

    fn resend(&mut self, cx: &mut Cx<'_>) {
        for request in self.client.unanswered() {
            self.send(request, cx);
        }
        self.send_fresh(cx);
        if self.client.is_busy() {
            cx.set(Alarm::Resend, self.settings.times.resend);
        }
    }

    /// Sends again what was sent to traders that are not there any more.
    fn retry_lost(&mut self, cx: &mut Cx<'_>) {
        for request in self.client.unanswered() {
            let is_lost =
                self.sent.get(&request.id).is_none_or(|sent| self.traders.is_gone(sent.to));
            if is_lost {
                self.send(request, cx);
            }
        }
        self.send_fresh(cx);
    }

    fn answered(&mut self, id: RequestId, outcome: Outcome, is_by_cache: bool, cx: &mut Cx<'_>) {
        // A request that may be with two traders is not denied by one of them.
        if is_by_cache && self.sent.get(&id).is_none_or(|sent| sent.is_retried) {
            return;
        }
        for resolution in self.client.answered(id, outcome, cx.now) {
            match resolution {
                Resolution::Answered { id, command, outcome, took } => {
                    let sent = self.sent.remove(&id);
                    let operation = Operation::from(&command);
                    let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    let told = outcome.clone();
                    self.tell(What::Answered { request: id, operation, outcome, took_ns }, cx);
                    match sent.is_some_and(|sent| sent.is_promised) {
                        true => self.was_promised(id, &told, cx),
                        false => self.go_on(&command, Some(&told), cx),
                    }
                }
                // A later life of a customer begins anew.
                Resolution::Returned { .. } => {}
                Resolution::InDoubt { id, command } => {
                    let sent = self.sent.remove(&id);
                    let operation = Operation::from(&command);
                    self.tell(What::Abandoned { request: id, operation }, cx);
                    if !sent.is_some_and(|sent| sent.is_promised) {
                        self.go_on(&command, None, cx);
                    }
                }
            }
        }
        self.send_fresh(cx);
        if !self.client.is_busy() {
            cx.clear(Alarm::Resend);
            self.sent.clear();
        }
    }

    /// The buyer goes on as if it had bought; the answer follows.
    fn promised(&mut self, id: RequestId, seen: &Seen, cx: &mut Cx<'_>) {
        self.seen.get_or_insert_default().merge(seen);
        let Some(since) = self.client.since(id) else { return };
        let Some(sent) = self.sent.get_mut(&id).filter(|sent| !sent.is_promised) else { return };
        sent.is_promised = true;
        let took_ns = u64::try_from(cx.now.since(since).as_nanos()).unwrap_or(u64::MAX);
        self.tell(What::Promised { request: id, took_ns }, cx);
        self.buying = false;
        let next = self.buyer.bought(cx.random);
        self.next(next, cx);
    }

    /// The answer to what was promised is here.
    fn was_promised(&mut self, id: RequestId, outcome: &Outcome, cx: &mut Cx<'_>) {
        if matches!(outcome, Outcome::Bought(_)) {
            return;
        }
        let was_done = self.buyer.is_done();
        self.buyer.taken_back();
        self.tell(What::TakenBack { request: id }, cx);
        if was_done {
            self.buy(cx);
        }
    }

    fn next(&mut self, next: Next, cx: &mut Cx<'_>) {
        match next {
            Next::Buy => self.buy(cx),
            Next::Think(time) if time.is_zero() => self.buy(cx),
            Next::Think(time) | Next::Rest(time) => cx.set(Alarm::Think, time),
            Next::Stop => {}
        }
    }

    fn go_on(&mut self, command: &Wanted, outcome: Option<&Outcome>, cx: &mut Cx<'_>) {
        match command {
            Wanted::Buy(_) | Wanted::Hold { .. } | Wanted::Claim { .. } | Wanted::Void { .. } => {
                self.buying = false;
                let next = self.buyer.answered(command, outcome, cx.random);
                self.next(next, cx);
            }
            Wanted::Deposit(offer) => self.seller.answered(offer, outcome),
            Wanted::Open | Wanted::Withdraw { .. } => {}
        }
    }

    fn buy(&mut self, cx: &mut Cx<'_>) {
        if self.own.role.buys && !self.buying && !self.is_winding_down && !self.is_aside {
            let command = self.buyer.wish(cx.random);
            self.buying = command.is_some();
            self.submit(command, cx);
        }
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        match body {
            Message::Promised { id, seen } => self.promised(id, &seen, cx),
            Message::Answer { id, outcome, is_by_cache, seen } => {
                if let Some(seen) = seen {
                    self.seen.get_or_insert_default().merge(&seen);
                }
                self.answered(id, outcome, is_by_cache, cx);
            }
            Message::Roster { version, terms }
                if from == self.settings.warehouse
                    && self.traders.learn(version, terms.clone()) =>
            {
                if let Some(seen) = &mut self.seen {
                    seen.forget_all_but(version, &terms);
                }
                self.retry_lost(cx);
            }
            Message::Loads { per_second } if from == self.settings.warehouse => {
                self.traders.learn_loads(per_second);
            }
            Message::Lost { term } if self.traders.lose(term) => self.retry_lost(cx),
            _ => {}
        }
    }
}

impl Machine for Customer {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { snapshot: Snapshot::Life(incarnation), .. } => {
                self.incarnation = incarnation;
            }
            Input::Start => self.start(cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Closed(node) => {
                self.traders.close(node);
                self.retry_lost(cx);
            }
            Input::Opened(node) => self.traders.open(node),
            Input::Alarm(Alarm::Resend) => self.resend(cx),
            Input::Alarm(Alarm::Think) => self.buy(cx),
            Input::Alarm(Alarm::Accrue) => {
                cx.set(Alarm::Accrue, self.own.seller.accrue_every);
                if self.own.role.sells && !self.is_aside {
                    let gained = self.seller.accrue(None);
                    self.submit(gained, cx);
                }
            }
            Input::Command(Command::WindDown) => self.is_winding_down = true,
            Input::Command(Command::StandAside) => self.is_aside = true,
            Input::Command(Command::GoOn) => {
                self.is_aside = false;
                if self.own.role.buys && !self.buying {
                    let time = self.buyer.think(cx.random);
                    cx.set(Alarm::Think, time);
                }
            }
            Input::Restore { .. }
            | Input::Replay { .. }
            | Input::Claimed(_)
            | Input::Refused(_) => {}
        }
    }
}
