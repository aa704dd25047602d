//! The stock, in an order that explains every answer or in none.

use judge::{Ruling, RunFiles, judge_within};
use view::What;

use crate::world::{World, assert_broken, buy, deposit, finding, good_run, retell, small};

const PROPERTY: &str = "the stock is linearizable";

fn budget(seconds: u64) -> checker::Budget {
    checker::Budget::new(seconds, checker::DEFAULT_BYTES)
}

#[test]
fn a_run_that_kept_its_promises_has_an_order() {
    let told = finding(&good_run(), PROPERTY);
    assert_eq!(told.ruling, Ruling::Pass, "{told}");
    assert_eq!(
        told.evidence,
        "operations: 11, goods: 3, each in one order that explains every answer"
    );
    let nothing = World::new().finish();
    assert_eq!(finding(&nothing, PROPERTY).ruling, Ruling::NeverExercised);
    let in_books = RunFiles { in_books: true, ..good_run() };
    assert_eq!(finding(&in_books, PROPERTY).ruling, Ruling::NotPromised);
}

/// Boar is asked for in vain, and then brought.
fn boar() -> RunFiles {
    let mut world = small();
    world.go(3, buy("boar", 1));
    world.go(1, deposit("boar", 5, 2));
    world.finish()
}

#[test]
fn a_refusal_after_a_deposit_was_confirmed_is_found_whatever_the_trader_says() {
    let mut run = boar();
    assert_eq!(finding(&run, PROPERTY).ruling, Ruling::Pass);
    // The deposit's client had its answer before the other one asked. The trader says the opposite.
    let is_boar = |run: &RunFiles, at: usize| format!("{:?}", run.events[at].what).contains("boar");
    let of_boar: Vec<_> = (0..run.events.len()).filter(|at| is_boar(&run, *at)).collect();
    let [ask, refuse, refused, offer, _, offered] = of_boar[..] else { panic!("{of_boar:?}") };
    let times: Vec<_> = of_boar.iter().map(|at| run.events[*at].time_ns).collect();
    for (at, time) in [(offer, times[0]), (offered, times[1]), (ask, times[2])] {
        run.events[at].time_ns = time;
    }
    for (at, time) in [(refuse, times[3]), (refused, times[5])] {
        run.events[at].time_ns = time;
    }
    run.events.sort_by_key(|event| event.time_ns);
    retell(&mut run);
    let told = finding(&run, PROPERTY);
    assert_eq!(told.ruling, Ruling::Fail, "{told}");
    assert!(told.evidence.starts_with("boar: request "), "{told}");
    assert!(told.evidence.contains("that was refused 1"), "{told}");
    assert!(told.evidence.ends_with("by which 5 units came, 0 left, and 5 were there"), "{told}");
    assert_eq!(finding(&run, "no refusal was false").ruling, Ruling::Pass);
}

#[test]
fn a_sale_of_what_came_later_is_found() {
    let mut run = small();
    run.go(3, buy("fish", 3));
    let mut run = run.finish();
    // The first buyer was told of more than there was.
    for event in &mut run.events {
        if let What::Answered { outcome: market::Outcome::Bought(receipt), .. }
        | What::Sold { receipt, .. } = &mut event.what
            && receipt.quantity == 4
        {
            receipt.quantity = 5;
        }
    }
    retell(&mut run);
    assert_broken(
        &run,
        PROPERTY,
        "fish: request 3.1.2 that took 3 (line 21 of events.jsonl) fits nowhere among what had \
         happened by its answer: the 3 operations from before fit into an order, the last of them \
         request 2.1.1 that took 3 (line 18 of events.jsonl), by which 10 units came, 8 left, and \
         2 were there",
    );
}

#[test]
fn a_search_that_needs_more_than_it_has_leaves_the_question_open() {
    let mut run = boar();
    // Without the traders' word there must be a search.
    run.events.retain(|event| !matches!(event.what, What::Refused { .. }));
    let findings = judge_within(&run, &mut budget(0)).findings;
    let told = findings.into_iter().find(|finding| finding.property == PROPERTY).unwrap();
    assert_eq!(told.ruling, Ruling::Unknown);
    assert_eq!(told.evidence, "the budget of 0 s ran out in the history of boar");
    assert_eq!(finding(&run, PROPERTY).ruling, Ruling::Pass);
}
