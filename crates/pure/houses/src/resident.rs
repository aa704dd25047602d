//! A peer of the village: it buys and sells, and trades instead while it holds one of the posts.
//!
//! ```text
//!   announced, connected ── election ──▶ post won: Trade ──▶ a term from the warehouse
//!        ▲                                   │
//!        │  all posts held by others         │ another one holds it: Retire
//!   buys and sells ◀─────────────────────────┘ and the term's end
//! ```
//!
//! There are N posts, filled by the bully election with several posts ([`groupcast::election`]).
//! Whoever holds one trades for life (seed 004): until its connections close, or the warehouse has
//! struck it off its roster because it was silent; then the others elect for its post.
//!
//! **Promise.** None of safety is asked of the election: two may hold one post for a while, and
//! nothing is over-sold, because the right to sell is the *term*, which the warehouse opens and
//! fences. *Liveness:* while links work and enough peers are there, every post is held, and whoever
//! holds one has a term or asks for one.

mod parts;

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::election::bully::{self, Bully};
use groupcast::election::{Command as Election, Options, Report as Elected};
use groupcast::leadership::Cause;
use groupcast::membership::{self, Member};
use machine::{Context, Incarnation, Input, Instant, Machine, NodeId};
use market::{Rules, TermId};
use peer::event::ElectionWord;
use peer::{Report, What};

use crate::customer::{self, Customer};
use crate::message::{Message, Record, Snapshot};
use crate::node::{Alarm, Command};
use crate::settings::{CustomerSettings, Settings};
use crate::trader::{self, Trader};

/// What a peer needs to know beside what all do.
#[derive(Debug, Clone)]
pub struct ResidentSettings {
    /// The warehouse's rules.
    pub rules: Rules,
    /// How it buys and sells.
    pub customer: CustomerSettings,
    /// How it announces itself.
    pub membership: membership::Settings,
    /// Who may be elected.
    pub election: bully::Settings,
    /// How many traders there are to be.
    pub posts: usize,
    /// Whether there is another election when one of them is lost.
    pub replaces_lost: bool,
    /// How many others are waited for before the first election.
    pub gather: usize,
    /// And for how long at most.
    pub gather_limit: Duration,
}

/// A peer.
#[derive(Debug, Clone)]
pub struct Resident {
    me: NodeId,
    warehouse: NodeId,
    role: String,
    gather: usize,
    gather_pause: Duration,
    gather_limit: Duration,
    replaces_lost: bool,
    /// Who may hold a post.
    candidates: BTreeSet<NodeId>,
    member: Member,
    election: Bully,
    /// Election messages that were sent before its last report of a winner.
    counted: u64,
    /// What it knows of the last trader that was lost, and since when.
    suspected: Option<(Instant, Cause)>,
    has_elected: bool,
    customer: Customer,
    /// Whether the customer has begun, in this life.
    is_customer: bool,
    trader: Trader,
    /// Whether it holds a post.
    is_in_office: bool,
    /// Whether it is to hold no post any more.
    is_closing: bool,
    connected: BTreeSet<NodeId>,
    version: u64,
    /// Who trades, by the warehouse's roster.
    trading: BTreeSet<NodeId>,
}

type Cx<'a> = Context<'a, Resident>;

impl Resident {
    /// A peer before its first life.
    pub fn new(settings: Settings, own: ResidentSettings) -> Self {
        let options = Options { posts: own.posts, announce: true, ..Options::default() };
        Self {
            me: settings.me,
            warehouse: settings.warehouse,
            role: own.customer.role.name().to_owned(),
            gather: own.gather,
            gather_pause: own.election.answer_limit,
            gather_limit: own.gather_limit,
            replaces_lost: own.replaces_lost,
            candidates: own.election.candidates.iter().copied().collect(),
            member: Member::new(own.membership),
            election: Bully::with_options(own.election, options),
            counted: 0,
            suspected: None,
            has_elected: false,
            customer: Customer::new(settings.clone(), own.customer),
            is_customer: false,
            trader: Trader::new(settings, own.rules).out_of_office(),
            is_in_office: false,
            is_closing: false,
            connected: BTreeSet::new(),
            version: 0,
            trading: BTreeSet::new(),
        }
    }

    /// It as a customer.
    pub fn customer(&self) -> &Customer {
        &self.customer
    }

    /// It as a trader.
    pub fn trader(&self) -> &Trader {
        &self.trader
    }

    /// Whether it holds a post.
    pub fn is_in_office(&self) -> bool {
        self.is_in_office
    }

    fn tell(&self, what: What, cx: &mut Cx<'_>) {
        cx.report(Report { at: cx.now, clock: None, what });
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        // The trader's part of the journal holds which life this is for all.
        cx.relay(&mut self.trader, Input::Start);
        let incarnation: Incarnation = self.trader.incarnation();
        self.tell(What::Started { incarnation, role: self.role.clone() }, cx);
        self.customer.live(incarnation);
        self.member.begin(incarnation);
        self.member_input(Input::Start, cx);
        cx.set(Alarm::Gather, self.gather_limit);
    }

    fn member_input(&mut self, input: Input<Member>, cx: &mut Cx<'_>) {
        for report in cx.run(&mut self.member, input) {
            self.tell(What::from(report), cx);
        }
    }

    fn election_input(&mut self, input: Input<Bully>, cx: &mut Cx<'_>) {
        for report in cx.run(&mut self.election, input) {
            match report {
                Elected::Campaigned => self.tell(What::Campaigned, cx),
                Elected::Won => {}
                Elected::Seated(seats) => {
                    let mine = seats.values().find(|epoch| epoch.node == self.me).copied();
                    let sent = self.election.messages_sent();
                    let messages = sent - std::mem::replace(&mut self.counted, sent);
                    match mine {
                        Some(epoch) if !self.is_in_office => {
                            let (since, cause) =
                                self.suspected.unwrap_or((Instant::ZERO, Cause::Start));
                            let took = cx.now.since(since).as_nanos();
                            let took_ns = u64::try_from(took).unwrap_or(u64::MAX);
                            self.tell(What::Elected { epoch, cause, took_ns }, cx);
                            self.take_office(cx);
                        }
                        None if self.is_in_office => self.leave_office(cx),
                        _ => {}
                    }
                    if let Some(epoch) = seats.values().max().copied() {
                        self.tell(What::Followed { epoch, messages }, cx);
                    }
                }
            }
        }
    }

    fn take_office(&mut self, cx: &mut Cx<'_>) {
        self.is_in_office = true;
        cx.relay(&mut self.customer, Input::Command(customer::Command::StandAside));
        if !self.is_closing {
            cx.relay(&mut self.trader, Input::Command(trader::Command::Trade));
        }
    }

    fn leave_office(&mut self, cx: &mut Cx<'_>) {
        self.is_in_office = false;
        cx.relay(&mut self.trader, Input::Command(trader::Command::Retire));
        self.tell(What::TookRole { role: self.role.clone() }, cx);
        if self.is_customer {
            cx.relay(&mut self.customer, Input::Command(customer::Command::GoOn));
        } else {
            self.open_shop(cx);
        }
    }

    /// It buys and sells from now on, if there is anybody to buy from and it does not trade.
    fn open_shop(&mut self, cx: &mut Cx<'_>) {
        if !self.is_customer && !self.is_in_office && !self.trading.is_empty() {
            self.is_customer = true;
            cx.relay(&mut self.customer, Input::Start);
        }
    }

    /// Elects, if enough are there for that to make sense.
    fn gathered(&mut self, cx: &mut Cx<'_>) {
        if !self.has_elected {
            self.has_elected = true;
            cx.clear(Alarm::Gather);
            self.election_input(Input::Command(Election::Start), cx);
        }
    }

    /// The warehouse says who trades.
    fn roster(&mut self, version: u64, terms: &[TermId], cx: &mut Cx<'_>) {
        if version <= self.version {
            return;
        }
        self.version = version;
        let trading = terms.iter().filter_map(|term| crate::node_of(term.trader)).collect();
        let before = std::mem::replace(&mut self.trading, trading);
        for &node in before.difference(&self.trading.clone()) {
            if node != self.me && self.is_replaced(node) {
                self.suspects(Cause::Hang, cx);
                self.election_input(Input::Command(Election::Suspect(node)), cx);
            }
        }
        // What was said of posts may not have reached one that was cut off.
        for &node in self.trading.clone().difference(&before) {
            let votes = node != self.me && self.candidates.contains(&node);
            if votes && self.connected.contains(&node) {
                self.election_input(Input::Opened(node), cx);
            }
        }
        self.open_shop(cx);
    }

    /// Whether there is an election if this one is lost.
    fn is_replaced(&self, node: NodeId) -> bool {
        self.replaces_lost && self.candidates.contains(&node)
    }

    fn suspects(&mut self, cause: Cause, cx: &Cx<'_>) {
        self.suspected = Some((cx.now, cause));
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        match body {
            Message::Membership(body) => self.member_input(Input::Message { from, body }, cx),
            Message::Election(body) => {
                let says = match &body {
                    bully::Message::Election { .. } => Some(ElectionWord::Election),
                    bully::Message::Answer { .. } => Some(ElectionWord::Ok),
                    // What follows from it is told.
                    bully::Message::Coordinator { .. } => None,
                };
                if let Some(says) = says {
                    self.tell(What::ElectionHeard { from, says }, cx);
                }
                self.election_input(Input::Message { from, body }, cx);
            }
            Message::Answer { .. }
            | Message::Promised { .. }
            | Message::Lost { .. }
            | Message::Loads { .. } => {
                cx.relay(&mut self.customer, Input::Message { from, body });
            }
            Message::Roster { version, ref terms } if from == self.warehouse => {
                let terms = terms.clone();
                cx.relay(&mut self.trader, Input::Message { from, body: body.clone() });
                cx.relay(&mut self.customer, Input::Message { from, body });
                self.roster(version, &terms, cx);
            }
            Message::Ask { .. }
            | Message::House(_)
            | Message::Buddy(_)
            | Message::Beat { .. }
            | Message::Ledger(_)
            | Message::Roster { .. } => {
                cx.relay(&mut self.trader, Input::Message { from, body });
            }
        }
    }

    fn opened(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        self.connected.insert(node);
        cx.relay(&mut self.customer, Input::Opened(node));
        cx.relay(&mut self.trader, Input::Opened(node));
        self.member_input(Input::Opened(node), cx);
        if self.candidates.contains(&node) {
            self.election_input(Input::Opened(node), cx);
        }
        let others = self.connected.intersection(&self.candidates);
        if others.count() >= self.gather && !self.has_elected {
            // The others are about to see all others too.
            cx.set(Alarm::Gather, self.gather_pause);
        }
    }

    fn closed(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        self.connected.remove(&node);
        cx.relay(&mut self.customer, Input::Closed(node));
        cx.relay(&mut self.trader, Input::Closed(node));
        self.member_input(Input::Closed(node), cx);
        if self.trading.contains(&node) && self.is_replaced(node) {
            self.suspects(Cause::Crash, cx);
            self.tell(What::Suspected { suspect: node, cause: Cause::Crash }, cx);
        }
        let holds_post = self.election.seated().values().any(|epoch| epoch.node == node);
        if self.is_replaced(node) || !holds_post && self.candidates.contains(&node) {
            self.election_input(Input::Closed(node), cx);
        }
    }
}

impl Machine for Resident {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            // Which life it is stands with what the trader wrote down.
            Input::Restore { journal, snapshot } => {
                cx.relay(&mut self.trader, Input::Restore { journal, snapshot });
            }
            Input::Replay { journal, record } => {
                cx.relay(&mut self.trader, Input::Replay { journal, record });
            }
            Input::Start => self.start(cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Opened(node) => self.opened(node, cx),
            Input::Closed(node) => self.closed(node, cx),
            Input::Alarm(Alarm::Gather) => self.gathered(cx),
            Input::Alarm(Alarm::Member(alarm)) => self.member_input(Input::Alarm(alarm), cx),
            Input::Alarm(Alarm::Election(alarm)) => self.election_input(Input::Alarm(alarm), cx),
            Input::Alarm(Alarm::Customer(alarm)) => {
                cx.relay(&mut self.customer, Input::Alarm(alarm));
            }
            Input::Alarm(Alarm::Trader(alarm)) => cx.relay(&mut self.trader, Input::Alarm(alarm)),
            Input::Command(Command::Customer(command)) => {
                cx.relay(&mut self.customer, Input::Command(command));
            }
            Input::Command(Command::Trader(command)) => {
                self.is_closing = command == trader::Command::Retire;
                cx.relay(&mut self.trader, Input::Command(command));
            }
            Input::Alarm(Alarm::Warehouse(_) | Alarm::Directory(_))
            | Input::Command(Command::Warehouse(_))
            | Input::Claimed(_)
            | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        self.customer.check()?;
        self.trader.check()
    }
}
