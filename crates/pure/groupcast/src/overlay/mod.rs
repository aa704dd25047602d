//! Overlays: who talks to whom, when not everyone talks to everyone. An [`Overlay`] is the graph,
//! [`Routes`] are the shortest ways through it, and [`Routed`] carries any machine's messages along
//! its edges only.
//!
//! ```text
//!   mesh          ring           degree three      leader and random
//!   1───2         1───2            1───2───5           2───3
//!   │╲ ╱│         │   │            │   │   │            ╲ ╱
//!   │ ╳ │         4   3            3───4───6             1 (the leader)
//!   │╱ ╲│          ╲ ╱                                  ╱ ╲
//!   4───3           5                                  5   4
//! ```
//!
//! Every graph is undirected, connected, free of self edges, and bounded: what cannot be such a
//! graph is refused when it is built or read, and nothing that holds an [`Overlay`] has to ask
//! again. The same nodes and the same [`Random`](machine::Random) give the same graph, so one seed
//! or one file is all that the nodes of a group have to share.
//!
//! ```
//! use groupcast::overlay::Overlay;
//! use machine::{NodeId, Random};
//!
//! let nodes = (1..=7).map(NodeId).collect();
//! let overlay = Overlay::degree_three(&nodes, &mut Random::from_seed(1))?;
//! assert!(nodes.iter().all(|&node| overlay.neighbours(node).len() <= 3));
//!
//! let routes = overlay.routes(NodeId(1));
//! let first = routes.next_hop(NodeId(7)).expect("the graph is connected");
//! assert!(overlay.has_edge(NodeId(1), first));
//! # Ok::<(), groupcast::overlay::OverlayError>(())
//! ```

mod build;
mod error;
mod form;
mod routed;
mod routes;

pub use error::OverlayError;
pub use routed::{Alarm, Envelope, LinkState, Message, Routed, Seen, Version};
pub use routes::Routes;

use std::collections::{BTreeMap, BTreeSet};

use machine::NodeId;
use serde::{Deserialize, Serialize};

/// How many nodes an overlay has at most: as many as a [directory](crate::membership) introduces.
pub const NODES_MAX: usize = crate::membership::MEMBERS_MAX;
/// How many edges an overlay has at most: a full mesh of 256 nodes, or 64 neighbours each for 1024.
/// It keeps a file within half a megabyte, and a search for routes within milliseconds.
pub const EDGES_MAX: usize = 32 << 10;
/// How many neighbours a node of a [`Kind::DegreeThree`] overlay has at most (seed 002).
pub const DEGREE_THREE_MAX: usize = 3;

/// How an overlay came to be, and which law it keeps beside being connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An edge between any two nodes (seed 001).
    Mesh,
    /// One circle, in the order of the ids (the overlay of seed 000's ring election).
    Ring,
    /// Random, with at most [`DEGREE_THREE_MAX`] neighbours a node (seed 002).
    DegreeThree,
    /// An edge between one node and each other one, and random ones between these (the improvement
    /// I1 that seed 001 names).
    LeaderAndRandom,
    /// Any edges.
    Edges,
}

/// As it is written in files: `degree-three`.
impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mesh => "mesh",
            Self::Ring => "ring",
            Self::DegreeThree => "degree-three",
            Self::LeaderAndRandom => "leader-and-random",
            Self::Edges => "edges",
        })
    }
}

/// An undirected connected graph of at least one node.
///
/// As JSON it is `{"kind":"edges","nodes":[1,2,3],"edges":[[1,2],[2,3]]}`, nodes and edges in
/// order. Reading takes them in any order, and refuses unknown keys and kinds, repetitions, and
/// what is no overlay of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "form::Form", into = "form::Form")]
pub struct Overlay {
    kind: Kind,
    neighbours: BTreeMap<NodeId, BTreeSet<NodeId>>,
}

/// What a node outside the overlay has.
static NO_NEIGHBOURS: BTreeSet<NodeId> = BTreeSet::new();

impl Overlay {
    /// How it came to be.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// How many nodes it has; at least one.
    pub fn size(&self) -> usize {
        self.neighbours.len()
    }

    /// Its nodes, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.neighbours.keys().copied()
    }

    /// Whether the node is one of its own.
    pub fn contains(&self, node: NodeId) -> bool {
        self.neighbours.contains_key(&node)
    }

    /// Who shares an edge with the node; nobody if it is not one of the overlay's.
    pub fn neighbours(&self, node: NodeId) -> &BTreeSet<NodeId> {
        self.neighbours.get(&node).unwrap_or(&NO_NEIGHBOURS)
    }

    /// Whether there is an edge between the two.
    pub fn has_edge(&self, one: NodeId, other: NodeId) -> bool {
        self.neighbours(one).contains(&other)
    }

    /// Each edge once, the lower node first, in order.
    pub fn edges(&self) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
        self.neighbours.iter().flat_map(|(&one, others)| {
            others.iter().filter(move |&&other| one < other).map(move |&other| (one, other))
        })
    }

    /// The node of a [`Kind::LeaderAndRandom`] overlay that has an edge to each other one: the
    /// lowest, if there are several.
    pub fn hub(&self) -> Option<NodeId> {
        let others = self.size() - 1;
        let mut hubs = self.neighbours.iter().filter(|(_, theirs)| theirs.len() == others);
        match self.kind {
            Kind::LeaderAndRandom => hubs.next().map(|(&node, _)| node),
            Kind::Mesh | Kind::Ring | Kind::DegreeThree | Kind::Edges => None,
        }
    }

    /// The one place where overlays are made: all that a graph must keep is checked here.
    fn checked(
        kind: Kind,
        nodes: &BTreeSet<NodeId>,
        edges: impl IntoIterator<Item = (NodeId, NodeId)>,
    ) -> Result<Self, OverlayError> {
        let found = nodes.len();
        if found > NODES_MAX {
            return Err(OverlayError::TooManyNodes { found });
        }
        let mut overlay =
            Self { kind, neighbours: nodes.iter().map(|&node| (node, BTreeSet::new())).collect() };
        for (count, (one, other)) in edges.into_iter().enumerate() {
            if count >= EDGES_MAX {
                return Err(OverlayError::TooManyEdges);
            }
            overlay.add(one, other)?;
        }
        overlay.check_connected()?;
        overlay.check_kind()?;
        Ok(overlay)
    }

    fn add(&mut self, one: NodeId, other: NodeId) -> Result<(), OverlayError> {
        if one == other {
            return Err(OverlayError::SelfEdge { node: one });
        }
        for (from, to) in [(one, other), (other, one)] {
            let Some(neighbours) = self.neighbours.get_mut(&from) else {
                return Err(OverlayError::UnknownNode { node: from, one, other });
            };
            if !neighbours.insert(to) {
                return Err(OverlayError::RepeatedEdge { one, other });
            }
        }
        Ok(())
    }

    fn check_connected(&self) -> Result<(), OverlayError> {
        let from = self.nodes().next().ok_or(OverlayError::Empty)?;
        let routes = self.routes(from);
        let mut apart = self.nodes().filter(|&to| to != from && routes.next_hop(to).is_none());
        apart.next().map_or(Ok(()), |to| Err(OverlayError::NotConnected { from, to }))
    }

    fn check_kind(&self) -> Result<(), OverlayError> {
        let others = self.size() - 1;
        let (least, most) = match self.kind {
            Kind::Mesh => (others, others),
            Kind::Ring => (others.min(2), 2),
            Kind::DegreeThree => (0, DEGREE_THREE_MAX),
            Kind::LeaderAndRandom if self.hub().is_none() => return Err(OverlayError::NoLeader),
            Kind::LeaderAndRandom | Kind::Edges => (0, others),
        };
        let kind = self.kind;
        for (&node, neighbours) in &self.neighbours {
            let found = neighbours.len();
            if !(least..=most).contains(&found) {
                return Err(OverlayError::Degree { kind, node, found, least, most });
            }
        }
        Ok(())
    }
}
