//! The graph of dependencies, and its strongly connected parts.

/// Why a transaction must stand before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A write follows a write.
    WriteWrite,
    /// A write is read.
    WriteRead,
    /// A read does not see a write.
    ReadWrite,
    /// The same client did both in turn.
    Process,
    /// One had ended when the other began.
    RealTime,
}

/// An edge, with what it is inferred from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    pub to: u32,
    pub kind: Kind,
    /// The key on which both met; of no meaning for edges of time.
    pub key: u32,
    /// What the first one wrote or read; none if that was the beginning.
    pub before: Option<u32>,
    /// What the second one wrote or read.
    pub after: u32,
}

/// Edges by their first node.
#[derive(Debug, Default)]
pub struct Graph {
    pub edges: Vec<Vec<Edge>>,
}

impl Graph {
    pub fn new(nodes: usize) -> Self {
        Self { edges: vec![Vec::new(); nodes] }
    }

    /// Adds an edge; a node needs none to itself.
    pub fn add(&mut self, from: u32, edge: Edge) {
        if from != edge.to {
            self.edges[from as usize].push(edge);
        }
    }

    /// The edges of a node that are of these kinds.
    pub fn of(&self, node: u32, kinds: &[Kind]) -> impl Iterator<Item = &Edge> {
        self.edges[node as usize].iter().filter(move |edge| kinds.contains(&edge.kind))
    }

    /// The parts of more than one node in which each node reaches each other (Tarjan 1972), over
    /// edges of these kinds.
    pub fn cyclic_parts(&self, kinds: &[Kind]) -> Vec<Vec<u32>> {
        const UNSEEN: u32 = u32::MAX;
        let nodes = self.edges.len();
        let (mut index, mut low) = (vec![UNSEEN; nodes], vec![0_u32; nodes]);
        let mut is_open = vec![false; nodes];
        let (mut open, mut walk, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        let mut next = 0;
        for root in 0..nodes {
            if index[root] != UNSEEN {
                continue;
            }
            walk.push((root, 0));
            while let Some((node, edge)) = walk.pop() {
                if edge == 0 {
                    (index[node], low[node]) = (next, next);
                    next += 1;
                    open.push(node);
                    is_open[node] = true;
                }
                let rest = self.edges[node].iter().enumerate().skip(edge);
                let mut fitting = rest.filter(|(_, edge)| kinds.contains(&edge.kind));
                let deeper = fitting.find_map(|(at, edge)| {
                    let to = edge.to as usize;
                    if index[to] == UNSEEN {
                        return Some((at, to));
                    }
                    if is_open[to] {
                        low[node] = low[node].min(index[to]);
                    }
                    None
                });
                if let Some((at, to)) = deeper {
                    walk.extend([(node, at + 1), (to, 0)]);
                    continue;
                }
                if let Some((parent, _)) = walk.last() {
                    low[*parent] = low[*parent].min(low[node]);
                }
                if low[node] == index[node] {
                    let mut part = Vec::new();
                    while let Some(member) = open.pop() {
                        is_open[member] = false;
                        part.push(u32::try_from(member).unwrap_or(UNSEEN));
                        if member == node {
                            break;
                        }
                    }
                    if part.len() > 1 {
                        parts.push(part);
                    }
                }
            }
        }
        parts
    }
}
