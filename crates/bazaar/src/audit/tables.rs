//! What `bazaar audit` lists on demand: the lots on the shelves, and what each peer has done.

use market::Kernel;
use serde::Serialize;

/// A lot on the shelves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Lot {
    lot: u64,
    seller: u64,
    good: String,
    left: u32,
    unit_price: u64,
}

impl Lot {
    /// All of them, oldest first.
    pub fn all(kernel: &Kernel) -> Vec<Self> {
        let lots = kernel.lots().map(|(id, lot)| Self {
            lot: id.0,
            seller: lot.seller.0,
            good: lot.good.to_string(),
            left: lot.quantity,
            unit_price: lot.unit_price.0,
        });
        lots.collect()
    }
}

/// What one peer has done since the market began: units, and money in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Account {
    peer: u64,
    bought: u64,
    paid: u64,
    deposited: u64,
    withdrawn: u64,
    sold: u64,
    earned: u64,
    /// As a trader.
    kept: u64,
}

impl Account {
    /// All of them, by number.
    pub fn all(kernel: &Kernel) -> Vec<Self> {
        let accounts = kernel.accounts().map(|(party, account)| Self {
            peer: party.0,
            bought: account.bought,
            paid: account.paid.0,
            deposited: account.deposited,
            withdrawn: account.withdrawn,
            sold: account.sold,
            earned: account.earned.0,
            kept: account.commission.0,
        });
        accounts.collect()
    }
}

pub(super) fn show_lots(lots: &[Lot]) {
    println!("{:<12}{:>12}{:>12}{:>12}{:>12}", "good", "lot", "seller", "left", "unit price");
    for Lot { lot, seller, good, left, unit_price } in lots {
        println!("{good:<12}{lot:>12}{seller:>12}{left:>12}{unit_price:>12}");
    }
}

pub(super) fn show_accounts(accounts: &[Account]) {
    println!(
        "{:<12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}",
        "peer", "bought", "paid", "deposited", "withdrawn", "sold", "earned", "kept"
    );
    for Account { peer, bought, paid, deposited, withdrawn, sold, earned, kept } in accounts {
        println!(
            "{peer:<12}{bought:>12}{paid:>12}{deposited:>12}{withdrawn:>12}{sold:>12}{earned:>12}\
             {kept:>12}"
        );
    }
}
