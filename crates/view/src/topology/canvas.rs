//! The places of a drawing, moved so that nothing is outside.

use std::collections::BTreeMap;

use groupcast::overlay::Overlay;
use machine::NodeId;

use super::bow;
use super::layout::{Place, Room, places};

/// Between two nodes, and around the drawing, in pixels.
pub(super) const GAP: f64 = 18.0;
/// Above this many pairs of an edge and a node, edges are straight: it bounds the time that they
/// take, and so many would not be told apart in any case.
const BOWED_MAX: usize = 20_000;

/// Where everything stands, in pixels from the upper left corner.
pub(super) struct Canvas {
    pub places: BTreeMap<NodeId, Place>,
    /// The two ends of each edge, and the control point of one that is a curve.
    pub edges: Vec<(NodeId, NodeId, Option<Place>)>,
    pub width: f64,
    pub height: f64,
    /// Where the room under the graph begins.
    pub under_top: f64,
}

impl Canvas {
    /// A place for each node of this size and for each edge, and room for something under them.
    pub fn of(overlay: &Overlay, node: Room, under: Room) -> Self {
        let with = |gap| Room { width: node.width + gap, height: node.height + gap };
        let mut canvas = Self {
            places: places(overlay, with(GAP)),
            edges: overlay.edges().map(|(one, other)| (one, other, None)).collect(),
            width: 0.0,
            height: 0.0,
            under_top: 0.0,
        };
        if canvas.edges.len() * canvas.places.len() <= BOWED_MAX {
            canvas.bow(with(0.8 * GAP));
        }
        canvas.fit(node, under);
        canvas
    }

    pub fn place(&self, node: NodeId) -> Place {
        self.places.get(&node).copied().unwrap_or(Place { x: 0.0, y: 0.0 })
    }

    fn bow(&mut self, room: Room) {
        let mut edges = std::mem::take(&mut self.edges);
        for (one, other, control) in &mut edges {
            let ends = [*one, *other];
            let others = self.places.iter().filter(|(node, _)| !ends.contains(node));
            let others: Vec<Place> = others.map(|(_, place)| *place).collect();
            let [from, to] = ends.map(|node| self.place(node));
            *control = bow::control(from, to, &others, room);
        }
        self.edges = edges;
    }

    fn fit(&mut self, node: Room, under: Room) {
        let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
        let (mut top, mut bottom) = (left, right);
        let mut reach = |at: Place, size: Room| {
            (left, right) = (left.min(at.x - size.width / 2.0), right.max(at.x + size.width / 2.0));
            (top, bottom) =
                (top.min(at.y - size.height / 2.0), bottom.max(at.y + size.height / 2.0));
        };
        self.places.values().for_each(|&place| reach(place, node));
        for &(one, other, control) in &self.edges {
            if let Some(control) = control {
                let (from, to) = (self.place(one), self.place(other));
                reach(bow::middle(from, control, to), Room { width: 0.0, height: 0.0 });
            }
        }
        self.width = (right - left).max(under.width) + 2.0 * GAP;
        self.under_top = bottom - top + 2.0 * GAP;
        self.height = self.under_top + under.height + GAP;
        let (aside, down) = ((self.width - right - left) / 2.0, GAP - top);
        let controls = self.edges.iter_mut().filter_map(|(_, _, control)| control.as_mut());
        for place in self.places.values_mut().chain(controls) {
            *place = Place { x: place.x + aside, y: place.y + down };
        }
    }
}
