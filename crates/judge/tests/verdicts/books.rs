//! Broken promises of the market's books: goods and money.

use judge::Ruling;
use market::Money;
use view::What;

use crate::world::{assert_broken, at, buy, deposit, finding, is_sold, small};

const ONCE: &str = "exactly once";
const SURVIVE: &str = "confirmed sales survive";
const MONEY: &str = "money adds up";
const GOODS: &str = "goods are conserved";

#[test]
fn a_market_that_shipped_more_than_was_asked_for() {
    let mut world = small();
    let request = world.request(2, buy("fish", 3));
    world.apply(&request);
    let run = world.finish();
    assert_broken(
        &run,
        ONCE,
        "units of fish shipped: the final market has 10, but only 7 were confirmed and 0 are in \
         doubt",
    );
}

#[test]
fn a_confirmed_sale_that_is_gone() {
    let mut world = small();
    let before = world.kernel.clone();
    world.go(3, buy("fish", 2));
    let mut run = world.finish();
    run.market = Some(before);
    assert_broken(&run, SURVIVE, "units of fish shipped: 9 confirmed, but the final market has 7");
}

#[test]
fn a_takeover_that_missed_a_sale() {
    let mut world = small();
    world.fail_over(3);
    let mut run = world.finish();
    let is_second = |what: &What| matches!(what, What::Trading { epoch, .. } if epoch.counter == 2);
    let taken_over = at(&run, is_second);
    if let What::Trading { shipped_before, .. } = &mut run.events[taken_over].what {
        *shipped_before = 4;
    }
    let evidence = format!(
        "7 units were reported sold before epoch 2.3, but the market that its trader took over has \
         shipped 4, line {} of events.jsonl",
        taken_over + 1
    );
    assert_broken(&run, SURVIVE, &evidence);
    // A book may have been away, where each peer keeps its own; the final market has all.
    run.in_books = true;
    assert_eq!(finding(&run, SURVIVE).ruling, Ruling::Pass);
}

#[test]
fn money_that_does_not_add_up() {
    for (change, evidence) in [
        ((|fill| fill.paid = Money(33)) as fn(&mut market::Fill), "4 units of lot 1 at 8 cost 33"),
        (|fill| fill.earned = Money(28), "lot 1: 32 was paid, 28 earned, 3 kept"),
        (
            |fill| (fill.earned, fill.commission) = (Money(28), Money(4)),
            "lot 1: 4 of 32 was kept at 1000 basis points",
        ),
    ] {
        let mut run = small().finish();
        let sold = at(&run, is_sold);
        if let What::Sold { receipt, .. } = &mut run.events[sold].what {
            change(&mut receipt.fills[0]);
        }
        let evidence = format!("the sale at line {} of events.jsonl: {evidence}", sold + 1);
        assert_broken(&run, MONEY, &evidence);
        // The receipts alone show it too, but for the rate.
        run.market = None;
        let without = finding(&run, MONEY).ruling;
        assert!(without == Ruling::Fail || evidence.contains("basis points"));
    }
}

#[test]
fn a_sale_that_is_not_the_sum_of_its_fills() {
    let mut run = small().finish();
    let sold = at(&run, is_sold);
    if let What::Sold { receipt, .. } = &mut run.events[sold].what {
        receipt.commission = Money(4);
    }
    let evidence = format!(
        "the sale at line {} of events.jsonl: 4 units, 32 paid and 4 kept in all, but its fills \
         come to 4, 32 and 3",
        sold + 1
    );
    assert_broken(&run, MONEY, &evidence);
}

#[test]
fn money_that_the_market_does_not_have() {
    let mut world = small();
    let request = world.request(2, buy("fish", 3));
    world.apply(&request);
    assert_broken(
        &world.finish(),
        MONEY,
        "money that party 2 paid: the final market has 48, but only 24 were confirmed and 0 are in \
         doubt",
    );
}

#[test]
fn goods_given_back_that_are_still_on_sale() {
    let mut world = small();
    let before = world.kernel.clone();
    world.go(1, market::Command::Withdraw { lot: market::LotId(1) });
    let mut run = world.finish();
    run.market = Some(before);
    let evidence = "units of fish withdrawn: 3 confirmed, but the final market has 0";
    assert_broken(&run, GOODS, evidence);
}

#[test]
fn goods_that_came_from_nowhere_or_went_there() {
    let mut world = small();
    let request = world.request(1, deposit("salt", 3, 1));
    world.apply(&request);
    assert_broken(
        &world.finish(),
        GOODS,
        "units of salt deposited: the final market has 3, but only 0 were confirmed and 0 are in \
         doubt",
    );
    let mut world = small();
    let before = world.kernel.clone();
    world.go(1, deposit("fish", 5, 1));
    let mut run = world.finish();
    run.market = Some(before);
    assert_broken(
        &run,
        GOODS,
        "units of fish deposited: 15 confirmed, but the final market has 10",
    );
}
