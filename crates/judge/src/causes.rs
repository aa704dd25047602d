//! That clocks tell the truth about what happened before what.

use std::collections::BTreeMap;

use clocks::Stamp;
use machine::NodeId;
use market::Refusal;
use view::{Event, What};

use crate::finding::Finding;
use crate::story::{Stories, Story, line};

const PROPERTY: &str = "clocks respect causality";

/// Within a life, a node's clock never loses a count that it had, its own or another's; and a
/// question happened before what the trader made of it, and that before the answer.
pub fn judge(stories: &Stories<'_>) -> Finding {
    let checked = check_lives(stories.events).and_then(|stamps| {
        let mut steps = 0;
        for (request, story) in &stories.requests {
            steps += check_request(stories.events, story)
                .map_err(|why| format!("request {request}: {why}"))?;
        }
        let evidence = format!("stamps: {stamps}, steps from node to node: {steps}");
        Ok(Finding::held(PROPERTY, stamps, evidence, "no event has a clock"))
    });
    Finding::from_check(PROPERTY, checked)
}

fn check_lives(events: &[Event]) -> Result<usize, String> {
    let mut latest: BTreeMap<NodeId, Known<'_>> = BTreeMap::new();
    let mut stamps = 0;
    for (at, event) in events.iter().enumerate() {
        if matches!(event.what, What::Started { .. }) {
            latest.remove(&event.node);
        }
        let Some(clock) = &event.clock else { continue };
        stamps += 1;
        let mut now = Known { highest: (at, clock), before: None };
        if let Some(known) = latest.get(&event.node) {
            let is_same_instant = events[known.highest.0].time_ns == event.time_ns;
            now.before = if is_same_instant { known.before } else { Some(known.highest) };
            if is_same_instant && at_or_below(clock, known.highest.1) {
                now.highest = known.highest;
            }
            let comparable = [now.before, is_same_instant.then_some(known.highest)];
            for (before, earlier) in comparable.into_iter().flatten() {
                if !at_or_below(earlier, clock) && now.highest.0 != before {
                    return Err(format!(
                        "node {} forgot what it knew: {earlier} at line {}, then {clock} at {}",
                        event.node,
                        before + 1,
                        line(at)
                    ));
                }
            }
        }
        latest.insert(event.node, now);
    }
    Ok(stamps)
}

/// What a node knew. Of what it told in one instant, some may have waited for the common journal
/// and some not, so that the order of the lines says nothing.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// The highest clock of its last instant, and its line.
    highest: (usize, &'a Stamp),
    /// That of the instant before.
    before: Option<(usize, &'a Stamp)>,
}

/// How many steps were checked.
fn check_request(events: &[Event], story: &Story<'_>) -> Result<usize, String> {
    // A life that begins asks again for what an earlier one left open, and knows less of the others
    // than that one did: either question may have been the one that was served.
    let asked: Vec<usize> = story.asked.iter().map(|(at, _)| *at).collect();
    let answered = story.answered.first().map(|(at, _)| *at);
    let sold = story.sold.iter().map(|(at, _)| *at);
    let deposited = story.deposited.iter().map(|(at, _)| *at);
    let withdrawn = story.withdrawn.iter().map(|(at, _)| *at);
    // A copy of a question that comes when its answer was acknowledged long ago is no cause of that.
    let is_late = |refusal: &Refusal| matches!(refusal, Refusal::AnswerForgotten);
    let (late, refused): (Vec<_>, Vec<_>) =
        story.refused.iter().partition(|(_, refusal)| is_late(refusal));
    for (at, _) in late {
        step(events, &asked, Some(at))?;
    }
    let is_answered_once = story.repeated.is_empty() && refused.len() <= 1;
    let refused = refused.into_iter().map(|(at, _)| at);
    let mut steps =
        purchase(events, asked.first().copied(), story.sold.first().map(|(at, _)| *at))?;
    for served in sold.chain(deposited).chain(withdrawn).chain(refused) {
        steps += step(events, &asked, Some(served))?;
        // The answer to a request that was asked again may have come from another trader.
        if is_answered_once {
            steps += step(events, &[served], answered)?;
        }
    }
    steps += step(events, &asked, answered)?;
    Ok(steps)
}

/// The trader took note of the stamp of a purchase before it sold.
fn purchase(events: &[Event], asked: Option<usize>, sold: Option<usize>) -> Result<usize, String> {
    let (Some(asked), Some(sold)) = (asked, sold) else { return Ok(0) };
    let (What::Asked { stamp: Some(Stamp::Lamport(stamp)), .. }, Some(Stamp::Lamport(clock))) =
        (&events[asked].what, &events[sold].clock)
    else {
        return Ok(0);
    };
    if stamp < clock {
        return Ok(1);
    }
    Err(format!(
        "it was asked for at {stamp} at line {}, and sold by a clock of {clock} at {}",
        asked + 1,
        line(sold)
    ))
}

/// That one of the causes is one that the effect knows of: 1 if there is something to compare.
fn step(events: &[Event], causes: &[usize], effect: Option<usize>) -> Result<usize, String> {
    let Some(effect) = effect else { return Ok(0) };
    let Some(after) = &events[effect].clock else { return Ok(0) };
    let mut broken = None;
    for &cause in causes {
        let Some(before) = &events[cause].clock else { return Ok(0) };
        // A Lamport clock counts purchases, and only those carry it.
        if let (Stamp::Lamport(_), Stamp::Lamport(_)) = (before, after) {
            return Ok(0);
        }
        if at_or_below(before, after) {
            return Ok(1);
        }
        broken = broken.or(Some((cause, before)));
    }
    let Some((cause, before)) = broken else { return Ok(0) };
    Err(format!(
        "its cause at line {} has the clock {before}, its effect at {} the clock {after}",
        cause + 1,
        line(effect)
    ))
}

fn at_or_below(one: &Stamp, other: &Stamp) -> bool {
    one <= other
}
