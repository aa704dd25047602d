//! What the runner does to links.

use machine::NodeId;
use serde::{Deserialize, Serialize};

/// What the runner does to the links between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "links", rename_all = "snake_case")]
pub enum LinkFault {
    /// Nothing passes between these and all others, and nobody is told.
    Cut {
        /// Those on one side. The directory is on the other, unless it is named.
        side: Vec<NodeId>,
    },
    /// Takes such a cut back.
    Mend {
        /// Those on one side.
        side: Vec<NodeId>,
    },
    /// Each message takes so much longer, in order.
    Delay {
        /// At the links of this node.
        at: NodeId,
        /// Only at its link to this one, if any is named.
        to: Option<NodeId>,
        /// By how much, in nanoseconds; 0 takes it back.
        by_ns: u64,
    },
    /// Messages are lost by chance, at all links.
    Lose {
        /// How many in a million; 0 takes it back.
        per_million: u32,
    },
    /// Takes everything back.
    Heal,
}
