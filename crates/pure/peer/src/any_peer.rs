//! A peer, wherever its market is held: what an [overlay](groupcast::overlay) carries. Without an
//! overlay a [`Node`](crate::Node) runs either kind as it is.

use groupcast::log::Log;
use machine::{Context, Holds, Input, Machine};

use crate::message::{Message, Record, Snapshot};
use crate::peer::{Alarm, Command, Peer, Report};
use crate::replicated::{Replica, Replicated};

/// Either kind of peer.
#[derive(Debug, Clone)]
pub enum AnyPeer {
    /// Its market is held in a place that all can reach.
    Plain(Box<Peer>),
    /// It holds the market together with the others.
    Replicated(Box<Replicated>),
}

impl AnyPeer {
    /// The peer.
    pub fn peer(&self) -> &Peer {
        match self {
            Self::Plain(peer) => peer,
            Self::Replicated(replicated) => replicated.peer(),
        }
    }

    /// Its part in the log that holds the market, where it is replicated.
    pub fn log(&self) -> Option<&Log<Replica>> {
        match self {
            Self::Plain(_) => None,
            Self::Replicated(replicated) => Some(replicated.log()),
        }
    }
}

/// The same input for the peer inside: all types are in common.
fn same<P>(input: Input<AnyPeer>) -> Input<P>
where
    P: Machine<
            Message = Message,
            Command = Command,
            Report = Report,
            Record = Record,
            Snapshot = Snapshot,
            Alarm = Alarm,
        >,
{
    match input {
        Input::Restore { journal, snapshot } => Input::Restore { journal, snapshot },
        Input::Replay { journal, record } => Input::Replay { journal, record },
        Input::Start => Input::Start,
        Input::Claimed(epoch) => Input::Claimed(epoch),
        Input::Refused(epoch) => Input::Refused(epoch),
        Input::Command(command) => Input::Command(command),
        Input::Message { from, body } => Input::Message { from, body },
        Input::Opened(node) => Input::Opened(node),
        Input::Closed(node) => Input::Closed(node),
        Input::Alarm(alarm) => Input::Alarm(alarm),
    }
}

impl Machine for AnyPeer {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match self {
            Self::Plain(peer) => cx.relay(&mut **peer, same(input)),
            Self::Replicated(replicated) => cx.relay(&mut **replicated, same(input)),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Plain(peer) => peer.check(),
            Self::Replicated(replicated) => replicated.check(),
        }
    }
}

macro_rules! holds_peer {
    ($peer:ty) => {
        impl Holds<$peer> for AnyPeer {
            fn message(inner: Message) -> Message {
                inner
            }
            fn record(inner: Record) -> Record {
                inner
            }
            fn snapshot(inner: Snapshot) -> Snapshot {
                inner
            }
            fn alarm(inner: Alarm) -> Alarm {
                inner
            }
        }
    };
}
holds_peer!(Peer);
holds_peer!(Replicated);
