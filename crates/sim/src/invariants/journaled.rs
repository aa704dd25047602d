//! Every confirmed answer survives: what a client was told is what the common journal, replayed
//! from its beginning by a market of the watcher's own, gives for that request; and it stays so
//! through every takeover (SAFETY S8). At the end the trader's market is that market.

use std::collections::BTreeMap;

use market::{Act, Entry, Kernel, Outcome, RequestId};
use peer::Record;

#[derive(Debug)]
pub(super) struct Journaled {
    founding: Kernel,
    /// The market that the journal gives, as far as it was replayed.
    market: Kernel,
    /// What that market answered first to each request.
    outcomes: BTreeMap<RequestId, Outcome>,
    replayed: usize,
    /// The last entry that was replayed: another one in its place means that the chain was cut.
    last: Option<Entry>,
    /// What anybody was told.
    confirmed: BTreeMap<RequestId, Outcome>,
    /// Told since the last check.
    fresh: Vec<RequestId>,
}

impl Journaled {
    pub fn new(founding: Kernel) -> Self {
        Self {
            market: founding.clone(),
            founding,
            outcomes: BTreeMap::new(),
            replayed: 0,
            last: None,
            confirmed: BTreeMap::new(),
            fresh: Vec::new(),
        }
    }

    /// The market that the journal gives, as of the last check.
    pub fn market(&self) -> &Kernel {
        &self.market
    }

    /// A client, or the record of a run, was told of this.
    pub fn told(&mut self, request: RequestId, outcome: &Outcome) {
        if outcome.is_remembered() {
            self.confirmed.insert(request, outcome.clone());
            self.fresh.push(request);
        }
    }

    pub fn check(&mut self, chain: &[Record]) -> Result<(), String> {
        let cut = self.is_cut(chain);
        if cut {
            (self.market, self.replayed) = (self.founding.clone(), 0);
            self.outcomes.clear();
        }
        self.replay(chain);
        let fresh = std::mem::take(&mut self.fresh);
        if cut {
            return self.confirmed.keys().try_for_each(|id| self.survives(*id));
        }
        fresh.into_iter().try_for_each(|id| self.survives(id))
    }

    fn is_cut(&self, chain: &[Record]) -> bool {
        let Some(last) = &self.last else { return false };
        match chain.get(self.replayed.wrapping_sub(1)) {
            Some(Record::Entry(entry)) => entry != last,
            _ => true,
        }
    }

    fn replay(&mut self, chain: &[Record]) {
        for record in &chain[self.replayed..] {
            let Record::Entry(entry) = record else { continue };
            let applied = self.market.apply(entry);
            if let Act::Request(request) = &entry.act
                && !applied.repeated
                && applied.outcome.is_remembered()
            {
                self.outcomes.insert(request.id, applied.outcome);
            }
            self.last = Some(entry.clone());
        }
        self.replayed = chain.len();
        if chain.is_empty() {
            self.last = None;
        }
    }

    fn survives(&self, id: RequestId) -> Result<(), String> {
        match (self.confirmed.get(&id), self.outcomes.get(&id)) {
            (told, stands) if told == stands => Ok(()),
            (_, None) => Err(format!("request {id} was confirmed and is not in the journal")),
            (told, stands) => {
                Err(format!("request {id} was told {told:?}; the journal gives {stands:?}"))
            }
        }
    }

    /// When nothing is under way: the trader has what the journal gives.
    pub fn is(&self, market: &Kernel) -> Result<(), String> {
        if self.market == *market {
            return Ok(());
        }
        Err(format!(
            "the trader has {:?}, the journal of {} entries gives {:?}",
            market.totals(),
            self.replayed,
            self.market.totals()
        ))
    }
}
