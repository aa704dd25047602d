//! What a checker says.

/// Whether a history is as the model promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is, and something in it could have shown that it is not.
    Pass,
    /// It is not.
    Fail,
    /// The budget ran out.
    Unknown,
    /// Nothing in it could have shown that it is not.
    NeverExercised,
}

/// A verdict with what shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The verdict.
    pub verdict: Verdict,
    /// What shows it, in a sentence. Lines count from 1.
    pub evidence: String,
}

impl Finding {
    pub(crate) fn pass(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Pass, evidence: evidence.into() }
    }

    pub(crate) fn fail(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, evidence: evidence.into() }
    }

    pub(crate) fn idle(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::NeverExercised, evidence: evidence.into() }
    }

    pub(crate) fn unknown(evidence: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, evidence: evidence.into() }
    }
}
