//! The experiments of the papers that the presets come from, as real processes on this machine:
//! what a buyer waited, and how long trade halted, beside the figures that each paper gives.
//!
//! An experiment is a list of *cases*: a scenario, the condition on which its run ends, and the
//! *figures* that are taken from the run's own events. Nothing is probed: a buyer's own two stamps,
//! from asking to its answer, are what the papers measured as well.

pub(crate) mod catalogue;
pub(crate) mod samples;
mod show;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, bail};
use machine::Epoch;
use serde::Serialize;
use view::Verdict;

use crate::exit;
use crate::run::{Outcome, Plan, Processes, Talk, Venue as _, conduct, nanos};
use crate::scenario::{DurationText, Scenario};
use crate::scratch::Scratch;
use crate::settings::buyers;
use catalogue::{Case, Ends};
use samples::{Sample, Statistics, samples};

/// Rounds of a bare ping-pong, and blocks made durable, that every experiment is read beside.
const PROBE_ROUNDS: usize = 1000;

/// Which experiment; each is told the same.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ExperimentVerb {
    /// What a buy takes, by the numbers of buyers and sellers (Asterix and the Bazaar, 2016)
    Lag(ExperimentArgs),
    /// From a trader's resignation until the next one serves (Asterix and the Bazaar, 2016)
    Reelection(ExperimentArgs),
    /// What a buy takes, by purchases a buyer, with and without elections (Trading Post, 2024, E1)
    Transactions(ExperimentArgs),
    /// What every single buy takes while traders are re-elected (Trading Post, 2024, E2)
    Responses(ExperimentArgs),
    /// 500 buys, one after the other, with and without elections (Trading Post, 2022)
    Requests(ExperimentArgs),
}

/// What an experiment is told.
#[derive(Debug, Clone, clap::Args)]
pub struct ExperimentArgs {
    /// Runs of each case, in turns; their samples are taken together
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
    repetitions: u8,
    /// Writes the figures as CSV, a row each; "-" is standard output, instead of the table
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Writes every single buy and every halt of trade as CSV, a row each
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
    /// Where the runs go; they are removed afterwards
    #[arg(long, default_value = "runs")]
    folder: PathBuf,
    /// Further keys of every case's scenario, as in --set journal.durability=memory
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    /// Shows no progress
    #[arg(long, short)]
    quiet: bool,
}

/// One figure: ours, and the paper's where it gives one.
#[derive(Debug, Clone, Serialize)]
struct Row {
    experiment: String,
    case: String,
    figure: String,
    /// None if nothing of the kind happened.
    ours: Option<Statistics>,
    /// The paper's mean, in milliseconds.
    paper_ms: Option<f64>,
}

/// All that an experiment found.
#[derive(Debug, Serialize)]
struct Report {
    experiment: String,
    paper: String,
    rows: Vec<Row>,
    remarks: Vec<String>,
    /// Over all runs.
    verdict: Verdict,
    violations: Vec<String>,
    #[serde(skip)]
    series: Vec<(String, Sample)>,
}

/// `bazaar bench` with the name of an experiment.
pub(super) fn command(verb: &ExperimentVerb) -> anyhow::Result<ExitCode> {
    let (id, args) = match verb {
        ExperimentVerb::Lag(args) => ("lag", args),
        ExperimentVerb::Reelection(args) => ("reelection", args),
        ExperimentVerb::Transactions(args) => ("transactions", args),
        ExperimentVerb::Responses(args) => ("responses", args),
        ExperimentVerb::Requests(args) => ("requests", args),
    };
    let report = take(&crate::lab::experiment(id)?, args)?;
    show::show(&report, args)?;
    Ok(match report.verdict {
        Verdict::Pass => ExitCode::SUCCESS,
        Verdict::Fail => exit::BROKEN.into(),
        Verdict::Unknown => exit::UNKNOWN.into(),
    })
}

fn take(experiment: &lab::Experiment, args: &ExperimentArgs) -> anyhow::Result<Report> {
    let name = &experiment.id;
    let cases: Vec<Case> = experiment
        .cases(false)
        .iter()
        .map(|case| Case::of(experiment, case))
        .collect::<anyhow::Result<_>>()?;
    // All that could be wrong with the settings is found before anything is started.
    let scenarios: Vec<Scenario> =
        cases.iter().map(|case| resolve(case, &args.sets)).collect::<Result<_, _>>()?;
    let scratch = Scratch::new(&args.folder, "bench")?;
    let mut report = Report {
        experiment: name.clone(),
        paper: experiment.source.clone(),
        rows: probes(name, scratch.path())?,
        remarks: experiment.remarks.clone(),
        verdict: Verdict::Pass,
        violations: Vec::new(),
        series: Vec::new(),
    };
    let talk = Talk { quiet: args.quiet, terminal: std::io::stderr().is_terminal() };
    let mut found: BTreeMap<usize, Vec<Sample>> = BTreeMap::new();
    for repetition in 0..args.repetitions {
        for (index, (case, scenario)) in cases.iter().zip(&scenarios).enumerate() {
            if !args.quiet {
                eprintln!("{name}: {}", case.label);
            }
            let directory = scratch.path().join(format!("{repetition}-{index}"));
            std::fs::create_dir_all(&directory)?;
            let outcome = run(case, scenario, &directory, &talk)?;
            report.verdict = worse(report.verdict, outcome.summary.verdict);
            let violations = outcome.summary.violations.iter();
            report.violations.extend(violations.map(|broken| format!("{}: {broken}", case.label)));
            let samples = samples(&outcome.events);
            report.series.extend(samples.iter().map(|of| (case.label.clone(), of.clone())));
            found.entry(index).or_default().extend(samples);
        }
    }
    for (index, case) in cases.iter().enumerate() {
        let samples = found.get(&index).map_or(&[][..], Vec::as_slice);
        report.rows.extend(case.figures.iter().map(|figure| Row {
            experiment: name.clone(),
            case: case.label.clone(),
            figure: figure.label.clone(),
            ours: Statistics::of(figure.measure.take(samples)),
            paper_ms: figure.paper_ms,
        }));
    }
    Ok(report)
}

/// The scenario of a case, with further keys laid over it.
///
/// # Errors
/// All that is wrong with it.
pub(crate) fn resolve(case: &Case, more: &[String]) -> anyhow::Result<Scenario> {
    // Of any free ports, lest one run meets what is left of the one before.
    let mut sets = vec!["run.duration=10m".to_owned(), "run.base_port=0".to_owned()];
    sets.extend(case.sets.iter().chain(more).cloned());
    Ok(Scenario::resolve(&case.preset, None, &sets)?)
}

/// Runs a case until it has what it is run for.
///
/// # Errors
/// A process fails, the time is over, or Ctrl-C came.
pub(crate) fn run(
    case: &Case,
    scenario: &Scenario,
    directory: &Path,
    talk: &Talk,
) -> anyhow::Result<Outcome> {
    let buyers = buyers(scenario);
    let limit_ns = nanos(scenario.run.duration);
    let (mut is_done, mut halts) = (false, Halts::default());
    let mut plan = Plan::new(scenario);
    let processes = Processes::start(scenario, directory)?;
    let outcome = conduct(scenario, directory, talk, processes, |processes| {
        plan.carry_out(processes)?;
        is_done = match case.ends {
            Ends::Purchases => processes.have_bought_all(&buyers),
            Ends::Halts(wanted) => halts.count(processes.progress().epoch) >= wanted,
        };
        if !is_done && processes.now_ns() >= limit_ns {
            bail!(
                "the case \"{}\" is not done after run.duration = {}: {}; give it more time with \
                 --set run.duration=…, or less to do",
                case.label,
                DurationText(scenario.run.duration),
                processes.progress()
            );
        }
        Ok(!is_done)
    })?;
    if !is_done {
        bail!("interrupted in the case \"{}\"; no figures were written", case.label);
    }
    Ok(outcome)
}

/// How often one trader followed another.
#[derive(Debug, Default)]
struct Halts {
    epoch: Option<Epoch>,
    count: u64,
}

impl Halts {
    fn count(&mut self, epoch: Option<Epoch>) -> u64 {
        if epoch > self.epoch {
            self.count += u64::from(self.epoch.is_some());
            self.epoch = epoch;
        }
        self.count
    }
}

fn worse(one: Verdict, other: Verdict) -> Verdict {
    match (one, other) {
        (Verdict::Fail, _) | (_, Verdict::Fail) => Verdict::Fail,
        (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
        (Verdict::Pass, Verdict::Pass) => Verdict::Pass,
    }
}

/// What the machine could do at best just before.
fn probes(experiment: &str, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let mut echo = Command::new(std::env::current_exe()?);
    echo.args(["bench", "echo"]);
    let ping_pong = host::probe::ping_pong(echo, PROBE_ROUNDS).context("the ping-pong failed")?;
    let fdatasync = host::probe::fdatasync(folder, PROBE_ROUNDS).context("fdatasync failed")?;
    let row = |figure: &str, nanos| Row {
        experiment: experiment.to_owned(),
        case: "this machine".to_owned(),
        figure: figure.to_owned(),
        ours: Statistics::of(nanos),
        paper_ms: None,
    };
    Ok(vec![row("bare ping-pong", ping_pong), row("fdatasync", fdatasync)])
}
