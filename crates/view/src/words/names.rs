//! What processes are called in a run's texts.

use std::collections::BTreeSet;

use machine::NodeId;

use crate::{Event, What};

/// Who is more than a peer.
#[derive(Debug, Clone, Default)]
pub struct Names {
    has_warehouse: bool,
    traders: BTreeSet<NodeId>,
}

impl Names {
    /// The names in a run of which these are the events.
    pub fn of_run(events: &[Event]) -> Self {
        let mut names = Self::default();
        for event in events {
            match &event.what {
                What::Started { role, .. } => names.has_warehouse |= role == "warehouse",
                // A trading post's traders are peers that trade for a while.
                What::TermBegan { epoch } => _ = names.traders.insert(epoch.node),
                _ => {}
            }
        }
        names
    }

    /// What a node is called.
    pub fn of(&self, node: NodeId) -> String {
        match node {
            NodeId(0) if self.has_warehouse => "warehouse".to_owned(),
            NodeId(0) => "directory".to_owned(),
            _ if self.traders.contains(&node) => format!("trader {node}"),
            _ => format!("peer {node}"),
        }
    }
}
