//! What must hold in every world, after every step. One file an invariant.

pub mod carts;
mod conservation;
mod exactly_once;
mod history;
mod in_books;
mod journaled;
mod one_leader;
mod order;
mod promises;
mod replicated;

use std::collections::{BTreeMap, BTreeSet};

pub use history::Settled;
use machine::{Epoch, Instant, NodeId};
use market::{Kernel, Party};
use peer::books::Book;
use peer::event::What;
use peer::{Node, Peer, Record, Report, Snapshot};

use crate::coverage::Rare;
use crate::engine::Observer;
use crate::swarm::Handover;

const LOST: &str = "no request is lost in silence, and none is counted twice";

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: &'static str,
    /// When.
    pub at: Instant,
    /// What was seen.
    pub evidence: String,
}

/// What a world contained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Buys that were answered with a sale.
    pub sold: u64,
    /// Carts that were filled.
    pub held: u64,
    /// Buys that were refused.
    pub refused: u64,
    /// Requests whose fate their client will never know.
    pub in_doubt: u64,
    /// Answers given again.
    pub repeated: u64,
    /// Deposits taken.
    pub deposits: u64,
    /// Leaders elected.
    pub elections: u64,
    /// Peers that left in good order.
    pub left: u64,
}

impl Contents {
    /// What a trader did for buyers: sales, and carts that were filled.
    pub fn trades(&self) -> u64 {
        self.sold + self.held
    }
}

/// Watches a world of peers.
#[derive(Debug)]
pub struct Watch {
    /// The first violation.
    pub violation: Option<Violation>,
    /// What happened.
    pub contents: Contents,
    /// When each buyer last had an answer, so that the end of a world can tell who was served.
    pub last_answer: BTreeMap<NodeId, Instant>,
    /// Who has just left in good order, and is to be stopped.
    pub left: BTreeSet<NodeId>,
    /// When anybody was last told of a sale.
    pub last_sale: Option<Instant>,
    one_leader: one_leader::OneLeader,
    exactly_once: exactly_once::ExactlyOnce,
    journaled: journaled::Journaled,
    conservation: conservation::Conservation,
    promises: promises::Promises,
    order: Option<order::Order>,
    replicated: Option<replicated::Replicated>,
    in_books: Option<in_books::InBooks>,
    history: history::History,
    /// What was told of rare paths.
    pub(crate) rare: Rare,
    carts: carts::Carts,
}

impl Watch {
    /// Watches a world whose first trader founds this market, and whose sellers bring one stock
    /// each if `one_stock`.
    pub fn new(founding: Kernel, one_stock: bool, handover: Handover) -> Self {
        let (is_replicated, is_in_books) =
            (handover == Handover::Replicated, handover == Handover::Sellers);
        Self {
            violation: None,
            contents: Contents::default(),
            last_answer: BTreeMap::new(),
            left: BTreeSet::new(),
            last_sale: None,
            one_leader: one_leader::OneLeader::default(),
            exactly_once: exactly_once::ExactlyOnce::default(),
            journaled: journaled::Journaled::new(founding),
            conservation: conservation::Conservation::default(),
            promises: promises::Promises::default(),
            order: None,
            replicated: is_replicated.then(replicated::Replicated::default),
            in_books: is_in_books.then(in_books::InBooks::default),
            history: history::History::new(one_stock),
            rare: Rare::default(),
            carts: carts::Carts::default(),
        }
    }

    /// From now on, purchases must be served in the order of their stamps.
    pub fn expect_order(&mut self) {
        self.order = Some(order::Order::default());
    }

    fn served(&mut self, now: Instant, request: market::RequestId) {
        let held = self.order.as_mut().map_or(Ok(()), |order| order.served(request));
        self.hold("purchases are served in their order", now, held);
    }

    fn told(&mut self, request: market::RequestId, outcome: &market::Outcome) {
        match &mut self.in_books {
            Some(in_books) => in_books.told(request, outcome),
            None => self.journaled.told(request, outcome),
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

    /// After a step: what was confirmed in it must stand in the market's journal.
    pub fn after_step(&mut self, now: Instant, chain: &[Record]) {
        if let Some(in_books) = &mut self.in_books {
            let held = in_books.check();
            return self.hold(in_books::HELD, now, held);
        }
        let chain = self.replicated.as_ref().map_or(chain, replicated::Replicated::chain);
        let held = self.journaled.check(chain);
        self.hold("every confirmed answer survives", now, held);
    }

    /// What a voter has promised now, and whether all that it wrote down is durable.
    pub fn promised(&mut self, now: Instant, node: NodeId, promised: Epoch, is_durable: bool) {
        let held = self.promises.check(node, promised, is_durable);
        self.hold("no voter forgets its promise", now, held);
    }

    /// A node came back: what an earlier life of it asked for must be settled in its own journal or
    /// be under way again.
    pub fn came_back(&mut self, now: Instant, party: Party, settled: &Settled, peer: &Peer) {
        for request in self.history.untold(party, settled) {
            // It may have bought, and no report says so.
            self.conservation.abandoned(request);
        }
        let held = self.history.came_back(party, &peer.pending().collect());
        self.hold(LOST, now, held);
    }

    /// A node came back with this book: what lies beyond was never durable.
    pub fn book_came_back(&mut self, node: NodeId, book: &Book) {
        if let Some(in_books) = &mut self.in_books {
            in_books.came_back(node, book.promised, book.position);
        }
    }

    /// At the end, when nothing is under way: what anybody was told stands in all books that it
    /// concerns, and the sum of the books agrees with it. None if there are no books.
    pub fn books_at_the_end(&mut self, now: Instant, books: Vec<(NodeId, Book)>, founding: Kernel) {
        let Some(in_books) = &self.in_books else { return };
        let sum = in_books.at_the_end().and_then(|()| in_books.sum(books, founding));
        let held =
            sum.and_then(|sum| sum.audit().and_then(|()| self.conservation.at_the_end(&sum)));
        self.hold(in_books::HELD, now, held);
    }

    /// A node left in good order: nothing of it is under way, or on sale if it takes that back.
    pub fn has_left(&mut self, now: Instant, party: Party, takes_back: bool) {
        self.contents.left += 1;
        let held = self.history.left(party);
        self.hold(LOST, now, held);
        if self.in_books.is_some() {
            // What is reserved may come back to it after it has gone.
            return;
        }
        let lot = self.journaled.market().lots_of(party).next().filter(|_| takes_back);
        let left_over =
            lot.map(|(lot, _)| format!("{party} has left, and its lot {lot} is on sale"));
        self.hold("who leaves takes back what is unsold", now, left_over.map_or(Ok(()), Err));
    }

    /// What the market's journal holds, where there is one that all of it stands in.
    fn purchases_of(&self, party: Party) -> Option<u64> {
        let market = self.journaled.market();
        self.in_books.is_none().then(|| market.account(party).purchases)
    }

    /// At the end, when nothing is under way: whoever lives has an answer to each of its requests,
    /// or knows that it is in doubt, and has counted each purchase once.
    pub fn is_settled(&mut self, now: Instant, party: Party, peer: &Peer) {
        let held = self.history.at_the_end(party, peer.purchases(), self.purchases_of(party));
        self.hold(LOST, now, held);
    }

    /// At the end, when nothing is under way: the market as its trader has it must be the one that
    /// the whole journal gives, and must agree with what the clients were told.
    pub fn at_the_end(&mut self, now: Instant, market: &Kernel) {
        let held = self.journaled.is(market);
        self.hold("the journal is the market", now, held);
        self.hold("goods and money are conserved", now, market.audit());
        let held = self.conservation.at_the_end(market);
        self.hold("goods and money are conserved", now, held);
    }
}

impl Observer<Node> for Watch {
    fn appended(&mut self, node: NodeId, record: &Record) {
        if let Some(replicated) = &mut self.replicated {
            replicated.appended(node, record);
        }
        if let Some(in_books) = &mut self.in_books {
            in_books.appended(node, record);
        }
    }

    fn replaced(&mut self, node: NodeId, snapshot: &Snapshot) {
        if let Some(replicated) = &mut self.replicated {
            replicated.replaced(node, snapshot);
        }
    }

    fn report(&mut self, now: Instant, node: NodeId, report: &Report) {
        self.rare.report(&report.what);
        let held = self.carts.report(&report.what);
        self.hold("a cart is its holder's", now, held);
        match &report.what {
            What::Elected { epoch, .. } => {
                self.contents.elections += 1;
                let held = self.one_leader.elected(*epoch);
                self.hold("one leader an epoch", now, held);
            }
            What::Sold { request, receipt, .. } => {
                self.told(*request, &market::Outcome::Bought(receipt.clone()));
                let held = self.exactly_once.sold(*request, receipt);
                self.hold("exactly once", now, held);
                self.served(now, *request);
            }
            What::Left => {
                self.left.insert(node);
            }
            What::Returned { purchases } => {
                let party = peer::party(node);
                let held = self.history.returned(party, *purchases, self.purchases_of(party));
                self.hold(LOST, now, held);
            }
            What::Repeated { .. } => self.contents.repeated += 1,
            What::Deposited { .. } => self.contents.deposits += 1,
            What::Asked { request, operation, stamp } => {
                self.conservation.asked(*request, operation);
                let held = self.history.asked(*request, operation);
                self.hold("no seller brings a second opening stock", now, held);
                if let (Some(order), Some(stamp)) = (&mut self.order, stamp) {
                    order.asked(*request, node, stamp.clone());
                }
            }
            What::Refused { request, .. } | What::Held { request, .. } => {
                self.served(now, *request);
            }
            What::Abandoned { request, .. } => {
                self.contents.in_doubt += 1;
                self.conservation.abandoned(*request);
                self.history.abandoned(*request);
            }
            What::Answered { request, outcome, .. } => {
                match outcome {
                    market::Outcome::Bought(receipt) => {
                        self.contents.sold += 1;
                        self.last_answer.insert(node, now);
                        self.last_sale = Some(now);
                        let held = self.exactly_once.answered(*request, receipt);
                        self.hold("exactly once", now, held);
                    }
                    market::Outcome::Held { .. } => self.contents.held += 1,
                    market::Outcome::Refused(_) => {
                        self.contents.refused += 1;
                        self.last_answer.insert(node, now);
                    }
                    _ => {}
                }
                self.told(*request, outcome);
                let held = self.history.answered(*request, outcome);
                self.hold(LOST, now, held);
                let held = self.conservation.answered(*request, outcome);
                self.hold("nothing is over-sold", now, held);
            }
            _ => {}
        }
    }
}
