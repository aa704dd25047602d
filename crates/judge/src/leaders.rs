//! That there is one leader an epoch, and that at the end all follow the same one.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Epoch, NodeId};
use view::{Event, Fault, LinkFault, What};

use crate::PATIENCE_NS;
use crate::finding::{Finding, Ruling};
use crate::story::line;

const ONE_AN_EPOCH: &str = "one leader an epoch";
const ONE_AT_THE_END: &str = "one leader at the end";

/// Each epoch, by its counter, is won once; only its winner acts in it; and the traders' epochs
/// rise.
pub fn one_an_epoch(events: &[Event]) -> Finding {
    Finding::from_check(ONE_AN_EPOCH, check_epochs(events))
}

fn check_epochs(events: &[Event]) -> Result<Finding, String> {
    let mut elected: BTreeMap<u64, (NodeId, usize)> = BTreeMap::new();
    let mut trading: Option<(Epoch, usize)> = None;
    for (at, event) in events.iter().enumerate() {
        let node = event.node;
        if let Some(epoch) = acts_in(&event.what)
            && epoch.node != node
        {
            return Err(format!("node {node} acts in epoch {epoch} of another, {}", line(at)));
        }
        match &event.what {
            What::Elected { epoch, .. } => {
                if let Some((other, before)) = elected.insert(epoch.counter, (node, at)) {
                    return Err(format!(
                        "epoch {} was won twice, by node {other} at line {} and by node {node} at {}",
                        epoch.counter,
                        before + 1,
                        line(at)
                    ));
                }
            }
            What::Trading { epoch, .. } => {
                // Who was paused may find out late that its market was already another's.
                if let Some((before, then)) = trading
                    && before.counter >= epoch.counter
                    && !was_paused(events, node)
                {
                    return Err(format!(
                        "epoch {epoch} began to trade at {} after epoch {before} at line {}",
                        line(at),
                        then + 1
                    ));
                }
                trading = trading.max(Some((*epoch, at)));
            }
            _ => {}
        }
    }
    let evidence = format!("epochs: {}, each won once", elected.len());
    let changes = elected.len().saturating_sub(1);
    Ok(Finding::held(ONE_AN_EPOCH, changes, evidence, "leadership never changed hands"))
}

fn was_paused(events: &[Event], node: NodeId) -> bool {
    let pause = What::Fault { fault: Fault::Pause, target: node };
    events.iter().any(|event| event.what == pause)
}

/// The epoch that a node claims to lead by this event.
fn acts_in(what: &What) -> Option<Epoch> {
    match what {
        What::Elected { epoch, .. }
        | What::SteppedDown { epoch, .. }
        | What::Resigning { epoch, .. }
        | What::Trading { epoch, .. }
        | What::Sold { epoch, .. }
        | What::Refused { epoch, .. }
        | What::Repeated { epoch, .. }
        | What::Deposited { epoch, .. }
        | What::Withdrawn { epoch, .. }
        | What::Held { epoch, .. }
        | What::HoldEnded { epoch, .. }
        | What::SessionsExpired { epoch, .. } => Some(*epoch),
        _ => None,
    }
}

/// Whom a node that runs follows, and since when that is so.
#[derive(Clone, Copy)]
struct Follower {
    leader: Option<Epoch>,
    since_ns: u64,
}

/// All nodes that run when the run begins to end follow the leader of the highest epoch. A node
/// that has had less than five seconds to find it is passed over; one that has followed nobody for
/// longer leaves the question open (it may be cut off); one that followed another leader all that
/// time breaks the promise.
pub fn one_at_the_end(events: &[Event]) -> Finding {
    let end = end(events);
    let (followers, highest) = at_the_end(&events[..end]);
    let now = events[..end].last().map_or(0, |event| event.time_ns);
    let finding = |ruling, evidence| Finding::new(ONE_AT_THE_END, ruling, evidence);
    let Some(highest) = highest else {
        return finding(Ruling::NeverExercised, "nobody was ever elected".to_owned());
    };
    let mut agreed = 0;
    for (node, Follower { leader, since_ns }) in followers {
        let waited_ns = now.saturating_sub(since_ns);
        match leader {
            Some(leader) if leader == highest => agreed += 1,
            _ if waited_ns < PATIENCE_NS => {}
            Some(leader) => {
                let evidence = format!(
                    "node {node} has followed epoch {leader} for {} ms, but {highest} was elected",
                    waited_ns / 1_000_000
                );
                return finding(Ruling::Fail, evidence);
            }
            None => {
                let waited_ms = waited_ns / 1_000_000;
                let evidence = format!("node {node} has followed nobody for {waited_ms} ms");
                return finding(Ruling::Unknown, evidence);
            }
        }
    }
    let idle = "the run ended before any node had followed its last leader";
    Finding::held(
        ONE_AT_THE_END,
        agreed,
        format!("nodes that follow epoch {highest}: {agreed}"),
        idle,
    )
}

/// Where the nodes begin to be stopped for good: what follows is no part of the run.
fn end(events: &[Event]) -> usize {
    let last = events.last().map_or(0, |event| event.time_ns);
    let mut end = events.len();
    for (at, event) in events.iter().enumerate().rev() {
        match event.what {
            _ if last.saturating_sub(event.time_ns) >= PATIENCE_NS => break,
            What::Started { .. } => break,
            What::Stopped => end = at,
            _ => {}
        }
    }
    end
}

/// The nodes that run, the directory left out, and the highest epoch that was won.
fn at_the_end(events: &[Event]) -> (BTreeMap<NodeId, Follower>, Option<Epoch>) {
    let mut followers: BTreeMap<NodeId, Follower> = BTreeMap::new();
    // A node may report a little more after the runner noted that it is killed or paused.
    let mut down: BTreeSet<NodeId> = BTreeSet::new();
    let mut highest: Option<Epoch> = None;
    for Event { time_ns, node, what, .. } in events {
        let since_ns = *time_ns;
        let mut follow = |leader| {
            followers.insert(*node, Follower { leader, since_ns });
        };
        match what {
            What::Started { .. } if *node != NodeId(0) => {
                follow(None);
                down.remove(node);
            }
            What::Followed { epoch, .. } => follow(Some(*epoch)),
            What::Elected { epoch, .. } => {
                highest = highest.max(Some(*epoch));
                follow(Some(*epoch));
            }
            What::Suspected { .. } | What::SteppedDown { .. } => follow(None),
            What::Stopped => {
                down.insert(*node);
            }
            What::Fault { fault: Fault::Kill | Fault::Pause, target } => {
                down.insert(*target);
            }
            What::Fault { fault: Fault::Resume, target } => {
                down.remove(target);
                followers.entry(*target).and_modify(|follower| follower.since_ns = since_ns);
            }
            // Whoever was cut off has had no chance before.
            What::Links(LinkFault::Mend { .. } | LinkFault::Heal) => {
                followers.values_mut().for_each(|follower| follower.since_ns = since_ns);
            }
            _ => {}
        }
    }
    followers.retain(|node, _| !down.contains(node));
    (followers, highest)
}
