//! A process of the trading houses: the warehouse, or a trader.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use host::{Application, Control, Impairment, NodeSettings, Transport};
use houses::{
    Command, Durability, Node, Refuse, Scaling, Settings, Times, Trader, Warehouse,
    WarehouseSettings, trader,
};
use machine::{Instant, NodeId};
use market::{Kernel, Rules, SellerChoice};
use peer::Report;
use serde::{Deserialize, Serialize};

use super::{Cache, Shape};

/// Where the stock is.
pub(super) const WAREHOUSE: NodeId = NodeId(1);
/// The rules of its market.
pub(super) const RULES: Rules =
    Rules { commission_basis_points: 1_000, choice: SellerChoice::Oldest };
/// What a trader says when it has its term.
pub(super) const READY: &str = "ready";
/// The first customer's id: above all others', since whoever has the higher id dials.
pub(super) const FIRST_CUSTOMER: u32 = 1000;

/// The traders, by number from 0.
pub(super) fn trader(number: u32) -> NodeId {
    NodeId(WAREHOUSE.0 + 1 + number)
}

/// What a process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NodeTask {
    pub node: NodeId,
    pub shape: Shape,
    pub cluster: u64,
    pub origin_ns: u64,
    pub parent: u32,
    pub known: Vec<(NodeId, String)>,
    pub journal: PathBuf,
}

/// What it tells in the end.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NodeTold {
    /// Messages received.
    pub received: u64,
    /// Messages sent, one a destination.
    pub sent: u64,
}

/// `bazaar bench house`.
///
/// # Errors
/// The task cannot be read, or the host cannot begin or go on.
pub(in crate::bench) fn run(task: &str) -> anyhow::Result<()> {
    let task: NodeTask = serde_json::from_str(task).context("cannot read the node's task")?;
    let node = host::Node::bind(NodeSettings {
        node: task.node,
        cluster: task.cluster,
        origin_ns: task.origin_ns,
        seed: host::entropy::seed().context("cannot draw a seed")?,
        transport: Transport::Tcp,
        listen: "127.0.0.1:0".parse().context("cannot read where to listen")?,
        own_journal: Some(task.journal.clone()),
        common_journal: None,
        durability: store::Durability::Disk,
        polls_for: host::POLLS_FOR,
        known: task.known.clone(),
        lines: Some(io::stdin().as_fd().try_clone_to_owned().context("cannot read lines")?),
        parent: Some(task.parent),
    })?;
    println!("{}", node.address());
    io::stdout().flush()?;
    let mut house = House { late: Some(late(&task)), is_ready: false, is_retiring: false };
    let counts = node.run(machine(&task)?, &mut house)?;
    println!(
        "{}",
        serde_json::to_string(&NodeTold { received: counts.received, sent: counts.sent })?
    );
    Ok(())
}

/// The links that are late: between traders and the warehouse.
fn late(task: &NodeTask) -> Impairment {
    let by = Duration::from_micros(task.shape.delay_us.into());
    let others: Vec<NodeId> = match task.node {
        WAREHOUSE => (0..task.shape.traders).map(trader).collect(),
        _ => vec![WAREHOUSE],
    };
    let delay = others.into_iter().filter(|_| !by.is_zero()).map(|node| (node, by));
    Impairment { delay: delay.collect::<BTreeMap<_, _>>(), ..Impairment::default() }
}

fn machine(task: &NodeTask) -> anyhow::Result<Node> {
    let shape = task.shape;
    let millis = Duration::from_millis;
    let (cache, durability) = match shape.cache {
        Cache::None => (houses::Cache::None, Durability::Warehouse),
        Cache::TimeToLive => {
            let refuse = Refuse::Always;
            (houses::Cache::TimeToLive { age_max: millis(500), refuse }, Durability::Warehouse)
        }
        Cache::Push => {
            let refuse = Refuse::Always;
            (houses::Cache::Push { period: millis(100), refuse }, Durability::Warehouse)
        }
        Cache::Ledger => {
            let refuse = Refuse::Always;
            (houses::Cache::Ledger { period: millis(100), refuse }, Durability::Warehouse)
        }
        Cache::LeaseWarehouse => (houses::Cache::Lease, Durability::Warehouse),
        Cache::LeaseBuddy => (houses::Cache::Lease, Durability::Buddy),
        Cache::LeaseTraderLog => (houses::Cache::Lease, Durability::TraderLog),
    };
    let customers = shape.traders * shape.customers;
    let settings = Settings {
        me: task.node,
        warehouse: WAREHOUSE,
        traders: (0..shape.traders).map(trader).collect(),
        hired: [].into(),
        customers: match task.node {
            // It has no connection to them, and they know their trader's term.
            WAREHOUSE => BTreeSet::new(),
            // And the one that brings the stock.
            _ => (0..=customers).map(|number| NodeId(FIRST_CUSTOMER + number)).collect(),
        },
        cache,
        durability,
        times: Times {
            beat_period: millis(250),
            beat_limit: millis(1_000),
            resend: millis(500),
            report_every: millis(10),
            recall_limit: millis(1_000),
            horizon: millis(1_000),
        },
        tells_answers: false,
        #[cfg(feature = "planted")]
        planted: None,
    };
    if task.node == WAREHOUSE {
        let founding = Kernel::new(RULES).context("the rules are wrong")?;
        let scaling = Scaling::fixed(shape.traders as usize);
        let own = WarehouseSettings { founding, snapshot_every: 100_000, scaling };
        Ok(Node::Warehouse(Box::new(Warehouse::new(settings, own))))
    } else {
        Ok(Node::Trader(Box::new(Trader::new(settings, RULES))))
    }
}

/// What stands between the machine and the bench.
struct House {
    /// What is to be made of its links when it has begun.
    late: Option<Impairment>,
    /// Whether it has said that it trades: what customers ask for before may be lost, and these ask
    /// once.
    is_ready: bool,
    is_retiring: bool,
}

impl Application for House {
    type Machine = Node;

    fn report(&mut self, _: Instant, _: Report, _: &mut Control) {}

    fn line(&mut self, line: &str, control: &mut Control) -> Option<Command> {
        if line == "retire" {
            self.is_retiring = true;
            return Some(Command::Trader(trader::Command::Retire));
        }
        control.stop();
        None
    }

    fn commands(
        &mut self,
        _: Instant,
        machine: &Node,
        _: &mut Vec<Command>,
        control: &mut Control,
    ) {
        if let Some(late) = self.late.take() {
            control.impair(late);
        }
        let trader = machine.trader();
        if !self.is_ready && trader.is_some_and(|trader| trader.term().is_some()) {
            self.is_ready = true;
            println!("{READY}");
        }
        let has_ended = trader.is_some_and(|trader| trader.term().is_none());
        if self.is_retiring && has_ended {
            control.stop();
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
