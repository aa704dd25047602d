//! Units that are off their shelves, and neither sold nor withdrawn: on loan to a trader, or held in
//! a cart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lots::{Inventory, Lot};
use crate::{Fill, Good, LotId, Money, Order, Party};

/// Units by lot: of each as much as is set aside here, never zero.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Aside(BTreeMap<LotId, Lot>);

impl Aside {
    /// Takes what was chosen off the shelves.
    pub fn off_the_shelves(inventory: &mut Inventory, fills: &[Fill]) -> Self {
        let mut aside = Self::default();
        for fill in fills {
            if let Some(lot) = inventory.take(fill.lot, fill.quantity) {
                aside.put(fill.lot, lot);
            }
        }
        aside
    }

    /// Puts all of it back on the shelves; how many units that are.
    pub fn back_on_the_shelves(self, inventory: &mut Inventory) -> u64 {
        let units = self.units();
        for (id, lot) in self.0 {
            inventory.put(id, lot);
        }
        units
    }

    /// Adds units of a lot.
    pub fn put(&mut self, id: LotId, units: Lot) {
        match self.0.get_mut(&id) {
            Some(lot) => lot.quantity += units.quantity,
            None => _ = self.0.insert(id, units),
        }
    }

    /// Takes units of a lot out of it; none if there are not as many.
    pub fn take(&mut self, id: LotId, quantity: u32) -> Option<Lot> {
        let lot = self.0.get_mut(&id).filter(|lot| lot.quantity >= quantity)?;
        let units = Lot { quantity, ..lot.clone() };
        lot.quantity -= quantity;
        if lot.quantity == 0 {
            self.0.remove(&id);
        }
        Some(units)
    }

    /// What is set aside of a lot.
    pub fn get(&self, id: LotId) -> Option<&Lot> {
        self.0.get(&id)
    }

    /// What is set aside, lot by lot.
    pub fn lots(&self) -> impl Iterator<Item = (LotId, &Lot)> {
        self.0.iter().map(|(id, lot)| (*id, lot))
    }

    /// How many lots it has units of.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// How many units it has.
    pub fn units(&self) -> u64 {
        self.0.values().map(|lot| u64::from(lot.quantity)).sum()
    }

    /// How many units it has of a good.
    pub fn units_of(&self, good: &Good) -> u64 {
        let lots = self.0.values().filter(|lot| lot.good == *good);
        lots.map(|lot| u64::from(lot.quantity)).sum()
    }

    /// How many units an order could be filled from.
    pub fn units_for(&self, buyer: Party, order: &Order) -> u64 {
        let limit = order.limit.unwrap_or(Money(u64::MAX));
        let lots = self
            .0
            .values()
            .filter(|lot| lot.good == order.good && lot.seller != buyer && lot.unit_price <= limit);
        lots.map(|lot| u64::from(lot.quantity)).sum()
    }
}
