//! From what each process wrote to the one stream of the run.

use crate::Event;

/// All events in order of time, then node, then position in the file that they come from.
///
/// Each file is one process's events in the order in which it wrote them.
///
/// ```
/// use machine::NodeId;
/// use view::{Event, What, merge};
///
/// let stopped = |time_ns, node| Event { time_ns, node: NodeId(node), clock: None, what: What::Stopped };
/// let merged = merge(vec![vec![stopped(1, 7), stopped(5, 7)], vec![stopped(1, 3)]]);
/// assert_eq!(merged, [stopped(1, 3), stopped(1, 7), stopped(5, 7)]);
/// ```
pub fn merge(files: Vec<Vec<Event>>) -> Vec<Event> {
    let mut events: Vec<Event> = files.into_iter().flatten().collect();
    // Stable, and quick on runs that are in order already.
    events.sort_by_key(|event| (event.time_ns, event.node));
    events
}
