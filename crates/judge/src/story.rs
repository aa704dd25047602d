//! What the record tells of each request: who asked for what, what the traders did, and what the
//! client was told. All positions are positions in the events.

use std::collections::BTreeMap;

use market::{Good, HoldId, LotId, Order, Outcome, Receipt, Refusal, RequestId};
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
    pub held: Vec<(usize, (HoldId, &'a Receipt))>,
    pub let_go: Vec<(usize, (&'a Good, u64))>,
}

impl<'a> Story<'a> {
    /// The order, if it is a buy or a hold and the buyer told of it.
    pub fn order(&self) -> Option<&'a Order> {
        self.asked.first().and_then(|(_, operation)| operation.order())
    }

    /// The cart that it is to claim.
    pub fn claims(&self) -> Option<HoldId> {
        match self.asked.first() {
            Some((_, Operation::Claim { hold })) => Some(*hold),
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

    /// What was held, if the trader or the buyer told of it.
    pub fn cart(&self) -> Option<(HoldId, &'a Receipt)> {
        let told = self.answered.iter().find_map(|(_, outcome)| match outcome {
            Outcome::Held { hold, receipt, .. } => Some((*hold, receipt)),
            _ => None,
        });
        self.held.first().map(|(_, held)| *held).or(told)
    }

    /// Whether nobody can tell from the record if it was carried out.
    pub fn in_doubt(&self) -> bool {
        let executed = self.sold.len() + self.deposited.len() + self.withdrawn.len();
        let executed = executed + self.held.len() + self.let_go.len() > 0;
        let settled = self.answered.iter().any(|(_, outcome)| phase(outcome) != Phase::Info);
        !executed && !settled && !self.refused.iter().any(|(_, refusal)| refusal.is_remembered())
    }
}

/// A lot as it was deposited.
pub struct Lot<'a> {
    pub good: &'a Good,
    pub quantity: u32,
}

/// How a cart came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was claimed.
    Claimed,
    /// It was voided.
    Voided,
    /// Its time was over.
    TimedOut,
}

/// What is told of one cart.
#[derive(Default)]
pub struct Cart<'a> {
    /// The request that it came of, and what is in it.
    pub held: Option<(RequestId, &'a Receipt)>,
    /// How it came to its end, where that stands.
    pub ends: Vec<(usize, End)>,
}

/// The stories of all requests, all lots, and all carts.
pub struct Stories<'a> {
    pub events: &'a [Event],
    pub requests: BTreeMap<RequestId, Story<'a>>,
    pub lots: BTreeMap<LotId, Lot<'a>>,
    pub carts: BTreeMap<HoldId, Cart<'a>>,
}

impl<'a> Stories<'a> {
    pub fn of(events: &'a [Event]) -> Self {
        let (requests, lots, carts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut stories = Self { events, requests, lots, carts };
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
                if let Outcome::Held { hold, receipt, .. } = outcome {
                    let cart = self.carts.entry(*hold).or_default();
                    cart.held.get_or_insert((*request, receipt));
                }
            }
            What::Held { request, hold, receipt, .. } => {
                self.of_request(*request).held.push((at, (*hold, receipt)));
                let cart = self.carts.entry(*hold).or_default();
                cart.held.get_or_insert((*request, receipt));
            }
            What::HoldEnded { hold, good, quantity, request, .. } => {
                let end = if request.is_some() { End::Voided } else { End::TimedOut };
                self.carts.entry(*hold).or_default().ends.push((at, end));
                if let Some(request) = request {
                    self.of_request(*request).let_go.push((at, (good, *quantity)));
                }
            }
            What::Sold { request, receipt, .. } => {
                let story = self.of_request(*request);
                story.sold.push((at, receipt));
                if let Some(hold) = story.claims() {
                    self.carts.entry(hold).or_default().ends.push((at, End::Claimed));
                }
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
