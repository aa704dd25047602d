//! A workbench like the one the nodes are for: it starts them, routes their messages with delays,
//! losses, partitions and deaths that one seed decides, lets clients of a workload ask them, keeps
//! the history of what was asked and told, and has it judged.
//!
//! The bench itself knows no clock: `simulated` drives it and its nodes in virtual time; the test of
//! the program drives it and processes in real time.

#![allow(dead_code, reason = "two tests share it, and each uses its part")]

pub mod client;
pub mod faults;
pub mod judge;
pub mod simulated;
pub mod workload;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use checker::{Phase, Step};
use machine::{Instant, Random};
use maelstrom::Packet;
use serde_json::{Value, json};

use client::Client;
use faults::{Fault, Links};
use workload::{Kind, Op, Workload};

/// How long clients wait for an answer, as the workbench's do.
const CLIENT_LIMIT: Duration = Duration::from_secs(5);
/// How long after the last fault all have to be well again.
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    pub kind: Kind,
    pub seed: u64,
    pub nodes: usize,
    pub clients: usize,
    /// How long clients ask, and things break.
    pub lasts: Duration,
    /// How long a client thinks at most.
    pub thinks: Duration,
    /// How long a message between nodes takes at most.
    pub delay: Duration,
    pub loss: f64,
    pub faults: Vec<(Duration, Fault)>,
}

impl Plan {
    pub fn new(kind: Kind, seed: u64, lasts: Duration) -> Self {
        Self {
            kind,
            seed,
            nodes: 5,
            clients: 10,
            lasts,
            thinks: Duration::from_millis(100),
            delay: Duration::from_millis(20),
            loss: 0.0,
            faults: Vec::new(),
        }
    }

    pub fn with_partitions(self) -> Self {
        let faults = faults::partitions(&mut Random::fork(self.seed, 1), self.nodes, self.lasts);
        Self { faults, ..self }
    }

    pub fn with_kills(self) -> Self {
        let faults = faults::kills(&mut Random::fork(self.seed, 2), self.nodes, self.lasts);
        Self { faults, ..self }
    }
}

/// The processes, or what stands for them.
pub trait Nodes {
    fn start(&mut self, node: usize);
    fn kill(&mut self, node: usize);
    fn line(&mut self, node: usize, now: Instant, line: &[u8]);
}

/// What happens at its time.
#[derive(Debug)]
enum Event {
    Arrives(Packet),
    /// A client has thought of something.
    Asks(usize),
    /// A client has waited long enough for the answer to this request.
    GivesUp(usize, i64),
    Fault(Fault),
    Recover,
    GiveUp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Setup,
    Running,
    Recovering,
    Over,
}

pub struct Bench {
    pub plan: Plan,
    random: Random,
    events: BTreeMap<(Instant, u64), Event>,
    scheduled: u64,
    stage: Stage,
    links: Links,
    alive: Vec<bool>,
    /// Nodes that have not answered their `init`.
    silent: BTreeSet<usize>,
    pub clients: Vec<Client>,
    named: usize,
    gone: BTreeSet<String>,
    pub workload: Workload,
    pub history: Vec<Step>,
    /// What no node may do, whatever the workload.
    pub violations: Vec<String>,
    pub counts: BTreeMap<String, u64>,
}

impl Bench {
    pub fn new(plan: Plan) -> Self {
        let clients = (0..plan.clients).map(|at| Client::new(at, at % plan.nodes)).collect();
        Self {
            random: Random::fork(plan.seed, 3),
            events: BTreeMap::new(),
            scheduled: 0,
            stage: Stage::Setup,
            links: Links::default(),
            alive: vec![false; plan.nodes],
            silent: (0..plan.nodes).collect(),
            clients,
            named: plan.clients,
            gone: BTreeSet::new(),
            workload: Workload::new(plan.kind, plan.seed),
            history: Vec::new(),
            violations: Vec::new(),
            counts: BTreeMap::new(),
            plan,
        }
    }

    pub fn begin(&mut self, nodes: &mut impl Nodes) {
        for node in 0..self.plan.nodes {
            self.start(Instant::ZERO, node, nodes);
        }
        self.schedule(Instant::ZERO + RECOVERY_LIMIT, Event::GiveUp);
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    pub fn next_at(&self) -> Option<Instant> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// All that is due.
    pub fn wake(&mut self, now: Instant, nodes: &mut impl Nodes) {
        while let Some(first) = self.events.first_entry()
            && first.key().0 <= now
        {
            match first.remove() {
                Event::Arrives(packet) => self.arrives(now, &packet, nodes),
                Event::Asks(at) => self.asks(now, at),
                Event::GivesUp(at, msg_id) => self.gives_up(now, at, msg_id),
                Event::Fault(fault) => self.fault(now, fault, nodes),
                Event::Recover => {
                    self.stage = Stage::Recovering;
                    self.schedule(now + RECOVERY_LIMIT, Event::GiveUp);
                }
                Event::GiveUp => self.give_up(),
            }
        }
    }

    /// A node, or a client, sent a packet.
    pub fn sent(&mut self, now: Instant, packet: Packet) {
        let (from, to) = (node_of(&packet.source), node_of(&packet.destination));
        *self.counts.entry(packet.kind().to_owned()).or_default() += 1;
        if from.is_none() || to.is_none() {
            return self.schedule(now, Event::Arrives(packet));
        }
        if self.random.chance(self.plan.loss) {
            return;
        }
        let delay = self.random.below(self.plan.delay.as_nanos() as u64 + 1);
        self.schedule(now + Duration::from_nanos(delay), Event::Arrives(packet));
    }

    fn arrives(&mut self, now: Instant, packet: &Packet, nodes: &mut impl Nodes) {
        if let Some(to) = node_of(&packet.destination) {
            let is_cut = node_of(&packet.source).is_some_and(|from| self.links.is_cut(from, to));
            if to < self.alive.len() && self.alive[to] && !is_cut {
                let line = packet.line().unwrap();
                nodes.line(to, now, line.trim_ascii_end());
            }
        } else if let Some(node) = packet.destination.strip_prefix("setup-") {
            let node = node.parse().unwrap();
            if packet.kind() == "init_ok" && self.silent.remove(&node) && self.silent.is_empty() {
                self.run(now);
            }
        } else if self.gone.contains(&packet.destination) {
            self.violations
                .push(format!("{} is gone, and was told {packet:?}", packet.destination));
        } else if let Some(at) =
            self.clients.iter().position(|client| client.name == packet.destination)
        {
            self.told(now, at, packet);
        } else {
            self.violations.push(format!("nobody is called as in {packet:?}"));
        }
    }

    /// All nodes are there: the first time, clients begin to ask.
    fn run(&mut self, now: Instant) {
        if self.stage != Stage::Setup {
            return;
        }
        self.stage = Stage::Running;
        self.events.retain(|_, event| !matches!(event, Event::GiveUp));
        for at in 0..self.clients.len() {
            self.schedule(now, Event::Asks(at));
        }
        for (after, fault) in self.plan.faults.clone() {
            self.schedule(now + after, Event::Fault(fault));
        }
        self.schedule(now + self.plan.lasts, Event::Recover);
    }

    fn fault(&mut self, now: Instant, fault: Fault, nodes: &mut impl Nodes) {
        match fault {
            Fault::Cut(links) => self.links = links,
            Fault::Kill(node) => {
                self.alive[node] = false;
                nodes.kill(node);
            }
            Fault::Start(node) => self.start(now, node, nodes),
        }
    }

    fn start(&mut self, now: Instant, node: usize, nodes: &mut impl Nodes) {
        nodes.start(node);
        self.alive[node] = true;
        let names: Vec<_> = (0..self.plan.nodes).map(name_of).collect();
        let mut bodies =
            vec![json!({"type": "init", "msg_id": 1, "node_id": name_of(node), "node_ids": names})];
        if self.plan.kind == Kind::Broadcast {
            bodies.push(json!({"type": "topology", "msg_id": 2, "topology": {}}));
        }
        for body in bodies {
            let Value::Object(body) = body else { unreachable!() };
            let (source, destination) = (format!("setup-{node}"), name_of(node));
            self.schedule(now, Event::Arrives(Packet { source, destination, body }));
        }
    }

    fn give_up(&mut self) {
        if self.stage == Stage::Setup {
            self.violations.push(format!("these did not answer `init`: {:?}", self.silent));
        }
        for at in 0..self.clients.len() {
            if !self.clients[at].is_done {
                let (name, node) = (&self.clients[at].name, self.clients[at].node);
                let what = self.workload.missing(&self.clients[at]);
                self.violations.push(format!("{name} at {}: {what}", name_of(node)));
            }
        }
        self.finish();
    }

    fn finish(&mut self) {
        self.stage = Stage::Over;
    }

    fn schedule(&mut self, at: Instant, event: Event) {
        self.scheduled += 1;
        self.events.insert((at, self.scheduled), event);
    }

    fn record(&mut self, process: u64, phase: Phase, op: &Op, value: Value) {
        let f = op.f.clone();
        self.history.push(Step { phase, process: process.into(), f, key: op.key.clone(), value });
    }
}

/// The nodes are called as in the workbench.
pub fn name_of(node: usize) -> String {
    format!("n{node}")
}

fn node_of(name: &str) -> Option<usize> {
    name.strip_prefix('n')?.parse().ok()
}
