//! Worlds: seeds that once showed a bug, a fixed set, and fresh ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod common;

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use machine::{Instant, Mark};
use sim::fault::{Fault, Planned, Who};
use sim::swarm::{Handover, Swarm};
use sim::{Kind, Options, coverage, engine, run, run_seeds, run_swarm};

/// Seeds whose worlds showed a bug that was then mended, and which.
const ONCE_BROKEN: &[(u64, &str)] = &[
    (0, "a market replayed from its journal forgot when clients were heard"),
    (3, "a leader was taken for alive because it still said other things than that it leads"),
    (72, "a deposed trader's own requests went unreported with its refused writes"),
    (556, "what waited for a node's own journal stayed behind a refused write to the common one"),
    (612, "a trader resigned while its market was being wound down"),
    (3064, "a seller left while a cart held units of it, which came back on sale"),
    (2_027_135, "a cart ended as the world did, and the seller that leaves withdrew its units"),
    (3_018_667, "the same, while the answer to the seller waited for the seller's own disk"),
    (438_437, "a market was compared with its journal while a write was on its way to the disk"),
];

/// What these worlds never do: they strike no node twice at once, ask for no more than fits, and a
/// fence of a majority lets no winner claim below another one.
const NEVER_EXERCISED: &[Mark] =
    &[engine::marks::KILLED_WHILE_PAUSED, engine::marks::CLAIM_REFUSED, coverage::marks::LIMIT];

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn hold(seeds: Range<u64>) -> sim::Totals {
    let (totals, failure) =
        run_seeds(seeds, threads(), &Options::default(), |_| ControlFlow::Continue(()));
    if let Some(failure) = failure {
        let lines: Vec<&str> = failure.outcome.trace.lines().collect();
        let last = lines[lines.len().saturating_sub(60)..].join("\n");
        let seed = failure.outcome.seed;
        panic!("{last}\nseed {seed}: {:?}", failure.outcome.violation);
    }
    totals
}

#[test]
fn worlds_that_once_broke_hold_now() {
    for &(seed, bug) in ONCE_BROKEN {
        let outcome = run(seed, &Options::default());
        assert_eq!(outcome.violation, None, "seed {seed}: {bug}");
    }
}

#[test]
fn no_world_of_a_fixed_set_breaks_and_each_is_worth_its_time() {
    let totals = hold(0..1000);
    assert!(totals.virtual_time_min.unwrap().as_secs() >= 60, "{totals:?}");
    assert!(totals.trades_min.unwrap() >= 500, "{totals:?}");
    assert!(totals.faults_min.unwrap() >= 3, "{totals:?}");
    assert_eq!(totals.faults.len(), 11, "every kind of fault came: {totals:?}");
    assert!(totals.on_overlay > 300, "peers talked along overlays: {totals:?}");
    assert!(totals.left > 0, "peers left in good order: {totals:?}");
    assert!(totals.repeated > 0 && totals.in_doubt > 0, "rare things happened: {totals:?}");
    let kind = Kind::Market(Options::default());
    common::all_exercised_but(&kind, &totals.coverage, NEVER_EXERCISED);
}

#[test]
fn no_fresh_world_breaks() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    // Far from the fixed set, and short enough to be typed.
    let first = 1_000_000 + now.as_millis() as u64 % 1_000_000_000;
    println!("first fresh seed: {first}");
    hold(first..first + 1000);
}

#[test]
fn markets_of_other_sizes_hold() {
    // In a small group each vote counts, so that a bug in the fence shows there first.
    for (peers, seeds) in [(3, 1500), (4, 500), (5, 500), (25, 20)] {
        let options = Options { peers, ..Options::default() };
        let (_, failure) = run_seeds(0..seeds, threads(), &options, |_| ControlFlow::Continue(()));
        let violation = failure.map(|failure| (failure.outcome.seed, failure.outcome.violation));
        assert_eq!(violation, None, "{peers} peers");
    }
}

#[test]
fn markets_in_books_hold() {
    for (peers, seeds) in [(3, 500), (5, 300), (10, 300)] {
        let handover = Some(Handover::Sellers);
        let options = Options { peers, handover, ..Options::default() };
        let (_, failure) = run_seeds(0..seeds, threads(), &options, |_| ControlFlow::Continue(()));
        let violation = failure.map(|failure| (failure.outcome.seed, failure.outcome.violation));
        assert_eq!(violation, None, "{peers} peers");
    }
}

#[test]
fn the_same_seed_gives_the_same_log_byte_for_byte() {
    let options = Options { trace: true, ..Options::default() };
    for seed in 0..20 {
        let (one, other) = (run(seed, &options), run(seed, &options));
        assert!(one.trace.lines().count() > 10_000, "seed {seed} left a log");
        assert!(one.trace == other.trace, "seed {seed} gave two logs");
        // To write it down changes nothing.
        let silent = run(seed, &Options::default());
        assert_eq!(silent.contents, one.contents);
    }
}

/// A seed's world on links that lose nothing, with this fault every ten seconds and no other.
fn world_of(seed: u64, fault: &Fault, lasts: Duration) -> Swarm {
    let options = Options::default();
    let mut swarm = Swarm::from_seed(seed, options.peers);
    (swarm.links.loss, swarm.links.duplication, swarm.links.straggler_one_in) = (0.0, 0.0, 0);
    swarm.resign_probability = 0.0;
    let planned = (1..=5).map(|n| Planned {
        at: Instant::from_nanos(n * 10_000_000_000),
        lasts,
        fault: fault.clone(),
    });
    swarm.faults = planned.collect();
    swarm
}

#[test]
fn a_slow_disk_accuses_nobody() {
    for seed in 0..40 {
        // Its writes take up to two seconds, twice the limit of a heartbeat.
        let swarm = world_of(seed, &Fault::SlowDisk, Duration::from_secs(8));
        let outcome = run_swarm(swarm, &Options::default());
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert_eq!(outcome.contents.elections, 1, "seed {seed}: heartbeats wait for no disk");
    }
}

#[test]
fn each_trader_that_is_lost_is_replaced_by_one_election() {
    let who = || Who::Leader;
    let faults = [Fault::Crash(who()), Fault::Pause(who()), Fault::Resign(who())];
    for (seed, fault) in (0..40).zip(faults.iter().cycle()) {
        let swarm = world_of(seed, fault, Duration::from_secs(5));
        let outcome = run_swarm(swarm, &Options::default());
        assert_eq!(outcome.violation, None, "seed {seed}");
        assert_eq!(outcome.contents.elections, 6, "seed {seed}: the first, and one a {fault:?}");
    }
}
