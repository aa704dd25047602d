//! What lies on the shelves: lots by name, and for each good its lots by age and by price.

use std::collections::{BTreeMap, BTreeSet};

use clocks::{LamportClock, Stamp};
use serde::{Deserialize, Serialize};

use crate::limits::{GOODS_MAX, LOTS_COMPARED_MAX, LOTS_MAX};
use crate::{Good, Limit, LotId, Money, Offer, Party, SellerChoice};

/// What one seller deposited at once and is not yet sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lot {
    /// What.
    pub good: Good,
    /// Whose.
    pub seller: Party,
    /// How many units are left; never zero.
    pub quantity: u32,
    /// The price of one unit.
    pub unit_price: Money,
    /// The seller's clock when it made the offer.
    pub stamp: Option<Stamp>,
    /// How many sales there were from it.
    pub sales: u64,
}

impl Lot {
    /// The Lamport clock of its seller, as far as this lot tells; 0 without a Lamport stamp.
    pub fn clock(&self) -> u64 {
        match self.stamp {
            Some(Stamp::Lamport(LamportClock(at))) => at.saturating_add(self.sales),
            _ => self.sales,
        }
    }
}

/// Where the units of a good, or of all goods, have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Units {
    /// Units that ever came in.
    pub deposited: u64,
    /// Units that went back to their sellers.
    pub withdrawn: u64,
    /// Units sold.
    pub shipped: u64,
    /// Units on the shelves.
    pub left: u64,
}

impl Units {
    /// Whether what came in has gone out or is left.
    pub fn adds_up(&self) -> bool {
        let parts = [self.withdrawn, self.shipped, self.left];
        u128::from(self.deposited) == parts.into_iter().map(u128::from).sum()
    }

    /// Counts units that come in. The ledger refuses a deposit that would overflow this.
    pub(crate) fn deposit(&mut self, quantity: u32) {
        self.deposited += u64::from(quantity);
        self.left += u64::from(quantity);
    }

    /// Counts units that go back.
    pub(crate) fn withdraw(&mut self, quantity: u32) {
        self.left -= u64::from(quantity);
        self.withdrawn += u64::from(quantity);
    }

    /// Counts units that are sold.
    pub(crate) fn ship(&mut self, quantity: u32) {
        self.left -= u64::from(quantity);
        self.shipped += u64::from(quantity);
    }

    /// Adds what is counted elsewhere; its caller has made sure that no sum overflows.
    pub(crate) fn join(&mut self, other: Self) {
        self.deposited += other.deposited;
        self.withdrawn += other.withdrawn;
        self.shipped += other.shipped;
        self.left += other.left;
    }
}

/// What is left of a good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    /// How many units.
    pub units: u64,
    /// In how many lots.
    pub lots: usize,
    /// The lowest price of a unit.
    pub cheapest: Option<Money>,
}

/// One good. It stays when it is sold out: that it was sold here is remembered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Shelf {
    pub units: Units,
    // The indices follow from the lots and are built again when a snapshot is read.
    #[serde(skip)]
    pub by_age: BTreeSet<LotId>,
    #[serde(skip)]
    pub by_price: BTreeSet<(Money, LotId)>,
}

/// All lots and all shelves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Inventory {
    /// The name given last. It is bounded where it is read, and far from an overflow.
    pub last_lot: LotId,
    pub lots: BTreeMap<LotId, Lot>,
    pub shelves: BTreeMap<Good, Shelf>,
    /// Sellers whose lots are passed over for now.
    #[serde(skip)]
    pub away: BTreeSet<Party>,
}

impl Inventory {
    /// Whether one more lot of this good finds room.
    pub fn check_room(&self, good: &Good, choice: SellerChoice) -> Result<(), Limit> {
        if self.lots.len() >= LOTS_MAX {
            return Err(Limit::Lots);
        }
        match (self.shelves.get(good), choice) {
            (None, _) if self.shelves.len() >= GOODS_MAX => Err(Limit::Goods),
            (Some(shelf), SellerChoice::Random | SellerChoice::Lamport | SellerChoice::Vector)
                if shelf.by_age.len() >= LOTS_COMPARED_MAX =>
            {
                Err(Limit::Lots)
            }
            _ => Ok(()),
        }
    }

    /// Puts a lot on its shelf.
    pub fn add(&mut self, seller: Party, offer: &Offer) -> LotId {
        let id = LotId(self.last_lot.0 + 1);
        self.add_named(id, seller, offer);
        id
    }

    /// Puts a lot that has a name on its shelf.
    pub fn add_named(&mut self, id: LotId, seller: Party, offer: &Offer) {
        self.last_lot = self.last_lot.max(id);
        let shelf = self.shelves.entry(offer.good.clone()).or_default();
        shelf.units.deposit(offer.quantity);
        shelf.by_age.insert(id);
        shelf.by_price.insert((offer.unit_price, id));
        let Offer { good, quantity, unit_price, stamp } = offer.clone();
        self.lots.insert(id, Lot { good, seller, quantity, unit_price, stamp, sales: 0 });
    }

    /// Takes sold units from a lot; the lot goes when it is empty.
    pub fn ship(&mut self, good: &Good, id: LotId, quantity: u32) {
        let (Some(lot), Some(shelf)) = (self.lots.get_mut(&id), self.shelves.get_mut(good)) else {
            return;
        };
        lot.quantity -= quantity;
        lot.sales += 1;
        shelf.units.ship(quantity);
        if lot.quantity == 0 {
            shelf.by_age.remove(&id);
            shelf.by_price.remove(&(lot.unit_price, id));
            self.lots.remove(&id);
        }
    }

    /// Takes a whole lot off its shelf.
    pub fn withdraw(&mut self, id: LotId) -> Option<Lot> {
        let lot = self.lots.remove(&id)?;
        if let Some(shelf) = self.shelves.get_mut(&lot.good) {
            shelf.by_age.remove(&id);
            shelf.by_price.remove(&(lot.unit_price, id));
            shelf.units.withdraw(lot.quantity);
        }
        Some(lot)
    }

    /// Takes some units of a lot off its shelf, and the lot with the last of them.
    pub fn take_back(&mut self, id: LotId, quantity: u32) {
        let Some(lot) = self.lots.get_mut(&id).filter(|lot| lot.quantity > quantity) else {
            self.withdraw(id);
            return;
        };
        lot.quantity -= quantity;
        if let Some(shelf) = self.shelves.get_mut(&lot.good) {
            shelf.units.withdraw(quantity);
        }
    }

    /// Adds all lots and shelves of another inventory, none of whose lots are here.
    pub fn join(&mut self, other: Self) {
        self.last_lot = self.last_lot.max(other.last_lot);
        self.lots.extend(other.lots);
        for (good, mut theirs) in other.shelves {
            let shelf = self.shelves.entry(good).or_default();
            shelf.units.join(theirs.units);
            shelf.by_age.append(&mut theirs.by_age);
            shelf.by_price.append(&mut theirs.by_price);
        }
    }

    /// Builds the indices of all shelves from the lots.
    ///
    /// # Errors
    /// Names a lot that has no shelf.
    pub fn index(&mut self) -> Result<(), String> {
        for shelf in self.shelves.values_mut() {
            shelf.by_age.clear();
            shelf.by_price.clear();
        }
        for (&id, lot) in &self.lots {
            let shelf = self.shelves.get_mut(&lot.good);
            let shelf = shelf.ok_or_else(|| format!("lot {id} is of no good sold here"))?;
            shelf.by_age.insert(id);
            shelf.by_price.insert((lot.unit_price, id));
        }
        Ok(())
    }

    /// What is left of a good.
    pub fn stock(&self, good: &Good) -> Stock {
        let Some(shelf) = self.shelves.get(good) else {
            return Stock::default();
        };
        Stock {
            units: shelf.units.left,
            lots: shelf.by_age.len(),
            cheapest: shelf.by_price.first().map(|(price, _)| *price),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(good: &str) -> Offer {
        let good = Good::new(good).unwrap();
        Offer { good, quantity: 1, unit_price: Money(7), stamp: None }
    }

    #[test]
    fn goods_are_bounded() {
        let mut inventory = Inventory::default();
        for number in 0..GOODS_MAX {
            let name = Good::new(&number.to_string()).unwrap();
            inventory.shelves.insert(name, Shelf::default());
        }
        let room = |good| inventory.check_room(&Good::new(good).unwrap(), SellerChoice::Oldest);
        assert_eq!(room("salt"), Err(Limit::Goods));
        assert_eq!(room("0"), Ok(()));
    }

    #[test]
    fn lots_are_bounded() {
        let mut inventory = Inventory::default();
        inventory.add(Party(1), &offer("salt"));
        let lot = inventory.lots[&LotId(1)].clone();
        inventory.lots = (0..LOTS_MAX as u64).map(|id| (LotId(id), lot.clone())).collect();
        assert_eq!(inventory.check_room(&lot.good, SellerChoice::Oldest), Err(Limit::Lots));
    }

    #[test]
    fn lots_of_a_good_are_bounded_where_all_are_compared() {
        let mut inventory = Inventory::default();
        (0..LOTS_COMPARED_MAX).for_each(|_| _ = inventory.add(Party(1), &offer("salt")));
        let room = |good, choice| inventory.check_room(&Good::new(good).unwrap(), choice);
        assert_eq!(room("salt", SellerChoice::Vector), Err(Limit::Lots));
        assert_eq!(room("salt", SellerChoice::Random), Err(Limit::Lots));
        assert_eq!(room("salt", SellerChoice::Cheapest), Ok(()));
        assert_eq!(room("fish", SellerChoice::Vector), Ok(()));
    }

    #[test]
    fn an_index_built_again_is_the_same() {
        let mut inventory = Inventory::default();
        for good in ["salt", "fish", "salt"] {
            inventory.add(Party(1), &offer(good));
        }
        inventory.ship(&Good::new("fish").unwrap(), LotId(2), 1);
        let kept = inventory.clone();
        assert_eq!(inventory.index(), Ok(()));
        assert_eq!(inventory, kept);
        inventory.shelves.remove("salt");
        assert!(inventory.index().is_err());
    }
}
