//! Worlds of members: groups on a virtual clock and network, replayed exactly from one seed.
//!
//! A seed draws a world ([`Swarm`]): the group's order, delivery and limits, how links behave, and
//! which faults come when. In the *safety phase* nodes send at random, faults come and go, and each
//! report is judged by the properties of group communication (in `properties`, a file each). In the
//! *liveness phase* all faults end: one view must hold all nodes within a bounded time, and all
//! that was sent must be delivered.
//!
//! Crashes leave a majority of the present view, because a group in memory mode promises no more
//! than that (SAFETY S4). A few worlds are reckless: there the group may be lost, which means that
//! it waits, and never that it splits.
//!
//! ```
//! let outcome = sim::group::run(7, &sim::group::Options::default());
//! assert_eq!(outcome.violation, None);
//! assert!(outcome.contents.sent >= 500);
//! ```

mod faults;
mod history;
mod liveness;
mod message;
mod properties;
mod record;
mod seeds;
mod storm;
mod swarm;
mod watch;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use groupcast::group::{Delivery, Order};
use machine::{Instant, Marks};

use crate::fault::Plan;
use crate::invariants::Violation;
use world::GroupWorld;

pub use message::MessageId;
pub use seeds::{Totals, run_seeds};
pub use storm::{Stage, storm};
pub(crate) use swarm::NODES_MAX;
pub use swarm::{FAULTS_MIN, Swarm};
pub use watch::Contents;

/// What is the same for all seeds of a run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The order of all worlds, instead of each seed's own.
    pub order: Option<Order>,
    /// The delivery of all worlds, instead of each seed's own.
    pub delivery: Option<Delivery>,
    /// Whether a line an event is written down.
    pub trace: bool,
    /// Whether what members tell is kept, as a run of a group leaves it.
    pub record: bool,
    /// What goes wrong in all worlds, instead of what each seed draws.
    pub plan: Option<Plan>,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<groupcast::group::Planted>,
}

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What the world contained.
    pub contents: Contents,
    /// Virtual time from beginning to end.
    pub virtual_time: Duration,
    /// Faults that came, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages of the protocol delivered, lost, and doubled.
    pub messages: [u64; 3],
    /// Whether crashes took a majority of the view, so that the group waited for good.
    pub is_lost: bool,
    /// Whether the world was one in which they may.
    pub is_reckless: bool,
    /// The first property that did not hold.
    pub violation: Option<Violation>,
    /// How often each rare path was taken.
    pub marks: Marks,
    /// What members told, a line of JSON each, if it was to be kept.
    pub record: Vec<String>,
    /// The lines, if they were asked for.
    pub trace: String,
}

/// Runs the world that `seed` stands for.
pub fn run(seed: u64, options: &Options) -> Outcome {
    run_swarm(swarm_of(seed, options), options)
}

/// What `seed` stands for, as far as the options leave it.
pub(crate) fn swarm_of(seed: u64, options: &Options) -> Swarm {
    let mut swarm = Swarm::from_seed(seed);
    swarm.settings.order = options.order.unwrap_or(swarm.settings.order);
    swarm.settings.delivery = options.delivery.unwrap_or(swarm.settings.delivery);
    if let Some(plan) = &options.plan {
        swarm.follow(plan);
    }
    swarm
}

/// Runs a world with a plan of its own.
pub fn run_swarm(swarm: Swarm, options: &Options) -> Outcome {
    #[cfg(feature = "planted")]
    let swarm = {
        let settings = groupcast::group::Settings { planted: options.planted, ..swarm.settings };
        Swarm { settings, ..swarm }
    };
    let mut group = GroupWorld::new(swarm, options);
    group.safety_phase();
    let mut is_lost = false;
    if group.watch.violation.is_none() {
        group.heal();
        is_lost = !liveness::phase(&mut group);
    }
    let GroupWorld { world, watch, swarm, faults, .. } = group;
    Outcome {
        seed: swarm.seed,
        contents: watch.contents,
        virtual_time: world.now().since(Instant::ZERO),
        faults,
        marks: world.marks.clone(),
        record: watch.record.lines.unwrap_or_default(),
        messages: [world.delivered, world.network.lost, world.network.duplicated],
        is_lost,
        is_reckless: swarm.is_reckless,
        violation: watch.violation,
        trace: world.trace().to_owned(),
    }
}
