//! What one peer keeps: its part of the market as far as it is settled, and the facts beyond.

use std::collections::BTreeMap;

use machine::Epoch;
use market::{BadPart, Entry, Kernel, Outcome, Party};
use serde::{Deserialize, Serialize};

use super::message::{Fact, FactId, Item, Record, Settled};

/// How many epochs a book remembers of those in which it took facts that concern others too. Facts
/// of older ones, which are still open somewhere, stay unknown.
const EPOCHS_MAX: usize = 1 << 10;

/// Which facts, of those that concern a book and others, it holds or held: in each epoch all up to
/// the last one that it took.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    last: BTreeMap<Epoch, u64>,
    /// Up to this epoch, nothing is known but what stands above.
    forgotten: Epoch,
}

impl Reach {
    fn take(&mut self, id: FactId) {
        self.last.insert(id.epoch, id.number);
        while self.last.len() > EPOCHS_MAX {
            if let Some((epoch, _)) = self.last.pop_first() {
                self.forgotten = epoch;
            }
        }
    }

    /// Whether a fact was taken that concerns this book, in an epoch that is closed to it; none if
    /// that is forgotten.
    pub fn has(&self, id: FactId) -> Option<bool> {
        match self.last.get(&id.epoch) {
            Some(last) => Some(id.number <= *last),
            None => (id.epoch > self.forgotten).then_some(false),
        }
    }
}

/// A peer's book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Nothing of a lower epoch is taken.
    pub promised: Epoch,
    /// How many items of the promised epoch were taken.
    pub position: u64,
    /// What is settled.
    pub base: Kernel,
    /// Facts that concern others too and may yet turn out to be void.
    pub tail: BTreeMap<FactId, Fact>,
    /// Which such facts were ever taken.
    pub reach: Reach,
    /// What did not fit, if anything: it was left out.
    #[serde(skip)]
    pub misfit: Option<BadPart>,
}

impl Book {
    /// An empty one, of a market with this founding.
    pub fn new(founding: Kernel) -> Self {
        Self {
            promised: Epoch::ZERO,
            position: 0,
            base: founding,
            tail: BTreeMap::new(),
            reach: Reach::default(),
            misfit: None,
        }
    }

    /// Takes a record, as it did when that was written. What does not fit is left out: the book
    /// of a market in good order takes all.
    pub fn replay(&mut self, party: Party, record: Record) {
        match record {
            Record::Promised(epoch) => (self.promised, self.position) = (epoch, 0),
            Record::Item(item) => self.take(party, item),
        }
    }

    /// Takes the next item.
    pub fn take(&mut self, party: Party, item: Item) {
        self.position += 1;
        match item {
            // Nobody else has a say in it: it is true as soon as it stands here.
            Item::Fact(fact) if fact.entry.concerns(&fact.outcome).len() < 2 => {
                self.settle(party, &fact.entry, &fact.outcome);
            }
            Item::Fact(fact) => {
                self.reach.take(fact.id);
                self.tail.insert(fact.id, *fact);
            }
            Item::Decided { id, is_true } => {
                if let Some(fact) = self.tail.remove(&id).filter(|_| is_true) {
                    self.settle(party, &fact.entry, &fact.outcome);
                }
            }
        }
    }

    /// Learns which facts of the promised epoch are true.
    pub fn learn(&mut self, party: Party, settled: &Settled) {
        let epoch = self.promised;
        let id = |number| FactId { epoch, number };
        let known = self.tail.range(id(0)..id(settled.below)).map(|(id, _)| *id);
        let known: Vec<FactId> = known.filter(|id| !settled.except.contains(&id.number)).collect();
        for id in known {
            if let Some(fact) = self.tail.remove(&id) {
                self.settle(party, &fact.entry, &fact.outcome);
            }
        }
    }

    fn settle(&mut self, party: Party, entry: &Entry, outcome: &Outcome) {
        // No trader in good order says what does not fit.
        if let Err(misfit) = self.base.record(party, entry, outcome) {
            self.misfit = Some(misfit);
        }
    }

    /// How much there is, in records.
    pub fn parts(&self) -> u64 {
        (self.base.parts() + self.tail.len()) as u64
    }

    /// The whole as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("all lengths are known, and stamps are within bounds")
    }

    /// The book that these bytes stand for, if any. Allocates in proportion to their number.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (book, rest) = postcard::take_from_bytes::<Self>(bytes).ok()?;
        rest.is_empty().then_some(book)
    }
}
