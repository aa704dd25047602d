//! The kernel's side of [terms](crate::terms): what they do to shelves, ledger and sessions.

use std::collections::BTreeMap;

use crate::choice::{choose, fill};
use crate::limits::{GRANTS_UNRECEIVED_MAX, TERMS_MAX};
use crate::lots::{Inventory, Lot};
use crate::session::Place;
use crate::terms::{Deed, Grant, Part, Term, TermAct, TermId, TermOutcome};
use crate::trade::{book, receipt};
use crate::{
    Entry, Good, Kernel, LotId, Order, Outcome, Party, Receipt, Refusal, Request, RequestId,
};

impl Kernel {
    /// Takes a step of a term.
    pub(crate) fn step(&mut self, entry: &Entry, act: &TermAct) -> TermOutcome {
        match act {
            TermAct::Open { trader } => self.open_term(*trader),
            TermAct::Lend { term, good, units } => self.lend(*term, good, *units, entry.draw),
            TermAct::Take { term, received, from, deeds } => {
                self.take(*term, *received, *from, deeds)
            }
            // One buddy at a time: what the last one holds must be here before the next one is named.
            TermAct::Pair { term, buddy } => match self.terms.open.get_mut(term) {
                Some(open) => {
                    open.pairings += u64::from(open.buddy.is_none());
                    TermOutcome::Paired(*open.buddy.get_or_insert(*buddy))
                }
                None => TermOutcome::NoSuchTerm,
            },
            TermAct::Fence { term } => match self.terms.open.get_mut(term) {
                Some(open) => {
                    open.is_fenced = true;
                    TermOutcome::Fenced
                }
                None => TermOutcome::NoSuchTerm,
            },
            TermAct::Close { term } => match self.terms.open.remove(term) {
                Some(closed) => {
                    let units = closed.lent.back_on_the_shelves(&mut self.inventory);
                    TermOutcome::Closed { units }
                }
                None => TermOutcome::NoSuchTerm,
            },
        }
    }

    fn open_term(&mut self, trader: Party) -> TermOutcome {
        if self.terms.open.len() >= TERMS_MAX {
            return TermOutcome::TooMany;
        }
        let last = self.terms.last.entry(trader).or_default();
        *last += 1;
        let term = TermId { trader, number: *last };
        self.terms.open.insert(term, Term::default());
        TermOutcome::Opened(term)
    }

    fn lend(&mut self, id: TermId, good: &Good, units: u32, draw: u64) -> TermOutcome {
        let Self { rules, inventory, terms, .. } = self;
        let Some(term) = terms.open.get_mut(&id) else { return TermOutcome::NoSuchTerm };
        if term.is_fenced || term.grants.len() >= GRANTS_UNRECEIVED_MAX {
            return TermOutcome::NotLent;
        }
        let order = Order { good: good.clone(), quantity: units, limit: None, partial: true };
        // Chosen as for a sale: the trader is the buyer, and gets nothing of its own.
        let fills = match units {
            0 => Vec::new(),
            _ => choose(inventory, rules, id.trader, &order, draw).unwrap_or_default(),
        };
        let mut parts = Vec::with_capacity(fills.len());
        for fill in fills {
            let Some(lot) = inventory.take(fill.lot, fill.quantity) else { continue };
            let (seller, unit_price, quantity) = (lot.seller, lot.unit_price, lot.quantity);
            parts.push(Part { lot: fill.lot, seller, unit_price, quantity });
            term.lent.put(fill.lot, lot);
        }
        if parts.is_empty() {
            return TermOutcome::Lent(Grant { number: term.granted, good: good.clone(), parts });
        }
        term.granted += 1;
        let grant = Grant { number: term.granted, good: good.clone(), parts };
        term.grants.push_back(grant.clone());
        TermOutcome::Lent(grant)
    }

    fn take(&mut self, id: TermId, received: u64, from: u64, deeds: &[Deed]) -> TermOutcome {
        let Some(mut term) = self.terms.open.remove(&id) else { return TermOutcome::NoSuchTerm };
        let outcome = if from > term.taken {
            TermOutcome::Gap { below: term.taken }
        } else {
            while term.grants.pop_front_if(|grant| grant.number <= received).is_some() {}
            let known = usize::try_from(term.taken - from).unwrap_or(usize::MAX);
            let (mut sold, mut broken) = (Vec::new(), Vec::new());
            for deed in deeds.iter().skip(known) {
                term.taken += 1;
                match deed {
                    Deed::Sold { request, fills } => {
                        match self.sell_lent(&mut term, id.trader, request, fills) {
                            Some(receipt) => sold.push((request.id, receipt)),
                            None => broken.push(request.id),
                        }
                    }
                    Deed::Returned { lot, quantity } => {
                        if let Some(units) = term.lent.take(*lot, *quantity) {
                            self.inventory.put(*lot, units);
                        }
                    }
                    Deed::Shut(_) => {}
                    Deed::Unpaired => term.buddy = None,
                }
            }
            self.terms.broken += broken.len() as u64;
            TermOutcome::Taken { below: term.taken, sold, broken }
        };
        self.terms.open.insert(id, term);
        outcome
    }

    /// Books a sale that a trader made; none, and nothing changes, if there is no room for it.
    fn sell_lent(
        &mut self,
        term: &mut Term,
        trader: Party,
        request: &Request,
        fills: &[(LotId, u32)],
    ) -> Option<Receipt> {
        let crate::Command::Buy(order) = &request.command else { return None };
        let mut session = self.sessions.open.get_mut(&request.id.client);
        let mut place = None;
        if let Some(session) = &mut session {
            session.hear(request, self.now_ms);
            match session.find(request) {
                Ok(Place::New(at)) => place = Some(at),
                // The client has the answer, or the session has no room: only the answer is not
                // kept.
                Err(Refusal::AnswerForgotten | Refusal::LimitReached(_)) => {}
                Ok(Place::Answered(_)) | Err(_) => return None,
            }
        }
        let mut wanted: BTreeMap<LotId, u64> = BTreeMap::new();
        for &(lot, quantity) in fills {
            *wanted.entry(lot).or_default() += u64::from(quantity);
        }
        let is_lent = |(lot, quantity): (&LotId, &u64)| {
            let lent = term.lent.get(*lot);
            lent.is_some_and(|lent| {
                u64::from(lent.quantity) >= *quantity && lent.good == order.good
            })
        };
        if fills.iter().any(|(_, quantity)| *quantity == 0) || !wanted.iter().all(is_lent) {
            return None;
        }
        let fills = fills.iter().map(|&(id, quantity)| {
            // It was just seen.
            term.lent.get(id).map(|lot| fill(&self.rules, id, lot, quantity))
        });
        let fills: Vec<crate::Fill> = fills.collect::<Option<_>>()?;
        let receipt = receipt(&order.good, fills);
        for fill in &receipt.fills {
            if let Some(shelf) = self.inventory.shelves.get_mut(&receipt.good) {
                shelf.units.ship(fill.quantity);
            }
            _ = term.lent.take(fill.lot, fill.quantity);
        }
        book(&mut self.ledger, &receipt, (request.id.client.party, trader));
        if let (Some(place), Some(session)) = (place, session) {
            session.keep(place, request, Outcome::Bought(receipt.clone()));
        }
        Some(receipt)
    }

    /// Whether the answer to a buy or a hold is known here: not, if it would be [`Refusal::Lent`].
    pub fn knows(&self, request: &Request) -> bool {
        let Some(order) = request.command.order() else { return true };
        let buyer = request.id.client.party;
        self.answer_to(request.id).is_some()
            || self.terms.lent_for(buyer, order) == 0
            || choose(&self.inventory, &self.rules, buyer, order, 0).is_ok()
    }

    /// The terms that are open.
    pub fn terms(&self) -> impl Iterator<Item = (TermId, &Term)> {
        self.terms.open.iter().map(|(id, term)| (*id, term))
    }

    /// A term, while it is open.
    pub fn term(&self, id: TermId) -> Option<&Term> {
        self.terms.open.get(&id)
    }

    /// How many units of a good are lent, in all terms.
    pub fn lent(&self, good: &Good) -> u64 {
        self.terms.open.values().map(|term| term.lent(good)).sum()
    }

    /// How many units of a good are on the shelves: neither sold, nor lent, nor held.
    pub fn free(&self, good: &Good) -> u64 {
        self.stock(good).units - self.lent(good) - self.held(good)
    }

    /// Sales that traders reported and the books had no room for; 0, unless a trader broke its
    /// promise.
    pub fn broken_sales(&self) -> u64 {
        self.terms.broken
    }

    /// The answer that is kept for a request, if there is one.
    pub fn answer_to(&self, id: RequestId) -> Option<&Outcome> {
        let session = self.sessions.open.get(&id.client)?;
        let place = session.answers.binary_search_by_key(&id.number, |answer| answer.number);
        place.ok().map(|place| &session.answers[place].outcome)
    }
}

impl Inventory {
    /// Takes units off their shelf that are still the market's; the lot goes when it is empty.
    pub(crate) fn take(&mut self, id: LotId, quantity: u32) -> Option<Lot> {
        let lot = self.lots.get_mut(&id).filter(|lot| lot.quantity >= quantity)?;
        let units = Lot { quantity, ..lot.clone() };
        lot.quantity -= quantity;
        if lot.quantity == 0 {
            let lot = self.lots.remove(&id)?;
            if let Some(shelf) = self.shelves.get_mut(&lot.good) {
                shelf.by_age.remove(&id);
                shelf.by_price.remove(&(lot.unit_price, id));
            }
        }
        Some(units)
    }

    /// Puts units back on their shelf.
    pub(crate) fn put(&mut self, id: LotId, units: Lot) {
        if units.quantity == 0 {
            return;
        }
        if let Some(lot) = self.lots.get_mut(&id) {
            lot.quantity += units.quantity;
            return;
        }
        let shelf = self.shelves.entry(units.good.clone()).or_default();
        shelf.by_age.insert(id);
        shelf.by_price.insert((units.unit_price, id));
        self.lots.insert(id, units);
    }
}
