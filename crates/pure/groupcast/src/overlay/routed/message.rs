//! What nodes tell each other, and which timers they set.

use machine::NodeId;
use serde::{Deserialize, Serialize};

use super::{LinkState, Seen};

/// A message of the machine inside, on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<B> {
    /// Who sent it first.
    pub from: NodeId,
    /// For whom it is: those beyond the neighbour that it is sent to, and that neighbour itself.
    pub to: Vec<NodeId>,
    /// How many edges it may still cross, the present one included.
    pub hops: u16,
    /// What it says.
    pub body: B,
}

/// Neighbour to neighbour; but the first kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<B> {
    /// To or from a node outside the overlay, or to the sender itself: as it is.
    Direct(B),
    /// Deliver or forward this.
    Carried(Envelope<B>),
    /// Which links are down, as their ends say.
    States {
        /// The life of the sender.
        life: u32,
        /// An origin each.
        states: Vec<LinkState>,
    },
    /// These states, or newer ones, are known here.
    Known {
        /// The life of the sender.
        life: u32,
        /// An origin each.
        seen: Vec<Seen>,
    },
    /// I am there.
    Pulse {
        /// Whether the receiver was heard here of late.
        hears: bool,
    },
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm<A> {
    /// The inner machine's.
    Inner(A),
    /// What was gathered may be sent.
    Pace,
    /// States that are not known at a neighbour are sent again.
    Resend,
    /// Neighbours are told that this node is there, and looked after.
    Pulse,
}
