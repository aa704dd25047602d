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
//! time (SAFETY S14), and everything else is decided by the warehouse, once each.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Context, Incarnation, Input, Journal, Machine, NodeId};
use market::{Command as Wanted, Outcome, Request, RequestId, TermId};
use peer::buyer::{Buyer, Next};
use peer::client::{Client, Resolution};
use peer::event::Operation;
use peer::seller::Seller;
use peer::{Report, What, party};

use crate::message::{Message, Record, Snapshot};
use crate::settings::{CustomerSettings, Settings, TraderChoice};

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
    version: u64,
    roster: Vec<TermId>,
    /// Terms of the roster that a trader says are lost.
    lost: BTreeSet<TermId>,
    favourite: Option<TermId>,
    /// How many answers a second each trader gave of late, where that is told.
    loads: BTreeMap<TermId, u64>,
    sent: BTreeMap<RequestId, Sent>,
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
            version: 0,
            roster: Vec::new(),
            lost: BTreeSet::new(),
            favourite: None,
            loads: BTreeMap::new(),
            sent: BTreeMap::new(),
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
        while !self.roster.is_empty()
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
        let Some(to) = self.trader_for(request.id, cx) else { return };
        let is_buy = matches!(request.command, Wanted::Buy(_));
        let sent = match self.sent.get(&request.id) {
            Some(sent) => Sent { to, is_retried: true, ..*sent },
            None => Sent { home: is_buy.then_some(to), to, is_retried: false },
        };
        self.sent.insert(request.id, sent);
        let Sent { home, is_retried, .. } = sent;
        if let Some(node) = crate::node_of(to.trader) {
            cx.send(node, Message::Ask { request, home, is_retried });
        }
    }

    fn trader_for(&mut self, id: RequestId, cx: &mut Cx<'_>) -> Option<TermId> {
        let there: Vec<TermId> =
            self.roster.iter().filter(|term| !self.lost.contains(term)).copied().collect();
        // All are said to be lost: one may be there all the same.
        let there = if there.is_empty() { self.roster.clone() } else { there };
        let sent = self.sent.get(&id).and_then(|sent| sent.home.or(Some(sent.to)));
        let chosen = match (sent, self.own.choice) {
            (Some(to), _) if there.contains(&to) => Some(to),
            (None, TraderChoice::Sticky) => self.favourite.filter(|term| there.contains(term)),
            _ => None,
        };
        let chosen = chosen.or_else(|| self.choose(&there, cx));
        self.favourite = chosen;
        chosen
    }

    fn choose(&self, there: &[TermId], cx: &mut Cx<'_>) -> Option<TermId> {
        let one = cx.random.pick(there).copied()?;
        if self.own.choice != TraderChoice::LeastLoaded {
            return Some(one);
        }
        let other = cx.random.pick(there).copied()?;
        // Of a new one nothing is known yet: it has done little.
        let load = |term: TermId| self.loads.get(&term).copied().unwrap_or_default();
        Some(if load(other) < load(one) { other } else { one })
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
            let is_lost = self
                .sent
                .get(&request.id)
                .is_none_or(|sent| self.lost.contains(&sent.to) || !self.roster.contains(&sent.to));
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
                    self.sent.remove(&id);
                    let operation = Operation::from(&command);
                    let took_ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
                    let told = outcome.clone();
                    self.tell(What::Answered { request: id, operation, outcome, took_ns }, cx);
                    self.go_on(&command, Some(&told), cx);
                }
                // A later life of a customer begins anew.
                Resolution::Returned { .. } => {}
                Resolution::InDoubt { id, command } => {
                    self.sent.remove(&id);
                    let operation = Operation::from(&command);
                    self.tell(What::Abandoned { request: id, operation }, cx);
                    self.go_on(&command, None, cx);
                }
            }
        }
        self.send_fresh(cx);
        if !self.client.is_busy() {
            cx.clear(Alarm::Resend);
            self.sent.clear();
        }
    }

    fn go_on(&mut self, command: &Wanted, outcome: Option<&Outcome>, cx: &mut Cx<'_>) {
        match command {
            Wanted::Buy(order) => {
                self.buying = false;
                match self.buyer.answered(order, outcome, cx.random) {
                    Next::Buy => self.buy(cx),
                    Next::Think(time) if time.is_zero() => self.buy(cx),
                    Next::Think(time) | Next::Rest(time) => cx.set(Alarm::Think, time),
                    Next::Stop => {}
                }
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
            Message::Answer { id, outcome, is_by_cache } => {
                self.answered(id, outcome, is_by_cache, cx);
            }
            Message::Roster { version, terms }
                if from == self.settings.warehouse && version > self.version =>
            {
                (self.version, self.roster) = (version, terms);
                self.lost.retain(|term| self.roster.contains(term));
                self.retry_lost(cx);
            }
            Message::Loads { per_second } if from == self.settings.warehouse => {
                self.loads = per_second.into_iter().collect();
            }
            Message::Lost { term } if self.roster.contains(&term) => {
                self.lost.insert(term);
                self.retry_lost(cx);
            }
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
                let gone = self.roster.iter().filter(|term| term.trader == party(node));
                let gone: Vec<TermId> = gone.copied().collect();
                self.lost.extend(gone);
                self.retry_lost(cx);
            }
            Input::Opened(node) => self.lost.retain(|term| term.trader != party(node)),
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
