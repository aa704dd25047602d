//! The properties, one function each.

use std::collections::{BTreeMap, BTreeSet};

use machine::NodeId;

use super::record::{InView, Message, Record};
use crate::finding::{Finding, Ruling};

const ONE_LINE: &str = "views form one line";
const ONCE: &str = "each message once";
const FIFO: &str = "FIFO order";
pub const CAUSAL: &str = "causal order";
pub const TOTAL: &str = "total order";
const SYNCHRONY: &str = "view synchrony";
pub const UNIFORM: &str = "uniformity";
const AGREE: &str = "all agree in the end";

const IDLE: &str = "nothing was delivered";

fn line(line: usize) -> String {
    format!("line {line} of messages.jsonl")
}

/// A number stands for the same members everywhere, and a member's numbers rise.
pub fn one_line(record: &Record) -> Finding {
    let check = || {
        let mut known: BTreeMap<u64, &InView> = BTreeMap::new();
        for stay in &record.stays {
            let mut last = None;
            for view in &stay.views {
                let first = known.entry(view.number).or_insert(view);
                if first.members != view.members {
                    return Err(format!(
                        "view {} has other members at {} than at line {}",
                        view.number,
                        line(view.line),
                        first.line
                    ));
                }
                if last.is_some_and(|last| last >= view.number) {
                    let (node, number) = (stay.node, view.number);
                    return Err(format!(
                        "{node} went back to view {number} at {}",
                        line(view.line)
                    ));
                }
                last = Some(view.number);
            }
        }
        let changes = known.len().saturating_sub(1);
        let evidence = format!("views: {}, the same at all members", known.len());
        Ok(Finding::held(ONE_LINE, changes, evidence, "the view never changed"))
    };
    Finding::from_check(ONE_LINE, check())
}

/// No member delivers a message twice in one stay.
pub fn once(record: &Record) -> Finding {
    let check = || {
        let mut count = 0;
        for stay in &record.stays {
            let mut seen: BTreeMap<Message, usize> = BTreeMap::new();
            for delivery in stay.deliveries() {
                count += 1;
                if let Some(before) = seen.insert(delivery.message, delivery.line) {
                    let (node, message) = (stay.node, delivery.message);
                    let again = line(delivery.line);
                    return Err(format!(
                        "{node} delivered message {message} at line {before} and again at {again}"
                    ));
                }
            }
        }
        Ok(Finding::held(ONCE, count, format!("deliveries: {count}"), IDLE))
    };
    Finding::from_check(ONCE, check())
}

/// Of each sender every message, in the order sent. Who comes back begins anywhere.
pub fn fifo(record: &Record) -> Finding {
    let check = || {
        let mut count = 0;
        for stay in &record.stays {
            let mut last: BTreeMap<NodeId, u64> = BTreeMap::new();
            for delivery in stay.deliveries() {
                count += 1;
                let Message { sender, number } = delivery.message;
                let expected = match last.insert(sender, number) {
                    Some(before) => before + 1,
                    None if stay.is_first => 1,
                    None => number,
                };
                if number != expected {
                    return Err(format!(
                        "{} delivered message {number} of {sender} at {} where {expected} was next",
                        stay.node,
                        line(delivery.line)
                    ));
                }
            }
        }
        Ok(Finding::held(FIFO, count, format!("deliveries: {count}"), IDLE))
    };
    Finding::from_check(FIFO, check())
}

/// A message after all that its sender had delivered when it was to be sent. It was sent then or
/// later, so whatever its sender had delivered by then is a cause of it for certain. Who comes back
/// lacks what was before, so only first stays are judged.
pub fn causal(record: &Record) -> Finding {
    // Of each sender, how much of whom it had delivered, as it went on: when, whose, up to which.
    let mut known: BTreeMap<NodeId, Vec<(u64, Message)>> = BTreeMap::new();
    let firsts = || record.stays.iter().filter(|stay| stay.is_first);
    for stay in firsts() {
        let told = stay.deliveries().map(|delivery| (delivery.time_ns, delivery.message));
        known.insert(stay.node, told.collect());
    }
    // Of each message, what its sender had delivered of whom.
    let mut causes: BTreeMap<NodeId, (usize, BTreeMap<NodeId, u64>)> = BTreeMap::new();
    let mut needs: BTreeMap<Message, Vec<Message>> = BTreeMap::new();
    for (message, sent_ns) in &record.sent_ns {
        let Some(delivered) = known.get(&message.sender) else { continue };
        let (next, latest) = causes.entry(message.sender).or_default();
        let mut news = Vec::new();
        while let Some((_, cause)) = delivered.get(*next).filter(|(at, _)| at < sent_ns) {
            latest.insert(cause.sender, cause.number);
            news.push(*cause);
            *next += 1;
        }
        // What was a cause of the sender's earlier messages is one of this too, by FIFO order.
        news.retain(|cause| latest.get(&cause.sender) == Some(&cause.number));
        needs.insert(*message, news);
    }
    let check = || {
        let mut steps = 0;
        for stay in firsts() {
            let mut has: BTreeMap<NodeId, u64> = BTreeMap::new();
            for delivery in stay.deliveries() {
                let message = delivery.message;
                for cause in needs.get(&message).into_iter().flatten() {
                    steps += usize::from(cause.sender != message.sender);
                    if has.get(&cause.sender).is_none_or(|number| *number < cause.number) {
                        return Err(format!(
                            "{} delivered message {message} at {} before message {cause}, which {} \
                             had delivered when it sent it",
                            stay.node,
                            line(delivery.line),
                            message.sender
                        ));
                    }
                }
                has.insert(message.sender, message.number);
            }
        }
        let evidence = format!("causes from other senders that were there first: {steps}");
        Ok(Finding::held(CAUSAL, steps, evidence, "no sender had delivered another's message"))
    };
    Finding::from_check(CAUSAL, check())
}

/// In each view, all that went on deliver one sequence; with safe delivery, all others a beginning
/// of it, or it a beginning of theirs.
pub fn total(record: &Record, is_safe: bool) -> Finding {
    let check = || {
        let mut compared = 0;
        for (number, members) in record.views() {
            let is_last = members.iter().all(|(.., next)| next.is_none());
            let counts = |next: &Option<u64>| is_safe || is_last || next.is_some();
            let judged = || members.iter().filter(|(.., next)| counts(next));
            let Some((first, longest, _)) =
                judged().max_by_key(|(_, view, _)| view.deliveries.len())
            else {
                continue;
            };
            for (node, view, _) in judged().filter(|(node, ..)| node != first) {
                let both = view.deliveries.iter().zip(&longest.deliveries);
                compared += view.deliveries.len();
                if let Some((one, other)) =
                    both.into_iter().find(|(one, other)| one.message != other.message)
                {
                    return Err(format!(
                        "in view {number}, {node} delivered message {} at {} where {first} delivered \
                         message {} at line {}",
                        one.message,
                        line(one.line),
                        other.message,
                        other.line
                    ));
                }
            }
        }
        let evidence = format!("deliveries in the same place at two members: {compared}");
        Ok(Finding::held(TOTAL, compared, evidence, "no two members delivered anything"))
    };
    Finding::from_check(TOTAL, check())
}

/// What one delivered and the other did not, if there is such a message.
fn lacking(one: &InView, other: &InView) -> Option<(Message, usize)> {
    let has: BTreeSet<_> = other.deliveries.iter().map(|delivery| delivery.message).collect();
    let lacking = one.deliveries.iter().find(|delivery| !has.contains(&delivery.message));
    lacking.map(|delivery| (delivery.message, delivery.line))
}

/// Members that go from a view to the same next one delivered the same messages in it.
pub fn view_synchrony(record: &Record) -> Finding {
    let check = || {
        let mut passages = 0;
        for (number, members) in record.views() {
            let mut to: BTreeMap<u64, (NodeId, &InView)> = BTreeMap::new();
            for (node, view, next) in members {
                let Some(next) = next else { continue };
                let (other, first) = *to.entry(next).or_insert((node, view));
                if other == node {
                    continue;
                }
                passages += 1;
                let either = [(node, other, view, first), (other, node, first, view)];
                for (has, lacks, one, two) in either {
                    if let Some((message, at)) = lacking(one, two) {
                        return Err(format!(
                            "{has} and {lacks} went from view {number} to view {next}, but only {has} \
                             delivered message {message} before, at {}",
                            line(at)
                        ));
                    }
                }
            }
        }
        let evidence = format!("members that went on with another: {passages}");
        Ok(Finding::held(SYNCHRONY, passages, evidence, "no two members went on to a view"))
    };
    Finding::from_check(SYNCHRONY, check())
}

/// What anybody delivered in a view, all that went on delivered too.
pub fn uniform(record: &Record) -> Finding {
    let check = || {
        let mut gone = 0;
        for (number, members) in record.views() {
            let Some((went, on, _)) = members.iter().find(|(.., next)| next.is_some()) else {
                continue;
            };
            for (node, view, _) in members.iter().filter(|(.., next)| next.is_none()) {
                gone += 1;
                if let Some((message, at)) = lacking(view, on) {
                    return Err(format!(
                        "{node} delivered message {message} in view {number} at {}, and {went} went \
                         on without it",
                        line(at)
                    ));
                }
            }
        }
        let evidence = format!("members that others went on without: {gone}");
        Ok(Finding::held(UNIFORM, gone, evidence, "all went on to every view"))
    };
    Finding::from_check(UNIFORM, check())
}

/// Members of the last view delivered the same messages in it. Where a stream has not ended in good
/// order, what is lacking might still have come.
pub fn agree(record: &Record) -> Finding {
    let views = record.views();
    let Some((number, members)) = views.last_key_value() else {
        return Finding::new(AGREE, Ruling::NeverExercised, "nobody was ever in a view".to_owned());
    };
    let ended = members.iter().all(|(node, ..)| record.streamed.contains(node));
    for (one, of_one, _) in members {
        for (other, of_other, _) in members {
            if let Some((message, at)) = lacking(of_one, of_other) {
                let ruling = if ended { Ruling::Fail } else { Ruling::Unknown };
                let evidence = format!(
                    "in view {number}, the last one, {one} delivered message {message} at {}, and \
                     {other} never did",
                    line(at)
                );
                return Finding::new(AGREE, ruling, evidence);
            }
        }
    }
    let evidence = format!("members of view {number}, the last one: {}", members.len());
    Finding::held(AGREE, members.len().saturating_sub(1), evidence, "one member was left")
}
