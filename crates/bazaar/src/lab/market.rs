//! A market of processes, run until it has what it is run for; its own events tell the figures.

use std::path::Path;

use ::lab::{Cell, Measured};
use view::Verdict;

use crate::bench::experiments::catalogue::Case;
use crate::bench::experiments::{resolve, run, samples::samples};
use crate::run::Talk;
use crate::scratch::Scratch;

pub(super) fn measure(cell: &Cell<'_>, folder: &Path) -> anyhow::Result<Measured> {
    let case = Case::of(cell.experiment, cell.case)?;
    let scenario = resolve(&case, &[])?;
    let scratch = Scratch::new(folder, "bench")?;
    let outcome = run(&case, &scenario, scratch.path(), &Talk::SILENT)?;
    let samples = samples(&outcome.events);
    let mut measured = Measured::default();
    for figure in &case.figures {
        let nanos = figure.measure.take(&samples).into_iter();
        measured = measured.with_samples(&figure.name, nanos.map(|nanos| nanos as f64 / 1e6));
    }
    let label = &cell.case.label;
    let violations = outcome.summary.violations.iter();
    measured.violations = violations.map(|broken| format!("{label}: {broken}")).collect();
    if outcome.summary.verdict == Verdict::Fail && measured.violations.is_empty() {
        measured.violations.push(format!("{label}: the verdict over the run is fail"));
    }
    Ok(measured)
}
