//! What a market answers.

use serde::{Deserialize, Serialize};

use crate::{EndedHold, Good, HoldId, LotId, Money, Party, TermOutcome};

/// What came of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The answer.
    pub outcome: Outcome,
    /// Whether it is the answer to an earlier request of the same id, so that nothing was executed.
    pub repeated: bool,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The session is open, and any earlier one of the same party is shut: nothing more is executed
    /// there.
    Opened {
        /// How many orders of the party were filled, in all of its lives: none of an earlier one
        /// comes on top.
        purchases: u64,
    },
    /// All or, if the order allows it, some units were sold.
    Bought(Receipt),
    /// The lot is on sale.
    Deposited {
        /// Its name.
        lot: LotId,
    },
    /// What was left of a lot went back to its seller.
    Withdrawn {
        /// What.
        good: Good,
        /// How many units.
        quantity: u32,
    },
    /// Silent sessions were closed.
    Expired {
        /// How many.
        sessions: u32,
    },
    /// What came of a step of a term.
    Term(TermOutcome),
    /// Nothing was executed.
    Refused(Refusal),
    /// Units are held for the client.
    Held {
        /// The name of the cart.
        hold: HoldId,
        /// The kernel's time from which on it may be ended, in milliseconds.
        until_ms: u64,
        /// What the client gets and pays if it claims it.
        receipt: Receipt,
    },
    /// What was held is for sale again.
    Voided {
        /// What.
        good: Good,
        /// How many units.
        quantity: u64,
    },
    /// These carts are at an end.
    HoldsEnded(Vec<EndedHold>),
}

impl Outcome {
    /// Whether the market is another one than before the entry: even a repeated or refused request
    /// of an open session tells when its client was heard and which answers it has.
    pub fn changes_the_market(&self) -> bool {
        match self {
            Self::Expired { sessions } => *sessions > 0,
            Self::Term(outcome) => outcome.changes_the_market(),
            Self::HoldsEnded(holds) => !holds.is_empty(),
            Self::Refused(refusal) => !matches!(
                refusal,
                Refusal::UnknownSession
                    | Refusal::LifeOver { .. }
                    | Refusal::LimitReached(Limit::Sessions | Limit::Parties)
            ),
            Self::Opened { .. }
            | Self::Bought(_)
            | Self::Deposited { .. }
            | Self::Withdrawn { .. }
            | Self::Held { .. }
            | Self::Voided { .. } => true,
        }
    }

    /// Whether a repeated request gets this answer again. Otherwise it is judged anew.
    pub fn is_remembered(&self) -> bool {
        match self {
            Self::Bought(_)
            | Self::Deposited { .. }
            | Self::Withdrawn { .. }
            | Self::Held { .. }
            | Self::Voided { .. } => true,
            Self::Opened { .. } | Self::Expired { .. } | Self::Term(_) | Self::HoldsEnded(_) => {
                false
            }
            Self::Refused(refusal) => refusal.is_remembered(),
        }
    }
}

/// A sale. `paid` is what the sellers earn and the trader keeps, to the unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What was sold.
    pub good: Good,
    /// How many units, over all fills.
    pub quantity: u32,
    /// What the buyer pays.
    pub paid: Money,
    /// What the trader keeps of it.
    pub commission: Money,
    /// From which lots, in the order of choice.
    pub fills: Vec<Fill>,
}

/// The part of an order met from one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Which lot.
    pub lot: LotId,
    /// Who sells.
    pub seller: Party,
    /// How many units.
    pub quantity: u32,
    /// The price of one.
    pub unit_price: Money,
    /// What the buyer pays: the unit price times the quantity.
    pub paid: Money,
    /// What the seller gets of it.
    pub earned: Money,
    /// What the trader keeps of it.
    pub commission: Money,
}

/// Why nothing was executed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The good is sold out, or less is left than an all-or-nothing order asks for.
    #[error("out of stock: {left} units can be had; ask for fewer or later; nothing was sold")]
    OutOfStock {
        /// The units that this buyer could have had at its limit.
        left: u32,
    },
    /// The good was never deposited here.
    #[error("this good was never sold here; choose another one; nothing was sold")]
    NotSoldHere,
    /// All that others sell is dearer than the order's limit.
    #[error("too dear: the cheapest unit costs {cheapest}; raise the limit; nothing was sold")]
    TooDear {
        /// The lowest price of a unit that another party sells.
        cheapest: Money,
    },
    /// Only the buyer's own lots are left.
    #[error("only the buyer's own goods are left, and nobody buys from itself; nothing was sold")]
    OnlyOwnGoods,
    /// Too little is on the shelves, but traders have some on loan.
    #[error("not known: {units} units are with traders; ask again; nothing was sold")]
    Lent {
        /// The units on loan that the order could be filled from.
        units: u64,
    },
    /// The session was never opened here, or has expired.
    #[error("no such session: it was never opened or has expired; open one; nothing was executed")]
    UnknownSession,
    /// The party has already opened this life or a later one. A delayed copy of an old request to
    /// open must not bring an expired session back; and what an earlier life asked for and has no
    /// answer by then is never executed.
    #[error("this life of the party is over; open one above {highest}; nothing was executed")]
    LifeOver {
        /// The highest life that the party has opened.
        highest: u64,
    },
    /// The client said that it has the answer, so it is not kept any more.
    #[error("the client acknowledged this answer, so it is no longer kept; nothing was executed")]
    AnswerForgotten,
    /// The same id came before with other content.
    #[error("this request id was used for another command; take a new id; nothing was executed")]
    Conflict,
    /// Whether it was executed cannot be told: who would have to tell is away. It may yet turn out
    /// either way.
    #[error("whether this was executed is not known: a peer that would have to tell is away")]
    NotKnown,
    /// There is no such lot: it never was, or is sold out or withdrawn.
    #[error("no such lot: it never was, or nothing of it is left; nothing was withdrawn")]
    NoSuchLot,
    /// The lot is another party's.
    #[error("the lot belongs to another party; nothing was withdrawn")]
    NotYourLot,
    /// The request makes no sense.
    #[error("{0}; nothing was executed")]
    Invalid(Invalid),
    /// A limit of the market is reached.
    #[error("{0}; nothing was executed")]
    LimitReached(Limit),
    /// Too little is on the shelves, but some is in carts.
    #[error("held: {units} units are in carts; ask again when one is let go; nothing was sold")]
    Held {
        /// The units in carts that the order could be filled from.
        units: u64,
    },
    /// There is no such cart: it never was, or is claimed, voided, or its time is over.
    #[error("no such cart: it was claimed or voided, or its time is over; nothing was executed")]
    NoSuchHold,
    /// The cart is another party's.
    #[error("the cart belongs to another party; nothing was executed")]
    NotYourHold,
    /// Where sellers keep the books there are no carts.
    #[error("no carts here: sellers keep the books, and hold nothing; buy; nothing was executed")]
    NoCarts,
}

impl Refusal {
    /// Whether a repeated request gets this refusal again. Otherwise it is judged anew.
    pub fn is_remembered(&self) -> bool {
        !matches!(
            self,
            Self::UnknownSession
                | Self::LifeOver { .. }
                | Self::AnswerForgotten
                | Self::Conflict
                | Self::LimitReached(_)
                | Self::NoCarts
        )
    }
}

/// What is wrong with a request. The bounds stand in [`limits`](crate::limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Invalid {
    /// No units.
    #[error("the quantity is zero; ask for one unit or more")]
    QuantityZero,
    /// Too many units.
    #[error("the quantity is above the limit of {}", crate::limits::QUANTITY_MAX)]
    QuantityTooHigh,
    /// Too high a price.
    #[error("the unit price is above the limit of {}", crate::limits::UNIT_PRICE_MAX)]
    PriceTooHigh,
    /// No time to hold for, or too much.
    #[error("a cart is held for 1 to {} milliseconds", crate::limits::HOLD_MS_MAX)]
    HoldTime,
}

/// Which limit of the market is reached. The numbers stand in [`limits`](crate::limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Limit {
    /// Sessions open at once.
    #[error("too many sessions are open; ask again when some have expired")]
    Sessions,
    /// Parties that ever opened a session.
    #[error("too many parties have come to this market")]
    Parties,
    /// Answers kept for one session.
    #[error("too many answers await acknowledgement; raise `answered_below` and ask again")]
    Answers,
    /// Names of goods.
    #[error("too many goods were sold here; deposit one that was")]
    Goods,
    /// Lots in the market, or of a good.
    #[error("too many lots are on sale; ask again when some are sold")]
    Lots,
    /// Nodes that the stamp of an offer counts.
    #[error("the stamp counts more than {} nodes", crate::limits::STAMP_NODES_MAX)]
    StampNodes,
    /// Lots that one order is filled from.
    #[error("the order needs too many lots; ask for fewer units or allow a partial fill")]
    Fills,
    /// Units ever deposited.
    #[error("more units than can be counted were deposited")]
    Units,
    /// Money paid, and the price of what is on sale.
    #[error("the market is worth more money than can be counted; lower the price or the quantity")]
    Worth,
    /// Carts, of all parties or of one, or lots in them.
    #[error("too many carts are held; claim or void one, or ask again later")]
    Holds,
}
