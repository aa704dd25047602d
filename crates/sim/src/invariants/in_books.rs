//! Where each peer keeps its own book: whatever anybody was told stands in every book that it
//! concerns, and stays there through every crash and takeover; and no request was carried out twice
//! (SAFETY S8). At the end the sum of all books is the market.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, NodeId};
use market::{Act, Entry, Kernel, Outcome, Party, RequestId};
use peer::Record;
use peer::books::{self, Book, Fact, FactId, Item};

pub(super) const HELD: &str = "whatever was told stands in all its books";

/// What one node wrote down in its book, as far as a crash did not take it back.
#[derive(Debug, Default)]
struct Written {
    epoch: Epoch,
    position: u64,
    /// Each fact, and each that turned out to be void, by its place.
    facts: BTreeMap<FactId, (Epoch, u64)>,
    void: BTreeMap<FactId, (Epoch, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct InBooks {
    written: BTreeMap<NodeId, Written>,
    facts: BTreeMap<FactId, (RequestId, Entry, Outcome)>,
    by_request: BTreeMap<RequestId, BTreeSet<FactId>>,
    told: BTreeMap<RequestId, Outcome>,
    /// Told since the last check.
    fresh: Vec<RequestId>,
}

impl InBooks {
    pub fn appended(&mut self, node: NodeId, record: &Record) {
        let Record::Book(record) = record else { return };
        let written = self.written.entry(node).or_default();
        match record {
            books::Record::Promised(epoch) => (written.epoch, written.position) = (*epoch, 0),
            books::Record::Item(item) => {
                let place = (written.epoch, written.position);
                written.position += 1;
                match item {
                    Item::Fact(fact) => {
                        let Fact { id, entry, outcome } = fact.as_ref();
                        written.facts.insert(*id, place);
                        if let Act::Request(request) = &entry.act {
                            let fact = (request.id, entry.clone(), outcome.clone());
                            self.facts.insert(*id, fact);
                            self.by_request.entry(request.id).or_default().insert(*id);
                        }
                    }
                    Item::Decided { id, is_true: false } => {
                        written.void.insert(*id, place);
                    }
                    Item::Decided { is_true: true, .. } => {}
                }
            }
        }
    }

    pub fn came_back(&mut self, node: NodeId, promised: Epoch, position: u64) {
        let Some(written) = self.written.get_mut(&node) else { return };
        (written.epoch, written.position) = (promised, position);
        let is_there = |_: &FactId, place: &mut (Epoch, u64)| *place < (promised, position);
        written.facts.retain(is_there);
        written.void.retain(is_there);
    }

    pub fn told(&mut self, request: RequestId, outcome: &Outcome) {
        if outcome.is_remembered() {
            self.told.insert(request, outcome.clone());
            self.fresh.push(request);
        }
    }

    pub fn check(&mut self) -> Result<(), String> {
        let fresh = std::mem::take(&mut self.fresh);
        fresh.into_iter().try_for_each(|request| self.stands(request))
    }

    pub fn at_the_end(&self) -> Result<(), String> {
        self.by_request.keys().chain(self.told.keys()).try_for_each(|request| self.stands(*request))
    }

    /// Of all facts of a request one at most is true, and it is the one that was told.
    fn stands(&self, request: RequestId) -> Result<(), String> {
        let facts = self.by_request.get(&request).into_iter().flatten();
        let mut is_true = facts.filter(|id| self.is_true(**id));
        let (first, second) = (is_true.next(), is_true.next());
        if let (Some(first), Some(second)) = (first, second) {
            return Err(format!("request {request} was carried out as {first:?} and {second:?}"));
        }
        let stands = first.and_then(|id| self.facts.get(id)).map(|(_, _, outcome)| outcome);
        match self.told.get(&request) {
            None => {}
            told if told == stands => {}
            told => {
                return Err(format!("request {request} was told {told:?}; books have {stands:?}"));
            }
        }
        let is_void = |id: &&FactId| self.written.values().any(|book| book.void.contains_key(*id));
        match first.filter(is_void) {
            Some(id) => Err(format!("{id:?} stands in all its books, and one holds it for void")),
            None => Ok(()),
        }
    }

    fn is_true(&self, id: FactId) -> bool {
        let Some((_, entry, outcome)) = self.facts.get(&id) else { return false };
        entry.concerns(outcome).into_iter().all(|party| {
            let node = u32::try_from(party.0).map(NodeId);
            let written = node.ok().and_then(|node| self.written.get(&node));
            written.is_some_and(|written| written.facts.contains_key(&id))
        })
    }

    /// The sum of all books.
    pub fn sum(&self, books: Vec<(NodeId, Book)>, founding: Kernel) -> Result<Kernel, String> {
        let mut sum = founding;
        for (node, book) in books {
            let party = Party(node.0.into());
            sum.join(party, book.base).map_err(|error| format!("the book of {node}: {error}"))?;
            for fact in book.tail.values().filter(|fact| self.is_true(fact.id)) {
                let part = sum.record(party, &fact.entry, &fact.outcome);
                part.map_err(|error| format!("{:?} of {node}: {error}", fact.id))?;
            }
        }
        Ok(sum)
    }
}
