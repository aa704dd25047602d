//! Who talks to whom in a run: what `topology.json` holds, and its drawing, `topology.svg`.
//!
//! ```
//! use groupcast::overlay::Overlay;
//! use machine::{NodeId, Random};
//! use view::topology::{Node, Topology};
//!
//! let ids = (1..=6).map(NodeId).collect();
//! let overlay = Overlay::degree_three(&ids, &mut Random::from_seed(1))?;
//! let node = |id: NodeId| Node {
//!     id,
//!     name: format!("peer-{id}"),
//!     role: if id == NodeId(6) { "trader" } else { "buyer" }.to_owned(),
//!     address: None,
//!     leads: id == NodeId(6),
//! };
//! let topology = Topology { nodes: ids.iter().copied().map(node).collect(), overlay };
//! assert!(topology.svg().starts_with("<svg "));
//! # Ok::<(), groupcast::overlay::OverlayError>(())
//! ```

mod bow;
mod canvas;
mod layout;
mod svg;

use groupcast::overlay::Overlay;
use machine::NodeId;
use serde::{Deserialize, Serialize};

/// Who is there, and who talks to whom. The order of fields is that of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Who talks to whom.
    pub overlay: Overlay,
    /// What is known of each. One that the overlay does not have, such as a directory, talks to all
    /// and is not drawn; one that is missing here is drawn under its number.
    pub nodes: Vec<Node>,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Which.
    pub id: NodeId,
    /// What people call it.
    pub name: String,
    /// What it does, in a word or two.
    pub role: String,
    /// Where it was reached, if it is known.
    pub address: Option<String>,
    /// Whether it led at the end.
    pub leads: bool,
}

impl Topology {
    /// The drawing, as an SVG document of its own. It has no background, and its colours are
    /// readable on a light one and on a dark one. The same topology gives the same bytes.
    ///
    /// A ring and a mesh are circles; the hub of a leader-and-random overlay stands in the middle;
    /// any other graph is laid out so that its nodes are as far from each other as messages go. An
    /// edge goes round nodes that it does not join, where there are few edges.
    pub fn svg(&self) -> String {
        svg::draw(self)
    }
}
