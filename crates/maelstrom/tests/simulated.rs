//! Clusters of nodes in virtual time, on links that break, from one seed each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod bench;

use std::collections::BTreeSet;
use std::time::Duration;

use bench::judge::{assert_well, judge};
use bench::workload::Kind;
use bench::{Plan, simulated};
use checker::Verdict;
use groupcast::group::{Delivery, Order};
use maelstrom::Settings;

const LASTS: Duration = Duration::from_secs(20);

#[test]
fn all_workloads_are_served_where_nothing_breaks() {
    for (seed, kind) in (1..).zip(Kind::ALL) {
        let bench = simulated::run_well(Plan::new(kind, seed, LASTS));
        let mut errors = bench.counts.keys().filter_map(|kind| kind.strip_prefix("error "));
        // Registers that do not exist or hold something else are no faults.
        assert!(errors.all(|code| ["20", "22"].contains(&code)), "{kind:?}: {:?}", bench.counts);
    }
}

#[test]
fn all_workloads_are_served_through_partitions() {
    let mut errors = BTreeSet::new();
    for kind in Kind::ALL {
        for seed in 1..=4 {
            let plan = Plan::new(kind, seed, LASTS).with_partitions();
            errors.extend(simulated::run_well(plan).counts.into_keys());
        }
    }
    // Else the partitions did no harm, and nothing was shown.
    for code in [0, 11, 13] {
        assert!(errors.contains(&format!("error {code}")), "{code} was never told: {errors:?}");
    }
}

/// Polls whose last step, the commit, was refused by a node that was cut off: they were taken for
/// polls that had not happened, and their messages were missing.
#[test]
fn a_commit_that_is_refused_skips_no_message() {
    for seed in [100, 104, 108] {
        simulated::run_well(Plan::new(Kind::Kafka, seed, LASTS).with_partitions());
    }
}

#[test]
fn what_needs_the_order_survives_deaths() {
    for kind in [Kind::LinKv, Kind::TxnListAppend, Kind::Kafka] {
        for seed in 1..=4 {
            simulated::run_well(Plan::new(kind, seed, 2 * LASTS).with_kills());
        }
    }
}

/// Deaths and partitions at once may cost a group its majority, so that it waits for good. When its
/// nodes had died one after another, a second one was founded: other messages at the same offsets.
#[test]
fn a_group_that_is_lost_is_not_founded_again() {
    let lasts = Duration::from_secs(30);
    let plan = Plan { nodes: 3, loss: 0.03, ..Plan::new(Kind::Kafka, 5016, lasts) };
    let kills = plan.clone().with_kills().faults;
    let mut plan = plan.with_partitions();
    plan.faults.extend(kills);
    let bench = simulated::run(plan, Settings::default());
    let finding = judge(Kind::Kafka, &bench.history).unwrap();
    assert_eq!(finding.verdict, Verdict::Pass, "{}", finding.evidence);
}

#[test]
fn links_may_lose_and_delay() {
    let order = Order::Lamport;
    for (seed, kind) in (1..).zip(Kind::ALL) {
        let delay = Duration::from_millis(200);
        let plan = Plan { loss: 0.05, delay, ..Plan::new(kind, seed, LASTS) };
        for order in [Order::Sequencer, order] {
            let settings = Settings { order, ..Settings::default() };
            assert_well(&simulated::run(plan.clone(), settings));
        }
    }
}

/// Messages between five nodes, an operation of a client: what docs/maelstrom.md says.
#[test]
fn operations_cost_what_the_page_says() {
    let cost = |kind, order, name: &str| {
        let settings = Settings { order, ..Settings::default() };
        let bench = simulated::run(Plan::new(kind, 1, LASTS), settings);
        let asked = bench.counts.get(if kind == Kind::Broadcast { "broadcast" } else { "txn" });
        bench.counts[name] as f64 / *asked.unwrap() as f64
    };
    let costs = [
        cost(Kind::Broadcast, Order::Sequencer, "gossip"),
        cost(Kind::TxnListAppend, Order::Sequencer, "group"),
        cost(Kind::TxnListAppend, Order::Lamport, "group"),
    ];
    assert_eq!(costs.map(|cost| cost.round()), [10.0, 16.0, 23.0], "{costs:?}");
}

#[test]
fn one_seed_is_one_run() {
    let run = || simulated::run_well(Plan::new(Kind::LinKv, 7, LASTS).with_partitions());
    let (one, other) = (run(), run());
    assert_eq!(one.history, other.history);
    assert_eq!(one.counts, other.counts);
}

/// The bench finds what it is for: a sequencer that is cut off, and delivers what only it has.
#[test]
fn agreed_delivery_is_found_not_to_be_linearizable() {
    let settings = Settings { delivery: Delivery::Agreed, ..Settings::default() };
    for kind in [Kind::LinKv, Kind::TxnListAppend] {
        let is_found = |seed| {
            let plan = Plan::new(kind, seed, LASTS).with_partitions();
            let bench = simulated::run(plan, settings.clone());
            judge(kind, &bench.history).is_some_and(|finding| finding.verdict == Verdict::Fail)
        };
        assert!((1..=20).any(is_found), "{kind:?}: not in twenty seeds");
    }
}
