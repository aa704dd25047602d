//! A set that only grows: what was added, and acknowledged or seen, is in every reading that began
//! after that; nothing is in a reading twice; and nothing is in one that nobody had tried to add.
//!
//! What it does not see: how long an element took to appear before it was acknowledged.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::history::{End, Malformed, Operation};
use crate::verdict::Finding;

const EXPECTED: &str = "an operation of a set: `add`, or `read` with a list of elements";

/// What is known of an element.
#[derive(Default)]
struct Element {
    /// Where the first attempt to add it began, if one may have succeeded.
    tried: Option<usize>,
    /// Where it was first known to be there, at the end of an addition or of a reading.
    known: Option<usize>,
}

/// Judges a set that is empty at first.
///
/// # Errors
/// Some operation is not of a set.
pub fn judge(operations: &[Operation]) -> Result<Finding, Malformed> {
    let mut elements: HashMap<&Value, Element> = HashMap::new();
    let mut reads: Vec<(&Operation, usize, &[Value])> = Vec::new();
    for operation in operations {
        match (operation.f.as_str(), &operation.end, operation.ended) {
            ("add", End::Fail, _) | ("read", End::Fail | End::Info, _) => {}
            ("add", end, ended) => {
                let element = elements.entry(&operation.asked).or_default();
                element.tried = element.tried.or(Some(operation.invoked));
                if let (End::Ok(_), Some(ended)) = (end, ended) {
                    element.known = Some(element.known.map_or(ended, |known| known.min(ended)));
                }
            }
            ("read", End::Ok(Value::Array(list)), Some(ended)) => {
                let mut seen = HashSet::new();
                if let Some(twice) = list.iter().find(|element| !seen.insert(*element)) {
                    let line = ended + 1;
                    return Ok(Finding::fail(format!("{twice} is there twice at line {line}")));
                }
                reads.push((operation, ended, list));
            }
            _ => {
                let line = operation.ended.unwrap_or(operation.invoked) + 1;
                return Err(Malformed::NotOfTheModel { line, expected: EXPECTED });
            }
        }
    }
    reads.sort_unstable_by_key(|(_, ended, _)| *ended);
    for (_, ended, list) in &reads {
        for element in *list {
            let known = elements.entry(element).or_default();
            if known.tried.is_none_or(|tried| tried > *ended) {
                let line = ended + 1;
                return Ok(Finding::fail(format!(
                    "{element} was read at line {line}, but nobody had tried to add it by then"
                )));
            }
            known.known = Some(known.known.map_or(*ended, |known| known.min(*ended)));
        }
    }
    for (read, ended, list) in &reads {
        let seen: HashSet<_> = list.iter().collect();
        let is_lost = |element: &Element| element.known.is_some_and(|known| known < read.invoked);
        let mut lost: Vec<_> = elements
            .iter()
            .filter(|(value, element)| is_lost(element) && !seen.contains(*value))
            .map(|(value, element)| (element.known, value))
            .collect();
        lost.sort_unstable_by_key(|(known, _)| *known);
        if let Some((known, value)) = lost.first() {
            let others = match lost.len() - 1 {
                0 => String::new(),
                more => format!(", and {more} others are"),
            };
            return Ok(Finding::fail(format!(
                "{value} was there for certain by line {}, but is{others} missing from the reading \
                 at lines {} to {}",
                known.map_or(0, |known| known + 1),
                read.invoked + 1,
                ended + 1
            )));
        }
    }
    Ok(match reads.len() {
        0 => Finding::idle("nobody read the set"),
        reads => Finding::pass(format!("elements: {}, readings: {reads}", elements.len())),
    })
}
