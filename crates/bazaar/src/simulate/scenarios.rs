//! `bazaar sim --preset`: one scenario seed by seed, each played and judged as by
//! `bazaar run --simulated`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use sim::{Look, sweep};
use view::{Summary, Verdict};

use super::{SweepArgs, no_violation, progress, threads};
use crate::bug::Bug;
use crate::exit;
use crate::run::{Talk, play_simulated};
use crate::scenario::Scenario;

/// What many runs contained, and those that did not pass.
#[derive(Default)]
struct Totals {
    runs: u64,
    seconds: f64,
    sold: u64,
    refused: u64,
    elections: usize,
    found: BTreeMap<u64, anyhow::Result<Summary>>,
}

/// Where runs leave their files while they are judged. They are gone with the value.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn command(args: &SweepArgs, preset: &str) -> anyhow::Result<ExitCode> {
    let scenario = Scenario::resolve(preset, None, &args.sets)?;
    let folder = Folder(std::env::temp_dir().join(format!("bazaar-sim-{}", std::process::id())));
    let (totals, say, began) = (Mutex::new(Totals::default()), progress(args), Instant::now());
    let failed = sweep(args.seeds(), threads(args), |seed| {
        let summary = one(&scenario, seed, &folder);
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.runs += 1;
        match summary {
            Ok(summary) if summary.verdict == Verdict::Pass => {
                totals.seconds += summary.seconds;
                totals.sold += summary.buys.sold;
                totals.refused += summary.buys.refused;
                totals.elections += summary.elections.len();
            }
            found => {
                totals.found.insert(seed, found);
                return Look::Fails;
            }
        }
        match say(totals.runs) {
            ControlFlow::Break(()) => Look::Enough,
            ControlFlow::Continue(()) => Look::Holds,
        }
    });
    let mut totals = totals.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Totals { runs, seconds, sold, refused, elections, .. } = totals;
    println!("{runs} runs of {preset} in {:.1} s", began.elapsed().as_secs_f64());
    println!(
        "  {seconds:.0} virtual seconds, {sold} sales, {refused} refusals, {elections} elections"
    );
    let Some((seed, found)) = failed.and_then(|seed| totals.found.remove_entry(&seed)) else {
        return Ok(no_violation(&args.seeds(), runs));
    };
    let summary = found.with_context(|| format!("seed {seed}"))?;
    for violation in &summary.violations {
        println!("VIOLATION in seed {seed}: {violation}");
    }
    let sets: String = args.sets.iter().map(|set| format!(" --set \"{set}\"")).collect();
    println!("{}: bazaar run --simulated --preset {preset} --seed {seed}{sets}", summary.verdict);
    Ok(match summary.verdict {
        Verdict::Unknown => exit::UNKNOWN.into(),
        Verdict::Fail | Verdict::Pass => exit::BROKEN.into(),
    })
}

fn one(scenario: &Scenario, seed: u64, folder: &Folder) -> anyhow::Result<Summary> {
    let scenario = Scenario { seed, ..scenario.clone() };
    let directory = folder.0.join(seed.to_string());
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make the run directory {}", directory.display()))?;
    let talk = Talk { quiet: true, terminal: false };
    let outcome = play_simulated(&scenario, &directory, &talk, Bug::default())?;
    fs::remove_dir_all(&directory)
        .with_context(|| format!("cannot remove the run directory {}", directory.display()))?;
    Ok(outcome.summary)
}
