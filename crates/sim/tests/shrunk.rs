//! Known bugs are not only found: the plan of the world that shows one shrinks to a few faults that
//! show the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]
#![cfg(feature = "planted")]

use groupcast::group::{Delivery, Order};
use houses::{Cache, Durability};
use sim::fault::Plan;
use sim::swarm::Handover;
use sim::{Kind, Options, PLAYS_MAX, shrink};

/// What is left of the world of the first seed from `from` on that shows the bug.
fn shrunk(bug: &str, kind: &Kind, from: u64) -> Plan {
    let breaks = |seed: &u64| kind.play(*seed, None, false).violation.is_some();
    let seed = (from..2000).find(breaks).unwrap_or_else(|| panic!("{bug} was not found"));
    let shrunk = shrink(kind, seed, PLAYS_MAX, |_| {}).unwrap();
    let (before, left) = (shrunk.faults_before, shrunk.plan.faults.len());
    println!(
        "{bug}: seed {seed}, {before} faults to {left} in {} plays: {:?}",
        shrunk.plays, shrunk.plan
    );
    assert!(!shrunk.is_cut_short, "{bug}");
    let first = kind.play(seed, None, false).violation.unwrap();
    let again = kind.play(seed, Some(&shrunk.plan), false).violation.unwrap();
    assert_eq!(again, shrunk.violation, "{bug}: what is told of the plan is what it does");
    assert_eq!(again.invariant, first.invariant, "{bug}");
    for left_out in 0..left {
        let mut fewer = shrunk.plan.clone();
        fewer.faults.remove(left_out);
        let found = kind.play(seed, Some(&fewer), false).violation;
        let is_same = found.is_some_and(|found| found.invariant == first.invariant);
        assert!(!is_same, "{bug}: fault {left_out} could be left out: {:?}", shrunk.plan);
    }
    shrunk.plan
}

#[test]
fn bugs_of_markets_shrink_to_a_few_faults() {
    use peer::Planted::{Amnesia, ForgetfulSessions, HastyBooks, NoFence, UnjournaledSale};
    let sellers = Some(Handover::Sellers);
    for (bug, handover, most) in [
        (NoFence, None, 2),
        (UnjournaledSale, None, 0),
        (ForgetfulSessions, None, 2),
        (Amnesia, None, 3),
        (HastyBooks, sellers, 2),
    ] {
        let options = Options { planted: Some(bug), handover, ..Options::default() };
        let plan = shrunk(&format!("{bug:?}"), &Kind::Market(options), 0);
        assert!(plan.faults.len() <= most, "{bug:?}: {plan:?}");
    }
    let options = Options { past_overlay: true, ..Options::default() };
    let plan = shrunk("messages past the overlay", &Kind::Market(options), 0);
    assert!(plan.faults.len() <= 1, "{plan:?}");
}

#[test]
fn bugs_of_groups_shrink_to_a_few_faults() {
    use groupcast::group::Planted::{
        AcceptedForgotten, CausesIgnored, ClockIgnored, CutOfItsOwn, NotSentAgain, OrderNotFlushed,
        SafeOnReceipt,
    };
    for (bug, order, delivery, most) in [
        (CutOfItsOwn, None, None, 2),
        (AcceptedForgotten, None, None, 4),
        (NotSentAgain, None, None, 2),
        (CausesIgnored, Some(Order::Causal), None, 2),
        (ClockIgnored, Some(Order::Lamport), None, 2),
        (OrderNotFlushed, Some(Order::Sequencer), None, 2),
        (SafeOnReceipt, Some(Order::Fifo), Some(Delivery::Safe), 2),
    ] {
        let planted = Some(bug);
        let options = sim::group::Options { planted, order, delivery, ..Default::default() };
        // It is rare.
        let from = if bug == AcceptedForgotten { 330 } else { 0 };
        let plan = shrunk(&format!("{bug:?}"), &Kind::Group(options), from);
        assert!(plan.faults.len() <= most, "{bug:?}: {plan:?}");
    }
}

#[test]
fn bugs_of_trading_houses_shrink_to_a_few_faults() {
    use houses::Planted::{EarlyYes, HastyFence, UnshutRetry};
    for (bug, most) in [(HastyFence, 5), (UnshutRetry, 3), (EarlyYes, 3)] {
        let options = sim::houses::Options {
            planted: Some(bug),
            cache: Some(Cache::Lease),
            durability: Some(Durability::Buddy),
            ..Default::default()
        };
        let plan = shrunk(&format!("{bug:?}"), &Kind::Houses(options), 0);
        assert!(plan.faults.len() <= most, "{bug:?}: {plan:?}");
    }
}
