//! A trader of the trading houses: takes any order, and sells from its loan, if it has one, without
//! asking the warehouse.
//!
//! ```text
//!   Ask {request, home} ── a buy of this term, and all of it is here ──▶ sold: a deed, and the answer
//!      │                                                                  as soon as the deed is held
//!      └── anything else ──▶ Forward to the warehouse ── Decided ──▶ Answer
//!
//!   deeds ── Keep ──▶ the buddy: Kept ──┐
//!     └──── Report ─▶ the warehouse: Taken ──▶ answers up to there are confirmed
//! ```
//!
//! **Promise.** A buyer that hears of a sale has it, and hears of no other one for the same request.
//! *Why:* a request is sold from a loan in its home term only, and there once ([`market::Stall`]); its answer
//! leaves when the warehouse or whoever the warehouse will ask before it ends the term has the deed;
//! and what this trader passes on instead, it has shut before.

mod buddy;
mod counts;
mod deeds;
pub mod ledger;
mod promising;
mod selling;
mod terms;

use std::collections::BTreeMap;

use machine::{Context, Incarnation, Input, Instant, Machine, NodeId};
use market::{ClientId, Good, Outcome, RequestId, TermId};
use peer::{Report, What};

use crate::message::{House, Message, Record, Snapshot};
use crate::settings::{Cache, Settings};
use buddy::Held;
use counts::{Counts, Fates};
use ledger::Ledger;
use selling::{Asked, Forwarded};
use terms::Open;

/// Most requests passed on that a trader remembers the customers of; beyond it they are left to be
/// sent again.
pub const FORWARDED_MAX: usize = 1 << 16;

/// Timers of a trader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// It says that it is there, and looks who else is.
    Beat,
    /// What is not answered is sent again.
    Resend,
    /// Deeds are reported that no answer waits for.
    Report,
    /// Counts are asked for again.
    Look,
}

/// To a trader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Give back what is on loan and begin no other term.
    Retire,
    /// Take the office up, or up again.
    Trade,
}

/// A trader.
#[derive(Debug, Clone)]
pub struct Trader {
    settings: Settings,
    rules: market::Rules,
    incarnation: Incarnation,
    /// Its term; none before the first and between two.
    open: Option<Open>,
    /// What an earlier life left in its log, where traders' own logs confirm.
    logged: Option<Open>,
    is_retiring: bool,
    /// How many answers it gave in this life.
    answers: u64,
    /// It has asked for a term and does not know of it yet.
    is_enlisting: bool,
    /// The warehouse says that nobody counts on it, since it is out of office.
    may_go: bool,
    /// How often it would have sent something again, since it is out of office.
    idle_resends: u32,
    /// What was passed on.
    forwarded: BTreeMap<RequestId, Forwarded>,
    /// What became of requests that may come again, where it denies some by itself.
    fates: BTreeMap<ClientId, Fates>,
    /// What it holds for others.
    held: Held,
    counts: Counts,
    /// What traders promised, where they keep a ledger.
    ledger: Ledger,
    version: u64,
    roster: Vec<TermId>,
    /// How many records stand behind the last snapshot of its own journal.
    own_records: u32,
    /// When each other trader was heard of.
    heard: BTreeMap<NodeId, Instant>,
}

pub(crate) type Cx<'a> = Context<'a, Trader>;

impl Trader {
    /// A trader before its first life, under the warehouse's rules.
    pub fn new(settings: Settings, rules: market::Rules) -> Self {
        Self {
            settings,
            rules,
            incarnation: Incarnation::default(),
            open: None,
            logged: None,
            is_retiring: false,
            answers: 0,
            is_enlisting: false,
            may_go: false,
            idle_resends: 0,
            forwarded: BTreeMap::new(),
            fates: BTreeMap::new(),
            held: Held::default(),
            counts: Counts::default(),
            ledger: Ledger::default(),
            version: 0,
            roster: Vec::new(),
            own_records: 0,
            heard: BTreeMap::new(),
        }
    }

    /// The same, out of office until it is told to trade.
    #[must_use]
    pub fn out_of_office(mut self) -> Self {
        self.is_retiring = true;
        self
    }

    /// Which life of its process this is, once it has begun.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Its term, if it has one.
    pub fn term(&self) -> Option<TermId> {
        self.open.as_ref().map(|open| open.term)
    }

    /// Whether it wants no other term than the one that it has, if it has one.
    pub fn is_retiring(&self) -> bool {
        self.is_retiring
    }

    /// Who may be the only one beside this trader to know of sales that were confirmed in its term.
    pub fn buddy(&self) -> Option<NodeId> {
        let open = self.open.as_ref()?;
        open.buddy.filter(|_| open.deeds.kept() > open.deeds.taken())
    }

    /// Whether it holds the deeds of a term.
    pub fn holds(&self, term: TermId) -> bool {
        self.held.holds(term)
    }

    /// Whether it alone knows of sales that were confirmed: its buddy is gone, and the warehouse has
    /// not heard of them yet.
    pub fn is_exposed(&self) -> bool {
        self.open.as_ref().is_some_and(|open| open.deeds.is_exposed())
    }

    fn house(&self, body: House, cx: &mut Cx<'_>) {
        cx.send(self.settings.warehouse, Message::House(body));
    }

    fn answer(
        &mut self,
        to: NodeId,
        id: RequestId,
        good: Option<Good>,
        outcome: Outcome,
        cx: &mut Cx<'_>,
    ) {
        self.tell_answer(id, good, &outcome, cx);
        cx.send(to, Message::Answer { id, outcome, is_by_cache: false, seen: None });
    }

    /// Counts an answer, and tells what a customer is told where anybody wants to know.
    fn tell_answer(
        &mut self,
        request: RequestId,
        good: Option<Good>,
        outcome: &Outcome,
        cx: &mut Cx<'_>,
    ) {
        self.answers += 1;
        if self.settings.tells_answers {
            let what = What::Told { request, good, outcome: outcome.clone() };
            cx.report(Report { at: cx.now, clock: None, what });
        }
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        self.incarnation = self.incarnation.next();
        self.snapshot(cx);
        for other in self.settings.traders.iter().chain([&self.settings.warehouse]) {
            if *other != self.settings.me {
                self.heard.insert(*other, cx.now);
            }
        }
        cx.set(Alarm::Beat, self.settings.times.beat_period);
        cx.set(Alarm::Resend, self.settings.times.resend);
        if matches!(self.settings.cache, Cache::TimeToLive { .. }) {
            cx.set(Alarm::Look, self.settings.times.resend);
        }
        self.enlist(cx);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        if let Some(heard) = self.heard.get_mut(&from) {
            *heard = cx.now;
        }
        let is_warehouse = from == self.settings.warehouse;
        match body {
            // Nobody asks in another one's name.
            Message::Ask { request, .. }
                if request.id.client.party != peer::party(from)
                    || !self.settings.customers.contains(&from) => {}
            Message::Ask { request, home, is_retried, seen } => {
                let asked = Asked { request, home, is_retried, seen };
                self.asked(from, asked, cx);
            }
            Message::Ledger(news) if news.term.trader == peer::party(from) => {
                self.ledger.merge(news, self.counts.version());
            }
            Message::Roster { version, terms } if is_warehouse && version > self.version => {
                // Who was out of office until now had no reason to be heard of.
                for new in terms.iter().filter(|term| !self.roster.contains(term)) {
                    let node = crate::node_of(new.trader);
                    if let Some(heard) = node.and_then(|node| self.heard.get_mut(&node)) {
                        *heard = cx.now;
                    }
                }
                (self.version, self.roster) = (version, terms);
                self.ledger.prune(self.counts.version(), &self.roster);
            }
            Message::House(body) if is_warehouse => self.house_message(body, cx),
            Message::Buddy(body) => self.buddy_message(from, body, cx),
            _ => {}
        }
    }

    fn house_message(&mut self, body: House, cx: &mut Cx<'_>) {
        let mine = self.term();
        let is_mine = |term: TermId| mine == Some(term);
        match body {
            House::Enlisted { incarnation, term } if incarnation == self.incarnation => {
                self.enlisted(term, cx);
            }
            House::Decided { id, outcome, version } => {
                self.decided(id, version, cx);
                if let Some(Forwarded { customer, good, .. }) = self.forwarded.remove(&id) {
                    self.answer(customer, id, good, outcome, cx);
                }
            }
            House::Granted { term, grant } if is_mine(term) => self.granted(&grant, cx),
            House::Recall { term, good, upto } if is_mine(term) => self.recalled(good, upto, cx),
            House::Shut { term, id } if is_mine(term) => self.shut(id, cx),
            House::Taken { term, below } => self.taken(term, below, cx),
            House::Fenced { term } if is_mine(term) => self.finish(cx),
            House::Fenced { term } => self.knows_not(term, cx),
            House::Over { term } => {
                self.held.forget(term);
                self.over(term, cx);
            }
            House::Drain { term } if is_mine(term) => self.retire(cx),
            House::MayGo { incarnation } if incarnation == self.incarnation => {
                self.may_go = self.is_going();
            }
            House::Counts { version, counts } => {
                self.counts.learn(version, counts, cx.now);
                self.ledger.prune(self.counts.version(), &self.roster);
            }
            _ => {}
        }
    }

    /// Whether it was hired, and is to go.
    fn is_going(&self) -> bool {
        self.is_retiring && self.settings.hired.contains(&self.settings.me)
    }

    /// Whether nobody counts on it: it is out of office, and holds nothing for others.
    pub(crate) fn is_idle(&self) -> bool {
        self.is_retiring && self.open.is_none() && self.logged.is_none() && self.held.is_empty()
    }

    /// Whether it may go, where it was hired: the warehouse says so as well, and it has passed on each
    /// answer that it asked for.
    pub(crate) fn may_go(&self) -> bool {
        #[cfg(feature = "planted")]
        if self.settings.has_planted(crate::Planted::HastyLeave) {
            return self.is_retiring && self.open.is_none();
        }
        self.is_idle() && self.may_go && self.forwarded.is_empty()
    }

    fn retire(&mut self, cx: &mut Cx<'_>) {
        self.is_retiring = true;
        self.finish(cx);
    }

    fn beat(&mut self, cx: &mut Cx<'_>) {
        let (period, limit) = (self.settings.times.beat_period, self.settings.times.beat_limit);
        cx.set(Alarm::Beat, period);
        if self.is_idle() {
            return;
        }
        let others: Vec<NodeId> = self.heard.keys().copied().collect();
        cx.send_urgent(others, Message::Beat { answers: self.answers });
        let silent = self.heard.iter().filter(|(_, heard)| cx.now.since(**heard) >= limit);
        let silent: Vec<NodeId> = silent.map(|(node, _)| *node).collect();
        for node in silent {
            self.heard.insert(node, cx.now);
            self.missed(node, cx);
        }
    }

    /// Another trader is gone, as far as can be seen from here: all are told.
    fn missed(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        self.unpair_from(node, cx);
        let lost = self.roster.iter().find(|term| term.trader == peer::party(node)).copied();
        if let Some(term) = lost {
            let all = self.settings.customers.iter().chain([&self.settings.warehouse]);
            cx.send_many(all.copied().collect(), Message::Lost { term });
        }
    }
}

impl Machine for Trader {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { snapshot, .. } => self.restore(snapshot),
            Input::Replay { record, .. } => self.replay(record),
            Input::Start => self.start(cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Closed(node) => {
                if self.settings.traders.contains(&node) {
                    self.missed(node, cx);
                }
            }
            Input::Alarm(Alarm::Beat) => self.beat(cx),
            Input::Alarm(Alarm::Resend) => {
                cx.set(Alarm::Resend, self.settings.times.resend);
                self.resend(cx);
            }
            Input::Alarm(Alarm::Report) if self.keeps_ledger() => self.tell_others(false, cx),
            Input::Alarm(Alarm::Report) => self.report(cx),
            Input::Alarm(Alarm::Look) => self.look(cx),
            Input::Command(Command::Retire) => self.retire(cx),
            Input::Command(Command::Trade) => {
                self.is_retiring = false;
                self.enlist(cx);
            }
            Input::Opened(_) | Input::Claimed(_) | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        self.open.as_ref().map_or(Ok(()), |open| open.stall.check())
    }
}
