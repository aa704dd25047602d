//! `bazaar bench`: figures, each beside what the machine could do at best in the same run.

mod buy;
pub(crate) mod experiments;
mod failover;
mod houses;
mod multicast;
mod orders;
mod restart;
mod sales;

use std::process::ExitCode;

use host::probe::sequencer::Shape;
use serde::Serialize;

use crate::scenario::Scenario;

/// What `bazaar bench` is told.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum BenchVerb {
    /// The round trip of a buy: one buyer, one seller, one trader, as three processes
    Buy(buy::BuyArgs),
    /// From the loss of a trader in use to the first sale that its successor confirms
    Failover(failover::FailoverArgs),
    /// The orders of multicast beside each other as the group grows, simulated
    Orders(orders::OrdersArgs),
    /// From the SIGKILL of a market's keeper to its next sale, with a long journal to read
    Restart(restart::RestartArgs),
    /// What a group delivers: messages a second, latency, and what failures and overload cost
    Multicast(multicast::MulticastArgs),
    /// What one trader sells a second to many clients, durable before the answer
    Sales(sales::SalesArgs),
    /// What a warehouse ships a second through several traders, whatever they know of its stock
    Houses(houses::HousesArgs),
    /// The gap until a trader's buyers buy again, after it was killed
    HouseFailover(houses::HouseFailoverArgs),
    /// Goods shipped before, while and after a trader is lost, each with its share of a processor
    TraderLoss(houses::TraderLossArgs),
    /// Few units and many buyers, nine of ten of them at one trader
    FlashSale(houses::FlashSaleArgs),
    /// Buyers of one trader; `bench flash-sale` starts these
    #[command(hide = true)]
    FlashBuyers {
        /// What they are told, in JSON
        task: String,
    },
    /// An experiment of one of the papers
    #[command(flatten)]
    Experiment(experiments::ExperimentVerb),
    /// The clients of `bench sales`
    #[command(hide = true)]
    Generator {
        /// What it is told, in JSON
        task: String,
    },
    /// The warehouse, or a trader, of `bench houses`
    #[command(hide = true)]
    House {
        /// What it is told, in JSON
        task: String,
    },
    /// The customers of a trader of `bench houses`
    #[command(hide = true)]
    HouseCustomers {
        /// What they are told, in JSON
        task: String,
    },
    /// Answers the bare ping-pong; benches start this
    #[command(hide = true)]
    Echo,
    /// One process of the ideal that `bench multicast` shows beside a group
    #[command(hide = true)]
    Ideal {
        /// Which of the three; 0 is the sequencer
        index: usize,
        /// How long a message is
        size_bytes: usize,
        /// How many messages of its own each keeps under way
        window: u32,
        /// How long it lasts
        duration_ns: u64,
        /// The process whose end this one shall not outlive
        parent: u32,
        /// Whether a message is delivered only when all hold it
        #[arg(long)]
        held_by_all: bool,
        /// Where the sequencer listens
        #[arg(long)]
        port: Option<u16>,
    },
    /// Keeps a market; `bench restart` starts these
    #[command(hide = true)]
    Keeper {
        /// How many sales it makes first
        sales: u64,
        /// Where its journal is
        place: std::path::PathBuf,
    },
    /// Keeps one core busy; `bench multicast --busy` starts these
    #[command(hide = true)]
    Busy {
        /// The process whose end this one shall not outlive
        parent: u32,
    },
    /// One member of the group that `bench multicast` measures
    #[command(hide = true)]
    Member {
        /// What it is told, in JSON
        settings: String,
    },
}

/// `bazaar bench`.
///
/// # Errors
/// A run fails.
pub fn command(verb: &BenchVerb) -> anyhow::Result<ExitCode> {
    match verb {
        BenchVerb::Buy(args) => buy::command(args),
        BenchVerb::Failover(args) => failover::command(args),
        BenchVerb::Orders(args) => orders::command(args),
        BenchVerb::Multicast(args) => multicast::command(args),
        BenchVerb::Sales(args) => sales::command(args),
        BenchVerb::Houses(args) => houses::command(args),
        BenchVerb::FlashSale(args) => houses::flash_sale(args),
        BenchVerb::FlashBuyers { task } => {
            houses::run_flash_buyers(task)?;
            Ok(ExitCode::SUCCESS)
        }
        BenchVerb::HouseFailover(args) => houses::failover(args),
        BenchVerb::TraderLoss(args) => houses::trader_loss(args),
        BenchVerb::House { task } => {
            houses::run_node(task)?;
            Ok(ExitCode::SUCCESS)
        }
        BenchVerb::HouseCustomers { task } => {
            houses::run_customers(task)?;
            Ok(ExitCode::SUCCESS)
        }
        BenchVerb::Experiment(verb) => experiments::command(verb),
        BenchVerb::Generator { task } => {
            sales::run_generator(task)?;
            Ok(ExitCode::SUCCESS)
        }
        BenchVerb::Restart(args) => restart::command(args),
        BenchVerb::Keeper { sales, place } => {
            restart::keep(place, *sales)?;
            Ok(ExitCode::SUCCESS)
        }
        BenchVerb::Member { settings } => {
            multicast::run_member(settings)?;
            Ok(ExitCode::SUCCESS)
        }
        &BenchVerb::Ideal { index, size_bytes, window, duration_ns, parent, held_by_all, port } => {
            let shape = Shape { size_bytes, window, held_by_all, duration_ns };
            host::probe::sequencer::member(index, port, shape, parent)?;
            Ok(ExitCode::SUCCESS)
        }
        &BenchVerb::Busy { parent } => match host::probe::busy(parent)? {},
        BenchVerb::Echo => {
            host::probe::echo_server()?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn resolve(sets: &[String]) -> anyhow::Result<Scenario> {
    Ok(Scenario::resolve("market", None, sets)?)
}

/// A distribution of nanoseconds, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    min: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    max: f64,
}

impl Spread {
    fn of(mut nanos: Vec<u64>) -> Option<Self> {
        nanos.sort_unstable();
        let last = nanos.len().checked_sub(1)?;
        let at = |share: f64| nanos[(last as f64 * share).round() as usize] as f64 / 1000.0;
        Some(Self { min: at(0.0), p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) })
    }
}

/// The middle one of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
