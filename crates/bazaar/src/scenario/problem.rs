//! What is wrong with a scenario: where it stands, which key, which value, why, and how to mend it.

use std::fmt;

use super::tree::Place;

/// Most problems that one attempt collects: more than a person mends at a time, and it bounds the
/// work that a file of nonsense can cause.
const PROBLEMS_MAX: usize = 50;

/// One wrong thing in a scenario.
#[derive(Debug, Clone)]
pub struct Problem {
    /// Where it stands; none if it stands in no text.
    pub place: Option<Place>,
    /// The dotted key; empty if no key is meant.
    pub key: String,
    /// The value as TOML, cut off where it is long; none where the key itself is wrong.
    pub value: Option<String>,
    /// Why it is wrong.
    pub reason: String,
    /// How to mend it.
    pub mend: String,
}

/// `market.toml:12:9: run.peers = 0: a market needs at least 3 peers …; give 3 to 100`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match (self.key.as_str(), &self.value) {
            ("", None) => {}
            ("", Some(value)) => write!(f, "{value}: ")?,
            (key, None) => write!(f, "{key}: ")?,
            (key, Some(value)) => write!(f, "{key} = {value}: ")?,
        }
        write!(f, "{}; {}", self.reason, self.mend)
    }
}

/// That a scenario cannot be run, with all that is wrong with it. Nothing was started or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub struct ScenarioError {
    /// At least one, in the order of the layers and of the lines.
    pub problems: Vec<Problem>,
}

/// One line a problem, and a last one that says that nothing was started.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        f.write_str("nothing was started")
    }
}

impl From<Problem> for ScenarioError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

/// Collects problems, so that all are told at once.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one, unless there are too many already.
    pub(super) fn add(&mut self, problem: Problem) {
        if self.0.len() < PROBLEMS_MAX {
            self.0.push(problem);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether no more are collected.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= PROBLEMS_MAX
    }

    /// Keeps what came out well, and what is wrong otherwise.
    pub(super) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.add(problem)).ok()
    }

    /// Fails if there is any problem, or nothing to give.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, ScenarioError> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => {
                self.0.sort_by_key(|problem| problem.place.as_ref().map(Place::order));
                Err(ScenarioError { problems: self.0 })
            }
        }
    }
}
