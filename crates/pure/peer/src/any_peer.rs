//! A peer, wherever its market is held: in a journal that all can reach, by a majority
//! ([`groupcast::log`]), or in the [`books`](crate::books) of those whom it concerns. The peer itself
//! is the same: it handles inputs and leaves effects as this machine does, and where there is no common
//! journal, what it asks of one is done here.
//!
//! ```text
//!   the peer asks for                     what becomes of it without a common journal
//!   Claim {epoch}                         a claim of the log or the books; the market comes back as
//!                                         Restore, Claimed
//!   Persist, to the common journal        an entry, carried out and held by the others
//!   Snapshot, of the common journal       nothing: whoever holds the market writes its own
//!   Send, Report, behind such writes      wait until they are held; dropped if the epoch is refused
//!                                         first
//!   all else                              passes
//! ```
//!
//! **Promise.** The same in any form (SAFETY S8): an answer leaves only when what it says outlives
//! the trader's epoch. *Why:* it is held by a majority, or by each book that it concerns, and so is
//! part of every market that a later trader takes over.
//!
//! In a log, what leaves waits for all entries before it. In books it waits for its own entry only:
//! each entry is held by others, and one of them that is gone would hold up all. Two messages are
//! about several entries and wait for each: a notice of sales, and that of a trader that resigns to
//! itself, which says that all is written.

use std::collections::{BTreeMap, VecDeque};

use groupcast::leadership::Leadership;
use groupcast::log::Log;
use groupcast::membership::Member;
use machine::{After, Context, Destination, Effect, Input, Journal, Machine, Never, NodeId, holds};

use crate::admitting::Waiting;
use crate::books::{Books, Ticket};
use crate::message::{Body, Message, Own, Record, Snapshot};
use crate::peer::{Alarm, Command, Peer, Report};
use crate::place::{Asked, Place, Told};
use crate::replica::{MessageLimits, Replica};
use crate::settings::Settings;

/// How many messages and reports may wait for entries to be held; beyond it requests are lost, as on
/// a link, and their senders send them again.
const HELD_MAX: usize = 1 << 16;

/// What waits for an entry.
#[derive(Debug, Clone)]
enum Held {
    Send(Destination, Message),
    Report(Report),
}

/// A peer, and its part in holding the market.
#[derive(Debug, Clone)]
pub struct AnyPeer {
    pub(crate) peer: Peer,
    pub(crate) place: Place,
    /// What waits, by the ticket that it waits for.
    held: BTreeMap<u64, Vec<Held>>,
    /// How much of it there is.
    held_count: usize,
    /// What the entry waits for that was appended last in this step, in books.
    ticket: Ticket,
    /// Requests of those that have not registered yet.
    pub(crate) waiting: Waiting,
    /// What was told of the market, and the peer does not know yet.
    told: VecDeque<Told>,
    #[cfg(feature = "planted")]
    pub(crate) is_hasty: bool,
}

pub(crate) type Cx<'a> = Context<'a, AnyPeer>;

impl AnyPeer {
    /// A peer before its first life, whose market is held in a journal that all can reach.
    pub fn common(settings: Settings) -> Self {
        Self::at(Place::Common, settings)
    }

    /// The same, of a market that is held by a majority of the voters.
    pub fn replicated(settings: Settings, limits: MessageLimits) -> Self {
        Self::at(Place::log(&settings, limits), settings)
    }

    /// The same, of a market of which each peer keeps what concerns it. Sessions do not expire
    /// there: each is its client's own.
    pub fn with_books(mut settings: Settings, limits: MessageLimits) -> Self {
        settings.trader.session_idle = std::time::Duration::MAX;
        Self::at(Place::books(&settings, limits), settings)
    }

    fn at(place: Place, settings: Settings) -> Self {
        Self {
            peer: Peer::new(settings),
            place,
            held: BTreeMap::new(),
            held_count: 0,
            ticket: Ticket::Nothing,
            waiting: Waiting::default(),
            told: VecDeque::new(),
            #[cfg(feature = "planted")]
            is_hasty: false,
        }
    }

    /// Tells of no single request from now on: to tell of each is a good part of a busy trader's work.
    /// What a peer has done can then not be checked.
    pub fn omit_requests(&mut self) {
        self.peer.reports_requests = false;
    }

    /// The peer.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Its part in the log that holds the market, where it is replicated.
    pub fn log(&self) -> Option<&Log<Replica>> {
        match &self.place {
            Place::Log(log) => Some(log),
            Place::Common | Place::Books(_) => None,
        }
    }

    /// Its part in the market's books, where each peer keeps its own.
    pub fn books(&self) -> Option<&Books> {
        match &self.place {
            Place::Books(books) => Some(books),
            Place::Common | Place::Log(_) => None,
        }
    }

    pub(crate) fn peer_input(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        let mut effects = Vec::new();
        self.peer.handle(input, &mut cx.listed(&mut effects));
        self.carry_out(effects, cx);
    }

    pub(crate) fn carry_out(&mut self, effects: Vec<Effect<Self>>, cx: &mut Cx<'_>) {
        self.ticket = Ticket::Nothing;
        effects.into_iter().for_each(|effect| self.carry_out_one(effect, cx));
        self.hear(cx);
    }

    /// In their turn: what follows from what was told comes behind what came before it.
    fn hear(&mut self, cx: &mut Cx<'_>) {
        while let Some(told) = self.told.pop_front() {
            self.told(told, cx);
        }
    }

    fn carry_out_one(&mut self, effect: Effect<Self>, cx: &mut Cx<'_>) {
        match effect {
            Effect::Persist { journal: Journal::Own, record } => cx.persist(Journal::Own, record),
            Effect::Persist { journal: Journal::Common, record: Record::Entry(entry) } => {
                self.ask(Asked::Append(entry), cx);
            }
            Effect::Snapshot { journal: Journal::Own, snapshot: Snapshot::Own(own) } => {
                cx.snapshot(Journal::Own, self.place.snapshot(own));
            }
            Effect::Persist { .. } | Effect::Snapshot { .. } => {}
            Effect::Claim(epoch) => {
                self.let_go();
                self.ask(Asked::Claim(epoch), cx);
            }
            Effect::Send { to, body, after } => match (after, self.waits_for_all_of(&body)) {
                (After::All, Ticket::Fact(ticket)) => self.keep(ticket, Held::Send(to, body)),
                (After::All, Ticket::Never) => {}
                (after, _) => cx.send_after(after, to, body),
            },
            Effect::Report { report, after } => match (after, self.waits_for()) {
                (After::All, Ticket::Fact(ticket)) => self.keep(ticket, Held::Report(report)),
                (After::All, Ticket::Never) => {}
                (after, _) => cx.report_after(after, report),
            },
            Effect::Set { alarm, at } => cx.set(alarm, at.since(cx.now)),
            Effect::Clear(alarm) => cx.clear(alarm),
        }
    }

    fn keep(&mut self, ticket: u64, held: Held) {
        self.held_count += 1;
        self.held.entry(ticket).or_default().push(held);
    }

    /// Forgets what waits: it was of an epoch that is over.
    fn let_go(&mut self) {
        (self.held_count, self.held) = (0, BTreeMap::new());
        self.waiting.clear();
    }

    fn ask(&mut self, asked: Asked, cx: &mut Cx<'_>) {
        self.place.ask(asked, || self.peer.own(), &mut self.told, cx);
        if let Place::Books(books) = &self.place {
            self.ticket = books.ticket();
            #[cfg(feature = "planted")]
            if self.is_hasty {
                self.ticket = Ticket::Nothing;
            }
        }
    }

    /// What the next thing that leaves has to wait for.
    fn waits_for(&self) -> Ticket {
        match &self.place {
            Place::Common => Ticket::Nothing,
            Place::Books(_) => self.ticket,
            Place::Log(log) => {
                let is_waiting = log.leads().is_some() && log.committed() < Some(log.length());
                if is_waiting { Ticket::Fact(log.length()) } else { Ticket::Nothing }
            }
        }
    }

    /// What a message has to wait for, or first of all if it is about several entries.
    fn waits_for_all_of(&self, body: &Message) -> Ticket {
        match &self.place {
            Place::Books(books) => of_several(books, body).unwrap_or(self.ticket),
            Place::Common | Place::Log(_) => self.waits_for(),
        }
    }

    /// What it has to wait for yet, when one of its entries is held.
    fn waits_for_more(&self, body: &Message) -> Ticket {
        match &self.place {
            Place::Books(books) => of_several(books, body).unwrap_or(Ticket::Nothing),
            Place::Common | Place::Log(_) => Ticket::Nothing,
        }
    }

    fn told(&mut self, told: Told, cx: &mut Cx<'_>) {
        let restore = |kernel| Input::Restore {
            journal: Journal::Common,
            snapshot: Snapshot::Market(kernel),
        };
        match told {
            Told::Claimed(epoch, kernel) => {
                self.peer_input(restore(kernel), cx);
                self.peer_input(Input::Claimed(epoch), cx);
                let from: Vec<NodeId> = self.waiting.keys().map(|(node, _)| *node).collect();
                from.into_iter().for_each(|node| self.let_in(node, cx));
            }
            Told::Joined(node, kernel) => {
                self.peer_input(restore(kernel), cx);
                self.let_in(node, cx);
            }
            Told::Away(sellers) => {
                self.peer.trader.pass_over(sellers);
                self.wait_no_more_for_the_away(cx);
            }
            Told::HeldUpTo(ticket) => {
                let rest = self.held.split_off(&ticket.saturating_add(1));
                let due = std::mem::replace(&mut self.held, rest);
                due.into_values().for_each(|held| self.let_out(held, cx));
            }
            Told::Held(ticket) => {
                let held = self.held.remove(&ticket).unwrap_or_default();
                self.let_out(held, cx);
            }
            Told::Refused(epoch) => {
                self.let_go();
                self.peer_input(Input::Refused(epoch), cx);
            }
        }
    }

    /// A trader that resigns may have waited for one of these only.
    fn wait_no_more_for_the_away(&mut self, cx: &mut Cx<'_>) {
        let is_written = |held: &mut Held| matches!(held, Held::Send(_, Message::Trade(trade)) if matches!(trade.body, Body::Written(_)));
        let found = self.held.values_mut().flat_map(|held| held.extract_if(.., is_written));
        let found = found.collect();
        self.let_out(found, cx);
    }

    /// Beside those that hold it, this node's own records are to be durable.
    fn let_out(&mut self, held: Vec<Held>, cx: &mut Cx<'_>) {
        self.held_count -= held.len();
        for held in held {
            match held {
                Held::Send(to, body) => match self.waits_for_more(&body) {
                    Ticket::Fact(ticket) => self.keep(ticket, Held::Send(to, body)),
                    Ticket::Nothing => cx.send_after(After::Own, to, body),
                    Ticket::Never => {}
                },
                Held::Report(report) => cx.report_after(After::Own, report),
            }
        }
    }
}

/// What a message waits for that is about several entries; none if it is about one.
fn of_several(books: &Books, body: &Message) -> Option<Ticket> {
    let Message::Trade(trade) = body else { return None };
    match &trade.body {
        Body::Notice { sales, .. } => {
            let tickets = sales.iter().map(|sale| books.ticket_of(sale.request));
            Some(tickets.max().unwrap_or(Ticket::Nothing))
        }
        Body::Written(_) => Some(books.ticket_of_any()),
        _ => None,
    }
}

impl Machine for AnyPeer {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        if let Place::Common = self.place {
            return self.peer.handle(input, cx);
        }
        let left = self.place.take(input, || self.peer.own(), &mut self.told, cx);
        match left {
            Some(Input::Message { body: Message::Trade(_), .. }) if self.held_count >= HELD_MAX => {
            }
            Some(Input::Message { from, body: Message::Trade(trade) }) => {
                self.trade(from, trade, cx);
            }
            Some(input) => self.peer_input(input, cx),
            None => {}
        }
        self.hear(cx);
    }

    fn check(&self) -> Result<(), String> {
        self.peer.check()?;
        self.place.check()
    }
}

holds! {
    AnyPeer: Member {
        message: Message::Membership,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Membership,
    }
    AnyPeer: Leadership {
        message: Message::Leadership,
        record: Record::Promised,
        // Leadership writes no snapshots itself; a promise alone is a snapshot of a first life.
        snapshot: |promised| Snapshot::Own(Own::first(promised)),
        alarm: Alarm::Leadership,
    }
}
