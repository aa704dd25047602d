//! Logs that clients send to and poll from, by offset: every acknowledged message has one offset,
//! offsets rise, and whoever has read past a message has read it.
//!
//! | anomaly | what was seen |
//! |---|---|
//! | two messages at one offset | what stands at an offset is not one thing |
//! | one message at two offsets | a message was appended twice |
//! | made up | a message was polled that nobody sent, or whose sending surely failed |
//! | lost write | an offset is known, some poll read a higher one of that log, none read it |
//! | nonmonotonic poll, send | offsets did not rise within a poll, from one poll of a client to the next, or from one sending of a client to the next |
//! | skip | within a poll, or from one poll of a client to the next, a known offset was passed over |
//!
//! The anomalies are those of Jepsen's checker for queues. A message that no poll has reached is
//! none: logs may be late. A client that is assigned logs anew begins where it likes.
//!
//! Operations are `send` and `poll`, or `txn` of both: `["send", key, message]`, answered as
//! `["send", key, [offset, message]]`, and `["poll"]`, answered as
//! `["poll", {key: [[offset, message], …]}]`; `assign`, `subscribe` and `crash` have no answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::history::{End, Malformed, Operation};
use crate::verdict::Finding;

const EXPECTED: &str = "an operation of logs: `send`, `poll` or `txn`, with lists of [\"send\", key, \
                        [offset, message]] and [\"poll\", {key: [[offset, message], ...]}], or \
                        `assign`, `subscribe`, `crash`";

/// What is known of one log.
#[derive(Default)]
struct Log<'a> {
    /// What stands at an offset, and the line that says so.
    at: BTreeMap<u64, (&'a Value, usize)>,
    /// Where a message stands.
    offsets: HashMap<&'a Value, u64>,
    polled: BTreeSet<u64>,
}

/// A micro-operation with its answer.
enum Seen<'a> {
    Sent(&'a str, u64, &'a Value),
    Polled(&'a str, Vec<(u64, &'a Value)>),
}

/// Judges logs that are empty at first.
///
/// # Errors
/// Some operation is not of logs.
pub fn judge(operations: &[Operation]) -> Result<Finding, Malformed> {
    let mut seen = Vec::new();
    let mut tried: BTreeSet<(&str, String)> = BTreeSet::new();
    for operation in operations {
        let line = operation.ended.unwrap_or(operation.invoked) + 1;
        let wrong = || Malformed::NotOfTheModel { line, expected: EXPECTED };
        match (operation.f.as_str(), &operation.end) {
            ("send" | "poll" | "txn", end) => {
                if *end != End::Fail {
                    tried.extend(sent(&operation.asked).ok_or_else(wrong)?);
                }
                if let (Some(answer), Some(ended)) = (operation.answer(), operation.ended) {
                    let found = answered(answer).ok_or_else(wrong)?;
                    seen.push((ended, operation, found));
                }
            }
            ("assign" | "subscribe", _) => {
                if let Some(ended) = operation.ended {
                    seen.push((ended, operation, Vec::new()));
                }
            }
            ("crash" | "debug-topic-partitions", _) => {}
            _ => return Err(wrong()),
        }
    }
    seen.sort_unstable_by_key(|(ended, ..)| *ended);
    Ok(find(&seen, &tried).map_or_else(Finding::fail, |(logs, sends, polls)| match polls {
        0 => Finding::idle("nobody polled a message"),
        _ => Finding::pass(format!("logs: {logs}, messages sent: {sends}, polled: {polls}")),
    }))
}

type Operations<'a> = [(usize, &'a Operation, Vec<Seen<'a>>)];

/// The first anomaly; else how many logs, sent messages and polled messages there are.
fn find(
    operations: &Operations<'_>,
    tried: &BTreeSet<(&str, String)>,
) -> Result<(usize, usize, usize), String> {
    let mut logs: BTreeMap<&str, Log<'_>> = BTreeMap::new();
    let (mut sends, mut polls) = (0, 0);
    for (ended, _, found) in operations {
        for seen in found {
            match seen {
                Seen::Sent(key, offset, message) => {
                    sends += 1;
                    stands(logs.entry(key).or_default(), key, *offset, message, ended + 1)?;
                }
                Seen::Polled(key, pairs) => {
                    let log = logs.entry(key).or_default();
                    for (offset, message) in pairs {
                        polls += 1;
                        if !tried.contains(&(key, message.to_string())) {
                            return Err(format!(
                                "{message} was polled from {key} at line {}, but nobody sent it, \
                                 or its sending surely failed",
                                ended + 1
                            ));
                        }
                        stands(log, key, *offset, message, ended + 1)?;
                        log.polled.insert(*offset);
                    }
                }
            }
        }
    }
    in_order(operations, &logs)?;
    for (key, log) in &logs {
        let Some(&highest) = log.polled.last() else { continue };
        if let Some((offset, (message, line))) =
            log.at.range(..highest).find(|(offset, _)| !log.polled.contains(offset))
        {
            return Err(format!(
                "{message} stands at offset {offset} of {key} by line {line}, and offset {highest} \
                 was polled, but no poll ever read it: a lost write"
            ));
        }
    }
    Ok((logs.len(), sends, polls))
}

/// A message stands at an offset.
fn stands<'a>(
    log: &mut Log<'a>,
    key: &str,
    offset: u64,
    message: &'a Value,
    line: usize,
) -> Result<(), String> {
    let (other, before) = *log.at.entry(offset).or_insert((message, line));
    if other != message {
        return Err(format!(
            "offset {offset} of {key} held {other} at line {before} and {message} at line {line}"
        ));
    }
    let first = *log.offsets.entry(message).or_insert(offset);
    if first != offset {
        return Err(format!(
            "{message} stands at offset {first} of {key} and at offset {offset}, at line {line}: it \
             was appended twice"
        ));
    }
    Ok(())
}

/// Whether each client's offsets rise, and pass over nothing.
fn in_order(operations: &Operations<'_>, logs: &BTreeMap<&str, Log<'_>>) -> Result<(), String> {
    let mut polled: HashMap<(u64, &str), (u64, usize)> = HashMap::new();
    let mut sent: HashMap<(u64, &str), (u64, usize)> = HashMap::new();
    for (ended, operation, found) in operations {
        let (process, line) = (operation.process, ended + 1);
        if matches!(operation.f.as_str(), "assign" | "subscribe") {
            polled.retain(|(of, _), _| *of != process);
        }
        for seen in found {
            match seen {
                Seen::Sent(key, offset, _) => {
                    if let Some((last, before)) = sent.insert((process, key), (*offset, line))
                        && *offset <= last
                    {
                        return Err(format!(
                            "process {process} sent to offset {last} of {key} at line {before} and \
                             to offset {offset} at line {line}: nonmonotonic"
                        ));
                    }
                }
                Seen::Polled(key, pairs) => {
                    for (offset, _) in pairs {
                        let Some((last, before)) = polled.insert((process, key), (*offset, line))
                        else {
                            continue;
                        };
                        if *offset <= last {
                            return Err(format!(
                                "process {process} polled offset {last} of {key} at line {before} \
                                 and then {offset} at line {line}: nonmonotonic"
                            ));
                        }
                        let known = logs.get(key).map(|log| &log.at);
                        let skipped = known.and_then(|at| at.range(last + 1..*offset).next());
                        if let Some((skipped, (message, _))) = skipped {
                            return Err(format!(
                                "process {process} polled offset {last} of {key} at line {before} \
                                 and then {offset} at line {line}, and skipped {message} at offset \
                                 {skipped}"
                            ));
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// What an operation tries to send.
fn sent(asked: &Value) -> Option<Vec<(&str, String)>> {
    let micros = asked.as_array()?.iter().map(|micro| match micro.as_array()?.as_slice() {
        [f, key, message] if f == "send" => Some(Some((key.as_str()?, message.to_string()))),
        [f, ..] if f == "poll" => Some(None),
        _ => None,
    });
    Some(micros.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect())
}

/// What an operation was answered with.
fn answered(answer: &Value) -> Option<Vec<Seen<'_>>> {
    let mut found = Vec::new();
    for micro in answer.as_array()? {
        match micro.as_array()?.as_slice() {
            [f, key, sent] if f == "send" => {
                let (offset, message) = pair(sent)?;
                found.push(Seen::Sent(key.as_str()?, offset, message));
            }
            [f, logs] if f == "poll" => {
                for (key, pairs) in logs.as_object()? {
                    let pairs = pairs.as_array()?.iter().map(pair).collect::<Option<_>>()?;
                    found.push(Seen::Polled(key, pairs));
                }
            }
            _ => return None,
        }
    }
    Some(found)
}

fn pair(pair: &Value) -> Option<(u64, &Value)> {
    match pair.as_array()?.as_slice() {
        [offset, message] => Some((offset.as_u64()?, message)),
        _ => None,
    }
}
