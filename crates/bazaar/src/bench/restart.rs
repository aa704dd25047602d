//! A restart: how long a market with many sales in its journal is gone when its keeper is killed.
//!
//! One process keeps the market: the journal and the kernel, without peers and elections, whose
//! share `bench failover` measures. It is killed when it has made the sales, without a snapshot
//! since the first of them, which is the most that can be to read. The clock runs from SIGKILL
//! until a new process has read the journal, written the market down in its own epoch and made
//! another sale durable.

use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use machine::{Epoch, NodeId};
use market::{
    Act, ClientId, Entry, Good, Kernel, Money, Offer, Order, Outcome, Party, Request, RequestId,
    Rules, SellerChoice,
};
use peer::{Record, Snapshot};
use serde::{Deserialize, Serialize};
use store::{Durability, Form, Log};

use super::{Spread, median};
use crate::run::market_of;
use crate::scratch::Scratch;

/// What `bazaar bench restart` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct RestartArgs {
    /// How many sales stand in the journal when its keeper is killed
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    sales: u64,
    /// How often it is killed, each time with a new market
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    repetitions: u8,
    /// Where the journals go while it runs: name a folder on the disk that is to be measured
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

/// What the new keeper says, in milliseconds of its own time.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Steps {
    read: f64,
    replay: f64,
    write_down: f64,
    sell: f64,
    shipped: u64,
}

#[derive(Debug, Serialize)]
struct Figures {
    sales: u64,
    fdatasync_us: f64,
    /// From SIGKILL to the next durable sale.
    restart_ms: Vec<f64>,
    median_ms: f64,
    worst_ms: f64,
    steps_ms: Vec<Steps>,
}

/// `bazaar bench restart`.
pub(super) fn command(args: &RestartArgs) -> anyhow::Result<ExitCode> {
    let scratch = Scratch::new(&args.folder, "bench")?;
    let probe = host::probe::fdatasync(scratch.path(), 200).context("cannot probe the disk")?;
    let (mut restart_ms, mut steps_ms) = (Vec::new(), Vec::new());
    for repetition in 0..args.repetitions {
        let place = scratch.path().join(repetition.to_string());
        let (first, _) = Keeper::start(&place, args.sales)?;
        let begun = Instant::now();
        drop(first);
        let (_second, told) = Keeper::start(&place, args.sales)?;
        restart_ms.push(begun.elapsed().as_secs_f64() * 1000.0);
        let steps: Steps = serde_json::from_str(&told).context("a keeper said something else")?;
        ensure!(steps.shipped == args.sales + 1, "{} units are sold", steps.shipped);
        steps_ms.push(steps);
    }
    let figures = Figures {
        sales: args.sales,
        fdatasync_us: Spread::of(probe).map_or(f64::NAN, |spread| spread.p50),
        median_ms: median(restart_ms.clone()),
        worst_ms: restart_ms.iter().copied().fold(0.0, f64::max),
        restart_ms,
        steps_ms,
    };
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        let Figures { sales, median_ms, worst_ms, fdatasync_us, .. } = &figures;
        println!("SIGKILL to the next durable sale, with {sales} sales in the journal, ms:");
        println!(
            "  median {median_ms:.0}, worst {worst_ms:.0}; an fdatasync takes {fdatasync_us:.0} us"
        );
        for Steps { read, replay, write_down, sell, .. } in &figures.steps_ms {
            println!(
                "  read {read:.0}, replay {replay:.0}, write down {write_down:.1}, sell {sell:.1}"
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A process that keeps a market; killed when this is dropped.
struct Keeper {
    child: Child,
    _lines: BufReader<ChildStdout>,
}

impl Keeper {
    /// Starts one and waits until it serves. What it said then.
    fn start(place: &Path, sales: u64) -> anyhow::Result<(Self, String)> {
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(own);
        command.args(["bench", "keeper", &sales.to_string()]).arg(place);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a keeper")?;
        let Some(output) = child.stdout.take() else { bail!("a keeper has no output") };
        let mut keeper = Self { child, _lines: BufReader::new(output) };
        let mut line = String::new();
        keeper._lines.read_line(&mut line).context("cannot hear a keeper")?;
        ensure!(!line.is_empty(), "a keeper ended; what it said stands above");
        Ok((keeper, line))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many buyers there are, and how many sales one commit takes.
const BUYERS: u64 = 64;
const SALES_A_COMMIT: u64 = 1024;
const SELLER: u64 = BUYERS;
const TRADER: Party = Party(BUYERS + 1);

/// A keeper: makes the market and its sales if there is none yet, or else goes on with one sale.
///
/// # Errors
/// The journal cannot be read or written.
pub(super) fn keep(place: &Path, sales: u64) -> anyhow::Result<()> {
    let mut at = Instant::now();
    let mut step = || {
        let passed = at.elapsed().as_secs_f64() * 1000.0;
        at = Instant::now();
        passed
    };
    let highest = store::highest_epoch(place).context("cannot look at the journal")?;
    let epoch = highest.unwrap_or(Epoch::ZERO).next(NodeId(1));
    let (mut log, contents) = Form::Files.claim(place, epoch, Durability::Disk)?;
    let read = step();
    let kernel = market_of(&contents, place)?;
    let replay = step();
    let told = match kernel {
        Some(mut kernel) => {
            write_down(log.as_mut(), &kernel)?;
            let write_down = step();
            sell(log.as_mut(), &mut kernel, sales..sales + 1)?;
            let sell = step();
            let shipped = kernel.totals().units.shipped;
            serde_json::to_string(&Steps { read, replay, write_down, sell, shipped })?
        }
        None => {
            let mut kernel = found(sales)?;
            write_down(log.as_mut(), &kernel)?;
            for first in (0..sales).step_by(SALES_A_COMMIT as usize) {
                let last = sales.min(first + SALES_A_COMMIT);
                sell(log.as_mut(), &mut kernel, first..last)?;
            }
            "ready".to_owned()
        }
    };
    println!("{told}");
    std::io::stdout().flush()?;
    // Until it is killed, or whoever started it is gone.
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn write_down(log: &mut dyn Log, kernel: &Kernel) -> anyhow::Result<()> {
    let snapshot = Snapshot::Market(Box::new(kernel.clone()));
    Ok(log.snapshot(&wire::to_bytes(&snapshot)?)?)
}

/// A market with enough of one good.
fn found(sales: u64) -> anyhow::Result<Kernel> {
    let rules = Rules { commission_basis_points: 1_000, choice: SellerChoice::Cheapest };
    let mut kernel = Kernel::new(rules)?;
    for party in 0..=SELLER {
        kernel.apply(&ask(party, 0, market::Command::Open));
    }
    let lot = u64::from(market::limits::QUANTITY_MAX);
    for number in 1..=sales / lot + 1 {
        let (good, quantity) = (Good::new("salt")?, market::limits::QUANTITY_MAX);
        let offer = Offer { good, quantity, unit_price: Money(100), stamp: None };
        kernel.apply(&ask(SELLER, number, market::Command::Deposit(offer)));
    }
    Ok(kernel)
}

fn sell(log: &mut dyn Log, kernel: &mut Kernel, sales: std::ops::Range<u64>) -> anyhow::Result<()> {
    for number in sales {
        let good = Good::new("salt")?;
        let order = Order { good, quantity: 1, limit: None, partial: false };
        let entry = ask(number % BUYERS, 1 + number / BUYERS, market::Command::Buy(order));
        let outcome = kernel.apply(&entry).outcome;
        ensure!(matches!(outcome, Outcome::Bought(_)), "sale {number} is not one: {outcome:?}");
        log.append(&wire::to_bytes(&Record::Entry(entry))?)?;
    }
    Ok(log.commit()?)
}

/// A request of a client that has all its answers so far.
fn ask(party: u64, number: u64, command: market::Command) -> Entry {
    let client = ClientId { party: Party(party), life: 1 };
    let request = Request { id: RequestId { client, number }, answered_below: number, command };
    Entry { at_ms: number, trader: TRADER, draw: number, act: Act::Request(request) }
}
