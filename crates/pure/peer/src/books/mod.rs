//! The market in the books of those whom it concerns: no place that all can reach, and no majority
//! that holds it. Each peer keeps, in its own journal, a *book*: as a seller its lots and what it
//! earned, as a client its session and its answers. A new trader has all that it can reach register,
//! as seeds 000 to 002 ask for; the market is the sum of their books.
//!
//! ```text
//!   trader of an epoch                               keeper, at every peer, the trader included
//!   Register {epoch, offset}      ──────────────▶   promises the epoch, durably: nothing lower is taken
//!                                 ◀──────────────   Part: its book, part by part
//!   all that have a connection have registered, or the time is over:
//!   the sum of the books is the market
//!   Append {after, items, settled} ─────────────▶   the next ones: writes them down
//!                                 ◀──────────────   Ack {position}, when they are durable
//! ```
//!
//! ```text
//!   trader's side:   Idle ── Claim ──▶ Gathering ──▶ Leading: Claimed is reported
//!                     ▲                    │            │ whoever comes later registers then
//!                     └── a higher epoch was met: Refused ◀┘
//! ```
//!
//! **The one rule.** A *fact* (an entry with its outcome) is true when every book that it concerns
//! holds it, durably, and only then is anybody told. A sale concerns the buyer's book and each
//! seller's, all else the client's only. A book that promised a higher epoch before it held a fact
//! will never hold it, so the fact is void, everywhere and for ever.
//!
//! **Promise.** Whoever was told of a fact will find it in every market that its books are part of,
//! and nothing is done twice (SAFETY S1, S4, S8). One book can say that a fact is void, all its books
//! together that it is true; while one is away that would have to tell, it is *not known*: its goods
//! stay reserved, and its client is told so.
//!
//! **Why.** A book takes the facts of an epoch in one order and without gaps, so how far it got
//! ([`Reach`]) says of each fact whether it is there; what it said when it registered
//! never changes, as nothing of that epoch is taken any more. So no two traders decide differently.
//! What a fact rests on (the lot, the session) stands in a book that it concerns, before it: so facts
//! of different parties need not wait for each other, and a dead peer holds up its own only.
//!
//! **What breaks it:** a peer that comes back without its journal; an epoch that two nodes trade in,
//! or one node in two of its lives.

mod book;
mod claiming;
mod keeper;
mod leading;
pub mod marks;
mod message;
mod progress;

use std::collections::BTreeSet;
use std::time::Duration;

use machine::{After, Context, Destination, Epoch, Input, Journal, Machine, NodeId};
use market::{Entry, Kernel, Party, RequestId};

pub use book::{Book, Reach};
pub use claiming::sum;
use keeper::Written;
use leading::Side;
pub use message::{Fact, FactId, Item, Message, Part, Record, Settled, Snapshot};
pub use progress::{EXCEPT_MAX, ITEMS_MAX, TAIL_MAX};

/// What a peer's part in the books is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// The one that keeps no book.
    pub directory: NodeId,
    /// The empty market.
    pub founding: Kernel,
    /// After how long without an answer something is said again.
    pub resend: Duration,
    /// How long a trader waits for others to register, and how long for one to write down what it
    /// was sent before its lots are passed over.
    pub limit: Duration,
    /// How many items one message carries at most.
    pub items_max: usize,
    /// How many bytes of a book one message carries at most.
    pub part_bytes_max: usize,
    /// After how many records a snapshot replaces them, at the earliest: as many as the book has
    /// parts, if these are more.
    pub snapshot_every: u64,
}

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Trade in this epoch, which was granted to this node, and in this life of it.
    Claim(Epoch),
    /// Carry this out; without effect unless this node trades. What it has to wait for is
    /// [`Books::ticket`] then.
    Append(Entry),
}

/// To the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// This node trades in the epoch, from this market on.
    Claimed(Epoch, Box<Kernel>),
    /// This peer has registered, and the market is this one now.
    Joined(NodeId, Box<Kernel>),
    /// The lots of these are passed over from now on.
    Away(BTreeSet<Party>),
    /// The fact of this number is true.
    Held(u64),
    /// A higher epoch stands: this node trades no more, and what was not reported as held may turn
    /// out either way.
    Refused(Epoch),
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// What was appended in this turn leaves.
    Flush,
    /// What was not answered is said again.
    Resend,
    /// Who has not registered by now does so later.
    Gather,
}

/// What waits for an entry that was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ticket {
    /// For nothing: nobody's book is concerned, or all have it.
    Nothing,
    /// For the fact of this number.
    Fact(u64),
    /// This node does not trade: it will never be.
    Never,
}

/// What becomes of a peer's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// They are served.
    Served,
    /// They wait until it has registered.
    Waits,
    /// They are left to be sent again: it has too much to write down yet.
    Dropped,
}

/// One peer's part in the market's books.
#[derive(Debug, Clone)]
pub struct Books {
    settings: Settings,
    party: Party,
    book: Book,
    /// How many records stand behind the last snapshot.
    records: u64,
    written: Option<Written>,
    /// Who has a connection.
    links: BTreeSet<NodeId>,
    side: Side,
    ticket: Ticket,
}

impl Books {
    /// A peer's part before its first life.
    pub fn new(settings: Settings) -> Self {
        Self {
            party: crate::party(settings.me),
            book: Book::new(settings.founding.clone()),
            records: 0,
            written: None,
            links: [settings.me].into(),
            side: Side::Idle,
            ticket: Ticket::Nothing,
            settings,
        }
    }

    /// The own book.
    pub fn book(&self) -> &Book {
        &self.book
    }

    /// What replaces this node's records; whoever takes it writes it down.
    pub fn snapshot(&mut self) -> Snapshot {
        self.records = 0;
        self.book.clone()
    }

    /// What waits for the entry that was appended last.
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    /// What waits for the entry of this request, which was appended in this epoch.
    pub fn ticket_of(&self, request: RequestId) -> Ticket {
        match &self.side {
            Side::Leading(leader) => leader.open(request).map_or(Ticket::Nothing, Ticket::Fact),
            Side::Idle | Side::Gathering(_) => Ticket::Never,
        }
    }

    /// What waits for one of those that were appended in this epoch after the other, until it is
    /// [`Ticket::Nothing`]. For those that are away nobody waits.
    pub fn ticket_of_any(&self) -> Ticket {
        match &self.side {
            Side::Leading(leader) => leader.last_open().map_or(Ticket::Nothing, Ticket::Fact),
            Side::Idle | Side::Gathering(_) => Ticket::Never,
        }
    }

    /// What becomes of a request of this peer, if this node trades or is about to.
    pub fn admission(&self, node: NodeId) -> Admission {
        match &self.side {
            Side::Idle => Admission::Served,
            Side::Gathering(gathering) if gathering.has(node) => Admission::Served,
            Side::Gathering(_) => Admission::Waits,
            Side::Leading(leader) => leader.admission(node),
        }
    }

    /// The epoch in which a request waits for a book of another peer that is away.
    pub fn is_stuck(&self, request: RequestId, client: NodeId) -> Option<Epoch> {
        match &self.side {
            Side::Leading(leader) if leader.is_stuck(request, client) => Some(leader.epoch),
            _ => None,
        }
    }

    /// Tells what was durable when it was said.
    fn say(&self, to: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        cx.send_after(After::Own, Destination::One(to), body);
    }

    fn write_snapshot(&mut self, cx: &mut Context<'_, Self>) {
        let snapshot = self.snapshot();
        cx.snapshot(Journal::Own, snapshot);
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        match body {
            Message::Register { epoch, offset } if epoch.node == from => {
                self.register_asked(from, epoch, offset, cx);
            }
            Message::Append { epoch, after, items, settled } if epoch.node == from => {
                self.append_asked(from, epoch, (after, items), &settled, cx);
            }
            Message::Register { .. } | Message::Append { .. } => {}
            Message::Part(part) => self.part_came(from, part, cx),
            Message::Ack { epoch, position } => self.acked(from, epoch, position, cx),
            Message::Superseded(epoch) => self.superseded(epoch, cx),
        }
    }
}

impl Machine for Books {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Restore { snapshot, .. } => self.book = snapshot,
            Input::Replay { record, .. } => self.book.replay(self.party, record),
            Input::Start => self.write_snapshot(cx),
            Input::Command(Command::Claim(epoch)) => self.claim(epoch, cx),
            Input::Command(Command::Append(entry)) => self.append(entry, cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Alarm(Alarm::Flush) => self.flush(cx),
            Input::Alarm(Alarm::Resend) => self.resend(cx),
            Input::Alarm(Alarm::Gather) => self.gather(true, cx),
            Input::Opened(node) if node != self.settings.directory => self.opened(node, cx),
            Input::Closed(node) => self.closed(node, cx),
            Input::Opened(_) | Input::Claimed(_) | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(misfit) = self.book.misfit {
            return Err(format!("the book of {}: {misfit}", self.party));
        }
        match &self.side {
            Side::Leading(leader) => leader.check(),
            Side::Idle | Side::Gathering(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
