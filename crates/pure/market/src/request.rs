//! What a market is told: requests of clients, and the entries that carry them through a journal.

use clocks::Stamp;
use serde::{Deserialize, Serialize};

use crate::{Good, HoldId, Money, TermAct};

/// Anyone with an account: a buyer, a seller, a trader.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Party(pub u64);

/// One life of a party. A party that lost its memory begins a new life, with a higher number.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct ClientId {
    /// Who.
    pub party: Party,
    /// Which of its lives: the number rises from life to life.
    pub life: u64,
}

/// The key of exactly-once: the same id is never executed twice.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct RequestId {
    /// Whose request.
    pub client: ClientId,
    /// Its number among the client's requests.
    pub number: u64,
}

/// The name of a lot. Older lots have lower numbers, and no number is used again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LotId(pub u64);

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The key under which the answer is kept.
    pub id: RequestId,
    /// The client has its answers to all requests of lower numbers and will not ask for them again.
    pub answered_below: u64,
    /// What is asked for.
    pub command: Command,
}

/// What can be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Open the client's session. The number of such a request is of no account.
    Open,
    /// Buy.
    Buy(Order),
    /// Put a lot on sale.
    Deposit(Offer),
    /// Take back what is left of a lot.
    Withdraw {
        /// Which.
        lot: LotId,
    },
    /// Set units aside for the client, at the prices of now, as if it bought them.
    Hold {
        /// What.
        order: Order,
        /// For how long, in milliseconds: from 1 to [`HOLD_MS_MAX`](crate::limits::HOLD_MS_MAX).
        for_ms: u64,
    },
    /// Buy what is held for the client.
    Claim {
        /// Which.
        hold: HoldId,
    },
    /// Let go of what is held for the client.
    Void {
        /// Which.
        hold: HoldId,
    },
}

impl Command {
    /// What is asked for of the shelves: by a buy, or by a hold.
    pub fn order(&self) -> Option<&Order> {
        match self {
            Self::Buy(order) | Self::Hold { order, .. } => Some(order),
            Self::Open
            | Self::Deposit(_)
            | Self::Withdraw { .. }
            | Self::Claim { .. }
            | Self::Void { .. } => None,
        }
    }

    /// What good it names.
    pub fn good(&self) -> Option<&Good> {
        match self {
            Self::Deposit(offer) => Some(&offer.good),
            other => other.order().map(|order| &order.good),
        }
    }

    /// Whether it is a buyer's.
    pub fn is_of_a_buyer(&self) -> bool {
        matches!(self, Self::Buy(_) | Self::Hold { .. } | Self::Claim { .. } | Self::Void { .. })
    }

    /// Whether it is about a cart.
    pub fn is_of_a_cart(&self) -> bool {
        matches!(self, Self::Hold { .. } | Self::Claim { .. } | Self::Void { .. })
    }
}

/// One buy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub good: Good,
    /// How many units, from 1 to [`QUANTITY_MAX`](crate::limits::QUANTITY_MAX).
    pub quantity: u32,
    /// The highest price of a unit that the buyer pays; none: any price.
    pub limit: Option<Money>,
    /// Whether fewer units are welcome; otherwise it is all or nothing.
    pub partial: bool,
}

/// What a seller puts on sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// What.
    pub good: Good,
    /// How many units, from 1 to [`QUANTITY_MAX`](crate::limits::QUANTITY_MAX).
    pub quantity: u32,
    /// The price of a unit, up to [`UNIT_PRICE_MAX`](crate::limits::UNIT_PRICE_MAX).
    pub unit_price: Money,
    /// The seller's clock when it made the offer.
    pub stamp: Option<Stamp>,
}

/// One step of a market: what is journaled, and replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The leader's time, in milliseconds since any fixed moment. It may run backwards from one
    /// leader to the next; the kernel's time does not.
    pub at_ms: u64,
    /// Who leads, and earns the commission.
    pub trader: Party,
    /// Chance: 64 even bits drawn by the leader.
    pub draw: u64,
    /// What is to be done.
    pub act: Act,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// Answers a client.
    Request(Request),
    /// Closes the sessions of clients that have been silent.
    ExpireSessions {
        /// For so long, in milliseconds.
        idle_ms: u64,
    },
    /// A step of the term of a trader that sells what is lent to it.
    Term(TermAct),
    /// Ends the carts whose time is over by the leader's time, up to
    /// [`HOLDS_ENDED_MAX`](crate::limits::HOLDS_ENDED_MAX) of them.
    EndHolds,
}

impl std::fmt::Display for Party {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::fmt::Display for LotId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// `party.life`, as in `7.2`.
impl std::fmt::Display for ClientId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.party, self.life)
    }
}

/// `party.life.number`, as in `7.2.31`.
impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.client, self.number)
    }
}
