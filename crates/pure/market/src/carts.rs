//! Carts: units held for a party until it claims or voids them, or their time is over.
//!
//! ```text
//!   Hold ──▶ held: off the shelves, at the prices of that moment
//!              ├── Claim ──▶ sold
//!              ├── Void ───▶ back on the shelves
//!              └── time over, and the leader says so (EndHolds) ──▶ back on the shelves
//! ```
//!
//! **Promise.** What is held for one party is sold to nobody else, and at most once to it; what it
//! does not claim is for sale again after the time-out. *Why:* a unit is on a shelf, lent, held, or
//! sold; only [`Kernel::apply`](crate::Kernel::apply) moves it, and each way out of a cart takes the
//! whole cart away. A time-out is an entry like any other, with the leader's time (SAFETY S9): until
//! it stands in the journal the cart can be claimed, and then nowhere. While anything that an order
//! could be filled from is held, the answer is [`Refusal::Held`] and not that it is sold out (S13).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::aside::Aside;
use crate::choice::choose;
use crate::ledger::Ledger;
use crate::limits::{HOLD_MS_MAX, HOLDS_ENDED_MAX, HOLDS_MAX, HOLDS_OF_A_PARTY_MAX, LOTS_MAX};
use crate::lots::{Inventory, Lot};
use crate::trade::{book, check_quantity, receipt};
use crate::{Good, Invalid, Kernel, Limit, LotId, Order, Outcome, Party, Receipt, Refusal, Rules};

/// The name of a hold. Older holds have lower numbers, and no number is used again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct HoldId(pub u64);

impl std::fmt::Display for HoldId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What one party holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// For whom.
    pub party: Party,
    /// The kernel's time from which on it may be ended, in milliseconds.
    pub until_ms: u64,
    /// What the party gets and pays if it claims it.
    pub receipt: Receipt,
    pub(crate) units: Aside,
}

impl Hold {
    /// What is held.
    pub fn good(&self) -> &Good {
        &self.receipt.good
    }

    /// How many units are held.
    pub fn quantity(&self) -> u64 {
        self.receipt.quantity.into()
    }

    /// From which lots, and how much of each.
    pub fn lots(&self) -> impl Iterator<Item = (LotId, &Lot)> {
        self.units.lots()
    }
}

/// A cart whose time is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedHold {
    /// Which.
    pub hold: HoldId,
    /// What was in it.
    pub good: Good,
    /// How many units.
    pub quantity: u64,
}

/// All carts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Carts {
    pub held: BTreeMap<HoldId, Hold>,
    /// The name given last.
    pub last: HoldId,
    // What follows from the above is built again when a snapshot is read.
    #[serde(skip)]
    pub by_end: BTreeSet<(u64, HoldId)>,
    #[serde(skip)]
    pub by_good: BTreeMap<Good, BTreeSet<HoldId>>,
    #[serde(skip)]
    pub by_party: BTreeMap<Party, usize>,
    /// How many lots all carts have units of: one that two carts have counts twice.
    #[serde(skip)]
    pub lots: usize,
}

impl Carts {
    /// All units held.
    pub fn lots(&self) -> impl Iterator<Item = (LotId, &Lot)> {
        self.held.values().flat_map(Hold::lots)
    }

    fn add(&mut self, id: HoldId, hold: Hold) {
        self.by_end.insert((hold.until_ms, id));
        self.by_good.entry(hold.good().clone()).or_default().insert(id);
        *self.by_party.entry(hold.party).or_default() += 1;
        self.lots += hold.units.len();
        self.held.insert(id, hold);
    }

    fn remove(&mut self, id: HoldId) -> Option<Hold> {
        let hold = self.held.remove(&id)?;
        self.by_end.remove(&(hold.until_ms, id));
        self.lots -= hold.units.len();
        if let Some(of_good) = self.by_good.get_mut(hold.good()) {
            of_good.remove(&id);
            if of_good.is_empty() {
                self.by_good.remove(hold.good());
            }
        }
        if let Some(count) = self.by_party.get_mut(&hold.party) {
            *count -= 1;
            if *count == 0 {
                self.by_party.remove(&hold.party);
            }
        }
        Some(hold)
    }

    /// Builds what follows from the holds.
    pub fn index(&mut self) {
        let Self { held, last, .. } = std::mem::take(self);
        self.last = last;
        held.into_iter().for_each(|(id, hold)| self.add(id, hold));
    }

    /// How many units in carts an order could be filled from.
    pub fn held_for(&self, buyer: Party, order: &Order) -> u64 {
        self.of(&order.good).map(|hold| hold.units.units_for(buyer, order)).sum()
    }

    /// How many units of a good are in carts.
    pub fn held(&self, good: &Good) -> u64 {
        self.of(good).map(Hold::quantity).sum()
    }

    fn of(&self, good: &Good) -> impl Iterator<Item = &Hold> {
        let holds = self.by_good.get(good).into_iter().flatten();
        holds.filter_map(|id| self.held.get(id))
    }

    /// The cart of this name, if it is the party's.
    fn own(&self, party: Party, id: HoldId) -> Result<&Hold, Refusal> {
        match self.held.get(&id).ok_or(Refusal::NoSuchHold)? {
            hold if hold.party == party => Ok(hold),
            _ => Err(Refusal::NotYourHold),
        }
    }
}

/// Sets units aside for `party`.
pub(crate) fn hold(
    (inventory, carts): (&mut Inventory, &mut Carts),
    rules: &Rules,
    party: Party,
    (order, for_ms): (&Order, u64),
    (now_ms, draw): (u64, u64),
) -> Result<Outcome, Refusal> {
    check_quantity(order.quantity)?;
    if !(1..=HOLD_MS_MAX).contains(&for_ms) {
        return Err(Refusal::Invalid(Invalid::HoldTime));
    }
    let fills = choose(inventory, rules, party, order, draw)?;
    let is_full = carts.held.len() >= HOLDS_MAX
        || carts.by_party.get(&party).is_some_and(|count| *count >= HOLDS_OF_A_PARTY_MAX)
        || carts.lots + fills.len() > LOTS_MAX;
    if is_full {
        return Err(Refusal::LimitReached(Limit::Holds));
    }
    let units = Aside::off_the_shelves(inventory, &fills);
    carts.last.0 += 1;
    let (id, until_ms) = (carts.last, now_ms.saturating_add(for_ms));
    let receipt = receipt(&order.good, fills);
    carts.add(id, Hold { party, until_ms, receipt: receipt.clone(), units });
    Ok(Outcome::Held { hold: id, until_ms, receipt })
}

/// Sells what a party holds to it; the commission goes to `trader`.
pub(crate) fn claim(
    (inventory, carts): (&mut Inventory, &mut Carts),
    ledger: &mut Ledger,
    (buyer, trader): (Party, Party),
    id: HoldId,
) -> Result<Outcome, Refusal> {
    carts.own(buyer, id)?;
    let Hold { receipt, .. } = carts.remove(id).ok_or(Refusal::NoSuchHold)?;
    if let Some(shelf) = inventory.shelves.get_mut(&receipt.good) {
        receipt.fills.iter().for_each(|fill| shelf.units.ship(fill.quantity));
    }
    book(ledger, &receipt, (buyer, trader));
    Ok(Outcome::Bought(receipt))
}

/// Puts back what a party holds.
pub(crate) fn void(
    (inventory, carts): (&mut Inventory, &mut Carts),
    party: Party,
    id: HoldId,
) -> Result<Outcome, Refusal> {
    carts.own(party, id)?;
    let Hold { receipt, units, .. } = carts.remove(id).ok_or(Refusal::NoSuchHold)?;
    Ok(Outcome::Voided { good: receipt.good, quantity: units.back_on_the_shelves(inventory) })
}

/// Ends what has been held for too long, the oldest first, up to a limit.
pub(crate) fn end_holds(
    inventory: &mut Inventory,
    carts: &mut Carts,
    now_ms: u64,
) -> Vec<EndedHold> {
    let due = carts.by_end.iter().take_while(|(until_ms, _)| *until_ms <= now_ms);
    let due: Vec<HoldId> = due.take(HOLDS_ENDED_MAX).map(|(_, id)| *id).collect();
    let end = |hold| {
        let Hold { receipt, units, .. } = carts.remove(hold)?;
        Some(EndedHold { hold, good: receipt.good, quantity: units.back_on_the_shelves(inventory) })
    };
    due.into_iter().filter_map(end).collect()
}

impl Kernel {
    /// All carts, the oldest first.
    pub fn holds(&self) -> impl Iterator<Item = (HoldId, &Hold)> {
        self.carts.held.iter().map(|(id, hold)| (*id, hold))
    }

    /// A cart, while it is held.
    pub fn hold(&self, id: HoldId) -> Option<&Hold> {
        self.carts.held.get(&id)
    }

    /// How many units of a good are in carts.
    pub fn held(&self, good: &Good) -> u64 {
        self.carts.held(good)
    }

    /// Whether any cart has units of a party's lots. Looks at every cart.
    pub fn is_in_carts(&self, seller: Party) -> bool {
        self.carts.lots().any(|(_, lot)| lot.seller == seller)
    }

    /// How long it is until a cart is to be ended, in milliseconds: 0 if one is due; none if there
    /// is no cart. `now_ms` is the leader's time.
    pub fn holds_due_in_ms(&self, now_ms: u64) -> Option<u64> {
        let (until_ms, _) = self.carts.by_end.first()?;
        Some(until_ms.saturating_sub(now_ms.max(self.now_ms)))
    }
}
