//! Worlds of trading houses: seeds that once showed a bug, a fixed set of each kind, and fresh ones.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the functions that tests share")]

mod common;

use std::ops::{ControlFlow, Range};
use std::time::Duration;

use houses::{Cache, Durability, Refuse, marks};
use machine::Mark;
use sim::coverage::Coverage;
use sim::houses::{FAULTS_MIN, Options, Totals, run, run_seeds};
use sim::{Kind, engine};

/// Seeds whose worlds without hired traders showed a bug that was then mended, and which.
const ONCE_BROKEN: &[(u64, &str)] = &[
    (12, "a trader cut off from the warehouse never heard that its term was over"),
    (19, "a term that its trader had never heard of was waited for in vain"),
    (67, "a sale that the warehouse had taken and forgotten was asked for again and again"),
    (414, "a late copy of a request was sold to, when what shut it had been forgotten"),
    (9, "a sale not yet reported was passed on as none, for its answer was forgotten here"),
    (2550, "an answer that nothing was known was followed by a sale"),
    (3079, "one copy of a request was denied by a trader's counts, and another was sold to"),
    (7771, "a trader retired while the term that it had asked for began"),
];

/// The same of worlds with hired traders, whose sales buddies hold.
const ONCE_BROKEN_HIRING: &[(u64, &str)] = &[
    (380, "a hired trader left that the books named as a buddy since an earlier life of it"),
    (602_487, "a term waited for a hired buddy that had died and was not wanted any more"),
    (2348, "a hired trader left before it was heard that it had begun a new life"),
];

/// What these worlds never do: they strike no node twice at once, and take no two that know of a
/// sale, so that nothing is written off; and what one world in two hundred does, or fewer.
const NEVER_EXERCISED: &[Mark] = &[
    engine::marks::KILLED_WHILE_PAUSED,
    marks::WRITTEN_OFF,
    marks::RECALL_OVERDUE,
    marks::LENT_TO_FENCED,
];

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
    let options = Options { hires: Some(false), ..Options::default() };
    for (seed, bug) in ONCE_BROKEN {
        assert_eq!(run(*seed, &options).violation, None, "seed {seed}: {bug}");
    }
    let (cache, durability) = (Some(Cache::Lease), Some(Durability::Buddy));
    let options = Options { hires: Some(true), cache, durability, ..Options::default() };
    for (seed, bug) in ONCE_BROKEN_HIRING {
        assert_eq!(run(*seed, &options).violation, None, "seed {seed}: {bug}");
    }
}

#[test]
fn no_world_of_a_fixed_set_breaks_whatever_traders_know_and_a_sale_outlives() {
    let (age_max, period) = (Duration::from_millis(500), Duration::from_millis(100));
    let kinds = [
        (Cache::None, Durability::Warehouse),
        (Cache::TimeToLive { age_max, refuse: Refuse::Always }, Durability::Warehouse),
        (Cache::Push { period, refuse: Refuse::Always }, Durability::Warehouse),
        (Cache::Ledger { period, refuse: Refuse::Always }, Durability::Warehouse),
        (Cache::Lease, Durability::Warehouse),
        (Cache::Lease, Durability::Buddy),
        (Cache::Lease, Durability::TraderLog),
    ];
    let mut coverage = Coverage::default();
    for (cache, durability) in kinds {
        let (cache_set, durability) = (Some(cache), Some(durability));
        let of_kind = Options { cache: cache_set, durability, ..Options::default() };
        let totals = hold(0..40, &Options { hires: Some(true), ..of_kind.clone() });
        assert!(totals.contents.rises > 100 && totals.contents.falls > 100, "{totals:?}");
        coverage.join(&totals.coverage);
        let totals = hold(0..40, &Options { hires: Some(false), ..of_kind });
        let contents = &totals.contents;
        assert!(totals.faults_min.unwrap() + 3 >= FAULTS_MIN, "{totals:?}");
        assert!(totals.virtual_time_min.unwrap() >= Duration::from_secs(60), "{totals:?}");
        assert!(totals.buys_min.unwrap() >= 500, "{totals:?}");
        assert!(contents.sold > 10_000 && contents.refused > 1_000, "{totals:?}");
        assert_eq!(contents.loans > 0, cache == Cache::Lease, "{totals:?}");
        let is_ledger = matches!(cache, Cache::Ledger { .. });
        assert_eq!(contents.promised > 10_000, is_ledger, "{totals:?}");
        assert_eq!(contents.taken_back > 0, is_ledger, "{totals:?}");
        assert_eq!(contents.denied > 0, totals.contents.loans == 0 && cache != Cache::None);
        coverage.join(&totals.coverage);
    }
    let kind = Kind::Houses(Options::default());
    common::all_exercised_but(&kind, &coverage, NEVER_EXERCISED);
}

/// About as many as two slow cores play in two minutes.
const FRESH: u64 = 5_000;

#[test]
fn no_fresh_world_breaks() {
    let first =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    println!("fresh seeds from {first}");
    hold(first..first + FRESH, &Options::default());
}

#[test]
fn the_same_seed_is_the_same_world() {
    let options = Options { trace: true, ..Options::default() };
    for seed in 0..4 {
        assert_eq!(run(seed, &options).trace, run(seed, &options).trace);
    }
}
