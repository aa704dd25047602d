//! What the record tells of each request: who asked for what, what the traders did, and what the
//! client was told. All positions are positions in the events.

use std::collections::BTreeMap;

use market::{Good, LotId, Order, Outcome, Receipt, Refusal, RequestId};
use view::history::{Phase, phase};
use view::{Event, Operation, What};

/// What the record tells of one request.
#[derive(Default)]
pub struct Story<'a> {
    pub asked: Vec<(usize, &'a Operation)>,
    pub answered: Vec<(usize, &'a Outcome)>,
    pub sold: Vec<(usize, &'a Receipt)>,
    pub refused: Vec<(usize, &'a Refusal)>,
    pub deposited: Vec<(usize, LotId)>,
    pub withdrawn: Vec<(usize, (&'a Good, u32))>,
    pub repeated: Vec<usize>,
}

impl<'a> Story<'a> {
    /// The order, if it is a buy and the buyer told of it.
    pub fn order(&self) -> Option<&'a Order> {
        match self.asked.first() {
            Some((_, Operation::Buy(order))) => Some(order),
            _ => None,
        }
    }

    /// The sale, if the trader or the buyer told of one.
    pub fn receipt(&self) -> Option<&'a Receipt> {
        let told = self.answered.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Bought(receipt) => Some(receipt),
            _ => None,
        });
        self.sold.first().map(|(_, receipt)| *receipt).or(told)
    }

    /// The lot that was made, if the trader or the seller told of one.
    pub fn lot(&self) -> Option<LotId> {
        let told = self.answered.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Deposited { lot } => Some(*lot),
            _ => None,
        });
        self.deposited.first().map(|(_, lot)| *lot).or(told)
    }

    /// What was given back, if the trader or the seller told of it.
    pub fn given_back(&self) -> Option<(&'a Good, u32)> {
        let told = self.answered.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Withdrawn { good, quantity } => Some((good, *quantity)),
            _ => None,
        });
        self.withdrawn.first().map(|(_, given)| *given).or(told)
    }

    /// Whether nobody can tell from the record if it was carried out.
    pub fn in_doubt(&self) -> bool {
        let executed = self.sold.len() + self.deposited.len() + self.withdrawn.len() > 0;
        let settled = self.answered.iter().any(|(_, outcome)| phase(outcome) != Phase::Info);
        !executed && !settled && !self.refused.iter().any(|(_, refusal)| refusal.is_remembered())
    }
}

/// A lot as it was deposited.
pub struct Lot<'a> {
    pub good: &'a Good,
    pub quantity: u32,
}

/// The stories of all requests, and all lots.
pub struct Stories<'a> {
    pub events: &'a [Event],
    pub requests: BTreeMap<RequestId, Story<'a>>,
    pub lots: BTreeMap<LotId, Lot<'a>>,
}

impl<'a> Stories<'a> {
    pub fn of(events: &'a [Event]) -> Self {
        let mut stories = Self { events, requests: BTreeMap::new(), lots: BTreeMap::new() };
        for (at, event) in events.iter().enumerate() {
            stories.add(at, &event.what);
        }
        stories
    }

    fn add(&mut self, at: usize, what: &'a What) {
        match what {
            What::Asked { request, operation, .. } => {
                self.of_request(*request).asked.push((at, operation))
            }
            What::Answered { request, operation, outcome, .. } => {
                self.of_request(*request).answered.push((at, outcome));
                if let (Operation::Deposit { good, quantity, .. }, Outcome::Deposited { lot }) =
                    (operation, outcome)
                {
                    self.lots.entry(*lot).or_insert(Lot { good, quantity: *quantity });
                }
            }
            What::Sold { request, receipt, .. } => {
                self.of_request(*request).sold.push((at, receipt))
            }
            What::Refused { request, refusal, .. } => {
                self.of_request(*request).refused.push((at, refusal));
            }
            What::Repeated { request, .. } => self.of_request(*request).repeated.push(at),
            What::Deposited { request, good, quantity, lot, .. } => {
                self.of_request(*request).deposited.push((at, *lot));
                self.lots.insert(*lot, Lot { good, quantity: *quantity });
            }
            What::Withdrawn { request, good, quantity, .. } => {
                self.of_request(*request).withdrawn.push((at, (good, *quantity)));
            }
            _ => {}
        }
    }

    fn of_request(&mut self, request: RequestId) -> &mut Story<'a> {
        self.requests.entry(request).or_default()
    }
}

/// Where an event stands in the run's directory.
pub fn line(at: usize) -> String {
    format!("line {} of events.jsonl", at + 1)
}
