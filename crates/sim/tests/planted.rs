//! The checkers are checked: each of the known bugs is found within a thousand seeds.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]
#![cfg(feature = "planted")]

use std::ops::ControlFlow;

use peer::Planted;
use sim::swarm::Handover;
use sim::{Options, run_seeds};

fn found(bug: Planted) -> String {
    found_with(&format!("{bug:?}"), Options { planted: Some(bug), ..Options::default() })
}

fn found_with(bug: &str, options: Options) -> String {
    let (totals, failure) = run_seeds(0..1000, 2, &options, |_| ControlFlow::Continue(()));
    let violation = failure.and_then(|failure| failure.outcome.violation);
    let violation = violation.unwrap_or_else(|| panic!("{bug} was not found in 1000 seeds"));
    println!("{bug} was found after {} worlds: {}", totals.worlds, violation.evidence);
    violation.invariant.to_owned()
}

#[test]
fn two_leaders_without_the_fence_are_found() {
    assert_eq!(found(Planted::NoFence), "one leader an epoch");
}

#[test]
fn a_confirmed_sale_that_was_not_journaled_is_found() {
    assert_eq!(found(Planted::UnjournaledSale), "every confirmed answer survives");
}

/// In worlds where each peer keeps its own book.
fn found_in_books(bug: Planted) -> String {
    let handover = Some(Handover::Sellers);
    let options = Options { planted: Some(bug), handover, ..Options::default() };
    found_with(&format!("{bug:?} in books"), options)
}

#[test]
fn what_is_told_before_all_books_have_it_is_found() {
    let told = "whatever was told stands in all its books";
    assert_eq!(found_in_books(Planted::HastyBooks), told);
    assert_eq!(found_in_books(Planted::UnjournaledSale), told);
    assert_eq!(found_in_books(Planted::NoFence), "one leader an epoch");
}

#[test]
fn a_peer_that_talks_past_its_overlay_is_found() {
    let options = Options { past_overlay: true, ..Options::default() };
    assert_eq!(found_with("talk past the overlay", options), "messages cross edges only");
}

#[test]
fn a_peer_that_comes_back_without_its_history_is_found() {
    // Whichever looks first: what was under way is gone, or what was there is brought again.
    let either = [
        "no request is lost in silence, and none is counted twice",
        "no seller brings a second opening stock",
    ];
    assert!(either.contains(&found(Planted::Amnesia).as_str()));
}

#[test]
fn a_repeated_request_that_was_applied_twice_is_found() {
    // Whichever looks first: the receipt differs from the first one, and from the journal's.
    let either = ["exactly once", "every confirmed answer survives"];
    assert!(either.contains(&found(Planted::ForgetfulSessions).as_str()));
}
