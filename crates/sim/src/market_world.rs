//! One world: a directory and peers that trade, through the faults of a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::leadership::{self, First, Initiator};
use groupcast::membership::{self, Directory};
use machine::{Incarnation, Instant, Machine, NodeId, Random};
use market::{Good, Kernel, Rules, SellerChoice};
use peer::{
    BuyerSettings, Node, OrderPolicy, Peer, Range, Role, SellerSettings, Settings, TraderSettings,
};

use crate::engine::{Network, World};
use crate::invariants::{Contents, Violation, Watch};
use crate::liveness;
use crate::swarm::{Fault, Planned, Swarm};

/// What is the same for all seeds of a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Peers in a world, at least 3.
    pub peers: u32,
    /// Whether a line an event is written down.
    pub trace: bool,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<peer::Planted>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            peers: 10,
            trace: false,
            #[cfg(feature = "planted")]
            planted: None,
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
    /// Virtual time from beginning to end.
    pub virtual_time: Duration,
    /// Faults that came, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages delivered, lost, and doubled.
    pub messages: [u64; 3],
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    /// The lines, if they were asked for.
    pub trace: String,
}

/// Runs the world that `seed` stands for.
pub fn run(seed: u64, options: &Options) -> Outcome {
    let mut market = MarketWorld::new(seed, options);
    market.safety_phase();
    if market.watch.violation.is_none() {
        market.heal();
        liveness::phase(&mut market);
    }
    let MarketWorld { world, watch, faults, .. } = market;
    Outcome {
        seed,
        contents: watch.contents.clone(),
        virtual_time: world.now().since(Instant::ZERO),
        faults,
        messages: [world.delivered, world.network.lost, world.network.duplicated],
        violation: watch.violation,
        trace: world.trace().to_owned(),
    }
}

pub(crate) struct MarketWorld {
    pub world: World<Node>,
    pub watch: Watch,
    pub swarm: Swarm,
    options: Options,
    random: Random,
    /// Beginnings and ends of faults that are still to come.
    agenda: BTreeMap<(Instant, usize, bool), Planned>,
    /// What faults that have begun and not ended were done to.
    active: BTreeMap<usize, Fault>,
    faults: BTreeMap<&'static str, u64>,
}

impl MarketWorld {
    fn new(seed: u64, options: &Options) -> Self {
        let swarm = Swarm::from_seed(seed, options.peers);
        let network = Network::new(swarm.links, Random::fork(seed, 2));
        let nodes = options.peers as usize + 1;
        let mut world = World::new(seed, nodes, network, swarm.disk_max);
        if options.trace {
            world.start_trace();
        }
        if swarm.codec {
            world.encode_messages(|message| {
                let bytes = wire::to_bytes(message).map_err(|error| error.to_string())?;
                wire::from_bytes(&bytes).map_err(|error| error.to_string())
            });
        }
        let agenda = swarm.faults.iter().cloned().enumerate();
        let agenda = agenda.map(|(index, planned)| ((planned.at, index, true), planned)).collect();
        let mut market = Self {
            world,
            watch: Watch::new(founding()),
            swarm,
            options: options.clone(),
            random: Random::fork(seed, 3),
            agenda,
            active: BTreeMap::new(),
            faults: BTreeMap::new(),
        };
        for node in 0..=market.options.peers {
            market.start(NodeId(node));
        }
        market
    }

    fn start(&mut self, node: NodeId) {
        let machine = if node == DIRECTORY {
            let directory = Directory::new(Duration::from_secs(5), Incarnation(1));
            Node::Directory(Box::new(directory))
        } else {
            #[allow(unused_mut, reason = "only a planted bug changes the peer")]
            let mut peer = Peer::new(settings(node, &self.swarm));
            #[cfg(feature = "planted")]
            if let Some(bug) = self.options.planted {
                peer.plant(bug);
            }
            Node::Peer(Box::new(peer))
        };
        self.world.start(node, machine, &mut self.watch);
    }

    fn safety_phase(&mut self) {
        let mut end = Instant::ZERO + self.swarm.safety_phase;
        while self.watch.violation.is_none() {
            let next = self.world.next_at().unwrap_or(end).min(end);
            match self.agenda.first_key_value() {
                Some((&(at, index, begins), _)) if at <= next => {
                    let planned = self.agenda.remove(&(at, index, begins));
                    self.world.pass_until(at);
                    if let Some(planned) = planned {
                        self.fault(index, begins, planned);
                    }
                }
                // Faults may have left little time to trade: a world is to be worth its name.
                _ if next >= end && self.watch.contents.sold < SALES_MIN && end < LATEST_END => {
                    end = end + Duration::from_secs(5);
                }
                _ if next >= end => break,
                _ => self.step(),
            }
        }
    }

    pub fn step(&mut self) {
        if let Some(node) = self.world.step(&mut self.watch) {
            let now = self.world.now();
            if let Some(machine) = self.world.machine(node) {
                self.watch.hold("each machine's own", now, machine.check());
            }
            self.watch.after_step(now, self.world.common().chain());
            self.watch_promise(node);
        }
    }

    /// What a voter promised durably, no later life of it may have forgotten.
    fn watch_promise(&mut self, node: NodeId) {
        let now = self.world.now();
        if let Some(peer) = self.world.machine(node).and_then(Node::peer) {
            let is_durable = self.world.has_own_writes_done(node);
            self.watch.promised(now, node, peer.promised(), is_durable);
        }
    }

    /// Who trades: the highest epoch, if several believe that they do.
    pub fn trader(&self) -> Option<NodeId> {
        let epochs = self.peers().filter_map(|(_, peer)| peer.trader().epoch());
        epochs.max().map(|epoch| epoch.node)
    }

    /// All peers that are up.
    pub fn peers(&self) -> impl Iterator<Item = (NodeId, &Peer)> {
        (1..=self.options.peers).filter_map(|node| {
            let node = NodeId(node);
            Some((node, self.world.machine(node)?.peer()?))
        })
    }

    fn fault(&mut self, index: usize, begins: bool, planned: Planned) {
        if !begins {
            return self.end(index);
        }
        let Some(fault) = self.begin(&planned.fault) else { return };
        *self.faults.entry(fault.kind()).or_default() += 1;
        self.active.insert(index, fault);
        self.agenda.insert((planned.at + planned.lasts, index, false), planned);
    }

    /// Begins a fault; what it was done to, or none if there was nobody left to do it to.
    fn begin(&mut self, fault: &Fault) -> Option<Fault> {
        let trader = self.trader();
        let fault = match fault {
            Fault::Crash(node) => Fault::Crash(self.victim(Some(*node))?),
            Fault::CrashTrader => Fault::Crash(self.victim(trader)?),
            Fault::Pause(node) => Fault::Pause(self.victim(Some(*node))?),
            Fault::PauseTrader => Fault::Pause(self.victim(trader)?),
            other => other.clone(),
        };
        self.world.note(format_args!("    fault begins: {fault:?}"));
        match &fault {
            Fault::Partition(side) => self.cut(side, true, true),
            Fault::OneWay(side) => self.cut(side, false, true),
            Fault::Crash(node) => self.world.crash(*node),
            Fault::Pause(node) => self.world.pause(*node),
            Fault::Slow(node, by) => self.world.network.slow(*node, *by),
            Fault::Loss(percent) => self.world.network.links.loss = *percent as f64 / 100.0,
            Fault::Flap(node) => self.flap(*node),
            Fault::SlowDisk => {
                let node = self.victim(trader)?;
                self.world.slow_disk(Some(node), SLOW_DISK);
            }
            Fault::Resign => {
                let node = self.victim(trader)?;
                self.world.command(node, peer::Command::Resign);
            }
            Fault::CrashTrader | Fault::PauseTrader => {}
        }
        Some(fault)
    }

    fn end(&mut self, index: usize) {
        let Some(fault) = self.active.remove(&index) else { return };
        self.world.note(format_args!("    fault ends: {fault:?}"));
        match fault {
            Fault::Partition(side) => self.cut(&side, true, false),
            Fault::OneWay(side) => self.cut(&side, false, false),
            Fault::Crash(node) => self.start(node),
            Fault::Pause(node) => self.world.resume(node),
            Fault::Slow(node, _) => self.world.network.slow(node, Duration::ZERO),
            Fault::Loss(_) => self.world.network.links.loss = self.swarm.links.loss,
            Fault::SlowDisk => self.world.slow_disk(None, SLOW_DISK),
            // Its connections return below.
            Fault::Flap(_) | Fault::CrashTrader | Fault::PauseTrader | Fault::Resign => {}
        }
        self.world.reconnect();
    }

    /// The node meant, or any other one if that is down or paused already.
    fn victim(&mut self, wanted: Option<NodeId>) -> Option<NodeId> {
        let taken: BTreeSet<NodeId> = self
            .active
            .values()
            .filter_map(|fault| match fault {
                Fault::Crash(node) | Fault::Pause(node) => Some(*node),
                _ => None,
            })
            .collect();
        let free: Vec<NodeId> =
            (1..=self.options.peers).map(NodeId).filter(|node| !taken.contains(node)).collect();
        wanted.filter(|node| !taken.contains(node)).or_else(|| self.random.pick(&free).copied())
    }

    /// Drops each of a node's connections with a chance of a half.
    fn flap(&mut self, node: NodeId) {
        for other in (1..=self.options.peers).map(NodeId) {
            if other != node && self.random.chance(0.5) {
                self.world.drop_connection(node, other);
            }
        }
    }

    fn cut(&mut self, side: &BTreeSet<NodeId>, both_ways: bool, cut: bool) {
        for &inside in side {
            for outside in (0..=self.options.peers).map(NodeId).filter(|node| !side.contains(node))
            {
                let ways = [(inside, outside), (outside, inside)];
                for (from, to) in ways.into_iter().take(if both_ways { 2 } else { 1 }) {
                    match cut {
                        true => self.world.network.cut(from, to),
                        false => self.world.network.mend(from, to),
                    }
                }
            }
        }
    }

    /// Ends all faults; nothing is lost or doubled from now on.
    fn heal(&mut self) {
        let active: Vec<usize> = self.active.keys().copied().collect();
        for index in active {
            self.end(index);
        }
        self.world.network.links.loss = 0.0;
        self.world.network.links.duplication = 0.0;
        self.world.note(format_args!("    all faults end"));
        self.world.reconnect();
    }
}

const DIRECTORY: NodeId = NodeId(0);
/// As many sales has every world.
const SALES_MIN: u64 = 500;
/// Unless it has not come to them by now.
const LATEST_END: Instant = Instant::from_nanos(180_000_000_000);
/// Longer than any limit of the protocols: a disk that hangs now and then.
const SLOW_DISK: Duration = Duration::from_secs(2);
/// A commission that needs rounding on most sales.
const RULES: Rules = Rules { commission_basis_points: 1_250, choice: SellerChoice::Random };

fn founding() -> Kernel {
    Kernel::new(RULES).expect("the commission is below the whole price")
}

/// Of ten peers five buy, three sell and two do both.
fn role(node: NodeId) -> Role {
    let place = node.0 % 10;
    Role { buys: !matches!(place, 1 | 4 | 7), sells: matches!(place, 1 | 4 | 7 | 2 | 5) }
}

fn settings(me: NodeId, swarm: &Swarm) -> Settings {
    let millis = Duration::from_millis;
    let initiators = [Initiator::Every, Initiator::Random, Initiator::Lowest, Initiator::Highest];
    Settings {
        membership: membership::Settings {
            me,
            directory: DIRECTORY,
            address: format!("node {me}"),
            period: millis(2_000),
        },
        leadership: leadership::Settings {
            me,
            voters: (1..=swarm.peers).map(NodeId).collect(),
            heartbeat_period: millis(250),
            heartbeat_limit: millis(1_000),
            answer_limit: millis(200),
            resend: millis(100),
            initiator: initiators[swarm.initiator as usize % initiators.len()],
            first: First::Elected,
            bar_last_leader: swarm.resign_probability > 0.0,
        },
        goods: ["salt", "boar", "fish"].iter().filter_map(|name| Good::new(name).ok()).collect(),
        role: role(me),
        buyer: BuyerSettings {
            quantity: Range { min: 1, max: 5 },
            limit: None,
            partial: me.0.is_multiple_of(2),
            think: Range { min: millis(50), max: millis(400) },
            buy_probability: 0.1,
            purchases: 0,
            retry_other_good: true,
        },
        seller: SellerSettings {
            stock: Range { min: 20, max: 100 },
            price: Range { min: 1, max: 20 },
            restock_at_zero: true,
            accrue_goods: 10,
            accrue_every: millis(2_000),
            update_probability: 0.2,
            update_every: millis(5_000),
            inquire_every: millis(1_000),
        },
        trader: TraderSettings {
            founding: founding(),
            order: if swarm.vector_clocks { OrderPolicy::Vector } else { OrderPolicy::Arrival },
            resign_probability: swarm.resign_probability,
            resign_quantum: millis(2_000),
            resign_after_sales: 0,
            snapshot_every: swarm.snapshot_every,
            pending_max: 1_000,
            session_idle: swarm.session_idle,
        },
        return_as_random: false,
        resend: millis(300),
    }
}
