//! One node of a world: its machine, alarms, disk, and what waits to leave it.

use std::collections::{BTreeMap, VecDeque};

use machine::{After, Destination, Epoch, Instant, Machine, NodeId, Random};

use super::disk::{OwnDisk, Write};
use super::happening::Happening;

/// A send or a report that waits until all up to its position is durable.
#[derive(Debug)]
pub(super) enum Held<M: Machine> {
    Send(Destination, M::Message),
    Report(M::Report),
}

/// A commit under way.
#[derive(Debug)]
pub(super) struct Commit<M: Machine> {
    /// All up to here will be durable.
    pub upto: u64,
    /// The position before its first write to the common journal, if it has one.
    pub common_from: Option<u64>,
    /// Records that became visible when it began.
    pub appended: usize,
    pub own: Vec<Write<M>>,
    /// The snapshot of the common journal that it ends with, and the records before it.
    pub snapshot: Option<(M::Snapshot, Vec<M::Record>)>,
}

/// What the node's writer is doing.
#[derive(Debug)]
pub(super) enum Writer<M: Machine> {
    Idle,
    Committing(Commit<M>),
    Claiming,
}

/// The right to write to the common journal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Right {
    pub epoch: Epoch,
    /// The length of the chain that the claim read.
    pub read: usize,
}

pub(super) struct Slot<M: Machine> {
    /// None while it is down.
    pub machine: Option<M>,
    /// Rises with each start and each crash: what was scheduled for another life is void.
    pub life: u64,
    pub random: Random,
    pub alarms: BTreeMap<M::Alarm, Instant>,
    /// Its connections, each with its number.
    pub connected: BTreeMap<usize, u64>,
    /// Those of them that it has heard of.
    pub heard_of: BTreeMap<NodeId, u64>,
    /// The last connection to each node whose end it has heard of.
    pub ended: BTreeMap<NodeId, u64>,
    /// Inputs that wait while the node is paused; none if it is not.
    pub paused: Option<Vec<Happening<M>>>,
    pub own: OwnDisk<M>,
    pub right: Option<Right>,
    pub writes: VecDeque<(u64, Write<M>)>,
    pub writer: Writer<M>,
    /// What waits for all writes, and what waits for the node's own only.
    pub held: VecDeque<(u64, Held<M>)>,
    pub held_own: VecDeque<(u64, Held<M>)>,
    /// The position of the last write to the node's own journal.
    pub appended_own: u64,
    pub appended: u64,
    pub durable: u64,
}

impl<M: Machine> Slot<M> {
    pub fn new(random: Random) -> Self {
        Self {
            machine: None,
            life: 0,
            random,
            alarms: BTreeMap::new(),
            connected: BTreeMap::new(),
            heard_of: BTreeMap::new(),
            ended: BTreeMap::new(),
            paused: None,
            own: OwnDisk::new(),
            right: None,
            writes: VecDeque::new(),
            writer: Writer::Idle,
            held: VecDeque::new(),
            held_own: VecDeque::new(),
            appended_own: 0,
            appended: 0,
            durable: 0,
        }
    }

    /// Forgets all but the disk.
    pub fn forget(&mut self) {
        self.machine = None;
        self.life += 1;
        self.alarms.clear();
        self.connected.clear();
        self.heard_of.clear();
        self.ended.clear();
        self.paused = None;
        self.right = None;
        self.writes.clear();
        self.writer = Writer::Idle;
        self.held.clear();
        self.held_own.clear();
        self.appended_own = 0;
        self.appended = 0;
        self.durable = 0;
    }

    pub fn push(&mut self, write: Write<M>) {
        self.appended += 1;
        if matches!(write, Write::OwnRecord(_) | Write::OwnSnapshot(_)) {
            self.appended_own = self.appended;
        }
        self.writes.push_back((self.appended, write));
    }

    /// Whether nothing stands before what leaves now.
    pub fn may_pass(&self, after: After) -> bool {
        match after {
            After::Nothing => true,
            After::Own => self.durable >= self.appended_own && self.held_own.is_empty(),
            After::All => self.durable == self.appended && self.held.is_empty(),
        }
    }

    pub fn hold(&mut self, after: After, held: Held<M>) {
        match after {
            After::All => self.held.push_back((self.appended, held)),
            After::Own | After::Nothing => self.held_own.push_back((self.appended_own, held)),
        }
    }

    /// The next thing that waits for nothing any more.
    pub fn let_out(&mut self) -> Option<Held<M>> {
        let durable = self.durable;
        let is_due = |(position, _): &mut (u64, Held<M>)| *position <= durable;
        let next = self.held_own.pop_front_if(is_due).or_else(|| self.held.pop_front_if(is_due));
        next.map(|(_, held)| held)
    }

    pub fn write_own(&mut self, writes: Vec<Write<M>>) {
        for write in writes {
            match write {
                Write::OwnRecord(record) => self.own.records.push(record),
                Write::OwnSnapshot(snapshot) => {
                    self.own.snapshot = Some(snapshot);
                    self.own.records.clear();
                }
                Write::CommonRecord(_) | Write::CommonSnapshot(_) | Write::Claim(_) => {}
            }
        }
    }

    /// The common journal refused a commit that goes up to `upto`: what waited behind it is
    /// dropped, and so is what was still to be written there.
    pub fn refuse(&mut self, upto: u64) {
        self.right = None;
        self.durable = upto;
        self.held.clear();
        self.writes.retain(|(_, write)| {
            !matches!(write, Write::CommonRecord(_) | Write::CommonSnapshot(_))
        });
        // What comes next waits for what is left, and for nothing that was dropped.
        self.appended = self.writes.back().map_or(upto, |(position, _)| *position);
    }
}
