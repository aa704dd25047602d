//! A market in parts: a *book* is a kernel that holds what concerns one party only, and the sum of
//! the books of all parties is the market.
//!
//! ```text
//!   entry, outcome      whose books            what stands there
//!   a sale              each seller's          its fills: units, what buyer, seller and trader have of them
//!                       the buyer's            the answer, in its session, and that it bought once more
//!   deposit, withdrawal the seller's           the lot, and the answer
//!   all else            the client's           its session, and the answer
//! ```
//!
//! A book adds up by itself: each fill is kept whole, with the seller. So a sum of some of the books
//! adds up too: it is the market without the goods of those that are missing.

use std::collections::BTreeMap;

use crate::carts::Carts;
use crate::limits::{
    GOODS_MAX, LOTS_MAX, PARTIES_MAX, QUANTITY_MAX, SESSIONS_MAX, STAMP_NODES_MAX, UNIT_PRICE_MAX,
};
use crate::session::Place;
use crate::terms::Terms;
use crate::{
    Act, Command, Entry, Fill, Good, Kernel, Limit, LotId, Offer, Outcome, Party, Receipt, Refusal,
    Request,
};

/// Why a part was not recorded: no market in good order gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPart {
    /// Nobody asked for it.
    #[error("the entry is no request; nothing was recorded")]
    NoRequest,
    /// The lot is not there, has less, costs something else, or is there already.
    #[error("lot {0} is not as the outcome says; nothing was recorded")]
    Lot(LotId),
    /// A limit of the market.
    #[error("{0}; nothing was recorded")]
    Limit(#[from] Limit),
}

/// Why a book was not added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotJoined {
    /// It is of a market with other rules.
    #[error("the book is of a market with other rules; nothing was added")]
    Rules,
    /// It holds a lot or a session of another party, or one that is in the sum already; or it has
    /// lent units to traders, or holds some in carts, which no book does.
    #[error("the book holds what is not its party's, or what is there already; nothing was added")]
    Foreign,
    /// A limit of the market.
    #[error("{0}; nothing was added")]
    Limit(#[from] Limit),
}

impl Entry {
    /// Whose books hold this entry, given what came of it; nobody's, if it changes nothing that has
    /// to be kept.
    pub fn concerns(&self, outcome: &Outcome) -> Vec<Party> {
        let Act::Request(request) = &self.act else { return Vec::new() };
        if !outcome.is_remembered() && !matches!(outcome, Outcome::Opened { .. }) {
            return Vec::new();
        }
        let mut parties = vec![request.id.client.party];
        if let Outcome::Bought(receipt) = outcome {
            parties.extend(receipt.fills.iter().map(|fill| fill.seller));
        }
        parties.sort_unstable();
        parties.dedup();
        parties
    }
}

impl Kernel {
    /// Records what an entry and its outcome mean to one party, in its book or in a sum that has it.
    ///
    /// What concerns different parties, and different lots and requests of one party, may be
    /// recorded in any order.
    ///
    /// # Errors
    /// [`BadPart`] if it does not fit to what stands here; nothing was changed.
    pub fn record(
        &mut self,
        party: Party,
        entry: &Entry,
        outcome: &Outcome,
    ) -> Result<(), BadPart> {
        let Act::Request(request) = &entry.act else { return Err(BadPart::NoRequest) };
        let is_client = request.id.client.party == party;
        if is_client && request.command == Command::Open {
            self.check_session(request)?;
        }
        match (outcome, &request.command) {
            (Outcome::Bought(receipt), _) => self.record_fills(party, entry, request, receipt)?,
            (Outcome::Deposited { lot }, Command::Deposit(offer)) if is_client => {
                self.record_deposit(party, *lot, offer)?;
            }
            (Outcome::Withdrawn { good, quantity }, Command::Withdraw { lot }) if is_client => {
                self.record_withdrawal(party, *lot, good, *quantity)?;
            }
            _ => {}
        }
        if is_client {
            if matches!(outcome, Outcome::Bought(_)) {
                // Once, however many sellers there are.
                self.ledger.fill_order(party);
            }
            self.now_ms = self.now_ms.max(entry.at_ms);
            self.record_answer(request, outcome);
        }
        Ok(())
    }

    /// Records for a client what may have come of its request: it is told that this is not known, and
    /// a purchase counts as made, as its goods count as sold.
    ///
    /// # Errors
    /// As of [`Kernel::record`].
    pub fn record_in_doubt(
        &mut self,
        client: Party,
        entry: &Entry,
        outcome: &Outcome,
    ) -> Result<(), BadPart> {
        self.record(client, entry, &NOT_KNOWN)?;
        if matches!(outcome, Outcome::Bought(_)) {
            self.ledger.fill_order(client);
        }
        Ok(())
    }

    /// What a party sold in an order.
    fn record_fills(
        &mut self,
        seller: Party,
        entry: &Entry,
        request: &Request,
        receipt: &Receipt,
    ) -> Result<(), BadPart> {
        let mut taken: BTreeMap<LotId, u64> = BTreeMap::new();
        let own = || receipt.fills.iter().filter(|fill| fill.seller == seller);
        for fill in own() {
            let quantity = taken.entry(fill.lot).or_default();
            *quantity += u64::from(fill.quantity);
            let fits = self.inventory.lots.get(&fill.lot).is_some_and(|lot| {
                let parts = fill.earned.checked_add(fill.commission);
                lot.seller == seller
                    && lot.good == receipt.good
                    && lot.unit_price == fill.unit_price
                    && fill.quantity > 0
                    && u64::from(lot.quantity) >= *quantity
                    && lot.unit_price.checked_times(fill.quantity) == Some(fill.paid)
                    && parts == Some(fill.paid)
            });
            if !fits {
                return Err(BadPart::Lot(fill.lot));
            }
        }
        for fill in own() {
            let Fill { quantity, paid, commission, .. } = *fill;
            self.inventory.ship(&receipt.good, fill.lot, quantity);
            self.ledger.sell(fill);
            self.ledger.buy(request.id.client.party, quantity, paid);
            self.ledger.keep(entry.trader, commission);
        }
        Ok(())
    }

    fn record_deposit(&mut self, seller: Party, lot: LotId, offer: &Offer) -> Result<(), BadPart> {
        let nodes = offer.stamp.as_ref().map_or(0, |stamp| stamp.nodes());
        let is_whole = (1..=QUANTITY_MAX).contains(&offer.quantity)
            && offer.unit_price <= UNIT_PRICE_MAX
            && nodes <= STAMP_NODES_MAX
            && lot <= Self::LAST_LOT
            && !self.inventory.lots.contains_key(&lot);
        if !is_whole {
            return Err(BadPart::Lot(lot));
        }
        self.inventory.check_room(&offer.good, self.rules.choice)?;
        self.ledger.deposit(seller, offer.quantity, offer.unit_price)?;
        self.inventory.add_named(lot, seller, offer);
        Ok(())
    }

    /// Less may go back than lies there: the rest is in a sale whose fate is not yet known.
    fn record_withdrawal(
        &mut self,
        seller: Party,
        id: LotId,
        good: &Good,
        quantity: u32,
    ) -> Result<(), BadPart> {
        let lot = self.inventory.lots.get(&id).ok_or(BadPart::Lot(id))?;
        if lot.seller != seller || lot.good != *good || !(1..=lot.quantity).contains(&quantity) {
            return Err(BadPart::Lot(id));
        }
        let unit_price = lot.unit_price;
        self.inventory.take_back(id, quantity);
        self.ledger.withdraw(seller, quantity, unit_price);
        Ok(())
    }

    fn check_session(&self, request: &Request) -> Result<(), Limit> {
        let is_new = !self.sessions.lives.contains_key(&request.id.client.party);
        match is_new && self.sessions.open.len() >= SESSIONS_MAX {
            true => Err(Limit::Sessions),
            false => Ok(()),
        }
    }

    /// Sessions do not expire here: a party has one, that of its last life.
    fn record_answer(&mut self, request: &Request, outcome: &Outcome) {
        let (client, now_ms) = (request.id.client, self.now_ms);
        if matches!(outcome, Outcome::Opened { .. }) {
            let known = self.sessions.lives.get(&client.party);
            if known.is_none_or(|&highest| highest <= client.life) {
                self.sessions
                    .open
                    .retain(|other, _| other.party != client.party || other.life == client.life);
                // There is room: the party's own sessions have just gone, or it is known.
                let _ = self.sessions.open(request, now_ms);
            }
            return;
        }
        let Some(session) = self.sessions.open.get_mut(&client) else { return };
        session.hear(request, now_ms);
        if let Ok(Place::New(place)) = session.find(request)
            && outcome.is_remembered()
        {
            session.keep(place, request, outcome.clone());
        }
    }

    /// Adds the book of a party to this sum, which has no book of that party yet.
    ///
    /// # Errors
    /// [`NotJoined`]; nothing was changed.
    pub fn join(&mut self, party: Party, book: Self) -> Result<(), NotJoined> {
        self.check_join(party, &book)?;
        let Self { now_ms, inventory, ledger, sessions, .. } = book;
        self.now_ms = self.now_ms.max(now_ms);
        self.inventory.join(inventory);
        self.ledger.join(&ledger);
        self.sessions.open.extend(sessions.open);
        self.sessions.lives.extend(sessions.lives);
        Ok(())
    }

    fn check_join(&self, party: Party, book: &Self) -> Result<(), NotJoined> {
        if self.rules != book.rules {
            return Err(NotJoined::Rules);
        }
        let (lots, sessions) = (&book.inventory.lots, &book.sessions);
        let is_own = lots
            .iter()
            .all(|(id, lot)| lot.seller == party && !self.inventory.lots.contains_key(id))
            && sessions.lives.keys().all(|of| *of == party)
            && !self.sessions.lives.contains_key(&party)
            && book.terms == Terms::default()
            && book.carts == Carts::default();
        if !is_own {
            return Err(NotJoined::Foreign);
        }
        let shelves = &self.inventory.shelves;
        let new_goods =
            book.inventory.shelves.keys().filter(|good| !shelves.contains_key(*good)).count();
        let room = |here: usize, more: usize, most: usize, limit| match here + more <= most {
            true => Ok(()),
            false => Err(NotJoined::Limit(limit)),
        };
        room(self.inventory.lots.len(), lots.len(), LOTS_MAX, Limit::Lots)?;
        room(shelves.len(), new_goods, GOODS_MAX, Limit::Goods)?;
        room(self.sessions.open.len(), sessions.open.len(), SESSIONS_MAX, Limit::Sessions)?;
        room(self.sessions.lives.len(), sessions.lives.len(), PARTIES_MAX, Limit::Parties)?;
        Ok(self.ledger.check_join(&book.ledger)?)
    }

    /// Names lots from here on so that no trader of a lower epoch, whose lots may not be known,
    /// named one alike: `counter` is the epoch's.
    pub fn name_lots_by(&mut self, counter: u64) {
        let first = LotId(counter.saturating_mul(LOTS_AN_EPOCH)).min(Self::LAST_LOT);
        self.inventory.last_lot = self.inventory.last_lot.max(first);
    }

    /// Passes over the lots of these sellers from now on, and of no others. It is no part of the
    /// market: it is neither compared by an audit nor written down.
    pub fn pass_over(&mut self, sellers: impl IntoIterator<Item = Party>) {
        self.inventory.away = sellers.into_iter().collect();
    }

    /// The highest name that a lot may have: so many more can be named that names never run out.
    pub(crate) const LAST_LOT: LotId = LotId(1 << 63);
}

/// How many names of lots there are for one epoch.
const LOTS_AN_EPOCH: u64 = 1 << 32;

/// The outcome that a client is told of a request whose fate is not known.
pub const NOT_KNOWN: Outcome = Outcome::Refused(Refusal::NotKnown);
