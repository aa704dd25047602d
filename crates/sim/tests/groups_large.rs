//! A large group: a storm of joins, a third lost at once, and all back.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

use groupcast::group::{Delivery, Order};
use sim::group::storm;

#[test]
fn fifty_members_come_together_lose_a_third_and_take_it_in_again() {
    for (order, delivery) in
        [(Order::Sequencer, Delivery::Safe), (Order::Lamport, Delivery::Agreed)]
    {
        for stage in storm(1, 50, order, delivery) {
            println!("{order} {delivery}: {stage:?}");
            assert!(stage.is_reached, "{stage:?}");
        }
    }
}
