//! Figures of simulated trading houses without faults, or with the loss of one trader: what is
//! shipped, and what traders that use what they know of the stock get wrong (seed 004, section B).
//!
//! Processors cost nothing here, so no figure says what a machine can do; `bazaar bench houses` does.
//! What is seen here is what the ways and the protocol make of supply and demand.

use std::time::Duration;

use houses::{
    Cache, Customer, CustomerSettings, Durability, Node, Scaling, Settings, Times, Trader,
    TraderChoice, Warehouse, WarehouseSettings,
};
use machine::{Instant, NodeId, Random};
use market::{Good, Kernel, Outcome, Refusal, Rules, SellerChoice};
use peer::event::Operation;
use peer::{BuyerSettings, Range, Report, Role, SellerSettings, What};

use crate::engine::{Links, Network, Observer, World};

const RULES: Rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };
const WAREHOUSE: NodeId = NodeId(0);
const GOODS: [&str; 3] = ["salt", "fish", "boar"];
/// How long the market runs before anything counts.
const WARM_UP: Duration = Duration::from_secs(2);

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How traders use what they know.
    pub cache: Cache,
    /// What an answered sale from a loan outlives.
    pub durability: Durability,
    /// How many traders there are.
    pub traders: u32,
    /// How many customers only buy: one to three units of a good, with a pause before each.
    pub buyers: u32,
    /// How many only sell.
    pub sellers: u32,
    /// Units that a seller deposits again and again: N_g of the document.
    pub accrue_goods: u32,
    /// How often: T_g.
    pub accrue_every: Duration,
    /// The mean pause of a buyer.
    pub think: Duration,
    /// How much longer messages between traders and the warehouse take than others.
    pub warehouse_delay: Duration,
    /// The probability that a message is lost.
    pub loss: f64,
    /// Whether one trader is lost for good after half of the time.
    pub loses_trader: bool,
    /// How long it lasts, after a warm-up.
    pub lasts: Duration,
    /// Where chance comes from.
    pub seed: u64,
}

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Figures {
    /// Buys that were answered.
    pub buys: u64,
    /// Of them, those that a trader passed on and the warehouse refused.
    pub oversold: u64,
    /// Of them, those that a trader denied by what it knew.
    pub denied: u64,
    /// Of those, how many the warehouse could have served at that moment.
    pub undersold: u64,
    /// Of the answered, those with the answer *not known*.
    pub not_known: u64,
    /// Units that buyers were told they have, in the first and the second half of the time.
    pub shipped: [u64; 2],
    /// Units that were deposited.
    pub deposited: u64,
    /// The longest time without a sale after the middle.
    pub gap: Duration,
    /// How long buyers waited, in milliseconds.
    pub waits_ms: Vec<f64>,
}

/// Runs houses of this shape, and counts.
///
/// # Errors
/// The warehouse's books do not add up.
pub fn measure(shape: &Shape) -> Result<Figures, String> {
    let links = Links {
        delay_min: Duration::from_micros(100),
        delay_spread: Duration::from_micros(100),
        straggler_one_in: 0,
        loss: shape.loss,
        duplication: 0.0,
    };
    let mut network = Network::new(links, Random::fork(shape.seed, 2));
    for trader in (1..=shape.traders).map(NodeId) {
        for (from, to) in [(trader, WAREHOUSE), (WAREHOUSE, trader)] {
            network.delay_way(from, to, shape.warehouse_delay);
        }
    }
    let nodes = 1 + shape.traders + shape.buyers + shape.sellers;
    let disk_max = Duration::from_millis(1);
    let mut world = World::new(shape.seed, nodes as usize, network, disk_max);
    let from = Instant::ZERO + WARM_UP;
    let mut watch =
        Watch { from, middle: from + shape.lasts / 2, last_sale: from, ..Watch::default() };
    for node in (0..nodes).map(NodeId) {
        world.start(node, machine_of(shape, node), &mut watch);
    }
    run_until(&mut world, &mut watch, from + shape.lasts / 2);
    if shape.loses_trader {
        world.crash(NodeId(1));
    }
    run_until(&mut world, &mut watch, from + shape.lasts);
    let silence = world.now().since(watch.last_sale);
    watch.figures.gap = watch.figures.gap.max(silence);
    let market = warehouse(&world).ok_or("the warehouse is gone")?.market();
    market.audit()?;
    Ok(watch.figures)
}

fn run_until(world: &mut World<Node>, watch: &mut Watch, end: Instant) {
    while world.next_at().is_some_and(|next| next <= end) {
        world.step(watch);
        for good in std::mem::take(&mut watch.just_denied) {
            let free = warehouse(world).map_or(0, |warehouse| warehouse.market().free(&good));
            watch.figures.undersold += u64::from(free > 0);
        }
    }
    world.pass_until(end);
}

fn warehouse(world: &World<Node>) -> Option<&Warehouse> {
    world.machine(WAREHOUSE)?.warehouse()
}

fn machine_of(shape: &Shape, me: NodeId) -> Node {
    let millis = Duration::from_millis;
    let customers = shape.traders + 1..=shape.traders + shape.buyers + shape.sellers;
    let settings = Settings {
        me,
        warehouse: WAREHOUSE,
        traders: (1..=shape.traders).map(NodeId).collect(),
        hired: [].into(),
        customers: customers.map(NodeId).collect(),
        cache: shape.cache,
        durability: shape.durability,
        times: Times {
            beat_period: millis(100),
            beat_limit: millis(1_000),
            resend: millis(300),
            report_every: millis(20),
            recall_limit: millis(1_000),
            horizon: millis(500),
        },
        tells_answers: false,
        #[cfg(feature = "planted")]
        planted: None,
    };
    if me == WAREHOUSE {
        let founding = Kernel::new(RULES).expect("the commission is below the whole price");
        let scaling = Scaling::fixed(shape.traders as usize);
        let own = WarehouseSettings { founding, snapshot_every: 1_000, scaling };
        Node::Warehouse(Box::new(Warehouse::new(settings, own)))
    } else if me.0 <= shape.traders {
        Node::Trader(Box::new(Trader::new(settings, RULES)))
    } else {
        Node::Customer(Box::new(Customer::new(settings, customer(shape, me))))
    }
}

/// The first customers buy, and the others sell.
fn customer(shape: &Shape, me: NodeId) -> CustomerSettings {
    let buys = me.0 - shape.traders <= shape.buyers;
    CustomerSettings {
        role: Role { buys, sells: !buys },
        buyer: BuyerSettings {
            quantity: Range { min: 1, max: 3 },
            limit: None,
            partial: false,
            think: Range { min: shape.think / 2, max: shape.think * 3 / 2 },
            buy_probability: 0.0,
            purchases: 0,
            pause: None,
            retry_other_good: true,
            leave_when_done: false,
            carts: None,
        },
        seller: SellerSettings {
            stock: Range { min: shape.accrue_goods, max: shape.accrue_goods },
            price: Range { min: 1, max: 20 },
            restock_at_zero: false,
            accrue_goods: shape.accrue_goods,
            accrue_every: shape.accrue_every,
            update_probability: 0.0,
            update_every: Duration::ZERO,
            inquire_every: Duration::ZERO,
            withdraw_when_leaving: false,
        },
        goods: GOODS.iter().filter_map(|name| Good::new(name).ok()).collect(),
        choice: TraderChoice::Random,
    }
}

/// Counts what nodes tell.
#[derive(Default)]
struct Watch {
    figures: Figures,
    from: Instant,
    middle: Instant,
    last_sale: Instant,
    /// Denials whose stock is still to be looked at.
    just_denied: Vec<Good>,
    /// Denials that the buyer has not heard of.
    denied: std::collections::BTreeSet<market::RequestId>,
    /// Promises whose answer the buyer did not wait for.
    promised: std::collections::BTreeSet<market::RequestId>,
}

impl Watch {
    fn answered(&mut self, now: Instant, id: market::RequestId, outcome: &Outcome, took_ns: u64) {
        let was_denied = self.denied.remove(&id);
        let was_promised = self.promised.remove(&id);
        if now < self.from {
            return;
        }
        let figures = &mut self.figures;
        figures.buys += 1;
        if !was_promised {
            figures.waits_ms.push(took_ns as f64 / 1e6);
        }
        match outcome {
            Outcome::Bought(receipt) => {
                let half = usize::from(now >= self.middle);
                figures.shipped[half] += u64::from(receipt.quantity);
                if half == 1 {
                    let since = self.last_sale.max(self.middle);
                    figures.gap = figures.gap.max(now.since(since));
                }
                self.last_sale = now;
            }
            Outcome::Refused(Refusal::Lent { .. }) => figures.not_known += 1,
            Outcome::Refused(_) if was_denied => figures.denied += 1,
            Outcome::Refused(_) => figures.oversold += 1,
            _ => {}
        }
    }
}

impl Observer<Node> for Watch {
    fn report(&mut self, now: Instant, _: NodeId, report: &Report) {
        match &report.what {
            What::Answered { request, operation: Operation::Buy(_), outcome, took_ns } => {
                self.answered(now, *request, outcome, *took_ns);
            }
            What::Answered { operation: Operation::Deposit { quantity, .. }, .. }
                if now >= self.from =>
            {
                self.figures.deposited += u64::from(*quantity);
            }
            What::Promised { request, took_ns } => {
                self.promised.insert(*request);
                if now >= self.from {
                    self.figures.waits_ms.push(*took_ns as f64 / 1e6);
                }
            }
            What::DeniedByCache { request, good, .. } => {
                self.denied.insert(*request);
                if now >= self.from {
                    self.just_denied.push(good.clone());
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use houses::Refuse;

    use super::*;

    const SHAPE: Shape = Shape {
        cache: Cache::None,
        durability: Durability::Buddy,
        traders: 2,
        buyers: 20,
        sellers: 2,
        accrue_goods: 10,
        accrue_every: Duration::from_millis(500),
        think: Duration::from_millis(50),
        warehouse_delay: Duration::from_millis(1),
        loss: 0.0,
        loses_trader: false,
        lasts: Duration::from_secs(10),
        seed: 1,
    };

    #[test]
    fn only_counts_lead_traders_astray() {
        let refuse = Refuse::Always;
        let old = Cache::TimeToLive { age_max: Duration::from_secs(1), refuse };
        let old = measure(&Shape { cache: old, ..SHAPE }).unwrap();
        assert!(old.undersold > 0 && old.oversold > 0, "old counts err both ways: {old:?}");
        for cache in [Cache::None, Cache::Lease] {
            let found = measure(&Shape { cache, ..SHAPE }).unwrap();
            assert_eq!((found.denied, found.undersold), (0, 0), "{cache:?}");
            assert!(found.shipped[0] > 100, "{cache:?}: {found:?}");
        }
    }

    #[test]
    fn the_market_outlives_the_loss_of_a_trader() {
        for cache in [Cache::None, Cache::Lease] {
            let found = measure(&Shape { cache, loses_trader: true, ..SHAPE }).unwrap();
            assert!(found.shipped[1] > 50, "{cache:?}: {:?}", found.shipped);
        }
    }

    #[test]
    fn a_seed_is_a_world() {
        assert_eq!(measure(&SHAPE).unwrap(), measure(&SHAPE).unwrap());
    }
}
