//! A peer whose market is held by a majority: the common journal is a replicated log
//! ([`groupcast::log`]) among the voters, instead of a file that all can reach.
//!
//! ```text
//!   the peer asks for                     what becomes of it here
//!   Claim {epoch}                         the log's claim; its content comes back as Restore, Claimed
//!   Persist, to the common journal        an entry of the log, carried out at every voter
//!   Snapshot, of the common journal       nothing: every voter carries the market along, and writes
//!                                         its own snapshots
//!   Send, Report, behind such writes      wait until a majority holds them; dropped if the epoch is
//!                                         refused first
//!   all else                              passes
//! ```
//!
//! **Promise.** That of the peer in any form of handover (SAFETY S8): an answer leaves only when the
//! entries before it outlive this epoch. *Why:* they are committed, and a committed entry is part of
//! every market that a later trader takes over. There is nothing to hand over, and no place that all
//! peers share: each writes to its own journal only.

use std::collections::VecDeque;

use groupcast::log::{self, Content, Log};
use machine::{After, Context, Destination, Effect, Input, Journal, Machine, NodeId};
use market::{Act, Command as Asked, Entry, Kernel, Request};
use serde::{Deserialize, Serialize};

use crate::message::{Message, Record, Snapshot};
use crate::peer::{Alarm, Command, Peer, Report};
use crate::settings::Settings;

/// How many messages and reports may wait for a majority; beyond it requests are lost, as on a link,
/// and their senders send them again.
const HELD_MAX: usize = 1 << 16;

/// The market, as every voter carries it along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replica(pub Kernel);

impl Content for Replica {
    type Entry = Entry;
    fn apply(&mut self, entry: &Entry) {
        self.0.apply(entry);
    }
    fn entry_bytes(entry: &Entry) -> usize {
        let stamp = match &entry.act {
            Act::Request(Request { command: Asked::Deposit(offer), .. }) => offer.stamp.as_ref(),
            _ => None,
        };
        ENTRY_BYTES + stamp.map_or(0, |stamp| STAMP_NODE_BYTES * stamp.nodes())
    }
    fn parts(&self) -> u64 {
        self.0.parts() as u64
    }
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Kernel::from_bytes(bytes).ok().map(Self)
    }
}

/// What an entry takes but for a stamp: a name of a good, and numbers.
const ENTRY_BYTES: usize = 160;
/// What a stamp takes for each node.
const STAMP_NODE_BYTES: usize = 15;

/// How much one message between voters may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Entries, fewer if their stamps are long.
    pub entries: usize,
    /// Bytes of a market, or of entries.
    pub part_bytes: usize,
}

impl MessageLimits {
    /// For a transport with frames of up to a mebibyte.
    pub const STREAMS: Self = Self { entries: 1 << 10, part_bytes: 256 << 10 };
    /// For datagrams between processes of one machine.
    pub const DATAGRAMS: Self = Self { entries: 32, part_bytes: 8 << 10 };
}

/// What waits for a majority.
#[derive(Debug, Clone)]
enum Held {
    Send(Destination, Message),
    Report(Report),
}

/// A peer, and its part in the log that holds the market.
#[derive(Debug, Clone)]
pub struct Replicated {
    peer: Peer,
    log: Log<Replica>,
    /// What waits, and how many entries have to be committed for it.
    held: VecDeque<(u64, Held)>,
    /// What the log told, and the peer does not know yet.
    told: VecDeque<log::Report<Replica>>,
}

type Cx<'a> = Context<'a, Replicated>;

impl Replicated {
    /// A peer before its first life.
    pub fn new(settings: Settings, limits: MessageLimits) -> Self {
        let log = log::Settings {
            me: settings.leadership.me,
            voters: settings.leadership.voters.clone(),
            resend: settings.leadership.resend,
            entries_max: limits.entries,
            part_bytes_max: limits.part_bytes,
            snapshot_every: settings.trader.snapshot_every,
        };
        let founding = Replica(settings.trader.founding.clone());
        Self {
            log: Log::new(log, founding),
            peer: Peer::new(settings),
            held: VecDeque::new(),
            told: VecDeque::new(),
        }
    }

    /// The peer.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// The peer, to be changed before its first life.
    #[cfg(feature = "planted")]
    pub fn peer_mut(&mut self) -> &mut Peer {
        &mut self.peer
    }

    /// Its part in the log.
    pub fn log(&self) -> &Log<Replica> {
        &self.log
    }

    fn peer_input(&mut self, input: Input<Peer>, cx: &mut Cx<'_>) {
        let mut effects = Vec::new();
        self.peer.handle(input, &mut Context::new(cx.now, cx.random, &mut effects));
        effects.into_iter().for_each(|effect| self.carry_out(effect, cx));
        // In their turn: what follows from them comes behind what came before them.
        while let Some(report) = self.told.pop_front() {
            self.log_told(report, cx);
        }
    }

    fn carry_out(&mut self, effect: Effect<Peer>, cx: &mut Cx<'_>) {
        match effect {
            Effect::Persist { journal: Journal::Own, record } => cx.persist(Journal::Own, record),
            Effect::Persist { journal: Journal::Common, record } => {
                if let Record::Entry(entry) = record {
                    self.run_log(Input::Command(log::Command::Append(entry)), cx);
                }
            }
            Effect::Snapshot { journal: Journal::Own, snapshot } => {
                let Snapshot::Own(own) = snapshot else { return };
                let log = Box::new(self.log.snapshot());
                cx.snapshot(Journal::Own, Snapshot::Replica { own, log });
            }
            Effect::Snapshot { journal: Journal::Common, .. } => {}
            Effect::Claim(epoch) => {
                self.held.clear();
                self.run_log(Input::Command(log::Command::Claim(epoch)), cx);
            }
            Effect::Send { to, body, after } => match after == After::All && self.is_waiting() {
                true => self.held.push_back((self.log.length(), Held::Send(to, body))),
                false => cx.send_after(after, to, body),
            },
            Effect::Report { report, after } => match after == After::All && self.is_waiting() {
                true => self.held.push_back((self.log.length(), Held::Report(report))),
                false => cx.report_after(after, report),
            },
            Effect::Set { alarm, at } => cx.set(alarm, at.since(cx.now)),
            Effect::Clear(alarm) => cx.clear(alarm),
        }
    }

    /// Whether something was appended here that no majority holds yet, as far as is known.
    fn is_waiting(&self) -> bool {
        self.log.leads().is_some() && self.log.committed() < Some(self.log.length())
    }

    fn log_input(&mut self, input: Input<Log<Replica>>, cx: &mut Cx<'_>) {
        self.run_log(input, cx);
        while let Some(report) = self.told.pop_front() {
            self.log_told(report, cx);
        }
    }

    /// Lets the log handle an input; what it tells is left in `told`.
    fn run_log(&mut self, input: Input<Log<Replica>>, cx: &mut Cx<'_>) {
        let mut effects: Vec<Effect<Log<Replica>>> = Vec::new();
        self.log.handle(input, &mut Context::new(cx.now, cx.random, &mut effects));
        for effect in effects {
            match effect {
                Effect::Persist { record, .. } => cx.persist(Journal::Own, Record::Log(record)),
                Effect::Snapshot { snapshot, .. } => {
                    let (own, log) = (self.peer.own(), Box::new(snapshot));
                    cx.snapshot(Journal::Own, Snapshot::Replica { own, log });
                }
                Effect::Send { to, body, after } => cx.send_after(after, to, Message::Log(body)),
                Effect::Set { alarm, at } => cx.set(Alarm::Log(alarm), at.since(cx.now)),
                Effect::Clear(alarm) => cx.clear(Alarm::Log(alarm)),
                Effect::Report { report, .. } => self.told.push_back(report),
                // It has no other journal.
                Effect::Claim(_) => {}
            }
        }
    }

    fn log_told(&mut self, report: log::Report<Replica>, cx: &mut Cx<'_>) {
        match report {
            log::Report::Claimed(epoch, Replica(kernel)) => {
                let (journal, snapshot) = (Journal::Common, Snapshot::Market(Box::new(kernel)));
                self.peer_input(Input::Restore { journal, snapshot }, cx);
                self.peer_input(Input::Claimed(epoch), cx);
            }
            log::Report::Committed(length) => {
                let is_due = |(needs, _): &mut (u64, Held)| *needs <= length;
                while let Some((_, held)) = self.held.pop_front_if(is_due) {
                    // Beside the majority, this node's own records are to be durable.
                    match held {
                        Held::Send(to, body) => cx.send_after(After::Own, to, body),
                        Held::Report(report) => cx.report_after(After::Own, report),
                    }
                }
            }
            log::Report::Refused(epoch) => {
                self.held.clear();
                self.peer_input(Input::Refused(epoch), cx);
            }
        }
    }

    fn message(&mut self, from: NodeId, body: Message, cx: &mut Cx<'_>) {
        match body {
            Message::Log(body) => self.log_input(Input::Message { from, body }, cx),
            Message::Trade(_) if self.held.len() >= HELD_MAX => {}
            body => self.peer_input(Input::Message { from, body }, cx),
        }
    }
}

impl Machine for Replicated {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Cx<'_>) {
        match input {
            Input::Restore { journal: Journal::Own, snapshot } => {
                let journal = Journal::Own;
                let own = match snapshot {
                    Snapshot::Replica { own, log } => {
                        self.run_log(Input::Restore { journal, snapshot: *log }, cx);
                        Snapshot::Own(own)
                    }
                    own @ (Snapshot::Own(_) | Snapshot::Market(_)) => own,
                };
                self.peer_input(Input::Restore { journal, snapshot: own }, cx);
            }
            Input::Replay { journal: Journal::Own, record: Record::Log(record) } => {
                self.run_log(Input::Replay { journal: Journal::Own, record }, cx);
            }
            Input::Replay { journal: Journal::Own, record } => {
                self.peer_input(Input::Replay { journal: Journal::Own, record }, cx);
            }
            // It never claims the host's common journal.
            Input::Restore { journal: Journal::Common, .. }
            | Input::Replay { journal: Journal::Common, .. }
            | Input::Claimed(_)
            | Input::Refused(_) => {}
            // The peer's first snapshot is the log's as well.
            Input::Start => self.peer_input(Input::Start, cx),
            Input::Command(command) => self.peer_input(Input::Command(command), cx),
            Input::Message { from, body } => self.message(from, body, cx),
            Input::Alarm(Alarm::Log(alarm)) => self.log_input(Input::Alarm(alarm), cx),
            Input::Alarm(alarm) => self.peer_input(Input::Alarm(alarm), cx),
            Input::Opened(node) => {
                self.peer_input(Input::Opened(node), cx);
                self.log_input(Input::Opened(node), cx);
            }
            Input::Closed(node) => {
                self.peer_input(Input::Closed(node), cx);
                self.log_input(Input::Closed(node), cx);
            }
        }
    }

    fn check(&self) -> Result<(), String> {
        self.peer.check()?;
        self.log.check()
    }
}
