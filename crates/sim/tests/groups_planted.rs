//! The properties are checked: each of some known bugs of a group is found within a thousand seeds,
//! and by a property that names it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]
#![cfg(feature = "planted")]

use std::ops::ControlFlow;

use groupcast::group::{Delivery, Order, Planted};
use sim::group::{Options, run_seeds};

fn found(bug: Planted, order: Option<Order>, delivery: Option<Delivery>) -> String {
    let options = Options { planted: Some(bug), order, delivery, ..Options::default() };
    let (totals, failure) = run_seeds(0..1000, 2, &options, |_| ControlFlow::Continue(()));
    let violation = failure.and_then(|outcome| outcome.violation);
    let violation = violation.unwrap_or_else(|| panic!("{bug:?} was not found in 1000 seeds"));
    let (invariant, evidence) = (violation.invariant, violation.evidence);
    println!("{bug:?} was found after {} worlds: {invariant}: {evidence}", totals.worlds);
    invariant.to_owned()
}

#[test]
fn a_cut_by_one_members_holdings_is_found() {
    let property = found(Planted::CutOfItsOwn, None, None);
    println!("{property}");
}

#[test]
fn a_voter_that_forgets_what_it_accepted_is_found() {
    found(Planted::AcceptedForgotten, None, None);
}

#[test]
fn messages_that_are_not_sent_again_are_found() {
    found(Planted::NotSentAgain, None, None);
}

#[test]
fn causes_that_are_ignored_are_found() {
    assert_eq!(found(Planted::CausesIgnored, Some(Order::Causal), None), "causal order");
}

#[test]
fn a_clock_that_is_ignored_is_found() {
    found(Planted::ClockIgnored, Some(Order::Lamport), None);
}

#[test]
fn an_order_that_is_not_flushed_is_found() {
    found(Planted::OrderNotFlushed, Some(Order::Sequencer), None);
}

#[test]
fn safe_delivery_on_receipt_is_found() {
    let property = found(Planted::SafeOnReceipt, Some(Order::Fifo), Some(Delivery::Safe));
    assert_eq!(property, "uniformity");
}
