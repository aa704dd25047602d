//! The warehouse: where the stock is, and the one place that decides what is not sold from a loan.
//!
//! ```text
//!   traders ── Enlist ──▶ term opened, announced to all ── Wish ──▶ Granted …
//!      │                                                       ▲ frozen while a good is recalled
//!      ├── Report {deeds} ──▶ in the books: Taken              │
//!      ├── Forward {request} ──▶ home elsewhere? Shut there ──▶ known? ── yes ──▶ Decided
//!      │                                                       └─ no: Recall from every term, wait
//!      └── silent, or gone: Fenced ── its buddy Surrenders ──▶ Over: what is left is on the shelves
//! ```
//!
//! **Promise.** Nothing is sold twice and nothing is denied that can be had. *Why:* its journal holds
//! each grant before the trader has it (SAFETY S11) and each answer before anybody hears it; a
//! request that another term may have sold is decided when that term has said that it did not, or is
//! over; a term is over when whoever can confirm its sales has refused to confirm more (S12); and the
//! kernel says *sold out* of no good of which anything is on loan (S13).

mod deciding;
mod fencing;
mod loans;
mod requests;
pub mod scaling;

use std::collections::{BTreeMap, BTreeSet};

use machine::{Context, Incarnation, Input, Instant, Journal, Machine, NodeId};
use market::{Act, Applied, Entry, Good, Kernel, Party, TermId};
use peer::{Report, What, party};

use crate::message::{Buddy, House, Message, Record, Snapshot};
use crate::settings::{Cache, Settings, WarehouseSettings};
use requests::Requests;
use scaling::{Loads, Wanted};

/// Timers of a warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// It says that it is there, and looks who else is.
    Beat,
    /// What is not answered is sent again.
    Resend,
    /// Changed counts are sent.
    Push,
    /// It looks how much traders have to do.
    Scale,
}

/// To the warehouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Ends a term without what its trader and whoever held its deeds may have sold: they have
    /// forgotten it. An operator's decision, never the warehouse's own.
    WriteOff(TermId),
}

/// The warehouse.
#[derive(Debug, Clone)]
pub struct Warehouse {
    settings: Settings,
    snapshot_every: u64,
    kernel: Kernel,
    entries: u64,
    entries_due: u64,
    /// In which life its trader asked for each term; unknown after a restart.
    lives: BTreeMap<TermId, Incarnation>,
    /// When each trader was heard of.
    heard: BTreeMap<NodeId, Instant>,
    requests: Requests,
    /// Goods that are being recalled, since when.
    recalls: BTreeMap<Good, Instant>,
    /// Fenced terms whose buddy has forgotten: only their traders know what was sold.
    forgotten: BTreeSet<TermId>,
    version: u64,
    is_push_set: bool,
    loads: Loads,
    wanted: Wanted,
}

pub(crate) type Cx<'a> = Context<'a, Warehouse>;

impl Warehouse {
    /// A warehouse before its first life.
    pub fn new(settings: Settings, own: WarehouseSettings) -> Self {
        Self {
            settings,
            snapshot_every: own.snapshot_every,
            kernel: own.founding,
            entries: 0,
            entries_due: own.snapshot_every,
            lives: BTreeMap::new(),
            heard: BTreeMap::new(),
            requests: Requests::default(),
            recalls: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            version: 0,
            is_push_set: false,
            loads: Loads::default(),
            wanted: Wanted::new(own.scaling),
        }
    }

    /// The market.
    pub fn market(&self) -> &Kernel {
        &self.kernel
    }

    /// How many requests wait for a decision.
    pub fn waiting(&self) -> usize {
        self.requests.len()
    }

    /// Fenced terms of which nobody but their traders can say what was sold.
    pub fn forgotten(&self) -> impl Iterator<Item = TermId> {
        self.forgotten.iter().copied()
    }

    /// Takes a step of the market, and writes it down.
    fn apply(&mut self, trader: Party, act: Act, cx: &mut Cx<'_>) -> Applied {
        let entry = Entry { at_ms: cx.now.as_millis(), trader, draw: cx.random.next_u64(), act };
        let applied = self.kernel.apply(&entry);
        if applied.outcome.changes_the_market() {
            self.entries += 1;
            cx.persist(Journal::Own, Record::Entry(entry));
            if self.entries >= self.entries_due {
                self.snapshot(cx);
            }
            self.push_soon(cx);
        }
        applied
    }

    fn snapshot(&mut self, cx: &mut Cx<'_>) {
        self.entries = 0;
        self.entries_due = self.snapshot_every.max(self.kernel.parts() as u64);
        cx.snapshot(Journal::Own, Snapshot::Market(Box::new(self.kernel.clone())));
    }

    fn tell(&self, what: What, cx: &mut Cx<'_>) {
        cx.report(Report { at: cx.now, clock: None, what });
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.snapshot(cx);
        for trader in &self.settings.traders {
            self.heard.insert(*trader, cx.now);
        }
        cx.set(Alarm::Beat, self.settings.times.beat_period);
        cx.set(Alarm::Resend, self.settings.times.resend);
        self.begin_scaling(cx);
        self.announce(cx);
        self.resend(cx);
    }

    /// Tells all who trades.
    fn announce(&mut self, cx: &mut Cx<'_>) {
        // Time does not run backwards from life to life, as a count would.
        self.version = cx.now.as_nanos().max(self.version + 1);
        self.announce_again(cx);
    }

    /// Tells all again: they may not have heard.
    fn announce_again(&self, cx: &mut Cx<'_>) {
        let (traders, customers) = (&self.settings.traders, &self.settings.customers);
        let all = traders.iter().chain(customers).copied().collect();
        cx.send_many(all, self.roster());
    }

    fn roster(&self) -> Message {
        Message::Roster { version: self.version, terms: self.trading().collect() }
    }

    /// Terms that customers may ask.
    fn trading(&self) -> impl Iterator<Item = TermId> {
        self.kernel.terms().filter(|(_, term)| !term.is_fenced()).map(|(id, _)| id)
    }

    fn house(&self, term: TermId, body: House, cx: &mut Cx<'_>) {
        if let Some(node) = crate::node_of(term.trader) {
            cx.send(node, Message::House(body));
        }
    }

    fn push_soon(&mut self, cx: &mut Cx<'_>) {
        if let (Cache::Push { period, .. } | Cache::Ledger { period, .. }, false) =
            (self.settings.cache, self.is_push_set)
        {
            self.is_push_set = true;
            cx.set(Alarm::Push, period);
        }
    }

    fn counts(&self, cx: &Cx<'_>) -> Message {
        let goods = self.kernel.goods();
        // What is in carts is not for sale.
        let for_sale = |good, left: u64| left - self.kernel.held(good);
        let counts = goods.map(|(good, units)| (good.clone(), for_sale(good, units.left)));
        let counts = counts.collect();
        Message::House(House::Counts { version: cx.now.as_nanos(), counts })
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        if !self.settings.traders.contains(&from) {
            return;
        }
        self.heard.insert(from, cx.now);
        match body {
            Message::House(body) => self.house_message(from, body, cx),
            Message::Buddy(body) => self.buddy_message(from, body, cx),
            Message::Beat { answers } => self.loads.told(from, answers),
            // A trader that lost sight of another one: whether it is gone is seen here.
            Message::Lost { .. }
            | Message::Loads { .. }
            | Message::Promised { .. }
            | Message::Ledger(_)
            | Message::Ask { .. }
            | Message::Answer { .. }
            | Message::Roster { .. }
            | Message::Membership(_)
            | Message::Election(_) => {}
        }
    }

    fn house_message(&mut self, from: NodeId, body: House, cx: &mut Cx<'_>) {
        let is_its = |term: TermId| term.trader == party(from);
        match body {
            House::Enlist { incarnation } => self.enlist(from, incarnation, cx),
            House::Forward { request, home, by } => {
                self.forwarded(from, request, home, by.filter(|by| is_its(*by)), cx);
            }
            House::Wish { term, good, units } if is_its(term) => self.wish(term, good, units, cx),
            House::Report { term, received, from: first, deeds, is_last } if is_its(term) => {
                self.reported(term, received, first, deeds, is_last, cx);
            }
            House::Goes { incarnation } => self.goes(from, incarnation, cx),
            House::Look => cx.send(from, self.counts(cx)),
            _ => {}
        }
    }

    fn buddy_message(&mut self, from: NodeId, body: Buddy, cx: &mut Cx<'_>) {
        match body {
            Buddy::Stands { term, pairing, by } => self.stands(from, (term, pairing), by, cx),
            Buddy::Surrendered { term, from: first, deeds, more } => {
                self.surrendered(from, term, first, deeds, more, cx);
            }
            Buddy::Forgot { term } => self.forgot(from, term),
            Buddy::Holds { term, pairing, by } => self.free(from, (term, pairing), by, cx),
            _ => {}
        }
    }

    fn resend(&mut self, cx: &mut Cx<'_>) {
        let terms: BTreeSet<TermId> = self.kernel.terms().map(|(id, _)| id).collect();
        for term in terms {
            self.go_on_fencing(term, cx);
            self.pair(term, cx);
            self.send_grants(term, cx);
        }
        self.ask_homes(cx);
        self.recall_again(cx);
        self.announce_again(cx);
    }
}

impl Machine for Warehouse {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { snapshot: Snapshot::Market(kernel), .. } => self.kernel = *kernel,
            Input::Replay { record: Record::Entry(entry), .. } => _ = self.kernel.apply(&entry),
            Input::Start => self.start(cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Opened(node) => {
                if self.settings.traders.contains(&node) {
                    self.heard.insert(node, cx.now);
                }
                cx.send(node, self.roster());
            }
            Input::Closed(node) => self.suspect(node, cx),
            Input::Alarm(Alarm::Beat) => {
                cx.set(Alarm::Beat, self.settings.times.beat_period);
                let beat = Message::Beat { answers: 0 };
                cx.send_urgent(self.settings.traders.clone(), beat);
                self.end_holds(cx);
                self.look_around(cx);
            }
            Input::Alarm(Alarm::Resend) => {
                cx.set(Alarm::Resend, self.settings.times.resend);
                self.resend(cx);
            }
            Input::Alarm(Alarm::Push) => {
                self.is_push_set = false;
                cx.send_many(self.settings.traders.clone(), self.counts(cx));
            }
            Input::Alarm(Alarm::Scale) => self.scale(cx),
            Input::Command(Command::WriteOff(term)) => self.write_off(term, cx),
            // It has one journal.
            Input::Restore { .. }
            | Input::Replay { .. }
            | Input::Claimed(_)
            | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        self.kernel.check_quick()?;
        match self.kernel.broken_sales() {
            0 => Ok(()),
            broken => Err(format!("{broken} sales were reported that the books have no room for")),
        }
    }
}
