//! Worlds of trading houses: a warehouse, traders and customers on a virtual clock, network and disk,
//! replayed exactly from one seed.
//!
//! A seed draws a world ([`Swarm`]): how traders use what they know, what an answered sale outlives,
//! how links behave, and which faults come when. Customers buy and sell while faults come and go;
//! then all faults end, every request must be answered, all terms end, and the books are compared
//! with what customers were told.
//!
//! In some worlds the load rises and falls, and traders are hired for it and sent home ([`Hiring`]),
//! by a provider that may be late, and may fail.
//!
//! Where buddies hold traders' sales, no fault takes the last two that know of one: the loss of one
//! trader is what that promises to outlive.
//!
//! ```
//! let outcome = sim::houses::run(7, &sim::houses::Options::default());
//! assert_eq!(outcome.violation, None);
//! assert!(outcome.contents.buys() >= 500);
//! ```

mod decisions;
mod faults;
mod hired;
mod hiring;
pub mod marks;
mod measure;
mod provider;
mod swarm;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use houses::{Cache, Durability};
use machine::{Instant, Marks};

use crate::coverage::Coverage;
use crate::fault::Plan;
use crate::invariants::Violation;
use crate::sweep::{Tally, least, tally};
pub use hiring::Hiring;
pub use measure::{Figures, Shape, measure};
pub(crate) use swarm::NODES_MAX;
pub use swarm::{FAULTS_MIN, Swarm};
pub use watch::Contents;
use world::HousesWorld;

/// What is the same for all seeds of a run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How all worlds' traders use what they know, instead of each seed's own.
    pub cache: Option<Cache>,
    /// What all worlds' sales outlive, instead of each seed's own.
    pub durability: Option<Durability>,
    /// Whether traders are hired in all worlds, or in none, instead of where a seed draws it.
    pub hires: Option<bool>,
    /// Whether a line an event is written down.
    pub trace: bool,
    /// What goes wrong in all worlds, instead of what each seed draws.
    pub plan: Option<Plan>,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<houses::Planted>,
}

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What the world contained.
    pub contents: Contents,
    /// Whether traders sold from loans.
    pub is_lease: bool,
    /// Whether traders could be hired.
    pub hires: bool,
    /// Virtual time from beginning to end.
    pub virtual_time: Duration,
    /// Faults that came, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages delivered, lost, and doubled.
    pub messages: [u64; 3],
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// How often each rare path was taken.
    pub marks: Marks,
    /// The lines, if they were asked for.
    pub trace: String,
}

/// Runs the world that `seed` stands for.
pub fn run(seed: u64, options: &Options) -> Outcome {
    run_swarm(swarm_of(seed, options), options)
}

/// What `seed` stands for, as far as the options leave it.
pub(crate) fn swarm_of(seed: u64, options: &Options) -> Swarm {
    let mut swarm = Swarm::from_seed(seed, options.hires);
    swarm.cache = options.cache.unwrap_or(swarm.cache);
    swarm.durability = options.durability.unwrap_or(swarm.durability);
    if let Some(plan) = &options.plan {
        swarm.follow(plan);
    }
    swarm
}

/// Runs a world with a plan of its own.
pub fn run_swarm(swarm: Swarm, options: &Options) -> Outcome {
    let mut houses = HousesWorld::new(swarm, options);
    houses.safety_phase();
    houses.heal();
    houses.as_many_as_wanted();
    houses.liveness_phase();
    let HousesWorld { world, watch, swarm, faults, .. } = houses;
    let mut marks = watch.rare.marks;
    marks.add(&world.marks);
    Outcome {
        seed: swarm.seed,
        marks,
        contents: watch.contents,
        is_lease: swarm.cache == Cache::Lease,
        hires: swarm.hiring.is_some(),
        virtual_time: world.now().since(Instant::ZERO),
        faults,
        messages: [world.delivered, world.network.lost, world.network.duplicated],
        violation: watch.violation,
        trace: world.trace().to_owned(),
    }
}

/// What many worlds contained.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// Worlds.
    pub worlds: u64,
    /// Those whose traders sold from loans.
    pub leases: u64,
    /// Those in which traders could be hired.
    pub hiring: u64,
    /// Virtual time.
    pub virtual_time: Duration,
    /// What happened in all of them.
    pub contents: Contents,
    /// The fewest buys that were answered in a world.
    pub buys_min: Option<u64>,
    /// The shortest world.
    pub virtual_time_min: Option<Duration>,
    /// Messages delivered, lost, and doubled.
    pub messages: [u64; 3],
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// The fewest faults in a world.
    pub faults_min: Option<u64>,
    /// In how many worlds each rare path was taken.
    pub coverage: Coverage,
}

impl Tally for Totals {
    type Outcome = Outcome;

    fn worlds(&self) -> u64 {
        self.worlds
    }

    fn add(&mut self, outcome: &Outcome) {
        self.worlds += 1;
        self.coverage.add(&outcome.marks);
        self.leases += u64::from(outcome.is_lease);
        self.hiring += u64::from(outcome.hires);
        self.virtual_time += outcome.virtual_time;
        self.contents.add(&outcome.contents);
        for (total, count) in self.messages.iter_mut().zip(outcome.messages) {
            *total += count;
        }
        for (kind, count) in &outcome.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        least(&mut self.buys_min, outcome.contents.buys());
        least(&mut self.virtual_time_min, outcome.virtual_time);
        least(&mut self.faults_min, outcome.faults.values().sum());
    }
}

/// Runs all `seeds`, or stops after the first violation. The outcome given is that of the lowest
/// failing seed of those that were run, run again for its trace. `progress` hears how many worlds
/// have run, and may end the run.
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
