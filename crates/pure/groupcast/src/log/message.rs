//! What voters of a replicated log say to each other, and what they write down.

use bytes::Bytes;
use machine::Epoch;
use serde::{Deserialize, Serialize};

/// Where a voter stands. It names one content: see the first page of [`log`](super).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Position {
    /// Whose log it is: the last epoch that was adopted.
    pub epoch: Epoch,
    /// How many entries there are, since the founding.
    pub length: u64,
}

/// Voter to voter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<E> {
    /// Leader to all: fence everything below, and say where you stand.
    Claim(Epoch),
    /// The answer.
    Held {
        /// To which claim.
        epoch: Epoch,
        /// Where the acceptor stands.
        position: Position,
    },
    /// Leader to all: the epoch's log continues what stands at `start`. Also asks those that are
    /// silent how far they are.
    Begin {
        /// The leader's epoch.
        epoch: Epoch,
        /// What it continues.
        start: Position,
    },
    /// Leader to all that have adopted its epoch: the next entries.
    Append {
        /// The leader's epoch.
        epoch: Epoch,
        /// How many entries come before these.
        after: u64,
        /// They.
        entries: Vec<E>,
    },
    /// Acceptor to leader: it has adopted the epoch, and has so much.
    Accepted {
        /// The leader's epoch.
        epoch: Epoch,
        /// How many entries it has.
        length: u64,
        /// Whether what follows is to be sent again.
        lacks: bool,
    },
    /// Leader to an acceptor that lags behind for long: fetch the whole content.
    Fetch(Epoch),
    /// To a leader: this higher epoch stands.
    Superseded(Epoch),
    /// To whoever has a content: give me this much of it.
    Want {
        /// The epoch in which it is wanted.
        epoch: Epoch,
        /// Of which content a beginning is here; none at the beginning.
        position: Option<Position>,
        /// From which byte on.
        offset: u64,
    },
    /// The answer.
    Part(Part),
}

/// A part of a content on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The epoch in which it was wanted.
    pub epoch: Epoch,
    /// Which content.
    pub position: Position,
    /// How long it is.
    pub total_bytes: u64,
    /// Where this part begins.
    pub offset: u64,
    /// The part.
    pub bytes: Bytes,
}

/// What a voter writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record<E> {
    /// All epochs below this one are refused from now on.
    Fenced(Epoch),
    /// What stands here belongs to this epoch's log from now on.
    Adopted(Epoch),
    /// The next entry.
    Entry(E),
}

/// What replaces a voter's records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot<C> {
    /// All epochs below this one are refused.
    pub fenced: Epoch,
    /// Where the voter stands.
    pub position: Position,
    /// What stands there.
    pub content: C,
}
