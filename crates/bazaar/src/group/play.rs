//! Carries out steps, whether they come from a script, from standard input or from the menu.

use std::fs;
use std::io::BufRead as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use machine::NodeId;
use serde::Serialize;

use super::board::Standing;
use super::info::Info;
use super::{Condition, Impatient, Peers, Step, name};
use crate::exit;

/// The longest script, in bytes.
const SCRIPT_BYTES_MAX: u64 = 1 << 20;

/// How things are shown.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    /// As JSON, an object a line.
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Verdict<'a> {
    verdict: &'a str,
    violations: &'a [String],
}

impl Show {
    /// Shows a value.
    pub fn value(self, value: &(impl std::fmt::Display + Serialize)) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(value)?);
        } else {
            println!("{value}");
        }
        Ok(())
    }

    fn verdict(self, violations: &[String]) -> anyhow::Result<()> {
        let verdict = if violations.is_empty() { "pass" } else { "fail" };
        if self.json {
            println!("{}", serde_json::to_string(&Verdict { verdict, violations })?);
            return Ok(());
        }
        match violations {
            [] => println!("pass: all that stayed have delivered the same messages"),
            _ => violations.iter().for_each(|violation| println!("fail: {violation}")),
        }
        Ok(())
    }
}

/// Reads a whole script, so that a wrong line is told before anything is started.
///
/// # Errors
/// The file cannot be read, or a line is no step: which, and why.
pub fn read_script(file: &Path) -> anyhow::Result<Vec<Step>> {
    let place = file.display();
    let size = fs::metadata(file).with_context(|| format!("cannot read {place}"))?.len();
    if size > SCRIPT_BYTES_MAX {
        bail!("{place} has {size} bytes; a script has at most {SCRIPT_BYTES_MAX}");
    }
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {place}"))?;
    let mut steps = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if is_step(line) {
            let step = line.parse::<Step>();
            steps.push(step.with_context(|| format!("{place}, line {}", index + 1))?);
        }
    }
    Ok(steps)
}

/// The steps of standard input, as they come.
pub fn steps_of_stdin() -> impl Iterator<Item = anyhow::Result<Step>> {
    let lines = std::io::stdin().lock().lines();
    let lines = lines.filter(|line| line.as_ref().map_or(true, |line| is_step(line)));
    lines.map(|line| match line {
        Ok(line) => line.parse::<Step>().map_err(|error| exit::Unusable(error.into()).into()),
        Err(error) => Err(error).context("cannot read standard input"),
    })
}

/// Neither empty nor a comment.
fn is_step(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

/// Carries out steps to the last one, then says whether the members agree.
///
/// # Errors
/// A step cannot be carried out.
pub fn play(
    peers: &mut Peers,
    steps: impl Iterator<Item = anyhow::Result<Step>>,
    patience: Duration,
    show: Show,
) -> anyhow::Result<ExitCode> {
    for step in steps {
        let step = step?;
        if step == Step::Quit {
            break;
        }
        match carry_out(peers, step, patience, show) {
            Ok(()) => {}
            Err(error) if error.is::<Impatient>() => {
                eprintln!("error: {error:#}");
                show.value(&Info::of(peers)?)?;
                return Ok(exit::UNKNOWN.into());
            }
            Err(error) => return Err(error),
        }
    }
    end(peers, patience, show)
}

/// Waits for the last messages and says whether the members agree.
///
/// # Errors
/// A process ended that should not have.
pub fn end(peers: &mut Peers, patience: Duration, show: Show) -> anyhow::Result<ExitCode> {
    let violations = peers.verdict(patience)?;
    show.verdict(&violations)?;
    Ok(if violations.is_empty() { ExitCode::SUCCESS } else { exit::BROKEN.into() })
}

/// Carries out one step.
///
/// # Errors
/// There is no such peer or it is gone, a process fails, or a condition does not come to hold.
pub fn carry_out(
    peers: &mut Peers,
    step: Step,
    patience: Duration,
    show: Show,
) -> anyhow::Result<()> {
    match step {
        Step::Multicast(node, text) => {
            check(peers, node)?;
            peers.multicast(node, &text)?;
        }
        Step::Delay(node, text, delay) => {
            check(peers, node)?;
            peers.delay(node, &text, delay)?;
        }
        Step::Leave(node) => {
            check(peers, node)?;
            peers.leave(node)?;
        }
        Step::Stop(node) => {
            check(peers, node)?;
            peers.stop(node)?;
        }
        Step::Info => show.value(&Info::of(peers)?)?,
        Step::Wait(condition) => {
            if matches!(condition, Condition::Waiting(..)) {
                // What waited when a member said so may have been delivered since.
                peers.refresh()?;
            }
            peers.wait(&condition.to_string(), patience, |board| condition.holds(board))?;
        }
        Step::Quit => {}
    }
    for note in peers.look(|board| std::mem::take(&mut board.notes)) {
        eprintln!("{note}");
    }
    Ok(())
}

/// That a peer is there to have something done to it.
fn check(peers: &Peers, node: NodeId) -> anyhow::Result<()> {
    let name = name(node);
    match peers.look(|board| board.record(node).map(|record| record.standing)) {
        Some(Standing::In | Standing::Removed) => Ok(()),
        Some(gone) => {
            let why =
                anyhow::anyhow!("{name} is {}; choose another; nothing was done", gone.name());
            Err(exit::Unusable(why).into())
        }
        None => {
            let last = peers.setup().peers;
            let why = anyhow::anyhow!("there is no {name}; give seq or peer1 to peer{last}");
            Err(exit::Unusable(why).into())
        }
    }
}
