//! The checkers of trading houses are checked: each of the known bugs is found.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]
#![cfg(feature = "planted")]

use std::ops::ControlFlow;

use houses::{Cache, Durability, Planted};
use sim::houses::{Options, run_seeds};

fn found(bug: Planted, durability: Durability) -> String {
    let options = Options {
        planted: Some(bug),
        cache: Some(Cache::Lease),
        durability: Some(durability),
        ..Options::default()
    };
    let (totals, failure) = run_seeds(0..2000, 2, &options, |_| ControlFlow::Continue(()));
    let violation = failure.and_then(|outcome| outcome.violation);
    let violation = violation.unwrap_or_else(|| panic!("{bug:?} was not found in 2000 seeds"));
    println!("{bug:?} was found after {} worlds: {}", totals.worlds, violation.evidence);
    violation.invariant.to_owned()
}

const TOLD: &str = "the books are what customers were told";

#[test]
fn a_term_that_was_ended_without_its_buddy_is_found() {
    let invariants = [TOLD, "a request has one effect", "a buyer is told what was sold"];
    let found = found(Planted::HastyFence, Durability::Buddy);
    assert!(invariants.contains(&found.as_str()), "{found}");
}

#[test]
fn a_retry_that_was_decided_without_its_home_is_found() {
    let invariants =
        [TOLD, "each machine's own", "a request has one effect", "a buyer is told what was sold"];
    let found = found(Planted::UnshutRetry, Durability::Buddy);
    assert!(invariants.contains(&found.as_str()), "{found}");
}

#[test]
fn a_hired_trader_that_goes_with_what_it_holds_for_others_is_found() {
    let invariants =
        ["nobody counts on who has left", TOLD, "every term ends", "a request has one effect"];
    let found = found(Planted::HastyLeave, Durability::Buddy);
    assert!(invariants.contains(&found.as_str()), "{found}");
}

#[test]
fn traders_that_are_sent_home_at_each_dip_of_the_load_are_found() {
    let found = found(Planted::NoCalm, Durability::Warehouse);
    assert_eq!(found, "the number of traders wanted does not flap");
}

#[test]
fn a_yes_that_nobody_else_knew_of_is_found() {
    let invariants = [TOLD, "a request has one effect", "a buyer is told what was sold"];
    for durability in [Durability::Warehouse, Durability::Buddy] {
        let found = found(Planted::EarlyYes, durability);
        assert!(invariants.contains(&found.as_str()), "{found}");
    }
}
