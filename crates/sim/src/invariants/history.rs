//! No request is lost in silence, and none is counted twice: what a client says that it asks for is
//! answered once or known to be in doubt, in the life that asked or in a later one, and a buyer
//! counts each purchase once.

use std::collections::{BTreeMap, BTreeSet};

use market::{Outcome, Party, RequestId};
use peer::event::Operation;
use peer::{Record, Snapshot};

/// What a node's own journal says of the requests of its earlier lives.
#[derive(Debug, Default)]
pub struct Settled {
    /// The session, the first number that is not on record, and the lower ones that are under way.
    life: u64,
    next: u64,
    pending: BTreeSet<u64>,
}

impl Settled {
    /// Reads a node's own journal, independently of how the node does.
    pub fn read(snapshot: Option<&Snapshot>, records: &[Record]) -> Self {
        let mut settled = Self::default();
        if let Some(Snapshot::Own(own) | Snapshot::Replica { own, .. }) = snapshot {
            let pending = own.client.pending.keys().copied().collect();
            settled = Self { life: own.client.life, next: own.client.next, pending };
        }
        for record in records {
            match record {
                Record::Asked { life, number, .. } => {
                    (settled.life, settled.next) = (*life, number + 1);
                    settled.pending.insert(*number);
                }
                Record::Answered { number, .. } => {
                    settled.pending.remove(number);
                }
                Record::SessionLost => settled = Self { life: settled.life + 1, ..Self::default() },
                Record::Promised(_) | Record::Entry(_) | Record::Role(_) | Record::Log(_) => {}
            }
        }
        settled
    }

    fn has(&self, request: RequestId) -> bool {
        let RequestId { client, number } = request;
        client.life < self.life
            || client.life == self.life && number < self.next && !self.pending.contains(&number)
    }
}

#[derive(Debug, Default)]
pub(super) struct History {
    under_way: BTreeSet<RequestId>,
    /// Purchases that each client told of.
    bought: BTreeMap<Party, u64>,
    /// Who knows of an answer that no report tells.
    knows_more: BTreeSet<Party>,
    /// The one deposit of each seller, in worlds where each makes one only.
    stocks: Option<BTreeMap<Party, RequestId>>,
}

impl History {
    pub fn new(one_stock: bool) -> Self {
        Self { stocks: one_stock.then(BTreeMap::new), ..Self::default() }
    }

    pub fn asked(&mut self, request: RequestId, operation: &Operation) -> Result<(), String> {
        self.under_way.insert(request);
        if let (Some(stocks), Operation::Deposit { .. }) = (&mut self.stocks, operation) {
            let first = *stocks.entry(request.client.party).or_insert(request);
            if first != request {
                return Err(format!("{request} brings a second stock after {first}"));
            }
        }
        Ok(())
    }

    /// Who leaves in good order has nothing under way.
    pub fn left(&self, party: Party) -> Result<(), String> {
        match self.under_way.iter().find(|id| id.client.party == party) {
            Some(id) => Err(format!("{party} has left, and request {id} is under way")),
            None => Ok(()),
        }
    }

    pub fn abandoned(&mut self, request: RequestId) {
        self.under_way.remove(&request);
    }

    pub fn answered(&mut self, request: RequestId, outcome: &Outcome) -> Result<(), String> {
        if matches!(outcome, Outcome::Bought(_)) {
            *self.bought.entry(request.client.party).or_default() += 1;
        }
        match self.under_way.remove(&request) {
            true => Ok(()),
            false => Err(format!("request {request} was answered and was not under way")),
        }
    }

    /// What a node knows to be settled though it ended before it could tell.
    pub fn untold(&mut self, party: Party, settled: &Settled) -> Vec<RequestId> {
        let of_party = self.under_way.iter().filter(|id| id.client.party == party);
        let untold: Vec<_> = of_party.filter(|id| settled.has(**id)).copied().collect();
        for request in &untold {
            self.under_way.remove(request);
            self.knows_more.insert(party);
        }
        untold
    }

    pub fn came_back(&self, party: Party, pending: &BTreeSet<RequestId>) -> Result<(), String> {
        let mut of_party = self.under_way.iter().filter(|id| id.client.party == party);
        match of_party.find(|id| !pending.contains(id)) {
            Some(lost) => Err(format!("the next life of {party} knows nothing of request {lost}")),
            None => Ok(()),
        }
    }

    pub fn at_the_end(&self, party: Party, counted: u64) -> Result<(), String> {
        if let Some(lost) = self.under_way.iter().find(|id| id.client.party == party) {
            return Err(format!("request {lost} has no answer, and its client waits for none"));
        }
        let told = self.bought.get(&party).copied().unwrap_or_default();
        let agrees = counted == told || counted > told && self.knows_more.contains(&party);
        match agrees {
            true => Ok(()),
            false => Err(format!("{party} told of {told} purchases and counts {counted}")),
        }
    }
}
