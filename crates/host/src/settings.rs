//! What a node is told before it begins, and why it may not begin or go on.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use machine::{Epoch, Journal, NodeId};
use store::Durability;

/// What carries messages between nodes.
///
/// With either there is one TCP connection between two nodes, whose end says that the other
/// process ended (SAFETY S5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Messages travel over that connection.
    Tcp,
    /// Messages travel as datagrams; one that is too large for a datagram takes the connection.
    Udp,
}

/// How long a node looks again for something to do before it sleeps, if nothing speaks against it:
/// about what waking a sleeping core costs on a virtual machine, so that looking costs at most as
/// much again.
pub const POLLS_FOR: Duration = Duration::from_micros(30);

/// Where the journal is that all nodes can reach, and how it is kept: the same for all nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonJournal {
    /// Its folder.
    pub folder: PathBuf,
    /// How it is kept.
    pub form: store::Form,
}

/// What a node is told before it begins.
#[derive(Debug)]
pub struct NodeSettings {
    /// Its name.
    pub node: NodeId,
    /// The tag of its run: what comes from another run is dropped.
    pub cluster: u64,
    /// The moment at which the run began, on [`monotonic_ns`](crate::clock::monotonic_ns): the
    /// same for all processes of the run.
    pub origin_ns: u64,
    /// The seed of the machine's chance.
    pub seed: u64,
    /// What carries messages.
    pub transport: Transport,
    /// Where to listen, with TCP and UDP on the same port; port 0 means any that is free.
    pub listen: SocketAddr,
    /// The folder of the node's own journal; without one, nothing that the machine writes there
    /// is kept.
    pub own_journal: Option<PathBuf>,
    /// The journal that all nodes can reach; without one, a claim of it is an error.
    pub common_journal: Option<CommonJournal>,
    /// When a write counts as done.
    pub durability: Durability,
    /// How long the node looks again for something to do before it lets its core sleep, as in
    /// [`POLLS_FOR`]; with zero it sleeps at once.
    pub polls_for: Duration,
    /// The addresses that are known from the start, as in `127.0.0.1:4000`; names of hosts are
    /// looked up when the node is bound.
    pub known: Vec<(NodeId, String)>,
    /// Where the node's lines come from: standard input, mostly. At its end the node stops.
    /// Without it the node has no lines.
    pub lines: Option<OwnedFd>,
    /// The process that started this one. If it is given, the kernel kills this process when that
    /// one ends (even a process that is paused), and Ctrl-C, which a terminal sends to both, is
    /// left to that one.
    pub parent: Option<u32>,
}

/// Why a node could not begin or go on. Nothing was sent that a journal does not hold.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose another address, or end the process that has \
         this one; nothing was changed"
    )]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// An address that should be known from the start is none.
    #[error(
        "cannot find the address {address} of node {node}: {source}; correct it; nothing was \
             changed"
    )]
    Address {
        /// Whose.
        node: NodeId,
        /// What was given.
        address: String,
        /// Why it is none.
        source: io::Error,
    },
    /// The machine asks for a journal that it has not been given.
    #[error("the machine claims the common journal, and no folder was set for it; set one")]
    NoCommonJournal,
    /// A call to the operating system failed.
    #[error("cannot {what}: {source}; the node stops")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A journal could not be read or written.
    #[error("the {} journal failed: {source}; the node stops, and tells nobody of what it could \
             not write", name(.journal))]
    Journal {
        /// Which.
        journal: Journal,
        /// What the store said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process of this node has begun.
    #[error(
        "another process runs this node: its own journal belongs to epoch {0} now; this one stops"
    )]
    Replaced(Epoch),
    /// What stands in a journal is not what this machine writes there.
    #[error(
        "cannot understand the {} journal: {source}; was it written by another release or for \
         another role? the journal was not changed", name(.journal))]
    Contents {
        /// Which.
        journal: Journal,
        /// What does not fit.
        source: wire::DecodeError,
    },
    /// The machine decided something that does not fit into a journal.
    #[error("cannot write to the {} journal: {source}; the node stops", name(.journal))]
    Record {
        /// Which.
        journal: Journal,
        /// What does not fit.
        source: wire::EncodeError,
    },
    /// The disk does not keep up.
    #[error(
        "{waiting} writes and messages wait for the journal, and the machine goes on making more; \
         the node stops"
    )]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// The wiring's own output failed.
    #[error("cannot write what the node reports: {0}; the node stops")]
    Application(#[source] io::Error),
    /// The process that should have started this one is not its parent.
    #[error("the parent process {expected} is gone; the node does not begin")]
    Orphan {
        /// The process expected.
        expected: u32,
    },
}

impl HostError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }

    pub(crate) fn journal(
        journal: Journal,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self::Journal { journal, source: Box::new(source) }
    }
}

fn name(journal: &Journal) -> &'static str {
    match journal {
        Journal::Own => "own",
        Journal::Common => "common",
    }
}
