//! A trader that serves in the stable form serves no purchase before one that was asked for
//! earlier. Held where nobody is taken for gone: in worlds without faults.

use std::collections::BTreeMap;

use clocks::Stamp;
use machine::NodeId;
use market::RequestId;

/// What was asked for and not served.
#[derive(Debug, Default)]
pub(super) struct Order {
    asked: BTreeMap<RequestId, (NodeId, Stamp)>,
}

impl Order {
    pub fn asked(&mut self, request: RequestId, buyer: NodeId, stamp: Stamp) {
        self.asked.insert(request, (buyer, stamp));
    }

    pub fn served(&mut self, request: RequestId) -> Result<(), String> {
        let Some((buyer, stamp)) = self.asked.remove(&request) else { return Ok(()) };
        let is_earlier = |other: &(NodeId, Stamp)| match (&other.1, &stamp) {
            (Stamp::Lamport(one), Stamp::Lamport(this)) => (one, other.0) < (this, buyer),
            (one, this) => one.before(this),
        };
        match self.asked.iter().find(|(_, other)| is_earlier(other)) {
            None => Ok(()),
            Some((earlier, (_, before))) => Err(format!(
                "{request}, asked for at {stamp}, was served before {earlier}, asked for at {before}"
            )),
        }
    }
}
