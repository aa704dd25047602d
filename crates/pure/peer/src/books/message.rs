//! What traders and keepers say to each other, and what a keeper writes down.

use bytes::Bytes;
use machine::Epoch;
use market::{Entry, Outcome};
use serde::{Deserialize, Serialize};

use super::book::Book;

/// The name of a fact: no other one has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FactId {
    /// In which epoch it was made.
    pub epoch: Epoch,
    /// The how manieth fact of that epoch it is, from 1 on.
    pub number: u64,
}

/// An entry, and what came of it. It is true when all books that it concerns hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Its name.
    pub id: FactId,
    /// What was to be done.
    pub entry: Entry,
    /// What came of it.
    pub outcome: Outcome,
}

/// What a trader has a keeper write down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// A fact that concerns it.
    Fact(Box<Fact>),
    /// A fact of an earlier epoch turned out to be true, or void.
    Decided {
        /// Which.
        id: FactId,
        /// Whether it is true.
        is_true: bool,
    },
}

/// Which facts of the trader's epoch are true, as far as they concern a keeper.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// All below this one.
    pub below: u64,
    /// But for these, no more than [`EXCEPT_MAX`](super::EXCEPT_MAX).
    pub except: Vec<u64>,
}

/// Between a trader and a keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// Trader to keeper: promise this epoch, and hand over your book from this byte on.
    Register {
        /// The trader's epoch.
        epoch: Epoch,
        /// How many bytes are here.
        offset: u64,
    },
    /// The answer.
    Part(Part),
    /// Trader to keeper: write these down.
    Append {
        /// The trader's epoch.
        epoch: Epoch,
        /// How many items of this epoch come before these.
        after: u64,
        /// They; none as a reminder.
        items: Vec<Item>,
        /// What is true of what came before.
        settled: Settled,
    },
    /// The answer: so many items of this epoch are here, durably.
    Ack {
        /// The trader's epoch.
        epoch: Epoch,
        /// How many.
        position: u64,
    },
    /// Keeper to a trader: this higher epoch is promised.
    Superseded(Epoch),
}

/// A part of a book on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The epoch in which it was wanted.
    pub epoch: Epoch,
    /// Drawn anew each time that the book is written out: parts of two writings do not fit.
    pub writing: u64,
    /// How long the book is.
    pub total_bytes: u64,
    /// Where this part begins.
    pub offset: u64,
    /// The part.
    pub bytes: Bytes,
}

/// What a keeper writes down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// Nothing of a lower epoch is taken from now on.
    Promised(Epoch),
    /// The next item of the promised epoch.
    Item(Item),
}

/// What replaces a keeper's records.
pub type Snapshot = Book;
