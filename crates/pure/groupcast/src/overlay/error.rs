//! Why something is no overlay.

use machine::NodeId;

use super::{EDGES_MAX, Kind, NODES_MAX};

/// Why no overlay was made or read. Nothing else has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverlayError {
    /// There are no nodes.
    #[error("an overlay needs at least one node; list its nodes")]
    Empty,
    /// There are too many nodes.
    #[error("an overlay has at most {NODES_MAX} nodes, and this one has {found}; leave some out")]
    TooManyNodes {
        /// How many were found.
        found: usize,
    },
    /// There are too many edges.
    #[error(
        "an overlay has at most {EDGES_MAX} edges, and this one has more; take a kind with fewer \
         edges, such as {}",
        Kind::DegreeThree
    )]
    TooManyEdges,
    /// A node is listed twice.
    #[error("node {node} is listed twice; list it once")]
    RepeatedNode {
        /// Which.
        node: NodeId,
    },
    /// An edge is listed twice.
    #[error(
        "the edge between {one} and {other} is listed twice; list it once, in either direction"
    )]
    RepeatedEdge {
        /// One end.
        one: NodeId,
        /// The other end.
        other: NodeId,
    },
    /// An edge joins a node with itself.
    #[error("an edge joins node {node} with itself; remove it")]
    SelfEdge {
        /// Which.
        node: NodeId,
    },
    /// An edge names a node that is not listed.
    #[error(
        "the edge between {one} and {other} names node {node}, which is not listed; add it to \
             the nodes or remove the edge"
    )]
    UnknownNode {
        /// Which.
        node: NodeId,
        /// One end.
        one: NodeId,
        /// The other end.
        other: NodeId,
    },
    /// The leader is not one of the nodes.
    #[error("the leader {leader} is not one of the nodes; add it, or name another one")]
    UnknownLeader {
        /// Which.
        leader: NodeId,
    },
    /// There is no way between two nodes.
    #[error("no way leads from node {from} to node {to}; add an edge between their parts")]
    NotConnected {
        /// From where.
        from: NodeId,
        /// To where.
        to: NodeId,
    },
    /// A node has too few or too many neighbours for the kind of overlay.
    #[error(
        "node {node} has {found} neighbours, and in a {kind} overlay of this size each node has \
         {least} to {most}; change its edges, or the kind to {}",
        Kind::Edges
    )]
    Degree {
        /// The kind that was asked for.
        kind: Kind,
        /// Which node.
        node: NodeId,
        /// How many neighbours it has.
        found: usize,
        /// How many it needs.
        least: usize,
        /// How many it may have.
        most: usize,
    },
    /// Nobody has an edge to each other node.
    #[error(
        "in a {} overlay one node has an edge to each other one, and here none has; add its edges, \
         or change the kind to {}",
        Kind::LeaderAndRandom,
        Kind::Edges
    )]
    NoLeader,
}
