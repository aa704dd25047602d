//! `bazaar bench trader-loss`: goods that buyers have a second before, while and after one of
//! several traders fails for good, where each has a share of a processor that nobody inherits
//! (seed 004, section B).
//!
//! Half-way the trader is killed. Then those that are left have its customers too; or the peers elect
//! another one; or a provider starts one. Each form is a run of the whole market as processes.

use std::path::PathBuf;
use std::process::ExitCode;

use market::Outcome;
use serde::Serialize;
use view::{Event, Fault, Verdict, What};

use crate::bench::median;
use crate::exit;
use crate::run::{Processes, Shares, Talk, play};
use crate::scenario::Scenario;
use crate::scratch::Scratch;

/// What `bazaar bench trader-loss` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct TraderLossArgs {
    /// Who has the customers of the one that is lost
    #[arg(long, value_enum, value_delimiter = ',', default_value = "survivors,election,provider")]
    instead: Vec<Instead>,
    /// How traders use what they know: none, ttl, push, ledger or lease
    #[arg(long, value_delimiter = ',', default_value = "none,lease")]
    cache: Vec<String>,
    /// How many traders there are
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=16))]
    traders: u32,
    /// How many peers buy, without a pause
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=60))]
    buyers: u32,
    /// The share of one processor that each trader has, in percent; 0 for as much as it takes
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=100))]
    cpu: u32,
    /// How long each run lasts
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(4..=120))]
    seconds: u8,
    /// Runs of each shape, alternating
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
    repetitions: u8,
    /// Where the runs go; they are removed afterwards
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Prints a line for each run as CSV
    #[arg(long)]
    csv: bool,
    /// Prints each run as JSON, a line each
    #[arg(long, conflicts_with = "csv")]
    json: bool,
}

/// Who has the customers of a trader that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Instead {
    /// Those that are left
    Survivors,
    /// One that the peers elect
    Election,
    /// One that the provider starts
    Provider,
}

/// How much of the run just behind the loss is "while": time enough to elect or to start one.
const WHILE_NS: u64 = 1_000_000_000;
/// How much of the beginning does not count: the first elections, and the first loans.
const WARM_UP_NS: u64 = 1_000_000_000;

#[derive(Debug, Serialize)]
struct Figures {
    instead: Instead,
    cache: String,
    cpu_percent: u32,
    before: f64,
    during: f64,
    after: f64,
    /// The longest time behind the loss in which no buyer was told of a sale.
    gap_ms: f64,
    verdict: Verdict,
    violations: Vec<String>,
}

/// `bazaar bench trader-loss`.
///
/// # Errors
/// The scenario is wrong, a process cannot be started or fails, or there are no control groups.
pub(in crate::bench) fn command(args: &TraderLossArgs) -> anyhow::Result<ExitCode> {
    let cpu = share(args.cpu);
    let mut all: Vec<Figures> = Vec::new();
    if args.csv {
        println!("instead,cache,cpu_percent,before,during,after,gap_ms,verdict");
    }
    for _ in 0..args.repetitions {
        for &instead in &args.instead {
            for cache in &args.cache {
                let figures = once(args, cpu, instead, cache)?;
                show(args, &figures)?;
                all.push(figures);
            }
        }
    }
    if !args.csv && !args.json {
        table(args, cpu, &all);
    }
    Ok(match all.iter().any(|figures| figures.verdict == Verdict::Fail) {
        true => exit::BROKEN.into(),
        false => ExitCode::SUCCESS,
    })
}

/// The share that each trader can have here: all of it where the machine gives no shares.
fn share(percent: u32) -> u32 {
    let none = (percent > 0).then(|| Shares::new(percent).err()).flatten();
    if let Some(error) = &none {
        eprintln!("note: each trader takes as much of a processor as it can: {error:#}");
    }
    if none.is_some() { 0 } else { percent }
}

fn once(args: &TraderLossArgs, cpu: u32, instead: Instead, cache: &str) -> anyhow::Result<Figures> {
    let sellers = 3;
    let mut sets = vec![
        format!("run.duration={}s", args.seconds),
        format!("run.peers={}", args.buyers + sellers + args.traders + 1),
        format!("roles.buyers={}", args.buyers),
        format!("roles.sellers={sellers}"),
        "roles.others=bystander".to_owned(),
        // The highest numbers are elected.
        "roles.deal=in_order".to_owned(),
        "buyer.think={min='0s',max='0s'}".to_owned(),
        "seller.stock={min=10000,max=100000}".to_owned(),
        "seller.accrue_goods=100000".to_owned(),
        "group.heartbeat_limit='300ms'".to_owned(),
        format!("cache={cache}"),
        format!("houses.traders={}", args.traders),
        format!("houses.trader_cpu_percent={cpu}"),
    ];
    if instead != Instead::Election {
        sets.push("houses.replace_lost=false".to_owned());
    }
    if instead == Instead::Provider {
        sets.push(format!("scaling.traders_max={}", args.traders + 1));
        // As many as there are would do: one is started for one that is lost.
        sets.push("scaling.answers_per_second=10000000".to_owned());
    }
    let scenario = Scenario::resolve_to_run("trading-houses", None, &sets)?;
    let scratch = Scratch::new(&args.folder, "bench")?;
    let talk = Talk { quiet: true, terminal: false };
    let processes = Processes::start(&scenario, scratch.path())?;
    let outcome = play(&scenario, scratch.path(), &talk, processes)?;
    let (before, during, after, gap_ms) = rates(&outcome.events);
    Ok(Figures {
        instead,
        cache: cache.to_owned(),
        cpu_percent: cpu,
        before,
        during,
        after,
        gap_ms,
        verdict: outcome.summary.verdict,
        violations: outcome.summary.violations,
    })
}

/// Units a second that buyers were told that they have, before, while and after a trader was lost,
/// and the longest time in milliseconds behind the loss in which none was told. The warehouse may
/// hear of a sale from a loan much later.
fn rates(events: &[Event]) -> (f64, f64, f64, f64) {
    let is_kill = |event: &&Event| matches!(event.what, What::Fault { fault: Fault::Kill, .. });
    let Some(lost_ns) = events.iter().find(is_kill).map(|event| event.time_ns) else {
        return Default::default();
    };
    let is_over = |event: &&Event| event.what == What::Ending;
    let end_ns = events.iter().find(is_over).map_or(lost_ns, |event| event.time_ns);
    let sales = events.iter().filter_map(|event| match &event.what {
        What::Answered { outcome: Outcome::Bought(receipt), .. } => {
            Some((event.time_ns, u64::from(receipt.quantity)))
        }
        _ => None,
    });
    let sales: Vec<(u64, u64)> = sales.collect();
    let rate = |from: u64, to: u64| {
        let within = sales.iter().filter(|(at, _)| (from..to).contains(at));
        let units: u64 = within.map(|(_, units)| units).sum();
        units as f64 * 1e9 / to.saturating_sub(from).max(1) as f64
    };
    let began_ns = sales.first().map_or(0, |(at, _)| *at);
    let behind = sales.iter().map(|(at, _)| *at).filter(|at| (lost_ns..end_ns).contains(at));
    let mut moments: Vec<u64> = std::iter::once(lost_ns).chain(behind).collect();
    moments.push(end_ns);
    moments.sort_unstable();
    let gap_ns = moments.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
    (
        rate(began_ns + WARM_UP_NS, lost_ns),
        rate(lost_ns, lost_ns + WHILE_NS),
        rate(lost_ns + WHILE_NS, end_ns),
        gap_ns as f64 / 1e6,
    )
}

fn show(args: &TraderLossArgs, figures: &Figures) -> anyhow::Result<()> {
    if args.json {
        println!("{}", serde_json::to_string(figures)?);
    } else if args.csv {
        let Figures { instead, cache, cpu_percent, before, during, after, gap_ms, verdict, .. } =
            figures;
        let (instead, verdict) = (serde_json::to_value(instead)?, serde_json::to_value(verdict)?);
        println!(
            "{},{cache},{cpu_percent},{before:.0},{during:.0},{after:.0},{gap_ms:.1},{}",
            instead.as_str().unwrap_or_default(),
            verdict.as_str().unwrap_or_default()
        );
    }
    for violation in &figures.violations {
        eprintln!("violation: {violation}");
    }
    Ok(())
}

fn table(args: &TraderLossArgs, cpu: u32, all: &[Figures]) {
    let share = match cpu {
        0 => "as much of a processor as it takes".to_owned(),
        percent => format!("{percent} % of a processor"),
    };
    println!(
        "{} traders, each with {share}; {} buyers; one trader is killed after {} s; goods that \
         buyers have a second, medians of {} runs",
        args.traders,
        args.buyers,
        f64::from(args.seconds) / 2.0,
        args.repetitions
    );
    println!(
        "{:<12}{:<8}{:>10}{:>10}{:>10}{:>10}",
        "instead", "cache", "before", "while", "after", "gap ms"
    );
    for &instead in &args.instead {
        for cache in &args.cache {
            let of = |figure: fn(&Figures) -> f64| {
                let these = all.iter().filter(|of| of.instead == instead && of.cache == *cache);
                median(these.map(figure).collect())
            };
            let word = serde_json::to_value(instead).unwrap_or_default();
            println!(
                "{:<12}{cache:<8}{:>10.0}{:>10.0}{:>10.0}{:>10.1}",
                word.as_str().unwrap_or_default(),
                of(|of| of.before),
                of(|of| of.during),
                of(|of| of.after),
                of(|of| of.gap_ms)
            );
        }
    }
}
