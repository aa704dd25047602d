//! Carts in whole markets, on both hosts: what is held is bought by its holder, let go, or for sale
//! again when its time is over, whoever trades by then.

mod stage;

use std::collections::BTreeMap;

use machine::Epoch;
use market::{HoldId, Refusal};
use stage::{Run, on_both_hosts};
use view::{Operation, What};

const CARTS: &[&str] = &[
    "run.duration=4s",
    "group.heartbeat_limit=300ms",
    "buyer.cart_probability=0.7",
    "buyer.cart_time_out=60ms",
    "buyer.void_probability=0.2",
    "buyer.forget_probability=0.2",
    "buyer.think={min='1ms',max='8ms'}",
];

/// How carts came to their ends.
#[derive(Debug, Default)]
struct Told {
    held: BTreeMap<HoldId, Epoch>,
    claimed: usize,
    voided: usize,
    timed_out: usize,
    /// Carts that another trader ended than had filled them.
    handed_over: usize,
    /// Refusals of what was in carts.
    in_carts: usize,
}

fn told(run: &Run) -> Told {
    let mut told = Told::default();
    let mut claims = BTreeMap::new();
    for event in &run.events {
        let ended = match &event.what {
            What::Held { epoch, hold, .. } => {
                told.held.insert(*hold, *epoch);
                None
            }
            What::Asked { request, operation: Operation::Claim { hold }, .. } => {
                claims.insert(*request, *hold);
                None
            }
            What::Sold { epoch, request, .. } => {
                told.claimed += usize::from(claims.contains_key(request));
                claims.get(request).map(|hold| (*hold, *epoch))
            }
            What::HoldEnded { epoch, hold, request, .. } => {
                match request {
                    Some(_) => told.voided += 1,
                    None => told.timed_out += 1,
                }
                Some((*hold, *epoch))
            }
            What::Refused { refusal: Refusal::Held { .. }, .. } => {
                told.in_carts += 1;
                None
            }
            _ => None,
        };
        if let Some((hold, epoch)) = ended {
            let is_other = told.held.get(&hold).is_some_and(|filled| *filled != epoch);
            told.handed_over += usize::from(is_other);
        }
    }
    told
}

fn with(sets: &[&'static str]) -> Vec<&'static str> {
    [CARTS, sets].concat()
}

fn assert_used(run: &Run) -> Told {
    let told = told(run);
    assert!(told.claimed > 20, "simulated: {}: {told:?}", run.is_simulated);
    assert!(told.voided > 5 && told.timed_out > 5, "simulated: {}: {told:?}", run.is_simulated);
    let checked = run.checked();
    assert!(checked.contains("a cart is its holder's"), "{checked}");
    told
}

#[test]
fn a_trader_that_dies_leaves_its_carts_to_the_next_one() {
    for handover in ["journal.handover=file", "journal.handover=replicated"] {
        // Long enough to outlive an election.
        let sets = with(&[
            handover,
            "buyer.cart_time_out=800ms",
            "fault=[{at='50%',do='kill',who='trader'}]",
        ]);
        on_both_hosts("market", &sets, |run| {
            let told = assert_used(run);
            assert!(told.handed_over > 0, "{handover}, simulated: {}", run.is_simulated);
        });
    }
}

#[test]
fn the_last_units_are_in_carts_and_not_sold_out() {
    let sets = with(&["seller.stock={min=4,max=8}", "trade.goods=['salt']"]);
    on_both_hosts("market", &sets, |run| {
        let told = assert_used(run);
        assert!(told.in_carts > 5, "simulated: {}: {told:?}", run.is_simulated);
    });
}

#[test]
fn houses_hold_at_the_warehouse_whatever_traders_know() {
    for cache in ["cache=none", "cache=push", "cache=ledger", "cache=lease"] {
        let fault = "fault=[{at='40%',do='kill',who='trader'},{at='60%',do='kill',who=0,for='5%'}]";
        on_both_hosts("trading-houses", &with(&[cache, fault]), |run| {
            assert_used(run);
        });
    }
}
