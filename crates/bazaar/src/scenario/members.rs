//! Who takes part in a run.

use std::collections::BTreeSet;

use machine::NodeId;

use super::{Action, Scenario, Target};

impl Scenario {
    /// The peers that are there from the start.
    pub fn first_peers(&self) -> BTreeSet<NodeId> {
        (1..=self.run.peers).map(NodeId).collect()
    }

    /// The peers that join the running market.
    pub fn joiners(&self) -> BTreeSet<NodeId> {
        let joins = self.fault.iter().filter(|fault| fault.action == Action::Join);
        let targets = joins.filter_map(|fault| fault.target.as_ref()).flat_map(Target::named);
        targets.copied().collect()
    }
}
