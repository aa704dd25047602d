//! Requests that wait for a decision, in the order in which they came.

use std::collections::BTreeMap;

use machine::NodeId;
use market::{Good, Request, RequestId, TermId};

/// Most requests that wait: more are left to be sent again.
pub const WAITING_MAX: usize = 1 << 16;

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Awaits {
    /// That its home says that it did not sell it, or is over.
    Home(TermId),
    /// That what is on loan of this comes back.
    Recall(Good),
}

/// One of them.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What.
    pub request: Request,
    /// Who passed it on last.
    pub from: NodeId,
    /// For what it waits.
    pub awaits: Awaits,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub struct Requests {
    by_arrival: BTreeMap<u64, Waiting>,
    places: BTreeMap<RequestId, u64>,
    next: u64,
}

impl Requests {
    /// How many.
    pub fn len(&self) -> usize {
        self.by_arrival.len()
    }

    /// Adds one, or notes who asks for it now; false, and nothing changes, if there is no room.
    pub fn add(&mut self, waiting: Waiting) -> bool {
        let id = waiting.request.id;
        if let Some(place) = self.places.get(&id) {
            if let Some(known) = self.by_arrival.get_mut(place) {
                known.from = waiting.from;
                known.awaits = waiting.awaits;
            }
            return true;
        }
        if self.by_arrival.len() >= WAITING_MAX {
            return false;
        }
        self.places.insert(id, self.next);
        self.by_arrival.insert(self.next, waiting);
        self.next += 1;
        true
    }

    /// Takes one out.
    pub fn remove(&mut self, id: RequestId) -> Option<Waiting> {
        let place = self.places.remove(&id)?;
        self.by_arrival.remove(&place)
    }

    /// Those that wait for the same, in order.
    pub fn waiting_for(&self, awaits: &Awaits) -> Vec<RequestId> {
        let waiting = self.by_arrival.values().filter(|waiting| waiting.awaits == *awaits);
        waiting.map(|waiting| waiting.request.id).collect()
    }

    /// One of them.
    pub fn get(&self, id: RequestId) -> Option<&Waiting> {
        self.by_arrival.get(self.places.get(&id)?)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.by_arrival.values()
    }
}
