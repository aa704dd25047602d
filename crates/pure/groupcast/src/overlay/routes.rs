//! Shortest ways from one node to all others.

use std::collections::{BTreeMap, VecDeque};

use machine::NodeId;

use super::Overlay;

/// Where to send what is for each node that a node can reach, and how many edges away it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(BTreeMap<NodeId, Route>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    via: NodeId,
    hops: u16,
}

impl Routes {
    /// The neighbour on the way to a node; none if no way leads there, or it is the node itself.
    pub fn next_hop(&self, to: NodeId) -> Option<NodeId> {
        self.0.get(&to).map(|route| route.via)
    }

    /// How many edges lead to a node; none if no way leads there, or it is the node itself.
    pub fn hops(&self, to: NodeId) -> Option<u16> {
        self.0.get(&to).map(|route| route.hops)
    }

    /// The nodes to which a way leads, in order.
    pub fn reached(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.0.keys().copied()
    }
}

impl Overlay {
    /// The shortest ways from a node when every edge is up.
    pub fn routes(&self, from: NodeId) -> Routes {
        self.routes_over(from, |_, _| true)
    }

    /// The shortest ways from a node over those edges that are up, found breadth first: each edge
    /// is asked about from the nearer end. Of equally short ways the same one is taken each time.
    ///
    /// ```
    /// use groupcast::overlay::Overlay;
    /// use machine::NodeId;
    ///
    /// let ring = Overlay::ring(&(1..=5).map(NodeId).collect())?;
    /// assert_eq!(ring.routes(NodeId(1)).next_hop(NodeId(3)), Some(NodeId(2)));
    ///
    /// let down = NodeId(2);
    /// let routes = ring.routes_over(NodeId(1), |one, other| one != down && other != down);
    /// assert_eq!(routes.next_hop(NodeId(3)), Some(NodeId(5)), "the other way round");
    /// assert_eq!(routes.hops(NodeId(3)), Some(3));
    /// # Ok::<(), groupcast::overlay::OverlayError>(())
    /// ```
    pub fn routes_over(&self, from: NodeId, is_up: impl Fn(NodeId, NodeId) -> bool) -> Routes {
        let mut routes: BTreeMap<NodeId, Route> = BTreeMap::new();
        let mut waiting = VecDeque::from([from]);
        while let Some(node) = waiting.pop_front() {
            let so_far = routes.get(&node).copied();
            for &next in self.neighbours(node) {
                if next == from || routes.contains_key(&next) || !is_up(node, next) {
                    continue;
                }
                let route = so_far.map_or(Route { via: next, hops: 1 }, |route| Route {
                    hops: route.hops + 1,
                    ..route
                });
                routes.insert(next, route);
                waiting.push_back(next);
            }
        }
        Routes(routes)
    }
}
