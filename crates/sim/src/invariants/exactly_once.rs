//! Exactly once: no request is sold twice, and whoever is told of a sale, and as often as it is
//! told, is told of the same one (SAFETY S9).

use std::collections::BTreeMap;

use market::{Receipt, RequestId};

#[derive(Debug, Default)]
pub(super) struct ExactlyOnce {
    sold: BTreeMap<RequestId, Receipt>,
    answered: BTreeMap<RequestId, Receipt>,
}

impl ExactlyOnce {
    /// A trader says that it sold.
    pub fn sold(&mut self, request: RequestId, receipt: &Receipt) -> Result<(), String> {
        match self.sold.insert(request, receipt.clone()) {
            Some(_) => Err(format!("request {request} was sold twice")),
            None => same(request, self.answered.get(&request), receipt),
        }
    }

    /// A client is told that it bought.
    pub fn answered(&mut self, request: RequestId, receipt: &Receipt) -> Result<(), String> {
        let first = self.answered.insert(request, receipt.clone());
        same(request, first.as_ref().or(self.sold.get(&request)), receipt)
    }
}

fn same(request: RequestId, known: Option<&Receipt>, receipt: &Receipt) -> Result<(), String> {
    match known {
        Some(known) if known != receipt => {
            Err(format!("request {request} has two receipts: {known:?} and {receipt:?}"))
        }
        _ => Ok(()),
    }
}
