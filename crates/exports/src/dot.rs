//! Who told whom something, as a graph for Graphviz: one edge a pair of nodes and subject, with how
//! often. Its size follows from the nodes, not from the length of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use machine::NodeId;
use view::{Event, Names, What};

use crate::flows::flows;
use crate::name;

/// Writes the graph.
///
/// # Errors
/// What the writer says.
pub fn write(events: &[Event], mut to: impl Write) -> io::Result<()> {
    let names = Names::of_run(events);
    let id = |node: NodeId| quoted(&name(&names, node));
    let mut roles: BTreeMap<NodeId, String> = BTreeMap::new();
    let mut leaders = BTreeSet::new();
    for event in events {
        let role = roles.entry(event.node).or_default();
        match &event.what {
            What::Started { role: told, .. } => role.clone_from(told),
            What::Elected { .. } => {
                leaders.insert(event.node);
            }
            _ => {}
        }
    }
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for flow in flows(events) {
        let (from, to) = (events[flow.from].node, events[flow.to].node);
        *counts.entry((from, to, flow.about)).or_default() += 1;
    }
    writeln!(to, "digraph run {{")?;
    writeln!(to, "  node [shape=box, fontname=\"sans-serif\"];")?;
    for (node, role) in &roles {
        // One that ever led has two borders.
        let borders = if leaders.contains(node) { 2 } else { 1 };
        let label = format!("{}\n{role}", name(&names, *node));
        writeln!(to, "  {} [label={}, peripheries={borders}];", id(*node), quoted(&label))?;
    }
    for ((from, at, about), count) in counts {
        let label = quoted(&format!("{count} {}", about.word()));
        writeln!(to, "  {} -> {} [label={label}];", id(from), id(at))?;
    }
    writeln!(to, "}}")?;
    to.flush()
}

/// A quoted string of DOT: only quotes and backslashes need care, and `\n` breaks a line.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{text}\"")
}
