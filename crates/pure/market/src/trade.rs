//! What commands do to the shelves and the ledger. A refused command changes neither.

use crate::choice::choose;
use crate::ledger::Ledger;
use crate::limits::{QUANTITY_MAX, STAMP_NODES_MAX, UNIT_PRICE_MAX};
use crate::lots::Inventory;
use crate::{
    Fill, Good, Invalid, Limit, LotId, Offer, Order, Outcome, Party, Receipt, Refusal, Rules,
};

/// Sells to `buyer`; the commission goes to `trader`.
pub(crate) fn buy(
    inventory: &mut Inventory,
    ledger: &mut Ledger,
    rules: &Rules,
    (buyer, trader): (Party, Party),
    order: &Order,
    draw: u64,
) -> Result<Outcome, Refusal> {
    check_quantity(order.quantity)?;
    let fills = choose(inventory, rules, buyer, order, draw)?;
    let receipt = receipt(&order.good, fills);
    for fill in &receipt.fills {
        inventory.ship(&receipt.good, fill.lot, fill.quantity);
    }
    book(ledger, &receipt, (buyer, trader));
    Ok(Outcome::Bought(receipt))
}

/// The receipt over these fills.
pub(crate) fn receipt(good: &Good, fills: Vec<Fill>) -> Receipt {
    Receipt {
        good: good.clone(),
        quantity: fills.iter().map(|fill| fill.quantity).sum(),
        paid: fills.iter().map(|fill| fill.paid).sum(),
        commission: fills.iter().map(|fill| fill.commission).sum(),
        fills,
    }
}

/// Books what a sale means to all its parties; the units have left already.
pub(crate) fn book(ledger: &mut Ledger, receipt: &Receipt, (buyer, trader): (Party, Party)) {
    receipt.fills.iter().for_each(|fill| ledger.sell(fill));
    ledger.buy(buyer, receipt.quantity, receipt.paid);
    ledger.fill_order(buyer);
    ledger.keep(trader, receipt.commission);
}

/// Puts a lot on sale.
pub(crate) fn deposit(
    inventory: &mut Inventory,
    ledger: &mut Ledger,
    rules: &Rules,
    seller: Party,
    offer: &Offer,
) -> Result<Outcome, Refusal> {
    check_quantity(offer.quantity)?;
    if offer.unit_price > UNIT_PRICE_MAX {
        return Err(Refusal::Invalid(Invalid::PriceTooHigh));
    }
    if offer.stamp.as_ref().is_some_and(|stamp| stamp.nodes() > STAMP_NODES_MAX) {
        return Err(Refusal::LimitReached(Limit::StampNodes));
    }
    inventory.check_room(&offer.good, rules.choice).map_err(Refusal::LimitReached)?;
    ledger.deposit(seller, offer.quantity, offer.unit_price).map_err(Refusal::LimitReached)?;
    Ok(Outcome::Deposited { lot: inventory.add(seller, offer) })
}

/// Gives what is left of a lot back to its seller.
pub(crate) fn withdraw(
    inventory: &mut Inventory,
    ledger: &mut Ledger,
    seller: Party,
    id: LotId,
) -> Result<Outcome, Refusal> {
    if inventory.lots.get(&id).ok_or(Refusal::NoSuchLot)?.seller != seller {
        return Err(Refusal::NotYourLot);
    }
    let lot = inventory.withdraw(id).ok_or(Refusal::NoSuchLot)?;
    ledger.withdraw(seller, lot.quantity, lot.unit_price);
    Ok(Outcome::Withdrawn { good: lot.good, quantity: lot.quantity })
}

pub(crate) fn check_quantity(quantity: u32) -> Result<(), Refusal> {
    match quantity {
        0 => Err(Refusal::Invalid(Invalid::QuantityZero)),
        1..=QUANTITY_MAX => Ok(()),
        _ => Err(Refusal::Invalid(Invalid::QuantityTooHigh)),
    }
}
