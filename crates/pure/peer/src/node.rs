//! Any process of a market: a peer, or the directory that introduces peers to each other. Hosts
//! and simulators run this one machine.

use groupcast::log::Log;
use groupcast::membership::{self, Directory};
use machine::{Context, Holds, Incarnation, Input, Machine, Never};

use crate::event::What;
use crate::message::{Message, Record, Snapshot};
use crate::peer::{Alarm as PeerAlarm, Command, Peer, Report};
use crate::replicated::{Replica, Replicated};

/// A process of a market.
#[derive(Debug, Clone)]
pub enum Node {
    /// Buys, sells, trades.
    Peer(Box<Peer>),
    /// The same, and holds the market together with the others.
    Replicated(Box<Replicated>),
    /// Introduces peers to each other.
    Directory(Box<Directory>),
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// A peer's.
    Peer(PeerAlarm),
    /// A directory's.
    Directory(membership::Expire),
}

impl Node {
    /// The peer that this is, if it is one.
    pub fn peer(&self) -> Option<&Peer> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::Replicated(replicated) => Some(replicated.peer()),
            Self::Directory(_) => None,
        }
    }

    /// Its part in the log that holds the market, where it is replicated.
    pub fn log(&self) -> Option<&Log<Replica>> {
        match self {
            Self::Replicated(replicated) => Some(replicated.log()),
            Self::Peer(_) | Self::Directory(_) => None,
        }
    }
}

fn run_directory(directory: &mut Directory, input: Input<Node>, cx: &mut Context<'_, Node>) {
    let input = match input {
        Input::Message { from, body: Message::Membership(body) } => Input::Message { from, body },
        Input::Alarm(Alarm::Directory(alarm)) => Input::Alarm(alarm),
        Input::Start => {
            let what = What::Started { incarnation: Incarnation(1), role: "directory".into() };
            cx.report(Report { at: cx.now, clock: None, what });
            Input::Start
        }
        Input::Opened(node) => Input::Opened(node),
        Input::Closed(node) => Input::Closed(node),
        // A directory keeps no journal, obeys nobody, and is no part of the market.
        Input::Restore { .. }
        | Input::Replay { .. }
        | Input::Claimed(_)
        | Input::Refused(_)
        | Input::Command(_)
        | Input::Message { .. }
        | Input::Alarm(_) => return,
    };
    for report in cx.run(directory, input) {
        let what = What::from(report);
        cx.report(Report { at: cx.now, clock: None, what });
    }
}

/// A peer's input, or that of a peer whose market is replicated: they have all types in common.
fn run_peer<P>(peer: &mut P, input: Input<Node>, cx: &mut Context<'_, Node>)
where
    P: Machine<
            Message = Message,
            Command = Command,
            Report = Report,
            Record = Record,
            Snapshot = Snapshot,
            Alarm = PeerAlarm,
        >,
    Node: Holds<P>,
{
    let input = match input {
        Input::Restore { journal, snapshot } => Input::Restore { journal, snapshot },
        Input::Replay { journal, record } => Input::Replay { journal, record },
        Input::Start => Input::Start,
        Input::Claimed(epoch) => Input::Claimed(epoch),
        Input::Refused(epoch) => Input::Refused(epoch),
        Input::Command(command) => Input::Command(command),
        Input::Message { from, body } => Input::Message { from, body },
        Input::Opened(node) => Input::Opened(node),
        Input::Closed(node) => Input::Closed(node),
        Input::Alarm(Alarm::Peer(alarm)) => Input::Alarm(alarm),
        Input::Alarm(Alarm::Directory(_)) => return,
    };
    cx.relay(peer, input);
}

impl Machine for Node {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match self {
            Self::Peer(peer) => run_peer(&mut **peer, input, cx),
            Self::Replicated(replicated) => run_peer(&mut **replicated, input, cx),
            Self::Directory(directory) => run_directory(directory, input, cx),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Peer(peer) => peer.check(),
            Self::Replicated(replicated) => replicated.check(),
            Self::Directory(directory) => directory.check(),
        }
    }
}

/// A peer's values are the process's own, replicated or not.
macro_rules! holds_peer {
    ($peer:ty) => {
        impl Holds<$peer> for Node {
            fn message(inner: Message) -> Message {
                inner
            }
            fn record(inner: Record) -> Record {
                inner
            }
            fn snapshot(inner: Snapshot) -> Snapshot {
                inner
            }
            fn alarm(inner: PeerAlarm) -> Alarm {
                Alarm::Peer(inner)
            }
        }
    };
}
holds_peer!(Peer);
holds_peer!(Replicated);

impl Holds<Directory> for Node {
    fn message(inner: membership::Message) -> Message {
        Message::Membership(inner)
    }
    fn record(inner: Never) -> Record {
        match inner {}
    }
    fn snapshot(inner: Never) -> Snapshot {
        match inner {}
    }
    fn alarm(inner: membership::Expire) -> Alarm {
        Alarm::Directory(inner)
    }
}
