//! One world of trading houses, through the faults of a seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::membership;
use houses::{
    Cache, Command, Customer, CustomerSettings, Hired, Node, Settings, Trader, Warehouse,
    WarehouseSettings, customer, trader, warehouse,
};
use machine::{Instant, Machine, NodeId, Random};
use market::{Good, Kernel, Rules, SellerChoice, TermId};
use peer::{BuyerSettings, Range, Role, SellerSettings};

use super::Options;
use super::provider::Provider;
use super::swarm::Swarm;
use super::watch::Watch;
use crate::engine::{Network, World};
use crate::fault::Fault;

/// A commission that needs rounding on most sales.
const RULES: Rules = Rules { commission_basis_points: 1_250, choice: SellerChoice::Oldest };
pub(super) const WAREHOUSE: NodeId = NodeId(0);
/// As many buys are answered in every world.
const BUYS_MIN: u64 = 500;
/// Unless it has not come to them by now.
const LATEST_END: Instant = Instant::from_nanos(180_000_000_000);
/// How long after the last fault every request is answered, and every term over.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

pub(super) struct HousesWorld {
    pub world: World<Node>,
    pub watch: Watch,
    pub swarm: Swarm,
    pub random: Random,
    /// Beginnings and ends of faults that are still to come.
    pub agenda: BTreeMap<(Instant, usize, bool), ()>,
    /// Faults that have begun and not ended.
    pub active: BTreeMap<usize, Fault>,
    /// Traders that were to end in good order, and are to begin anew when they have.
    pub retired: BTreeSet<NodeId>,
    /// Faults that wait for a hired trader that begins or goes.
    pub armed: Vec<usize>,
    /// The last term that each hired trader had in this life.
    pub had_term: BTreeMap<NodeId, TermId>,
    pub provider: Provider,
    pub faults: BTreeMap<&'static str, u64>,
    #[cfg(feature = "planted")]
    planted: Option<houses::Planted>,
}

impl HousesWorld {
    pub fn new(swarm: Swarm, options: &Options) -> Self {
        let seed = swarm.seed;
        let network = Network::new(swarm.links, Random::fork(seed, 2));
        let mut world = World::new(seed, swarm.nodes() as usize, network, swarm.disk_max);
        if options.trace {
            world.start_trace();
        }
        if swarm.codec {
            world.encode_messages(|message| {
                let bytes = wire::to_bytes(message).map_err(|error| error.to_string())?;
                wire::from_bytes(&bytes).map_err(|error| error.to_string())
            });
        }
        let mut houses = Self {
            world,
            watch: Watch::new(swarm.cache, swarm.hiring.as_ref().map(|_| swarm.scaling())),
            random: Random::fork(seed, 3),
            agenda: BTreeMap::new(),
            active: BTreeMap::new(),
            retired: BTreeSet::new(),
            armed: Vec::new(),
            had_term: BTreeMap::new(),
            provider: Provider::new(seed),
            faults: BTreeMap::new(),
            #[cfg(feature = "planted")]
            planted: options.planted,
            swarm,
        };
        for index in 0..houses.swarm.faults.len() {
            houses.plan(houses.swarm.faults[index].at, index, true);
        }
        let mut begin: BTreeSet<NodeId> = houses.nodes().collect();
        houses.hired().for_each(|node| _ = begin.remove(&node));
        for node in begin {
            houses.start(node);
        }
        houses
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.swarm.nodes()).map(NodeId)
    }

    pub fn customers(&self) -> impl Iterator<Item = NodeId> + use<> {
        (self.swarm.nodes() - self.swarm.customers..self.swarm.nodes()).map(NodeId)
    }

    pub fn plan(&mut self, at: Instant, index: usize, begins: bool) {
        self.agenda.insert((at, index, begins), ());
    }

    pub fn start(&mut self, node: NodeId) {
        let machine = self.machine_of(node);
        self.world.start(node, machine, &mut self.watch);
    }

    fn machine_of(&self, me: NodeId) -> Node {
        let traders = self.swarm.traders;
        let settings = Settings {
            me,
            warehouse: WAREHOUSE,
            traders: (1..=traders).map(NodeId).chain(self.hired()).collect(),
            hired: self.hired().collect(),
            customers: self.customers().collect(),
            cache: self.swarm.cache,
            durability: self.swarm.durability,
            times: self.swarm.times,
            tells_answers: false,
            #[cfg(feature = "planted")]
            planted: self.planted,
        };
        if me == WAREHOUSE {
            let founding = Kernel::new(RULES).expect("the commission is below the whole price");
            let (scaling, snapshot_every) = (self.swarm.scaling(), self.swarm.snapshot_every);
            let own = WarehouseSettings { founding, snapshot_every, scaling };
            Node::Warehouse(Box::new(Warehouse::new(settings, own)))
        } else if me.0 <= traders {
            Node::Trader(Box::new(Trader::new(settings, RULES)))
        } else if let (Some(hiring), true) =
            (&self.swarm.hiring, me.0 <= traders + self.swarm.hired())
        {
            let (address, period) = (String::new(), settings.times.beat_period);
            let member = membership::Settings { me, directory: WAREHOUSE, address, period };
            Node::Hired(Box::new(Hired::new(settings, RULES, member, hiring.gather_limit)))
        } else {
            Node::Customer(Box::new(Customer::new(settings, self.customer(me))))
        }
    }

    /// Of three customers one sells, one buys, and one does both.
    fn customer(&self, me: NodeId) -> CustomerSettings {
        let millis = Duration::from_millis;
        let place = (me.0 - self.swarm.traders - self.swarm.hired()) % 3;
        CustomerSettings {
            role: Role { buys: place != 1, sells: place != 0 },
            buyer: BuyerSettings {
                quantity: Range { min: 1, max: 4 },
                limit: None,
                partial: me.0.is_multiple_of(2),
                think: Range { min: millis(20), max: millis(200) },
                buy_probability: 0.2,
                purchases: 0,
                pause: None,
                retry_other_good: true,
                leave_when_done: false,
                carts: self.swarm.carts,
            },
            seller: SellerSettings {
                stock: Range { min: 1, max: self.swarm.stock_max },
                price: Range { min: 1, max: 20 },
                restock_at_zero: false,
                accrue_goods: self.swarm.stock_max.min(20),
                accrue_every: millis(700),
                update_probability: 0.0,
                update_every: Duration::ZERO,
                inquire_every: Duration::ZERO,
                withdraw_when_leaving: false,
            },
            goods: ["salt", "fish"].iter().filter_map(|name| Good::new(name).ok()).collect(),
            choice: self.swarm.choice,
        }
    }

    pub fn safety_phase(&mut self) {
        let mut end = Instant::ZERO + self.swarm.safety_phase;
        self.run_until(end, |_| false);
        // Faults may have left little time to trade: a world is to be worth its name.
        while self.watch.contents.buys() < BUYS_MIN && end < LATEST_END && !self.ends_early() {
            end = end + Duration::from_secs(5);
            self.run_until(end, |_| false);
        }
    }

    fn ends_early(&self) -> bool {
        self.swarm.ends_early || self.watch.violation.is_some()
    }

    /// Lets things happen until the end, a violation, or what is waited for.
    pub(super) fn run_until(&mut self, end: Instant, is_done: impl Fn(&Self) -> bool) -> bool {
        while self.watch.violation.is_none() {
            let next = self.world.next_at().unwrap_or(end).min(end);
            match self.agenda.first_key_value() {
                Some((&(at, index, begins), ())) if at <= next => {
                    self.agenda.remove(&(at, index, begins));
                    self.world.pass_until(at);
                    if begins {
                        self.begin(index);
                    } else {
                        self.end(index);
                    }
                }
                _ if next >= end => return false,
                _ => {
                    if let Some(node) = self.world.step(&mut self.watch) {
                        let now = self.world.now();
                        let held = self.world.machine(node).map_or(Ok(()), Machine::check);
                        self.watch.hold("each machine's own", now, held);
                        self.begin_anew(node);
                        self.look_at_hired(node);
                        self.provide();
                        if is_done(self) {
                            return true;
                        }
                    }
                }
            }
        }
        false
    }

    /// A trader that has ended in good order begins again.
    fn begin_anew(&mut self, node: NodeId) {
        let has_ended = self.trader(node).is_some_and(|trader| trader.term().is_none());
        if has_ended && self.survives(node) && self.retired.remove(&node) {
            self.world.crash(node);
            self.start(node);
        }
    }

    pub(super) fn warehouse(&self) -> Option<&Warehouse> {
        self.world.machine(WAREHOUSE)?.warehouse()
    }

    /// Everybody is served, nobody asks for more, all terms end, and the books are compared.
    pub fn liveness_phase(&mut self) {
        let now = self.world.now();
        self.write_off();
        for node in self.customers() {
            self.world.command(node, Command::Customer(customer::Command::WindDown));
        }
        // What was about to be asked for when they heard is asked for now.
        self.run_until(now + Duration::from_secs(1), |_| false);
        let served = self.run_until(now + ANSWERED_WITHIN, |houses| {
            houses.busy().is_none()
                && houses.warehouse().is_some_and(|warehouse| warehouse.waiting() == 0)
        });
        let unserved = format!(
            "{:?} has no answer; terms: {:?}",
            self.busy(),
            self.warehouse().map(|warehouse| warehouse.market().terms().collect::<Vec<_>>())
        );
        let held = if served { Ok(()) } else { Err(unserved) };
        self.watch.hold("every request is answered in the end", self.world.now(), held);
        self.all_go();
        // Now for good.
        self.retired.clear();
        self.provider.is_closed = true;
        for node in (1..=self.swarm.traders).map(NodeId) {
            self.world.command(node, Command::Trader(trader::Command::Retire));
        }
        let now = self.world.now();
        let has_terms = |houses: &Self| {
            houses.warehouse().is_none_or(|warehouse| warehouse.market().terms().next().is_some())
        };
        self.write_off();
        let over = self.run_until(now + ANSWERED_WITHIN, |houses| !has_terms(houses));
        let held = if over || !has_terms(self) {
            Ok(())
        } else {
            let terms = self.warehouse().map(|warehouse| warehouse.market().terms().count());
            Err(format!("{terms:?} terms are open"))
        };
        self.watch.hold("every term ends", self.world.now(), held);
        let now = self.world.now();
        if let Some(market) = self.warehouse().map(|warehouse| warehouse.market().clone()) {
            self.watch.settle(now, &market);
        }
    }

    /// As an operator would who has seen that nobody knows more of these terms; nothing was
    /// confirmed in them that the warehouse does not know, or the faults would not have come.
    pub(super) fn write_off(&mut self) {
        // What is asked for now is told of now.
        let now = self.world.now();
        if self.swarm.cache != Cache::Lease {
            return;
        }
        self.run_until(now + Duration::from_secs(5), |_| false);
        let Some(warehouse) = self.warehouse() else { return };
        let forgotten: BTreeSet<TermId> = warehouse.forgotten().chain(self.unasked()).collect();
        for term in forgotten {
            let write_off = Command::Warehouse(warehouse::Command::WriteOff(term));
            self.world.command(WAREHOUSE, write_off);
        }
    }

    /// Somebody that waits for an answer.
    fn busy(&self) -> Option<(NodeId, Vec<market::RequestId>)> {
        self.nodes().find_map(|node| match self.world.machine(node)? {
            Node::Customer(customer) if customer.is_busy() => {
                Some((node, customer.pending().collect()))
            }
            _ => None,
        })
    }
}
