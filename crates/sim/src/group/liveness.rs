//! The liveness phase: all faults are over. Within a bounded time one view holds all nodes, with the
//! state; messages flow again; what was sent is delivered, and all logs are the same.

use std::time::Duration;

use machine::Instant;

use super::properties::all_delivered;
use super::world::GroupWorld;

/// How long a group may take to come together: many times the longest limit of its settings.
const TOGETHER_WITHIN: Duration = Duration::from_secs(60);
/// How long what was sent may take to be delivered everywhere.
const DELIVERED_WITHIN: Duration = Duration::from_secs(30);
/// How long a group that has lost its majority is watched: it may only wait.
const WAITS_FOR: Duration = Duration::from_secs(30);
/// How many messages each node sends when all are together.
const MESSAGES_AFTER: usize = 5;

/// False if the group has lost its majority, so that nothing more is promised.
pub(super) fn phase(group: &mut GroupWorld) -> bool {
    let healed = group.world.now();
    if !until(group, healed + TOGETHER_WITHIN, is_together) {
        if group.is_lost() {
            group.run_until(group.world.now() + WAITS_FOR);
            return false;
        }
        fail(group, "all come together", describe);
        return true;
    }
    for node in group.nodes() {
        for _ in 0..MESSAGES_AFTER {
            group.send(node, 20);
        }
    }
    let limit = group.world.now() + DELIVERED_WITHIN;
    if !until(group, limit, |group| is_together(group) && is_delivered(group).is_ok()) {
        match is_delivered(group) {
            Ok(()) => fail(group, "all stay together", describe),
            Err(evidence) => fail(group, "all is delivered in the end", |_| evidence),
        }
    }
    true
}

/// Lets the world go on until something holds; false if it never did, or a property broke.
fn until(group: &mut GroupWorld, limit: Instant, held: impl Fn(&GroupWorld) -> bool) -> bool {
    let mut steps = 0_u32;
    while group.watch.violation.is_none() && group.next(limit) {
        steps += 1;
        if steps.is_multiple_of(32) && held(group) {
            return true;
        }
    }
    group.watch.violation.is_some() || held(group)
}

pub(super) fn is_together(group: &GroupWorld) -> bool {
    let views = group.views();
    let [(_, first), ..] = &views[..] else { return false };
    let is_ready = |node| group.world.machine(node).is_some_and(|machine| machine.is_ready());
    views.len() == group.swarm.nodes as usize
        && first.members.len() == views.len()
        && views.iter().all(|(node, view)| view.id == first.id && is_ready(*node))
}

fn is_delivered(group: &GroupWorld) -> Result<(), String> {
    let history = &group.watch.history;
    for node in group.nodes() {
        all_delivered(history, node)?;
    }
    if let Some(node) = group.watch.waits_for_room.first() {
        return Err(format!("{node} was refused a message and never told that there is room"));
    }
    let first = &history.members[0];
    let differs = history.members.iter().position(|member| match history.transfers_state {
        true => (member.log.len(), member.digest) != (first.log.len(), first.digest),
        false => member.in_view.len() != first.in_view.len(),
    });
    match differs {
        None => Ok(()),
        Some(node) => {
            let (theirs, ours) = (history.members[node].log.len(), first.log.len());
            Err(format!("node {node} has a log of {theirs} messages, node 0 another of {ours}"))
        }
    }
}

fn describe(group: &GroupWorld) -> String {
    let nodes = group.nodes().map(|node| match group.world.machine(node) {
        None => format!("{node} is down"),
        Some(machine) => match machine.view() {
            None => format!("{node} is outside"),
            Some(view) => {
                let members: Vec<_> = view.nodes().map(|node| node.0).collect();
                let ready = if machine.is_ready() { "" } else { " without state" };
                format!("{node} in view {} {members:?} of {}{ready}", view.id, view.coordinator)
            }
        },
    });
    nodes.collect::<Vec<_>>().join("; ")
}

fn fail(
    group: &mut GroupWorld,
    invariant: &'static str,
    evidence: impl FnOnce(&GroupWorld) -> String,
) {
    let (now, evidence) = (group.world.now(), evidence(group));
    group.watch.hold(invariant, now, Err(evidence));
}
