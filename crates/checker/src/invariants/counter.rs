//! A counter: every reading lies between what must have been added when it began and what can have
//! been added when it ended. What may or may not have been added counts for the side on which it
//! does no harm.
//!
//! What it does not see: a reading within these limits that no order of the additions explains, and
//! readings that contradict each other.

use crate::history::{End, Malformed, Operation};
use crate::verdict::Finding;

const EXPECTED: &str = "an operation of a counter: `add` or `read`, with whole numbers";

#[derive(Clone, Copy)]
enum Moment {
    Add { most: i64, least: i64 },
    ReadBegins(usize),
    ReadEnds(usize),
}

/// Judges a counter that stands at 0 at first.
///
/// # Errors
/// Some operation is not of a counter.
pub fn judge(operations: &[Operation]) -> Result<Finding, Malformed> {
    let mut moments = Vec::new();
    for (number, operation) in operations.iter().enumerate() {
        let line = operation.ended.unwrap_or(operation.invoked) + 1;
        let wrong = || Malformed::NotOfTheModel { line, expected: EXPECTED };
        match (operation.f.as_str(), &operation.end, operation.ended) {
            ("add", End::Fail, _) | ("read", End::Fail | End::Info, _) => {}
            ("add", end, ended) => {
                let units = operation.asked.as_i64().ok_or_else(wrong)?;
                let (more, less) = (units.max(0), units.min(0));
                // From its beginning on it may count, and from its end on it must.
                moments.push((operation.invoked, Moment::Add { most: more, least: less }));
                if let (End::Ok(_), Some(ended)) = (end, ended) {
                    moments.push((ended, Moment::Add { most: less, least: more }));
                }
            }
            ("read", End::Ok(value), Some(ended)) => {
                value.as_i64().ok_or_else(wrong)?;
                moments.push((operation.invoked, Moment::ReadBegins(number)));
                moments.push((ended, Moment::ReadEnds(number)));
            }
            _ => return Err(wrong()),
        }
    }
    moments.sort_unstable_by_key(|(at, _)| *at);
    // A reading sees the counter somewhere in its span; while it goes on, both limits are kept at
    // their widest.
    let (mut least, mut most) = (0_i128, 0_i128);
    let mut widest = std::collections::BTreeMap::new();
    let mut reads = 0;
    for (at, moment) in moments {
        match moment {
            Moment::Add { most: more, least: less } => {
                most += i128::from(more);
                least += i128::from(less);
                for (low, high) in widest.values_mut() {
                    (*low, *high) = (least.min(*low), most.max(*high));
                }
            }
            Moment::ReadBegins(number) => {
                widest.insert(number, (least, most));
            }
            Moment::ReadEnds(number) => {
                reads += 1;
                let (low, high) = widest.remove(&number).unwrap_or((least, most));
                let read = operations[number].answer().and_then(|value| value.as_i64());
                let read = i128::from(read.unwrap_or_default());
                if !(low..=high).contains(&read) {
                    return Ok(Finding::fail(format!(
                        "the counter was read as {read} from line {} to line {}, but it was at \
                         least {low} and at most {high}",
                        operations[number].invoked + 1,
                        at + 1
                    )));
                }
            }
        }
    }
    Ok(match reads {
        0 => Finding::idle("nobody read the counter"),
        _ => Finding::pass(format!("readings: {reads}, each within its limits")),
    })
}
