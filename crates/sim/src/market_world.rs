//! One world: a directory and peers that trade, through the faults of a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::membership::Directory;
use groupcast::overlay::Overlay;
use machine::{Incarnation, Instant, Machine, NodeId, Random};
use peer::books::Book;
use peer::{AnyPeer, MessageLimits, Node, Peer, Record, Snapshot};

use crate::engine::{Network, World};
use crate::fault::{self, Fault, Planned, Who};
use crate::invariants::{Settled, Watch};
use crate::peers::{founding, settings, takes_back};
use crate::run::Options;
use crate::swarm::{CALM_AT_FIRST, Handover, JOINERS, Swarm};

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
    /// Whether who leaves returns at once: when all faults are over, until the market winds down.
    pub leavers_return: bool,
    /// Whether nobody asks for anything new, and so neither does who returns yet.
    pub winds_down: bool,
    pub faults: BTreeMap<&'static str, u64>,
}

impl MarketWorld {
    pub fn new(swarm: Swarm, options: &Options) -> Self {
        let seed = swarm.seed;
        let mut network = Network::new(swarm.links, Random::fork(seed, 2));
        if let Some(overlay) = &swarm.overlay {
            network.keep_to(overlay.clone());
        }
        let nodes = (swarm.peers + JOINERS) as usize + 1;
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
            watch: Watch::new(founding(), swarm.one_stock, swarm.handover),
            swarm,
            options: options.clone(),
            random: Random::fork(seed, 3),
            agenda,
            active: BTreeMap::new(),
            leavers_return: false,
            winds_down: false,
            faults: BTreeMap::new(),
        };
        for node in 0..=market.swarm.peers {
            market.start(NodeId(node));
        }
        market
    }

    fn start(&mut self, node: NodeId) {
        let machine = if node == DIRECTORY {
            let directory = Directory::new(Duration::from_secs(5), Incarnation(1));
            Node::Directory(Box::new(directory))
        } else {
            self.peer(node).on(self.overlay())
        };
        let (snapshot, records) = self.world.own_journal(node);
        let settled = Settled::read(snapshot, records);
        self.world.start(node, machine, &mut self.watch);
        if self.winds_down {
            self.world.command(node, peer::Command::WindDown);
        }
        if let Some(peer) = self.world.machine(node).and_then(Node::peer) {
            self.watch.came_back(self.world.now(), peer::party(node), &settled, peer);
        }
        if let Some(books) = self.world.machine(node).and_then(Node::books) {
            self.watch.book_came_back(node, books.book());
        }
    }

    fn peer(&self, node: NodeId) -> Node {
        let settings = settings(node, &self.swarm);
        let limits = MessageLimits::DATAGRAMS;
        #[allow(unused_mut, reason = "only a planted bug changes the peer")]
        let mut peer = match self.swarm.handover {
            Handover::Common => AnyPeer::common(settings),
            Handover::Replicated => AnyPeer::replicated(settings, limits),
            Handover::Sellers => AnyPeer::with_books(settings, limits),
        };
        #[cfg(feature = "planted")]
        if let Some(bug) = self.options.planted {
            peer.plant(bug);
        }
        Node::Peer(Box::new(peer))
    }

    /// The overlay that peers are told of.
    fn overlay(&self) -> Option<Overlay> {
        #[cfg(feature = "planted")]
        if self.options.past_overlay {
            return None;
        }
        self.swarm.overlay.clone()
    }

    pub fn safety_phase(&mut self) {
        let mut end = Instant::ZERO + self.swarm.safety_phase;
        let mut watches_order = !self.options.in_order;
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
                _ if next >= end && self.has_too_few_sales() && end < LATEST_END => {
                    end = end + Duration::from_secs(5);
                }
                _ if next >= end => break,
                _ => self.step(),
            }
            // When all have found each other.
            if !watches_order && self.world.now() > Instant::ZERO + CALM_AT_FIRST {
                watches_order = true;
                self.watch.expect_order();
            }
        }
    }

    fn has_too_few_sales(&self) -> bool {
        self.watch.contents.trades() < TRADES_MIN && !self.swarm.ends_early
    }

    pub fn step(&mut self) {
        if let Some(node) = self.world.step(&mut self.watch) {
            let now = self.world.now();
            if let Some(machine) = self.world.machine(node) {
                self.watch.hold("each machine's own", now, machine.check());
            }
            self.watch.after_step(now, self.world.common().chain());
            let stray = self.world.network.stray;
            let stray =
                stray.map(|(from, to)| format!("{from} sent to {to}, and there is no edge"));
            self.watch.hold("messages cross edges only", now, stray.map_or(Ok(()), Err));
            self.watch_promise(node);
            if self.watch.left.remove(&node) {
                self.watch.has_left(now, peer::party(node), takes_back(node, &self.swarm));
                self.world.crash(node);
                if self.leavers_return || self.is_missed(node) {
                    self.start(node);
                }
            }
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

    /// All peers that there may be: the first ones, and those that may join.
    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.swarm.peers + JOINERS).map(NodeId)
    }

    /// Whether a node that left after its fault had ended comes back at once: without it an overlay
    /// may be cut, and nobody would trade for the rest of the world.
    fn is_missed(&self, node: NodeId) -> bool {
        self.swarm.overlay.is_some()
            && !self.active.values().any(|fault| *fault == Fault::Leave(Who::one(node)))
    }

    fn has_left(&self, node: NodeId) -> bool {
        self.world.has_started(node) && !self.world.is_up(node)
    }

    /// All peers that are up.
    pub fn peers(&self) -> impl Iterator<Item = (NodeId, &Peer)> {
        self.nodes().filter_map(|node| Some((node, self.world.machine(node)?.peer()?)))
    }

    /// All books, as they stand in the nodes' own journals.
    pub fn books(&self) -> Vec<(NodeId, Book)> {
        let started = self.nodes().filter(|node| self.world.has_started(*node));
        let books = started.map(|node| {
            let (snapshot, records) = self.world.own_journal(node);
            let mut book = match snapshot {
                Some(Snapshot::Keeper { book, .. }) => (**book).clone(),
                _ => Book::new(founding()),
            };
            for record in records {
                if let Record::Book(record) = record {
                    book.replay(peer::party(node), record.clone());
                }
            }
            (node, book)
        });
        books.collect()
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
        let fault = self.resolve(fault)?;
        self.world.note(format_args!("    fault begins: {fault:?}"));
        let all = self.all();
        if fault::begin(&mut self.world, &all, &fault) {
            return Some(fault);
        }
        let struck: Vec<NodeId> = fault.named().into_iter().collect();
        for node in struck {
            match &fault {
                Fault::Crash(_) => self.world.crash(node),
                Fault::Pause(_) => self.world.pause(node),
                Fault::Flap(_) => fault::flap(&mut self.world, &all[1..], node, &mut self.random),
                Fault::Resign(_) => self.world.command(node, peer::Command::Resign),
                Fault::Join(_) => self.start(node),
                Fault::Leave(_) => self.world.command(node, peer::Command::Leave),
                _ => {}
            }
        }
        if fault == Fault::SlowDisk {
            let node = self.victim(self.trader())?;
            self.world.slow_disk(Some(node), SLOW_DISK);
        }
        Some(fault)
    }

    /// The fault as it can come: whom it strikes, if anybody.
    fn resolve(&mut self, fault: &Fault) -> Option<Fault> {
        let last = self.swarm.peers + JOINERS;
        let is_there = move |node: NodeId| (1..=last).contains(&node.0);
        if fault.named().into_iter().any(|node| !is_there(node)) && fault.who().is_none() {
            return None;
        }
        match fault {
            Fault::CutInChange | Fault::CrashInChange => None,
            // It joined already: it leaves and returns, as any other.
            Fault::Join(node) if self.world.has_started(*node) => {
                Some(Fault::Leave(self.victims(&Who::one(*node))?))
            }
            Fault::Crash(who) | Fault::Pause(who) | Fault::Leave(who) | Fault::Resign(who) => {
                let struck = self.victims(who)?;
                Some(fault.clone().to(struck))
            }
            _ => Some(match fault.who() {
                Some(who) => fault.clone().to(Who::Nodes(who.meant(self.trader(), is_there))),
                None => fault.clone(),
            }),
        }
    }

    /// The directory, and all peers that there may be.
    fn all(&self) -> Vec<NodeId> {
        [DIRECTORY].into_iter().chain(self.nodes()).collect()
    }

    fn end(&mut self, index: usize) {
        let Some(fault) = self.active.remove(&index) else { return };
        self.world.note(format_args!("    fault ends: {fault:?}"));
        let all = self.all();
        fault::end(&mut self.world, &all, &fault, self.swarm.links.loss);
        for node in fault.named() {
            match fault {
                Fault::Crash(_) => self.start(node),
                // Who has not gone yet stays on its way out.
                Fault::Leave(_) if !self.world.is_up(node) => self.start(node),
                Fault::Pause(_) => self.world.resume(node),
                _ => {}
            }
        }
        if fault == Fault::SlowDisk {
            self.world.slow_disk(None, SLOW_DISK);
        }
        self.world.reconnect();
    }

    /// Who can be struck of those that are meant. Whoever is down or paused already has another one
    /// in its place.
    fn victims(&mut self, who: &Who) -> Option<Who> {
        let wanted: Vec<Option<NodeId>> = match who {
            Who::Leader => vec![self.trader()],
            Who::Nodes(nodes) => nodes.iter().copied().map(Some).collect(),
        };
        let struck: BTreeSet<_> = wanted.into_iter().filter_map(|node| self.victim(node)).collect();
        (!struck.is_empty()).then_some(Who::Nodes(struck))
    }

    /// The node meant, or any other one if that is down or paused already.
    fn victim(&mut self, wanted: Option<NodeId>) -> Option<NodeId> {
        let taken =
            |fault: &Fault| matches!(fault, Fault::Crash(_) | Fault::Pause(_) | Fault::Leave(_));
        let taken: BTreeSet<NodeId> =
            self.active.values().filter(|fault| taken(fault)).flat_map(Fault::named).collect();
        let free: Vec<NodeId> =
            self.nodes().filter(|node| self.world.is_up(*node) && !taken.contains(node)).collect();
        wanted.filter(|node| free.contains(node)).or_else(|| self.random.pick(&free).copied())
    }

    /// Ends all faults; nothing is lost or doubled from now on.
    pub fn heal(&mut self) {
        let active: Vec<usize> = self.active.keys().copied().collect();
        for index in active {
            self.end(index);
        }
        self.world.network.links.loss = 0.0;
        self.world.network.links.duplication = 0.0;
        self.world.note(format_args!("    all faults end"));
        // Whoever left after its fault had ended returns too, and so does who leaves yet.
        self.leavers_return = true;
        let gone: Vec<NodeId> = self.nodes().filter(|node| self.has_left(*node)).collect();
        for node in gone {
            self.start(node);
        }
        self.world.reconnect();
    }
}

/// The node that introduces all others to each other.
pub(crate) const DIRECTORY: NodeId = NodeId(0);
/// As many sales and filled carts has every world.
const TRADES_MIN: u64 = 500;
/// Unless it has not come to them by now.
const LATEST_END: Instant = Instant::from_nanos(180_000_000_000);
/// Longer than any limit of the protocols: a disk that hangs now and then.
const SLOW_DISK: Duration = Duration::from_secs(2);
