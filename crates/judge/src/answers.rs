//! That who asks is answered.

use std::collections::BTreeMap;

use machine::NodeId;
use view::{Event, Fault, LinkFault, What};

use crate::PATIENCE_NS;
use crate::finding::{Finding, Ruling};
use crate::story::{Stories, line};

const PROPERTY: &str = "every request is answered";

/// A finite run cannot show that an answer would never have come, so this is never broken: a
/// request that a living client has waited for in vain for five seconds or more leaves the question
/// open. A client waits until it stops, or until it is last heard of if it was killed; what was
/// asked just before is passed over, and so is the time before links that were cut or late were
/// made whole.
pub fn judge(stories: &Stories<'_>) -> Finding {
    let lives = Lives::of(stories.events);
    let (mut answered, mut passed_over) = (0, 0);
    let mut stalled = None;
    for (request, story) in &stories.requests {
        let Some((asked, _)) = story.asked.first().copied() else { continue };
        if !story.answered.is_empty() {
            answered += 1;
        } else if lives.waited_ns(asked, &stories.events[asked]) < PATIENCE_NS {
            passed_over += 1;
        } else {
            stalled = stalled.or(Some((*request, asked)));
        }
    }
    if let Some((request, asked)) = stalled {
        let evidence = format!("request {request}, {}, was never answered", line(asked));
        return Finding::new(PROPERTY, Ruling::Unknown, evidence);
    }
    let evidence = format!(
        "answered: {answered}; on their way when their client or the run ended: {passed_over}"
    );
    Finding::held(PROPERTY, answered + passed_over, evidence, "nobody asked for anything")
}

/// When each life of a client was last heard of, and when it could last ask in good health.
#[derive(Default)]
struct Lives {
    /// Of each node, the beginning of each life and its last event.
    spans: BTreeMap<NodeId, Vec<(usize, u64)>>,
    resumed: BTreeMap<NodeId, u64>,
    mended: u64,
}

impl Lives {
    fn of(events: &[Event]) -> Self {
        let mut lives = Self::default();
        for (at, event) in events.iter().enumerate() {
            if let What::Fault { fault: Fault::Resume, target } = &event.what {
                lives.resumed.insert(*target, event.time_ns);
            }
            if let What::Links(LinkFault::Mend { .. } | LinkFault::Heal) = &event.what {
                lives.mended = event.time_ns;
            }
            let spans = lives.spans.entry(event.node).or_default();
            match spans.last_mut() {
                Some((_, last)) if !matches!(event.what, What::Started { .. }) => {
                    *last = event.time_ns;
                }
                _ => spans.push((at, event.time_ns)),
            }
        }
        lives
    }

    /// How long the client waited, from when it asked or was last let go on, until it stopped or
    /// was last heard of.
    fn waited_ns(&self, asked: usize, event: &Event) -> u64 {
        let spans = self.spans.get(&event.node).map_or(&[][..], Vec::as_slice);
        let life = spans.partition_point(|(begin, _)| *begin <= asked);
        let until = life.checked_sub(1).map_or(event.time_ns, |life| spans[life].1);
        let resumed = self.resumed.get(&event.node).copied().unwrap_or_default();
        until.saturating_sub(event.time_ns.max(resumed).max(self.mended))
    }
}
