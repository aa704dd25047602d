//! Where things stand in a run directory.

use std::path::{Path, PathBuf};

use machine::NodeId;

use crate::nodes::name;

/// The market's journal, common to all peers.
pub fn market(run: &Path) -> PathBuf {
    run.join("journals").join("market")
}
/// The warehouse's journal, in the trading houses.
pub fn warehouse(run: &Path) -> PathBuf {
    run.join("journals").join("warehouse")
}
/// Where each peer's own journal stands.
pub fn journals(run: &Path) -> PathBuf {
    run.join("journals")
}
/// A peer's own journal.
pub fn own(run: &Path, node: NodeId) -> PathBuf {
    run.join("journals").join(format!("peer-{node}"))
}
/// Whose own journal stands there; none if nobody's.
pub fn peer(place: &Path) -> Option<NodeId> {
    let name = place.file_name()?.to_str()?;
    name.strip_prefix("peer-")?.parse().ok().map(NodeId)
}
/// What processes leave here for the runner, while the run goes on.
pub fn processes(run: &Path) -> PathBuf {
    run.join("processes")
}
/// The events of one process, while the run goes on: a file each time the node is started,
/// since a process that is killed may leave a torn line.
pub fn events(run: &Path, node: NodeId, start: u32) -> PathBuf {
    run.join("processes").join(format!("{}.{start}.jsonl", name(node)))
}
/// Who talks to whom; no such file if all talk to all.
pub fn overlay(run: &Path) -> PathBuf {
    run.join("overlay.json")
}
/// What a process says on standard error.
pub fn errors(run: &Path, node: NodeId) -> PathBuf {
    run.join("processes").join(format!("{}.stderr", name(node)))
}
/// The address on which a process listens.
pub fn address(run: &Path, node: NodeId) -> PathBuf {
    run.join("processes").join(format!("{}.address", name(node)))
}
