//! The shortest cycle, and its name.

use std::collections::{HashMap, HashSet, VecDeque};

use super::graph::{Edge, Graph, Kind};

/// How many edges are walked in search of a shorter cycle once there is one: a second or so.
const EDGES_MAX: usize = 20_000_000;

/// A cycle: each edge with the node that it leaves. The last one leads back to the first node.
#[derive(Debug, PartialEq, Eq)]
pub struct Cycle {
    pub name: String,
    pub edges: Vec<(u32, Edge)>,
}

/// The worst cycle: that with the strongest name, and of these the shortest that was found.
pub fn worst(graph: &Graph) -> Option<Cycle> {
    use Kind::{Process, ReadWrite, RealTime, WriteRead, WriteWrite};
    for time in [&[][..], &[Process], &[Process, RealTime]] {
        for data in [&[WriteWrite][..], &[WriteWrite, WriteRead]] {
            let kinds = [data, time].concat();
            if let Some(cycle) = shortest(graph, &kinds) {
                return Some(cycle);
            }
        }
        let without = [&[WriteWrite, WriteRead], time].concat();
        let kinds = [&without[..], &[ReadWrite]].concat();
        let single = shortest_with_one(graph, &kinds, &without);
        if let Some(cycle) = single.or_else(|| shortest(graph, &kinds)) {
            return Some(cycle);
        }
    }
    None
}

fn shortest(graph: &Graph, kinds: &[Kind]) -> Option<Cycle> {
    let mut walked = 0;
    let mut best: Option<Vec<(u32, Edge)>> = None;
    for part in graph.cyclic_parts(kinds) {
        let inside: HashSet<u32> = part.iter().copied().collect();
        for node in part {
            if best.is_some() && walked >= EDGES_MAX {
                break;
            }
            let way = way(graph, kinds, &inside, node, node, &mut walked);
            best = shorter(best, way);
        }
    }
    best.map(named)
}

/// A cycle with one edge from a read to a write, and otherwise of the kinds `without`.
fn shortest_with_one(graph: &Graph, kinds: &[Kind], without: &[Kind]) -> Option<Cycle> {
    let mut walked = 0;
    let mut best: Option<Vec<(u32, Edge)>> = None;
    for part in graph.cyclic_parts(kinds) {
        let inside: HashSet<u32> = part.iter().copied().collect();
        for node in part {
            for edge in graph.of(node, &[Kind::ReadWrite]).filter(|edge| inside.contains(&edge.to))
            {
                if walked >= EDGES_MAX {
                    break;
                }
                let back = way(graph, without, &inside, edge.to, node, &mut walked);
                let whole = back.map(|back| [vec![(node, *edge)], back].concat());
                best = shorter(best, whole);
            }
        }
    }
    best.map(named)
}

fn shorter<T>(one: Option<Vec<T>>, other: Option<Vec<T>>) -> Option<Vec<T>> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.len() < one.len() { other } else { one }),
        (one, other) => one.or(other),
    }
}

/// The shortest way of at least one edge, breadth first.
fn way(
    graph: &Graph,
    kinds: &[Kind],
    inside: &HashSet<u32>,
    from: u32,
    to: u32,
    walked: &mut usize,
) -> Option<Vec<(u32, Edge)>> {
    let mut reached: HashMap<u32, (u32, Edge)> = HashMap::new();
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        for edge in graph.of(node, kinds).filter(|edge| inside.contains(&edge.to)) {
            *walked += 1;
            if edge.to == to {
                let mut way = vec![(node, *edge)];
                let mut node = node;
                while node != from {
                    let step = reached[&node];
                    way.push(step);
                    node = step.0;
                }
                way.reverse();
                return Some(way);
            }
            if edge.to != from && !reached.contains_key(&edge.to) {
                reached.insert(edge.to, (node, *edge));
                queue.push_back(edge.to);
            }
        }
    }
    None
}

fn named(edges: Vec<(u32, Edge)>) -> Cycle {
    let count = |kind| edges.iter().filter(|(_, edge)| edge.kind == kind).count();
    let base = match (count(Kind::ReadWrite), count(Kind::WriteRead)) {
        (0, 0) => "G0",
        (0, _) => "G1c",
        (1, _) => "G-single",
        _ => "G2-item",
    };
    let time = match (count(Kind::RealTime), count(Kind::Process)) {
        (0, 0) => "",
        (0, _) => "-process",
        _ => "-realtime",
    };
    Cycle { name: format!("{base}{time}"), edges }
}
