//! One world of any kind: what its seed draws, and what comes of it under a plan.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Mark, Marks, NodeId};

use crate::fault::{Fault, Plan};
use crate::invariants::Violation;
use crate::run::{self, Options};
use crate::swarm::JOINERS;
use crate::{group, houses};

/// A kind of world, with what is the same for all its seeds.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Peers that trade.
    Market(Options),
    /// Members of a group.
    Group(group::Options),
    /// Trading houses.
    Houses(houses::Options),
}

/// What came of a world, of whatever kind.
#[derive(Debug, Clone)]
pub struct Played {
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// Virtual time from beginning to end.
    pub virtual_time: Duration,
    /// Faults that came, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each rare path was taken.
    pub marks: Marks,
    /// The lines, if they were asked for.
    pub trace: String,
}

impl Kind {
    /// The same kind, with this plan for all its worlds, if there is one.
    pub fn with(mut self, plan: Option<Plan>) -> Self {
        if plan.is_some() {
            match &mut self {
                Self::Market(options) => options.plan = plan,
                Self::Group(options) => options.plan = plan,
                Self::Houses(options) => options.plan = plan,
            }
        }
        self
    }

    /// What goes wrong in the world of this seed.
    pub fn plan(&self, seed: u64) -> Plan {
        match self {
            Self::Market(options) => options.plan.clone(),
            Self::Group(options) => options.plan.clone(),
            Self::Houses(options) => options.plan.clone(),
        }
        .unwrap_or_else(|| self.drawn(seed))
    }

    fn drawn(&self, seed: u64) -> Plan {
        let faults = match self {
            Self::Market(options) => run::swarm_of(seed, options).faults,
            Self::Group(options) => group::swarm_of(seed, options).faults,
            Self::Houses(options) => houses::swarm_of(seed, options).faults,
        };
        Plan { faults, ..Plan::default() }
    }

    /// How many nodes the world of this seed has, as a plan counts them: peers, members, or the
    /// warehouse, its traders and their customers.
    pub fn nodes(&self, seed: u64) -> u32 {
        match self {
            Self::Market(options) => run::swarm_of(seed, options).peers,
            Self::Group(options) => group::swarm_of(seed, options).nodes,
            Self::Houses(options) => houses::swarm_of(seed, options).nodes(),
        }
    }

    /// The fewest nodes that such a world can have. In trading houses the warehouse, all traders and
    /// one customer stay in any case.
    pub fn nodes_min(&self) -> u32 {
        match self {
            Self::Market(_) => 3,
            Self::Group(_) => 2,
            Self::Houses(_) => 3,
        }
    }

    /// The most nodes that a world of any seed has.
    pub fn nodes_max(&self) -> u32 {
        match self {
            Self::Market(options) => options.peers,
            Self::Group(_) => group::NODES_MAX,
            Self::Houses(_) => houses::NODES_MAX,
        }
    }

    /// Whether a fault can come in such a world, if it has the nodes.
    pub fn knows(&self, fault: &Fault) -> bool {
        let is_of_changes = matches!(fault, Fault::CutInChange | Fault::CrashInChange);
        let is_of_markets = matches!(fault, Fault::Resign(_) | Fault::Join(_));
        match self {
            Self::Market(_) => !is_of_changes,
            Self::Group(_) => !is_of_markets && *fault != Fault::SlowDisk,
            Self::Houses(_) => !is_of_markets,
        }
    }

    /// Whether a world of so many nodes has this one, or in a market may have it yet.
    pub fn has(&self, nodes: u32, node: NodeId) -> bool {
        match self {
            Self::Market(_) => (1..=nodes + JOINERS).contains(&node.0),
            Self::Group(_) | Self::Houses(_) => node.0 < nodes,
        }
    }

    /// The rare paths that are marked in such worlds.
    pub fn marks(&self) -> Vec<Mark> {
        use crate::coverage::marks as told;
        use crate::engine::marks as engine;
        let elections = [groupcast::fence::marks::ALL, groupcast::leadership::marks::ALL];
        let houses = [engine::KILLED_WHILE_PAUSED, engine::OWN_JOURNAL_TORN];
        let carts = [
            told::CLAIMED,
            told::CART_VOIDED,
            told::CART_TIMED_OUT,
            told::CLAIMED_TOO_LATE,
            told::ALL_IN_CARTS,
        ];
        match self {
            Self::Market(_) => [
                told::ALL,
                engine::ALL,
                elections[0],
                elections[1],
                groupcast::log::marks::ALL,
                peer::books::marks::ALL,
            ]
            .concat(),
            Self::Group(_) => {
                [&[engine::KILLED_WHILE_PAUSED], groupcast::group::marks::ALL].concat()
            }
            Self::Houses(_) => {
                [&houses, &carts[..], ::houses::marks::ALL, houses::marks::ALL].concat()
            }
        }
    }

    /// Plays the world of a seed, under this plan or its own.
    pub fn play(&self, seed: u64, plan: Option<&Plan>, traced: bool) -> Played {
        macro_rules! played {
            ($options:expr, $run:path) => {{
                let mut options = $options.clone();
                options.trace = traced;
                options.plan = plan.cloned().or(options.plan);
                let outcome = $run(seed, &options);
                Played {
                    violation: outcome.violation,
                    virtual_time: outcome.virtual_time,
                    faults: outcome.faults,
                    marks: outcome.marks,
                    trace: outcome.trace,
                }
            }};
        }
        match self {
            Self::Market(options) => played!(options, run::run),
            Self::Group(options) => played!(options, group::run),
            Self::Houses(options) => played!(options, houses::run),
        }
    }
}
