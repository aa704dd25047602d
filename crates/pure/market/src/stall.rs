//! A trader's side of a [term](crate::terms): what was lent to it, as a market of its own.
//!
//! **Promise.** What it sells was lent to it in this term and is sold once; it says yes or nothing.
//! *Why:* a stall is a [`Kernel`] that holds only the units of grants, each taken once by its number,
//! and a request is answered here only if the stall can fill it whole. A no is the warehouse's to
//! say: what one stall has not, another may have.

use std::collections::{BTreeMap, BTreeSet};

use crate::choice::choose;
use crate::limits::SESSIONS_MAX;
use crate::lots::Lot;
use crate::{
    Act, ClientId, Command, Deed, Entry, Good, Grant, Kernel, LotId, Offer, Order, Outcome, Party,
    Receipt, Refusal, Request, RequestId, Rules,
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
    clients: BTreeMap<ClientId, Client>,
    /// Nothing more is sold.
    is_closed: bool,
}

/// What a stall knows of a client.
#[derive(Debug, Clone, Default)]
struct Client {
    /// It has its answers to all lower numbers, wherever they came from: a late copy of such a
    /// request is not sold to.
    answered_below: u64,
    /// Requests that this stall will never sell to.
    shut: BTreeSet<u64>,
}

/// Whether a request may be sold to.
enum Heard {
    /// It may.
    Open,
    /// The warehouse decides it.
    Shut,
    /// Its client has the answer.
    Late,
}

impl Stall {
    /// An empty stall, under the warehouse's rules.
    ///
    /// # Errors
    /// The rules' own.
    pub fn new(rules: Rules, trader: Party) -> Result<Self, crate::BadRules> {
        Ok(Self {
            kernel: Kernel::new(rules)?,
            trader,
            received: 0,
            clients: BTreeMap::new(),
            is_closed: false,
        })
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

    /// Sells to this request no more; the deed that says so. If it did, the deed of that sale stands
    /// before it.
    pub fn shut(&mut self, id: RequestId) -> Deed {
        self.clients.entry(id.client).or_default().shut.insert(id.number);
        Deed::Shut(id)
    }

    /// Sells, if all that is asked for is here.
    pub fn sell(&mut self, request: &Request, at_ms: u64, draw: u64) -> Tried {
        let Command::Buy(order) = &request.command else { return Tried::Ask };
        let is_shut = match self.hear(request) {
            // The client has its answer, and this copy is late. Whether it was sold here is not
            // remembered, so the warehouse must not take it for a request that was not.
            Heard::Late => return Tried::Refused(Refusal::AnswerForgotten),
            Heard::Shut => true,
            Heard::Open => false,
        };
        match self.sold_before(request, at_ms) {
            Tried::Ask if is_shut || self.is_closed => return Tried::Ask,
            Tried::Ask => {}
            // What it sold, it never asks the warehouse about: the warehouse may not know yet.
            tried => return tried,
        }
        if !self.can_fill(request.id.client.party, order, draw) || !self.open(request, at_ms) {
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

    /// Notes which answers the client has.
    fn hear(&mut self, request: &Request) -> Heard {
        let Request { id, answered_below, .. } = request;
        let is_known = self.clients.contains_key(&id.client);
        if !is_known && self.clients.len() >= SESSIONS_MAX {
            return Heard::Shut;
        }
        let client = self.clients.entry(id.client).or_default();
        client.answered_below = client.answered_below.max(*answered_below);
        client.shut = client.shut.split_off(&client.answered_below);
        match client.shut.contains(&id.number) {
            _ if id.number < client.answered_below => Heard::Late,
            true => Heard::Shut,
            false => Heard::Open,
        }
    }

    /// Sells nothing more; what it sold it still tells.
    pub fn close(&mut self) {
        self.is_closed = true;
    }

    /// What it said to this request before, if it sold.
    fn sold_before(&mut self, request: &Request, at_ms: u64) -> Tried {
        let Some(Outcome::Bought(receipt)) = self.kernel.answer_to(request.id).cloned() else {
            return Tried::Ask;
        };
        // The same id with other content is a conflict, which the kernel knows.
        match self.apply(request, at_ms, 0) {
            Outcome::Refused(refusal) => Tried::Refused(refusal),
            _ => Tried::SoldBefore(receipt),
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
        matches!(self.apply(&open, at_ms, 0), Outcome::Opened { .. })
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
