//! Membership by a directory: nodes announce themselves, the directory introduces them to each
//! other, and forgets those that stop announcing (the group manager of seed 003, the name servers
//! of seeds 000 and 002).
//!
//! ```text
//!   Announce {incarnation, address, known}   node to directory, each period
//!   Members {version, entries}               directory to a node that does not know this version,
//!                                            and to all when something changes
//! ```
//!
//! **Promise.** While a node and the directory can talk, the node learns of every other one that
//! announces itself within one period, and of the expiry of one that stops. A stale life of a node
//! never hides a newer one. The directory introduces, it never decides (SAFETY S3): without it the
//! members go on as they are.

mod directory;
mod member;

pub use directory::{Directory, Expire};
pub use member::{Announce, Member, Settings};

use machine::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};

/// How many nodes a directory keeps: beyond it, new ones are not introduced.
pub const MEMBERS_MAX: usize = 1024;
/// The longest address that is taken: any socket address or DNS name with a port fits.
pub const ADDRESS_BYTES_MAX: usize = 300;

/// What is known of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which.
    pub node: NodeId,
    /// Its life.
    pub incarnation: Incarnation,
    /// Where hosts reach it; opaque to the machines.
    pub address: String,
}

/// Between nodes and their directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Here I am.
    Announce {
        /// The sender's life.
        incarnation: Incarnation,
        /// Where to reach it.
        address: String,
        /// The version of the list that it has.
        known: u64,
    },
    /// Who is there.
    Members {
        /// Rises with each change.
        version: u64,
        /// By node.
        entries: Vec<Entry>,
    },
}

/// To the layer above, at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A node, or a new life of it, is there.
    Joined(Entry),
    /// A node has not announced itself for too long.
    Expired(NodeId),
}
