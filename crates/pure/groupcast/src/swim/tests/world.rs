//! A small network in virtual time: delays, loss, slow and parted nodes, all from one seed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};

use super::super::*;

pub const PERIOD: Duration = Duration::from_secs(1);

pub struct World {
    pub now: Instant,
    pub machines: BTreeMap<NodeId, Swim>,
    /// What is to happen, in the order of time, then of cause.
    events: BTreeMap<(Instant, u64), (NodeId, Event)>,
    alarms: BTreeMap<(NodeId, Alarm), (Instant, u64)>,
    next: u64,
    random: Random,
    /// How likely a message is lost.
    pub loss: f64,
    /// Whose messages take this much longer.
    pub slow: BTreeMap<NodeId, Duration>,
    /// Who hears and is heard by one another only.
    pub parted: BTreeSet<NodeId>,
    pub sent: u64,
    pub reports: BTreeMap<NodeId, Vec<Report>>,
}

enum Event {
    Message(NodeId, Message),
    Alarm(Alarm),
}

impl World {
    /// Machines 1 to `size`, all started; 1 is the others' seed.
    pub fn new(size: u32, seed: u64) -> Self {
        let mut world = Self {
            now: Instant::ZERO,
            machines: BTreeMap::new(),
            events: BTreeMap::new(),
            alarms: BTreeMap::new(),
            next: 0,
            random: Random::from_seed(seed),
            loss: 0.0,
            slow: BTreeMap::new(),
            parted: BTreeSet::new(),
            sent: 0,
            reports: BTreeMap::new(),
        };
        (1..=size).for_each(|node| world.start(node, size, 1));
        world
    }

    pub fn start(&mut self, node: u32, size: u32, life: u64) {
        let mut settings = Settings::new(NodeId(node), PERIOD, size);
        settings.seeds = vec![NodeId(1)];
        self.machines.insert(NodeId(node), Swim::new(settings, Incarnation(life)));
        self.input(NodeId(node), Input::Start);
    }

    /// The process is gone, with its timers.
    pub fn crash(&mut self, node: u32) {
        self.machines.remove(&NodeId(node));
        self.alarms.retain(|(owner, _), key| {
            let keep = owner.0 != node;
            if !keep {
                self.events.remove(key);
            }
            keep
        });
    }

    pub fn input(&mut self, node: NodeId, input: Input<Swim>) {
        let Some(machine) = self.machines.get_mut(&node) else { return };
        let mut effects = Vec::new();
        machine.handle(input, &mut Context::new(self.now, &mut self.random, &mut effects));
        assert_eq!(machine.check(), Ok(()));
        for effect in effects {
            self.effect(node, effect);
        }
    }

    fn effect(&mut self, node: NodeId, effect: Effect<Swim>) {
        match effect {
            Effect::Send { to, body, .. } => {
                for &to in to.nodes() {
                    self.send(node, to, body.clone());
                }
            }
            Effect::Set { alarm, at } => {
                self.clear(node, alarm);
                let key = self.enter(at, node, Event::Alarm(alarm));
                self.alarms.insert((node, alarm), key);
            }
            Effect::Clear(alarm) => self.clear(node, alarm),
            Effect::Report { report, .. } => self.reports.entry(node).or_default().push(report),
            other => panic!("SWIM asks for {other:?}"),
        }
    }

    fn send(&mut self, from: NodeId, to: NodeId, body: Message) {
        self.sent += 1;
        let parted = self.parted.contains(&from) != self.parted.contains(&to);
        if parted || self.random.chance(self.loss) {
            return;
        }
        let slow = self.slow.get(&from).copied().unwrap_or_default();
        let delay = Duration::from_micros(self.random.between(100, 5_000)) + slow;
        self.enter(self.now + delay, to, Event::Message(from, body));
    }

    fn enter(&mut self, at: Instant, node: NodeId, event: Event) -> (Instant, u64) {
        self.next += 1;
        self.events.insert((at, self.next), (node, event));
        (at, self.next)
    }

    fn clear(&mut self, node: NodeId, alarm: Alarm) {
        if let Some(key) = self.alarms.remove(&(node, alarm)) {
            self.events.remove(&key);
        }
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(entry) = self.events.first_entry()
            && entry.key().0 <= end
        {
            let ((at, _), (node, event)) = entry.remove_entry();
            self.now = at;
            let input = match event {
                Event::Message(from, body) => Input::Message { from, body },
                Event::Alarm(alarm) => {
                    self.alarms.remove(&(node, alarm));
                    Input::Alarm(alarm)
                }
            };
            self.input(node, input);
        }
        self.now = end;
    }

    /// Whether each machine's list is exactly the other machines.
    pub fn agrees(&self) -> bool {
        self.machines.iter().all(|(node, machine)| {
            let others = self.machines.keys().copied().filter(|other| other != node);
            machine.members().eq(others)
        })
    }

    /// How often this was reported, by anybody.
    pub fn count(&self, report: Report) -> usize {
        self.reports.values().flatten().filter(|&&it| it == report).count()
    }
}
