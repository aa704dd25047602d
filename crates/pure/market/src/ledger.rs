//! Who paid, earned and moved what, and the totals of the market.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::lots::Units;
use crate::{Fill, Limit, Money, Party};

/// What one party has done in this market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Account {
    /// Money paid as a buyer.
    pub paid: Money,
    /// Units bought.
    pub bought: u64,
    /// Orders that were filled, all or in part, as a buyer.
    pub purchases: u64,
    /// Money earned as a seller, commission taken off.
    pub earned: Money,
    /// Units sold.
    pub sold: u64,
    /// Money kept as a trader.
    pub commission: Money,
    /// Units deposited.
    pub deposited: u64,
    /// Units taken back.
    pub withdrawn: u64,
}

/// What all parties have done in this market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Units of all goods.
    pub units: Units,
    /// What buyers paid.
    pub paid: Money,
    /// What sellers earned.
    pub earned: Money,
    /// What traders kept.
    pub commission: Money,
}

impl Totals {
    /// Whether goods and money add up.
    ///
    /// # Errors
    /// A sentence with the figures that do not.
    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.units.adds_up() {
            return Err(format!(
                "deposited = withdrawn + shipped + left is broken: {:?}",
                self.units
            ));
        }
        if self.earned.checked_add(self.commission) != Some(self.paid) {
            return Err(format!("paid = earned + commission is broken: {self:?}"));
        }
        Ok(())
    }
}

/// The accounts and their sums.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub accounts: BTreeMap<Party, Account>,
    pub totals: Totals,
    /// What was paid and the price of what is on sale: no later sum of money is greater.
    pub worth: Money,
}

impl Ledger {
    /// Books a deposit, unless a sum would overflow.
    pub fn deposit(
        &mut self,
        seller: Party,
        quantity: u32,
        unit_price: Money,
    ) -> Result<(), Limit> {
        let deposited = self.totals.units.deposited.checked_add(u64::from(quantity));
        deposited.ok_or(Limit::Units)?;
        let price = unit_price.checked_times(quantity);
        let worth = price.and_then(|price| self.worth.checked_add(price));
        self.worth = worth.ok_or(Limit::Worth)?;
        self.totals.units.deposit(quantity);
        self.account(seller).deposited += u64::from(quantity);
        Ok(())
    }

    /// Books that units went back to their seller.
    pub fn withdraw(&mut self, seller: Party, quantity: u32, unit_price: Money) {
        self.worth.0 -= unit_price.0 * u64::from(quantity);
        self.totals.units.withdraw(quantity);
        self.account(seller).withdrawn += u64::from(quantity);
    }

    /// Books the seller's and the market's side of a fill. Worth stays: what was on sale is paid.
    pub fn sell(&mut self, fill: &Fill) {
        self.totals.units.ship(fill.quantity);
        self.totals.paid += fill.paid;
        self.totals.earned += fill.earned;
        self.totals.commission += fill.commission;
        let seller = self.account(fill.seller);
        seller.earned += fill.earned;
        seller.sold += u64::from(fill.quantity);
    }

    /// Books the buyer's side of a sale.
    pub fn buy(&mut self, buyer: Party, quantity: u32, paid: Money) {
        let buyer = self.account(buyer);
        buyer.paid += paid;
        buyer.bought += u64::from(quantity);
    }

    /// Books that an order of the buyer was filled, from however many lots.
    pub fn fill_order(&mut self, buyer: Party) {
        self.account(buyer).purchases += 1;
    }

    /// Books the trader's side of a sale.
    pub fn keep(&mut self, trader: Party, commission: Money) {
        self.account(trader).commission += commission;
    }

    /// Whether another ledger can be added without an overflow: all else is bounded by these.
    pub fn check_join(&self, other: &Self) -> Result<(), Limit> {
        let units = self.totals.units.deposited.checked_add(other.totals.units.deposited);
        units.ok_or(Limit::Units)?;
        self.worth.checked_add(other.worth).map(drop).ok_or(Limit::Worth)
    }

    /// Adds another ledger, which was checked to fit.
    pub fn join(&mut self, other: &Self) {
        self.totals.units.join(other.totals.units);
        self.totals.paid += other.totals.paid;
        self.totals.earned += other.totals.earned;
        self.totals.commission += other.totals.commission;
        self.worth += other.worth;
        for (party, theirs) in &other.accounts {
            let account = self.account(*party);
            account.paid += theirs.paid;
            account.bought += theirs.bought;
            account.purchases += theirs.purchases;
            account.earned += theirs.earned;
            account.sold += theirs.sold;
            account.commission += theirs.commission;
            account.deposited += theirs.deposited;
            account.withdrawn += theirs.withdrawn;
        }
    }

    fn account(&mut self, party: Party) -> &mut Account {
        self.accounts.entry(party).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{QUANTITY_MAX, UNIT_PRICE_MAX};

    #[test]
    fn a_deposit_that_could_overflow_a_sum_of_money_is_refused() {
        let mut ledger = Ledger::default();
        let mut deposit = || ledger.deposit(Party(1), QUANTITY_MAX, UNIT_PRICE_MAX);
        let lots = u64::MAX / (UNIT_PRICE_MAX.0 * u64::from(QUANTITY_MAX));
        (0..lots).for_each(|_| assert_eq!(deposit(), Ok(())));
        assert_eq!(deposit(), Err(Limit::Worth));
        let before = ledger.clone();
        assert_eq!(ledger.deposit(Party(1), QUANTITY_MAX, UNIT_PRICE_MAX), Err(Limit::Worth));
        assert_eq!(ledger, before);
        // What is taken back makes room again; what costs nothing needs none.
        assert_eq!(ledger.deposit(Party(1), 1, Money(0)), Ok(()));
        ledger.withdraw(Party(1), QUANTITY_MAX, UNIT_PRICE_MAX);
        assert_eq!(ledger.deposit(Party(1), QUANTITY_MAX, UNIT_PRICE_MAX), Ok(()));
    }

    #[test]
    fn units_that_cannot_be_counted_are_refused() {
        let mut ledger = Ledger::default();
        ledger.totals.units.deposited = u64::MAX;
        assert_eq!(ledger.deposit(Party(1), 1, Money(0)), Err(Limit::Units));
    }

    #[test]
    fn totals_that_do_not_add_up_are_found() {
        let mut totals = Totals::default();
        assert_eq!(totals.check(), Ok(()));
        totals.paid = Money(1);
        assert!(totals.check().is_err());
        totals.commission = Money(1);
        assert_eq!(totals.check(), Ok(()));
        totals.units.left = 1;
        assert!(totals.check().is_err());
    }
}
