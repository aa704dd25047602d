//! Many seeds, on all cores.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use crate::coverage::Coverage;
use crate::run::{Options, Outcome, run};
use crate::sweep::{Tally, least, tally};

/// What many worlds contained.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Worlds.
    pub worlds: u64,
    /// Those whose peers talked along an overlay.
    pub on_overlay: u64,
    /// Virtual time.
    pub virtual_time: Duration,
    /// Buys answered with a sale.
    pub sold: u64,
    /// The fewest sales and filled carts in a world.
    pub trades_min: Option<u64>,
    /// Buys refused.
    pub refused: u64,
    /// Requests whose fate their client never learns.
    pub in_doubt: u64,
    /// Answers given again.
    pub repeated: u64,
    /// Leaders elected.
    pub elections: u64,
    /// Peers that left in good order.
    pub left: u64,
    /// Messages delivered, lost, and doubled.
    pub messages: [u64; 3],
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The fewest faults in a world.
    pub faults_min: Option<u64>,
    /// In how many worlds each rare path was taken.
    pub coverage: Coverage,
    /// The shortest world.
    pub virtual_time_min: Option<Duration>,
}

/// A seed whose world broke an invariant.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The world, with its trace.
    pub outcome: Outcome,
}

impl Tally for Totals {
    type Outcome = Outcome;

    fn worlds(&self) -> u64 {
        self.worlds
    }

    fn add(&mut self, outcome: &Outcome) {
        self.worlds += 1;
        self.coverage.add(&outcome.marks);
        self.on_overlay += u64::from(outcome.on_overlay);
        self.virtual_time += outcome.virtual_time;
        self.sold += outcome.contents.sold;
        self.refused += outcome.contents.refused;
        self.in_doubt += outcome.contents.in_doubt;
        self.repeated += outcome.contents.repeated;
        self.elections += outcome.contents.elections;
        self.left += outcome.contents.left;
        for (total, count) in self.messages.iter_mut().zip(outcome.messages) {
            *total += count;
        }
        for (kind, count) in &outcome.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        least(&mut self.trades_min, outcome.contents.trades());
        least(&mut self.faults_min, outcome.faults.values().sum());
        least(&mut self.virtual_time_min, outcome.virtual_time);
    }
}

/// Runs all `seeds`, or stops after the first violation. The failure is that of the lowest seed of
/// those that were run, and is run again for its trace. `progress` hears how many worlds have run,
/// and may end the run: the worlds of the totals are then those of the first seeds.
pub fn run_seeds(
    seeds: Range<u64>,
    threads: usize,
    options: &Options,
    progress: impl Fn(u64) -> ControlFlow<()> + Sync,
) -> (Totals, Option<Failure>) {
    let (totals, failed) = tally::<Totals>(
        seeds,
        threads,
        |seed| run(seed, options),
        |outcome| outcome.violation.is_some(),
        progress,
    );
    let failure = failed.map(|seed| {
        let options = Options { trace: true, ..options.clone() };
        Failure { outcome: run(seed, &options) }
    });
    (totals, failure)
}
