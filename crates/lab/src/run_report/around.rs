//! The messages around an election, from what peers noted of them.

use std::collections::BTreeMap;

use machine::{Epoch, NodeId};
use view::{ElectionWord, Event, Fault, What};

use crate::spacetime::{Arrow, DOTS_MAX, Dot, Mark, SpaceTime};
use crate::words::number;

/// How long before its end an election is looked at, at most.
const BEFORE_NS: u64 = 5_000_000_000;
/// How long after its end followers are waited for.
const AFTER_NS: u64 = 500_000_000;
/// From one event to the next one, in pixels.
const STEP: f64 = 56.0;
/// A time is written below every so many events.
const TICK_EVERY: usize = 4;

/// An election, and the time around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    epoch: Epoch,
    from_ns: u64,
    to_ns: u64,
}

impl Window {
    pub(super) fn title(&self) -> String {
        let (Epoch { node, counter }, began) = (self.epoch, number(self.from_ns as f64 / 1e9));
        format!("The election of peer {node}, term {counter}, from {began} s on")
    }
}

/// All elections of a run.
pub(super) fn windows(events: &[Event]) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    for event in events {
        let What::Elected { epoch, .. } = &event.what else { continue };
        let since = windows.last().map_or(0, |window| window.to_ns + 1);
        let since = since.max(event.time_ns.saturating_sub(BEFORE_NS));
        let before = between(events, since, event.time_ns);
        let from = before.iter().find(|of| begins(&of.what));
        let follows = |of: &&Event| {
            matches!(&of.what, What::Followed { epoch: of, .. } if of == epoch)
                || matches!(&of.what, What::Trading { epoch: of, .. } if of == epoch)
        };
        let after = between(events, event.time_ns, event.time_ns.saturating_add(AFTER_NS));
        let to = after.iter().rfind(follows);
        windows.push(Window {
            epoch: *epoch,
            from_ns: from.map_or(event.time_ns, |of| of.time_ns),
            to_ns: to.map_or(event.time_ns, |of| of.time_ns),
        });
    }
    windows
}

/// The events of a time, both ends included; all events are in order of time.
fn between(events: &[Event], from_ns: u64, to_ns: u64) -> &[Event] {
    let begin = events.partition_point(|event| event.time_ns < from_ns);
    let end = events.partition_point(|event| event.time_ns <= to_ns);
    events.get(begin..end).unwrap_or_default()
}

/// Whether an election may begin with this.
fn begins(what: &What) -> bool {
    matches!(
        what,
        What::Suspected { .. }
            | What::Campaigned
            | What::Resigning { .. }
            | What::SteppedDown { .. }
            | What::Fault { fault: Fault::Kill | Fault::Pause | Fault::Resign, .. }
    )
}

/// What is written at an event, whose it is, and how it is marked; none of what has no part in it.
fn told(event: &Event) -> Option<(NodeId, Mark, String)> {
    let node = event.node;
    Some(match &event.what {
        What::Fault { fault, target } => {
            let word = match fault {
                Fault::Kill => "killed",
                Fault::Pause => "paused",
                Fault::Resign => "told to resign",
                _ => return None,
            };
            (*target, Mark::Alarm, word.to_owned())
        }
        What::Suspected { suspect, .. } => (node, Mark::Alarm, format!("doubts {suspect}")),
        What::Resigning { .. } => (node, Mark::Plain, "resigns".to_owned()),
        What::SteppedDown { .. } => (node, Mark::Alarm, "steps down".to_owned()),
        What::Campaigned => (node, Mark::Plain, "campaigns".to_owned()),
        What::ElectionHeard { from, says: ElectionWord::Election } => {
            (node, Mark::Plain, format!("election? {from}"))
        }
        What::ElectionHeard { from, says: ElectionWord::Ok } => {
            (node, Mark::Plain, format!("ok {from}"))
        }
        What::Elected { .. } => (node, Mark::Crown, "wins".to_owned()),
        What::Followed { epoch, .. } if epoch.node == node => return None,
        What::Followed { epoch, .. } => (node, Mark::Plain, format!("follows {}", epoch.node)),
        What::Trading { .. } => (node, Mark::Crown, "serves".to_owned()),
        _ => return None,
    })
}

pub(super) fn diagram(events: &[Event], window: &Window, peers: &[NodeId]) -> SpaceTime {
    let lanes: BTreeMap<NodeId, usize> =
        peers.iter().enumerate().map(|(lane, &peer)| (peer, lane)).collect();
    let shown: Vec<(&Event, usize, Mark, String)> = between(events, window.from_ns, window.to_ns)
        .iter()
        .filter_map(|event| {
            let (node, mark, words) = told(event)?;
            Some((event, *lanes.get(&node)?, mark, words))
        })
        .take(DOTS_MAX)
        .collect();
    let last = shown.len().saturating_sub(1).max(1);
    let at = |place: usize| place as f64 / last as f64;
    let dots = shown.iter().enumerate().map(|(place, (event, lane, mark, words))| Dot {
        lane: *lane,
        at: at(place),
        mark: *mark,
        above: words.clone(),
        below: event.clock.as_ref().map(ToString::to_string).unwrap_or_default(),
    });
    let ticks = shown.iter().enumerate().step_by(TICK_EVERY).map(|(place, (event, ..))| {
        let since_ns = event.time_ns.saturating_sub(window.from_ns);
        (at(place), format!("+{} ms", number(since_ns as f64 / 1e6)))
    });
    let arrows = shown.iter().enumerate().filter_map(|(place, (event, lane, ..))| {
        let sent = shown[..place].iter().rposition(|(earlier, ..)| has_sent(earlier, event))?;
        let (sender, from, ..) = &shown[sent];
        let about = format!("from peer {} to peer {}", sender.node, event.node);
        Some(Arrow { from: (*from, at(sent)), to: (*lane, at(place)), about, is_concluded: true })
    });
    SpaceTime {
        title: window.title(),
        lanes: peers.iter().map(|peer| format!("peer {peer}")).collect(),
        arrows: arrows.collect(),
        ticks: ticks.collect(),
        dots: dots.collect(),
        width: STEP * last as f64,
    }
}

/// Whether an event made its node send what the other one tells of.
fn has_sent(earlier: &Event, heard: &Event) -> bool {
    match &heard.what {
        What::ElectionHeard { from, says: ElectionWord::Election } => {
            earlier.node == *from && matches!(earlier.what, What::Campaigned)
        }
        What::ElectionHeard { from, says: ElectionWord::Ok } => {
            let asked = matches!(&earlier.what, What::ElectionHeard { from, says: ElectionWord::Election } if *from == heard.node);
            earlier.node == *from && asked
        }
        What::Followed { epoch, .. } => {
            earlier.node == epoch.node
                && matches!(&earlier.what, What::Elected { epoch: of, .. } if of == epoch)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use view::Cause;

    use super::*;

    fn event(time_ns: u64, node: u32, what: What) -> Event {
        Event { time_ns, node: NodeId(node), clock: None, what }
    }

    #[test]
    fn messages_around_an_election_go_from_what_made_them_to_where_they_were_heard() {
        let epoch = Epoch { counter: 2, node: NodeId(2) };
        let heard = |from, says| What::ElectionHeard { from: NodeId(from), says };
        let events = [
            event(1, 1, What::BoughtAll { purchases: 1 }),
            event(10, 0, What::Fault { fault: Fault::Kill, target: NodeId(3) }),
            event(11, 1, What::Suspected { suspect: NodeId(3), cause: Cause::Crash }),
            event(12, 1, What::Campaigned),
            event(14, 2, heard(1, ElectionWord::Election)),
            event(16, 1, heard(2, ElectionWord::Ok)),
            event(17, 2, What::Elected { epoch, cause: Cause::Crash, took_ns: 6 }),
            event(17, 2, What::Followed { epoch, messages: 3 }),
            event(18, 2, What::Trading { epoch, shipped_before: 0 }),
            event(19, 1, What::Followed { epoch, messages: 3 }),
            event(90, 1, What::Stopped),
        ];
        let windows = windows(&events);
        let window = windows[0];
        assert_eq!((windows.len(), window.from_ns, window.to_ns), (1, 10, 19));
        let diagram = diagram(&events, &window, &[NodeId(1), NodeId(2), NodeId(3)]);
        let words: Vec<&str> = diagram.dots.iter().map(|dot| &*dot.above).collect();
        let expected = [
            "killed",
            "doubts 3",
            "campaigns",
            "election? 1",
            "ok 2",
            "wins",
            "serves",
            "follows 2",
        ];
        assert_eq!(words, expected);
        let ways: Vec<(usize, usize)> =
            diagram.arrows.iter().map(|arrow| (arrow.from.0, arrow.to.0)).collect();
        assert_eq!(ways, [(0, 1), (1, 0), (1, 0)], "asks, answers, and tells that it leads");
    }
}
