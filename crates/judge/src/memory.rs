//! That a client that crashed comes back with what it was about to bring or take back.
//!
//! A deposit or a withdrawal is told of only when it stands in the client's own journal. So the next
//! life, which tells of all that it finds under way there, must tell of it again, unless it was
//! settled: answered, given up, or carried out by a trader, so that the answer may have come in the
//! last instant of a life. Purchases are not kept so: a later life asks the market what it bought.

use std::collections::{BTreeMap, BTreeSet};

use machine::NodeId;
use view::{Event, Operation, What};

use crate::finding::Finding;
use crate::story::{Stories, Story, line};

const PROPERTY: &str = "who comes back goes on";

/// Judges all requests that were under way when a life ended and another one began.
pub fn judge(stories: &Stories<'_>) -> Finding {
    let lives = Lives::of(stories.events);
    let given_up: BTreeSet<_> = stories
        .events
        .iter()
        .filter_map(|event| match &event.what {
            What::Abandoned { request, .. } => Some(*request),
            _ => None,
        })
        .collect();
    let check = || {
        let mut taken_up = 0;
        for (id, story) in &stories.requests {
            let Some((_, operation)) = story.asked.first() else { continue };
            let is_kept =
                matches!(operation, Operation::Deposit { .. } | Operation::Withdraw { .. });
            if !is_kept || is_settled(story) || given_up.contains(id) {
                continue;
            }
            for (asked, _) in &story.asked {
                let Some((began, end)) = lives.after(stories.events[*asked].node, *asked) else {
                    continue;
                };
                let is_taken_up = story.asked.iter().any(|(at, _)| (began..end).contains(at));
                if !is_taken_up {
                    return Err(format!(
                        "request {id}, {}, was under way, and the next life of its client, {}, \
                         knows nothing of it",
                        line(*asked),
                        line(began)
                    ));
                }
                taken_up += 1;
            }
        }
        let evidence = format!("requests without an answer that a later life took up: {taken_up}");
        let idle = "nobody had a deposit or a withdrawal under way when it crashed";
        Ok(Finding::held(PROPERTY, taken_up, evidence, idle))
    };
    Finding::from_check(PROPERTY, check())
}

fn is_settled(story: &Story<'_>) -> bool {
    story.answered.len()
        + story.deposited.len()
        + story.withdrawn.len()
        + story.refused.len()
        + story.repeated.len()
        > 0
}

/// Where each life of a node begins and ends: the position of its first event, and that behind its
/// last one.
struct Lives(BTreeMap<NodeId, Vec<(usize, usize)>>);

impl Lives {
    fn of(events: &[Event]) -> Self {
        let mut lives: BTreeMap<NodeId, Vec<(usize, usize)>> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            let of_node = lives.entry(event.node).or_default();
            match of_node.last_mut() {
                Some((_, end)) if !matches!(event.what, What::Started { .. }) => *end = at + 1,
                _ => of_node.push((at, at + 1)),
            }
        }
        Self(lives)
    }

    /// The life after the one in which this happened, if it said more than that it began: what it
    /// says in its first instant may be lost with it.
    fn after(&self, node: NodeId, at: usize) -> Option<(usize, usize)> {
        let of_node = self.0.get(&node)?;
        let next = of_node.partition_point(|(began, _)| *began <= at);
        of_node.get(next).copied().filter(|(began, end)| end - began > 1)
    }
}
