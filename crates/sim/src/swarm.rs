//! What a seed stands for: how the links of its world behave, how its peers do, and which faults
//! come when. Each seed draws its own mix, so that some worlds have one kind of fault only and
//! others have all of them (swarm testing).

use std::collections::BTreeSet;
use std::time::Duration;

use groupcast::leadership::Bar;
use groupcast::overlay::Overlay;
use machine::{Instant, NodeId, Random};
use peer::{Carts, Form, OrderPolicy};

use crate::engine::Links;
use crate::fault::{Fault, Plan, Planned, Who};

/// How many kinds of fault a seed can draw.
const DRAWS: u64 = 13;
/// How many nodes may join a world beside its first peers; their numbers follow.
pub const JOINERS: u32 = 2;

/// Where a world's market is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handover {
    /// In a journal that all can reach.
    Common,
    /// By a majority of the voters.
    Replicated,
    /// In the books of those whom it concerns.
    Sellers,
}

/// What a seed stands for.
#[derive(Debug, Clone)]
pub struct Swarm {
    /// The seed.
    pub seed: u64,
    /// How many peers there are, numbered from 1; node 0 is the directory.
    pub peers: u32,
    /// How links behave when no fault changes them.
    pub links: Links,
    /// The longest time of a write to a disk.
    pub disk_max: Duration,
    /// How long faults go on.
    pub safety_phase: Duration,
    /// The faults, by time.
    pub faults: Vec<Planned>,
    /// In which order traders serve.
    pub order: OrderPolicy,
    /// Whether each message is encoded and decoded on its way.
    pub codec: bool,
    /// After how many records the trader replaces its journal by a snapshot.
    pub snapshot_every: u64,
    /// The probability, each two seconds, that the trader resigns by itself.
    pub resign_probability: f64,
    /// For how long a trader that is one no more yields to others.
    pub bar: Bar,
    /// Who starts elections: an index into the policies.
    pub initiator: u64,
    /// After how long a silent client's session is forgotten.
    pub session_idle: Duration,
    /// Whether sellers bring one large stock at the start and nothing after, so that a second
    /// opening stock shows.
    pub one_stock: bool,
    /// Where the market is held.
    pub handover: Handover,
    /// Who talks to whom; all to all if none.
    pub overlay: Option<Overlay>,
    /// How buyers use carts, if they do.
    pub carts: Option<Carts>,
    /// Whether the safety phase ends though there was little trade.
    pub ends_early: bool,
}

/// The fewest faults of a world.
pub const FAULTS_MIN: u64 = 3;
/// The most faults of a world.
const FAULTS_MAX: u64 = 10;
/// No fault comes before the market has begun.
pub(crate) const CALM_AT_FIRST: Duration = Duration::from_secs(3);

impl Swarm {
    /// What `seed` stands for, in a world of `peers` peers.
    pub fn from_seed(seed: u64, peers: u32) -> Self {
        let mut random = Random::fork(seed, 0);
        let millis = |random: &mut Random, low: u64, high: u64| {
            Duration::from_micros(random.between(low * 1000, high * 1000))
        };
        let safety_phase = Duration::from_secs(60);
        // Half of the worlds have links that lose nothing, as a healthy local network has.
        let lossy = random.chance(0.5);
        let links = Links {
            delay_min: Duration::from_micros(random.between(20, 500)),
            delay_spread: millis(&mut random, 1, 8),
            straggler_one_in: *random.pick(&[0, 20, 100]).unwrap_or(&0),
            loss: if lossy { random.unit() * 0.05 } else { 0.0 },
            duplication: if random.chance(0.5) { random.unit() * 0.05 } else { 0.0 },
        };
        let kinds: Vec<u64> = (0..DRAWS).filter(|_| random.chance(0.5)).collect();
        let kinds = if kinds.is_empty() { vec![random.below(DRAWS)] } else { kinds };
        let count = random.between(FAULTS_MIN, FAULTS_MAX);
        let mut faults: Vec<Planned> = (0..count)
            .map(|_| {
                let span = safety_phase.as_nanos() as u64 * 9 / 10;
                let at = Instant::from_nanos(random.between(CALM_AT_FIRST.as_nanos() as u64, span));
                let lasts = millis(&mut random, 50, 8_000);
                let kind = random.pick(&kinds).copied().unwrap_or_default();
                Planned { at, lasts, fault: draw(kind, peers, &mut random) }
            })
            .collect();
        faults.extend(late_words(peers, &mut Random::fork(seed, LATE_WORDS)));
        faults.sort_by_key(|planned| planned.at);
        let disk_max = millis(&mut random, 1, 10);
        let order = order(&mut random, &mut Random::fork(seed, ORDERS));
        let is_stable =
            matches!(order, OrderPolicy::Lamport(Form::Stable) | OrderPolicy::Vector(Form::Stable));
        Self {
            seed,
            peers,
            links,
            disk_max,
            safety_phase,
            faults,
            order,
            codec: random.chance(0.05),
            snapshot_every: random.between(5, 400),
            resign_probability: if random.chance(0.3) { 0.1 } else { 0.0 },
            initiator: random.below(4),
            session_idle: Duration::from_secs(random.between(4, 40)),
            // Few goods are on sale there, and most of a slow trader's time goes into refusals.
            one_stock: random.chance(0.2) && !is_stable,
            bar: bar(&mut Random::fork(seed, BARS)),
            handover: handover(seed),
            overlay: overlay(peers, &mut Random::fork(seed, OVERLAYS)),
            carts: carts(seed),
            ends_early: false,
        }
    }

    /// The same world with another plan.
    pub fn follow(&mut self, plan: &Plan) {
        self.faults.clone_from(&plan.faults);
        self.safety_phase = plan.faults_end.unwrap_or(self.safety_phase);
        self.links = plan.links(self.links);
        if let Some(nodes) = plan.nodes.filter(|nodes| *nodes < self.peers) {
            self.peers = nodes;
            self.overlay = overlay(nodes, &mut Random::fork(self.seed, OVERLAYS));
        }
        self.ends_early = plan.faults_end.is_some();
    }
}

/// The stream of chance from which the order is drawn.
const ORDERS: u64 = 17;
/// The streams of chance from which the form of handover is drawn.
const HANDOVERS: u64 = 18;
const MORE_HANDOVERS: u64 = 24;

fn handover(seed: u64) -> Handover {
    if Random::fork(seed, HANDOVERS).chance(0.3) {
        Handover::Replicated
    } else if Random::fork(seed, MORE_HANDOVERS).chance(0.3) {
        Handover::Sellers
    } else {
        Handover::Common
    }
}

/// The stream of chance from which is drawn whether buyers use carts.
const CARTS: u64 = 26;

/// In three worlds of ten buyers use carts, in some of them with time-outs that are often missed.
pub(crate) fn carts(seed: u64) -> Option<Carts> {
    let mut random = Random::fork(seed, CARTS);
    random.chance(0.3).then(|| Carts {
        probability: 0.2 + 0.6 * random.unit(),
        hold_for: Duration::from_millis(*random.pick(&[100, 500, 2_000, 60_000]).unwrap_or(&500)),
        void_probability: 0.3 * random.unit(),
        forget_probability: 0.3 * random.unit(),
    })
}

/// The stream of chance from which is drawn who yields in elections.
const BARS: u64 = 19;

fn bar(random: &mut Random) -> Bar {
    match random.below(3) {
        0 => Bar::Resigned,
        1 => Bar::OneElection,
        _ => Bar::UntilBack { every: Duration::from_secs(5), probability: 0.5 },
    }
}

/// Most worlds serve by arrival, which is what most markets do.
fn order(random: &mut Random, orders: &mut Random) -> OrderPolicy {
    if random.chance(0.2) {
        return OrderPolicy::Vector(Form::Eager);
    }
    match orders.below(6) {
        0 => OrderPolicy::Lamport(Form::Eager),
        1 => OrderPolicy::Lamport(Form::Stable),
        2 => OrderPolicy::Vector(Form::Stable),
        _ => OrderPolicy::Arrival,
    }
}

/// The stream of chance from which the overlay is drawn.
const OVERLAYS: u64 = 23;

/// Most worlds are a mesh. On a ring there is no place for those who join: they talk to all.
fn overlay(peers: u32, random: &mut Random) -> Option<Overlay> {
    let first = (1..=peers).map(NodeId).collect();
    let later = (1..=JOINERS).map(|more| NodeId(peers + more)).collect();
    let overlay = match random.below(8) {
        0 => Overlay::ring(&first),
        1 | 2 => Overlay::degree_three_joined_by(&first, &later, random),
        _ => return None,
    };
    Some(overlay.expect("a world has some peers, and far fewer than an overlay takes"))
}

fn draw(kind: u64, peers: u32, random: &mut Random) -> Fault {
    let any = |random: &mut Random| Who::one(NodeId(random.between(1, peers.into()) as u32));
    match kind {
        0 => Fault::Partition(Who::Nodes(side(peers, random))),
        1 => Fault::OneWay(Who::Nodes(side(peers, random))),
        2 => Fault::Crash(any(random)),
        3 => Fault::Crash(Who::Leader),
        4 => Fault::Pause(any(random)),
        5 => Fault::Pause(Who::Leader),
        6 => Fault::Slow(any(random), Duration::from_millis(random.between(5, 300))),
        7 => Fault::Loss(random.between(10, 60) as f64 / 100.0),
        8 => Fault::Flap(any(random)),
        9 => Fault::SlowDisk,
        10 => Fault::Join(NodeId(peers + random.between(1, JOINERS.into()) as u32)),
        11 => Fault::Leave(any(random)),
        _ => Fault::Resign(Who::Leader),
    }
}

/// The stream of chance from which is drawn whose last words are late.
const LATE_WORDS: u64 = 25;

/// In some worlds peers come back so soon that what an earlier life said arrives after what the next
/// one says.
fn late_words(peers: u32, random: &mut Random) -> Vec<Planned> {
    let count = random.below(8).saturating_sub(4);
    let pair = |_| {
        let node = NodeId(random.between(1, peers.into()) as u32);
        let millis = Duration::from_millis;
        let (at, lasts) = (millis(random.between(3_000, 50_000)), millis(300));
        let at = Instant::ZERO + at;
        let late = millis(random.between(100, 3_000));
        let slow = Planned { at, lasts, fault: Fault::Slow(Who::one(node), late) };
        let crash =
            Planned { at: at + lasts, lasts: millis(1), fault: Fault::Crash(Who::one(node)) };
        [slow, crash]
    };
    (0..count).flat_map(pair).collect()
}

/// Some of the peers, from one to all but one.
fn side(peers: u32, random: &mut Random) -> BTreeSet<NodeId> {
    let mut nodes: Vec<NodeId> = (1..=peers).map(NodeId).collect();
    let size = random.between(1, u64::from(peers) - 1);
    let mut side = BTreeSet::new();
    for _ in 0..size {
        let index = random.below(nodes.len() as u64) as usize;
        side.insert(nodes.swap_remove(index));
    }
    side
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_stands_for_the_same_world() {
        let one = format!("{:?}", Swarm::from_seed(7, 10));
        assert_eq!(one, format!("{:?}", Swarm::from_seed(7, 10)));
        assert_ne!(one, format!("{:?}", Swarm::from_seed(8, 10)));
    }

    #[test]
    fn every_kind_of_fault_occurs() {
        let kinds: BTreeSet<&str> = (0..100)
            .flat_map(|seed| Swarm::from_seed(seed, 10).faults)
            .map(|planned| planned.fault.kind())
            .collect();
        assert_eq!(kinds.len(), 11, "{kinds:?}");
    }

    #[test]
    fn a_side_is_never_empty_and_never_all() {
        let mut random = Random::from_seed(3);
        for _ in 0..1000 {
            let side = side(5, &mut random);
            assert!((1..5).contains(&side.len()), "{side:?}");
        }
    }
}
