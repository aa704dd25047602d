//! All events with vector clocks, for ShiViz: the first line is the pattern of the log's lines, the
//! second one that of the lines between executions.
//!
//! ShiViz wants clocks of its own kind: a node's own entry is 1 at its first event and rises by
//! exactly one with each. So they are counted anew here, along [`flows`](crate::flows): a node
//! knows what led to what it did.

use std::collections::BTreeMap;
use std::io::{self, Write};

use machine::NodeId;
use view::{Event, Names, sentence};

use crate::flows::flows;
use crate::{name, told};

/// The first two lines.
const PATTERNS: &str = r"(?<host>\S+) (?<clock>{.*}) \[(?<kind>\w+)\] (?<event>.*)
^=== (?<trace>.*) ===$";

/// How much a sentence says before the deed: the wall time, which a line has no room for.
const WALL_TIME_WORDS: usize = 2;

/// Writes the log.
///
/// # Errors
/// What the writer says.
pub fn write(events: &[Event], mut to: impl Write) -> io::Result<()> {
    let names = Names::of_run(events);
    let mut causes = flows(events).into_iter().peekable();
    let mut own: BTreeMap<NodeId, BTreeMap<NodeId, u64>> = BTreeMap::new();
    // What an event knew is needed until its last effect.
    let mut last_effect: BTreeMap<usize, usize> = BTreeMap::new();
    for flow in flows(events) {
        last_effect.insert(flow.from, flow.to);
    }
    let mut known: BTreeMap<usize, BTreeMap<NodeId, u64>> = BTreeMap::new();
    writeln!(to, "{PATTERNS}\n=== run ===")?;
    for (at, event) in events.iter().enumerate() {
        let clock = own.entry(event.node).or_default();
        while let Some(flow) = causes.next_if(|flow| flow.to == at) {
            for (node, count) in known.get(&flow.from).into_iter().flatten() {
                let mine = clock.entry(*node).or_default();
                *mine = (*mine).max(*count);
            }
            if last_effect.get(&flow.from) == Some(&at) {
                known.remove(&flow.from);
            }
        }
        *clock.entry(event.node).or_default() += 1;
        if last_effect.contains_key(&at) {
            known.insert(at, clock.clone());
        }
        let entries: Vec<String> = clock
            .iter()
            .map(|(node, count)| format!("\"{}\":{count}", name(&names, *node)))
            .collect();
        let (kind, _) = told(event);
        let said = sentence(event, 0).replace(['\r', '\n'], " ");
        let said = said.splitn(WALL_TIME_WORDS + 1, ' ').last().unwrap_or_default();
        writeln!(to, "{} {{{}}} [{kind}] {said}", name(&names, event.node), entries.join(","))?;
    }
    to.flush()
}
