//! The journal: an ordered list of records behind one snapshot, in a directory that several
//! processes of one machine share, with one writer at a time: the highest epoch that claimed it.
//!
//! There are no locks, so nobody waits for a process that was killed or stopped. A new leader
//! *claims* the journal for its epoch and reads what stands there; from then on every commit of a
//! lower epoch is refused. The page [`takeover`] says how, and why that is right.
//!
//! ```
//! use machine::{Epoch, NodeId};
//! use store::{CommitError, Durability, Journal};
//!
//! # let folder = tempfile::tempdir()?;
//! # let dir = folder.path();
//! let first = Epoch::ZERO.next(NodeId(1));
//! let (mut old, contents) = Journal::claim(dir, first, Durability::Disk)?;
//! assert_eq!(contents.snapshot, None);
//! old.snapshot(b"ten apples")?; // the first write after a claim
//! old.append(b"sold two")?;
//! old.append(b"sold three")?;
//! old.commit()?; // both are durable, with one write
//!
//! let second = first.next(NodeId(2));
//! let (mut new, contents) = Journal::claim(dir, second, Durability::Disk)?;
//! assert_eq!(contents.snapshot.as_deref(), Some(&b"ten apples"[..]));
//! assert_eq!(contents.records, [&b"sold two"[..], b"sold three"]);
//! new.snapshot(b"five apples")?;
//!
//! old.append(b"sold five")?;
//! assert!(matches!(old.commit(), Err(CommitError::Outbid(epoch)) if epoch == second));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It runs on Linux, on a file system of this machine: what one process wrote, all others must
//! see at once. Network file systems do not promise that.

mod database;
mod error;
mod journal;
mod log;
mod name;
mod place;
mod read;
#[doc(hidden)] // Public for the fuzz target alone.
pub mod segment;
#[cfg(test)]
mod tests;
mod writeback;
mod writing;

#[doc = include_str!("../TAKEOVER.md")]
pub mod takeover {}

pub use database::Database;
pub use error::{ClaimError, CommitError, Error};
pub use journal::Journal;
pub use log::{Form, Log};
pub use read::{highest_epoch, read};
pub use writing::{Synced, Written};

/// The largest record, in bytes: as much as one message of the network may carry.
pub const RECORD_MAX_BYTES: usize = 1 << 20;

/// The most that goes into one write, in bytes: some thousand ordinary records, after which the
/// cost of a write is all copying and a larger batch gains nothing. Larger ones are split.
pub const BATCH_MAX_BYTES: usize = 4 << 20;

/// How many commits of a journal may be on their way to the disk at a time. A write that finds as many
/// waits for a part of a commit only; more of them would be smaller, and each costs as much work as a
/// large one.
pub const COMMITS_UNDER_WAY: usize = 4;

/// The largest snapshot, in bytes. It is held in memory as a whole, more than once; a state that
/// comes near needs a machine of its own, or another kind of store.
pub const SNAPSHOT_MAX_BYTES: usize = 1 << 30;

/// The largest segment, in bytes: whoever claims the journal holds all of it in memory. It has room
/// for the largest snapshot and three times as much in records. A writer whose next snapshot is due
/// when the records have as many bytes as the last one comes near only if its snapshots are too large.
pub const SEGMENT_MAX_BYTES: u64 = 4 << 30;

/// What a confirmed commit survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of any process and of the machine: each commit waits for the disk.
    Disk,
    /// As with [`Disk`](Self::Disk), but each `fdatasync` takes so much longer: what a slower disk
    /// would cost. For benches alone.
    SlowedDisk(std::time::Duration),
    /// The death of any process, but not of the machine: nothing waits for the disk.
    Memory,
}

/// What stands in a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The state before the records; none if nothing was ever written.
    pub snapshot: Option<Vec<u8>>,
    /// The records since, in the order in which they were appended.
    pub records: Vec<Vec<u8>>,
    /// What was left out because it was written in part only: the commits that were under way when
    /// the writer died. They were never confirmed.
    pub cut: Option<Cut>,
}

/// The torn end of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Where it begins, in bytes from the beginning of the file.
    pub offset: u64,
    /// How many bytes, up to the last one that is not zero. What an earlier segment left in the file
    /// counts too.
    pub size_bytes: u64,
}
