//! `bazaar sim`: whole markets, or groups, on a virtual clock, seed by seed.
//!
//! Ctrl-C or SIGTERM ends a run behind the worlds that have begun, and it tells of those: nobody
//! knows yet whether the others hold.

mod houses;
mod scenarios;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::ops::{ControlFlow, Range};
use std::process::ExitCode;
use std::time::Instant;

use groupcast::group::{Delivery, Order};
use sim::invariants::Violation;
use sim::swarm::Handover;
use sim::{Failure, Options, Totals, run, run_seeds};

use crate::exit;

/// How many lines of a failing world's trace are shown.
const TRACE_LINES_SHOWN: usize = 60;
/// How much of each: a line an event, on any terminal. `--trace` prints all of it.
const TRACE_LINE_CHARS: usize = 150;

/// What a world is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WorldKind {
    /// Peers that trade
    Market,
    /// Members of a group that send
    Group,
    /// Many traders, one warehouse
    Houses,
}

fn order(text: &str) -> Result<Order, String> {
    let found = Order::ALL.into_iter().find(|order| order.to_string() == text);
    found.ok_or_else(|| "fifo, causal, sequencer or lamport".into())
}

const HANDOVERS: [(&str, Handover); 3] = [
    ("common", Handover::Common),
    ("replicated", Handover::Replicated),
    ("sellers", Handover::Sellers),
];

fn handover(text: &str) -> Result<Handover, String> {
    let found = HANDOVERS.into_iter().find(|(name, _)| *name == text);
    found.map(|(_, handover)| handover).ok_or_else(|| "common, replicated or sellers".into())
}

fn delivery(text: &str) -> Result<Delivery, String> {
    let found = Delivery::ALL.into_iter().find(|delivery| delivery.to_string() == text);
    found.ok_or_else(|| "agreed or safe".into())
}

/// What `bazaar sim` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct SimArgs {
    /// Which seeds, as in 0..1000, the last one not included
    #[arg(long, value_parser = seeds, default_value = "0..100")]
    pub seeds: Range<u64>,
    /// What a world is made of
    #[arg(long, value_enum, default_value_t = WorldKind::Market)]
    pub world: WorldKind,
    /// The order of all groups: fifo, causal, sequencer or lamport [default: each seed's own]
    #[arg(long, value_parser = order)]
    pub order: Option<Order>,
    /// The delivery of all groups: agreed or safe [default: each seed's own]
    #[arg(long, value_parser = delivery)]
    pub delivery: Option<Delivery>,
    /// Where all markets are held: common, replicated or sellers [default: each seed's own]
    #[arg(long, value_parser = handover)]
    pub handover: Option<Handover>,
    /// How many peers a market has
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub peers: u32,
    /// Plays the scenario of this preset with each seed instead, as run --simulated does
    #[arg(long, conflicts_with_all = ["world", "order", "delivery", "handover", "peers", "trace"])]
    pub preset: Option<String>,
    /// Sets a key of that scenario, as in --set run.peers=9; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "preset")]
    pub sets: Vec<String>,
    /// How many threads run worlds at a time [default: all cores]
    #[arg(long)]
    pub threads: Option<usize>,
    /// Prints every event of every world
    #[arg(long)]
    pub trace: bool,
    /// Puts a known bug in, to see that it is found
    #[cfg(feature = "planted")]
    #[arg(long, value_parser = planted)]
    pub plant: Option<peer::Planted>,
}

/// Reads a bug by its name.
#[cfg(feature = "planted")]
pub(crate) fn planted(text: &str) -> Result<peer::Planted, String> {
    match text {
        "no-fence" => Ok(peer::Planted::NoFence),
        "unjournaled-sale" => Ok(peer::Planted::UnjournaledSale),
        "forgetful-sessions" => Ok(peer::Planted::ForgetfulSessions),
        "amnesia" => Ok(peer::Planted::Amnesia),
        "hasty-books" => Ok(peer::Planted::HastyBooks),
        _ => Err("no-fence, unjournaled-sale, forgetful-sessions, amnesia or hasty-books".into()),
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text} is no range of seeds; give two numbers, as in 0..1000");
    let (first, end) = text.split_once("..").ok_or_else(wrong)?;
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
    let (first, end) = (number(first)?, number(end)?);
    if first < end { Ok(first..end) } else { Err(format!("{text} holds no seed")) }
}

/// `bazaar sim`.
///
/// # Errors
/// A scenario is wrong, or a file of its run cannot be written.
pub fn command(args: &SimArgs) -> anyhow::Result<ExitCode> {
    match (&args.preset, args.world) {
        (Some(preset), _) => scenarios::command(args, preset),
        (None, WorldKind::Market) => Ok(markets(args)),
        (None, WorldKind::Group) => Ok(groups(args)),
        (None, WorldKind::Houses) => Ok(houses::command(args)),
    }
}

fn threads(args: &SimArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.unwrap_or(cores)
}

/// Says how far it is, on a terminal; ends the run when a signal has come.
fn progress(args: &SimArgs) -> impl Fn(u64) -> ControlFlow<()> + Sync {
    let terminal = std::io::stderr().is_terminal();
    let all = args.seeds.end - args.seeds.start;
    // Where signals cannot be listened to, they end the process as ever.
    let interrupt = host::Interrupt::listen().ok();
    move |worlds| {
        let is_over = interrupt.as_ref().is_some_and(host::Interrupt::is_set);
        if terminal && worlds.is_multiple_of(16) {
            eprint!("\r\x1b[K{worlds} of {all} worlds");
            let _ = std::io::stderr().flush();
        }
        if terminal && (worlds == all || is_over) {
            eprint!("\r\x1b[K");
        }
        if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Says up to which seed no world broke.
fn no_violation(seeds: &Range<u64>, worlds: u64) -> ExitCode {
    let next = seeds.start + worlds;
    if next == seeds.end {
        println!("no violation");
        return ExitCode::SUCCESS;
    }
    println!(
        "interrupted: no violation in {}..{next}; {next}..{} have not run",
        seeds.start, seeds.end
    );
    exit::UNKNOWN.into()
}

fn groups(args: &SimArgs) -> ExitCode {
    let options = sim::group::Options {
        order: args.order,
        delivery: args.delivery,
        ..sim::group::Options::default()
    };
    if args.trace {
        let options = sim::group::Options { trace: true, ..options };
        let outcomes = args.seeds.clone().map(|seed| sim::group::run(seed, &options));
        return print_traces(
            outcomes.map(|outcome| (outcome.seed, outcome.trace, outcome.violation)),
        );
    }
    let (threads, began) = (threads(args), Instant::now());
    let (totals, failure) =
        sim::group::run_seeds(args.seeds.clone(), threads, &options, progress(args));
    print!("{}", describe_groups(&totals, began.elapsed().as_secs_f64(), threads));
    let Some(outcome) = failure else {
        return no_violation(&args.seeds, totals.worlds);
    };
    let mut again = String::from(" --world group");
    for (name, value) in [
        ("order", args.order.map(|order| order.to_string())),
        ("delivery", args.delivery.map(|delivery| delivery.to_string())),
    ] {
        if let Some(value) = value {
            let _ = write!(again, " --{name} {value}");
        }
    }
    print!("{}", explain(outcome.seed, &outcome.trace, outcome.violation.as_ref(), &again));
    exit::BROKEN.into()
}

fn markets(args: &SimArgs) -> ExitCode {
    let options = Options {
        peers: args.peers,
        handover: args.handover,
        #[cfg(feature = "planted")]
        planted: args.plant,
        ..Options::default()
    };
    if args.trace {
        return trace(args, &options);
    }
    let (threads, began) = (threads(args), Instant::now());
    let (totals, failure) = run_seeds(args.seeds.clone(), threads, &options, progress(args));
    print!("{}", describe(&totals, began.elapsed().as_secs_f64(), threads));
    match failure {
        None => no_violation(&args.seeds, totals.worlds),
        Some(Failure { outcome }) => {
            let again = market_again(args);
            print!("{}", explain(outcome.seed, &outcome.trace, outcome.violation.as_ref(), &again));
            exit::BROKEN.into()
        }
    }
}

/// What has to be said to have the same markets again.
fn market_again(args: &SimArgs) -> String {
    #[cfg(feature = "planted")]
    let plant = match args.plant {
        Some(peer::Planted::NoFence) => " --plant no-fence",
        Some(peer::Planted::UnjournaledSale) => " --plant unjournaled-sale",
        Some(peer::Planted::ForgetfulSessions) => " --plant forgetful-sessions",
        Some(peer::Planted::Amnesia) => " --plant amnesia",
        Some(peer::Planted::HastyBooks) => " --plant hasty-books",
        None => "",
    };
    #[cfg(not(feature = "planted"))]
    let plant = "";
    let handover = HANDOVERS.into_iter().find(|(_, handover)| args.handover == Some(*handover));
    let handover = handover.map_or(String::new(), |(name, _)| format!(" --handover {name}"));
    format!(" --peers {}{handover}{plant}", args.peers)
}

fn trace(args: &SimArgs, options: &Options) -> ExitCode {
    let options = Options { trace: true, ..options.clone() };
    let outcomes = args.seeds.clone().map(|seed| run(seed, &options));
    print_traces(outcomes.map(|outcome| (outcome.seed, outcome.trace, outcome.violation)))
}

fn print_traces(outcomes: impl Iterator<Item = (u64, String, Option<Violation>)>) -> ExitCode {
    let mut broken = false;
    for (seed, trace, violation) in outcomes {
        print!("seed {seed}\n{trace}");
        if let Some(violation) = violation {
            println!(
                "{} was broken at {}: {}",
                violation.invariant, violation.at, violation.evidence
            );
            broken = true;
        }
    }
    if broken { exit::BROKEN.into() } else { ExitCode::SUCCESS }
}

fn describe(totals: &Totals, seconds: f64, threads: usize) -> String {
    let mut text = String::new();
    let worlds = totals.worlds as f64;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} worlds in {seconds:.1} s on {threads} threads: {:.1} seeds a second",
        totals.worlds,
        worlds / seconds.max(1e-9)
    );
    let virtual_seconds = totals.virtual_time.as_secs_f64();
    let least = totals.virtual_time_min.map_or(0.0, |time| time.as_secs_f64());
    let _ =
        writeln!(text, "  {virtual_seconds:>12.0} virtual seconds (at least {least:.0} a world)");
    let lines = [
        (totals.sold, format!("sales (at least {} a world)", totals.sold_min.unwrap_or(0))),
        (totals.refused, "refusals".into()),
        (totals.repeated, "answers given again".into()),
        (totals.in_doubt, "requests whose client never learns".into()),
        (totals.elections, "elections".into()),
        (totals.on_overlay, "worlds whose peers talk along an overlay".into()),
        (totals.messages[0], "messages delivered".into()),
        (totals.messages[1], "messages lost".into()),
        (totals.messages[2], "messages doubled".into()),
    ];
    for (count, what) in lines {
        let _ = writeln!(text, "  {count:>12} {what}");
    }
    let all: u64 = totals.faults.values().sum();
    let least = totals.faults_min.unwrap_or(0);
    let _ = writeln!(text, "  {all:>12} faults (at least {least} a world):");
    for (kind, count) in &totals.faults {
        let _ = writeln!(text, "  {count:>16} {kind}");
    }
    text
}

fn describe_groups(totals: &sim::group::Totals, seconds: f64, threads: usize) -> String {
    let mut text = String::new();
    let (contents, worlds) = (&totals.contents, totals.worlds as f64);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{} worlds in {seconds:.1} s on {threads} threads: {:.1} seeds a second",
        totals.worlds,
        worlds / seconds.max(1e-9)
    );
    let lines = [
        (totals.virtual_time.as_secs(), "virtual seconds"),
        (contents.sent, "messages sent"),
        (contents.delivered, "messages delivered, one a member"),
        (contents.refused, "messages refused"),
        (contents.handed_back, "messages handed back"),
        (contents.views, "views"),
        (contents.states, "states given to new members"),
        (contents.removed, "members removed"),
        (contents.left, "members that left"),
        (totals.lost.iter().sum(), "groups that lost a majority to crashes, and waited"),
        (totals.messages[0], "messages of the protocol delivered"),
        (totals.messages[1], "messages of the protocol lost"),
        (totals.messages[2], "messages of the protocol doubled"),
        (totals.faults.values().sum(), "faults:"),
    ];
    for (count, what) in lines {
        let _ = writeln!(text, "  {count:>12} {what}");
    }
    for (kind, count) in &totals.faults {
        let _ = writeln!(text, "  {count:>16} {kind}");
    }
    text
}

/// The end of a broken world's trace, what was broken, and how to have it again.
fn explain(seed: u64, trace: &str, violation: Option<&Violation>, again: &str) -> String {
    let lines: Vec<&str> = trace.lines().collect();
    let shown = &lines[lines.len().saturating_sub(TRACE_LINES_SHOWN)..];
    let shown = shown.iter().map(|line| match line.char_indices().nth(TRACE_LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => (*line).to_owned(),
    });
    let mut text = shown.collect::<Vec<_>>().join("\n");
    if let Some(violation) = violation {
        let _ = write!(
            text,
            "\nVIOLATION in seed {seed} at {} s: {}: {}",
            violation.at, violation.invariant, violation.evidence
        );
    }
    let next = seed + 1;
    let _ = writeln!(text, "\nreplay: bazaar sim --seeds {seed}..{next}{again} --trace");
    text
}
