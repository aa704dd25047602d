//! The overlays that can be built from a set of nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use machine::{NodeId, Random};

use super::{DEGREE_THREE_MAX, EDGES_MAX, Kind, NODES_MAX, Overlay, OverlayError};

impl Overlay {
    /// An edge between any two nodes.
    ///
    /// # Errors
    /// There are no nodes, or more than 256: the edges would exceed [`EDGES_MAX`].
    pub fn mesh(nodes: &BTreeSet<NodeId>) -> Result<Self, OverlayError> {
        Self::checked(Kind::Mesh, nodes, pairs(nodes).take(EDGES_MAX + 1))
    }

    /// One circle in the order of the ids. Two nodes share one edge.
    ///
    /// ```
    /// use groupcast::overlay::Overlay;
    /// use machine::NodeId;
    ///
    /// let ring = Overlay::ring(&(1..=4).map(NodeId).collect())?;
    /// assert_eq!(ring.neighbours(NodeId(1)), &[NodeId(2), NodeId(4)].into());
    /// # Ok::<(), groupcast::overlay::OverlayError>(())
    /// ```
    ///
    /// # Errors
    /// There are no nodes, or more than [`NODES_MAX`].
    pub fn ring(nodes: &BTreeSet<NodeId>) -> Result<Self, OverlayError> {
        let path = nodes.iter().zip(nodes.iter().skip(1));
        let closing = nodes.first().zip(nodes.last()).filter(|_| nodes.len() > 2);
        let edges = path.chain(closing).map(|(&one, &other)| (one, other));
        Self::checked(Kind::Ring, nodes, edges)
    }

    /// A random connected graph with at most three neighbours a node (seed 002): a random tree,
    /// then random edges as long as two nodes that do not share one have room for it.
    ///
    /// # Errors
    /// There are no nodes, or more than [`NODES_MAX`].
    pub fn degree_three(
        nodes: &BTreeSet<NodeId>,
        random: &mut Random,
    ) -> Result<Self, OverlayError> {
        Self::degree_three_joined_by(nodes, &BTreeSet::new(), random)
    }

    /// The same with place for those who come `later`, or never: without them the others are
    /// connected all the same, and each of them has an edge to one of the others, as long as there
    /// is room for it (for two more than there are others).
    ///
    /// ```
    /// use groupcast::overlay::Overlay;
    /// use machine::{NodeId, Random};
    ///
    /// let (first, later) = ((1..=6).map(NodeId).collect(), [NodeId(7), NodeId(8)].into());
    /// let random = &mut Random::from_seed(1);
    /// let overlay = Overlay::degree_three_joined_by(&first, &later, random)?;
    /// let is_first = |node: NodeId| node.0 <= 6;
    /// let routes = overlay.routes_over(NodeId(1), |one, other| is_first(one) && is_first(other));
    /// assert_eq!(routes.reached().count(), 5);
    /// assert!(overlay.neighbours(NodeId(8)).iter().any(|&node| is_first(node)));
    /// # Ok::<(), groupcast::overlay::OverlayError>(())
    /// ```
    ///
    /// # Errors
    /// There are no nodes, or more than [`NODES_MAX`].
    pub fn degree_three_joined_by(
        first: &BTreeSet<NodeId>,
        later: &BTreeSet<NodeId>,
        random: &mut Random,
    ) -> Result<Self, OverlayError> {
        let nodes = &(first | later);
        // Checked again below; here it bounds the pairs that are drawn from.
        if nodes.len() > NODES_MAX {
            return Err(OverlayError::TooManyNodes { found: nodes.len() });
        }
        let (mut edges, mut degrees) = random_tree(first, &(later - first), random);
        let has_room = |degrees: &BTreeMap<NodeId, usize>, node| degrees[&node] < DEGREE_THREE_MAX;
        let free = nodes.iter().copied().filter(|&node| has_room(&degrees, node)).collect();
        let mut candidates: Vec<_> = pairs(&free).collect();
        shuffle(&mut candidates, random);
        for (one, other) in candidates {
            let room = has_room(&degrees, one) && has_room(&degrees, other);
            if room && edges.insert((one, other)) {
                for node in [one, other] {
                    degrees.entry(node).and_modify(|degree| *degree += 1);
                }
            }
        }
        Self::checked(Kind::DegreeThree, nodes, edges)
    }

    /// A star around a leader, and `extra` random edges between the others, or as many as there is
    /// place for. The first of these make a tree: with at least as many extra edges as there are
    /// nodes less two, the loss of the leader leaves the others connected.
    ///
    /// ```
    /// use groupcast::overlay::Overlay;
    /// use machine::{NodeId, Random};
    ///
    /// let (nodes, leader) = ((1..=6).map(NodeId).collect(), NodeId(6));
    /// let overlay = Overlay::leader_and_random(&nodes, leader, 4, &mut Random::from_seed(1))?;
    /// assert_eq!(overlay.edges().count(), 5 + 4);
    /// let routes = overlay.routes_over(NodeId(1), |one, other| one != leader && other != leader);
    /// assert_eq!(routes.reached().count(), 4, "all others, without the leader");
    /// # Ok::<(), groupcast::overlay::OverlayError>(())
    /// ```
    ///
    /// # Errors
    /// There are no nodes, or more than [`NODES_MAX`]; the leader is none of them; or there would
    /// be more than [`EDGES_MAX`] edges.
    pub fn leader_and_random(
        nodes: &BTreeSet<NodeId>,
        leader: NodeId,
        extra: usize,
        random: &mut Random,
    ) -> Result<Self, OverlayError> {
        let mut others = nodes.clone();
        if !others.remove(&leader) {
            return Err(OverlayError::UnknownLeader { leader });
        }
        if nodes.len() > NODES_MAX {
            return Err(OverlayError::TooManyNodes { found: nodes.len() });
        }
        let mut between = random_sequence_of_edges(&others, random);
        between.truncate(extra);
        let star = others.iter().map(|&other| (leader, other));
        Self::checked(Kind::LeaderAndRandom, nodes, star.chain(between))
    }

    /// Any edges.
    ///
    /// # Errors
    /// They make no overlay; the error says why.
    pub fn from_edges(
        nodes: &BTreeSet<NodeId>,
        edges: impl IntoIterator<Item = (NodeId, NodeId)>,
    ) -> Result<Self, OverlayError> {
        Self::checked(Kind::Edges, nodes, edges)
    }
}

/// Each pair of nodes once, the lower one first.
fn pairs(nodes: &BTreeSet<NodeId>) -> impl Iterator<Item = (NodeId, NodeId)> + '_ {
    nodes.iter().flat_map(|&one| {
        let later = nodes.range((Bound::Excluded(one), Bound::Unbounded));
        later.map(move |&other| (one, other))
    })
}

/// The edges of a random tree with at most three neighbours a node, and each node's degree. Those
/// who come `later` are leaves of the others' tree, as long as that has room.
fn random_tree(
    first: &BTreeSet<NodeId>,
    later: &BTreeSet<NodeId>,
    random: &mut Random,
) -> (BTreeSet<(NodeId, NodeId)>, BTreeMap<NodeId, usize>) {
    let mut order: Vec<NodeId> = first.iter().copied().collect();
    shuffle(&mut order, random);
    let mut degrees: BTreeMap<NodeId, usize> =
        (first | later).into_iter().map(|n| (n, 0)).collect();
    let mut edges = BTreeSet::new();
    // The nodes of the tree that have room, and those that are to be used after these. The last one
    // to come always has room.
    let (mut free, mut spare): (Vec<NodeId>, Vec<NodeId>) = (Vec::new(), Vec::new());
    for node in order.into_iter().chain(later.iter().copied()) {
        if free.is_empty() {
            std::mem::swap(&mut free, &mut spare);
        }
        let place = random.below(free.len() as u64) as usize;
        if let Some(&parent) = free.get(place) {
            edges.insert((parent.min(node), parent.max(node)));
            degrees.insert(node, 1);
            let degree = degrees.entry(parent).or_default();
            *degree += 1;
            if *degree == DEGREE_THREE_MAX {
                free.swap_remove(place);
            }
        }
        if later.contains(&node) { spare.push(node) } else { free.push(node) }
    }
    (edges, degrees)
}

/// All pairs of nodes in random order, except that those of a random tree come first.
fn random_sequence_of_edges(
    nodes: &BTreeSet<NodeId>,
    random: &mut Random,
) -> Vec<(NodeId, NodeId)> {
    let mut order: Vec<NodeId> = nodes.iter().copied().collect();
    shuffle(&mut order, random);
    let mut sequence = Vec::new();
    for (place, &node) in order.iter().enumerate().skip(1) {
        let parent = order[random.below(place as u64) as usize];
        sequence.push((parent.min(node), parent.max(node)));
    }
    let tree: BTreeSet<_> = sequence.iter().copied().collect();
    let mut rest: Vec<_> = pairs(nodes).filter(|pair| !tree.contains(pair)).collect();
    shuffle(&mut rest, random);
    sequence.extend(rest);
    sequence
}

/// Fisher and Yates: each order is equally likely.
fn shuffle<T>(items: &mut [T], random: &mut Random) {
    for last in (1..items.len()).rev() {
        items.swap(last, random.below(last as u64 + 1) as usize);
    }
}
