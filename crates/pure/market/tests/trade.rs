//! Buying, depositing and withdrawing, and each way to be refused.

mod common;

use clocks::{Stamp, VectorClock};
use common::{Clients, TRADER, buy, deposit, good, kernel};
use machine::NodeId;
use market::limits::{QUANTITY_MAX, STAMP_NODES_MAX, UNIT_PRICE_MAX};
use market::{
    Account, BadRules, Command, Fill, Invalid, Kernel, Limit, LotId, Money, Offer, Order, Outcome,
    Party, Receipt, Refusal, Rules, SellerChoice, Stock, Totals, Units,
};

fn refused(refusal: Refusal) -> Outcome {
    Outcome::Refused(refusal)
}

#[test]
fn a_sale_over_two_lots_is_shared_to_the_unit() {
    let mut clients = Clients::new(kernel(1_000, SellerChoice::Cheapest));
    assert_eq!(clients.ask(1, deposit("salt", 3, 25)), Outcome::Deposited { lot: LotId(1) });
    assert_eq!(clients.ask(2, deposit("salt", 3, 15)), Outcome::Deposited { lot: LotId(2) });
    let fill = |lot, seller, quantity, unit_price, paid, earned, commission| Fill {
        lot: LotId(lot),
        seller: Party(seller),
        quantity,
        unit_price: Money(unit_price),
        paid: Money(paid),
        earned: Money(earned),
        commission: Money(commission),
    };
    // Commission on 45 is 4.5, to the even 4; on 25 it is 2.5, to the even 2.
    let receipt = Receipt {
        good: good("salt"),
        quantity: 4,
        paid: Money(70),
        commission: Money(6),
        fills: vec![fill(2, 2, 3, 15, 45, 41, 4), fill(1, 1, 1, 25, 25, 23, 2)],
    };
    assert_eq!(clients.ask(3, buy("salt", 4)), Outcome::Bought(receipt));

    let kernel = &clients.kernel;
    let nothing = Account::default();
    let account = |party| kernel.account(Party(party));
    assert_eq!(account(3), Account { paid: Money(70), bought: 4, purchases: 1, ..nothing });
    assert_eq!(account(1), Account { earned: Money(23), sold: 1, deposited: 3, ..nothing });
    assert_eq!(account(2), Account { earned: Money(41), sold: 3, deposited: 3, ..nothing });
    assert_eq!(kernel.account(TRADER), Account { commission: Money(6), ..nothing });
    let units = Units { deposited: 6, withdrawn: 0, shipped: 4, left: 2 };
    let totals = Totals { units, paid: Money(70), earned: Money(64), commission: Money(6) };
    assert_eq!(kernel.totals(), totals);
    assert_eq!(kernel.goods().collect::<Vec<_>>(), [(&good("salt"), units)]);
    let stock = Stock { units: 2, lots: 1, cheapest: Some(Money(25)) };
    assert_eq!(kernel.stock(&good("salt")), stock);
    assert_eq!(kernel.lots_of(Party(2)).count(), 0);
    let left: Vec<_> = kernel.lots_of(Party(1)).map(|(id, lot)| (id, lot.quantity)).collect();
    assert_eq!(left, [(LotId(1), 2)]);
    assert_eq!(kernel.check_quick(), Ok(()));
}

#[test]
fn sold_out_is_not_the_same_as_never_sold_here() {
    let mut clients = Clients::new(kernel(0, SellerChoice::Oldest));
    assert_eq!(clients.ask(1, buy("salt", 1)), refused(Refusal::NotSoldHere));
    clients.ask(2, deposit("salt", 1, 5));
    assert_eq!(clients.ask(2, buy("salt", 1)), refused(Refusal::OnlyOwnGoods));
    assert_eq!(clients.ask(1, buy("salt", 2)), refused(Refusal::OutOfStock { left: 1 }));
    let order = Order { good: good("salt"), quantity: 1, limit: Some(Money(4)), partial: true };
    let too_dear = refused(Refusal::TooDear { cheapest: Money(5) });
    assert_eq!(clients.ask(1, Command::Buy(order)), too_dear);
    assert!(matches!(clients.ask(1, buy("salt", 1)), Outcome::Bought(_)));
    assert_eq!(clients.ask(1, buy("salt", 1)), refused(Refusal::OutOfStock { left: 0 }));
    assert_eq!(clients.kernel.stock(&good("salt")), Stock::default());
    assert_eq!(clients.kernel.goods().count(), 1);
}

#[test]
fn a_lot_goes_back_to_its_seller_only_and_once() {
    let mut clients = Clients::new(kernel(0, SellerChoice::Oldest));
    clients.ask(1, deposit("salt", 5, 5));
    clients.ask(2, buy("salt", 2));
    let withdraw = Command::Withdraw { lot: LotId(1) };
    assert_eq!(clients.ask(2, withdraw.clone()), refused(Refusal::NotYourLot));
    let withdrawn = Outcome::Withdrawn { good: good("salt"), quantity: 3 };
    assert_eq!(clients.ask(1, withdraw.clone()), withdrawn);
    assert_eq!(clients.ask(1, withdraw), refused(Refusal::NoSuchLot));
    let units = Units { deposited: 5, withdrawn: 3, shipped: 2, left: 0 };
    assert_eq!(clients.kernel.totals().units, units);
    assert_eq!(clients.kernel.account(Party(1)).withdrawn, 3);
}

#[test]
fn requests_beyond_the_bounds_are_refused() {
    let mut clients = Clients::new(kernel(0, SellerChoice::Oldest));
    let mut invalid = |command, what| {
        assert_eq!(clients.ask(1, command), refused(Refusal::Invalid(what)));
    };
    invalid(buy("salt", 0), Invalid::QuantityZero);
    invalid(deposit("salt", 0, 1), Invalid::QuantityZero);
    invalid(buy("salt", QUANTITY_MAX + 1), Invalid::QuantityTooHigh);
    invalid(deposit("salt", QUANTITY_MAX + 1, 1), Invalid::QuantityTooHigh);
    invalid(deposit("salt", 1, UNIT_PRICE_MAX.0 + 1), Invalid::PriceTooHigh);
    let mut clock = VectorClock::new();
    (0..=STAMP_NODES_MAX as u32).for_each(|node| clock.tick(NodeId(node)));
    let unit_price = Money(1);
    let stamp = Some(Stamp::Vector(clock));
    let offer = Offer { good: good("salt"), quantity: 1, unit_price, stamp };
    let too_long = refused(Refusal::LimitReached(Limit::StampNodes));
    assert_eq!(clients.ask(1, Command::Deposit(offer)), too_long);
    // The bounds themselves are allowed.
    let dearest = deposit("salt", QUANTITY_MAX, UNIT_PRICE_MAX.0);
    assert_eq!(clients.ask(1, dearest), Outcome::Deposited { lot: LotId(1) });
    assert!(matches!(clients.ask(2, buy("salt", QUANTITY_MAX)), Outcome::Bought(_)));
}

#[test]
fn a_commission_above_the_price_founds_no_market() {
    let rules = |points| Rules { commission_basis_points: points, choice: SellerChoice::Random };
    assert_eq!(Kernel::new(rules(10_001)), Err(BadRules(10_001)));
    assert!(Kernel::new(rules(10_000)).is_ok());
}

#[test]
fn a_trader_keeps_its_earnings_when_another_one_leads() {
    let mut clients = Clients::new(kernel(5_000, SellerChoice::Oldest));
    clients.ask(1, deposit("salt", 2, 10));
    clients.ask(2, buy("salt", 1));
    let request = common::request(2, 1, 50, buy("salt", 1));
    let entry = market::Entry { trader: Party(98), ..common::entry(0, request) };
    clients.kernel.apply(&entry);
    for trader in [TRADER, Party(98)] {
        assert_eq!(clients.kernel.account(trader).commission, Money(5));
    }
}
