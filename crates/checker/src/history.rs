//! Histories: what clients asked and were told, in the order in which it happened.
//!
//! The form is the one that Jepsen began: each operation is two steps, an `invoke` and then `ok`
//! (it happened), `fail` (it surely did not) or `info` (nobody can tell). The order of the lines is
//! the order of time.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One line of a history. Fields that a history lacks are null or empty.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Step {
    /// Which side of the operation this is.
    #[serde(rename = "type")]
    pub phase: Phase,
    /// Who: a number for a client. Whoever has a name instead breaks things on purpose, and is not
    /// judged.
    #[serde(default)]
    pub process: Value,
    /// The operation, as in `read`.
    #[serde(default)]
    pub f: String,
    /// On what, where the history has several independent things.
    #[serde(default)]
    pub key: Value,
    /// The argument, or the answer.
    #[serde(default)]
    pub value: Value,
}

/// Which side of an operation a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It was asked for.
    Invoke,
    /// It happened.
    Ok,
    /// It surely did not happen.
    Fail,
    /// Nobody can tell.
    Info,
}

/// One operation of one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The client.
    pub process: u64,
    /// The operation, as in `read`.
    pub f: String,
    /// On what.
    pub key: Value,
    /// The argument.
    pub asked: Value,
    /// What became of it.
    pub end: End,
    /// The position of its invocation in the history, from 0.
    pub invoked: usize,
    /// The position of its end; none if the history ends before.
    pub ended: Option<usize>,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It happened, with this answer.
    Ok(Value),
    /// It surely did not happen.
    Fail,
    /// Nobody can tell.
    Info,
}

impl Operation {
    /// The answer, if it surely happened.
    pub fn answer(&self) -> Option<&Value> {
        match &self.end {
            End::Ok(answer) => Some(answer),
            _ => None,
        }
    }
}

/// As in `line 9: process 3: cas [1,2]`; a read has its answer.
impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { process, f: name, key, asked, .. } = self;
        write!(f, "line {}: process {process}: {name}", self.invoked + 1)?;
        if !key.is_null() {
            write!(f, " of {key}")?;
        }
        if !asked.is_null() {
            write!(f, " {asked}")?;
        }
        match &self.end {
            End::Ok(answer) if answer != asked || matches!(&name[..], "read" | "get") => {
                write!(f, " -> {answer}")
            }
            End::Ok(_) => Ok(()),
            End::Fail => f.write_str(" (failed)"),
            End::Info => f.write_str(" (in doubt)"),
        }
    }
}

/// Why a list of steps is no history.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A client began an operation before it had ended another one.
    #[error("process {process} begins at line {line} while what it began at line {before} goes on")]
    TwoAtOnce {
        /// The client.
        process: u64,
        /// Where the first one began.
        before: usize,
        /// Where the second one began.
        line: usize,
    },
    /// A client ended what it had not begun.
    #[error("process {process} ends at line {line} what it did not begin")]
    NotBegun {
        /// The client.
        process: u64,
        /// Where.
        line: usize,
    },
    /// A step is not one of the model.
    #[error("line {line} is not {expected}")]
    NotOfTheModel {
        /// Where, from 1.
        line: usize,
        /// What the model expects.
        expected: &'static str,
    },
}

/// The operations of a history, in the order of their invocations.
///
/// # Errors
/// The steps of some client are not a sequence of beginnings and ends.
pub fn operations(steps: &[Step]) -> Result<Vec<Operation>, Malformed> {
    let mut operations: Vec<Operation> = Vec::new();
    let mut under_way: BTreeMap<u64, usize> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        let Some(process) = step.process.as_u64() else { continue };
        let line = at + 1;
        match (step.phase, under_way.remove(&process)) {
            (Phase::Invoke, None) => {
                under_way.insert(process, operations.len());
                operations.push(Operation {
                    process,
                    f: step.f.clone(),
                    key: step.key.clone(),
                    asked: step.value.clone(),
                    end: End::Info,
                    invoked: at,
                    ended: None,
                });
            }
            (Phase::Invoke, Some(before)) => {
                let before = operations[before].invoked + 1;
                return Err(Malformed::TwoAtOnce { process, before, line });
            }
            (_, None) => return Err(Malformed::NotBegun { process, line }),
            (phase, Some(begun)) => {
                let operation = &mut operations[begun];
                operation.ended = Some(at);
                operation.end = match phase {
                    Phase::Ok => End::Ok(step.value.clone()),
                    Phase::Fail => End::Fail,
                    _ => End::Info,
                };
            }
        }
    }
    Ok(operations)
}
