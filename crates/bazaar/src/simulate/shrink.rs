//! `bazaar sim shrink`: fewer and shorter faults that break the same invariant.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use sim::{Effort, shrink};

use super::args::ShrinkArgs;
use super::told;
use crate::exit;
use crate::scenario::PlanText;

pub(super) fn command(args: &ShrinkArgs) -> anyhow::Result<ExitCode> {
    let kind = args.world.kind();
    let plan = args.faults.read(&kind, kind.nodes(args.seed))?;
    let kind = kind.with(plan);
    let terminal = std::io::stderr().is_terminal();
    let progress = |effort: Effort| {
        if terminal {
            eprint!("\r\x1b[K{} faults left after {} worlds", effort.faults, effort.plays);
            let _ = std::io::stderr().flush();
        }
    };
    let found = shrink(&kind, args.seed, args.plays, progress);
    if terminal {
        eprint!("\r\x1b[K");
    }
    let Some(shrunk) = found else {
        println!("seed {} breaks nothing: there is nothing to shrink", args.seed);
        return Ok(ExitCode::SUCCESS);
    };
    let (seed, world) = (args.seed, args.world.text());
    let (before, left) = (shrunk.faults_before, shrunk.plan.faults.len());
    let file = args.out.as_ref().map_or("FILE".into(), |file| file.display().to_string());
    let again = format!("bazaar sim replay {seed}{world} --faults {file} --trace");
    let text = PlanText::of(&shrunk.plan, &kind).to_toml(&format!("Seed {seed}: {again}"));
    if let Some(file) = &args.out {
        fs::write(file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    println!("{text}");
    println!("{}", told(seed, &shrunk.violation));
    println!("{left} of {before} faults are left, after {} worlds", shrunk.plays);
    if shrunk.is_cut_short {
        println!("it may be shorter yet: give more than --plays {}", args.plays);
    }
    println!("replay: {again}");
    Ok(exit::BROKEN.into())
}
