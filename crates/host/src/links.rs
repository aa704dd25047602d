//! The TCP connections to all peers: who dials, who greets, what counts as a link.
//!
//! ```text
//! higher id                         lower id
//!    | ---- connect ------------------> |   (again after 5 ms, 10 ms, … 500 ms)
//!    | ---- Hello --------------------> |   Opened(higher)
//!    | <------------------- Hello ----- |
//!   Opened(lower)                       |
//!    | <------ messages of Tcp -------> |
//!   Closed(lower)      end           Closed(higher)
//! ```
//!
//! A connection counts for nothing before the other side's hello, and nothing but our own hello is
//! sent on it before: an address may have passed to another process in the meantime. A hello names
//! its run and its node, and that of who dials the node that it means, so neither side takes another
//! one for it. A newer connection to the same node replaces the older one.

mod dial;
mod greet;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use machine::{Input, Instant, Machine, NodeId};
use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use serde::de::DeserializeOwned;
use slotmap::{Key as _, KeyData, SlotMap};

use crate::alarms::Alarms;
use crate::application::Counts;
use crate::frames::{HELLO, Hello, Identity, MESSAGE};
use crate::link::{Link, Received, Stage};
use crate::network::TIMER;

/// How long a connection may take to be made and greeted.
const GREETING_LIMIT: Duration = Duration::from_secs(5);
/// How many accepted connections may wait for their hello. A whole cluster may dial a directory at
/// once; a port scanner may not take all of our file descriptors.
const UNIDENTIFIED_MAX: usize = 256;
/// How many bytes may come before a whole hello has: several times its size.
const HELLO_MAX_BYTES: usize = 512;
/// How many connections there may be. A usual limit of file descriptors is 1024, and journals and
/// lines need some.
const LINKS_MAX: usize = 960;
/// How many connections are accepted in one turn, so that a flood of them cannot keep messages
/// waiting.
const ACCEPTS_PER_TURN: usize = 32;
/// How long to wait before dialing again: at first, and at most.
const REDIAL_FIRST: Duration = Duration::from_millis(5);
const REDIAL_MAX: Duration = Duration::from_millis(500);
/// How long to wait after the system had no resources for a new connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

slotmap::new_key_type! {
    /// The name of a connection, which no later one has: an event may come when it is gone.
    struct LinkKey;
}

impl LinkKey {
    /// The token of its socket: above those of the node's other sockets, which are small numbers.
    fn token(self) -> Token {
        const { assert!(size_of::<usize>() == size_of::<u64>()) };
        let token = self.data().as_ffi() as usize;
        debug_assert!(token > TIMER, "it is another socket's");
        Token(token)
    }
}

impl From<Token> for LinkKey {
    fn from(token: Token) -> Self {
        KeyData::from_ffi(token.0 as u64).into()
    }
}

/// What the links want to do later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chore {
    Redial(NodeId),
    GiveUp(LinkKey),
    Accept,
}

/// What is known of another node.
#[derive(Debug)]
struct Peer {
    /// Where it is, as we were told.
    known: Option<SocketAddr>,
    /// Where it is, as it said itself over the link that is up.
    heard: Option<SocketAddr>,
    life: u64,
    up: Option<LinkKey>,
    dialing: Option<LinkKey>,
    pause: Duration,
}

impl Default for Peer {
    fn default() -> Self {
        Self { known: None, heard: None, life: 0, up: None, dialing: None, pause: REDIAL_FIRST }
    }
}

/// All connections of a node.
#[derive(Debug)]
pub(crate) struct Links {
    identity: Identity,
    registry: Registry,
    listener: TcpListener,
    links: SlotMap<LinkKey, Link>,
    peers: BTreeMap<NodeId, Peer>,
    chores: Alarms<Chore>,
    reads: Vec<LinkKey>,
    writes: Vec<LinkKey>,
    unidentified: usize,
    accepting: bool,
    /// Nodes to and from which nothing passes; see the `impairment` module.
    cut: BTreeSet<NodeId>,
}

impl Links {
    /// Links that are accepted by `listener`, which is registered already.
    pub fn new(identity: Identity, registry: Registry, listener: TcpListener) -> Self {
        Self {
            identity,
            registry,
            listener,
            links: SlotMap::with_key(),
            peers: BTreeMap::new(),
            chores: Alarms::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            unidentified: 0,
            accepting: false,
            cut: BTreeSet::new(),
        }
    }

    /// Where a node is: as it said itself, or else as we were told.
    pub fn address(&self, node: NodeId) -> Option<SocketAddr> {
        let peer = self.peers.get(&node)?;
        peer.heard.or(peer.known)
    }

    /// Takes note of what the system says about a connection.
    pub fn event(&mut self, event: &Event) {
        let key = LinkKey::from(event.token());
        // A token may outlive its connection within a turn.
        let Some(link) = self.links.get_mut(key) else { return };
        link.event(event);
        if link.readable && !link.in_reads {
            link.in_reads = true;
            self.reads.push(key);
        }
        mark_write(key, link, &mut self.writes);
    }

    /// The listener has something to accept.
    pub fn listener_event(&mut self) {
        self.accepting = true;
    }

    /// Whether there is something to read without waiting for the system.
    pub fn is_pending(&self) -> bool {
        self.accepting || !self.reads.is_empty()
    }

    /// When the links have something to do by themselves.
    pub fn next_chore(&self) -> Option<Instant> {
        self.chores.next()
    }

    /// Accepts and reads what has come: one read a link, so that no link keeps another waiting.
    pub fn receive<M>(&mut self, now: Instant, inbox: &mut Vec<Input<M>>, counts: &mut Counts)
    where
        M: Machine<Message: DeserializeOwned>,
    {
        if self.accepting {
            self.accept(now, counts);
        }
        let mut reads = std::mem::take(&mut self.reads);
        for key in reads.drain(..) {
            let Some(link) = self.links.get_mut(key) else { continue };
            if link.is_to_any_of(&self.cut) {
                link.in_reads = false;
                continue;
            }
            let received = link.receive();
            let sound = self.take_frames(key, now, inbox);
            if !sound {
                counts.rejected += 1;
            }
            if !sound || received == Received::End {
                self.close(key, now, inbox);
            } else if let Some(link) = self.links.get_mut(key) {
                link.in_reads = link.readable;
                if link.readable {
                    self.reads.push(key);
                }
            }
        }
        keep_memory(&mut self.reads, reads);
    }

    /// Appends a frame to what waits for a node: none if it has no link, false if there is no room.
    pub fn append(&mut self, node: NodeId, frame: &[u8]) -> Option<bool> {
        let key = self.peers.get(&node)?.up?;
        let link = self.links.get_mut(key)?;
        let appended = link.append(frame);
        mark_write(key, link, &mut self.writes);
        Some(appended)
    }

    /// Writes what waits, as far as the system takes it.
    pub fn flush<M: Machine>(&mut self, now: Instant, inbox: &mut Vec<Input<M>>) {
        let mut writes = std::mem::take(&mut self.writes);
        for key in writes.drain(..) {
            let Some(link) = self.links.get_mut(key) else { continue };
            link.in_writes = false;
            if link.is_to_any_of(&self.cut) {
                continue;
            }
            if link.flush().is_err() {
                self.close(key, now, inbox);
            }
        }
        keep_memory(&mut self.writes, writes);
    }
}

/// Puts a link on the list of those to write, if there is anything that can be written.
fn mark_write(key: LinkKey, link: &mut Link, writes: &mut Vec<LinkKey>) {
    if link.writable && link.has_waiting() && !link.in_writes {
        link.in_writes = true;
        writes.push(key);
    }
}

/// Goes on with the memory of an emptied list instead of a new one.
fn keep_memory(list: &mut Vec<LinkKey>, mut emptied: Vec<LinkKey>) {
    emptied.append(list);
    *list = emptied;
}
