//! Many worlds of members, on all cores.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use super::{Contents, Options, Outcome, run};
use crate::coverage::Coverage;
use crate::sweep::{Tally, least, tally};

/// What many worlds contained.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Worlds.
    pub worlds: u64,
    /// Virtual time.
    pub virtual_time: Duration,
    /// The shortest world.
    pub virtual_time_min: Option<Duration>,
    /// What happened in all of them.
    pub contents: Contents,
    /// The fewest messages that were sent in a world.
    pub sent_min: Option<u64>,
    /// Messages of the protocol delivered, lost, and doubled.
    pub messages: [u64; 3],
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The fewest faults in a world.
    pub faults_min: Option<u64>,
    /// In how many worlds each rare path was taken.
    pub coverage: Coverage,
    /// Worlds whose group lost its majority to crashes: those that may, and others.
    pub lost: [u64; 2],
}

impl Tally for Totals {
    type Outcome = Outcome;

    fn worlds(&self) -> u64 {
        self.worlds
    }

    fn add(&mut self, outcome: &Outcome) {
        self.worlds += 1;
        self.coverage.add(&outcome.marks);
        self.virtual_time += outcome.virtual_time;
        self.contents.add(&outcome.contents);
        for (total, count) in self.messages.iter_mut().zip(outcome.messages) {
            *total += count;
        }
        for (kind, count) in &outcome.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        if outcome.is_lost {
            self.lost[usize::from(!outcome.is_reckless)] += 1;
        }
        // A group that is lost takes no more.
        if !outcome.is_reckless && !outcome.is_lost {
            least(&mut self.sent_min, outcome.contents.sent);
        }
        least(&mut self.faults_min, outcome.faults.values().sum());
        least(&mut self.virtual_time_min, outcome.virtual_time);
    }
}

impl Contents {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.refused += other.refused;
        self.views += other.views;
        self.states += other.states;
        self.removed += other.removed;
        self.left += other.left;
        self.handed_back += other.handed_back;
        self.suspected += other.suspected;
    }
}

/// Runs all `seeds`, or stops after the first violation. The outcome given is that of the lowest
/// failing seed of those that were run, run again for its trace. `progress` hears how many worlds
/// have run, and may end the run: the worlds of the totals are then those of the first seeds.
pub fn run_seeds(
    seeds: Range<u64>,
    threads: usize,
    options: &Options,
    progress: impl Fn(u64) -> ControlFlow<()> + Sync,
) -> (Totals, Option<Outcome>) {
    let (totals, failed) = tally::<Totals>(
        seeds,
        threads,
        |seed| run(seed, options),
        |outcome| outcome.violation.is_some(),
        progress,
    );
    let failure = failed.map(|seed| run(seed, &Options { trace: true, ..options.clone() }));
    (totals, failure)
}
