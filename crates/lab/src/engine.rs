//! Runs the cells of experiments that are not there yet, one after the other.
//!
//! Repetitions are the outer loop: what is compared alternates, so what else the machine does
//! strikes all cases alike. A cell that fails is told and left out; the next start tries it again.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::LabError;
use crate::case::Case;
use crate::experiment::Experiment;
use crate::results::{Done, Line, Measured, Record, Results, Start};

/// How often it is said how far the lab has come.
const TELL_EVERY: Duration = Duration::from_secs(3);

/// What a cell's function is told.
#[derive(Debug)]
pub struct Cell<'a> {
    /// The experiment.
    pub experiment: &'a Experiment,
    /// Its settings.
    pub case: &'a Case,
    /// Which repetition, from 1; 0 warms up.
    pub repetition: u32,
    /// Where its chance comes from: the same for all cases of a repetition.
    pub seed: u64,
}

/// What is to be run.
#[derive(Debug)]
pub struct Work<'a> {
    /// The experiments, in this order.
    pub experiments: &'a [Experiment],
    /// The seed of the first repetition; the next ones follow.
    pub seed: u64,
}

/// How far the lab has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Cells that are done, those of earlier starts too.
    pub done: usize,
    /// All cells.
    pub cells: usize,
    /// About how long it still takes.
    pub left: Duration,
    /// What comes next.
    pub next: String,
}

impl std::fmt::Display for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { done, cells, left, next } = self;
        let seconds = left.as_secs();
        write!(f, "{done} of {cells} cells, about ")?;
        match seconds {
            0..=90 => write!(f, "{seconds} s")?,
            _ => write!(f, "{} min", seconds.div_ceil(60))?,
        }
        write!(f, " left: {next}")
    }
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ended {
    /// What failed, a sentence each.
    pub failures: Vec<String>,
    /// Whether it was told to stop.
    pub was_stopped: bool,
}

/// Runs all cells that the directory does not hold yet.
///
/// # Errors
/// The results cannot be read or written. What fails in a cell is no error, but told in the end.
pub fn run(
    directory: &Path,
    work: &Work<'_>,
    start: &Start,
    mut measure: impl FnMut(&Cell<'_>) -> Result<Measured, String>,
    is_stopped: impl Fn() -> bool,
    mut tell: impl FnMut(&Progress),
) -> Result<Ended, LabError> {
    let (mut record, results) = Record::open(directory, start)?;
    let mut pace = Pace::new(work, &results, start.quick);
    let mut ended = Ended::default();
    let mut told: Option<Instant> = None;
    for experiment in work.experiments {
        let cases = experiment.cases(start.quick);
        let mut is_warm = !experiment.warm_up;
        for repetition in 1..=experiment.repetitions(start.quick) {
            for case in &cases {
                if is_there(&results, experiment, case, repetition) {
                    continue;
                }
                if told.is_none_or(|told| told.elapsed() >= TELL_EVERY) {
                    told = Some(Instant::now());
                    tell(&pace.progress(format!("{}, {}", experiment.id, case.label)));
                }
                let seed = work.seed + u64::from(repetition) - 1;
                let mut cell = Cell { experiment, case, repetition: 0, seed };
                if !std::mem::replace(&mut is_warm, true) {
                    // Whatever comes of it: the cell itself tells.
                    let _ = measure(&cell);
                }
                if is_stopped() {
                    return Ok(Ended { was_stopped: true, ..ended });
                }
                cell.repetition = repetition;
                let began = Instant::now();
                let measured = measure(&cell);
                // What was cut short is no figure.
                if is_stopped() {
                    return Ok(Ended { was_stopped: true, ..ended });
                }
                let took = began.elapsed();
                pace.passed(&experiment.id, took);
                match measured {
                    Ok(measured) => {
                        record.write(&Line::Cell(Box::new(done(&cell, took, measured))))?;
                    }
                    Err(why) => {
                        let label = &case.label;
                        ended.failures.push(format!("{}, {label}: {why}", experiment.id));
                    }
                }
            }
        }
    }
    Ok(ended)
}

fn done(cell: &Cell<'_>, took: Duration, measured: Measured) -> Done {
    Done {
        experiment: cell.experiment.id.clone(),
        settings: cell.case.settings.clone(),
        fingerprint: cell.case.fingerprint.clone(),
        repetition: cell.repetition,
        seed: cell.seed,
        took_seconds: took.as_secs_f64(),
        values: measured.values,
        violations: measured.violations,
    }
}

fn is_there(results: &Results, experiment: &Experiment, case: &Case, repetition: u32) -> bool {
    results.done.iter().any(|done| {
        done.experiment == experiment.id
            && done.repetition == repetition
            && done.fingerprint == case.fingerprint
    })
}

/// How long cells take, by experiment.
struct Pace {
    of: Vec<Share>,
}

struct Share {
    id: String,
    cells: usize,
    done: usize,
    /// Cells whose time is known, and that time.
    known: (u32, Duration),
    guess_seconds: f64,
}

impl Pace {
    fn new(work: &Work<'_>, results: &Results, quick: bool) -> Self {
        let share = |experiment: &Experiment| {
            let cases = experiment.cases(quick);
            let repetitions = experiment.repetitions(quick);
            let there = |case: &Case| {
                let mut of = 1..=repetitions;
                of.clone().count()
                    - of.by_ref().filter(|&n| !is_there(results, experiment, case, n)).count()
            };
            Share {
                id: experiment.id.clone(),
                cells: cases.len() * repetitions as usize,
                done: cases.iter().map(there).sum(),
                known: (0, Duration::ZERO),
                guess_seconds: experiment.cell_seconds,
            }
        };
        Self { of: work.experiments.iter().map(share).collect() }
    }

    fn passed(&mut self, id: &str, took: Duration) {
        if let Some(share) = self.of.iter_mut().find(|share| share.id == id) {
            share.done += 1;
            share.known = (share.known.0 + 1, share.known.1 + took);
        }
    }

    fn progress(&self, next: String) -> Progress {
        let left = |share: &Share| {
            let each = match share.known {
                (0, _) => share.guess_seconds,
                (count, took) => took.as_secs_f64() / f64::from(count),
            };
            each * share.cells.saturating_sub(share.done) as f64
        };
        Progress {
            done: self.of.iter().map(|share| share.done).sum(),
            cells: self.of.iter().map(|share| share.cells).sum(),
            left: Duration::from_secs_f64(self.of.iter().map(left).sum::<f64>().max(0.0)),
            next,
        }
    }
}
