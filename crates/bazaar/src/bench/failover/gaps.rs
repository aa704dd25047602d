//! How long a market was without a trader, and where that time went.
//!
//! ```text
//! loss --noticed--> somebody doubts it --elected--> a later epoch --took over--> it trades
//!      --sold--> a buyer is told of a sale of that epoch
//! ```

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};
use market::{Outcome, RequestId};
use view::{Event, Fault, LinkFault, What};

use super::Loss;

/// From the loss of a trader until a buyer was told of a sale by a trader of a later epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub loss: Loss,
    /// Until somebody doubted it. A stage that was not seen takes no time.
    pub noticed_ns: u64,
    /// From then until somebody was elected in a later epoch.
    pub elected_ns: u64,
    /// From then until that one had the market, and traded.
    pub took_over_ns: u64,
    /// From then until a buyer was told of a sale of a later epoch.
    pub sold_ns: u64,
}

impl Gap {
    pub fn nanos(&self) -> u64 {
        self.noticed_ns + self.elected_ns + self.took_over_ns + self.sold_ns
    }
}

/// A trader that was lost and has no successor yet.
struct Lost {
    loss: Loss,
    fallen: NodeId,
    epoch: Epoch,
    at_ns: u64,
    noticed_at_ns: Option<u64>,
    elected_at_ns: Option<u64>,
    trading_at_ns: Option<u64>,
}

impl Lost {
    fn of(event: &Event, epoch: Epoch) -> Option<Self> {
        let (loss, fallen) = match &event.what {
            What::Fault { fault: Fault::Kill, target } => (Loss::Kill, *target),
            What::Fault { fault: Fault::Pause, target } => (Loss::Pause, *target),
            What::Links(LinkFault::Cut { side }) => (Loss::Partition, *side.first()?),
            _ => return None,
        };
        Some(Self {
            loss,
            fallen,
            epoch,
            at_ns: event.time_ns,
            noticed_at_ns: None,
            elected_at_ns: None,
            trading_at_ns: None,
        })
    }

    /// Notes the first of each stage.
    fn see(&mut self, event: &Event) {
        let stage = match &event.what {
            What::Suspected { suspect, .. } if *suspect == self.fallen => &mut self.noticed_at_ns,
            What::Elected { epoch, .. } if *epoch > self.epoch => &mut self.elected_at_ns,
            What::Trading { epoch, .. } if *epoch > self.epoch => &mut self.trading_at_ns,
            _ => return,
        };
        stage.get_or_insert(event.time_ns);
    }

    fn ended(&self, sold_at_ns: u64) -> Gap {
        let mut last_ns = self.at_ns;
        let mut stage = |at_ns: Option<u64>| {
            let at_ns = at_ns.unwrap_or(last_ns).max(last_ns);
            at_ns - std::mem::replace(&mut last_ns, at_ns)
        };
        Gap {
            loss: self.loss,
            noticed_ns: stage(self.noticed_at_ns),
            elected_ns: stage(self.elected_at_ns),
            took_over_ns: stage(self.trading_at_ns),
            sold_ns: stage(Some(sold_at_ns)),
        }
    }
}

/// The gap after each loss of a trader, in the order of time.
pub(super) fn gaps(events: &[Event]) -> Vec<Gap> {
    let mut said_by: BTreeMap<RequestId, Epoch> = BTreeMap::new();
    for event in events {
        if let What::Sold { epoch, request, .. } | What::Repeated { epoch, request } = &event.what {
            let last = said_by.entry(*request).or_insert(*epoch);
            *last = (*last).max(*epoch);
        }
    }
    let mut gaps = Vec::new();
    let (mut epoch, mut lost) = (Epoch::ZERO, None);
    for event in events {
        if let Some(new) = Lost::of(event, epoch) {
            lost = Some(new);
        }
        if let What::Trading { epoch: new, .. } = &event.what {
            epoch = epoch.max(*new);
        }
        let Some(under_way) = &mut lost else { continue };
        under_way.see(event);
        if let What::Answered { request, outcome: Outcome::Bought(_), .. } = &event.what
            && said_by.get(request).is_some_and(|epoch| *epoch > under_way.epoch)
        {
            gaps.push(under_way.ended(event.time_ns));
            lost = None;
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use market::{ClientId, Good, Money, Order, Party, Receipt};
    use view::{Cause, Operation};

    use super::*;

    fn epoch(counter: u64) -> Epoch {
        Epoch { counter, node: NodeId(counter as u32) }
    }

    fn event(time_ns: u64, what: What) -> Event {
        Event { time_ns, node: NodeId(9), clock: None, what }
    }

    #[test]
    fn a_gap_ends_with_the_first_sale_of_the_successor() {
        let good = Good::new("salt").unwrap();
        let receipt = Receipt {
            good: good.clone(),
            quantity: 1,
            paid: Money(1),
            commission: Money(0),
            fills: Vec::new(),
        };
        let request = |number| RequestId { client: ClientId::default(), number };
        let sold = |number, counter| What::Sold {
            epoch: epoch(counter),
            request: request(number),
            receipt: receipt.clone(),
            buyer: Party(1),
        };
        let answered = |number| What::Answered {
            request: request(number),
            operation: Operation::Buy(Order {
                good: good.clone(),
                quantity: 1,
                limit: None,
                partial: false,
            }),
            outcome: Outcome::Bought(receipt.clone()),
            took_ns: 1,
        };
        let doubted = |suspect| What::Suspected { suspect: NodeId(suspect), cause: Cause::Crash };
        let elected =
            |counter| What::Elected { epoch: epoch(counter), cause: Cause::Crash, took_ns: 1 };
        let events = [
            event(1, What::Trading { epoch: epoch(1), shipped_before: 0 }),
            event(2, sold(1, 1)),
            event(3, What::Fault { fault: Fault::Kill, target: NodeId(1) }),
            // The old trader's last word arrives after its death.
            event(4, answered(1)),
            event(5, doubted(1)),
            event(6, doubted(1)),
            event(8, elected(2)),
            event(11, What::Trading { epoch: epoch(2), shipped_before: 1 }),
            event(14, sold(2, 2)),
            event(15, answered(2)),
            event(16, answered(2)),
            // Stages that were not seen, or seen out of order, take no time.
            event(20, What::Fault { fault: Fault::Pause, target: NodeId(2) }),
            event(21, doubted(1)),
            event(24, elected(3)),
            event(25, What::Trading { epoch: epoch(3), shipped_before: 2 }),
            event(26, What::Fault { fault: Fault::Resume, target: NodeId(2) }),
            event(27, sold(3, 3)),
            event(29, answered(3)),
            event(30, What::Links(LinkFault::Cut { side: vec![NodeId(3)] })),
            event(31, sold(4, 4)),
            event(32, answered(4)),
        ];
        let gap = |loss, [noticed_ns, elected_ns, took_over_ns, sold_ns]: [u64; 4]| Gap {
            loss,
            noticed_ns,
            elected_ns,
            took_over_ns,
            sold_ns,
        };
        let expected = [
            gap(Loss::Kill, [2, 3, 3, 4]),
            gap(Loss::Pause, [0, 4, 1, 4]),
            gap(Loss::Partition, [0, 0, 0, 2]),
        ];
        assert_eq!(gaps(&events), expected);
        assert_eq!(gaps(&events).iter().map(Gap::nanos).collect::<Vec<_>>(), [12, 9, 2]);
    }
}
