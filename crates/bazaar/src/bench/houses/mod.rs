//! `bazaar bench houses`: goods that a warehouse ships a second through several traders, for each way
//! in which traders may use what they know of its stock (seed 004, section B).
//!
//! Warehouse and traders are a process each. The customers of a trader are one more process: each
//! has a connection, a node's id and a session of its own, keeps one order under way, and verifies
//! each answer. When all is answered the traders retire, and the warehouse's journal is compared with
//! what the customers were told.

mod customers;
mod failover;
mod flash;
mod loss;
mod market;
mod node;

use std::path::PathBuf;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use super::median;
use crate::scratch::Scratch;
pub(super) use customers::run as run_customers;
pub use failover::HouseFailoverArgs;
pub(super) use failover::command as failover;
pub use flash::FlashSaleArgs;
pub(super) use flash::{command as flash_sale, run as run_flash_buyers};
pub use loss::TraderLossArgs;
pub(super) use loss::command as trader_loss;
pub(super) use node::run as run_node;

/// What `bazaar bench houses` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct HousesArgs {
    /// How traders use what they know
    #[arg(long, value_delimiter = ',', default_value = "none,lease-buddy")]
    cache: Vec<Cache>,
    /// How many traders there are
    #[arg(long, value_delimiter = ',', default_value = "4",
        value_parser = clap::value_parser!(u32).range(1..=16))]
    traders: Vec<u32>,
    /// Customers of each trader
    #[arg(long, value_delimiter = ',', default_value = "64",
        value_parser = clap::value_parser!(u32).range(1..=512))]
    customers: Vec<u32>,
    /// By how much each message between a trader and the warehouse is late, in microseconds
    #[arg(long, value_delimiter = ',', default_value = "0,1000")]
    delay_us: Vec<u32>,
    /// How long each measurement lasts, after a warm-up of a quarter of that
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=60))]
    seconds: u8,
    /// Runs of each shape, alternating
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    repetitions: u8,
    /// Where the journals go while it runs: name a folder on the disk that is to be measured
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints a line for each run as CSV
    #[arg(long)]
    csv: bool,
    /// Prints each run as JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
}

/// How traders use what they know, and where a sale from a loan is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Cache {
    /// Not at all
    None,
    /// Counts that are asked for twice a second
    TimeToLive,
    /// Counts that the warehouse sends, ten times a second at most
    Push,
    /// A ledger that traders keep together, by which a sale is promised at once and may be taken
    /// back; latency is the time until the promise
    Ledger,
    /// Loans; the warehouse has a sale before its buyer hears
    LeaseWarehouse,
    /// Loans; another trader has a sale before its buyer hears
    LeaseBuddy,
    /// Loans; the trader's own journal has a sale before its buyer hears
    LeaseTraderLog,
}

impl Cache {
    fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::TimeToLive => "time-to-live",
            Self::Push => "push",
            Self::Ledger => "ledger",
            Self::LeaseWarehouse => "lease-warehouse",
            Self::LeaseBuddy => "lease-buddy",
            Self::LeaseTraderLog => "lease-trader-log",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    cache: Cache,
    traders: u32,
    /// Of each trader.
    customers: u32,
    delay_us: u32,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    #[serde(flatten)]
    shape: Shape,
    repetition: u8,
    goods_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    /// Messages that the warehouse received and sent, for each unit that it shipped.
    messages_per_good: f64,
    /// All units that the customers have receipts for, each in the warehouse's books.
    verified: u64,
}

/// `bazaar bench houses`.
///
/// # Errors
/// A process fails, or the books do not agree.
pub(super) fn command(args: &HousesArgs) -> anyhow::Result<ExitCode> {
    let mut shapes = Vec::new();
    for &delay_us in &args.delay_us {
        for &traders in &args.traders {
            for &customers in &args.customers {
                for &cache in &args.cache {
                    shapes.push(Shape { cache, traders, customers, delay_us });
                }
            }
        }
    }
    let mut runs = Vec::new();
    for repetition in 1..=args.repetitions {
        for &shape in &shapes {
            let scratch = Scratch::new(&args.folder, "bench")?;
            let told = market::measure(shape, args.seconds, scratch.path())?;
            runs.push(Measured { repetition, ..told });
        }
    }
    if args.json {
        println!("{}", serde_json::to_string(&runs)?);
    } else if args.csv {
        print!("{}", csv(&runs));
    } else {
        print!("{}", table(&shapes, &runs));
    }
    Ok(ExitCode::SUCCESS)
}

fn csv(runs: &[Measured]) -> String {
    let mut text = String::from(
        "cache,traders,customers,delay_us,repetition,goods_per_second,p50_us,p99_us,\
         messages_per_good,verified\n",
    );
    for run in runs {
        let Shape { cache, traders, customers, delay_us } = run.shape;
        text += &format!(
            "{},{traders},{customers},{delay_us},{},{:.0},{:.1},{:.1},{:.4},{}\n",
            cache.name(),
            run.repetition,
            run.goods_per_second,
            run.p50_us,
            run.p99_us,
            run.messages_per_good,
            run.verified
        );
    }
    text
}

fn table(shapes: &[Shape], runs: &[Measured]) -> String {
    let mut text = format!(
        "one warehouse, ample stock of one good; orders for one unit\n\
         {:<18}{:>8}{:>11}{:>10}{:>10}{:>10}{:>10}{:>15}\n",
        "cache", "traders", "customers", "delay us", "goods/s", "p50 us", "p99 us", "messages/good"
    );
    for &shape in shapes {
        let of = |pick: fn(&Measured) -> f64| {
            median(runs.iter().filter(|run| run.shape == shape).map(pick).collect())
        };
        text += &format!(
            "{:<18}{:>8}{:>11}{:>10}{:>10.0}{:>10.1}{:>10.1}{:>15.4}\n",
            shape.cache.name(),
            shape.traders,
            shape.traders * shape.customers,
            shape.delay_us,
            of(|run| run.goods_per_second),
            of(|run| run.p50_us),
            of(|run| run.p99_us),
            of(|run| run.messages_per_good)
        );
    }
    let verified: u64 = runs.iter().map(|run| run.verified).sum();
    text + &format!(
        "medians of {} runs each; {verified} units verified at the customers and in the journal\n",
        runs.len() / shapes.len().max(1)
    )
}
