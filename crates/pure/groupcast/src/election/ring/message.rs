//! What a ring election is told, and what its nodes tell each other.

use std::collections::BTreeSet;
use std::time::Duration;

use machine::NodeId;
use serde::{Deserialize, Serialize};

use crate::election::Seats;

/// What an election needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// All who may be elected, in the order of the ring; the same at every node. From the lowest to
    /// the highest sends the fewest messages: only the highest one's token goes further than a hop.
    pub order: Vec<NodeId>,
    /// How long the next one, if it is connected, has to acknowledge a token.
    pub answer_limit: Duration,
    /// How often a token is sent to the next one before that is skipped; at least once. More than
    /// one where links lose messages.
    pub tries: u32,
    /// How long one that stands, or sent a token on, waits for a winner: two laps, and the answer
    /// limits of those that hang.
    pub victory_limit: Duration,
}

/// Peer to peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The owner stands for election.
    Token(Token),
    /// The token arrived.
    Ack {
        /// Whose.
        owner: NodeId,
        /// Which of its.
        round: u64,
    },
    /// These hold the posts.
    Coordinator {
        /// All that the sender knows of.
        seats: Seats,
    },
}

/// What goes round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The highest one that it has met.
    pub owner: NodeId,
    /// The owner's count of its own tokens.
    pub round: u64,
    /// Those that sent it on. At most all candidates: others are struck out on the way.
    pub passed: BTreeSet<NodeId>,
    /// Who holds a post, as far as those that it passed know.
    pub seats: Seats,
}
