//! Where a market is held that is held by the peers themselves, and how the values of what holds it
//! travel inside a peer's.

use std::collections::{BTreeSet, VecDeque};

use groupcast::log::{self, Log};
use machine::{Context, Effect, Epoch, Input, Journal, Machine, NodeId};
use market::{Entry, Kernel, Party};

use crate::any_peer::AnyPeer;
use crate::books::{self, Books};
use crate::message::{Message, Own, Record, Snapshot};
use crate::peer::Alarm;
use crate::replica::{MessageLimits, Replica};
use crate::settings::Settings;

/// What holds a peer's market.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// A journal that all can reach.
    Common,
    /// A majority: the market's entries are a replicated log.
    Log(Box<Log<Replica>>),
    /// Those whom it concerns: the market is the sum of their books.
    Books(Box<Books>),
}

impl Place {
    pub fn log(settings: &Settings, limits: MessageLimits) -> Self {
        let leadership = &settings.leadership;
        let log = log::Settings {
            me: leadership.me,
            voters: leadership.voters.clone(),
            resend: leadership.resend,
            entries_max: limits.entries,
            part_bytes_max: limits.part_bytes,
            snapshot_every: settings.trader.snapshot_every,
        };
        Self::Log(Box::new(Log::new(log, Replica(settings.trader.founding.clone()))))
    }

    pub fn books(settings: &Settings, limits: MessageLimits) -> Self {
        let leadership = &settings.leadership;
        Self::Books(Box::new(Books::new(books::Settings {
            me: leadership.me,
            directory: settings.membership.directory,
            founding: settings.trader.founding.clone(),
            resend: leadership.resend,
            limit: leadership.heartbeat_limit,
            items_max: limits.entries,
            part_bytes_max: limits.part_bytes,
            snapshot_every: settings.trader.snapshot_every,
        })))
    }

    /// Lets whatever holds the market handle its part of an input; what is left is the peer's.
    pub fn take(
        &mut self,
        input: Input<AnyPeer>,
        own: impl Fn() -> Own,
        told: &mut VecDeque<Told>,
        cx: &mut Context<'_, AnyPeer>,
    ) -> Option<Input<AnyPeer>> {
        match self {
            Self::Common => Some(input),
            Self::Log(log) => log.take(input, own, told, cx),
            Self::Books(books) => books.take(input, own, told, cx),
        }
    }

    /// Has whatever holds the market carry out what the peer asks of the common journal.
    pub fn ask(
        &mut self,
        asked: Asked,
        own: impl Fn() -> Own,
        told: &mut VecDeque<Told>,
        cx: &mut Context<'_, AnyPeer>,
    ) {
        match self {
            Self::Common => {}
            Self::Log(log) => log.run(Input::Command(asked.into()), own, told, cx),
            Self::Books(books) => books.run(Input::Command(asked.into()), own, told, cx),
        }
    }

    /// The peer's own snapshot, with that of its part in holding the market.
    pub fn snapshot(&mut self, own: Own) -> Snapshot {
        match self {
            Self::Common => Snapshot::Own(own),
            Self::Log(log) => Log::wrap_snapshot(own, Log::snapshot(log)),
            Self::Books(books) => {
                let book = books.snapshot();
                Books::wrap_snapshot(own, book)
            }
        }
    }

    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Common => Ok(()),
            Self::Log(log) => log.check(),
            Self::Books(books) => books.check(),
        }
    }
}

/// What a peer hears of its market.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// It trades in this epoch, from this market on.
    Claimed(Epoch, Box<Kernel>),
    /// This one may ask from now on, and the market is this one now.
    Joined(NodeId, Box<Kernel>),
    /// The lots of these are passed over from now on.
    Away(BTreeSet<Party>),
    /// All tickets up to this one are held.
    HeldUpTo(u64),
    /// This ticket is held.
    Held(u64),
    /// A higher epoch stands.
    Refused(Epoch),
}

/// What a peer asks of a common journal.
#[derive(Debug)]
pub(crate) enum Asked {
    Claim(Epoch),
    Append(Entry),
}

impl From<Asked> for log::Command<Entry> {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Claim(epoch) => Self::Claim(epoch),
            Asked::Append(entry) => Self::Append(entry),
        }
    }
}

impl From<Asked> for books::Command {
    fn from(asked: Asked) -> Self {
        match asked {
            Asked::Claim(epoch) => Self::Claim(epoch),
            Asked::Append(entry) => Self::Append(entry),
        }
    }
}

/// What of a value is the holder's, and what is left for the peer.
type Split<H, P> = (Option<H>, Option<P>);

/// A machine that holds a market: how its values travel inside a peer's, and back.
trait Holder: Machine {
    fn wrap_message(body: Self::Message) -> Message;
    fn wrap_record(record: Self::Record) -> Record;
    /// A journal has one snapshot: what the peer remembers of itself goes with it.
    fn wrap_snapshot(own: Own, snapshot: Self::Snapshot) -> Snapshot;
    fn wrap_alarm(alarm: Self::Alarm) -> Alarm;
    fn told(report: Self::Report) -> Told;
    fn message(body: Message) -> Split<Self::Message, Message>;
    fn record(record: Record) -> Split<Self::Record, Record>;
    fn snapshot(snapshot: Snapshot) -> Split<Self::Snapshot, Snapshot>;
    fn alarm(alarm: Alarm) -> Split<Self::Alarm, Alarm>;

    /// Handles an input; what it tells is left in `told`.
    fn run(
        &mut self,
        input: Input<Self>,
        own: impl Fn() -> Own,
        told: &mut VecDeque<Told>,
        cx: &mut Context<'_, AnyPeer>,
    ) {
        let mut effects: Vec<Effect<Self>> = Vec::new();
        self.handle(input, &mut cx.listed(&mut effects));
        for effect in effects {
            match effect {
                Effect::Persist { record, .. } => {
                    cx.persist(Journal::Own, Self::wrap_record(record));
                }
                Effect::Snapshot { snapshot, .. } => {
                    cx.snapshot(Journal::Own, Self::wrap_snapshot(own(), snapshot));
                }
                Effect::Send { to, body, after } => {
                    cx.send_after(after, to, Self::wrap_message(body));
                }
                Effect::Set { alarm, at } => cx.set(Self::wrap_alarm(alarm), at.since(cx.now)),
                Effect::Clear(alarm) => cx.clear(Self::wrap_alarm(alarm)),
                Effect::Report { report, .. } => told.push_back(Self::told(report)),
                // It has no other journal.
                Effect::Claim(_) => {}
            }
        }
    }

    /// Handles its part of an input; what is left is the peer's.
    fn take(
        &mut self,
        input: Input<AnyPeer>,
        own: impl Fn() -> Own,
        told: &mut VecDeque<Told>,
        cx: &mut Context<'_, AnyPeer>,
    ) -> Option<Input<AnyPeer>> {
        let (inner, left) = match input {
            // It never claims the host's common journal.
            Input::Restore { journal: Journal::Common, .. }
            | Input::Replay { journal: Journal::Common, .. }
            | Input::Claimed(_)
            | Input::Refused(_) => (None, None),
            Input::Restore { journal, snapshot } => {
                let (inner, left) = Self::snapshot(snapshot);
                (
                    inner.map(|snapshot| Input::Restore { journal, snapshot }),
                    left.map(|snapshot| Input::Restore { journal, snapshot }),
                )
            }
            Input::Replay { journal, record } => {
                let (inner, left) = Self::record(record);
                (
                    inner.map(|record| Input::Replay { journal, record }),
                    left.map(|record| Input::Replay { journal, record }),
                )
            }
            Input::Message { from, body } => {
                let (inner, left) = Self::message(body);
                (
                    inner.map(|body| Input::Message { from, body }),
                    left.map(|body| Input::Message { from, body }),
                )
            }
            Input::Alarm(alarm) => {
                let (inner, left) = Self::alarm(alarm);
                (inner.map(Input::Alarm), left.map(Input::Alarm))
            }
            Input::Opened(node) => (Some(Input::Opened(node)), Some(Input::Opened(node))),
            Input::Closed(node) => (Some(Input::Closed(node)), Some(Input::Closed(node))),
            // The peer's first snapshot is the holder's as well.
            Input::Start => (None, Some(Input::Start)),
            Input::Command(command) => (None, Some(Input::Command(command))),
        };
        if let Some(inner) = inner {
            self.run(inner, own, told, cx);
        }
        left
    }
}

impl Holder for Log<Replica> {
    fn wrap_message(body: Self::Message) -> Message {
        Message::Log(body)
    }
    fn wrap_record(record: Self::Record) -> Record {
        Record::Log(record)
    }
    fn wrap_snapshot(own: Own, snapshot: Self::Snapshot) -> Snapshot {
        Snapshot::Replica { own, log: Box::new(snapshot) }
    }
    fn wrap_alarm(alarm: Self::Alarm) -> Alarm {
        Alarm::Log(alarm)
    }
    fn message(body: Message) -> Split<Self::Message, Message> {
        match body {
            Message::Log(inner) => (Some(inner), None),
            left => (None, Some(left)),
        }
    }
    fn record(record: Record) -> Split<Self::Record, Record> {
        match record {
            Record::Log(inner) => (Some(inner), None),
            left => (None, Some(left)),
        }
    }
    fn snapshot(snapshot: Snapshot) -> Split<Self::Snapshot, Snapshot> {
        match snapshot {
            Snapshot::Replica { own, log } => (Some(*log), Some(Snapshot::Own(own))),
            left => (None, Some(left)),
        }
    }
    fn alarm(alarm: Alarm) -> Split<Self::Alarm, Alarm> {
        match alarm {
            Alarm::Log(inner) => (Some(inner), None),
            left => (None, Some(left)),
        }
    }
    fn told(report: log::Report<Replica>) -> Told {
        match report {
            log::Report::Claimed(epoch, Replica(kernel)) => Told::Claimed(epoch, Box::new(kernel)),
            log::Report::Committed(length) => Told::HeldUpTo(length),
            log::Report::Refused(epoch) => Told::Refused(epoch),
        }
    }
}

impl Holder for Books {
    fn wrap_message(body: Self::Message) -> Message {
        Message::Books(body)
    }
    fn wrap_record(record: Self::Record) -> Record {
        Record::Book(record)
    }
    fn wrap_snapshot(own: Own, snapshot: Self::Snapshot) -> Snapshot {
        Snapshot::Keeper { own, book: Box::new(snapshot) }
    }
    fn wrap_alarm(alarm: Self::Alarm) -> Alarm {
        Alarm::Books(alarm)
    }
    fn message(body: Message) -> Split<Self::Message, Message> {
        match body {
            Message::Books(inner) => (Some(inner), None),
            left => (None, Some(left)),
        }
    }
    fn record(record: Record) -> Split<Self::Record, Record> {
        match record {
            Record::Book(inner) => (Some(inner), None),
            left => (None, Some(left)),
        }
    }
    fn snapshot(snapshot: Snapshot) -> Split<Self::Snapshot, Snapshot> {
        match snapshot {
            Snapshot::Keeper { own, book } => (Some(*book), Some(Snapshot::Own(own))),
            left => (None, Some(left)),
        }
    }
    fn alarm(alarm: Alarm) -> Split<Self::Alarm, Alarm> {
        match alarm {
            Alarm::Books(inner) => (Some(inner), None),
            left => (None, Some(left)),
        }
    }
    fn told(report: books::Report) -> Told {
        match report {
            books::Report::Claimed(epoch, kernel) => Told::Claimed(epoch, kernel),
            books::Report::Joined(node, kernel) => Told::Joined(node, kernel),
            books::Report::Away(sellers) => Told::Away(sellers),
            books::Report::Held(number) => Told::Held(number),
            books::Report::Refused(epoch) => Told::Refused(epoch),
        }
    }
}
