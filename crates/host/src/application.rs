//! What stands between a machine and its surroundings: where reports go, what lines mean, and what
//! the host shall do about it.

use std::io;
use std::net::{AddrParseError, SocketAddr};

use machine::{Instant, Machine, NodeId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Impairment;

/// The wiring of a node: what the binary adds to a machine. Another thread goes on with both while the
/// first one waits for a disk that takes long.
pub trait Application: Send {
    /// The machine that the node runs.
    type Machine: Machine<
            Message: Serialize + DeserializeOwned,
            Record: Serialize + DeserializeOwned,
            Snapshot: Serialize + DeserializeOwned,
        >;

    /// A report has left the machine, and what it rests on is durable. `at` is the present time.
    fn report(
        &mut self,
        at: Instant,
        report: <Self::Machine as Machine>::Report,
        control: &mut Control,
    );

    /// A line came in, without its end.
    fn line(
        &mut self,
        line: &str,
        control: &mut Control,
    ) -> Option<<Self::Machine as Machine>::Command>;

    /// Commands that come from neither lines nor reports: called once a turn of the loop, after
    /// what came in was handled and before due alarms go off, so that a machine which gathers a
    /// turn's batch by an alarm at `now` takes them into this one. Not called while too much waits
    /// for the journals.
    fn commands(
        &mut self,
        at: Instant,
        machine: &Self::Machine,
        commands: &mut Vec<<Self::Machine as Machine>::Command>,
        control: &mut Control,
    ) {
        let _ = (at, machine, commands, control);
    }

    /// When [`commands`](Self::commands) wants to be called though nothing comes in: at a moment to
    /// come, at once if that is past, or not by itself. Other threads wake the loop by its
    /// [`Waker`](crate::Waker).
    fn wake_at(&self) -> Option<Instant> {
        None
    }

    /// Writes out what was gathered; called once a turn of the loop, before the turn's messages
    /// leave.
    ///
    /// # Errors
    /// An error stops the node before the messages leave.
    fn flush(&mut self) -> io::Result<()>;
}

/// What an application may ask of its host, and what the host has counted.
#[derive(Debug, Default)]
pub struct Control {
    pub(crate) requests: Vec<Request>,
    pub(crate) counts: Counts,
    pub(crate) stop: bool,
}

#[derive(Debug)]
pub(crate) enum Request {
    Connect(NodeId, SocketAddr),
    StopDialing(NodeId),
    Forget(NodeId),
    Impair(Impairment),
}

impl Control {
    /// Tells where a node is, as in `127.0.0.1:4000`. The node with the higher id of the two opens
    /// the connection, now and whenever it ends.
    ///
    /// # Errors
    /// The text is not an address with a port. Names of hosts are not looked up: the loop would
    /// have to wait.
    pub fn connect(&mut self, node: NodeId, address: &str) -> Result<(), AddrParseError> {
        self.requests.push(Request::Connect(node, address.parse()?));
        Ok(())
    }

    /// Forgets where a node is. A connection to it that is up stays; when that ends, no other one is
    /// opened from here.
    pub fn stop_dialing(&mut self, node: NodeId) {
        self.requests.push(Request::StopDialing(node));
    }

    /// Forgets where a node is and ends the connection to it.
    pub fn forget(&mut self, node: NodeId) {
        self.requests.push(Request::Forget(node));
    }

    /// Makes links worse, or sound again: this is all that is wrong with them from now on.
    pub fn impair(&mut self, impairment: Impairment) {
        self.requests.push(Request::Impair(impairment));
    }

    /// Ends the node's loop after this turn. What is on its way to a journal is written first.
    pub fn stop(&mut self) {
        self.stop = true;
    }

    /// What the host has counted as of the last turn.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}

/// What a node has sent, received and dropped since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages handed to a connection or put into a datagram, one a destination.
    pub sent: u64,
    /// Messages received and given to the machine.
    pub received: u64,
    /// Messages not sent: no connection, or no known address.
    pub unreachable: u64,
    /// Messages not sent: too much waited for that peer already, or the system took no more.
    pub overflowed: u64,
    /// Messages dropped because their link is [impaired](Impairment).
    pub impaired: u64,
    /// Messages not sent because they are larger than a frame may be.
    pub too_large: u64,
    /// Connections closed and datagrams dropped for what they held: not our protocol, another run,
    /// a false sender, a greeting that never came.
    pub rejected: u64,
    /// Sends and reports dropped because a write or a claim ahead of them was refused.
    pub refused: u64,
    /// Writes to the common journal that the machine made without holding it.
    pub ignored_writes: u64,
    /// Snapshots that were larger than a journal takes: their journal goes on without them.
    pub skipped_snapshots: u64,
    /// Lines dropped because they were too long or not UTF-8.
    pub bad_lines: u64,
}
