//! What travels between customers, traders and the warehouse, and what stands in their journals.

use groupcast::election::bully;
use groupcast::membership;
use machine::{Incarnation, NodeId};
use market::{Deed, Entry, Good, Grant, Kernel, Outcome, Request, RequestId, TermId};
use serde::{Deserialize, Serialize};

use crate::trader::ledger::{News, Seen};

/// Most deeds in one message: some 100 bytes each.
pub const DEEDS_MAX: usize = 256;

/// A message of the trading houses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// A customer, to a trader: carry this out.
    Ask {
        /// What.
        request: Request,
        /// The term in which it may be sold from a loan: fixed before it was sent for the first time.
        home: Option<TermId>,
        /// Whether it may have been sent to another trader before: then only the warehouse can deny
        /// it.
        is_retried: bool,
        /// Where traders keep a ledger: what the customer has seen of it.
        seen: Option<Seen>,
    },
    /// A trader, to a customer.
    Answer {
        /// The request.
        id: RequestId,
        /// What came of it.
        outcome: Outcome,
        /// Whether the trader denies it by its own counts, unasked by the warehouse.
        is_by_cache: bool,
        /// Where traders keep a ledger: what a denial by it was made from.
        seen: Option<Seen>,
    },
    /// A trader, to a customer: the ledger has room for its order, and the warehouse is asked.
    Promised {
        /// The request.
        id: RequestId,
        /// What the promise was made from.
        seen: Seen,
    },
    /// A trader, to the others: lines of its ledger.
    Ledger(News),
    /// The warehouse, to all: who trades, by term.
    Roster {
        /// The later of two has the higher version.
        version: u64,
        /// The terms that customers may ask.
        terms: Vec<TermId>,
    },
    /// A trader, to all: this one is gone.
    Lost {
        /// Which.
        term: TermId,
    },
    /// A trader or the warehouse is there.
    Beat {
        /// How many answers the trader gave in this life; 0 from the warehouse.
        answers: u64,
    },
    /// The warehouse, to customers that ask the least loaded.
    Loads {
        /// How many answers a second each trader gave of late.
        per_second: Vec<(TermId, u64)>,
    },
    /// Between a trader and the warehouse, about one term.
    House(House),
    /// Between a trader, its buddy and the warehouse.
    Buddy(Buddy),
    /// Who is there, and where.
    Membership(membership::Message),
    /// Who is to trade.
    Election(bully::Message),
}

/// Between a trader and the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum House {
    /// A trader asks for a term, in this life of it.
    Enlist {
        /// Its life.
        incarnation: Incarnation,
    },
    /// The term has begun.
    Enlisted {
        /// In which life it was asked for.
        incarnation: Incarnation,
        /// Which.
        term: TermId,
    },
    /// A trader passes a request on. If its term is the request's home, it has not sold it and never
    /// will.
    Forward {
        /// What.
        request: Request,
        /// Its home.
        home: Option<TermId>,
        /// The term of the trader that passes it on, if it has one.
        by: Option<TermId>,
    },
    /// What the warehouse decided.
    Decided {
        /// The request.
        id: RequestId,
        /// What came of it.
        outcome: Outcome,
        /// The version of counts from which on they have it.
        version: u64,
    },
    /// A trader would like to have so much more of a good.
    Wish {
        /// In which term.
        term: TermId,
        /// What.
        good: Good,
        /// How many units.
        units: u32,
    },
    /// A loan.
    Granted {
        /// In which term.
        term: TermId,
        /// What.
        grant: Grant,
    },
    /// The trader is to give back all that it has of this, of grants up to this number.
    Recall {
        /// In which term.
        term: TermId,
        /// What.
        good: Good,
        /// The last grant meant.
        upto: u64,
    },
    /// The trader is to say that it has not sold this and never will, unless it has.
    Shut {
        /// In which term.
        term: TermId,
        /// Which.
        id: RequestId,
    },
    /// What a trader did.
    Report {
        /// In which term.
        term: TermId,
        /// It has all grants up to this number.
        received: u64,
        /// The number of the first deed.
        from: u64,
        /// Its deeds, in order.
        deeds: Vec<Deed>,
        /// Whether these are the last of the term.
        is_last: bool,
    },
    /// All deeds below this number are in the warehouse's books.
    Taken {
        /// In which term.
        term: TermId,
        /// The number.
        below: u64,
    },
    /// The term is to end: the trader gives back what it has, and may ask for another one.
    Fenced {
        /// Which.
        term: TermId,
    },
    /// The term is over.
    Over {
        /// Which.
        term: TermId,
    },
    /// There are more traders than the load asks for: this one is to retire in good order.
    Drain {
        /// In which term.
        term: TermId,
    },
    /// A hired trader that is out of office, to the warehouse: may it go?
    Goes {
        /// In which life it is.
        incarnation: Incarnation,
    },
    /// It may: no term is its own, or counts on it.
    MayGo {
        /// Who was in this life.
        incarnation: Incarnation,
    },
    /// A trader asks what there is.
    Look,
    /// What there is.
    Counts {
        /// The later of two has the higher version.
        version: u64,
        /// Units on the shelves, of each good that was ever sold.
        counts: Vec<(Good, u64)>,
    },
}

/// About the deeds that one trader holds for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Buddy {
    /// The warehouse, to a buddy: hold the deeds of this term.
    Stand {
        /// Which.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
    },
    /// It does.
    Stands {
        /// Which.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
        /// In which term of its own the buddy was asked to stand.
        by: TermId,
    },
    /// The warehouse, to a trader: this one holds your deeds.
    Paired {
        /// Whose.
        term: TermId,
        /// The number of the pairing: the later of two has the higher one.
        pairing: u64,
        /// Who.
        buddy: NodeId,
    },
    /// A trader, to its buddy.
    Keep {
        /// Whose.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
        /// The number of the first deed.
        from: u64,
        /// Its deeds, in order.
        deeds: Vec<Deed>,
        /// All below this number are in the warehouse's books.
        taken: u64,
    },
    /// The buddy has all deeds below this number.
    Kept {
        /// Whose.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
        /// The number.
        below: u64,
    },
    /// The buddy holds none of this term any more, or never did. It says so, or the warehouse does of
    /// one that would go.
    Declined {
        /// Which.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
    },
    /// The warehouse, to a buddy: hold no more, and say what you have.
    Surrender {
        /// Of which term.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
        /// All below this number are in the warehouse's books.
        taken: u64,
    },
    /// It holds no more, and this is what it had.
    Surrendered {
        /// Of which term.
        term: TermId,
        /// The number of the first deed.
        from: u64,
        /// What it had.
        deeds: Vec<Deed>,
        /// How many more it has; it is to be asked again.
        more: u64,
    },
    /// It began a new life since it was named, and has nothing.
    Forgot {
        /// Of which term.
        term: TermId,
    },
    /// A buddy that retires, to the warehouse: may it forget this term?
    Holds {
        /// Which.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
        /// In which term of its own the buddy was asked to stand.
        by: TermId,
    },
    /// It may: whatever the warehouse asks for of this term, it will not ask this buddy.
    Free {
        /// Which term.
        term: TermId,
        /// The number of the pairing.
        pairing: u64,
        /// In which term of its own the buddy was asked to stand.
        by: TermId,
    },
}

/// A record of a node's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The warehouse's: a step of the market.
    Entry(Entry),
    /// A trader's: its term.
    Term(TermId),
    /// A trader's: what it did.
    Deed(Deed),
    /// A trader's: what the warehouse has of it.
    Taken(u64),
}

/// What replaces all records before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Snapshot {
    /// The warehouse's: the market.
    Market(Box<Kernel>),
    /// A trader's or a customer's: which life this is.
    Life(Incarnation),
    /// A trader's, where its own journal confirms its sales.
    Log {
        /// Which life this is.
        incarnation: Incarnation,
        /// The term in which it did something that the warehouse may not have.
        term: TermId,
        /// All deeds below this number are with the warehouse.
        taken: u64,
        /// Those that may not be.
        deeds: Vec<Deed>,
    },
}
