//! The world: what is due, and to whom it happens.

use std::collections::BinaryHeap;
use std::fmt::Write as _;
use std::time::Duration;

use machine::{Context, Input, Instant, Machine, Marks, NodeId, Random};

use super::disk::{Common, Contents};
use super::happening::{Happening, Scheduled};
use super::network::Network;
use super::slot::{Slot, Writer};

/// Someone who watches a world. Reports come when they leave their node: what they say is durable.
pub trait Observer<M: Machine> {
    /// A node reported something.
    fn report(&mut self, now: Instant, node: NodeId, report: &M::Report);

    /// A node appended this to its own journal; it is not durable yet.
    fn appended(&mut self, _node: NodeId, _record: &M::Record) {}

    /// A node replaced its own journal by this; it is not durable yet.
    fn replaced(&mut self, _node: NodeId, _snapshot: &M::Snapshot) {}
}

/// Machines on a virtual clock, network and disk.
pub struct World<M: Machine> {
    pub(super) now: Instant,
    pub(super) order: u64,
    queue: BinaryHeap<Scheduled<M>>,
    pub(super) slots: Vec<Slot<M>>,
    /// The network, to be cut and slowed.
    pub network: Network,
    pub(super) common: Common<M>,
    pub(super) random: Random,
    /// The longest time of a write.
    pub(super) disk_max: Duration,
    /// A node whose writes may take longer.
    pub(super) slow_disk: Option<(usize, Duration)>,
    trace: Option<String>,
    codec: Option<Codec<M>>,
    /// Messages delivered.
    pub delivered: u64,
    /// How often each rare path was taken.
    pub marks: Marks,
}

/// Encodes a message and decodes it again.
type Codec<M> = fn(&<M as Machine>::Message) -> Result<<M as Machine>::Message, String>;

impl<M: Machine> World<M> {
    /// A world of `nodes` nodes, all down, numbered from 0.
    pub fn new(seed: u64, nodes: usize, network: Network, disk_max: Duration) -> Self {
        let slot = |node| Slot::new(Random::fork(seed, 1000 + node as u64));
        Self {
            now: Instant::ZERO,
            order: 0,
            queue: BinaryHeap::new(),
            slots: (0..nodes).map(slot).collect(),
            network,
            common: Common::new(),
            random: Random::fork(seed, 1),
            disk_max,
            slow_disk: None,
            trace: None,
            codec: None,
            delivered: 0,
            marks: Marks::default(),
        }
    }

    /// Sends each message through its encoding from now on.
    pub fn encode_messages(&mut self, codec: Codec<M>) {
        self.codec = Some(codec);
    }

    pub(super) fn encoded(&self, body: M::Message) -> M::Message {
        match self.codec {
            // A message that does not survive its own encoding is a bug that no world hides.
            Some(codec) => codec(&body).expect("a message is decoded as it was encoded"),
            None => body,
        }
    }

    /// Writes down a line an event from now on.
    pub fn start_trace(&mut self) {
        self.trace = Some(String::new());
    }

    /// The lines so far.
    pub fn trace(&self) -> &str {
        self.trace.as_deref().unwrap_or_default()
    }

    /// Adds a line to the trace, if there is one.
    pub fn note(&mut self, line: std::fmt::Arguments<'_>) {
        if let Some(trace) = &mut self.trace {
            let micros = self.now.as_nanos() / 1000;
            // Writing to a string cannot fail.
            let _ = writeln!(trace, "{:>4}.{:06} {line}", micros / 1_000_000, micros % 1_000_000);
        }
    }

    /// Virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The machine of a node, while it is up.
    pub fn machine(&self, node: NodeId) -> Option<&M> {
        self.slots.get(node.0 as usize)?.machine.as_ref()
    }

    /// The common journal.
    pub fn common(&self) -> &Common<M> {
        &self.common
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Instant> {
        self.queue.peek().map(|scheduled| scheduled.at)
    }

    /// Lets time pass until `at`, if nothing is due before.
    pub fn pass_until(&mut self, at: Instant) {
        debug_assert!(self.next_at().is_none_or(|next| next >= at));
        self.now = self.now.max(at);
    }

    pub(super) fn schedule(&mut self, to: usize, delay: Duration, what: Happening<M>) {
        self.schedule_at(to, self.now + delay, what);
    }

    pub(super) fn schedule_at(&mut self, to: usize, at: Instant, what: Happening<M>) {
        let (life, order) = (self.slots[to].life, self.order);
        self.order += 1;
        self.queue.push(Scheduled { at: at.max(self.now), order, to, life, what });
    }

    /// Starts a node that is down, with what its disk holds.
    pub fn start(&mut self, node: NodeId, machine: M, observer: &mut impl Observer<M>) {
        let index = node.0 as usize;
        self.slots[index].forget();
        self.slots[index].machine = Some(machine);
        self.note(format_args!("{node:>3} starts"));
        let own = &self.slots[index].own;
        let (snapshot, records) = (own.snapshot.clone(), own.records.clone());
        let contents = Contents { snapshot, records };
        self.hand_over(index, machine::Journal::Own, contents, observer);
        self.input(index, Input::Start, observer);
        for other in 0..self.slots.len() {
            self.connect(index, other);
        }
    }

    /// Ends a node without warning.
    pub fn crash(&mut self, node: NodeId) {
        let index = node.0 as usize;
        self.note(format_args!("{node:>3} crashes"));
        if self.is_paused(node) {
            self.marks.hit(super::marks::KILLED_WHILE_PAUSED);
        }
        self.tear(index);
        let connected = std::mem::take(&mut self.slots[index].connected);
        self.slots[index].forget();
        for other in connected.into_keys() {
            // The end of a connection does not pass a cut; the other end finds out by silence, or
            // when the way is open again.
            if self.network.is_open(node, NodeId(other as u32)) {
                self.disconnect(other, node);
            }
        }
    }

    /// Makes the writes of this node, and of no other, take up to `most`.
    pub fn slow_disk(&mut self, node: Option<NodeId>, most: Duration) {
        self.slow_disk = node.map(|node| (node.0 as usize, most));
    }

    /// What stands in a node's own journal: the snapshot, and the records behind it.
    pub fn own_journal(&self, node: NodeId) -> (Option<&M::Snapshot>, &[M::Record]) {
        let own = &self.slots[node.0 as usize].own;
        (own.snapshot.as_ref(), &own.records)
    }

    /// Whether all that a node wrote to its own journal is durable.
    pub fn has_own_writes_done(&self, node: NodeId) -> bool {
        let slot = &self.slots[node.0 as usize];
        slot.durable >= slot.appended_own
    }

    /// Whether all that a node wrote anywhere is durable.
    pub fn has_writes_done(&self, node: NodeId) -> bool {
        let slot = &self.slots[node.0 as usize];
        slot.durable >= slot.appended
    }

    /// Whether a node was ever up.
    pub fn has_started(&self, node: NodeId) -> bool {
        self.slots[node.0 as usize].life > 0
    }

    /// Whether a node is up.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.machine(node).is_some()
    }

    /// Stops a node in its tracks.
    pub fn pause(&mut self, node: NodeId) {
        self.note(format_args!("{node:>3} pauses"));
        self.slots[node.0 as usize].paused.get_or_insert_default();
    }

    /// Lets a paused node go on: all that waited happens to it now, in order.
    pub fn resume(&mut self, node: NodeId) {
        self.note(format_args!("{node:>3} goes on"));
        let waiting = self.slots[node.0 as usize].paused.take().unwrap_or_default();
        for what in waiting {
            self.schedule(node.0 as usize, Duration::ZERO, what);
        }
    }

    /// Gives a node a command.
    pub fn command(&mut self, node: NodeId, command: M::Command) {
        self.schedule(
            node.0 as usize,
            Duration::ZERO,
            Happening::Input(Box::new(Input::Command(command))),
        );
    }

    /// Gives a node a command that it handles now. False if it is down or paused.
    pub fn act(
        &mut self,
        node: NodeId,
        command: M::Command,
        observer: &mut impl Observer<M>,
    ) -> bool {
        let is_awake = self.is_up(node) && !self.is_paused(node);
        if is_awake {
            self.input(node.0 as usize, Input::Command(command), observer);
        }
        is_awake
    }

    /// Whether a node is stopped in its tracks.
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.slots[node.0 as usize].paused.is_some()
    }

    /// Lets the next thing happen; the node that it happened to, if its machine did something.
    pub fn step(&mut self, observer: &mut impl Observer<M>) -> Option<NodeId> {
        let Scheduled { at, to, life, what, .. } = self.queue.pop()?;
        self.now = at;
        let slot = &mut self.slots[to];
        if slot.life != life || slot.machine.is_none() {
            return None;
        }
        if let Some(waiting) = &mut slot.paused {
            waiting.push(what);
            return None;
        }
        match what {
            Happening::Input(input) => self.input(to, *input, observer),
            Happening::Opened(node, number) => self.opened(to, node, number, observer),
            Happening::Closed(node, number) => self.closed(to, node, number, observer),
            Happening::Alarm(alarm) => {
                // Set again or cleared since this was scheduled, it goes off another time.
                if slot.alarms.get(&alarm).is_none_or(|&due| due > at) {
                    return None;
                }
                slot.alarms.remove(&alarm);
                self.input(to, Input::Alarm(alarm), observer);
            }
            Happening::Committed => self.committed(to, observer),
            Happening::Read(epoch, contents, read) => {
                self.slots[to].right = Some(super::slot::Right { epoch, read });
                self.slots[to].writer = Writer::Idle;
                self.hand_over(to, machine::Journal::Common, *contents, observer);
                self.input(to, Input::Claimed(epoch), observer);
                self.write_on(to, observer);
            }
        }
        Some(NodeId(to as u32))
    }

    fn hand_over(
        &mut self,
        to: usize,
        journal: machine::Journal,
        contents: Contents<M>,
        observer: &mut impl Observer<M>,
    ) {
        if let Some(snapshot) = contents.snapshot {
            self.input(to, Input::Restore { journal, snapshot }, observer);
        }
        for record in contents.records {
            self.input(to, Input::Replay { journal, record }, observer);
        }
    }

    pub(super) fn input(&mut self, to: usize, input: Input<M>, observer: &mut impl Observer<M>) {
        if self.trace.is_some() && !matches!(input, Input::Replay { .. } | Input::Restore { .. }) {
            self.note(format_args!("{to:>3} < {input:?}"));
        }
        if matches!(input, Input::Message { .. }) {
            self.delivered += 1;
        }
        let slot = &mut self.slots[to];
        let Some(machine) = &mut slot.machine else { return };
        let mut effects = Vec::new();
        let cx = Context::new(self.now, &mut slot.random, &mut effects);
        machine.handle(input, &mut cx.marking(&mut self.marks));
        self.carry_out(to, effects, observer);
    }

    pub(super) fn is_tracing(&self) -> bool {
        self.trace.is_some()
    }
}
