//! Judged from a history alone: that it is one, and that nothing was sold that nobody had offered.

use std::collections::{BTreeMap, BTreeSet};

use view::history::{Phase, Step};

use crate::finding::{Finding, Ruling};

const WELL_FORMED: &str = "the history is well formed";
const NO_OVERSELLING: &str = "no over-selling";

/// How many lines a sentence names.
const NAMED_MAX: usize = 10;

/// Every process does one thing at a time, each end has its beginning, time does not run backwards,
/// and a process that ended in doubt is never heard of again.
pub fn well_formed(history: &[Step]) -> Finding {
    let checked = check_form(history).map(|operations| {
        let evidence = format!("operations: {operations}, lines: {}", history.len());
        Finding::held(WELL_FORMED, operations, evidence, "the history is empty")
    });
    Finding::from_check(WELL_FORMED, checked)
}

/// The same, and that the history is the one that the events tell.
pub fn well_formed_of(history: &[Step], told: &[Step]) -> Finding {
    let at = history.iter().zip(told).position(|(step, told)| step != told);
    let differ = at.or((history.len() != told.len()).then(|| history.len().min(told.len())));
    match differ {
        Some(at) => {
            let evidence = format!("the events tell another history from {}", named(&[at + 1]));
            Finding::new(WELL_FORMED, Ruling::Fail, evidence)
        }
        None => well_formed(history),
    }
}

fn check_form(history: &[Step]) -> Result<usize, String> {
    let mut under_way: BTreeMap<u64, (usize, &Step)> = BTreeMap::new();
    let (mut retired, mut operations) = (BTreeSet::new(), 0);
    let mut now = 0;
    for (at, step) in history.iter().enumerate() {
        let (line, process) = (at + 1, step.process);
        if step.time < now {
            return Err(format!("time runs backwards at {}", named(&[line])));
        }
        now = step.time;
        if retired.contains(&process) {
            let lines = named(&[line]);
            return Err(format!("process {process} goes on after it ended in doubt, at {lines}"));
        }
        match (step.phase, under_way.remove(&process)) {
            (Phase::Invoke, None) => {
                operations += 1;
                under_way.insert(process, (line, step));
            }
            (Phase::Invoke, Some((before, _))) => {
                let lines = named(&[before, line]);
                return Err(format!("process {process} does two things at once, at {lines}"));
            }
            (_, None) => {
                let lines = named(&[line]);
                return Err(format!("process {process} ends what it did not begin, at {lines}"));
            }
            (phase, Some((before, invoke))) => {
                if invoke.f != step.f || invoke.key != step.key {
                    let lines = named(&[before, line]);
                    return Err(format!("process {process} ends another operation, at {lines}"));
                }
                if phase == Phase::Info {
                    retired.insert(process);
                }
            }
        }
    }
    Ok(operations)
}

/// What became of one good, as the clients saw it.
#[derive(Default)]
struct Ledger {
    /// Units offered and not surely turned down so far, and the lines.
    offered: u64,
    offers: Vec<usize>,
    /// Units sold or given back so far, and the lines with their units.
    taken: u64,
    takings: Vec<(u64, usize)>,
    /// The largest excess so far.
    excess: u64,
}

/// For every good and at every moment: units in buys and withdrawals confirmed by then are at most
/// the units in deposits asked for by then. Also says how many units were too many, over all goods.
///
/// Deposits that surely failed do not count.
pub fn no_overselling(history: &[Step]) -> (Finding, u64) {
    let failed = failed_deposits(history);
    let mut ledgers: BTreeMap<&str, Ledger> = BTreeMap::new();
    let mut first = None;
    let mut sales = 0;
    for (at, step) in history.iter().enumerate() {
        let Some(good) = step.key.as_deref() else { continue };
        let units = step.value.get("quantity").and_then(|units| units.as_u64()).unwrap_or_default();
        let ledger = ledgers.entry(good).or_default();
        match (step.f.as_str(), step.phase) {
            ("deposit", Phase::Invoke) if !failed.contains(&at) => {
                ledger.offered = ledger.offered.saturating_add(units);
                ledger.offers.push(at + 1);
            }
            ("buy" | "claim" | "withdraw", Phase::Ok) => {
                sales += usize::from(step.f != "withdraw");
                ledger.taken = ledger.taken.saturating_add(units);
                ledger.takings.push((units, at + 1));
                let excess = ledger.taken.saturating_sub(ledger.offered);
                if excess > 0 && first.is_none() {
                    first = Some(oversold(good, ledger));
                }
                ledger.excess = ledger.excess.max(excess);
            }
            _ => {}
        }
    }
    let excess = ledgers.values().fold(0, |sum: u64, ledger| sum.saturating_add(ledger.excess));
    let checked = first.map_or_else(
        || {
            let evidence = format!("confirmed buys: {sales}, goods: {}", ledgers.len());
            Ok(Finding::held(NO_OVERSELLING, sales, evidence, "no buy was confirmed"))
        },
        Err,
    );
    (Finding::from_check(NO_OVERSELLING, checked), excess)
}

/// The positions of the deposits that surely did not happen.
fn failed_deposits(history: &[Step]) -> BTreeSet<usize> {
    let (mut under_way, mut failed) = (BTreeMap::new(), BTreeSet::new());
    for (at, step) in history.iter().enumerate() {
        match step.phase {
            Phase::Invoke => {
                under_way.insert(step.process, at);
            }
            Phase::Fail => failed.extend(under_way.remove(&step.process)),
            Phase::Ok | Phase::Info => {
                under_way.remove(&step.process);
            }
        }
    }
    failed
}

/// The sentence, with the fewest confirmed sales that are too many.
fn oversold(good: &str, ledger: &Ledger) -> String {
    let mut largest_first = ledger.takings.clone();
    largest_first.sort_by_key(|(units, _)| std::cmp::Reverse(*units));
    let (mut units, mut lines) = (0_u64, Vec::new());
    for (more, line) in largest_first {
        units = units.saturating_add(more);
        lines.push(line);
        if units > ledger.offered {
            break;
        }
    }
    lines.sort_unstable();
    let offered = match ledger.offers.is_empty() {
        true => "none had been offered".to_owned(),
        false => format!("only {} had been offered at {}", ledger.offered, named(&ledger.offers)),
    };
    let last = lines.last().copied().unwrap_or_default();
    format!(
        "{good}: by line {last}, {units} units were confirmed at {}, but {offered}",
        named(&lines)
    )
}

/// `lines 3, 5 and 9 of history.jsonl`, the first few of them.
fn named(lines: &[usize]) -> String {
    let words: Vec<String> = lines.iter().take(NAMED_MAX).map(usize::to_string).collect();
    let more = lines.len().saturating_sub(NAMED_MAX);
    match (&words[..], more) {
        ([one], 0) => format!("line {one} of history.jsonl"),
        ([most @ .., last], 0) => format!("lines {} and {last} of history.jsonl", most.join(", ")),
        (all, more) => format!("lines {} and {more} more of history.jsonl", all.join(", ")),
    }
}
