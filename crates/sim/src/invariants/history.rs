//! No request is lost in silence, and none is counted twice: what a client says that it asks for is
//! answered once or known to be in doubt, in the life that asked; a deposit or a withdrawal also in a
//! later one; and a buyer that came back counts the purchases that the market holds for it.

use std::collections::{BTreeMap, BTreeSet};

use market::{Outcome, Party, RequestId};
use peer::event::Operation;
use peer::{Record, Snapshot};

/// What a node's own journal says of the requests of its earlier lives.
#[derive(Debug, Default)]
pub struct Settled {
    /// The last session on record: nothing of an earlier one is under way.
    life: u64,
    /// Its numbers whose answers are on record.
    answered: BTreeSet<u64>,
}

impl Settled {
    /// Reads a node's own journal, independently of how the node does.
    pub fn read(snapshot: Option<&Snapshot>, records: &[Record]) -> Self {
        let mut settled = Self::default();
        if let Some(
            Snapshot::Own(own) | Snapshot::Replica { own, .. } | Snapshot::Keeper { own, .. },
        ) = snapshot
        {
            settled.life = own.client.life;
        }
        for record in records {
            match record {
                Record::Asked { life, .. } if *life != settled.life => {
                    settled = Self { life: *life, ..Self::default() };
                }
                Record::Answered { number } => _ = settled.answered.insert(*number),
                Record::SessionLost => settled = Self { life: settled.life + 1, ..Self::default() },
                _ => {}
            }
        }
        settled
    }

    fn has(&self, request: RequestId) -> bool {
        let RequestId { client, number } = request;
        client.life < self.life || client.life == self.life && self.answered.contains(&number)
    }
}

/// What a request is, as a later life of its client knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The market tells whether it bought.
    Purchase,
    /// A cart is filled or let go: its time-out settles it.
    Cart,
    /// It is on record, and goes on.
    Recorded,
}

impl Kind {
    fn of(operation: &Operation) -> Self {
        match operation {
            Operation::Buy(_) | Operation::Claim { .. } => Self::Purchase,
            Operation::Hold { .. } | Operation::Void { .. } => Self::Cart,
            Operation::Open | Operation::Deposit { .. } | Operation::Withdraw { .. } => {
                Self::Recorded
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct History {
    /// What is not answered, and what it can be.
    under_way: BTreeMap<RequestId, Kind>,
    /// Purchases that each client told of.
    bought: BTreeMap<Party, u64>,
    /// Purchases of each that were under way when it died or its session was gone: it may count
    /// them though no report tells.
    untold: BTreeMap<Party, u64>,
    /// The one deposit of each seller, in worlds where each makes one only.
    stocks: Option<BTreeMap<Party, RequestId>>,
}

impl History {
    pub fn new(one_stock: bool) -> Self {
        Self { stocks: one_stock.then(BTreeMap::new), ..Self::default() }
    }

    pub fn asked(&mut self, request: RequestId, operation: &Operation) -> Result<(), String> {
        self.under_way.insert(request, Kind::of(operation));
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
        match self.under_way.keys().find(|id| id.client.party == party) {
            Some(id) => Err(format!("{party} has left, and request {id} is under way")),
            None => Ok(()),
        }
    }

    pub fn abandoned(&mut self, request: RequestId) {
        if self.under_way.remove(&request) == Some(Kind::Purchase) {
            *self.untold.entry(request.client.party).or_default() += 1;
        }
    }

    pub fn answered(&mut self, request: RequestId, outcome: &Outcome) -> Result<(), String> {
        if matches!(outcome, Outcome::Bought(_)) {
            *self.bought.entry(request.client.party).or_default() += 1;
        }
        match self.under_way.remove(&request) {
            Some(_) => Ok(()),
            None => Err(format!("request {request} was answered and was not under way")),
        }
    }

    /// A client came back: of what an earlier life had under way, purchases are for the market to
    /// tell, carts have a time-out, and an answer may be on record that nobody was told of. What nobody will tell.
    pub fn untold(&mut self, party: Party, settled: &Settled) -> Vec<RequestId> {
        let of_party = self.under_way.iter().filter(|(id, _)| id.client.party == party);
        let untold = of_party.filter(|(id, kind)| **kind != Kind::Recorded || settled.has(**id));
        let untold: Vec<_> = untold.map(|(id, _)| *id).collect();
        untold.iter().for_each(|request| self.abandoned(*request));
        untold
    }

    pub fn came_back(&self, party: Party, pending: &BTreeSet<RequestId>) -> Result<(), String> {
        let mut of_party = self.under_way.keys().filter(|id| id.client.party == party);
        match of_party.find(|id| !pending.contains(id)) {
            Some(lost) => Err(format!("the next life of {party} knows nothing of request {lost}")),
            None => Ok(()),
        }
    }

    /// Nothing of an earlier session happens from now on, and the client counts what the market's
    /// journal holds for it; where there is no journal that all of it stands in, what it was told,
    /// and nothing but what is in doubt beside.
    pub fn returned(&self, party: Party, counted: u64, held: Option<u64>) -> Result<(), String> {
        match held {
            Some(held) if counted == held => Ok(()),
            Some(held) => Err(format!("{party} came back to {counted} purchases; it made {held}")),
            None => self.may_count(party, counted),
        }
    }

    fn may_count(&self, party: Party, counted: u64) -> Result<(), String> {
        let told = self.bought.get(&party).copied().unwrap_or_default();
        let untold = self.untold.get(&party).copied().unwrap_or_default();
        match (told..=told + untold).contains(&counted) {
            true => Ok(()),
            false => Err(format!(
                "{party} told of {told} purchases, may not have told of {untold}, and counts {counted}"
            )),
        }
    }

    pub fn at_the_end(&self, party: Party, counted: u64, held: Option<u64>) -> Result<(), String> {
        if let Some(lost) = self.under_way.keys().find(|id| id.client.party == party) {
            return Err(format!("request {lost} has no answer, and its client waits for none"));
        }
        self.may_count(party, counted)?;
        match held {
            Some(held) if counted != held => {
                Err(format!("{party} counts {counted} purchases; the market holds {held}"))
            }
            _ => Ok(()),
        }
    }
}
