//! Membership by a directory: nodes announce themselves, the directory introduces them to each
//! other, and forgets those that leave or stop announcing (the group manager of seed 003, the name
//! servers of seeds 000 and 002). It also gives ids to nodes that have none, and lets one node at a
//! time hold an election.
//!
//! ```text
//!   Announce {incarnation, address, known}   node to directory, each period
//!   Members {version, entries}               directory to a node that does not know this version,
//!                                            and to all when something changes
//!   Leave {incarnation}                      node to directory: I go
//!
//!   AskId {token} ─▶   ◀─ Id {token, id}     a node without an id, under a provisional one
//!
//!   MayElect {incarnation} ─▶  ◀─ Elect {incarnation, lasts}    unless another one may
//!   ElectionOver {incarnation} ─▶
//! ```
//!
//! **Promise.** While a node and the directory can talk, the node learns of every other one that
//! announces itself within one period, of the expiry of one that stops, and at once of one that
//! leaves. A stale life of a node never hides a newer one. No id is given twice in one life of the
//! directory, nor one that an announced node has. The directory introduces, it never decides
//! (SAFETY S3): without it the members go on as they are.
//!
//! **The lock on elections keeps order, not safety.** Grants end by a clock, and a directory that
//! restarts has forgotten them: two nodes may hold an election at once. The lock saves messages,
//! where an election of many is costly; that there is only one leader is the business of the
//! [fence](crate::fence).

mod directory;
mod lock;
mod member;
pub mod newcomer;
#[cfg(test)]
mod tests;
pub mod voter;

pub use directory::{Directory, Expire};
pub use member::{Announce, Command, Member, Settings};

use std::time::Duration;

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
        /// In the order in which they joined.
        entries: Vec<Entry>,
    },
    /// I go, and need not expire.
    Leave {
        /// The sender's life.
        incarnation: Incarnation,
    },
    /// Which id may I have?
    AskId {
        /// Drawn by the sender, who may share its provisional id with another one.
        token: u64,
    },
    /// You may have this id.
    Id {
        /// Of the question.
        token: u64,
        /// Nobody else's.
        id: NodeId,
    },
    /// May I hold an election?
    MayElect {
        /// The sender's life.
        incarnation: Incarnation,
    },
    /// You may hold an election.
    Elect {
        /// The life that may.
        incarnation: Incarnation,
        /// For how long from now.
        lasts: Duration,
    },
    /// I do not, or no longer, hold an election.
    ElectionOver {
        /// The sender's life.
        incarnation: Incarnation,
    },
}

/// To the layer above, at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// A node, or a new life of it, is there.
    Joined(Entry),
    /// A node left, or has not announced itself for too long.
    Expired(NodeId),
}
