//! Histories that are not of a market, by the checker's models.

use checker::{Budget, Consistency, Malformed, Model, Step, Verdict};

use crate::finding::{Finding, Judgement, Ruling};

/// Judges a history of which nothing else is left, by a model.
///
/// # Errors
/// The steps are no history of this model.
pub fn judge_model(
    model: Model,
    history: &[Step],
    consistency: Consistency,
    budget: &mut Budget,
) -> Result<Judgement, Malformed> {
    let checker::Finding { verdict, evidence } = model.judge(history, consistency, budget)?;
    let finding = Finding::new(model.promise(consistency), ruling(verdict), evidence);
    Ok(Judgement::over(vec![finding], 0, 0))
}

pub(crate) fn ruling(verdict: Verdict) -> Ruling {
    match verdict {
        Verdict::Pass => Ruling::Pass,
        Verdict::Fail => Ruling::Fail,
        Verdict::Unknown => Ruling::Unknown,
        Verdict::NeverExercised => Ruling::NeverExercised,
    }
}
