//! The things whose histories are judged by linearizability.

pub mod mutex;
pub mod register;
pub mod stock;
pub mod text;

use std::collections::BTreeMap;

use crate::budget::Budget;
use crate::history::{End, Malformed, Operation};
use crate::linearizable::{Contradiction, Found, Model, Timed, linearize};
use crate::verdict::{Finding, Verdict};

/// How many operations of an order a sentence names.
const NAMED_MAX: usize = 5;

/// A model that can be read from the operations of a history.
pub trait Readable: Model {
    /// What its operations are, in words.
    const EXPECTED: &'static str;

    /// The call that an operation was, or was if it happened; none if it tells nothing.
    ///
    /// # Errors
    /// It is not an operation of this model.
    fn read(&self, operation: &Operation) -> Result<Option<Self::Call>, Malformed>;

    /// What it holds, in words that follow *which leaves*.
    fn describe(&self, state: &Self::State) -> String;

    /// The error for an operation that is not of this model.
    fn not_of_the_model(&self, operation: &Operation) -> Malformed {
        Malformed::NotOfTheModel { line: operation.invoked + 1, expected: Self::EXPECTED }
    }
}

/// The operations on one key, and their calls.
type OfKey<'a, C> = (Vec<&'a Operation>, Vec<Timed<C>>);

/// Judges a history, each key for itself: a history is linearizable if, and only if, that of each
/// thing in it is (Herlihy and Wing 1990, locality).
///
/// # Errors
/// Some operation is not of this model.
pub fn judge<M>(
    model: &M,
    operations: &[Operation],
    budget: &mut Budget,
) -> Result<Finding, Malformed>
where
    M: Readable,
{
    let mut of_key: BTreeMap<String, OfKey<'_, M::Call>> = BTreeMap::new();
    for operation in operations.iter().filter(|operation| operation.end != End::Fail) {
        let Some(call) = model.read(operation)? else { continue };
        let ended = operation.ended.filter(|_| operation.answer().is_some());
        let (named, calls) = of_key.entry(operation.key.to_string()).or_default();
        named.push(operation);
        calls.push(Timed { call, began: operation.invoked, ended });
    }
    let (mut first, mut gave_up) = (None, None);
    for (key, (named, calls)) in &of_key {
        match linearize(model, calls, budget) {
            Found::Order(_) => {}
            Found::Contradiction(contradiction) => {
                let line = named[contradiction.call].ended;
                if first.as_ref().is_none_or(|(before, _)| line < *before) {
                    first = Some((line, tell(model, key, named, &contradiction)));
                }
            }
            Found::GaveUp { ran_out, furthest } => {
                let of_key = of(key);
                let so_far = furthest.map_or_else(String::new, |call| {
                    format!("; the furthest that no order explained so far is {}", named[call])
                });
                gave_up = gave_up.or(Some(format!("{ran_out}{of_key}{so_far}")));
            }
        }
    }
    let judged: usize = of_key.values().map(|(_, calls)| calls.len()).sum();
    Ok(match (first, gave_up) {
        (Some((_, evidence)), _) => Finding { verdict: Verdict::Fail, evidence },
        (None, Some(evidence)) => Finding { verdict: Verdict::Unknown, evidence },
        (None, None) if judged == 0 => Finding::idle("no operation tells anything"),
        (None, None) => {
            let keys = of_key.len();
            let evidence = format!("operations: {judged}, in one order that explains every answer");
            Finding::pass(match keys {
                1 => evidence,
                _ => format!("{evidence}, each of the {keys} keys for itself"),
            })
        }
    })
}

fn of(key: &str) -> String {
    match key {
        "null" => String::new(),
        key => format!(" in the history of {key}"),
    }
}

fn tell<M: Readable>(
    model: &M,
    key: &str,
    named: &[&Operation],
    why: &Contradiction<M::State>,
) -> String {
    let Contradiction { call, told } = why;
    let operation = named[*call];
    let end = operation.ended.map_or(0, |ended| ended + 1);
    let evidence = format!(
        "{operation}, which ended at line {end}, fits nowhere: the history up to line {end} is the \
         smallest part{} that no order explains",
        of(key)
    );
    let Some((order, state)) = told else { return evidence };
    let first = order.len().saturating_sub(NAMED_MAX);
    let last: Vec<_> = order[first..].iter().map(|at| named[*at].to_string()).collect();
    if last.is_empty() {
        return evidence + "; nothing happened before";
    }
    let others = if first == 0 { String::new() } else { format!("{first} others and then ") };
    let (last, state) = (last.join("; "), model.describe(state));
    format!(
        "{evidence}. What stands before it fits into an order, as in {others}[{last}], which \
         leaves {state}"
    )
}
