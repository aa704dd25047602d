//! The orders of multicast beside each other, in simulated groups of any size: what a multicast
//! costs in messages, how long it takes, and what the crash of the coordinator does.
//!
//! Links take a fixed time and lose nothing, so figures are the protocols' own: a latency of two
//! delays is one round trip. Seed 003 asks for this comparison as theory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{Command, Counts, Delivery, Group, Order, Report, Settings};
use machine::{Incarnation, Instant, NodeId, Random};

use crate::engine::{Links, Network, Observer, World};

/// How long a message is on its way.
pub const DELAY: Duration = Duration::from_micros(100);
/// Multicasts of the quiet part, one after the other.
const QUIET_MULTICASTS: u64 = 40;
/// Rounds of the busy part: in each, one delay after the other, every member multicasts.
const BUSY_ROUNDS: u64 = 200;
/// After how long all that was sent is delivered everywhere: without losses, and with them, when
/// some of it is sent again and again.
const SETTLES: Duration = Duration::from_millis(100);
const SETTLES_WITH_LOSS: Duration = Duration::from_secs(5);
/// How long a group may take to form, in virtual time.
const FORMING_MAX: Duration = Duration::from_secs(60);

/// What was seen of one order in a group of one size.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The order.
    pub order: Order,
    /// When a message may be delivered.
    pub delivery: Delivery,
    /// Members of the group.
    pub members: u32,
    /// One multicast at a time.
    pub quiet: Load,
    /// All members multicast all the time.
    pub busy: Load,
    /// The coordinator dies while all multicast.
    pub crash: Crash,
}

/// What multicasts cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Messages between members for one multicast, heartbeats not counted.
    pub messages: f64,
    /// Of them, those that the busiest member sends or receives.
    pub messages_at_busiest: f64,
    /// Median time from the send to the delivery at the sender, in delays of a link.
    pub own_delays: f64,
    /// Median time from the send to the delivery at the others, in delays of a link.
    pub others_delays: f64,
}

/// What a crash costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Crash {
    /// The longest time that a survivor delivers nothing, in delays of a link.
    pub gap_delays: f64,
    /// Messages between members from the crash to the next view, heartbeats not counted.
    pub messages: u64,
}

/// Measures one order in a group of `members`, at least 3: with two, none is left to agree when one crashes.
///
/// # Errors
/// The group did not form, or a survivor did not deliver what was sent.
pub fn measure(order: Order, delivery: Delivery, members: u32) -> Result<Row, String> {
    measure_with(order, delivery, members, 0.0, 1)
}

/// The same on links that lose messages with this probability, drawn from a seed.
///
/// # Errors
/// The group did not form, or a survivor did not deliver what was sent.
pub fn measure_with(
    order: Order,
    delivery: Delivery,
    members: u32,
    loss: f64,
    seed: u64,
) -> Result<Row, String> {
    let mut bench = Bench::new(order, delivery, members, loss, seed);
    bench.form()?;
    let quiet = bench.load(members, |bench| {
        for turn in 0..QUIET_MULTICASTS {
            bench.multicast(NodeId(turn as u32 % members));
            bench.pass(bench.settles);
        }
    });
    let busy = bench.load(members, |bench| {
        bench.all_multicast(0, BUSY_ROUNDS);
        bench.pass(bench.settles);
    });
    bench.is_complete(0)?;
    let crash = bench.crash();
    bench.is_complete(1)?;
    Ok(Row { order, delivery, members, quiet, busy, crash })
}

struct Bench {
    world: World<Group>,
    watch: Watch,
    members: u32,
    /// After how long all that was sent is delivered everywhere.
    settles: Duration,
}

#[derive(Default)]
struct Watch {
    /// When each multicast was sent, and by whom.
    sent: Vec<(Instant, NodeId)>,
    /// Of each delivery: how long it took, and whether it was at the sender.
    took: Vec<(Duration, bool)>,
    /// What each node delivered, and when last and with which longest pause since then.
    delivered: BTreeMap<NodeId, BTreeSet<u64>>,
    last: BTreeMap<NodeId, Instant>,
    gap: Duration,
}

impl Observer<Group> for Watch {
    fn report(&mut self, now: Instant, node: NodeId, report: &Report) {
        let Report::Delivered { messages, .. } = report else { return };
        for message in messages.iter() {
            let Ok(number) = message.try_into().map(u64::from_le_bytes) else { continue };
            let (at, sender) = self.sent[number as usize];
            self.took.push((now.since(at), sender == node));
            self.delivered.entry(node).or_default().insert(number);
        }
        if let Some(last) = self.last.insert(node, now) {
            self.gap = self.gap.max(now.since(last));
        }
    }
}

impl Bench {
    fn new(order: Order, delivery: Delivery, members: u32, loss: f64, seed: u64) -> Self {
        let links = Links {
            delay_min: DELAY,
            delay_spread: Duration::ZERO,
            straggler_one_in: 0,
            loss,
            duplication: 0.0,
        };
        let network = Network::new(links, Random::from_seed(seed));
        let mut world = World::new(seed, members as usize, network, Duration::ZERO);
        let mut watch = Watch::default();
        for node in (0..members).map(NodeId) {
            let settings = Settings {
                order,
                delivery,
                transfers_state: false,
                ..Settings::new(node, Incarnation(1), "")
            };
            world.start(node, Group::new(settings), &mut watch);
        }
        let settles = if loss > 0.0 { SETTLES_WITH_LOSS } else { SETTLES };
        Self { world, watch, members, settles }
    }

    fn form(&mut self) -> Result<(), String> {
        self.pass(Duration::from_millis(10));
        self.world.command(NodeId(0), Command::Found);
        for node in (1..self.members).map(NodeId) {
            self.world.command(node, Command::Join(BTreeSet::from([NodeId(0)])));
        }
        while !self.is_formed() {
            if self.world.now() > Instant::ZERO + FORMING_MAX {
                return Err(format!("{} members did not form a group", self.members));
            }
            self.pass(Duration::from_millis(100));
        }
        Ok(())
    }

    fn is_formed(&self) -> bool {
        (0..self.members).map(NodeId).all(|node| {
            let view = self.world.machine(node).and_then(Group::view);
            view.is_some_and(|view| view.members.len() == self.members as usize)
        })
    }

    fn pass(&mut self, time: Duration) {
        let end = self.world.now() + time;
        while self.world.next_at().is_some_and(|next| next <= end) {
            self.world.step(&mut self.watch);
        }
        self.world.pass_until(end);
    }

    fn multicast(&mut self, node: NodeId) {
        let number = self.watch.sent.len() as u64;
        self.watch.sent.push((self.world.now(), node));
        let message = Bytes::copy_from_slice(&number.to_le_bytes());
        self.world.command(node, Command::Multicast(message));
    }

    fn all_multicast(&mut self, first: u32, rounds: u64) {
        for _ in 0..rounds {
            for node in (first..self.members).map(NodeId) {
                self.multicast(node);
            }
            self.pass(DELAY);
        }
    }

    fn counts(&self) -> Vec<Counts> {
        let machines = (0..self.members).map(|node| self.world.machine(NodeId(node)));
        machines.map(|machine| machine.map(Group::counts).unwrap_or_default()).collect()
    }

    /// What the multicasts of `run` cost.
    fn load(&mut self, members: u32, run: impl FnOnce(&mut Self)) -> Load {
        let (before, sent_before) = (self.counts(), self.watch.sent.len());
        self.watch.took.clear();
        run(self);
        let multicasts = (self.watch.sent.len() - sent_before) as f64;
        let mut handled = Vec::new();
        for (after, before) in self.counts().iter().zip(&before) {
            let of = |counts: &Counts| {
                (counts.sent - counts.heartbeats, counts.received - counts.heartbeats_received)
            };
            let (sent, received) = of(after);
            let (sent_before, received_before) = of(before);
            handled.push((sent - sent_before, received - received_before));
        }
        let busiest = handled.iter().map(|(sent, received)| sent + received).max();
        let median = |is_own: bool| {
            let took = self.watch.took.iter().filter(|(_, own)| *own == is_own);
            let mut took: Vec<_> = took.map(|(took, _)| *took).collect();
            took.sort_unstable();
            took.get(took.len() / 2).map_or(0.0, |took| delays(*took))
        };
        debug_assert_eq!(handled.len(), members as usize);
        Load {
            messages: handled.iter().map(|(sent, _)| sent).sum::<u64>() as f64 / multicasts,
            messages_at_busiest: busiest.unwrap_or_default() as f64 / multicasts,
            own_delays: median(true),
            others_delays: median(false),
        }
    }

    /// The coordinator dies in the middle of a busy stretch.
    fn crash(&mut self) -> Crash {
        // Pauses of what was measured before are none of the crash's.
        self.watch.last.clear();
        let now = self.world.now();
        self.watch.last.extend((1..self.members).map(|node| (NodeId(node), now)));
        self.all_multicast(1, 20);
        self.watch.gap = Duration::ZERO;
        let before = self.sent_by_survivors();
        self.world.crash(NodeId(0));
        // One round is enough to see that deliveries go on; it waits for the next view.
        self.all_multicast(1, 1);
        let mut messages = None;
        let view = |bench: &Self| bench.world.machine(NodeId(1)).and_then(Group::view).cloned();
        for _ in 0..10_000 {
            self.pass(DELAY);
            let has_passed = view(self).is_some_and(|view| view.position(NodeId(0)).is_none());
            if has_passed && messages.is_none() {
                messages = Some(self.sent_by_survivors().saturating_sub(before));
                break;
            }
        }
        self.all_multicast(1, 20);
        self.pass(self.settles);
        Crash { gap_delays: delays(self.watch.gap), messages: messages.unwrap_or_default() }
    }

    fn sent_by_survivors(&self) -> u64 {
        self.counts()[1..].iter().map(|counts| counts.sent - counts.heartbeats).sum()
    }

    /// Whether the members from `first` on delivered all that they sent.
    fn is_complete(&self, first: u32) -> Result<(), String> {
        for node in (first..self.members).map(NodeId) {
            let delivered = self.watch.delivered.get(&node);
            let missing = (0..self.watch.sent.len() as u64).find(|number| {
                self.watch.sent[*number as usize].1.0 >= first
                    && !delivered.is_some_and(|delivered| delivered.contains(number))
            });
            if let Some(number) = missing {
                let sender = self.watch.sent[number as usize].1;
                return Err(format!("{node} did not deliver multicast {number} of {sender}"));
            }
        }
        Ok(())
    }
}

fn delays(time: Duration) -> f64 {
    time.as_secs_f64() / DELAY.as_secs_f64()
}
