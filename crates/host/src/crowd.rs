//! Many clients of one node in one thread: what a generator of load is made of.
//!
//! Each client is a connection of its own, under a node's id of its own that is above the served
//! node's. It speaks the same frames as any node, and to the served node it is one. What was said in
//! a turn leaves with one write a client.
//!
//! ```text
//! client                            node
//!   | ---- connect, Hello ----------> |
//!   | <------------------- Hello ---- |   opened
//!   | <------ messages -------------> |   heard
//! ```

use std::io::{self, ErrorKind, Write as _};
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use machine::NodeId;
use mio::{Events, Interest, Poll, Token};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::monotonic_ns;
use crate::frames::{HELLO, Hello, Identity, MESSAGE};
use crate::link::{Link, Received, Stage};

/// How many events one wait takes; more come with the next one.
const EVENTS_MAX: usize = 1024;
/// The port that a client says it listens on: it listens on none, and nobody dials a higher id.
const NO_PORT: u16 = 0;

/// What the clients say and hear. Clients are numbered from 0.
pub trait Speaker {
    /// What travels.
    type Message: Serialize + DeserializeOwned;

    /// The node has greeted a client.
    ///
    /// # Errors
    /// An error ends the crowd.
    fn opened(&mut self, client: usize, say: &mut Say<'_, Self::Message>) -> io::Result<()>;

    /// A message has come for a client.
    ///
    /// # Errors
    /// An error ends the crowd.
    fn heard(
        &mut self,
        client: usize,
        message: Self::Message,
        say: &mut Say<'_, Self::Message>,
    ) -> io::Result<()>;
}

/// Where clients say something.
#[derive(Debug)]
pub struct Say<'a, M> {
    links: &'a mut [Client],
    spoken: &'a mut Vec<usize>,
    frame: &'a mut Vec<u8>,
    message: PhantomData<M>,
}

impl<M: Serialize> Say<'_, M> {
    /// Sends a message of a client when the turn is over.
    ///
    /// # Errors
    /// It is too large, or too much waits in that connection.
    pub fn send(&mut self, client: usize, message: &M) -> io::Result<()> {
        let Client { identity, link, is_speaking } = &mut self.links[client];
        self.frame.clear();
        identity.encode(MESSAGE, message, self.frame).map_err(io::Error::other)?;
        if !link.append(self.frame) {
            return Err(io::Error::other(format!("the node reads nothing from client {client}")));
        }
        if !std::mem::replace(is_speaking, true) {
            self.spoken.push(client);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Client {
    identity: Identity,
    link: Link,
    is_speaking: bool,
}

/// The connections of all clients.
#[derive(Debug)]
pub struct Crowd {
    poll: Poll,
    events: Events,
    clients: Vec<Client>,
    spoken: Vec<usize>,
    frame: Vec<u8>,
}

impl Crowd {
    /// Connects as many clients to the node at `address`; the first one's id is `first`.
    ///
    /// # Errors
    /// A connection cannot be made.
    pub fn connect(
        address: SocketAddr,
        cluster: u64,
        first: NodeId,
        count: u32,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut clients = Vec::new();
        let life = monotonic_ns();
        for number in 0..count {
            let node = NodeId(first.0.saturating_add(number));
            let hello = Hello { life, port: NO_PORT, to: None };
            let identity = Identity { node, cluster, hello };
            let mut hello = Vec::new();
            identity.encode(HELLO, &identity.hello, &mut hello).map_err(io::Error::other)?;
            let mut socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.write_all(&hello)?;
            socket.set_nonblocking(true)?;
            let mut socket = mio::net::TcpStream::from_std(socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut socket, Token(number as usize), interest)?;
            let link = Link::new(socket, Stage::Greeting(None));
            clients.push(Client { identity, link, is_speaking: false });
        }
        let events = Events::with_capacity(EVENTS_MAX);
        Ok(Self { poll, events, clients, spoken: Vec::new(), frame: Vec::new() })
    }

    /// Lets clients say something unasked; it leaves with the next turn.
    pub fn say<M: Serialize>(&mut self) -> Say<'_, M> {
        let Self { clients, spoken, frame, .. } = self;
        Say { links: clients, spoken, frame, message: PhantomData }
    }

    /// Writes what was said, waits for at most `limit` until something comes, and has it heard.
    ///
    /// # Errors
    /// The node closed a connection or does not speak the protocol, or `speaker` had enough.
    pub fn turn<S: Speaker>(&mut self, limit: Duration, speaker: &mut S) -> io::Result<()> {
        self.flush()?;
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.events.clear(),
            other => other?,
        }
        let Self { events, clients, spoken, frame, .. } = self;
        for event in &*events {
            let client = event.token().0;
            let link = &mut clients[client].link;
            link.event(event);
            if link.has_waiting() && !std::mem::replace(&mut clients[client].is_speaking, true) {
                spoken.push(client);
            }
            while clients[client].link.readable {
                if clients[client].link.receive() == Received::End {
                    let ended = format!("the node closed the connection of client {client}");
                    return Err(io::Error::new(ErrorKind::ConnectionAborted, ended));
                }
                let mut say = Say { links: clients, spoken, frame, message: PhantomData };
                take_frames(client, &mut say, speaker)?;
            }
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        for client in self.spoken.drain(..) {
            let client = &mut self.clients[client];
            client.is_speaking = false;
            client.link.flush()?;
        }
        Ok(())
    }
}

/// Has a client hear all whole frames that came for it.
fn take_frames<S: Speaker>(
    client: usize,
    say: &mut Say<'_, S::Message>,
    speaker: &mut S,
) -> io::Result<()> {
    loop {
        let Client { identity, link, .. } = &mut say.links[client];
        let Some(frame) = link.stream.next().map_err(io::Error::other)? else { return Ok(()) };
        if frame.header.cluster != identity.cluster {
            return Err(io::Error::other("the node belongs to another run"));
        }
        match (link.stage, frame.header.kind) {
            (Stage::Greeting(_), HELLO) => {
                link.stage = Stage::Up(frame.header.from);
                speaker.opened(client, say)?;
            }
            (Stage::Up(_), MESSAGE) => {
                let message = frame.value().map_err(io::Error::other)?;
                speaker.heard(client, message, say)?;
            }
            (_, kind) => {
                return Err(io::Error::other(format!("an unexpected frame of kind {kind}")));
            }
        }
    }
}
