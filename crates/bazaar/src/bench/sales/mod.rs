//! `bazaar bench sales`: what one trader sells a second, durable before the answer, to many clients
//! that all want the same good.
//!
//! The trader is a process of a market as `bazaar run` starts it, with two more peers for its
//! majority. One more process is all the clients: each has a connection, a node's id and a session
//! of its own, keeps a fixed number of requests under way, and verifies each answer. When all is
//! answered the books are compared: what the clients were told, what the seller was told, and what
//! stands in the journal.

mod buyer;
mod generator;
mod market;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{Spread, median};
use crate::scratch::Scratch;
pub(super) use generator::run as run_generator;

/// How many rounds and blocks the probes beside a measurement take: a fraction of a second.
const PROBE_ROUNDS: usize = 500;

/// What `bazaar bench sales` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct SalesArgs {
    /// Clients, each with a connection of its own
    #[arg(long, value_delimiter = ',', default_value = "64,256",
        value_parser = clap::value_parser!(u32).range(1..=512))]
    clients: Vec<u32>,
    /// Requests that each client keeps under way
    #[arg(long, value_delimiter = ',', default_value = "1",
        value_parser = clap::value_parser!(u16).range(1..=512))]
    in_flight: Vec<u16>,
    /// Through what the market outlives its trader
    #[arg(long, value_delimiter = ',', default_value = "file")]
    handover: Vec<Handover>,
    /// What an answered sale outlives: the loss of power, or the death of any process
    #[arg(long, value_delimiter = ',', default_value = "disk")]
    durability: Vec<Durability>,
    /// How long each measurement lasts, after a warm-up of a quarter of that
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=60))]
    seconds: u8,
    /// Runs of each shape, alternating
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    repetitions: u8,
    /// Makes each fdatasync of the trader take so much longer, to show a slower disk
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    fsync_delay_us: u32,
    /// After how many records the journal is replaced by a snapshot
    #[arg(long, default_value_t = 100_000)]
    snapshot_every: u32,
    /// Has the processes record every request, as `bazaar run` does
    #[arg(long)]
    record: bool,
    /// Where the journals go while it runs: name a folder on the disk that is to be measured
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints the figures as JSON
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Prints a line for each run as CSV
    #[arg(long)]
    csv: bool,
}

/// How many clients, how busy each is, and what stands behind an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Shape {
    clients: u32,
    in_flight: u16,
    handover: Handover,
    durability: Durability,
}

/// As in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Handover {
    File,
    Database,
    Replicated,
}

/// As in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
enum Durability {
    Disk,
    Memory,
}

impl Handover {
    fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Database => "database",
            Self::Replicated => "replicated",
        }
    }
}

impl Durability {
    fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk",
            Self::Memory => "memory",
        }
    }
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
struct Measured {
    #[serde(flatten)]
    shape: Shape,
    repetition: u8,
    sales_per_second: f64,
    latency_us: Latency,
    /// All sales of the run, each verified: with its receipt, at the seller, and in the journal.
    verified: u64,
    ping_pong_us: f64,
    fdatasync_us: f64,
}

/// A latency in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Latency {
    p50: f64,
    p99: f64,
    max: f64,
}

/// The medians of one shape.
#[derive(Debug, Serialize)]
struct Row {
    #[serde(flatten)]
    shape: Shape,
    sales_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    ping_pong_us: f64,
    fdatasync_us: f64,
}

#[derive(Debug, Serialize)]
struct Figures {
    fsync_delay_us: u32,
    records_requests: bool,
    rows: Vec<Row>,
    runs: Vec<Measured>,
}

/// `bazaar bench sales`.
///
/// # Errors
/// A process fails, or the books do not agree.
pub(super) fn command(args: &SalesArgs) -> anyhow::Result<ExitCode> {
    let mut shapes = Vec::new();
    for &clients in &args.clients {
        for &in_flight in &args.in_flight {
            for &handover in &args.handover {
                for &durability in &args.durability {
                    shapes.push(Shape { clients, in_flight, handover, durability });
                }
            }
        }
    }
    let mut runs = Vec::new();
    for repetition in 1..=args.repetitions {
        for &shape in &shapes {
            runs.push(measure(args, shape, repetition)?);
        }
    }
    let figures = Figures {
        fsync_delay_us: args.fsync_delay_us,
        records_requests: args.record,
        rows: shapes.iter().map(|&shape| Row::of(shape, &runs)).collect(),
        runs,
    };
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else if args.csv {
        print!("{}", csv(&figures.runs));
    } else {
        print!("{}", table(&figures));
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(args: &SalesArgs, shape: Shape, repetition: u8) -> anyhow::Result<Measured> {
    let scratch = Scratch::new(&args.folder, "bench")?;
    let mut echo = Command::new(std::env::current_exe()?);
    echo.args(["bench", "echo"]);
    let ping_pong = host::probe::ping_pong(echo, PROBE_ROUNDS).context("the ping-pong failed")?;
    let fdatasync =
        host::probe::fdatasync(scratch.path(), PROBE_ROUNDS).context("fdatasync failed")?;
    let empty = "nothing was measured";
    let told = market::measure(args, shape, scratch.path())?;
    Ok(Measured {
        shape,
        repetition,
        sales_per_second: told.sales as f64 / told.seconds,
        latency_us: told.latency_us,
        verified: told.bought.iter().sum(),
        ping_pong_us: Spread::of(ping_pong).context(empty)?.p50,
        fdatasync_us: Spread::of(fdatasync).context(empty)?.p50,
    })
}

impl Row {
    fn of(shape: Shape, runs: &[Measured]) -> Self {
        let of = |pick: fn(&Measured) -> f64| {
            median(runs.iter().filter(|run| run.shape == shape).map(pick).collect())
        };
        Self {
            shape,
            sales_per_second: of(|run| run.sales_per_second),
            p50_us: of(|run| run.latency_us.p50),
            p99_us: of(|run| run.latency_us.p99),
            ping_pong_us: of(|run| run.ping_pong_us),
            fdatasync_us: of(|run| run.fdatasync_us),
        }
    }
}

fn csv(runs: &[Measured]) -> String {
    let mut text = String::from(
        "clients,in_flight,handover,durability,repetition,sales_per_second,p50_us,p99_us,max_us,verified,ping_pong_us,\
         fdatasync_us\n",
    );
    for run in runs {
        let (shape, Latency { p50, p99, max }) = (run.shape, run.latency_us);
        text += &format!(
            "{},{},{},{},{},{:.0},{p50:.1},{p99:.1},{max:.1},{},{:.1},{:.1}\n",
            shape.clients,
            shape.in_flight,
            shape.handover.name(),
            shape.durability.name(),
            run.repetition,
            run.sales_per_second,
            run.verified,
            run.ping_pong_us,
            run.fdatasync_us
        );
    }
    text
}

fn table(figures: &Figures) -> String {
    let mut text = format!(
        "one trader, one hot good; durable before the answer; fdatasync slowed by {} us\n\
         {:>8}{:>10}{:>12}{:>8}{:>10}{:>10}{:>10}{:>11}{:>11}\n",
        figures.fsync_delay_us,
        "clients",
        "in flight",
        "handover",
        "on",
        "sales/s",
        "p50 us",
        "p99 us",
        "ping us",
        "fdatasync"
    );
    for Row { shape, sales_per_second, p50_us, p99_us, ping_pong_us, fdatasync_us } in &figures.rows
    {
        text += &format!(
            "{:>8}{:>10}{:>12}{:>8}{sales_per_second:>10.0}{p50_us:>10.1}{p99_us:>10.1}\
             {ping_pong_us:>11.1}{fdatasync_us:>11.1}\n",
            shape.clients,
            shape.in_flight,
            shape.handover.name(),
            shape.durability.name()
        );
    }
    let verified: u64 = figures.runs.iter().map(|run| run.verified).sum();
    text + &format!(
        "medians of {} runs each; {verified} sales verified at the clients, at the seller and in \
         the journal\n",
        figures.runs.len() / figures.rows.len().max(1)
    )
}
