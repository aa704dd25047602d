//! One seed, from its beginning to its outcome.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Instant, Marks};

use crate::fault::Plan;
use crate::invariants::{Contents, Violation};
use crate::liveness;
use crate::market_world::MarketWorld;
use crate::swarm::{Handover, Swarm};

/// What is the same for all seeds of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Peers in a world, at least 3.
    pub peers: u32,
    /// Whether a line an event is written down.
    pub trace: bool,
    /// Whether purchases must be served in the order of their stamps: for worlds without faults,
    /// in the stable form.
    pub in_order: bool,
    /// Where all markets are held; each seed's own if none.
    pub handover: Option<Handover>,
    /// What goes wrong in all worlds, instead of what each seed draws.
    pub plan: Option<Plan>,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<peer::Planted>,
    /// Another one: peers talk to all, though their world has an overlay.
    #[cfg(feature = "planted")]
    pub past_overlay: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            peers: 10,
            trace: false,
            in_order: false,
            handover: None,
            plan: None,
            #[cfg(feature = "planted")]
            planted: None,
            #[cfg(feature = "planted")]
            past_overlay: false,
        }
    }
}

/// What came of one seed.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// What the world contained.
    pub contents: Contents,
    /// Whether peers talked along an overlay.
    pub on_overlay: bool,
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
    let mut swarm = Swarm::from_seed(seed, options.peers);
    swarm.handover = options.handover.unwrap_or(swarm.handover);
    if let Some(plan) = &options.plan {
        swarm.follow(plan);
    }
    swarm
}

/// Runs a world with a plan of its own.
pub fn run_swarm(swarm: Swarm, options: &Options) -> Outcome {
    let seed = swarm.seed;
    let mut market = MarketWorld::new(swarm, options);
    market.safety_phase();
    if market.watch.violation.is_none() {
        market.heal();
        liveness::phase(&mut market);
    }
    let MarketWorld { world, watch, faults, swarm, .. } = market;
    let mut marks = watch.rare.marks;
    marks.add(&world.marks);
    Outcome {
        seed,
        marks,
        contents: watch.contents.clone(),
        on_overlay: swarm.overlay.is_some(),
        virtual_time: world.now().since(Instant::ZERO),
        faults,
        messages: [world.delivered, world.network.lost, world.network.duplicated],
        violation: watch.violation,
        trace: world.trace().to_owned(),
    }
}
