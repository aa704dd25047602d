//! What a trader did in its term, in order: how much of it is in the warehouse's books, how much its
//! buddy has, and the answers that wait for either.

use std::collections::{BTreeMap, VecDeque};

use machine::NodeId;
use market::{Deed, Outcome, RequestId};

/// An answer that waits until its deed is held.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// To whom it goes.
    pub customer: NodeId,
    /// To what.
    pub id: RequestId,
    /// The answer.
    pub outcome: Outcome,
}

/// The deeds of a term.
#[derive(Debug, Clone, Default)]
pub struct Deeds {
    /// All below this number are in the warehouse's books.
    taken: u64,
    /// Those that are not.
    untaken: VecDeque<Deed>,
    /// All below this number are with the buddy.
    kept: u64,
    /// All below this number may have been confirmed by a buddy that is gone.
    exposed: u64,
    /// Answers, by the number of the deed that each waits for.
    waiting: VecDeque<(u64, Waiting)>,
    /// Sales that are not confirmed yet, by request.
    unconfirmed: BTreeMap<RequestId, u64>,
}

impl Deeds {
    /// Those of an earlier life.
    pub fn replayed(taken: u64) -> Self {
        Self { taken, ..Self::default() }
    }

    /// All below this number are in the warehouse's books.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// All below this number are with the buddy.
    pub fn kept(&self) -> u64 {
        self.kept.max(self.taken)
    }

    /// The number of the next one.
    pub fn next(&self) -> u64 {
        self.taken + self.untaken.len() as u64
    }

    /// Those that are not in the books.
    pub fn untaken(&self) -> impl Iterator<Item = &Deed> {
        self.untaken.iter()
    }

    /// At most so many from this number on.
    pub fn from(&self, number: u64, most: usize) -> Vec<Deed> {
        let known = usize::try_from(number.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        self.untaken.iter().skip(known).take(most).cloned().collect()
    }

    /// Adds one.
    pub fn push(&mut self, deed: Deed) {
        self.untaken.push_back(deed);
    }

    /// Adds a sale, and the answer that waits for it.
    pub fn sold(&mut self, deed: Deed, waiting: Waiting) {
        let number = self.next();
        self.unconfirmed.insert(waiting.id, number);
        self.untaken.push_back(deed);
        self.waiting.push_back((number, waiting));
    }

    /// Whether the sale to this request waits to be confirmed.
    pub fn is_unconfirmed(&self, id: RequestId) -> bool {
        self.unconfirmed.contains_key(&id)
    }

    /// The warehouse has all below this number; the answers that are confirmed by it.
    pub fn took(&mut self, below: u64) -> Vec<Waiting> {
        while self.taken < below && self.untaken.pop_front().is_some() {
            self.taken += 1;
        }
        self.confirmed()
    }

    /// The buddy has all below this number; the answers that are confirmed by it.
    pub fn keeps(&mut self, below: u64) -> Vec<Waiting> {
        self.kept = self.kept.max(below.min(self.next()));
        self.confirmed()
    }

    /// There is no buddy any more: only the books count.
    pub fn unpaired(&mut self) {
        self.exposed = self.exposed.max(self.kept);
        self.kept = 0;
    }

    /// Whether nobody else has some of what was confirmed.
    pub fn is_exposed(&self) -> bool {
        self.exposed > self.taken
    }

    fn confirmed(&mut self) -> Vec<Waiting> {
        let below = self.kept();
        let mut confirmed = Vec::new();
        while let Some((_, waiting)) = self.waiting.pop_front_if(|(number, _)| *number < below) {
            self.unconfirmed.remove(&waiting.id);
            confirmed.push(waiting);
        }
        confirmed
    }
}
