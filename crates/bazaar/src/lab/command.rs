//! A cell that is a command of this program: what it prints as JSON are the figures. So whatever
//! `bazaar` can do with `--json` can be an experiment without a line of code.
//!
//! `given.command` is the command; `{factor}` and `{seed}` stand for their values, `{out}` for a
//! folder that is new, and goes when the cell is done. Keys of the scenario are given with `--set`.
//! A column says where its number stands ([`Column::at`](::lab::Column)).

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::lab::{Cell, Measured};
use anyhow::{Context as _, bail};
use host::children::Children;
use serde_json::Value;

use crate::exit;
use crate::scratch::Scratch;

/// How long a command may take: the longest cell that is shipped takes a tenth.
const COMMAND_MAX: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const NAME: &str = "command";

pub(super) fn measure(
    cell: &Cell<'_>,
    folder: &Path,
    stop: &AtomicBool,
) -> anyhow::Result<Measured> {
    let scratch = Scratch::new(folder, "bench")?;
    let (output, errors) = (scratch.path().join("output"), scratch.path().join("errors"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(words(cell, &scratch.path().join("out"))?).stdout(File::create(&output)?);
    let mut children = Children::default();
    children.spawn(NAME, command, &errors)?;
    let began = Instant::now();
    let status = loop {
        if let Some((_, status)) = children.ended(Some(LOOK_EVERY))?.into_iter().next() {
            break status;
        }
        // Its own children end with it.
        if stop.load(Ordering::SeqCst) {
            bail!("interrupted");
        }
        if began.elapsed() > COMMAND_MAX {
            bail!("it takes longer than {COMMAND_MAX:?}, and was ended");
        }
    };
    let text = std::fs::read_to_string(&output).context("cannot read what the command printed")?;
    let said = || std::fs::read_to_string(&errors).unwrap_or_default();
    let is_broken = status.code() == Some(exit::BROKEN.into());
    if !status.success() && !is_broken && status.code() != Some(exit::UNKNOWN.into()) {
        bail!("the command ended ({status}): {}", said().trim());
    }
    let printed: Value = serde_json::from_str(&text)
        .with_context(|| format!("the command printed no JSON: {}", said().trim()))?;
    Ok(figures(cell, &printed, is_broken))
}

/// The command, word by word.
fn words(cell: &Cell<'_>, out: &Path) -> anyhow::Result<Vec<String>> {
    let mut text = cell.case.text("command")?;
    for (name, value) in &cell.case.settings {
        text = text.replace(&format!("{{{name}}}"), &value.to_string());
    }
    for (name, value) in &cell.case.given {
        text = text.replace(&format!("{{{name}}}"), &value.to_string());
    }
    text = text.replace("{seed}", &cell.seed.to_string());
    let words = text.split_whitespace().map(|word| match word {
        "{out}" => out.display().to_string(),
        word => word.to_owned(),
    });
    let sets = cell.case.sets.iter().map(|set| format!("--set={set}"));
    Ok(words.chain(sets).collect())
}

fn figures(cell: &Cell<'_>, printed: &Value, is_broken: bool) -> Measured {
    let mut measured = Measured::default();
    for column in &cell.experiment.columns {
        let found = match column.at.split_once("/*") {
            Some((list, rest)) => {
                let all = printed.pointer(list).and_then(Value::as_array);
                let elements = all.map(Vec::as_slice).unwrap_or_default().iter();
                elements.filter_map(|of| of.pointer(rest).cloned()).collect()
            }
            None => printed.pointer(&column.at).cloned().unwrap_or_default(),
        };
        let whole = match column.per.as_str() {
            "" => Some(1.0),
            per => printed.pointer(per).and_then(Value::as_f64),
        };
        let scaled = |value: &Value| Some(value.as_f64()? * column.scale / whole?);
        measured = match &found {
            Value::Array(all) => measured.with_samples(&column.name, all.iter().filter_map(scaled)),
            one => match scaled(one) {
                Some(number) => measured.with(&column.name, number),
                None => measured,
            },
        };
    }
    let label = &cell.case.label;
    let broken = printed.pointer("/violations").and_then(Value::as_array);
    let broken = broken.map(Vec::as_slice).unwrap_or_default().iter();
    let said = broken.filter_map(Value::as_str).map(|broken| format!("{label}: {broken}"));
    measured.violations = said.collect();
    if is_broken && measured.violations.is_empty() {
        measured.violations.push(format!("{label}: the command found a promise broken"));
    }
    measured
}
