//! A network of virtual time: what is sent arrives after a delay, some of it is lost, nodes crash
//! and hang, and all of it is drawn from one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use groupcast::election::bully::{self, Bully};
use groupcast::election::ring::{self, Ring};
use groupcast::election::{Command, Options, Report, Seats};
use machine::{Context, Effect, Input, Instant, Machine, NodeId, Random};

/// How long one has to answer; more than two delays.
pub const ANSWER_LIMIT: Duration = Duration::from_millis(20);
/// How long a winner has; more than two laps of the largest ring, and some hung nodes on it.
pub const VICTORY_LIMIT: Duration = Duration::from_millis(600);
/// How often a token is sent before the next one is skipped.
pub const TRIES: u32 = 8;

/// Either algorithm.
pub trait Elects: Machine<Command = Command, Report = Report> {
    fn make(me: NodeId, nodes: u32, options: Options) -> Self;
    fn seats(&self) -> Seats;
    fn sent(&self) -> u64;
    /// The first word of a message, by which it is counted.
    fn kind(message: &Self::Message) -> &'static str;
}

impl Elects for Bully {
    fn make(me: NodeId, nodes: u32, options: Options) -> Self {
        let settings = bully::Settings {
            me,
            candidates: (1..=nodes).map(NodeId).collect(),
            answer_limit: ANSWER_LIMIT,
            victory_limit: VICTORY_LIMIT,
        };
        Self::with_options(settings, options)
    }
    fn seats(&self) -> Seats {
        self.seated()
    }
    fn sent(&self) -> u64 {
        self.messages_sent()
    }
    fn kind(message: &bully::Message) -> &'static str {
        match message {
            bully::Message::Election { .. } => "Election",
            bully::Message::Answer { .. } => "Answer",
            bully::Message::Coordinator { .. } => "Coordinator",
        }
    }
}

impl Elects for Ring {
    fn make(me: NodeId, nodes: u32, options: Options) -> Self {
        let settings = ring::Settings {
            me,
            order: (1..=nodes).map(NodeId).collect(),
            answer_limit: ANSWER_LIMIT,
            tries: TRIES,
            victory_limit: VICTORY_LIMIT,
        };
        Self::with_options(settings, options)
    }
    fn seats(&self) -> Seats {
        self.seated()
    }
    fn sent(&self) -> u64 {
        self.messages_sent()
    }
    fn kind(message: &ring::Message) -> &'static str {
        match message {
            ring::Message::Token(_) => "Token",
            ring::Message::Ack { .. } => "Ack",
            ring::Message::Coordinator { .. } => "Coordinator",
        }
    }
}

/// What may go wrong on the way.
#[derive(Debug, Clone, Copy)]
pub struct Links {
    /// The shortest and longest delay, in milliseconds.
    pub delay_millis: (u64, u64),
    /// How likely a message is lost; never two in a row of one link.
    pub loss: f64,
}

/// No loss, and a delay that lets messages overtake each other.
pub const UNEVEN: Links = Links { delay_millis: (1, 5), loss: 0.0 };
/// Every message takes one millisecond.
pub const EVEN: Links = Links { delay_millis: (1, 1), loss: 0.0 };

pub struct Network<M: Elects> {
    pub now: Instant,
    pub nodes: BTreeMap<NodeId, M>,
    /// Connected, and silent for ever.
    pub hung: BTreeSet<NodeId>,
    pub counts: BTreeMap<&'static str, u64>,
    pub reports: Vec<(u32, Report)>,
    pub trace: Vec<String>,
    links: Links,
    random: Random,
    events: BTreeMap<(Instant, u64), (NodeId, Input<M>)>,
    alarms: BTreeMap<(NodeId, M::Alarm), (Instant, u64)>,
    lost_last: BTreeSet<(NodeId, NodeId)>,
    sequence: u64,
}

impl<M: Elects> Network<M> {
    /// Nodes from 1 on, all connected with each other.
    pub fn new(nodes: u32, options: &Options, links: Links, seed: u64) -> Self {
        let make = |me| (me, M::make(me, nodes, options.clone()));
        Self::with((1..=nodes).map(NodeId).map(make).collect(), links, seed)
    }

    pub fn with(nodes: BTreeMap<NodeId, M>, links: Links, seed: u64) -> Self {
        let mut network = Self {
            now: Instant::ZERO,
            nodes,
            hung: BTreeSet::new(),
            counts: BTreeMap::new(),
            reports: Vec::new(),
            trace: Vec::new(),
            links,
            random: Random::from_seed(seed),
            events: BTreeMap::new(),
            alarms: BTreeMap::new(),
            lost_last: BTreeSet::new(),
            sequence: 0,
        };
        let ids = network.ids();
        for &one in &ids {
            for &other in ids.iter().filter(|&&other| other != one) {
                network.handle(one, Input::Opened(other));
            }
        }
        network
    }

    pub fn ids(&self) -> Vec<NodeId> {
        self.nodes.keys().copied().collect()
    }

    pub fn start(&mut self, node: u32) {
        self.command(node, Command::Start);
    }

    pub fn command(&mut self, node: u32, command: Command) {
        self.handle(NodeId(node), Input::Command(command));
    }

    /// The node is gone, and each other one notices after a delay of its own.
    pub fn crash(&mut self, node: NodeId) {
        self.nodes.remove(&node);
        self.hung.remove(&node);
        self.alarms.retain(|&(of, _), _| of != node);
        for other in self.ids() {
            let at = self.now + self.delay();
            self.push(at, other, Input::Closed(node));
        }
    }

    /// The first node's connection to the second one is up again.
    pub fn open(&mut self, one: NodeId, other: NodeId) {
        self.handle(one, Input::Opened(other));
    }

    /// Runs until nothing is left to happen, or this time has passed.
    pub fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let message = self.events.first_key_value().map(|(&key, _)| key);
            let alarm =
                self.alarms.iter().min_by_key(|&(_, key)| *key).map(|(&of, &key)| (key, of));
            let next = message.into_iter().chain(alarm.map(|(key, _)| key)).min();
            let Some(key) = next.filter(|&(at, _)| at <= end) else { break };
            self.now = key.0;
            match alarm {
                Some((due, (node, alarm))) if due == key => {
                    self.alarms.remove(&(node, alarm));
                    self.handle(node, Input::Alarm(alarm));
                }
                _ => {
                    let (to, input) = self.events.remove(&key).unwrap();
                    self.handle(to, input);
                }
            }
        }
    }

    fn handle(&mut self, to: NodeId, input: Input<M>) {
        if self.hung.contains(&to) {
            return;
        }
        let Some(node) = self.nodes.get_mut(&to) else { return };
        let (mut random, mut effects) = (Random::from_seed(0), Vec::new());
        if !matches!(input, Input::Opened(_)) {
            self.trace.push(format!("{} {to} < {input:?}", self.now));
        }
        node.handle(input, &mut Context::new(self.now, &mut random, &mut effects));
        for effect in effects {
            match effect {
                Effect::Send { to: nodes, body, .. } => {
                    for &node in nodes.nodes() {
                        *self.counts.entry(M::kind(&body)).or_default() += 1;
                        self.send(to, node, body.clone());
                    }
                }
                Effect::Set { alarm, at } => {
                    self.sequence += 1;
                    self.alarms.insert((to, alarm), (at, self.sequence));
                }
                Effect::Clear(alarm) => {
                    self.alarms.remove(&(to, alarm));
                }
                Effect::Report { report, .. } => {
                    self.trace.push(format!("{} {to} ! {report:?}", self.now));
                    self.reports.push((to.0, report));
                }
                Effect::Persist { .. } | Effect::Snapshot { .. } | Effect::Claim(_) => {
                    panic!("an election writes nothing");
                }
            }
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, body: M::Message) {
        if self.random.chance(self.links.loss) && self.lost_last.insert((from, to)) {
            return;
        }
        self.lost_last.remove(&(from, to));
        let at = self.now + self.delay();
        self.push(at, to, Input::Message { from, body });
    }

    fn delay(&mut self) -> Duration {
        let (low, high) = self.links.delay_millis;
        Duration::from_micros(self.random.between(low * 1000, high * 1000))
    }

    fn push(&mut self, at: Instant, to: NodeId, input: Input<M>) {
        self.sequence += 1;
        self.events.insert((at, self.sequence), (to, input));
    }

    /// The nodes that are well, and whom each believes to lead.
    pub fn believed(&self) -> BTreeMap<NodeId, BTreeSet<u32>> {
        let well = self.nodes.iter().filter(|(node, _)| !self.hung.contains(node));
        let leaders = |one: &M| one.seats().values().map(|epoch| epoch.node.0).collect();
        well.map(|(&node, one)| (node, leaders(one))).collect()
    }

    /// Who leads, on which all that are well agree.
    pub fn leaders(&self) -> BTreeSet<u32> {
        let believed = self.believed();
        let mut kinds: Vec<_> = believed.values().cloned().collect();
        kinds.dedup();
        assert_eq!(kinds.len(), 1, "they disagree: {believed:?}\n{}", self.trace.join("\n"));
        kinds.remove(0)
    }

    pub fn total(&self) -> u64 {
        let sent = self.nodes.values().map(Elects::sent).sum();
        assert_eq!(self.counts.values().sum::<u64>(), sent, "what the nodes counted themselves");
        sent
    }

    pub fn count(&self, kind: &str) -> u64 {
        self.counts.get(kind).copied().unwrap_or(0)
    }
}
