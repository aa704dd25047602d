//! The numbers of a run's nodes, and the names of its processes.

use machine::NodeId;

/// The node that introduces all others to each other. Peers are numbered from 1.
pub const DIRECTORY: NodeId = NodeId(0);

/// How many peers may join a run beside its first ones; their numbers follow.
pub const JOINERS_MAX: u32 = 16;

/// The name of a process.
pub fn name(node: NodeId) -> String {
    if node == DIRECTORY { "directory".into() } else { format!("peer-{node}") }
}
