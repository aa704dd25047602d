//! Messages to nodes, over whichever transport the node has: a message to many is serialised once,
//! and what goes to one peer in a turn leaves in one write.

use std::net::SocketAddr;

use machine::{Destination, Input, Instant, Machine, NodeId};
use mio::Poll;
use mio::event::Event;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::application::Counts;
use crate::bind::Sockets;
use crate::datagrams::Datagrams;
use crate::frames::{Identity, MESSAGE};
use crate::impairment::{Fate, Impaired, Impairment};
use crate::links::Links;

/// The tokens of the sockets; those of connections are larger by far.
pub(crate) const LISTENER: usize = 0;
pub(crate) const DATAGRAMS: usize = 1;
/// The tokens that the node has for itself.
pub(crate) const LINES: usize = 2;
pub(crate) const SIGNALS: usize = 3;
pub(crate) const WAKER: usize = 4;
pub(crate) const TIMER: usize = 5;

/// All that a node sends and receives.
#[derive(Debug)]
pub(crate) struct Network {
    identity: Identity,
    links: Links,
    datagrams: Option<Datagrams>,
    /// None as long as all links are sound, which costs a message nothing.
    impaired: Option<Box<Impaired>>,
    frame: Vec<u8>,
    pub counts: Counts,
}

impl Network {
    /// Sets up to send and receive over `sockets`.
    ///
    /// # Errors
    /// The system refused to watch a socket.
    pub fn new(identity: Identity, sockets: Sockets, poll: &Poll) -> std::io::Result<Self> {
        let Sockets { mut listener, datagrams } = sockets;
        let readable = mio::Interest::READABLE;
        poll.registry().register(&mut listener, mio::Token(LISTENER), readable)?;
        let datagrams = match datagrams {
            None => None,
            Some(mut socket) => {
                poll.registry().register(&mut socket, mio::Token(DATAGRAMS), readable)?;
                Some(Datagrams::new(identity, socket))
            }
        };
        let registry = poll.registry().try_clone()?;
        let links = Links::new(identity, registry, listener);
        let (frame, counts) = (Vec::new(), Counts::default());
        Ok(Self { identity, links, datagrams, impaired: None, frame, counts })
    }

    /// Makes links worse, or sound again. `seed` decides what is lost from the first time on.
    pub fn impair<M: Machine>(
        &mut self,
        impairment: Impairment,
        seed: u64,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) {
        self.links.cut(&impairment.cut, now, inbox);
        let impaired = self.impaired.get_or_insert_with(|| Box::new(Impaired::new(seed)));
        impaired.set(impairment);
        self.impaired.take_if(|impaired| impaired.is_over());
    }

    /// Takes note of where a node is.
    pub fn connect(&mut self, node: NodeId, address: SocketAddr, now: Instant) {
        self.links.connect(node, address, now);
    }

    /// Forgets where a node is; a link to it that is up stays.
    pub fn stop_dialing<M: Machine>(
        &mut self,
        node: NodeId,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) {
        self.links.stop_dialing(node, now, inbox);
    }

    /// Forgets where a node is and ends the link to it.
    pub fn forget<M: Machine>(&mut self, node: NodeId, now: Instant, inbox: &mut Vec<Input<M>>) {
        self.links.forget(node, now, inbox);
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.forget(node);
        }
    }

    /// Takes note of what the system says about a socket.
    pub fn event(&mut self, event: &Event) {
        match (event.token().0, &mut self.datagrams) {
            (LISTENER, _) => self.links.listener_event(),
            (DATAGRAMS, Some(datagrams)) => datagrams.event(),
            _ => self.links.event(event),
        }
    }

    /// Whether there is something to read without waiting for the system.
    pub fn is_pending(&self) -> bool {
        self.links.is_pending() || self.datagrams.as_ref().is_some_and(Datagrams::is_pending)
    }

    /// When the network has something to do by itself.
    pub fn next_chore(&self) -> Option<Instant> {
        let late = self.impaired.as_ref().and_then(|impaired| impaired.next_due());
        [self.links.next_chore(), late].into_iter().flatten().min()
    }

    /// Dials and gives up what is due, and lets late messages leave.
    pub fn do_chores<M: Machine>(&mut self, now: Instant, inbox: &mut Vec<Input<M>>) {
        self.links.do_chores(now, inbox, &mut self.counts);
        while let Some((node, frame)) = self.impaired.as_mut().and_then(|late| late.pop_due(now)) {
            self.send_frame(node, &frame);
        }
        self.impaired.take_if(|impaired| impaired.is_over());
    }

    /// Reads what has come, within the limits of a turn.
    pub fn receive<M>(&mut self, now: Instant, inbox: &mut Vec<Input<M>>)
    where
        M: Machine<Message: DeserializeOwned>,
    {
        self.links.receive(now, inbox, &mut self.counts);
        if let Some(datagrams) = &mut self.datagrams {
            let before = inbox.len();
            datagrams.receive(|node| self.links.address(node), inbox, &mut self.counts);
            if let Some(impaired) = &self.impaired {
                let came = inbox.split_off(before);
                let passes = |input: &Input<M>| !matches!(input, Input::Message { from, .. } if impaired.is_cut(*from));
                self.counts.impaired += came.iter().filter(|input| !passes(input)).count() as u64;
                inbox.extend(came.into_iter().filter(passes));
            }
        }
    }

    /// Sends a message; to the node itself it goes by way of `inbox`.
    pub fn send<M>(
        &mut self,
        to: &Destination,
        body: M::Message,
        now: Instant,
        inbox: &mut Vec<Input<M>>,
    ) where
        M: Machine<Message: Serialize>,
    {
        self.frame.clear();
        if self.identity.encode(MESSAGE, &body, &mut self.frame).is_err() {
            self.counts.too_large += to.nodes().len() as u64;
            return;
        }
        let frame = std::mem::take(&mut self.frame);
        for node in to.nodes() {
            if *node == self.identity.node {
                continue;
            }
            match self.impaired.as_mut().map(|impaired| impaired.judge(*node, &frame, now)) {
                None | Some(Fate::Leaves) => self.send_frame(*node, &frame),
                Some(Fate::Lost) => self.counts.impaired += 1,
                Some(Fate::Late) => {}
                Some(Fate::Overflows) => self.counts.overflowed += 1,
            }
        }
        self.frame = frame;
        if to.nodes().contains(&self.identity.node) {
            inbox.push(Input::Message { from: self.identity.node, body });
        }
    }

    fn send_frame(&mut self, node: NodeId, frame: &[u8]) {
        if let (Some(datagrams), Some(address)) = (&mut self.datagrams, self.links.address(node))
            && datagrams.append(node, address, frame, &mut self.counts)
        {
            return;
        }
        match self.links.append(node, frame) {
            None => self.counts.unreachable += 1,
            Some(false) => self.counts.overflowed += 1,
            Some(true) => self.counts.sent += 1,
        }
    }

    /// Hands to the system what was sent.
    pub fn flush<M: Machine>(&mut self, now: Instant, inbox: &mut Vec<Input<M>>) {
        if let Some(datagrams) = &mut self.datagrams {
            datagrams.flush(&mut self.counts);
        }
        self.links.flush(now, inbox);
    }
}
