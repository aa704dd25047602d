//! Nothing is over-sold, and goods and money are conserved: at every moment the units that buyers
//! were told they have are no more than what sellers brought by then, and at the end each buyer's
//! account in the market is what that buyer was told, to the unit, unless some of its requests are
//! in doubt; then it is no less.

use std::collections::{BTreeMap, BTreeSet};

use market::{Good, Kernel, Outcome, Party, RequestId};
use peer::event::Operation;

#[derive(Debug, Default)]
pub(super) struct Conservation {
    brought: BTreeMap<Good, u64>,
    /// Units that buyers bought and sellers had back, as far as they were told.
    taken: BTreeMap<Good, u64>,
    told: BTreeMap<Party, (u64, u64)>,
    under_way: BTreeSet<RequestId>,
    in_doubt: BTreeSet<Party>,
}

impl Conservation {
    pub fn asked(&mut self, request: RequestId, operation: &Operation) {
        // A later life of the client may say again that it asks.
        let is_news = self.under_way.insert(request);
        if is_news && let Operation::Deposit { good, quantity, .. } = operation {
            *self.brought.entry(good.clone()).or_default() += u64::from(*quantity);
        }
    }

    pub fn abandoned(&mut self, request: RequestId) {
        self.under_way.remove(&request);
        self.in_doubt.insert(request.client.party);
    }

    pub fn answered(&mut self, request: RequestId, outcome: &Outcome) -> Result<(), String> {
        self.under_way.remove(&request);
        let receipt = match outcome {
            Outcome::Bought(receipt) => receipt,
            // What a seller has back is sold to nobody else.
            Outcome::Withdrawn { good, quantity } => return self.taken(good, *quantity),
            _ => return Ok(()),
        };
        let (units, paid) = self.told.entry(request.client.party).or_default();
        *units += u64::from(receipt.quantity);
        *paid += receipt.paid.0;
        self.taken(&receipt.good, receipt.quantity)
    }

    fn taken(&mut self, good: &Good, quantity: u32) -> Result<(), String> {
        let taken = self.taken.entry(good.clone()).or_default();
        *taken += u64::from(quantity);
        let brought = self.brought.get(good).copied().unwrap_or_default();
        if *taken > brought {
            return Err(format!("{taken} {good} were sold or given back of {brought}"));
        }
        Ok(())
    }

    pub fn at_the_end(&self, market: &Kernel) -> Result<(), String> {
        for (&party, &(units, paid)) in &self.told {
            let account = market.account(party);
            let has = (account.bought, account.paid.0);
            let agrees = if self.in_doubt.contains(&party) {
                has.0 >= units && has.1 >= paid
            } else {
                has == (units, paid)
            };
            if !agrees {
                return Err(format!(
                    "party {party} was told of {units} units for {paid}; the market has {} for {}",
                    has.0, has.1
                ));
            }
        }
        Ok(())
    }
}
