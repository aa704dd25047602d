//! What can be done to a node, asked of a trader, and said in an election, as the record of a run
//! names it.

use market::{Command, Good, HoldId, LotId, Money, Offer, Order};
use serde::{Deserialize, Serialize};

use crate::event::What;

/// What a node says to another one in an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElectionWord {
    /// Are you there? You outrank me.
    Election,
    /// I am; leave it to me.
    Ok,
}

/// What the runner does to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Ends it without warning.
    Kill,
    /// Stops it in its tracks.
    Pause,
    /// Lets a paused one go on.
    Resume,
    /// Begins a new life of it.
    Restart,
    /// Asks a leader to resign.
    Resign,
    /// Begins the first life of a node that joins the running market.
    Join,
    /// Asks it to leave in good order.
    Leave,
}

/// What a client can ask a trader for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A session.
    Open,
    /// To buy.
    Buy(Order),
    /// To sell. The offer's clock is that of the event.
    Deposit {
        /// What.
        good: Good,
        /// How many units.
        quantity: u32,
        /// The price of each.
        unit_price: Money,
    },
    /// To have what is left of a lot back.
    Withdraw {
        /// Which.
        lot: LotId,
    },
    /// To have units held.
    Hold {
        /// What.
        #[serde(flatten)]
        order: Order,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// To buy what is held.
    Claim {
        /// Which cart.
        hold: HoldId,
    },
    /// To let go of what is held.
    Void {
        /// Which cart.
        hold: HoldId,
    },
}

impl Operation {
    /// Whether it buys: at once, or what is held.
    pub fn is_purchase(&self) -> bool {
        matches!(self, Self::Buy(_) | Self::Claim { .. })
    }

    /// What is asked for of the shelves: by a buy, or by a hold.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Buy(order) | Self::Hold { order, .. } => Some(order),
            Self::Open
            | Self::Deposit { .. }
            | Self::Withdraw { .. }
            | Self::Claim { .. }
            | Self::Void { .. } => None,
        }
    }
}

impl From<&Command> for Operation {
    fn from(command: &Command) -> Self {
        match command {
            Command::Open => Self::Open,
            Command::Buy(order) => Self::Buy(order.clone()),
            Command::Deposit(Offer { good, quantity, unit_price, stamp: _ }) => {
                Self::Deposit { good: good.clone(), quantity: *quantity, unit_price: *unit_price }
            }
            Command::Withdraw { lot } => Self::Withdraw { lot: *lot },
            Command::Hold { order, for_ms } => Self::Hold { order: order.clone(), for_ms: *for_ms },
            Command::Claim { hold } => Self::Claim { hold: *hold },
            Command::Void { hold } => Self::Void { hold: *hold },
        }
    }
}

impl What {
    /// Whether it tells of a single request, its answer or its notice: most events of a busy market.
    pub fn is_of_a_request(&self) -> bool {
        matches!(
            self,
            Self::Sold { .. }
                | Self::Refused { .. }
                | Self::Repeated { .. }
                | Self::Deposited { .. }
                | Self::Withdrawn { .. }
                | Self::Held { .. }
                | Self::HoldEnded { .. }
                | Self::Asked { .. }
                | Self::Answered { .. }
                | Self::Told { .. }
                | Self::Promised { .. }
                | Self::TakenBack { .. }
                | Self::Abandoned { .. }
                | Self::Looked { .. }
                | Self::Switched { .. }
                | Self::Rests { .. }
                | Self::Earned { .. }
        )
    }
}
