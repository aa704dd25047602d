//! Worlds of members: seeds that once showed a bug, a fixed set of each order, and fresh ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod common;

use std::ops::{ControlFlow, Range};

use groupcast::group::{Delivery, Order, marks};
use machine::Mark;
use sim::group::{FAULTS_MIN, Options, Totals, run, run_seeds};
use sim::{Kind, engine};

/// Seeds whose worlds showed a bug that was then mended, the order they are run in if it is not
/// their own, and which bug.
const ONCE_BROKEN: &[(u64, Option<Order>, &str)] = &[
    (10, None, "a member without state sent, and sent again what the view before had delivered"),
    (14, None, "a change waited for good for those that had promised and crashed"),
    (28, None, "a coordinator that had started again was taken for the member it had been"),
    (171, None, "the only one to know how the view ended had left, and told nobody"),
    (251, None, "a joiner was never heard by the coordinator, because others asked for it"),
    (4332, Some(Order::Sequencer), "the one member with state crashed before it had given it"),
    (27_035, Some(Order::Fifo), "a late request let in a member that had asked anew since"),
    (
        40_256,
        Some(Order::Sequencer),
        "a member held on to its own proposal, whose members were gone",
    ),
    (
        49_847,
        Some(Order::Causal),
        "a leaver counted on one that had started again to have the state",
    ),
    (5921, Some(Order::Sequencer), "a member asked once only for the end of its view"),
    (28_110, None, "nobody supported a coordinator that had promised a member that crashed"),
    (87_532, None, "the same in a group of three, whose third member came back"),
    (71_513, None, "a member that had not heard of its view asked those who had left it alone"),
    (66_330, None, "a late request let a member in, and its new name removed it, again and again"),
];

/// What these worlds never do: they strike no node twice at once; and what one world in five hundred
/// does.
const NEVER_EXERCISED: &[Mark] =
    &[engine::marks::KILLED_WHILE_PAUSED, marks::FAR_BEHIND, marks::UNBALANCED];

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn hold(seeds: Range<u64>, options: &Options) -> Totals {
    let (totals, failure) = run_seeds(seeds, threads(), options, |_| ControlFlow::Continue(()));
    if let Some(outcome) = failure {
        let lines: Vec<&str> = outcome.trace.lines().collect();
        let last = lines[lines.len().saturating_sub(60)..].join("\n");
        panic!("{last}\nseed {} of {options:?}: {:?}", outcome.seed, outcome.violation);
    }
    totals
}

#[test]
fn worlds_that_once_broke_hold_now() {
    for &(seed, order, bug) in ONCE_BROKEN {
        let outcome = run(seed, &Options { order, ..Options::default() });
        assert_eq!(outcome.violation, None, "seed {seed}: {bug}");
    }
}

#[test]
fn no_world_of_a_fixed_set_breaks_in_any_order_and_delivery() {
    for order in Order::ALL {
        for delivery in Delivery::ALL {
            let options =
                Options { order: Some(order), delivery: Some(delivery), ..Options::default() };
            let totals = hold(0..50, &options);
            assert!(totals.virtual_time_min.unwrap().as_secs() >= 60, "{totals:?}");
            assert!(totals.faults_min.unwrap() + 1 >= FAULTS_MIN, "{totals:?}");
            assert!(totals.contents.delivered > totals.contents.sent, "{totals:?}");
        }
    }
}

#[test]
fn no_world_breaks_and_each_is_worth_its_time() {
    let totals = hold(0..300, &Options::default());
    assert!(totals.sent_min.unwrap() >= 500, "{totals:?}");
    assert_eq!(totals.faults.len(), 11, "every kind of fault came: {totals:?}");
    let contents = totals.contents;
    let rare = [contents.refused, contents.removed, contents.left, contents.handed_back];
    assert!(rare.iter().all(|&count| count > 100), "rare things happened: {totals:?}");
    // A crash may take a member that a proposal under way counts on; not often.
    assert!(totals.lost[1] * 50 < totals.worlds, "few groups are lost: {totals:?}");
    assert!(totals.lost[0] > 0, "reckless worlds lose theirs: {totals:?}");
    let kind = Kind::Group(Options::default());
    common::all_exercised_but(&kind, &totals.coverage, NEVER_EXERCISED);
}

#[test]
fn no_fresh_world_breaks() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    // Far from the fixed set, and short enough to be typed.
    let first = 1_000_000 + now.as_millis() as u64 % 1_000_000_000;
    println!("first fresh seed: {first}");
    hold(first..first + 200, &Options::default());
}

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    let options = Options { trace: true, ..Options::default() };
    for seed in 0..8 {
        let (one, other) = (run(seed, &options), run(seed, &options));
        assert!(one.trace.lines().count() > 5_000, "seed {seed} left a log");
        assert!(one.trace == other.trace, "seed {seed} gave two logs");
        // To write it down changes nothing.
        assert_eq!(run(seed, &Options::default()).contents, one.contents);
    }
}
