//! `bazaar lab`: the experiments that are shipped, run cell by cell, reported and compared.
//!
//! The experiments are data (`experiments/*.toml` of this crate); what runs a cell is one of the
//! `measures`. Results go to a directory, line by line; the same command goes on where it ended.

mod catalogue;
mod command;
mod machine;
mod market;
mod measures;
mod simulated;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ::lab::{Experiment, FILE, Report, Results, Work, compare};
use anyhow::{Context as _, bail};

use crate::exit;
pub(crate) use catalogue::experiment;
use catalogue::{choices, experiments};
use measures::Measures;

/// What `bazaar lab` is told.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum LabVerb {
    /// Lists the experiments
    List {
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
    /// Runs experiments by their names, and reports
    Run {
        /// Their names, as `list` gives them
        #[arg(required = true)]
        ids: Vec<String>,
        /// How they are run
        #[command(flatten)]
        how: HowArgs,
    },
    /// Runs all experiments, and reports
    All {
        /// How they are run
        #[command(flatten)]
        how: HowArgs,
    },
    /// Writes the report over a directory of results, or over a run directory
    Report {
        /// The directories
        #[arg(required = true)]
        directories: Vec<PathBuf>,
        /// Prints JSON: where the reports are
        #[arg(long)]
        json: bool,
    },
    /// Compares two directories of results, figure by figure
    Compare {
        /// The first one
        first: PathBuf,
        /// The second one
        second: PathBuf,
        /// Prints JSON
        #[arg(long)]
        json: bool,
    },
}

/// How experiments are run.
#[derive(Debug, Clone, clap::Args)]
pub struct HowArgs {
    /// Fewer and shorter cells: every table and plot, in minutes
    #[arg(long)]
    quick: bool,
    /// Where results and report go; what is there already is not run again [default: runs/lab, or
    /// runs/lab-quick]
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// The seed of the first repetition; the next ones follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints JSON: where the report is, and what failed
    #[arg(long)]
    json: bool,
    /// Shows no progress
    #[arg(long, short)]
    quiet: bool,
}

impl HowArgs {
    fn directory(&self) -> PathBuf {
        let name = if self.quick { "runs/lab-quick" } else { "runs/lab" };
        self.out.clone().unwrap_or_else(|| PathBuf::from(name))
    }
}

/// `bazaar lab`.
///
/// # Errors
/// A name is unknown, or a file cannot be read or written.
pub fn command(verb: &LabVerb) -> anyhow::Result<ExitCode> {
    match verb {
        LabVerb::List { json } => list(*json),
        LabVerb::Run { ids, how } => {
            let wanted = ids.iter().map(|id| experiment(id)).collect::<anyhow::Result<Vec<_>>>();
            run(&wanted.map_err(exit::Unusable)?, how)
        }
        LabVerb::All { how } => run(&experiments()?, how),
        LabVerb::Report { directories, json } => report(directories, *json),
        LabVerb::Compare { first, second, json } => compared(first, second, *json),
    }
}

fn list(json: bool) -> anyhow::Result<ExitCode> {
    let experiments = experiments()?;
    if json {
        let cells = |of: &Experiment, quick| of.cases(quick).len() * of.repetitions(quick) as usize;
        let all: Vec<_> = experiments
            .iter()
            .map(|of| {
                serde_json::json!({
                    "id": of.id,
                    "title": of.title,
                    "question": of.question,
                    "source": of.source,
                    "cells": cells(of, false),
                    "cells_quick": cells(of, true),
                })
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        for of in &experiments {
            println!("{:<16} {}", of.id, of.title);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn run(experiments: &[Experiment], how: &HowArgs) -> anyhow::Result<ExitCode> {
    let directory = how.directory();
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make the directory {}", directory.display()))?;
    let interrupt = host::Interrupt::listen().context("cannot listen for signals")?;
    let start = machine::start(how.quick, &directory)?;
    let mut measures = Measures::new(&directory, interrupt.flag());
    let work = Work { experiments, seed: how.seed };
    let ended = ::lab::run(
        &directory,
        &work,
        &start,
        |cell| measures.measure(cell).map_err(|error| format!("{error:#}")),
        || interrupt.is_set(),
        |progress| {
            if !how.quiet {
                eprintln!("{progress}");
            }
        },
    )
    .map_err(|error| exit::Unusable(error.into()))?;
    drop(measures);
    let (page, violations) = write_report(&directory)?;
    if how.json {
        let told = serde_json::json!({
            "report": page,
            "failures": ended.failures,
            "violations": violations,
            "stopped": ended.was_stopped,
        });
        println!("{told}");
    } else {
        println!("{}", page.display());
    }
    for failure in &ended.failures {
        eprintln!("failed: {failure}");
    }
    for violation in &violations {
        eprintln!("broken: {violation}");
    }
    Ok(if !violations.is_empty() {
        exit::BROKEN.into()
    } else if !ended.failures.is_empty() {
        exit::FAILED.into()
    } else if ended.was_stopped {
        eprintln!("stopped; the same command goes on from here");
        exit::UNKNOWN.into()
    } else {
        ExitCode::SUCCESS
    })
}

/// Writes the report over all results of a directory: where its page is, and what was broken.
fn write_report(directory: &Path) -> anyhow::Result<(PathBuf, Vec<String>)> {
    let results = Results::read(directory).map_err(|error| exit::Unusable(error.into()))?;
    let (experiments, choices) = (experiments()?, choices()?);
    let report = Report {
        experiments: &experiments,
        choices: &choices,
        results: &results,
        command: "bazaar lab",
    };
    Ok((report.write(directory)?, results.violations()))
}

fn report(directories: &[PathBuf], json: bool) -> anyhow::Result<ExitCode> {
    let mut pages = Vec::new();
    for directory in directories {
        if directory.join(FILE).exists() {
            pages.push(write_report(directory)?.0);
        } else if directory.join("events.jsonl").exists() {
            pages.push(report_run(directory).map_err(exit::Unusable)?);
        } else {
            let why = anyhow::anyhow!(
                "{} holds neither {FILE} nor events.jsonl; give a directory that `bazaar lab` or \
                 `bazaar run` wrote; nothing was written",
                directory.display()
            );
            return Err(exit::Unusable(why).into());
        }
    }
    if json {
        println!("{}", serde_json::json!({ "reports": pages }));
    } else {
        pages.iter().for_each(|page| println!("{}", page.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes the report over a run again, from its files: where its page is.
fn report_run(directory: &Path) -> anyhow::Result<PathBuf> {
    let read = |name: &str| {
        let place = directory.join(name);
        std::fs::read_to_string(&place).with_context(|| format!("cannot read {}", place.display()))
    };
    let summary: view::Summary =
        serde_json::from_str(&read("summary.json")?).context("summary.json is not one")?;
    let run = crate::run::read(directory)?;
    let drawing = read("topology.svg")?;
    crate::run::write_report(directory, &summary, &run.events, &drawing)?;
    Ok(directory.join(::lab::PAGE))
}

fn compared(first: &Path, second: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let read = |directory: &Path| -> anyhow::Result<Results> {
        let results = Results::read(directory)?;
        if results.done.is_empty() {
            bail!("{} holds no results of the lab", directory.display());
        }
        Ok(results)
    };
    let results = [first, second].map(|directory| read(directory).map_err(exit::Unusable));
    let [one, other] = results;
    let compared = compare(&experiments()?, &one?, &other?);
    if json {
        println!("{}", serde_json::to_string_pretty(&compared)?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("{:>10} {:>10} {:>7}  what", "first", "second", "ratio");
    for of in &compared {
        let ratio = of.ratio.map_or_else(|| "-".to_owned(), ::lab::number);
        let noise = if of.overlap { "spreads overlap" } else { "spreads do not overlap" };
        println!(
            "{:>10} {:>10} {ratio:>7}  {} of {}, {}; {noise}",
            ::lab::number(of.first.median),
            ::lab::number(of.second.median),
            of.column,
            of.experiment,
            of.case,
        );
    }
    Ok(ExitCode::SUCCESS)
}
