//! A group on an overlay, in virtual time: links that delay, reorder, lose and double, and that
//! open and close as told. It holds every message to the edges of the overlay.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::overlay::{Alarm, Message, Overlay, Routed};
use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};

/// An edge, the lower node first.
fn edge(one: NodeId, other: NodeId) -> (NodeId, NodeId) {
    (one.min(other), one.max(other))
}

/// One message of the machine inside that arrived: who sent it, who got it, over how many edges.
pub type Arrival = (NodeId, NodeId, u16);

/// What waits for its time; the number keeps the order of what comes at once.
type Waiting<M> = BTreeMap<(Instant, u64), (NodeId, Input<Routed<M>>)>;

pub struct World<M: Machine> {
    pub overlay: Overlay,
    pub now: Instant,
    pub nodes: BTreeMap<NodeId, Routed<M>>,
    pub reports: Vec<(NodeId, M::Report)>,
    pub arrivals: Vec<Arrival>,
    /// Messages that crossed an edge, those of links' states and all.
    pub crossed: u64,
    /// Of these, the ones that carried something.
    pub carried: u64,
    pub loss: f64,
    pub doubling: f64,
    pub longest_delay: Duration,
    cut: BTreeSet<(NodeId, NodeId)>,
    waiting: Waiting<M>,
    alarms: BTreeMap<(NodeId, Alarm<M::Alarm>), Instant>,
    /// When a node is told next that a link opened or closed, so that these stay in order.
    link_news: BTreeMap<(NodeId, NodeId), Instant>,
    order: u64,
    random: Random,
}

impl<M: Machine> World<M> {
    /// All nodes, none of them started, all links closed.
    pub fn new(overlay: Overlay, seed: u64, make: impl Fn(NodeId) -> M) -> Self {
        let routed = |node| (node, Routed::new(node, overlay.clone(), make(node)));
        Self {
            nodes: overlay.nodes().map(routed).collect(),
            overlay,
            now: Instant::ZERO,
            reports: Vec::new(),
            arrivals: Vec::new(),
            crossed: 0,
            carried: 0,
            loss: 0.0,
            doubling: 0.0,
            longest_delay: Duration::from_millis(5),
            cut: BTreeSet::new(),
            waiting: BTreeMap::new(),
            alarms: BTreeMap::new(),
            link_news: BTreeMap::new(),
            order: 0,
            random: Random::from_seed(seed),
        }
    }

    /// Starts all nodes and opens all links.
    pub fn start(&mut self) {
        for node in self.ids() {
            self.enqueue(Duration::ZERO, node, Input::Start);
        }
        for (one, other) in self.overlay.edges().collect::<Vec<_>>() {
            self.tell_both(one, other, true);
        }
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub fn is_up(&self, one: NodeId, other: NodeId) -> bool {
        let alive = self.nodes.contains_key(&one) && self.nodes.contains_key(&other);
        alive && !self.cut.contains(&edge(one, other))
    }

    pub fn command(&mut self, node: NodeId, command: M::Command) {
        self.enqueue(Duration::ZERO, node, Input::Command(command));
    }

    pub fn kill(&mut self, node: NodeId) {
        let links = self.open_links(node);
        self.nodes.remove(&node);
        self.alarms.retain(|(of, _), _| *of != node);
        // What was on its way to it is gone; what it sent may still arrive.
        self.waiting.retain(|_, (to, _)| *to != node);
        self.link_news.retain(|(of, _), _| *of != node);
        for neighbour in links {
            self.tell(neighbour, node, false);
        }
    }

    /// A new life of a node, which knows nothing of the one before.
    pub fn restart(&mut self, node: NodeId, inner: M) {
        self.nodes.insert(node, Routed::new(node, self.overlay.clone(), inner));
        self.enqueue(Duration::ZERO, node, Input::Start);
        for neighbour in self.open_links(node) {
            self.tell_both(node, neighbour, true);
        }
    }

    pub fn cut(&mut self, one: NodeId, other: NodeId) {
        let was_up = self.is_up(one, other);
        self.cut.insert(edge(one, other));
        if was_up {
            self.tell_both(one, other, false);
        }
    }

    pub fn heal(&mut self, one: NodeId, other: NodeId) {
        if self.cut.remove(&edge(one, other)) && self.is_up(one, other) {
            self.tell_both(one, other, true);
        }
    }

    /// Lets this much time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let message = self.waiting.keys().next().copied();
            let alarm = self.alarms.iter().map(|(&key, &at)| (at, key)).min();
            match (message, alarm) {
                (Some((at, order)), alarm)
                    if at <= end && alarm.is_none_or(|(due, _)| at <= due) =>
                {
                    self.now = at;
                    let (to, input) = self.waiting.remove(&(at, order)).unwrap();
                    self.step(to, input);
                }
                (_, Some((due, (node, alarm)))) if due <= end => {
                    self.now = self.now.max(due);
                    self.alarms.remove(&(node, alarm));
                    self.step(node, Input::Alarm(alarm));
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// Whether nothing is under way and no timer is set.
    pub fn is_quiet(&self) -> bool {
        self.waiting.is_empty() && self.alarms.is_empty()
    }

    fn open_links(&self, node: NodeId) -> Vec<NodeId> {
        let neighbours = self.overlay.neighbours(node).iter().copied();
        neighbours.filter(|&neighbour| self.is_up(node, neighbour)).collect()
    }

    fn tell_both(&mut self, one: NodeId, other: NodeId, is_open: bool) {
        self.tell(one, other, is_open);
        self.tell(other, one, is_open);
    }

    fn tell(&mut self, node: NodeId, of: NodeId, is_open: bool) {
        let after = self.link_news.get(&(node, of)).map_or(self.now, |&at| at.max(self.now));
        let at = after + Duration::from_micros(self.random.between(1, 1000));
        self.link_news.insert((node, of), at);
        let input = if is_open { Input::Opened(of) } else { Input::Closed(of) };
        self.enqueue(at.since(self.now), node, input);
    }

    fn enqueue(&mut self, delay: Duration, to: NodeId, input: Input<Routed<M>>) {
        self.order += 1;
        self.waiting.insert((self.now + delay, self.order), (to, input));
    }

    fn step(&mut self, to: NodeId, input: Input<Routed<M>>) {
        let Some(node) = self.nodes.get_mut(&to) else { return };
        if let Input::Message { body: Message::Carried(envelope), .. } = &input
            && envelope.to.contains(&to)
            && envelope.from != to
        {
            let crossed = self.overlay.size() as u16 + 1 - envelope.hops;
            self.arrivals.push((envelope.from, to, crossed));
        }
        let mut effects = Vec::new();
        node.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
        node.check().unwrap();
        for effect in effects {
            match effect {
                Effect::Send { to: nodes, body, .. } => {
                    for &node in nodes.nodes() {
                        self.send(to, node, body.clone());
                    }
                }
                Effect::Set { alarm, at } => {
                    self.alarms.insert((to, alarm), at);
                }
                Effect::Clear(alarm) => {
                    self.alarms.remove(&(to, alarm));
                }
                Effect::Report { report, .. } => self.reports.push((to, report)),
                Effect::Persist { .. } | Effect::Snapshot { .. } | Effect::Claim(_) => {}
            }
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, body: Message<M::Message>) {
        let input = |body| Input::Message { from, body };
        if from == to {
            return self.enqueue(Duration::ZERO, to, input(body));
        }
        assert!(self.overlay.has_edge(from, to), "{from} talks to {to}, past the overlay");
        self.crossed += 1;
        self.carried += u64::from(matches!(body, Message::Carried(_)));
        let copies = 1 + u32::from(self.random.chance(self.doubling));
        for _ in 0..copies {
            let longest = self.longest_delay.as_micros() as u64;
            let delay = Duration::from_micros(self.random.between(longest / 5, longest));
            if self.is_up(from, to) && !self.random.chance(self.loss) {
                self.enqueue(delay, to, input(body.clone()));
            }
        }
    }
}
