//! One world: nodes that found and join a group and send, through the faults of a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use groupcast::group::{Command, Group};
use machine::{Incarnation, Instant, Machine, NodeId, Random};

use super::Options;
use super::message::MESSAGE_BYTES_MIN;
use super::swarm::Swarm;
use super::watch::Watch;
use crate::engine::{Network, World};
use crate::fault::Fault;

/// As many messages are sent in every world.
const SENT_MIN: u64 = 500;
/// Unless it has not come to them by now.
const LATEST_END: Instant = Instant::from_nanos(180_000_000_000);
/// Higher than the number of times that a node is removed in one life: each time it counts as
/// another member.
const INCARNATIONS_PER_LIFE: u64 = 1 << 20;

/// What comes from outside of the machines.
#[derive(Debug)]
pub(super) enum Action {
    Begin(usize),
    /// What waited for a change comes to the node that leads it.
    InChange(usize, NodeId),
    End(usize),
    /// A node joins, if it is still this life of it.
    Join(NodeId, u64),
    /// An application answers, if it is still this life of the node.
    Answer(NodeId, u64, Command),
    /// Somebody sends.
    Send,
}

pub(super) struct GroupWorld {
    pub world: World<Group>,
    pub watch: Watch,
    pub swarm: Swarm,
    pub random: Random,
    pub agenda: BTreeMap<(Instant, u64), Action>,
    agenda_order: u64,
    /// Which life each node is in: how often it has started.
    pub lives: Vec<u64>,
    /// What faults that have begun and not ended were done to.
    pub active: BTreeMap<usize, Fault>,
    /// Faults that wait for a change of views.
    pub armed: Vec<usize>,
    /// How many changes each node has led in its life.
    changes: Vec<u64>,
    pub faults: BTreeMap<&'static str, u64>,
    /// Whether nodes join by themselves after they left.
    pub is_healed: bool,
}

impl GroupWorld {
    pub fn new(swarm: Swarm, options: &Options) -> Self {
        let seed = swarm.seed;
        let network = Network::new(swarm.links, Random::fork(seed, 2));
        let mut world = World::new(seed, swarm.nodes as usize, network, Duration::from_millis(1));
        if options.trace {
            world.start_trace();
        }
        if swarm.codec {
            world.encode_messages(|message| {
                let bytes = wire::to_bytes(message).map_err(|error| error.to_string())?;
                wire::from_bytes(&bytes).map_err(|error| error.to_string())
            });
        }
        let mut group = Self {
            world,
            watch: Watch::new(&swarm, options.record),
            random: Random::fork(seed, 3),
            agenda: BTreeMap::new(),
            agenda_order: 0,
            lives: vec![0; swarm.nodes as usize],
            active: BTreeMap::new(),
            armed: Vec::new(),
            changes: vec![0; swarm.nodes as usize],
            faults: BTreeMap::new(),
            is_healed: false,
            swarm,
        };
        for index in 0..group.swarm.faults.len() {
            group.plan(group.swarm.faults[index].at, Action::Begin(index));
        }
        for node in group.nodes() {
            group.start(node);
        }
        group.plan(Instant::ZERO, Action::Send);
        group
    }

    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.swarm.nodes).map(NodeId)
    }

    pub fn plan(&mut self, at: Instant, action: Action) {
        self.agenda.insert((at, self.agenda_order), action);
        self.agenda_order += 1;
    }

    /// Starts a life of a node. The first node's first one founds the group, all others join.
    pub fn start(&mut self, node: NodeId) {
        let life = &mut self.lives[node.0 as usize];
        *life += 1;
        let is_founder = node.0 == 0 && *life == 1;
        let (life, incarnation) = (*life, Incarnation(*life * INCARNATIONS_PER_LIFE));
        let machine = Group::new(self.swarm.settings_of(node, incarnation));
        self.world.start(node, machine, &mut self.watch);
        if is_founder {
            self.world.act(node, Command::Found, &mut self.watch);
            self.after_step(node);
        } else {
            let delay = Duration::from_micros(self.random.below(500_000));
            self.plan(self.world.now() + delay, Action::Join(node, life));
        }
    }

    /// Whether this life of a node goes on.
    pub fn lives_on(&self, node: NodeId, incarnation: Incarnation) -> bool {
        self.world.is_up(node)
            && self.lives[node.0 as usize] == incarnation.0 / INCARNATIONS_PER_LIFE
    }

    pub fn safety_phase(&mut self) {
        let mut end = Instant::ZERO + self.swarm.safety_phase;
        while self.watch.violation.is_none() {
            self.run_until(end);
            // Faults may have left little time: a world is to be worth its name.
            let is_worth_it = self.watch.contents.sent >= SENT_MIN || self.swarm.ends_early;
            if is_worth_it || end >= LATEST_END {
                return;
            }
            end = end + Duration::from_secs(5);
        }
    }

    pub fn run_until(&mut self, end: Instant) {
        while self.watch.violation.is_none() && self.next(end) {}
    }

    /// The next thing that happens, if it is before the end.
    pub fn next(&mut self, end: Instant) -> bool {
        let next = self.world.next_at().unwrap_or(end);
        match self.agenda.first_key_value() {
            Some((&(at, order), _)) if at <= next && at < end => {
                self.world.pass_until(at);
                if let Some(action) = self.agenda.remove(&(at, order)) {
                    self.act(action);
                }
            }
            _ if next >= end => {
                self.world.pass_until(end);
                return false;
            }
            _ => {
                if let Some(node) = self.world.step(&mut self.watch) {
                    self.after_step(node);
                }
            }
        }
        true
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Begin(index) => self.begin(index),
            Action::InChange(index, node) => self.in_change(index, node),
            Action::End(index) => self.end(index),
            Action::Join(node, life) => {
                if self.lives[node.0 as usize] == life && self.world.is_up(node) {
                    let contacts = self.nodes().filter(|&other| other != node).collect();
                    self.command(node, Command::Join(contacts));
                }
            }
            Action::Answer(node, life, command) => {
                if self.lives[node.0 as usize] == life && self.world.is_up(node) {
                    self.command(node, command);
                }
            }
            Action::Send => self.somebody_sends(),
        }
    }

    /// A node is told something, now or when it goes on.
    pub fn command(&mut self, node: NodeId, command: Command) {
        self.world.command(node, command);
    }

    fn somebody_sends(&mut self) {
        let now = self.world.now();
        if !self.is_healed {
            let period = self.swarm.send_period.as_nanos() as u64;
            let delay = Duration::from_nanos(self.random.below(2 * period));
            self.plan(now + delay, Action::Send);
        }
        let node = NodeId(self.random.below(self.swarm.nodes.into()) as u32);
        let is_burst = self.random.chance(0.1);
        let most = if is_burst { self.swarm.burst_max } else { 2 };
        for _ in 0..self.random.between(1, most) {
            let long = self.random.chance(0.1);
            let most = if long { self.swarm.message_bytes_max } else { 40 };
            let length = self.random.between(MESSAGE_BYTES_MIN as u64, most.max(8)) as usize;
            self.send(node, length);
        }
    }

    /// A node sends a message of this length, if it is awake.
    pub fn send(&mut self, node: NodeId, length_bytes: usize) {
        if self.world.is_paused(node) {
            return;
        }
        let Some(machine) = self.world.machine(node) else { return };
        let has_room = machine.has_room(length_bytes);
        let message = self.watch.begin_to_send(self.world.now(), node, length_bytes);
        self.world.act(node, Command::Multicast(message), &mut self.watch);
        self.watch.end_to_send(self.world.now(), node, has_room);
        self.after_step(node);
    }

    fn after_step(&mut self, node: NodeId) {
        let now = self.world.now();
        if let Some(machine) = self.world.machine(node) {
            self.watch.hold("each machine's own", now, machine.check());
            let changes = machine.counts().changes;
            if std::mem::replace(&mut self.changes[node.0 as usize], changes) < changes {
                self.change_began(node);
            }
        }
        for (node, command) in std::mem::take(&mut self.watch.answers) {
            let delay = self.random.below(self.swarm.state_delay_max.as_nanos() as u64);
            let life = self.lives[node.0 as usize];
            self.plan(now + Duration::from_nanos(delay), Action::Answer(node, life, command));
        }
        for node in std::mem::take(&mut self.watch.outside) {
            // Whoever leaves comes back when the fault ends that made it leave.
            if !self.is_leaving(node) || self.is_healed {
                let delay = Duration::from_millis(self.random.below(1000));
                self.plan(now + delay, Action::Join(node, self.lives[node.0 as usize]));
            }
        }
    }

    pub(super) fn is_leaving(&self, node: NodeId) -> bool {
        let mut leaving = self.active.values().filter(|fault| matches!(fault, Fault::Leave(_)));
        leaving.any(|fault| fault.named().contains(&node))
    }
}
