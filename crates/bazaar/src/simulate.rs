//! `bazaar sim`: whole markets, groups or trading houses, on a virtual clock, seed by seed.
//!
//! Ctrl-C or SIGTERM ends a run behind the worlds that have begun, and it tells of those: nobody
//! knows yet whether the others hold.

mod args;
mod coverage;
mod houses;
mod replay;
mod scenarios;
mod shrink;

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::ops::{ControlFlow, Range};
use std::process::ExitCode;
use std::time::Instant;

use sim::invariants::Violation;
use sim::{Failure, Kind, Options, Totals, run_seeds};

use crate::exit;
pub use args::{SimArgs, WorldArgs, WorldKind};
use args::{SimVerb, SweepArgs};

/// How many lines of a failing world's trace are shown.
const TRACE_LINES_SHOWN: usize = 60;
/// How much of each: a line an event, on any terminal. `--trace` prints all of it.
const TRACE_LINE_CHARS: usize = 150;

/// `bazaar sim`.
///
/// # Errors
/// A scenario is wrong, or a file of its run cannot be written.
pub fn command(args: &SimArgs) -> anyhow::Result<ExitCode> {
    match &args.verb {
        Some(SimVerb::Faults(args)) => replay::faults(args),
        Some(SimVerb::Replay(args)) => replay::command(args),
        Some(SimVerb::Load(args)) => replay::load(args),
        Some(SimVerb::Shrink(args)) => shrink::command(args),
        None => sweep(&args.sweep),
    }
}

fn sweep(args: &SweepArgs) -> anyhow::Result<ExitCode> {
    if let Some(preset) = &args.preset {
        return scenarios::command(args, preset);
    }
    let kind = args.world.kind();
    let plan = args.faults.read(&kind, kind.nodes_max())?;
    let kind = kind.with(plan);
    if args.trace {
        let worlds = args.seeds().map(|seed| (seed, kind.play(seed, None, true)));
        return Ok(print_traces(
            worlds.map(|(seed, played)| (seed, played.trace, played.violation)),
        ));
    }
    Ok(match &kind {
        Kind::Market(options) => markets(args, &kind, options),
        Kind::Group(options) => groups(args, &kind, options),
        Kind::Houses(options) => houses::command(args, &kind, options),
    })
}

fn threads(args: &SweepArgs) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.unwrap_or(cores)
}

/// Says how far it is, on a terminal; ends the run when a signal has come.
fn progress(args: &SweepArgs) -> impl Fn(u64) -> ControlFlow<()> + Sync {
    let terminal = std::io::stderr().is_terminal();
    let seeds = args.seeds();
    let all = seeds.end - seeds.start;
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

fn groups(args: &SweepArgs, kind: &Kind, options: &sim::group::Options) -> ExitCode {
    let (threads, began) = (threads(args), Instant::now());
    let (totals, failure) = sim::group::run_seeds(args.seeds(), threads, options, progress(args));
    print!("{}", describe_groups(&totals, began.elapsed().as_secs_f64(), threads));
    print!("{}", coverage::describe(kind, &totals.coverage));
    let Some(outcome) = failure else {
        return no_violation(&args.seeds(), totals.worlds);
    };
    print!("{}", explain(args, outcome.seed, &outcome.trace, outcome.violation.as_ref()));
    exit::BROKEN.into()
}

fn markets(args: &SweepArgs, kind: &Kind, options: &Options) -> ExitCode {
    let (threads, began) = (threads(args), Instant::now());
    let (totals, failure) = run_seeds(args.seeds(), threads, options, progress(args));
    print!("{}", describe(&totals, began.elapsed().as_secs_f64(), threads));
    print!("{}", coverage::describe(kind, &totals.coverage));
    let Some(Failure { outcome }) = failure else {
        return no_violation(&args.seeds(), totals.worlds);
    };
    print!("{}", explain(args, outcome.seed, &outcome.trace, outcome.violation.as_ref()));
    exit::BROKEN.into()
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
        (
            totals.sold,
            format!(
                "sales (with filled carts at least {} a world)",
                totals.trades_min.unwrap_or(0)
            ),
        ),
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
fn explain(args: &SweepArgs, seed: u64, trace: &str, violation: Option<&Violation>) -> String {
    let mut text = last_lines(trace);
    if let Some(violation) = violation {
        text.push_str(&format!("\n{}", told(seed, violation)));
    }
    let again = format!("{seed}{}{}", args.world.text(), args.faults.text());
    text.push_str(&format!(
        "\nreplay: bazaar sim replay {again} --trace\nshrink: bazaar sim shrink {again}\n"
    ));
    text
}

/// What a world broke.
fn told(seed: u64, violation: &Violation) -> String {
    let Violation { invariant, at, evidence } = violation;
    format!("VIOLATION in seed {seed} at {at} s: {invariant}: {evidence}")
}

/// The end of a trace, with lines that any terminal shows.
fn last_lines(trace: &str) -> String {
    let lines: Vec<&str> = trace.lines().collect();
    let shown = &lines[lines.len().saturating_sub(TRACE_LINES_SHOWN)..];
    let shown = shown.iter().map(|line| match line.char_indices().nth(TRACE_LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => (*line).to_owned(),
    });
    shown.collect::<Vec<_>>().join("\n")
}
