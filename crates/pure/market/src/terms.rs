//! Stock on loan (escrow, O'Neil 1986): the warehouse lends a trader units of named lots, and the
//! trader sells them without asking, until its term is over.
//!
//! ```text
//!   Open ──▶ trading ── Lend: units leave the shelves ── Take: deeds of the trader, in their order
//!               │                                           sold, returned, or a request shut
//!               ▼ Fence: nothing is lent any more
//!            fenced ── Take: what it did before, as far as others hold it ── Close: the rest returns
//! ```
//!
//! **Promise.** No unit is sold twice. *Why:* a unit is on a shelf, or lent to one term, or sold;
//! only [`Kernel::apply`](crate::Kernel::apply) moves it, a term's deeds are taken once each, in
//! order, and none after its end. What a term may have sold it never gives back before whoever can
//! confirm its sales has refused to confirm more (SAFETY S11, S12): that is the business of those
//! who call `Close`.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::aside::Aside;
use crate::lots::Lot;
use crate::{Good, LotId, Money, Order, Party, Receipt, Request, RequestId};

/// The right of one trader to sell what is lent to it, until it is closed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct TermId {
    /// Who.
    pub trader: Party,
    /// Which of its terms: the number rises.
    pub number: u64,
}

/// `trader.number`, as in `3.1`.
impl std::fmt::Display for TermId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.trader, self.number)
    }
}

/// Units of one lot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The lot.
    pub lot: LotId,
    /// Who sells it.
    pub seller: Party,
    /// The price of a unit.
    pub unit_price: Money,
    /// How many units.
    pub quantity: u32,
}

/// What was lent at once. A trader takes each grant of its term once, by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its number in the term, from 1.
    pub number: u64,
    /// What.
    pub good: Good,
    /// From which lots.
    pub parts: Vec<Part>,
}

impl Grant {
    /// How many units.
    pub fn units(&self) -> u64 {
        self.parts.iter().map(|part| u64::from(part.quantity)).sum()
    }
}

/// What a trader did in its term, beside receiving grants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// It sold.
    Sold {
        /// The order, whole: it is the fingerprint of the answer.
        request: Request,
        /// From which lots how many units.
        fills: Vec<(LotId, u32)>,
    },
    /// It gave units back.
    Returned {
        /// Of which lot.
        lot: LotId,
        /// How many.
        quantity: u32,
    },
    /// From now on it does not sell to this request, and the warehouse decides. If it did before, that
    /// deed is before this one.
    Shut(RequestId),
    /// It confirms nothing by its buddy any more.
    Unpaired,
}

/// A step of a term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermAct {
    /// Begins a term.
    Open {
        /// Whose.
        trader: Party,
    },
    /// Lends up to so many units.
    Lend {
        /// To whom.
        term: TermId,
        /// What.
        good: Good,
        /// How many.
        units: u32,
    },
    /// Takes what a trader did. What was taken before is passed over.
    Take {
        /// In which term.
        term: TermId,
        /// It has all grants up to this number.
        received: u64,
        /// The number of the first deed.
        from: u64,
        /// Its deeds, in order.
        deeds: Vec<Deed>,
    },
    /// Names who may hold deeds that were confirmed and are not taken yet, until the trader says
    /// that it is [`Deed::Unpaired`].
    Pair {
        /// In which term.
        term: TermId,
        /// Who.
        buddy: Party,
    },
    /// Lends nothing any more.
    Fence {
        /// In which term.
        term: TermId,
    },
    /// Ends a term: what is still lent returns to the shelves.
    Close {
        /// Which.
        term: TermId,
    },
}

/// What came of a step of a term.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TermOutcome {
    /// The term has begun.
    Opened(TermId),
    /// This was lent; nothing, if no part of it is named.
    Lent(Grant),
    /// All deeds below this number are taken.
    Taken {
        /// The number.
        below: u64,
        /// What was sold by those that were new.
        sold: Vec<(RequestId, Receipt)>,
        /// Sales that the books have no room for: the units were not lent, or the request was
        /// answered before. None, unless a trader broke its promise.
        broken: Vec<RequestId>,
    },
    /// It has this buddy.
    Paired(Party),
    /// It is fenced.
    Fenced,
    /// It is over.
    Closed {
        /// How many units returned.
        units: u64,
    },
    /// There is no such term: it never was, or it is closed.
    NoSuchTerm,
    /// Nothing can be lent: the term is fenced, or too many grants of it are under way.
    NotLent,
    /// The first deed is beyond what was taken: those between are missing.
    Gap {
        /// All deeds below this number are taken.
        below: u64,
    },
    /// Too many terms are open.
    TooMany,
}

impl TermOutcome {
    /// Whether the market is another one than before.
    pub fn changes_the_market(&self) -> bool {
        match self {
            Self::Opened(_)
            | Self::Taken { .. }
            | Self::Paired(_)
            | Self::Fenced
            | Self::Closed { .. } => true,
            Self::Lent(grant) => !grant.parts.is_empty(),
            Self::NoSuchTerm | Self::NotLent | Self::Gap { .. } | Self::TooMany => false,
        }
    }
}

/// One term.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Term {
    /// What is lent, by lot: of each as much as is neither sold nor returned.
    pub(crate) lent: Aside,
    /// How many grants were made.
    pub(crate) granted: u64,
    /// Those that the trader may not have.
    pub(crate) grants: VecDeque<Grant>,
    /// How many deeds were taken.
    pub(crate) taken: u64,
    pub(crate) is_fenced: bool,
    pub(crate) buddy: Option<Party>,
    /// How often it was given a buddy.
    pub(crate) pairings: u64,
}

impl Term {
    /// Grants that the trader may not have, in order.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter()
    }

    /// All deeds below this number are taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Whether nothing is lent any more.
    pub fn is_fenced(&self) -> bool {
        self.is_fenced
    }

    /// Who may hold deeds of it that were confirmed and are not taken.
    pub fn buddy(&self) -> Option<Party> {
        self.buddy
    }

    /// How often it was given a buddy: the number of the present pairing, if it has one.
    pub fn pairings(&self) -> u64 {
        self.pairings
    }

    /// What is on loan, and how many units of it.
    pub fn goods(&self) -> BTreeMap<&Good, u64> {
        let mut goods = BTreeMap::new();
        for (_, lot) in self.lent.lots() {
            *goods.entry(&lot.good).or_default() += u64::from(lot.quantity);
        }
        goods
    }

    /// How many grants were made.
    pub fn granted(&self) -> u64 {
        self.granted
    }

    /// How many units of a good are lent.
    pub fn lent(&self, good: &Good) -> u64 {
        self.lent.units_of(good)
    }
}

/// All terms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Terms {
    pub open: BTreeMap<TermId, Term>,
    /// The last term of each trader.
    pub last: BTreeMap<Party, u64>,
    /// Sales that the books had no room for.
    pub broken: u64,
}

impl Terms {
    /// All units on loan.
    pub fn lots(&self) -> impl Iterator<Item = (LotId, &Lot)> {
        self.open.values().flat_map(|term| term.lent.lots())
    }

    /// How many units on loan an order could be filled from.
    pub fn lent_for(&self, buyer: Party, order: &Order) -> u64 {
        self.open.values().map(|term| term.lent.units_for(buyer, order)).sum()
    }
}
