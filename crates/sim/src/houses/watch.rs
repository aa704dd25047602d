//! What customers are told, to be compared with the books.

use std::collections::{BTreeMap, BTreeSet};

use houses::{Cache, Node, Scaling};
use machine::{Instant, NodeId};
use market::{HoldId, Kernel, Money, Outcome, Party, Receipt, Refusal, RequestId};
use peer::event::Operation;
use peer::{Report, What};

use super::decisions::Decisions;
use super::world::WAREHOUSE;
use crate::coverage::Rare;
use crate::engine::Observer;
use crate::invariants::Violation;
use crate::invariants::carts::Carts;

/// What a world contained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Buys that were answered with a sale.
    pub sold: u64,
    /// Buys that were refused by the warehouse.
    pub refused: u64,
    /// Buys that were answered with *not known*.
    pub not_known: u64,
    /// Buys that a trader denied by its counts.
    pub denied: u64,
    /// Buys that a trader promised by the ledger.
    pub promised: u64,
    /// Those of them that the warehouse refused.
    pub taken_back: u64,
    /// Requests whose client crashed before its answer came.
    pub in_doubt: u64,
    /// Deposits taken.
    pub deposits: u64,
    /// Terms begun.
    pub terms: u64,
    /// Loans made.
    pub loans: u64,
    /// Carts that were filled.
    pub held: u64,
    /// How often the warehouse wanted more traders than before.
    pub rises: u64,
    /// How often it wanted fewer.
    pub falls: u64,
}

impl Contents {
    /// Buys that were answered, however, and carts that were filled.
    pub fn buys(&self) -> u64 {
        self.sold + self.refused + self.not_known + self.held
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.sold += other.sold;
        self.refused += other.refused;
        self.not_known += other.not_known;
        self.denied += other.denied;
        self.promised += other.promised;
        self.taken_back += other.taken_back;
        self.in_doubt += other.in_doubt;
        self.deposits += other.deposits;
        self.terms += other.terms;
        self.loans += other.loans;
        self.held += other.held;
        self.rises += other.rises;
        self.falls += other.falls;
    }
}

/// What one customer was told of its trade.
#[derive(Debug, Default)]
struct Told {
    bought: u64,
    paid: u64,
    deposited: u64,
    /// Units that it may have bought or deposited beside, since an answer was lost with its life.
    bought_doubt: u64,
    deposited_doubt: u64,
}

/// Watches a world of trading houses.
#[derive(Debug)]
pub struct Watch {
    /// The first violation.
    pub violation: Option<Violation>,
    /// What happened.
    pub contents: Contents,
    cache: Cache,
    under_way: BTreeMap<RequestId, Operation>,
    told: BTreeMap<Party, Told>,
    /// Sales that the warehouse told of.
    sold: BTreeMap<RequestId, Receipt>,
    answered: BTreeSet<RequestId>,
    /// How many traders the warehouse wanted.
    pub(super) decisions: Decisions,
    /// What was told of rare paths.
    pub(crate) rare: Rare,
    carts: Carts,
    /// How many units are in each cart that a customer was told of.
    in_carts: BTreeMap<HoldId, u64>,
}

impl Watch {
    /// Watches a world whose traders use what they know like this, and are hired by this if they are.
    pub fn new(cache: Cache, scaling: Option<Scaling>) -> Self {
        Self {
            violation: None,
            contents: Contents::default(),
            cache,
            under_way: BTreeMap::new(),
            told: BTreeMap::new(),
            sold: BTreeMap::new(),
            answered: BTreeSet::new(),
            decisions: Decisions::new(scaling),
            rare: Rare::default(),
            carts: Carts::default(),
            in_carts: BTreeMap::new(),
        }
    }

    /// Notes the first violation.
    pub fn hold(&mut self, invariant: &'static str, at: Instant, held: Result<(), String>) {
        if let Err(evidence) = held
            && self.violation.is_none()
        {
            self.violation = Some(Violation { invariant, at, evidence });
        }
    }

    /// A node ended without warning: what it asked for is in doubt.
    pub fn crashed(&mut self, node: NodeId) {
        if node == WAREHOUSE {
            self.decisions.begin();
        }
        let party = peer::party(node);
        let lost: Vec<RequestId> =
            self.under_way.keys().filter(|id| id.client.party == party).copied().collect();
        for id in lost {
            let Some(operation) = self.under_way.remove(&id) else { continue };
            self.doubt(party, &operation);
        }
    }

    fn doubt(&mut self, party: Party, operation: &Operation) {
        self.contents.in_doubt += 1;
        let told = self.told.entry(party).or_default();
        match operation {
            Operation::Buy(order) => told.bought_doubt += u64::from(order.quantity),
            Operation::Claim { hold } => {
                told.bought_doubt += self.in_carts.get(hold).copied().unwrap_or_default();
            }
            Operation::Deposit { quantity, .. } => told.deposited_doubt += u64::from(*quantity),
            Operation::Open
            | Operation::Withdraw { .. }
            | Operation::Hold { .. }
            | Operation::Void { .. } => {}
        }
    }

    fn answered(&mut self, now: Instant, id: RequestId, operation: &Operation, outcome: &Outcome) {
        let is_first = self.answered.insert(id);
        let once = if is_first { Ok(()) } else { Err(format!("{id} was answered twice")) };
        self.hold("a request has one answer", now, once);
        self.under_way.remove(&id);
        let told = self.told.entry(id.client.party).or_default();
        match (outcome, operation) {
            (Outcome::Bought(receipt), _) => {
                self.contents.sold += 1;
                told.bought += u64::from(receipt.quantity);
                told.paid += receipt.paid.0;
                let same = match self.sold.get(&id) {
                    Some(sold) if sold != receipt => {
                        Err(format!("{id}: the buyer was told {receipt:?}, the books say {sold:?}"))
                    }
                    _ => Ok(()),
                };
                self.hold("a buyer is told what was sold", now, same);
            }
            (Outcome::Deposited { .. }, Operation::Deposit { quantity, .. }) => {
                self.contents.deposits += 1;
                told.deposited += u64::from(*quantity);
            }
            (Outcome::Refused(Refusal::Lent { .. }), _) => self.contents.not_known += 1,
            (Outcome::Held { hold, receipt, .. }, _) => {
                self.contents.held += 1;
                self.in_carts.insert(*hold, receipt.quantity.into());
            }
            (Outcome::Refused(_), Operation::Buy(_) | Operation::Hold { .. }) => {
                self.contents.refused += 1;
            }
            _ => {}
        }
    }

    /// The books in the end, when nothing is under way: they are what customers were told, but for
    /// what those that crashed never heard.
    pub fn settle(&mut self, now: Instant, market: &Kernel) {
        self.hold("the books add up", now, market.audit());
        let mut broken = None;
        for (party, told) in &self.told {
            let account = market.account(*party);
            let within = |what: &str, said: u64, doubt: u64, booked: u64| {
                let fits = (said..=said + doubt).contains(&booked);
                (!fits).then(|| {
                    format!(
                        "party {party} was told of {said} units {what}, with {doubt} in doubt; \
                         the books say {booked}"
                    )
                })
            };
            let differs = within("bought", told.bought, told.bought_doubt, account.bought);
            let differs = differs.or_else(|| {
                within("deposited", told.deposited, told.deposited_doubt, account.deposited)
            });
            let differs = differs.or_else(|| {
                let fits = told.bought_doubt > 0 || account.paid == Money(told.paid);
                (!fits).then(|| {
                    let paid = account.paid;
                    format!(
                        "party {party} was told that it paid {}; the books say {paid}",
                        told.paid
                    )
                })
            });
            broken = broken.or(differs);
        }
        self.hold("the books are what customers were told", now, broken.map_or(Ok(()), Err));
    }
}

impl Observer<Node> for Watch {
    fn report(&mut self, now: Instant, node: NodeId, report: &Report) {
        self.rare.report(&report.what);
        let held = self.carts.report(&report.what);
        self.hold("a cart is its holder's", now, held);
        match &report.what {
            What::Asked { request, operation, .. } => {
                self.under_way.insert(*request, operation.clone());
            }
            What::Answered { request, operation, outcome, .. } => {
                self.answered(now, *request, operation, outcome);
            }
            What::Abandoned { request, operation } => {
                self.under_way.remove(request);
                self.doubt(request.client.party, operation);
            }
            What::Sold { request, receipt, .. } => {
                let again = self.sold.insert(*request, receipt.clone());
                let once = match again {
                    Some(before) => {
                        Err(format!("{request} was sold twice: {before:?}, {receipt:?}"))
                    }
                    None => Ok(()),
                };
                self.hold("a request has one effect", now, once);
            }
            What::Promised { request, .. } => {
                self.contents.promised += 1;
                let held = match (self.cache, self.under_way.get(request)) {
                    (Cache::Ledger { .. }, Some(Operation::Buy(_))) => Ok(()),
                    _ => Err(format!("{node} was promised {request}")),
                };
                self.hold("promised is what a ledger has room for", now, held);
            }
            What::TakenBack { request } => {
                self.contents.taken_back += 1;
                let was = self.sold.contains_key(request);
                let held =
                    if was { Err(format!("{request} was sold and taken back")) } else { Ok(()) };
                self.hold("what is taken back was not sold", now, held);
            }
            What::DeniedByCache { request, .. } => {
                self.contents.denied += 1;
                let may = !matches!(self.cache, Cache::None | Cache::Lease);
                let held =
                    if may { Ok(()) } else { Err(format!("{node} denied {request} by itself")) };
                self.hold("only the warehouse says no", now, held);
            }
            What::TradersWanted { wanted, .. } => {
                let held = self.decisions.decided(report.at, *wanted);
                (self.contents.rises, self.contents.falls) =
                    (self.decisions.rises, self.decisions.falls);
                self.hold("the number of traders wanted does not flap", now, held);
            }
            What::Left => {
                self.decisions.left.insert(node);
            }
            What::TermBegan { .. } => self.contents.terms += 1,
            What::Lent { .. } => self.contents.loans += 1,
            _ => {}
        }
    }
}
