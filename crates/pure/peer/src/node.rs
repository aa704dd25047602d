//! Any process of a market: a peer, or the directory that introduces peers to each other. Hosts
//! and simulators run this one machine.
//!
//! A peer talks to all others, or along the edges of an overlay only. The peer itself is the same,
//! and so is the directory: it is no node of the overlay, all talk to it directly, and it hears
//! nothing of routes.

use std::convert::identity;

use groupcast::log::Log;
use groupcast::membership::{self, Directory};
use groupcast::overlay::{self, Overlay, Routed};
use machine::{Context, Incarnation, Input, Machine, Never, holds};

use crate::any_peer::AnyPeer;
use crate::books::Books;
use crate::event::What;
use crate::message::{Packet, Record, Snapshot};
use crate::peer::{Alarm as PeerAlarm, Command, Peer, Report};
use crate::replica::Replica;

/// A process of a market.
#[derive(Debug, Clone)]
pub enum Node {
    /// Buys, sells, trades.
    Peer(Box<AnyPeer>),
    /// The same, and talks to its neighbours on an overlay only.
    Routed(Box<Routed<AnyPeer>>),
    /// Introduces peers to each other.
    Directory(Box<Directory>),
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// A peer's.
    Peer(PeerAlarm),
    /// A peer's on an overlay.
    Routed(overlay::Alarm<PeerAlarm>),
    /// A directory's.
    Directory(membership::Expire),
}

impl Node {
    /// The same peer on an overlay, if there is one: it talks to its neighbours only.
    ///
    /// A neighbour is taken for gone after half of the limit of heartbeats, so that ways lead around
    /// one that hangs before those beyond it miss their leader's.
    #[must_use]
    pub fn on(self, overlay: Option<Overlay>) -> Self {
        let (peer, overlay) = match (self, overlay) {
            (Self::Peer(peer), Some(overlay)) => (*peer, overlay),
            (node, _) => return node,
        };
        let settings = &peer.peer().settings.leadership;
        let (period, limit) = (settings.heartbeat_period / 2, settings.heartbeat_limit / 2);
        let routed = Routed::new(settings.me, overlay, peer).watching(period, limit);
        Self::Routed(Box::new(routed))
    }

    /// The same; a peer [omits requests](AnyPeer::omit_requests).
    #[must_use]
    pub fn omitting_requests(mut self) -> Self {
        if let Self::Peer(peer) = &mut self {
            peer.omit_requests();
        }
        self
    }

    /// The peer that this is, wherever its market is held, if it is one.
    pub fn any_peer(&self) -> Option<&AnyPeer> {
        match self {
            Self::Peer(peer) => Some(peer),
            Self::Routed(routed) => Some(routed.inner()),
            Self::Directory(_) => None,
        }
    }

    /// The peer that this is, if it is one.
    pub fn peer(&self) -> Option<&Peer> {
        self.any_peer().map(AnyPeer::peer)
    }

    /// Its part in the log that holds the market, where it is replicated.
    pub fn log(&self) -> Option<&Log<Replica>> {
        self.any_peer().and_then(AnyPeer::log)
    }

    /// Its part in the market's books, where each peer keeps its own.
    pub fn books(&self) -> Option<&Books> {
        self.any_peer().and_then(AnyPeer::books)
    }
}

fn run_directory(directory: &mut Directory, input: Input<Node>, cx: &mut Context<'_, Node>) {
    let input = match input {
        Input::Message { from, body: Packet::Membership(body) } => Input::Message { from, body },
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

/// Lets what runs a peer handle an input: its message and its alarm, if they are for it.
fn run_peer<M>(
    machine: &mut M,
    input: Input<Node>,
    message: impl Fn(Packet) -> Option<M::Message>,
    alarm: impl Fn(Alarm) -> Option<M::Alarm>,
    cx: &mut Context<'_, Node>,
) where
    M: Machine<Command = Command, Report = Report, Record = Record, Snapshot = Snapshot>,
    Node: machine::Holds<M>,
{
    let input = match input {
        Input::Restore { journal, snapshot } => Input::Restore { journal, snapshot },
        Input::Replay { journal, record } => Input::Replay { journal, record },
        Input::Start => Input::Start,
        Input::Claimed(epoch) => Input::Claimed(epoch),
        Input::Refused(epoch) => Input::Refused(epoch),
        Input::Command(command) => Input::Command(command),
        Input::Message { from, body } => match message(body) {
            Some(body) => Input::Message { from, body },
            None => return,
        },
        Input::Opened(node) => Input::Opened(node),
        Input::Closed(node) => Input::Closed(node),
        Input::Alarm(name) => match alarm(name) {
            Some(name) => Input::Alarm(name),
            None => return,
        },
    };
    cx.relay(machine, input);
}

fn peer_alarm(alarm: Alarm) -> Option<PeerAlarm> {
    match alarm {
        Alarm::Peer(alarm) => Some(alarm),
        Alarm::Routed(_) | Alarm::Directory(_) => None,
    }
}

fn routed_alarm(alarm: Alarm) -> Option<overlay::Alarm<PeerAlarm>> {
    match alarm {
        Alarm::Routed(alarm) => Some(alarm),
        Alarm::Peer(_) | Alarm::Directory(_) => None,
    }
}

impl Machine for Node {
    type Message = Packet;
    type Command = Command;
    type Report = Report;
    type Record = Record;
    type Snapshot = Snapshot;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match self {
            Self::Peer(peer) => run_peer(&mut **peer, input, Packet::message, peer_alarm, cx),
            Self::Routed(routed) => {
                run_peer(&mut **routed, input, Packet::along, routed_alarm, cx);
            }
            Self::Directory(directory) => run_directory(directory, input, cx),
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Self::Peer(peer) => peer.check(),
            Self::Routed(routed) => routed.check(),
            Self::Directory(directory) => directory.check(),
        }
    }
}

holds! {
    Node: AnyPeer {
        message: Packet::from,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Peer,
    }
    Node: Routed<AnyPeer> {
        message: Packet::from,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Routed,
    }
    Node: Directory {
        message: Packet::Membership,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Directory,
    }
}
