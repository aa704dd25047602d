//! The network: delay, loss, duplication, partitions both ways and one way. Each message is delayed
//! on its own, so they overtake each other, unless the network [keeps order](Network::keep_order). On
//! an [overlay](Network::keep_to) there are ways along its edges only.

use std::collections::BTreeMap;
use std::time::Duration;

use groupcast::overlay::Overlay;
use machine::{Instant, NodeId, Random};

/// How the links of a world behave.
#[derive(Debug, Clone, Copy)]
pub struct Links {
    /// The shortest way.
    pub delay_min: Duration,
    /// Added to that, evenly up to this.
    pub delay_spread: Duration,
    /// One message in so many takes ten times as long; none if 0.
    pub straggler_one_in: u64,
    /// The probability that a message is lost.
    pub loss: f64,
    /// The probability that a message arrives twice.
    pub duplication: f64,
}

/// The links, and which of them are cut.
#[derive(Debug, Clone)]
pub struct Network {
    /// How links behave now.
    pub links: Links,
    random: Random,
    /// How many cuts stand on the way from one node to another.
    cut: BTreeMap<(NodeId, NodeId), u32>,
    /// What a node adds to the way of all it sends and receives.
    slowness: BTreeMap<NodeId, Duration>,
    /// What is added on one way.
    lateness: BTreeMap<(NodeId, NodeId), Duration>,
    /// When the last message on each way arrives, where none may overtake another.
    arrivals: Option<BTreeMap<(NodeId, NodeId), Instant>>,
    overlay: Option<Overlay>,
    /// The first message that was sent where the overlay has no edge: from whom, to whom.
    pub stray: Option<(NodeId, NodeId)>,
    /// Messages lost by chance or at a cut.
    pub lost: u64,
    /// Messages that arrived twice.
    pub duplicated: u64,
}

impl Network {
    /// A whole network.
    pub fn new(links: Links, random: Random) -> Self {
        Self {
            links,
            random,
            cut: BTreeMap::new(),
            slowness: BTreeMap::new(),
            lateness: BTreeMap::new(),
            arrivals: None,
            overlay: None,
            stray: None,
            lost: 0,
            duplicated: 0,
        }
    }

    /// Lets no message overtake another on the same way from now on, as over a stream.
    pub fn keep_order(&mut self) {
        self.arrivals.get_or_insert_default();
    }

    /// Leaves ways along the edges of an overlay only; between its nodes and others all ways stay.
    pub fn keep_to(&mut self, overlay: Overlay) {
        self.overlay = Some(overlay);
    }

    /// Whether there is a way between two nodes, be it cut.
    pub fn has_way(&self, one: NodeId, other: NodeId) -> bool {
        self.overlay.as_ref().is_none_or(|overlay| {
            let are_on_it = overlay.contains(one) && overlay.contains(other);
            !are_on_it || overlay.has_edge(one, other)
        })
    }

    /// Cuts the way from `from` to `to`; cuts add up.
    pub fn cut(&mut self, from: NodeId, to: NodeId) {
        *self.cut.entry((from, to)).or_default() += 1;
    }

    /// Takes one cut back.
    pub fn mend(&mut self, from: NodeId, to: NodeId) {
        if let Some(cuts) = self.cut.get_mut(&(from, to)) {
            *cuts -= 1;
            if *cuts == 0 {
                self.cut.remove(&(from, to));
            }
        }
    }

    /// Whether what `from` sends can reach `to`.
    pub fn is_open(&self, from: NodeId, to: NodeId) -> bool {
        !self.cut.contains_key(&(from, to))
    }

    /// Makes a node's messages take longer by `by`; zero makes it as fast as the others.
    pub fn slow(&mut self, node: NodeId, by: Duration) {
        if by.is_zero() {
            self.slowness.remove(&node);
        } else {
            self.slowness.insert(node, by);
        }
    }

    /// Makes messages from `from` to `to` take longer by `by`; zero makes the way as fast as others.
    pub fn delay_way(&mut self, from: NodeId, to: NodeId, by: Duration) {
        if by.is_zero() {
            self.lateness.remove(&(from, to));
        } else {
            self.lateness.insert((from, to), by);
        }
    }

    /// When copies of a message that is sent `now` arrive: after none, one or two delays.
    pub fn route(&mut self, from: NodeId, to: NodeId, now: Instant) -> ([Duration; 2], usize) {
        if !self.has_way(from, to) {
            self.stray.get_or_insert((from, to));
            self.lost += 1;
            return ([Duration::ZERO; 2], 0);
        }
        if !self.is_open(from, to) || self.random.chance(self.links.loss) {
            self.lost += 1;
            return ([Duration::ZERO; 2], 0);
        }
        let copies = 1 + usize::from(self.random.chance(self.links.duplication));
        self.duplicated += copies as u64 - 1;
        let mut delays = [self.delay(from, to), self.delay(from, to)];
        if let Some(arrivals) = &mut self.arrivals {
            let last = arrivals.entry((from, to)).or_insert(now);
            for delay in &mut delays[..copies] {
                *last = (*last).max(now + *delay);
                *delay = last.since(now);
            }
        }
        (delays, copies)
    }

    /// How long one message takes.
    pub fn delay(&mut self, from: NodeId, to: NodeId) -> Duration {
        let spread = self.links.delay_spread.as_nanos() as u64;
        let mut delay = self.links.delay_min + Duration::from_nanos(self.random.below(spread));
        let one_in = self.links.straggler_one_in;
        if one_in != 0 && self.random.below(one_in) == 0 {
            delay *= 10;
        }
        delay += self.lateness.get(&(from, to)).copied().unwrap_or_default();
        for node in [from, to] {
            if let Some(&by) = self.slowness.get(&node) {
                delay += by;
            }
        }
        delay
    }
}
