//! What a seed stands for in worlds of members: the group's settings, how links behave, how much is
//! sent, and which faults come when. Each seed draws its own mix of kinds of fault (swarm testing).

use std::time::Duration;

use groupcast::detector;
use groupcast::group::{Delivery, Limits, Order, Settings};
use machine::{Incarnation, Instant, NodeId, Random};

use crate::engine::Links;
use crate::fault::{Fault, Plan, Planned, Who};

/// How many kinds of fault a seed can draw.
const DRAWS: u64 = 14;

/// What a seed stands for.
#[derive(Debug, Clone)]
pub struct Swarm {
    /// The seed.
    pub seed: u64,
    /// How many nodes there are, numbered from 0; node 0 founds the group.
    pub nodes: u32,
    /// How links behave when no fault changes them.
    pub links: Links,
    /// How long faults go on.
    pub safety_phase: Duration,
    /// The faults, by time.
    pub faults: Vec<Planned>,
    /// What all members are told; node and incarnation are each one's own.
    pub settings: Settings,
    /// The mean time between two nodes' turns to send.
    pub send_period: Duration,
    /// The most messages of one turn.
    pub burst_max: u64,
    /// The longest message.
    pub message_bytes_max: u64,
    /// How long an application takes to give its state, at most.
    pub state_delay_max: Duration,
    /// How much larger than the log that state is.
    pub state_padding_bytes: usize,
    /// Whether crashes may take a majority of the view: then the group may only wait.
    pub is_reckless: bool,
    /// Whether each message is encoded and decoded on its way.
    pub codec: bool,
    /// Whether the safety phase ends though little was sent.
    pub ends_early: bool,
}

/// The fewest faults of a world.
pub const FAULTS_MIN: u64 = 4;
/// The most faults of a world.
const FAULTS_MAX: u64 = 16;
/// The most nodes of a world.
pub(crate) const NODES_MAX: u32 = 7;
/// No fault comes before there is a group.
const CALM_AT_FIRST: Duration = Duration::from_secs(1);

impl Swarm {
    /// What `seed` stands for.
    pub fn from_seed(seed: u64) -> Self {
        let mut random = Random::fork(seed, 0);
        let random = &mut random;
        let safety_phase = Duration::from_secs(60);
        let nodes = random.between(2, NODES_MAX.into()).max(random.between(2, 5)) as u32;
        let lossy = random.chance(0.5);
        let links = Links {
            delay_min: Duration::from_micros(random.between(20, 500)),
            delay_spread: Duration::from_micros(random.between(100, 8000)),
            straggler_one_in: *random.pick(&[0, 20, 100]).unwrap_or(&0),
            loss: if lossy { random.unit() * 0.1 } else { 0.0 },
            duplication: if random.chance(0.5) { random.unit() * 0.1 } else { 0.0 },
        };
        let faults = faults(nodes, safety_phase, random);
        let settings = settings(random);
        let fragment = settings.limits.fragment_bytes as u64;
        Self {
            seed,
            nodes,
            links,
            safety_phase,
            faults,
            send_period: Duration::from_millis(random.between(80, 240)),
            burst_max: *random.pick(&[1, 3, 10, 40]).unwrap_or(&1),
            message_bytes_max: if fragment < 2000 { fragment * 4 } else { 300 },
            state_delay_max: Duration::from_millis(*random.pick(&[0, 5, 300]).unwrap_or(&0)),
            state_padding_bytes: if random.chance(0.03) { 600 << 10 } else { 0 },
            is_reckless: random.chance(0.04),
            codec: random.chance(0.1),
            ends_early: false,
            settings,
        }
    }

    /// The same world with another plan.
    pub fn follow(&mut self, plan: &Plan) {
        self.faults.clone_from(&plan.faults);
        self.safety_phase = plan.faults_end.unwrap_or(self.safety_phase);
        self.links = plan.links(self.links);
        self.nodes = plan.nodes.map_or(self.nodes, |nodes| nodes.min(self.nodes));
        self.ends_early = plan.faults_end.is_some();
    }

    /// What a life of a node is told.
    pub(super) fn settings_of(&self, node: NodeId, incarnation: Incarnation) -> Settings {
        let address = format!("10.0.0.{}:7000", node.0);
        Settings { me: node, incarnation, address, ..self.settings.clone() }
    }
}

fn millis(random: &mut Random, low: u64, high: u64) -> Duration {
    Duration::from_millis(random.between(low, high))
}

fn settings(random: &mut Random) -> Settings {
    let limit = millis(random, 200, 2000);
    let mut settings = Settings::new(NodeId(0), Incarnation(0), "");
    settings.order = *random.pick(&Order::ALL).unwrap_or(&Order::Fifo);
    settings.delivery = *random.pick(&Delivery::ALL).unwrap_or(&Delivery::Safe);
    settings.transfers_state = !random.chance(0.1);
    settings.detector = detector::Settings::fixed(limit);
    settings.heartbeat_period = limit / 5;
    settings.repair_period = millis(random, 5, 50);
    settings.flush_limit = millis(random, 200, 2000);
    settings.stall_limit = millis(random, 3000, 10_000);
    settings.rejoins = !random.chance(0.1);
    settings.limits = match random.below(4) {
        0 => Limits::default(),
        1 => Limits::datagrams(),
        _ => small_limits(random),
    };
    settings
}

/// So small that windows close, messages travel in fragments and are refused.
fn small_limits(random: &mut Random) -> Limits {
    let mut draw = |low, high| random.between(low, high) as usize;
    let fragment_bytes = draw(16, 200);
    let pack_bytes = draw(16, 400).max(fragment_bytes);
    Limits {
        fragment_bytes,
        pack_bytes,
        frame_bytes: draw(16, 2000).max(pack_bytes),
        window_items: draw(2, 100) as u64,
        window_bytes: draw(100, 5000),
        waiting_messages: draw(1, 60),
        waiting_bytes: draw(200, 10_000),
        held_bytes: draw(10_000, 100_000),
    }
}

fn faults(nodes: u32, safety_phase: Duration, random: &mut Random) -> Vec<Planned> {
    let kinds: Vec<u64> = (0..DRAWS).filter(|_| random.chance(0.5)).collect();
    let kinds = if kinds.is_empty() { vec![random.below(DRAWS)] } else { kinds };
    let count = random.between(FAULTS_MIN, FAULTS_MAX);
    // These come beside the others, because they wait for a change.
    let in_changes = random.below(4);
    let first = CALM_AT_FIRST.as_nanos() as u64;
    let mut faults: Vec<Planned> = (0..count + in_changes)
        .map(|index| {
            let at = random.between(first, safety_phase.as_nanos() as u64 * 9 / 10);
            let kind = random.pick(&kinds).copied().unwrap_or_default();
            // Some are over before anybody's limit has passed.
            let lasts = match random.chance(0.3) {
                true => millis(random, 1, 300),
                false => millis(random, 50, 8000),
            };
            let fault = match index.checked_sub(count) {
                None => draw(kind, nodes, random),
                Some(_) if random.chance(0.5) => Fault::CutInChange,
                Some(_) => Fault::CrashInChange,
            };
            Planned { at: Instant::from_nanos(at), lasts, fault }
        })
        .collect();
    faults.sort_by_key(|planned| planned.at);
    faults
}

fn draw(kind: u64, nodes: u32, random: &mut Random) -> Fault {
    let node = NodeId(random.below(nodes.into()) as u32);
    let other = NodeId((node.0 + random.between(1, u64::from(nodes) - 1) as u32) % nodes);
    match kind {
        0 => Fault::Partition(side(nodes, u64::from(nodes) - 1, random)),
        1 => Fault::OneWay(side(nodes, u64::from(nodes) - 1, random)),
        2 => Fault::Link(node, other),
        3 => Fault::LinkOneWay(node, other),
        4 => Fault::Crash(Who::one(node)),
        5 => Fault::Crash(Who::Leader),
        6 => Fault::Crash(side(nodes, (u64::from(nodes) / 2).max(1), random)),
        7 => Fault::Pause(Who::one(node)),
        8 => Fault::Pause(Who::Leader),
        9 => Fault::Slow(Who::one(node), millis(random, 5, 400)),
        10 => Fault::Loss(random.between(10, 60) as f64 / 100.0),
        11 => Fault::Flap(Who::one(node)),
        12 => Fault::Leave(Who::one(node)),
        _ => Fault::Leave(Who::Leader),
    }
}

/// Some of the nodes, from one to `most`.
fn side(nodes: u32, most: u64, random: &mut Random) -> Who {
    let mut left: Vec<NodeId> = (0..nodes).map(NodeId).collect();
    let size = random.between(1, most);
    let mut one = |_| left.swap_remove(random.below(left.len() as u64) as usize);
    Who::Nodes((0..size).map(&mut one).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_order_delivery_and_kind_of_fault_occurs() {
        let swarms: Vec<_> = (0..200).map(Swarm::from_seed).collect();
        let kinds: BTreeSet<&str> =
            swarms.iter().flat_map(|swarm| &swarm.faults).map(|one| one.fault.kind()).collect();
        assert_eq!(kinds.len(), 11, "{kinds:?}");
        let modes: BTreeSet<_> =
            swarms.iter().map(|swarm| (swarm.settings.order, swarm.settings.delivery)).collect();
        assert_eq!(modes.len(), 8, "{modes:?}");
        assert!(swarms.iter().all(|swarm| swarm.faults.len() as u64 >= FAULTS_MIN));
    }
}
