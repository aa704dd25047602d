//! Broken promises of trade: sales, requests, refusals.

use judge::{Ruling, RunFiles, judge};
use market::{Money, Outcome, Refusal};
use view::What;

use crate::world::{MS, assert_broken, at, buy, deposit, finding, good, is_bought, is_sold, small};

const ONCE: &str = "exactly once";
const FIT: &str = "sales fit their orders";
const REFUSALS: &str = "no refusal was false";

#[test]
fn a_lot_sold_beyond_what_was_in_it() {
    let mut world = small();
    world.go(1, deposit("fish", 90, 8));
    let mut run = world.finish();
    for event in &mut run.events {
        if let What::Sold { receipt, .. } = &mut event.what
            && receipt.quantity == 3
        {
            receipt.fills[0].quantity = 7;
        }
    }
    let sold = run.events.iter().rposition(|event| is_sold(&event.what)).unwrap() + 1;
    let evidence = format!(
        "fish: 11 units of lot 1 were sold by line {sold} of events.jsonl, but only 10 were in it"
    );
    assert_broken(&run, "no over-selling", &evidence);
    assert_eq!(judge(&run).oversold, 1);
}

#[test]
fn one_request_sold_twice() {
    let mut run = small().finish();
    let first = at(&run, is_sold);
    let mut again = run.events[first].clone();
    again.time_ns += MS;
    run.events.insert(first + 2, again);
    let evidence = format!(
        "request 3.1.1 was carried out twice, at line {} and line {} of events.jsonl: it sold 4 \
         fish for 32, then it sold 4 fish for 32",
        first + 1,
        first + 3
    );
    assert_broken(&run, ONCE, &evidence);
}

#[test]
fn a_client_that_came_back_to_fewer_purchases_than_it_made() {
    let mut run = small().finish();
    let mut returned = run.events.last().unwrap().clone();
    let sold = run.events.iter().filter(|event| is_sold(&event.what)).count() as u64;
    returned.node = machine::NodeId(3);
    returned.what = What::Returned { purchases: sold };
    run.events.push(returned.clone());
    assert_eq!(finding(&run, ONCE).ruling, Ruling::Pass);
    returned.what = What::Returned { purchases: 0 };
    run.events.push(returned);
    let line = run.events.len();
    let evidence =
        format!("party 3 bought 1 times and was told of 0 at line {line} of events.jsonl");
    assert_broken(&run, ONCE, &evidence);
}

#[test]
fn one_request_sold_and_refused() {
    let mut run = small().finish();
    let first = at(&run, is_sold);
    let What::Sold { epoch, request, receipt, .. } = run.events[first].what.clone() else {
        panic!()
    };
    let mut refused = run.events[first].clone();
    let refusal = Refusal::OutOfStock { left: 0 };
    refused.what = What::Refused { epoch, request, good: receipt.good, refusal };
    run.events.insert(first + 1, refused.clone());
    let evidence = finding(&run, ONCE).evidence;
    assert!(
        evidence.starts_with(
            "request 3.1.1 was both carried out (sold 4 fish for 32) and refused for good (out of"
        ),
        "{evidence}"
    );
    // A refusal that is no answer for good says nothing.
    let refusal = Refusal::UnknownSession;
    let What::Refused { epoch, request, good, .. } = refused.what else { panic!() };
    run.events[first + 1].what = What::Refused { epoch, request, good, refusal };
    assert_eq!(finding(&run, ONCE).ruling, Ruling::Pass);
}

#[test]
fn a_client_told_something_else() {
    let mut run = small().finish();
    let told = at(&run, is_bought);
    if let What::Answered { outcome: Outcome::Bought(receipt), .. } = &mut run.events[told].what {
        receipt.paid = Money(31);
    }
    let evidence = format!(
        "the client of request 3.1.1 was told something else than the trader did, at line {told} \
         and line {} of events.jsonl",
        told + 1
    );
    assert_broken(&run, ONCE, &evidence);
}

#[test]
fn a_client_told_that_it_bought_what_was_refused() {
    let mut run = small().finish();
    let sold = at(&run, is_sold);
    let What::Sold { epoch, request, .. } = run.events[sold].what else { panic!() };
    let refusal = Refusal::OutOfStock { left: 0 };
    run.events[sold].what = What::Refused { epoch, request, good: good("fish"), refusal };
    let evidence = format!(
        "the client of request 3.1.1 was told something else than the trader did, at line {} and \
         line {} of events.jsonl",
        sold + 1,
        sold + 2
    );
    assert_broken(&run, ONCE, &evidence);
    // Refused it was, but for another reason.
    if let What::Answered { outcome, .. } = &mut run.events[sold + 1].what {
        *outcome = Outcome::Refused(Refusal::OnlyOwnGoods);
    }
    assert_broken(&run, ONCE, &evidence);
    if let What::Answered { outcome, .. } = &mut run.events[sold + 1].what {
        *outcome = Outcome::Refused(refusal);
    }
    let finding = finding(&run, ONCE);
    assert!(
        finding.evidence.starts_with("units of fish shipped: the final market has 7"),
        "{finding}"
    );
}

#[test]
fn a_number_given_to_two_requests() {
    let mut run = small().finish();
    let asked = at(&run, |what| matches!(what, What::Asked { .. }));
    let mut other = run.events[asked].clone();
    let What::Asked { operation, .. } = &mut other.what else { panic!() };
    *operation = (&buy("salt", 1)).into();
    run.events.insert(asked + 1, other);
    let evidence = format!(
        "number 1.1.1 was given to two requests, at line {} and line {} of events.jsonl",
        asked + 1,
        asked + 2
    );
    assert_broken(&run, ONCE, &evidence);
}

#[test]
fn sales_that_do_not_fit_their_orders() {
    for (change, evidence) in [
        (
            (|order| order.quantity = 5) as fn(&mut market::Order),
            "5 units were asked for and 4 were sold",
        ),
        (|order| order.quantity = 3, "3 units were asked for and 4 were sold"),
        (|order| order.limit = Some(Money(7)), "the limit was 7 and a unit cost 8"),
        (|order| order.good = good("salt"), "salt was asked for and fish was sold"),
    ] {
        let mut run = small().finish();
        let is_buy =
            |what: &What| matches!(what, What::Asked { operation: view::Operation::Buy(_), .. });
        let asked = at(&run, is_buy);
        if let What::Asked { operation: view::Operation::Buy(order), .. } =
            &mut run.events[asked].what
        {
            change(order);
        }
        let evidence = format!("buy 3.1.1, line {} of events.jsonl: {evidence}", asked + 1);
        assert_broken(&run, FIT, &evidence);
    }
    let mut run = small().finish();
    for event in &mut run.events {
        if let What::Sold { receipt, .. } = &mut event.what {
            receipt.fills[0].seller = market::Party(3);
        }
    }
    let evidence = finding(&run, FIT).evidence;
    assert!(evidence.ends_with("4 units came from the buyer's own lot 1"), "{evidence}");
}

#[test]
fn a_refusal_that_was_false() {
    let mut world = small();
    let request = world.request(2, buy("fish", 3));
    world.ask(2, &request);
    let (epoch, id, good) = (world.epoch, request.id, good("fish"));
    let refusal = Refusal::OutOfStock { left: 0 };
    let mut with_doubt = world.events.clone();
    world.happen(4, What::Refused { epoch, request: id, good, refusal });
    let refused = world.events.last().unwrap().clone();
    let run = world.finish();
    let evidence = "trader 4 refused buy 2.1.2 of 3 fish at line 22 of events.jsonl, but 3 units \
                    were there for it";
    assert_broken(&run, REFUSALS, evidence);
    assert_eq!(judge(&run).undersold, 1);
    // Its seller may have been away, where each peer keeps its own book.
    let in_books = RunFiles { in_books: true, ..run.clone() };
    assert_eq!(finding(&in_books, REFUSALS).ruling, Ruling::NotPromised);
    assert_eq!(judge(&in_books).undersold, 0);

    // Where another buy may have taken a unit unseen, nobody can say so.
    let mut other = with_doubt.last().unwrap().clone();
    let What::Asked { request, operation, .. } = &mut other.what else { panic!() };
    request.number += 1;
    *operation = (&buy("fish", 1)).into();
    with_doubt.extend([other, refused]);
    let mut doubted = run.clone();
    doubted.events = with_doubt;
    assert_eq!(finding(&doubted, REFUSALS).ruling, Ruling::Pass);
}
