//! What a seed stands for in worlds of trading houses. Each seed draws its own mix of kinds of fault
//! (swarm testing).

use std::time::Duration;

use houses::{Cache, Durability, Refuse, Scaling, Times, TraderChoice};
use machine::{Instant, NodeId, Random};
use peer::Carts;

use super::hiring::{self, HIRED_MAX, Hiring};
use crate::engine::Links;
use crate::fault::{Fault, Plan, Planned, Who};

/// How many kinds of fault a seed can draw.
const DRAWS: u64 = 11;

/// What a seed stands for.
#[derive(Debug, Clone)]
pub struct Swarm {
    /// The seed.
    pub seed: u64,
    /// How many traders there are in any case, numbered from 1; node 0 is the warehouse.
    pub traders: u32,
    /// How others are hired beside them, if any are; their numbers follow.
    pub hiring: Option<Hiring>,
    /// How many customers there are; their numbers follow.
    pub customers: u32,
    /// How links behave when no fault changes them.
    pub links: Links,
    /// The longest time of a write to a disk.
    pub disk_max: Duration,
    /// How long faults go on.
    pub safety_phase: Duration,
    /// The faults, by time.
    pub faults: Vec<Planned>,
    /// How traders use what they know.
    pub cache: Cache,
    /// What an answered sale from a loan outlives.
    pub durability: Durability,
    /// Which trader customers ask.
    pub choice: TraderChoice,
    /// The times that all go by.
    pub times: Times,
    /// Units that a seller brings at the start, and each time after.
    pub stock_max: u32,
    /// After how many records the warehouse replaces its journal by a snapshot.
    pub snapshot_every: u64,
    /// How customers use carts, if they do.
    pub carts: Option<Carts>,
    /// Whether each message is encoded and decoded on its way.
    pub codec: bool,
    /// Whether the safety phase ends though little was bought.
    pub ends_early: bool,
}

/// The most nodes of a world: the warehouse, the traders and the customers.
pub(crate) const NODES_MAX: u32 = 1 + TRADERS_MAX + HIRED_MAX + CUSTOMERS_MAX;
const TRADERS_MAX: u32 = 4;
const CUSTOMERS_MAX: u32 = 8;
/// The fewest faults of a world; some of them find nobody to come to.
pub const FAULTS_MIN: u64 = 6;
/// The most.
const FAULTS_MAX: u64 = 16;

impl Swarm {
    /// What `seed` stands for; with hired traders, without, or as the seed draws it.
    pub fn from_seed(seed: u64, hires: Option<bool>) -> Self {
        let mut random = Random::fork(seed, 0);
        let random = &mut random;
        let millis = Duration::from_millis;
        let safety_phase = Duration::from_secs(60);
        let traders = random.between(1, TRADERS_MAX.into()) as u32;
        let hiring = Hiring::from_seed(seed, hires);
        let hired = hiring.as_ref().map_or(0, |hiring| hiring.most);
        let customers = random.between(3, CUSTOMERS_MAX.into()) as u32;
        let links = Links {
            delay_min: Duration::from_micros(random.between(20, 500)),
            delay_spread: Duration::from_micros(random.between(100, 20_000)),
            straggler_one_in: *random.pick(&[0, 20, 100]).unwrap_or(&0),
            loss: if random.chance(0.5) { random.unit() * 0.1 } else { 0.0 },
            duplication: if random.chance(0.5) { random.unit() * 0.1 } else { 0.0 },
        };
        let refuse = *random
            .pick(&[Refuse::Never, Refuse::Fresh(millis(300)), Refuse::Always])
            .unwrap_or(&Refuse::Always);
        let cache = match random.below(8) {
            0 => Cache::None,
            1 => Cache::TimeToLive { age_max: millis(random.between(50, 2_000)), refuse },
            2 => Cache::Push { period: millis(random.between(5, 500)), refuse },
            _ => Cache::Lease,
        };
        // Drawn apart, so that what earlier seeds stand for stays.
        let more = &mut Random::fork(seed, 3);
        let cache = match cache {
            Cache::Push { period, refuse } if more.chance(0.5) => Cache::Ledger { period, refuse },
            cache => cache,
        };
        let durability =
            [Durability::Warehouse, Durability::Buddy, Durability::Buddy, Durability::TraderLog];
        let durability = *random.pick(&durability).unwrap_or(&Durability::Buddy);
        let mut swarm = Self {
            seed,
            traders,
            hiring,
            customers,
            links,
            disk_max: Duration::from_micros(random.between(50, 20_000)),
            safety_phase,
            faults: faults(traders + hired, customers, safety_phase, random),
            cache,
            durability,
            choice: match random.pick(&[TraderChoice::Random, TraderChoice::Sticky]) {
                Some(TraderChoice::Random) if more.chance(0.3) => TraderChoice::LeastLoaded,
                choice => *choice.unwrap_or(&TraderChoice::Random),
            },
            times: Times {
                beat_period: millis(100),
                beat_limit: millis(random.between(400, 1_500)),
                resend: millis(random.between(100, 400)),
                report_every: millis(random.between(1, 300)),
                recall_limit: millis(random.between(300, 3_000)),
                horizon: millis(random.between(100, 2_000)),
            },
            stock_max: *random.pick(&[3, 20, 100, 2_000]).unwrap_or(&20),
            snapshot_every: random.between(5, 300),
            carts: crate::swarm::carts(seed),
            codec: random.chance(0.2),
            ends_early: false,
        };
        if swarm.hiring.is_some() {
            swarm.faults.extend(hiring::faults(seed, safety_phase));
            swarm.faults.sort_by_key(|planned| planned.at);
        }
        swarm
    }

    /// How many traders may be hired.
    pub fn hired(&self) -> u32 {
        self.hiring.as_ref().map_or(0, |hiring| hiring.most)
    }

    /// How many nodes may be there: the warehouse, all traders, and the customers.
    pub fn nodes(&self) -> u32 {
        1 + self.traders + self.hired() + self.customers
    }

    /// How many traders there are to be.
    pub fn scaling(&self) -> Scaling {
        let tells_loads = self.choice == TraderChoice::LeastLoaded;
        match &self.hiring {
            Some(hiring) => hiring.scaling(self.traders, tells_loads),
            None => Scaling { tells_loads, ..Scaling::fixed(self.traders as usize) },
        }
    }

    /// The same world with another plan. The warehouse, the traders and one customer stay.
    pub fn follow(&mut self, plan: &Plan) {
        self.faults.clone_from(&plan.faults);
        self.safety_phase = plan.faults_end.unwrap_or(self.safety_phase);
        self.links = plan.links(self.links);
        let customers =
            plan.nodes.map(|nodes| nodes.saturating_sub(self.nodes() - self.customers).max(1));
        self.customers = customers.map_or(self.customers, |left| left.min(self.customers));
        self.ends_early = plan.faults_end.is_some();
    }
}

fn faults(traders: u32, customers: u32, within: Duration, random: &mut Random) -> Vec<Planned> {
    let kinds = random.next_u64();
    let count = random.between(FAULTS_MIN, FAULTS_MAX);
    let nodes = 1 + traders + customers;
    // Every other fault is one of the warehouse's or the traders'.
    let victim = |random: &mut Random| {
        let among = if random.chance(0.7) { 1 + traders } else { nodes };
        Who::one(NodeId(random.below(among.into()) as u32))
    };
    let side = |random: &mut Random| {
        let some = (0..nodes).filter(|_| random.chance(0.4));
        Who::Nodes(some.map(NodeId).collect())
    };
    let mut faults: Vec<Planned> = (0..count)
        .map(|_| {
            // One of the kinds of this world.
            let allowed: Vec<u64> = (0..DRAWS).filter(|kind| kinds >> kind & 1 == 1).collect();
            let fault = match random.pick(&allowed).copied().unwrap_or(2) {
                0 => Fault::Partition(side(random)),
                1 => Fault::OneWay(side(random)),
                2 | 3 => Fault::Crash(victim(random)),
                4 | 5 => Fault::Pause(victim(random)),
                6 => Fault::Slow(victim(random), Duration::from_millis(random.between(10, 800))),
                7 => Fault::Loss(random.between(10, 60) as f64 / 100.0),
                8 => Fault::Flap(victim(random)),
                9 => Fault::SlowDisk,
                _ => Fault::Leave(Who::one(NodeId(random.between(1, traders.into()) as u32))),
            };
            let at = Instant::ZERO
                + Duration::from_millis(random.between(200, within.as_millis() as u64));
            Planned { at, lasts: Duration::from_millis(random.between(20, 5_000)), fault }
        })
        .collect();
    faults.sort_by_key(|planned| planned.at);
    faults
}
