//! A cart comes to one end, and what is claimed is what was held, for the same party.

use std::collections::BTreeMap;

use market::{HoldId, Party, Receipt, RequestId};
use peer::event::{Operation, What};

/// What was told of carts. A node that ends without warning may not have told all that it did.
#[derive(Debug, Default)]
pub struct Carts {
    held: BTreeMap<HoldId, (Party, Receipt)>,
    claims: BTreeMap<RequestId, HoldId>,
    over: BTreeMap<HoldId, &'static str>,
}

impl Carts {
    /// Follows what a node reports.
    ///
    /// # Errors
    /// A sentence that says what is wrong with a cart.
    pub fn report(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Asked { request, operation: Operation::Claim { hold }, .. } => {
                self.claims.insert(*request, *hold);
                Ok(())
            }
            What::Held { buyer, hold, receipt, .. } => {
                match self.held.insert(*hold, (*buyer, receipt.clone())) {
                    Some(_) => Err(format!("two carts have the name {hold}")),
                    None => Ok(()),
                }
            }
            What::HoldEnded { hold, .. } => self.end(*hold, "let go"),
            What::Sold { request, buyer, receipt, .. } => {
                let Some(hold) = self.claims.get(request).copied() else { return Ok(()) };
                self.end(hold, "claimed")?;
                match self.held.get(&hold) {
                    Some(held) if *held != (*buyer, receipt.clone()) => {
                        Err(format!("cart {hold} held {held:?}, and {buyer} was sold {receipt:?}"))
                    }
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, hold: HoldId, how: &'static str) -> Result<(), String> {
        match self.over.insert(hold, how) {
            Some(before) => Err(format!("cart {hold} was {before}, then {how}")),
            None => Ok(()),
        }
    }
}
