//! A trader's side of a [term](crate::terms): what was lent to it, as a market of its own.
//!
//! **Promise.** What it sells was lent to it in this term and is sold once; it says yes or nothing.
//! *Why:* a stall is a [`Kernel`] that holds only the units of grants, each taken once by its number,
//! and a request is answered here only if the stall can fill it whole. A no is the warehouse's to
//! say: what one stall has not, another may have.

use std::collections::BTreeSet;

use crate::choice::choose;
use crate::lots::Lot;
use crate::{
    Act, Command, Deed, Entry, Good, Grant, Kernel, LotId, Offer, Order, Outcome, Party, Receipt,
    Refusal, Request, RequestId, Rules,
};

/// What came of a request at a stall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It was sold now; whoever keeps the stall's deeds is to hold this one before the buyer hears.
    Sold(Receipt, Deed),
    /// It was sold before.
    SoldBefore(Receipt),
    /// It is refused, and would be anywhere: the request itself is wrong.
    Refused(Refusal),
    /// The warehouse is to be asked.
    Ask,
}

/// The units on loan to one trader in one term.
#[derive(Debug, Clone)]
pub struct Stall {
    kernel: Kernel,
    trader: Party,
    /// All grants up to this number have been taken.
    received: u64,
    /// Requests that this stall will never sell to.
    shut: BTreeSet<RequestId>,
}

impl Stall {
    /// An empty stall, under the warehouse's rules.
    ///
    /// # Errors
    /// The rules' own.
    pub fn new(rules: Rules, trader: Party) -> Result<Self, crate::BadRules> {
        Ok(Self { kernel: Kernel::new(rules)?, trader, received: 0, shut: BTreeSet::new() })
    }

    /// Takes a grant; false if it was taken before, or one before it is missing.
    pub fn receive(&mut self, grant: &Grant) -> bool {
        if grant.number != self.received + 1 {
            return false;
        }
        self.received = grant.number;
        for part in &grant.parts {
            let (quantity, unit_price) = (part.quantity, part.unit_price);
            // The warehouse's own books hold the same sums, and they fit.
            let offer = Offer { good: grant.good.clone(), quantity, unit_price, stamp: None };
            let booked = self.kernel.ledger.deposit(part.seller, quantity, unit_price);
            if booked.is_err() {
                continue;
            }
            let good = offer.good;
            let shelf = self.kernel.inventory.shelves.entry(good.clone()).or_default();
            shelf.units.deposit(quantity);
            let (seller, stamp) = (part.seller, None);
            let lot = Lot { good, seller, quantity, unit_price, stamp, sales: 0 };
            self.kernel.inventory.put(part.lot, lot);
        }
        true
    }

    /// All grants up to this number have been taken.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// How many units of a good can be sold.
    pub fn units(&self, good: &Good) -> u64 {
        self.kernel.stock(good).units
    }

    /// The goods of which something can be sold.
    pub fn goods(&self) -> Vec<Good> {
        let goods = self.kernel.goods().filter(|(_, units)| units.left > 0);
        goods.map(|(good, _)| good.clone()).collect()
    }

    /// Will never sell to this request; the deed that says so, unless it was sold: then the deed of
    /// its sale says enough.
    pub fn shut(&mut self, id: RequestId) -> Option<Deed> {
        let is_sold = self.kernel.answer_to(id).is_some();
        (!is_sold).then(|| {
            self.shut.insert(id);
            Deed::Shut(id)
        })
    }

    /// Sells, if all that is asked for is here.
    pub fn sell(&mut self, request: &Request, at_ms: u64, draw: u64) -> Tried {
        let Command::Buy(order) = &request.command else { return Tried::Ask };
        let client = request.id.client;
        let below = RequestId { client, number: request.answered_below };
        let first = RequestId { client, number: 0 };
        for done in self.shut.range(first..below).copied().collect::<Vec<_>>() {
            self.shut.remove(&done);
        }
        if self.shut.contains(&request.id) {
            return Tried::Ask;
        }
        if let Some(outcome) = self.kernel.answer_to(request.id) {
            let Outcome::Bought(receipt) = outcome.clone() else { return Tried::Ask };
            // The same id with other content is a conflict, which the kernel knows.
            return match self.apply(request, at_ms, draw) {
                Outcome::Refused(refusal) => Tried::Refused(refusal),
                _ => Tried::SoldBefore(receipt),
            };
        }
        if !self.can_fill(client.party, order, draw) || !self.open(request, at_ms) {
            return Tried::Ask;
        }
        match self.apply(request, at_ms, draw) {
            Outcome::Bought(receipt) => {
                let fills = receipt.fills.iter().map(|fill| (fill.lot, fill.quantity)).collect();
                Tried::Sold(receipt, Deed::Sold { request: request.clone(), fills })
            }
            Outcome::Refused(refusal @ (Refusal::AnswerForgotten | Refusal::Conflict)) => {
                Tried::Refused(refusal)
            }
            _ => Tried::Ask,
        }
    }

    fn can_fill(&self, buyer: Party, order: &Order, draw: u64) -> bool {
        let Kernel { inventory, rules, .. } = &self.kernel;
        let whole = Order { partial: false, ..order.clone() };
        order.quantity > 0 && choose(inventory, rules, buyer, &whole, draw).is_ok()
    }

    /// The client's session here, which remembers what was sold to it for as long as it may ask.
    fn open(&mut self, request: &Request, at_ms: u64) -> bool {
        if self.kernel.sessions.open.contains_key(&request.id.client) {
            return true;
        }
        let open = Request { command: Command::Open, ..request.clone() };
        self.apply(&open, at_ms, 0) == Outcome::Opened
    }

    fn apply(&mut self, request: &Request, at_ms: u64, draw: u64) -> Outcome {
        let act = Act::Request(request.clone());
        self.kernel.apply(&Entry { at_ms, trader: self.trader, draw, act }).outcome
    }

    /// Gives back all that is left of a good: the deeds that say so.
    pub fn give_back(&mut self, good: &Good) -> Vec<Deed> {
        let lots = self.kernel.inventory.lots.iter().filter(|(_, lot)| lot.good == *good);
        let lots: Vec<LotId> = lots.map(|(id, _)| *id).collect();
        let mut deeds = Vec::with_capacity(lots.len());
        for id in lots {
            let Some(lot) = self.kernel.inventory.withdraw(id) else { continue };
            self.kernel.ledger.withdraw(lot.seller, lot.quantity, lot.unit_price);
            deeds.push(Deed::Returned { lot: id, quantity: lot.quantity });
        }
        deeds
    }

    /// Whether its own books add up.
    ///
    /// # Errors
    /// A sentence with the figures that do not.
    pub fn check(&self) -> Result<(), String> {
        self.kernel.check_quick()
    }
}
