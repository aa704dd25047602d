//! What a voter of a replicated log is told.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::NodeId;

/// How many entries a leader keeps for voters that lag behind. Whoever lacks more is given the
/// whole content, which is cheaper then.
pub const ENTRIES_KEPT_MAX: usize = 1 << 14;

/// What a voter of a replicated log is told; all but `me` is the same at all voters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// All who vote.
    pub voters: BTreeSet<NodeId>,
    /// After how long without an answer something is said again.
    pub resend: Duration,
    /// How many entries one message carries at most: over a transport with small messages, as many
    /// as fit into one.
    pub entries_max: usize,
    /// How many bytes of a content, or of entries if there are several, one message carries at most.
    pub part_bytes_max: usize,
    /// After how many entries a snapshot replaces a voter's records, at the earliest: as many as the
    /// content has parts, if these are more.
    pub snapshot_every: u64,
}

impl Settings {
    /// How many voters are a majority.
    pub fn majority(&self) -> usize {
        self.voters.len() / 2 + 1
    }
}
