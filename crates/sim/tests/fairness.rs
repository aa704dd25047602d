//! In which order purchases are served.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use std::time::Duration;

use peer::{Form, OrderPolicy};
use sim::swarm::{Handover, Swarm};
use sim::{Options, Outcome, run_swarm};

/// A world in which nothing fails, but messages overtake each other by far, come twice, and traders
/// resign.
fn calm(seed: u64, order: OrderPolicy) -> Outcome {
    let mut swarm = Swarm::from_seed(seed, 5);
    swarm.faults.clear();
    swarm.links.loss = 0.0;
    swarm.links.delay_spread = Duration::from_millis(60);
    swarm.order = order;
    // What is told leaves in the order of service only where it waits for all that was served before.
    if swarm.handover == Handover::Sellers {
        swarm.handover = Handover::Common;
    }
    swarm.safety_phase = Duration::from_secs(20);
    run_swarm(swarm, &Options { peers: 5, in_order: true, ..Options::default() })
}

#[test]
fn the_stable_form_serves_no_purchase_before_an_earlier_one() {
    for order in [OrderPolicy::Lamport(Form::Stable), OrderPolicy::Vector(Form::Stable)] {
        let mut sold = 0;
        for seed in 0..100 {
            let outcome = calm(seed, order);
            assert_eq!(outcome.violation, None, "seed {seed}, {order:?}");
            sold += outcome.contents.sold;
        }
        assert!(sold > 2_000, "{sold} purchases are too few to tell");
    }
}

#[test]
fn the_eager_form_serves_later_ones_first() {
    for order in [OrderPolicy::Lamport(Form::Eager), OrderPolicy::Vector(Form::Eager)] {
        let violations = (0..20).filter_map(|seed| calm(seed, order).violation);
        let invariants: Vec<_> = violations.map(|violation| violation.invariant).collect();
        assert!(!invariants.is_empty(), "{order:?}");
        assert!(
            invariants.iter().all(|name| *name == "purchases are served in their order"),
            "{order:?}: {invariants:?}"
        );
    }
}
