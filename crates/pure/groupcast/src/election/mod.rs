//! Elections: who should lead. A winner is a proposal; only the [fence](crate::fence) makes it a
//! leader.
//!
//! Two algorithms, [`bully`] and [`ring`], with the same commands, reports and [`Options`]:
//!
//! | | [`bully`] | [`ring`] |
//! |---|---|---|
//! | asks | all that outrank the asker, at once | one after the other |
//! | time | two answer limits at most | two laps |
//! | messages, n nodes | up to n² - 1 | 3n - 2 on a ring sorted upwards |
//! | a silent node costs | one answer limit | as many as there are tries, once |
//!
//! docs/protocols/elections.md tells both in full.

pub mod bully;
mod initiator;
pub mod ring;
mod standing;

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, NodeId};

pub use initiator::{Initiator, Starters};
use standing::Standing;

/// Who holds which post, numbered from 0. The epoch orders claims to the same post, the higher one
/// stands; it is no fence's.
pub type Seats = BTreeMap<u32, Epoch>;

/// What both algorithms can be told beside their limits.
///
/// ```
/// use groupcast::election::{Initiator, Options};
///
/// // Three traders at once; the one that joined last begins when one of them is lost.
/// let options = Options { posts: 3, initiator: Initiator::LastToJoin, ..Options::default() };
/// assert!(options.announces(), "whoever fills a post must know which are vacant");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many leaders there shall be; at least one, at most one a candidate.
    pub posts: usize,
    /// Whether winners tell all others by themselves. Off where the layer above does, as
    /// [`leadership`](crate::leadership) does with the fence's epoch.
    pub announce: bool,
    /// Who begins when a leader that was announced is lost. Where nothing is announced, the layer
    /// above decides that, and says [`Command::Start`].
    pub initiator: Initiator,
    /// Who yields to all others until told otherwise ([`Command::Bar`]).
    pub ineligible: BTreeSet<NodeId>,
}

impl Default for Options {
    /// One post, announced by the layer above; every node begins; all are eligible.
    fn default() -> Self {
        let initiator = Initiator::Every;
        Self { posts: 1, announce: false, initiator, ineligible: BTreeSet::new() }
    }
}

impl Options {
    /// Whether winners tell the others. Several posts need it.
    pub fn announces(&self) -> bool {
        self.announce || self.posts > 1
    }
}

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// An election is needed. While all posts are held, as far as this node knows, it is begun when
    /// the next one is lost.
    Start,
    /// There is a leader: no election is needed.
    Settle,
    /// This node is connected but silent: do not wait for it, until it is heard of again.
    Suspect(NodeId),
    /// These, and no others, yield to all others until told otherwise: each is better than nobody.
    /// Whoever of them holds a post has left it.
    Bar(BTreeSet<NodeId>),
    /// This node joined after all others ([`Initiator::LastToJoin`]).
    Joined(NodeId),
}

/// To the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// This node began, or joined, an election as one that may win.
    Campaigned,
    /// This node won a post.
    Won,
    /// Who holds the posts, as far as this node knows, after an announcement. A node that won
    /// before and is not among them holds none any more.
    Seated(Seats),
}
