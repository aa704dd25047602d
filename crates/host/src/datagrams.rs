//! Messages as datagrams: frames for one peer gathered into few datagrams, and what a datagram must
//! be to be believed.
//!
//! A datagram begins with an envelope that names the node it is for, and ends after any number of
//! messages. It is believed if all its frames name one sender and it came from where that node is
//! known to be. That keeps other runs and strays out; it is no guard against a forger on the
//! network.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use machine::{Input, Machine, NodeId};
use mio::net::UdpSocket;
use serde::de::DeserializeOwned;

use crate::application::Counts;
use crate::frames::{ENVELOPE, Identity, MESSAGE};

/// How large a datagram to another machine may be: the smallest largest packet of IPv6 (1280
/// bytes) less its headers, so that no router cuts it into pieces.
const REMOTE_MAX_BYTES: usize = 1232;
/// How large a datagram to this machine may be: far below the 64 KiB of the format, because the
/// receiver's buffer (208 KiB by default) should hold several.
const LOCAL_MAX_BYTES: usize = 16 << 10;
/// How many datagrams are read in a turn, so that they cannot keep alarms and links waiting.
const READS_PER_TURN: usize = 64;
/// The largest datagram there can be.
const DATAGRAM_MAX_BYTES: usize = 64 << 10;

/// The datagram socket, and what is gathered for each peer.
#[derive(Debug)]
pub(crate) struct Datagrams {
    identity: Identity,
    socket: UdpSocket,
    readable: bool,
    gathered: BTreeMap<NodeId, Gathered>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Gathered {
    address: SocketAddr,
    messages: u64,
    bytes: Vec<u8>,
}

impl Datagrams {
    pub fn new(identity: Identity, socket: UdpSocket) -> Self {
        let buffer = vec![0; DATAGRAM_MAX_BYTES];
        Self { identity, socket, readable: false, gathered: BTreeMap::new(), buffer }
    }

    /// The socket has something to read.
    pub fn event(&mut self) {
        self.readable = true;
    }

    /// Whether there is something to read without waiting for the system.
    pub fn is_pending(&self) -> bool {
        self.readable
    }

    /// Puts a frame into a datagram for a node at `address`; false if it is too large for one.
    pub fn append(
        &mut self,
        node: NodeId,
        address: SocketAddr,
        frame: &[u8],
        counts: &mut Counts,
    ) -> bool {
        let limit_bytes = if is_this_machine(address) { LOCAL_MAX_BYTES } else { REMOTE_MAX_BYTES };
        let gathered = self.gathered.entry(node).or_insert_with(|| Gathered {
            address,
            messages: 0,
            bytes: Vec::new(),
        });
        let full = gathered.bytes.len() + frame.len() > limit_bytes;
        if gathered.messages > 0 && (full || gathered.address != address) {
            send(&self.socket, gathered, counts);
        }
        if gathered.messages == 0 {
            gathered.address = address;
            gathered.bytes.clear();
            if self.identity.encode(ENVELOPE, &node, &mut gathered.bytes).is_err() {
                return false;
            }
        }
        if gathered.bytes.len() + frame.len() > limit_bytes {
            return false;
        }
        gathered.bytes.extend_from_slice(frame);
        gathered.messages += 1;
        true
    }

    /// Forgets what is gathered for a node.
    pub fn forget(&mut self, node: NodeId) {
        self.gathered.remove(&node);
    }

    /// Sends what is gathered.
    pub fn flush(&mut self, counts: &mut Counts) {
        for gathered in self.gathered.values_mut().filter(|gathered| gathered.messages > 0) {
            send(&self.socket, gathered, counts);
        }
    }

    /// Reads what has come; `address` says where a node is.
    pub fn receive<M>(
        &mut self,
        address: impl Fn(NodeId) -> Option<SocketAddr>,
        inbox: &mut Vec<Input<M>>,
        counts: &mut Counts,
    ) where
        M: Machine<Message: DeserializeOwned>,
    {
        for _ in 0..READS_PER_TURN {
            if !self.readable {
                return;
            }
            match self.socket.recv_from(&mut self.buffer) {
                Ok((bytes, source)) => {
                    let datagram = &self.buffer[..bytes];
                    if open(&self.identity, datagram, source, &address, inbox).is_none() {
                        counts.rejected += 1;
                    }
                }
                // The system may also tell here that an earlier datagram found nobody. Either way
                // the next event says when to read again.
                Err(error) => self.readable = error.kind() == std::io::ErrorKind::Interrupted,
            }
        }
    }
}

/// Sends one datagram. The network may lose it; so may a system that takes no more.
fn send(socket: &UdpSocket, gathered: &mut Gathered, counts: &mut Counts) {
    match socket.send_to(&gathered.bytes, gathered.address) {
        Ok(_) => counts.sent += gathered.messages,
        Err(_) => counts.overflowed += gathered.messages,
    }
    gathered.messages = 0;
}

/// Takes the messages out of a datagram, up to the first thing that does not belong there, which is
/// `None`.
fn open<M>(
    identity: &Identity,
    mut datagram: &[u8],
    source: SocketAddr,
    address: impl Fn(NodeId) -> Option<SocketAddr>,
    inbox: &mut Vec<Input<M>>,
) -> Option<()>
where
    M: Machine<Message: DeserializeOwned>,
{
    let mut sender = None;
    while !datagram.is_empty() {
        let (frame, used) = wire::decode(datagram).ok()??;
        datagram = &datagram[used..];
        let from = frame.header.from;
        if frame.header.cluster != identity.cluster {
            return None;
        }
        if let Some(sender) = sender {
            if frame.header.kind != MESSAGE || from != sender {
                return None;
            }
            inbox.push(Input::Message { from, body: frame.value().ok()? });
        } else {
            let ours = frame.header.kind == ENVELOPE
                && frame.value::<NodeId>().ok()? == identity.node
                && address(from) == Some(source);
            sender = Some(ours.then_some(from)?);
        }
    }
    sender.map(|_| ())
}

fn is_this_machine(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip == Ipv6Addr::LOCALHOST || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}
