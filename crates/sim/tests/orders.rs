//! The orders beside each other: what each costs follows from what it promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use groupcast::group::{Delivery, Order};
use sim::orders::{DELAY, Row, measure, measure_with};

fn quiet(order: Order, delivery: Delivery, members: u32) -> Row {
    let row = measure(order, delivery, members).unwrap();
    assert!(row.crash.gap_delays < 20.0, "a crash costs some round trips: {row:?}");
    row
}

/// Own delivery and that of the others, in delays, rounded.
fn delays(row: &Row) -> (u64, u64) {
    (row.quiet.own_delays.round() as u64, row.quiet.others_delays.round() as u64)
}

#[test]
fn without_a_common_order_nobody_waits() {
    for order in [Order::Fifo, Order::Causal] {
        for members in [3, 4, 7] {
            assert_eq!(
                delays(&quiet(order, Delivery::Agreed, members)),
                (0, 1),
                "{order} {members}"
            );
        }
    }
}

#[test]
fn a_common_order_takes_a_round_trip_and_so_does_safety_with_three() {
    for order in [Order::Sequencer, Order::Lamport] {
        for delivery in Delivery::ALL {
            let row = quiet(order, delivery, 3);
            assert_eq!(delays(&row).0, 2, "{row:?}");
        }
    }
    // With more members a majority has to answer the coordinator, and it has to say so.
    assert_eq!(delays(&quiet(Order::Sequencer, Delivery::Safe, 9)), (4, 4));
}

#[test]
fn everybody_answers_everybody_in_lamports_order() {
    for members in [3, 5, 9, 15] {
        let row = quiet(Order::Lamport, Delivery::Agreed, members);
        let all_to_all = f64::from(members * (members - 1));
        assert!((row.quiet.messages - all_to_all).abs() < 0.5, "{row:?}");
    }
}

#[test]
fn a_sequencers_cost_grows_with_the_members_and_not_with_their_square() {
    let small = quiet(Order::Sequencer, Delivery::Safe, 10).quiet.messages;
    let large = quiet(Order::Sequencer, Delivery::Safe, 40).quiet.messages;
    assert!(large / small < 6.0, "{small} {large}");
    let lamport = quiet(Order::Lamport, Delivery::Safe, 40).quiet.messages;
    assert!(lamport > 5.0 * large, "{lamport} {large}");
}

#[test]
fn under_load_what_is_said_rides_on_what_is_sent() {
    for order in Order::ALL {
        let row = measure(order, Delivery::Agreed, 7).unwrap();
        assert!(row.busy.messages < 1.3 * 6.0, "hardly more than the packs themselves: {row:?}");
    }
}

/// Between what is measured with loss and the crash nothing is sent for 5 s, which is no gap.
#[test]
fn a_crashs_gap_begins_with_the_crash() {
    let row = measure_with(Order::Lamport, Delivery::Agreed, 5, 0.05, 2).unwrap();
    let gap_seconds = row.crash.gap_delays * DELAY.as_secs_f64();
    assert!(gap_seconds < 1.0, "{row:?}");
}
