//! The replicated log: what one leader at a time appends, a majority holds, durably, and its
//! content is carried along at every voter.
//!
//! ```text
//!   leader of an epoch                              acceptor, at every voter, the leader included
//!   Claim {epoch}            ──────────────────▶   fences all lower epochs, durably
//!                            ◀──────────────────   Held {where it stands}
//!   a majority has answered: takes over the furthest of these contents, fetching it if need be
//!   Begin {epoch, start}     ──────────────────▶   stands there: adopts the epoch, durably
//!                            ◀── Want, Part ──▶    stands elsewhere: fetches the leader's content
//!                            ◀──────────────────   Accepted {length}
//!   Append {epoch, entries}  ──────────────────▶   the next ones: applies them, durably
//!                            ◀──────────────────   Accepted {length}
//!   a majority has accepted: committed
//! ```
//!
//! ```text
//!   leader's side:    Idle ── Claim ──▶ Gathering ──▶ (Fetching) ──▶ Leading: Claimed is reported
//!                      ▲                    │              │            │
//!                      └────── a higher epoch was met: Refused ◀────────┘
//! ```
//!
//! **Promise.** What was reported as committed is part of every content that is claimed later, and
//! at its place: contents of higher epochs continue those of lower ones as far as they were
//! committed. It survives the crash and return of all voters, and goes on while a majority of them
//! lives.
//!
//! **Why.** A position is (the epoch whose leader's log it is, how many entries). One node leads an
//! epoch, once, and appends in one order from one start: so a position names one content. An entry
//! is committed when a majority stands in its epoch at or behind it. A later claim is answered by a
//! majority, which shares a voter with that one; whoever answers has fenced the lower epoch, so it
//! accepts nothing of it from then on; and the claimer takes the highest position, which by
//! induction continues the committed one (SAFETY S1, S2). All that an acceptor says, it says behind
//! its own journal (S4). This is the rule of Viewstamped Replication (Oki & Liskov 1988) and of Raft
//! (Ongaro & Ousterhout 2014), with the election left to [`leadership`](crate::leadership).
//!
//! **What breaks it:** an epoch that two nodes lead, or one node in two of its lives; voters that
//! forget; two different sets of voters.
//!
//! An acceptor carries its content along before it is committed: what a leader appended and nobody
//! else held is undone by fetching the content of the next leader, as a whole. So nobody keeps old
//! entries, and the bytes that travel after a crash are those of one content.

mod acceptor;
mod fetching;
mod leading;
pub mod marks;
mod message;
mod settings;

use machine::{After, Context, Epoch, Input, Journal, Machine, NodeId};

use acceptor::Acceptor;
use fetching::{Fetching, Serving};
use leading::Side;
pub use message::{Message, Position, Record, Snapshot};
pub use settings::{ENTRIES_KEPT_MAX, Settings};

/// What a log leads to: a value that entries change.
pub trait Content: Clone + std::fmt::Debug + Send {
    /// What changes it.
    type Entry: Clone + std::fmt::Debug + Send;
    /// Carries out an entry; the same everywhere.
    fn apply(&mut self, entry: &Self::Entry);
    /// About how many bytes an entry takes in a message, no less than it does, where entries may be so
    /// long that fewer of them fit.
    fn entry_bytes(_entry: &Self::Entry) -> usize {
        0
    }
    /// How much there is, in entries: a snapshot is written once there are so many behind the last.
    fn parts(&self) -> u64;
    /// The whole as bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// What these bytes stand for, if anything.
    fn from_bytes(bytes: &[u8]) -> Option<Self>;
}

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<E> {
    /// Lead this epoch, which was granted to this node, and in this life of it.
    Claim(Epoch),
    /// Append this; without effect unless this node leads. Its length is [`Log::length`] then.
    Append(E),
}

/// To the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report<C> {
    /// This node leads the epoch, from this content on.
    Claimed(Epoch, C),
    /// The first so many entries are committed, and this node leads.
    Committed(u64),
    /// A higher epoch stands: this node does not lead, and what it appended beyond the last report
    /// of [`Committed`](Self::Committed) may be there or not.
    Refused(Epoch),
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// What was appended in this turn leaves.
    Flush,
    /// What was not answered is said again.
    Resend,
}

/// One voter's part in a replicated log.
#[derive(Debug, Clone)]
pub struct Log<C: Content> {
    settings: Settings,
    acceptor: Acceptor<C>,
    side: Side<C>,
    /// The content of another node on its way here.
    fetching: Option<Fetching>,
    /// The own content on its way to others.
    serving: Option<Serving>,
}

impl<C: Content> Log<C> {
    /// A voter whose log is empty: `founding` is what it leads to, the same at all voters.
    pub fn new(settings: Settings, founding: C) -> Self {
        Self {
            acceptor: Acceptor::new(founding),
            side: Side::Idle,
            fetching: None,
            serving: None,
            settings,
        }
    }

    /// Where this node stands; what it holds may not be committed.
    pub fn position(&self) -> Position {
        self.acceptor.position
    }

    /// What it leads to here.
    pub fn content(&self) -> &C {
        &self.acceptor.content
    }

    /// How many entries there are here.
    pub fn length(&self) -> u64 {
        self.acceptor.position.length
    }

    /// The epoch that this node leads, if it does.
    pub fn leads(&self) -> Option<Epoch> {
        match &self.side {
            Side::Leading(leader) => Some(leader.epoch),
            Side::Idle | Side::Gathering(_) => None,
        }
    }

    /// How many entries are known to be committed, at a leader whose epoch a majority has adopted.
    pub fn committed(&self) -> Option<u64> {
        match &self.side {
            Side::Leading(leader) => leader.committed,
            Side::Idle | Side::Gathering(_) => None,
        }
    }

    /// What replaces this node's records.
    pub fn snapshot(&self) -> Snapshot<C> {
        self.acceptor.snapshot()
    }

    /// Tells what was durable when it was said.
    fn say(&self, to: NodeId, body: Message<C::Entry>, cx: &mut Context<'_, Self>) {
        cx.send_after(After::Own, machine::Destination::One(to), body);
    }

    fn write_snapshot(&mut self, cx: &mut Context<'_, Self>) {
        self.acceptor.entries_since_snapshot = 0;
        cx.snapshot(Journal::Own, self.acceptor.snapshot());
    }

    /// Fences all epochs below this one; false if it is itself below one.
    fn fence(&mut self, epoch: Epoch, from: NodeId, cx: &mut Context<'_, Self>) -> bool {
        if epoch < self.acceptor.fenced {
            self.say(from, Message::Superseded(self.acceptor.fenced), cx);
            return false;
        }
        if epoch > self.acceptor.fenced {
            self.acceptor.fenced = epoch;
            cx.persist(Journal::Own, Record::Fenced(epoch));
            self.fetching = None;
            self.serving = None;
            self.superseded(epoch, cx);
        }
        true
    }

    /// A higher epoch than the one that this node leads or wants to lead.
    fn superseded(&mut self, by: Epoch, cx: &mut Context<'_, Self>) {
        let is_over = match &self.side {
            Side::Idle => false,
            Side::Gathering(gathering) => gathering.epoch < by,
            Side::Leading(leader) => leader.epoch < by,
        };
        if is_over {
            self.side = Side::Idle;
            self.fetching = None;
            cx.clear(Alarm::Flush);
            cx.clear(Alarm::Resend);
            cx.report_after(After::Own, Report::Refused(by));
        }
    }

    fn message(&mut self, from: NodeId, body: Message<C::Entry>, cx: &mut Context<'_, Self>) {
        if !self.settings.voters.contains(&from) {
            return;
        }
        match body {
            Message::Claim(epoch) if epoch.node == from => self.claim_asked(from, epoch, cx),
            Message::Begin { epoch, start } if epoch.node == from => {
                self.begin_asked(from, epoch, start, cx);
            }
            Message::Append { epoch, after, entries } if epoch.node == from => {
                self.append_asked(from, epoch, after, entries, cx);
            }
            Message::Fetch(epoch) if epoch.node == from => self.fetch_asked(from, epoch, cx),
            Message::Claim(_)
            | Message::Begin { .. }
            | Message::Append { .. }
            | Message::Fetch(_) => {}
            Message::Held { epoch, position } => self.held(from, epoch, position, cx),
            Message::Accepted { epoch, length, lacks } => {
                self.accepted(from, epoch, length, lacks, cx);
            }
            Message::Superseded(epoch) => self.superseded(epoch, cx),
            Message::Want { epoch, position, offset } => {
                self.wanted(from, epoch, position, offset, cx);
            }
            Message::Part(part) => self.part_came(from, part, cx),
        }
    }
}

impl<C: Content> Machine for Log<C> {
    type Message = Message<C::Entry>;
    type Command = Command<C::Entry>;
    type Report = Report<C>;
    type Record = Record<C::Entry>;
    type Snapshot = Snapshot<C>;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Restore { snapshot, .. } => self.acceptor.restore(snapshot),
            Input::Replay { record, .. } => self.acceptor.replay(record),
            Input::Start => self.write_snapshot(cx),
            Input::Command(Command::Claim(epoch)) => self.claim(epoch, cx),
            Input::Command(Command::Append(entry)) => self.append(entry, cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Alarm(Alarm::Flush) => self.flush(cx),
            Input::Alarm(Alarm::Resend) => self.resend(cx),
            Input::Opened(node) => self.opened(node, cx),
            Input::Closed(_) | Input::Claimed(_) | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        let Acceptor { position, fenced, .. } = &self.acceptor;
        if position.epoch > *fenced {
            return Err(format!("stands at {position:?} and has fenced {fenced} only"));
        }
        match &self.side {
            Side::Leading(leader) => leader.check(*position, *fenced),
            Side::Idle | Side::Gathering(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
