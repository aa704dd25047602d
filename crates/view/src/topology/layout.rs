//! Where nodes stand in a drawing.

use std::collections::BTreeMap;
use std::f64::consts::{PI, TAU};

use groupcast::overlay::{Kind, Overlay};
use machine::{NodeId, Random};

/// How many pairs of nodes are looked at while a layout is improved: a fraction of a second.
const WORK_MAX: usize = 8_000_000;
/// How many layouts are begun from different places, at most; the best one is taken.
const STARTS_MAX: usize = 12;
/// How often each is improved. After this many rounds nothing moves by a visible distance.
const ROUNDS: usize = 120;
/// How many times a layout may be enlarged to keep nodes apart.
const ENLARGED_MAX: f64 = 4.0;

/// A place in a drawing, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    pub x: f64,
    pub y: f64,
}

/// How much room a node takes, in pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub width: f64,
    pub height: f64,
}

/// Where each node stands. No coordinate has a meaning but relative to the others.
pub(super) fn places(overlay: &Overlay, room: Room) -> BTreeMap<NodeId, Place> {
    let nodes: Vec<NodeId> = overlay.nodes().collect();
    let hub = overlay.hub().filter(|_| nodes.len() > 3);
    match overlay.kind() {
        Kind::Mesh | Kind::Ring => circle(nodes, room),
        Kind::LeaderAndRandom if hub.is_some() => {
            let rim = nodes.into_iter().filter(|&node| Some(node) != hub);
            let mut places = circle(rim.collect(), room);
            places.extend(hub.map(|hub| (hub, Place { x: 0.0, y: 0.0 })));
            places
        }
        Kind::LeaderAndRandom | Kind::DegreeThree | Kind::Edges => {
            by_distance(overlay, &nodes, room)
        }
    }
}

/// Around the origin, the first one on top, each one apart from the next.
fn circle(nodes: Vec<NodeId>, room: Room) -> BTreeMap<NodeId, Place> {
    let count = nodes.len() as f64;
    let radius = match nodes.len() {
        0 | 1 => 0.0,
        _ => (room.width / (2.0 * (PI / count).sin())).max(room.width),
    };
    let around = nodes.into_iter().enumerate().map(|(index, node)| {
        let (sine, cosine) = (TAU * index as f64 / count).sin_cos();
        (node, Place { x: radius * sine, y: -radius * cosine })
    });
    around.collect()
}

/// The stress of a layout is the sum, over all pairs, of (distance in the drawing - distance in
/// hops)² / (distance in hops)². Moving each node in turn to where the others want it never raises
/// it (Gansner, Koren, North 2004), and ends in a minimum; the lowest one of several is taken.
fn by_distance(overlay: &Overlay, nodes: &[NodeId], room: Room) -> BTreeMap<NodeId, Place> {
    let wanted = distances(overlay, nodes);
    let work = (nodes.len() * nodes.len()).max(1);
    let rounds = ROUNDS.min(WORK_MAX / work).max(1);
    let starts = (WORK_MAX / (work * rounds)).clamp(1, STARTS_MAX);
    let mut best = (f64::INFINITY, Vec::new());
    for start in 0..starts {
        let mut random = Random::from_seed(start as u64);
        let mut places = nodes.to_vec();
        for last in (1..places.len()).rev() {
            places.swap(last, random.below(last as u64 + 1) as usize);
        }
        let around = circle(places, Room { width: 1.0, height: 1.0 });
        let mut places: Vec<Place> = around.into_values().collect();
        for _ in 0..rounds {
            improve(&mut places, &wanted);
        }
        let stress = stress(&places, &wanted);
        if stress < best.0 {
            best = (stress, places);
        }
    }
    enlarge(&mut best.1, room);
    nodes.iter().copied().zip(best.1).collect()
}

/// How many edges lie between each two nodes.
fn distances(overlay: &Overlay, nodes: &[NodeId]) -> Vec<Vec<f64>> {
    let row = |&from: &NodeId| {
        let routes = overlay.routes(from);
        nodes.iter().map(|&to| routes.hops(to).map_or(0.0, f64::from)).collect()
    };
    nodes.iter().map(row).collect()
}

fn improve(places: &mut [Place], wanted: &[Vec<f64>]) {
    for (one, wanted) in wanted.iter().enumerate() {
        let (at, mut x, mut y, mut weights) = (places[one], 0.0, 0.0, 0.0);
        for (other, &hops) in places.iter().zip(wanted) {
            if hops > 0.0 {
                let (across, down) = (at.x - other.x, at.y - other.y);
                let reach = hops / across.hypot(down).max(1e-9);
                let weight = 1.0 / (hops * hops);
                x += weight * (other.x + reach * across);
                y += weight * (other.y + reach * down);
                weights += weight;
            }
        }
        if weights > 0.0 {
            places[one] = Place { x: x / weights, y: y / weights };
        }
    }
}

fn stress(places: &[Place], wanted: &[Vec<f64>]) -> f64 {
    let mut sum = 0.0;
    for (one, wanted) in places.iter().zip(wanted) {
        for (other, &hops) in places.iter().zip(wanted) {
            if hops > 0.0 {
                let off = (one.x - other.x).hypot(one.y - other.y) / hops - 1.0;
                sum += off * off;
            }
        }
    }
    sum
}

/// From hops to pixels: an edge is as long as a node is wide and half as much again, and more if
/// two nodes would cover each other.
fn enlarge(places: &mut [Place], room: Room) {
    let edge = room.width * 1.5;
    let mut scale = edge;
    for (index, one) in places.iter().enumerate() {
        for other in &places[index + 1..] {
            let across = room.width / (one.x - other.x).abs().max(1e-9);
            let down = room.height / (one.y - other.y).abs().max(1e-9);
            scale = scale.max(across.min(down));
        }
    }
    scale = scale.min(edge * ENLARGED_MAX);
    for place in places {
        *place = Place { x: place.x * scale, y: place.y * scale };
    }
}
