//! `bazaar sim replay` and `load`: one world, played again, and compared with what was saved of it.

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;
use sim::{Kind, Played};

use super::args::{FaultsArgs, LoadArgs, ReplayArgs, WorldArgs};
use super::told;
use crate::exit;
use crate::scenario::{Compared, PlanText, SavedWorld};

/// How many lines around the first that differs are shown.
const LINES_AROUND: usize = 5;

pub(super) fn faults(args: &FaultsArgs) -> anyhow::Result<ExitCode> {
    let (kind, seed) = (args.world.kind(), args.seed);
    let again = format!("bazaar sim replay {seed}{} --faults FILE", args.world.text());
    let header = format!("What goes wrong in seed {seed}. To play it: {again}");
    print!("{}", PlanText::of(&kind.plan(seed), &kind).to_toml(&header));
    Ok(ExitCode::SUCCESS)
}

pub(super) fn command(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let (kind, seed) = (args.world.kind(), args.seed);
    let plan = args.faults.read(&kind, kind.nodes(seed))?;
    let kind = kind.with(plan);
    let played = kind.play(seed, None, args.trace || args.save.is_some());
    if args.trace {
        print!("{}", played.trace);
    }
    tell(seed, &played);
    if let Some(file) = &args.save {
        let saved = SavedWorld::of(seed, args.world.text().trim(), &kind, &played);
        fs::write(file, saved.to_toml())
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("saved: bazaar sim load {}", file.display());
    }
    Ok(code(&played))
}

pub(super) fn load(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    let saved = SavedWorld::read(&args.file)?;
    let world = WorldArgs::from_text(&saved.options).map_err(|problem| {
        let file = args.file.display();
        exit::Unusable(anyhow::anyhow!(
            "{file}: this program cannot play its world: {problem}; nothing was started"
        ))
    })?;
    let kind = world.kind();
    let plan = saved.plan(&kind, kind.nodes(saved.seed))?;
    let kind: Kind = kind.with(Some(plan));
    let played = kind.play(saved.seed, None, true);
    if args.trace {
        print!("{}", played.trace);
    }
    tell(saved.seed, &played);
    let compared = saved.compare(&played);
    match compared {
        Compared::Same => {
            println!("the trace is the same, line by line: {} lines", played.trace.lines().count());
        }
        Compared::Differs { line } => {
            println!("the trace differs from line {line} on; here it is, as it is now:");
            let first = line.saturating_sub(LINES_AROUND + 1);
            let around = played.trace.lines().enumerate().skip(first).take(2 * LINES_AROUND + 1);
            for (index, text) in around {
                let mark = if index + 1 == line { '>' } else { ' ' };
                println!("{mark} {:>7} {text}", index + 1);
            }
            println!("saved by {}, played by {}", saved.program, SavedWorld::program_now());
        }
    }
    let broken = played.violation.as_ref().map(|violation| violation.invariant);
    if saved.broken.as_deref() != broken {
        let say =
            |broken: Option<&str>| broken.map_or("nothing".into(), |name| format!("“{name}”"));
        println!("it broke {} then, and breaks {} now", say(saved.broken.as_deref()), say(broken));
    }
    Ok(match compared {
        Compared::Differs { .. } if played.violation.is_none() => exit::UNKNOWN.into(),
        _ => code(&played),
    })
}

fn tell(seed: u64, played: &Played) {
    let seconds = played.virtual_time.as_secs_f64();
    let count: u64 = played.faults.values().sum();
    println!("seed {seed}: {seconds:.1} virtual seconds, {count} faults");
    match &played.violation {
        Some(violation) => println!("{}", told(seed, violation)),
        None => println!("no violation"),
    }
}

fn code(played: &Played) -> ExitCode {
    match played.violation {
        Some(_) => exit::BROKEN.into(),
        None => ExitCode::SUCCESS,
    }
}
