//! The market as the content of a replicated log, and how much of it one message may carry.

use groupcast::log::Content;
use market::{Act, Command, Entry, Kernel, Request};
use serde::{Deserialize, Serialize};

/// How much one message between those that hold the market may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// Entries, fewer if their stamps are long.
    pub entries: usize,
    /// Bytes of a market, or of entries.
    pub part_bytes: usize,
}

impl MessageLimits {
    /// For a transport with frames of up to a mebibyte.
    pub const STREAMS: Self = Self { entries: 1 << 10, part_bytes: 256 << 10 };
    /// For datagrams between processes of one machine.
    pub const DATAGRAMS: Self = Self { entries: 32, part_bytes: 8 << 10 };
}

/// The market, as every voter of a log carries it along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Replica(pub Kernel);

impl Content for Replica {
    type Entry = Entry;
    fn apply(&mut self, entry: &Entry) {
        self.0.apply(entry);
    }
    fn entry_bytes(entry: &Entry) -> usize {
        let stamp = match &entry.act {
            Act::Request(Request { command: Command::Deposit(offer), .. }) => offer.stamp.as_ref(),
            _ => None,
        };
        ENTRY_BYTES + stamp.map_or(0, |stamp| STAMP_NODE_BYTES * stamp.nodes())
    }
    fn parts(&self) -> u64 {
        self.0.parts() as u64
    }
    fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Kernel::from_bytes(bytes).ok().map(Self)
    }
}

/// What an entry takes but for a stamp: a name of a good, and numbers.
const ENTRY_BYTES: usize = 160;
/// What a stamp takes for each node.
const STAMP_NODE_BYTES: usize = 15;
