//! The round trip of a buy, with the journal durable before the answer and with it in memory.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Context as _;
use serde::Serialize;
use view::{Event, Operation, What};

use super::{Spread, median, resolve};
use crate::run::Talk;
use crate::run::{Processes, Venue as _, conduct};
use crate::scratch::Scratch;

/// What `bazaar bench buy` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct BuyArgs {
    /// Buys a run, one after the other
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=1_000_000))]
    buys: u64,
    /// Runs of each kind, alternating
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=50))]
    repetitions: u8,
    /// How messages travel: tcp or udp
    #[arg(long, default_value = "tcp")]
    transport: String,
    /// Where the journals go while it runs: name a folder on the disk that is to be measured
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

/// One repetition of all four.
#[derive(Debug, Serialize)]
struct Repetition {
    ping_pong_us: Spread,
    fdatasync_us: Spread,
    memory_us: Spread,
    disk_us: Spread,
}

#[derive(Debug, Serialize)]
struct Figures {
    buys: u64,
    transport: String,
    repetitions: Vec<Repetition>,
    /// Medians over the repetitions' medians.
    ping_pong_us: f64,
    fdatasync_us: f64,
    memory_us: f64,
    disk_us: f64,
    /// The round trip in memory, in ping-pongs.
    memory_per_ping_pong: f64,
    /// What durability adds to it, in fdatasyncs.
    durability_per_fdatasync: f64,
}

/// `bazaar bench buy`.
pub(super) fn command(args: &BuyArgs) -> anyhow::Result<ExitCode> {
    let mut repetitions = Vec::new();
    for _ in 0..args.repetitions {
        let scratch = Scratch::new(&args.folder, "bench")?;
        let mut echo = Command::new(std::env::current_exe()?);
        echo.args(["bench", "echo"]);
        let rounds = usize::try_from(args.buys)?;
        let ping_pong = host::probe::ping_pong(echo, rounds).context("the ping-pong failed")?;
        let fdatasync = host::probe::fdatasync(scratch.path(), 1000).context("fdatasync failed")?;
        let empty = "nothing was measured";
        repetitions.push(Repetition {
            ping_pong_us: Spread::of(ping_pong).context(empty)?,
            fdatasync_us: Spread::of(fdatasync).context(empty)?,
            memory_us: Spread::of(round_trips(args, &scratch, "memory")?).context(empty)?,
            disk_us: Spread::of(round_trips(args, &scratch, "disk")?).context(empty)?,
        });
    }
    let of = |pick: fn(&Repetition) -> Spread| {
        median(repetitions.iter().map(|repetition| pick(repetition).p50).collect())
    };
    let ping_pong_us = of(|repetition| repetition.ping_pong_us);
    let fdatasync_us = of(|repetition| repetition.fdatasync_us);
    let memory_us = of(|repetition| repetition.memory_us);
    let disk_us = of(|repetition| repetition.disk_us);
    show(
        args.json,
        &Figures {
            buys: args.buys,
            transport: args.transport.clone(),
            ping_pong_us,
            fdatasync_us,
            memory_us,
            disk_us,
            memory_per_ping_pong: memory_us / ping_pong_us,
            durability_per_fdatasync: (disk_us - memory_us) / fdatasync_us,
            repetitions,
        },
    )
}

fn round_trips(args: &BuyArgs, scratch: &Scratch, durability: &str) -> anyhow::Result<Vec<u64>> {
    let (buys, transport) = (args.buys, &args.transport);
    let scenario = resolve(&[
        "fault=[]".into(),
        "run.duration=10m".into(),
        "run.peers=3".into(),
        format!("run.transport={transport}"),
        "roles.buyers=1".into(),
        "roles.sellers=1".into(),
        "roles.others=bystander".into(),
        "trader.first=3".into(),
        "trade.order=arrival".into(),
        "trade.goods=['salt']".into(),
        "buyer.quantity={min=1,max=1}".into(),
        "buyer.think={min='0s',max='0s'}".into(),
        format!("buyer.purchases={buys}"),
        "seller.stock={min=1000000,max=1000000}".into(),
        "seller.update_probability=0".into(),
        format!("journal.durability={durability}"),
    ])?;
    let directory = scratch.path().join(durability);
    std::fs::create_dir_all(&directory)?;
    let processes = Processes::start(&scenario, &directory)?;
    let outcome = conduct(&scenario, &directory, &Talk::SILENT, processes, |processes| {
        Ok(processes.progress().sales < buys)
    })?;
    Ok(outcome.events.iter().filter_map(took_ns).collect())
}

fn took_ns(event: &Event) -> Option<u64> {
    match &event.what {
        What::Answered {
            operation: Operation::Buy(_),
            outcome: market::Outcome::Bought(_),
            took_ns,
            ..
        } => Some(*took_ns),
        _ => None,
    }
}

fn show(json: bool, figures: &Figures) -> anyhow::Result<ExitCode> {
    if json {
        println!("{}", serde_json::to_string(figures)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} sequential buys over {}, us", figures.buys, figures.transport);
    println!("{:<22}{:>9}{:>9}{:>9}{:>9}", "", "p50", "p90", "p99", "max");
    for (number, repetition) in figures.repetitions.iter().enumerate() {
        println!("repetition {}", number + 1);
        for (name, spread) in [
            ("  bare ping-pong", repetition.ping_pong_us),
            ("  fdatasync", repetition.fdatasync_us),
            ("  buy, in memory", repetition.memory_us),
            ("  buy, durable", repetition.disk_us),
        ] {
            let Spread { p50, p90, p99, max, .. } = spread;
            println!("{name:<22}{p50:>9.1}{p90:>9.1}{p99:>9.1}{max:>9.1}");
        }
    }
    println!(
        "medians: in memory {:.1} us = {:.2} ping-pongs of {:.1} us; durable {:.1} us, {:.2} \
         fdatasyncs of {:.1} us more",
        figures.memory_us,
        figures.memory_per_ping_pong,
        figures.ping_pong_us,
        figures.disk_us,
        figures.durability_per_fdatasync,
        figures.fdatasync_us
    );
    Ok(ExitCode::SUCCESS)
}
