//! What the judge says: one finding a property, and the verdict over all of them.

use serde::Serialize;
use view::Verdict;

/// What became of one property in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The property, in words.
    pub property: &'static str,
    /// Whether it held.
    pub ruling: Ruling,
    /// What shows it: which events, or which lines of which file.
    pub evidence: String,
}

/// Whether a property held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// It held, and there was something that could have broken it.
    Pass,
    /// It was broken.
    Fail,
    /// It could not be judged.
    Unknown,
    /// Nothing in the run could have broken it.
    NeverExercised,
    /// The market was of a form that does not promise it.
    NotPromised,
}

impl Finding {
    pub(crate) fn new(property: &'static str, ruling: Ruling, evidence: String) -> Self {
        Self { property, ruling, evidence }
    }

    /// Passes with `evidence` if there was something to judge, and says `idle` otherwise.
    pub(crate) fn held(property: &'static str, cases: usize, evidence: String, idle: &str) -> Self {
        match cases {
            0 => Self::new(property, Ruling::NeverExercised, idle.to_owned()),
            _ => Self::new(property, Ruling::Pass, evidence),
        }
    }

    /// Turns a check's result into a finding: an error is the evidence that the property is broken.
    pub(crate) fn from_check(property: &'static str, checked: Result<Finding, String>) -> Self {
        checked.unwrap_or_else(|evidence| Self::new(property, Ruling::Fail, evidence))
    }
}

/// As in `fail: no over-selling: fish: by line 9 of history.jsonl …`.
impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ruling = match self.ruling {
            Ruling::Pass => "pass",
            Ruling::Fail => "fail",
            Ruling::Unknown => "unknown",
            Ruling::NeverExercised => "never exercised",
            Ruling::NotPromised => "not promised",
        };
        write!(f, "{ruling}: {}: {}", self.property, self.evidence)
    }
}

/// The verdict over a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// Fail if any finding is, else unknown if any is, else pass.
    pub verdict: Verdict,
    /// One a property.
    pub findings: Vec<Finding>,
    /// Units sold without having been there.
    pub oversold: u64,
    /// Buys refused although the goods were there.
    pub undersold: u64,
}

impl Judgement {
    pub(crate) fn over(findings: Vec<Finding>, oversold: u64, undersold: u64) -> Self {
        let any = |ruling| findings.iter().any(|finding| finding.ruling == ruling);
        let verdict = match (any(Ruling::Fail), any(Ruling::Unknown)) {
            (true, _) => Verdict::Fail,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::Pass,
        };
        Self { verdict, findings, oversold, undersold }
    }

    /// The findings that were broken, a sentence each, as a summary lists them.
    pub fn violations(&self) -> Vec<String> {
        let broken = self.findings.iter().filter(|finding| finding.ruling == Ruling::Fail);
        broken.map(|Finding { property, evidence, .. }| format!("{property}: {evidence}")).collect()
    }
}
