//! One TCP connection: bytes in, frames out, and what waits to be written.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use machine::{Instant, NodeId};
use mio::event::Event;
use mio::net::TcpStream;
use wire::Stream;

/// How many bytes may wait for one peer; the newest frames beyond it are dropped.
///
/// Eight of the largest frames: room for a state transfer, and 100 peers that hang at once cost
/// less than a gigabyte.
pub(crate) const QUEUE_MAX_BYTES: usize = 8 << 20;

/// How large a buffer may stay when nothing waits in it, whatever was sent lately. Beyond it a
/// burst's memory is given back once several smaller turns have followed: at once would cost a
/// steady stream of large turns a page fault for each 4 KiB it sends.
const IDLE_BUFFER_MAX_BYTES: usize = 256 << 10;

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// We dialed this node; the connection is not made yet.
    Connecting(NodeId),
    /// The connection is made; the other side's hello is awaited. If we dialed: whose it must be.
    Greeting(Option<NodeId>),
    /// The other side is this node.
    Up(NodeId),
}

/// A connection and its two buffers.
#[derive(Debug)]
pub(crate) struct Link {
    pub socket: TcpStream,
    pub stage: Stage,
    pub stream: Stream,
    /// Whether a read may find something, and a write may find room.
    pub readable: bool,
    pub writable: bool,
    /// Whether the system said that the other side has sent its last byte.
    pub ended: bool,
    /// Whether it stands in the list of links to read, and in that of links to write.
    pub in_reads: bool,
    pub in_writes: bool,
    /// When the other side's hello came.
    pub up_since: Instant,
    /// How many bytes have come.
    pub received_bytes: usize,
    waiting: Vec<u8>,
    written: usize,
    /// The most that waited lately; it falls by an eighth whenever all is written.
    lately_bytes: usize,
}

/// What a read found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Received {
    /// Perhaps new bytes, and perhaps more to come.
    Open,
    /// The end: the other side closed the connection, or it broke.
    End,
}

impl Link {
    pub fn new(socket: TcpStream, stage: Stage) -> Self {
        Self {
            socket,
            stage,
            stream: Stream::new(),
            readable: false,
            writable: false,
            ended: false,
            in_reads: false,
            in_writes: false,
            up_since: Instant::ZERO,
            received_bytes: 0,
            waiting: Vec::new(),
            written: 0,
            lately_bytes: 0,
        }
    }

    /// Takes note of what the system says about the connection.
    pub fn event(&mut self, event: &Event) {
        self.writable |= event.is_writable();
        self.ended |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.ended;
        // A dialed connection that failed never gets an address: reading it finds the end.
        if let Stage::Connecting(node) = self.stage
            && self.socket.peer_addr().is_ok()
        {
            self.stage = Stage::Greeting(Some(node));
        }
    }

    /// Whether the link is up and its other side one of these.
    pub fn is_to_any_of(&self, nodes: &BTreeSet<NodeId>) -> bool {
        matches!(self.stage, Stage::Up(node) if nodes.contains(&node))
    }

    /// Whether something waits to be written.
    pub fn has_waiting(&self) -> bool {
        self.written < self.waiting.len()
    }

    /// Appends a frame, unless too much waits already. Whether it was appended.
    pub fn append(&mut self, frame: &[u8]) -> bool {
        let fits = self.waiting.len() - self.written + frame.len() <= QUEUE_MAX_BYTES;
        if fits {
            self.waiting.extend_from_slice(frame);
        }
        fits
    }

    /// Writes what waits, as far as the system takes it.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.writable && self.has_waiting() {
            match self.socket.write(&self.waiting[self.written..]) {
                Ok(bytes) => self.written += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if self.written == self.waiting.len() {
            let fallen = self.lately_bytes - self.lately_bytes / 8;
            self.lately_bytes = fallen.max(self.waiting.len());
            self.waiting.clear();
            if self.waiting.capacity() / 4 > self.lately_bytes {
                self.waiting.shrink_to(IDLE_BUFFER_MAX_BYTES.max(self.lately_bytes));
            }
            self.written = 0;
        } else if self.written > self.waiting.len() / 2 {
            // Moving less than was written since the last move keeps the cost of a byte constant.
            self.waiting.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }

    /// Reads once. Clears `readable` when nothing more is there.
    pub fn receive(&mut self) -> Received {
        let space = self.stream.space();
        let space_bytes = space.len();
        match self.socket.read(space) {
            Ok(0) if space_bytes > 0 => return Received::End,
            Ok(bytes) => {
                self.stream.filled(bytes);
                self.received_bytes = self.received_bytes.saturating_add(bytes);
                // A read that leaves room has taken all there was: no second call to hear so.
                // What comes later is a new event; an end that has been announced is not.
                self.readable = bytes == space_bytes || self.ended;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Received::End,
        }
        Received::Open
    }
}
