//! `bazaar sim`: whole markets on a virtual clock, seed by seed.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::ops::Range;
use std::process::ExitCode;
use std::time::Instant;

use sim::{Failure, Options, Totals, run, run_seeds};

use crate::exit;

/// How many lines of a failing world's trace are shown.
const TRACE_LINES_SHOWN: usize = 60;
/// How much of each: a line an event, on any terminal. `--trace` prints all of it.
const TRACE_LINE_CHARS: usize = 150;

/// What `bazaar sim` is told.
#[derive(Debug, Clone, clap::Args)]
pub struct SimArgs {
    /// Which seeds, as in 0..1000, the last one not included
    #[arg(long, value_parser = seeds, default_value = "0..100")]
    pub seeds: Range<u64>,
    /// How many peers a world has
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(3..=100))]
    pub peers: u32,
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

#[cfg(feature = "planted")]
fn planted(text: &str) -> Result<peer::Planted, String> {
    match text {
        "no-fence" => Ok(peer::Planted::NoFence),
        "unjournaled-sale" => Ok(peer::Planted::UnjournaledSale),
        "forgetful-sessions" => Ok(peer::Planted::ForgetfulSessions),
        _ => Err("no-fence, unjournaled-sale or forgetful-sessions".into()),
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
pub fn command(args: &SimArgs) -> ExitCode {
    let options = Options {
        peers: args.peers,
        trace: false,
        #[cfg(feature = "planted")]
        planted: args.plant,
    };
    if args.trace {
        return trace(args, &options);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = args.threads.unwrap_or(cores);
    let terminal = std::io::stderr().is_terminal();
    let began = Instant::now();
    let (totals, failure) = run_seeds(args.seeds.clone(), threads, &options, |worlds| {
        if terminal && worlds.is_multiple_of(16) {
            eprint!("\r\x1b[K{worlds} of {} worlds", args.seeds.end - args.seeds.start);
            let _ = std::io::stderr().flush();
        }
    });
    if terminal {
        eprint!("\r\x1b[K");
    }
    print!("{}", describe(&totals, began.elapsed().as_secs_f64(), threads));
    match failure {
        None => {
            println!("no violation");
            ExitCode::SUCCESS
        }
        Some(failure) => {
            print!("{}", explain(&failure, args));
            exit::BROKEN.into()
        }
    }
}

fn trace(args: &SimArgs, options: &Options) -> ExitCode {
    let options = Options { trace: true, ..options.clone() };
    let mut broken = false;
    for seed in args.seeds.clone() {
        let outcome = run(seed, &options);
        print!("seed {seed}\n{}", outcome.trace);
        if let Some(violation) = outcome.violation {
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

fn explain(failure: &Failure, args: &SimArgs) -> String {
    let outcome = &failure.outcome;
    let lines: Vec<&str> = outcome.trace.lines().collect();
    let shown = &lines[lines.len().saturating_sub(TRACE_LINES_SHOWN)..];
    let (seed, next) = (outcome.seed, outcome.seed + 1);
    let shown = shown.iter().map(|line| match line.char_indices().nth(TRACE_LINE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => (*line).to_owned(),
    });
    let mut text = shown.collect::<Vec<_>>().join("\n");
    if let Some(violation) = &outcome.violation {
        let _ = write!(
            text,
            "\nVIOLATION in seed {seed} at {} s: {}: {}",
            violation.at, violation.invariant, violation.evidence
        );
    }
    #[cfg(feature = "planted")]
    let plant = match args.plant {
        Some(peer::Planted::NoFence) => " --plant no-fence",
        Some(peer::Planted::UnjournaledSale) => " --plant unjournaled-sale",
        Some(peer::Planted::ForgetfulSessions) => " --plant forgetful-sessions",
        None => "",
    };
    #[cfg(not(feature = "planted"))]
    let plant = "";
    let peers = args.peers;
    let _ = writeln!(
        text,
        "\nreplay: bazaar sim --seeds {seed}..{next} --peers {peers}{plant} --trace"
    );
    text
}
