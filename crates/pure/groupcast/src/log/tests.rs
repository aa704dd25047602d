//! Whole worlds of voters on a network that loses, repeats and reorders, and that crash with some
//! of what they wrote: whatever was committed stays.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Effect, Instant, Random};

use super::*;

/// A list of numbers, each appended once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct List(Vec<u32>);

impl Content for List {
    type Entry = u32;
    fn apply(&mut self, entry: &u32) {
        self.0.push(*entry);
    }
    /// Some do not fit with others, and some not at all.
    fn entry_bytes(entry: &u32) -> usize {
        match entry % 8 {
            0 => 99,
            4 => 7,
            _ => 1,
        }
    }
    fn parts(&self) -> u64 {
        0
    }
    fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|number| number.to_be_bytes()).collect()
    }
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let numbers = bytes.chunks(4).map(|four| Some(u32::from_be_bytes(four.try_into().ok()?)));
        numbers.collect::<Option<_>>().map(Self)
    }
}

type Voter = Log<List>;

#[derive(Default)]
struct Disk {
    snapshot: Option<Snapshot<List>>,
    records: Vec<Record<u32>>,
    /// Written, and not yet durable.
    unsynced: Vec<Result<Snapshot<List>, Record<u32>>>,
    /// What waits for that.
    held: Vec<(NodeId, NodeId, Message<u32>)>,
}

impl Disk {
    /// Makes the first so many writes durable.
    fn sync(&mut self, writes: usize) {
        for write in self.unsynced.drain(..writes) {
            match write {
                Ok(snapshot) => {
                    self.snapshot = Some(snapshot);
                    self.records.clear();
                }
                Err(record) => self.records.push(record),
            }
        }
    }
}

struct Cluster {
    settings: Settings,
    voters: BTreeMap<NodeId, Voter>,
    disks: BTreeMap<NodeId, Disk>,
    wire: Vec<(NodeId, NodeId, Message<u32>)>,
    alarms: BTreeSet<(NodeId, Alarm)>,
    random: Random,
    counter: u64,
    next: u32,
    /// What anybody reported as committed.
    committed: Vec<u32>,
    claims: u64,
}

impl Cluster {
    fn new(seed: u64, voters: u32) -> Self {
        let voters: BTreeSet<_> = (1..=voters).map(NodeId).collect();
        let settings = Settings {
            me: NodeId(0),
            voters: voters.clone(),
            resend: Duration::from_millis(100),
            entries_max: 3,
            part_bytes_max: 10,
            snapshot_every: 7,
        };
        let mut cluster = Self {
            settings,
            voters: BTreeMap::new(),
            disks: voters.iter().map(|node| (*node, Disk::default())).collect(),
            wire: Vec::new(),
            alarms: BTreeSet::new(),
            random: Random::from_seed(seed),
            counter: 0,
            next: 0,
            committed: Vec::new(),
            claims: 0,
        };
        voters.into_iter().for_each(|node| cluster.start(node));
        cluster
    }

    fn start(&mut self, node: NodeId) {
        let settings = Settings { me: node, ..self.settings.clone() };
        self.voters.insert(node, Log::new(settings, List::default()));
        let disk = &self.disks[&node];
        let journal = Journal::Own;
        let snapshot = disk.snapshot.clone().map(|snapshot| Input::Restore { journal, snapshot });
        let records = disk.records.clone().into_iter();
        let records = records.map(|record| Input::Replay { journal, record });
        let inputs: Vec<_> = snapshot.into_iter().chain(records).chain([Input::Start]).collect();
        inputs.into_iter().for_each(|input| self.input(node, input));
    }

    fn crash(&mut self, node: NodeId) {
        self.voters.remove(&node);
        self.alarms.retain(|(at, _)| *at != node);
        let Some(disk) = self.disks.get_mut(&node) else { return };
        let kept = self.random.below(disk.unsynced.len() as u64 + 1) as usize;
        disk.sync(kept);
        disk.unsynced.clear();
        disk.held.clear();
    }

    fn input(&mut self, node: NodeId, input: Input<Voter>) {
        let Some(voter) = self.voters.get_mut(&node) else { return };
        let mut effects = Vec::new();
        voter.handle(input, &mut Context::new(Instant::ZERO, &mut self.random, &mut effects));
        voter.check().unwrap();
        let disk = self.disks.get_mut(&node).unwrap();
        for effect in effects {
            match effect {
                Effect::Persist { record, .. } => disk.unsynced.push(Err(record)),
                Effect::Snapshot { snapshot, .. } => disk.unsynced.push(Ok(snapshot)),
                Effect::Send { to, body, after } => {
                    if let Message::Append { entries, .. } = &body {
                        let bytes: usize = entries.iter().map(List::entry_bytes).sum();
                        let fits = entries.len() <= 3 && bytes <= self.settings.part_bytes_max;
                        assert!(entries.len() == 1 || fits, "{entries:?}");
                    }
                    let sends = to.nodes().iter().map(|to| (node, *to, body.clone()));
                    match after == After::Own && !disk.unsynced.is_empty() {
                        true => disk.held.extend(sends),
                        false => self.wire.extend(sends),
                    }
                }
                Effect::Set { alarm, .. } => drop(self.alarms.insert((node, alarm))),
                Effect::Clear(alarm) => drop(self.alarms.remove(&(node, alarm))),
                Effect::Claim(_) => panic!("it has one journal"),
                Effect::Report { report: Report::Claimed(_, content), .. } => {
                    self.claims += 1;
                    assert_eq!(content.0.get(..self.committed.len()), Some(&self.committed[..]));
                }
                Effect::Report { report: Report::Committed(length), .. } => {
                    let content = &voter.content().0[..length as usize];
                    let known = self.committed.len().min(content.len());
                    assert_eq!(content[..known], self.committed[..known]);
                    self.committed.extend(&content[known..]);
                }
                Effect::Report { report: Report::Refused(_), .. } => {}
            }
        }
    }

    fn sync(&mut self, node: NodeId) {
        let disk = self.disks.get_mut(&node).unwrap();
        disk.sync(disk.unsynced.len());
        self.wire.append(&mut disk.held);
    }

    fn claim(&mut self, node: NodeId) {
        if self.voters.contains_key(&node) {
            self.counter += 1;
            let epoch = Epoch { counter: self.counter, node };
            self.input(node, Input::Command(Command::Claim(epoch)));
        }
    }

    fn deliver(&mut self, index: usize) {
        let (from, to, body) = self.wire.swap_remove(index);
        self.input(to, Input::Message { from, body });
    }

    fn append(&mut self, node: NodeId) {
        if self.voters.get(&node).is_some_and(|voter| voter.leads().is_some()) {
            self.next += 1;
            self.input(node, Input::Command(Command::Append(self.next)));
        }
    }

    fn step(&mut self) {
        let nodes: Vec<NodeId> = self.disks.keys().copied().collect();
        let node = *self.random.pick(&nodes).unwrap();
        match self.random.below(200) {
            0 => self.claim(node),
            1 => self.crash(node),
            2..=6 if !self.voters.contains_key(&node) => self.start(node),
            7..=40 => self.sync(node),
            41..=60 => self.append(node),
            61..=75 => {
                let due: Vec<_> = self.alarms.iter().copied().collect();
                if let Some(&(node, alarm)) = self.random.pick(&due) {
                    self.alarms.remove(&(node, alarm));
                    self.input(node, Input::Alarm(alarm));
                }
            }
            fate if !self.wire.is_empty() => {
                let index = self.random.below(self.wire.len() as u64) as usize;
                match fate {
                    76..=79 => drop(self.wire.swap_remove(index)),
                    80..=83 => self.wire.push(self.wire[index].clone()),
                    _ => self.deliver(index),
                }
            }
            _ => {}
        }
    }

    /// From now on all works: someone leads, all follow, all have the same.
    fn settle(&mut self) {
        for node in self.disks.keys().copied().collect::<Vec<_>>() {
            if !self.voters.contains_key(&node) {
                self.start(node);
            }
        }
        self.claim(NodeId(1));
        for _ in 0..1_000 {
            for node in self.disks.keys().copied().collect::<Vec<_>>() {
                self.sync(node);
            }
            if self.wire.is_empty() {
                for (node, alarm) in std::mem::take(&mut self.alarms) {
                    self.input(node, Input::Alarm(alarm));
                }
            }
            while !self.wire.is_empty() {
                self.deliver(self.wire.len() - 1);
            }
        }
        self.append(NodeId(1));
        self.alarms.remove(&(NodeId(1), Alarm::Flush));
        self.input(NodeId(1), Input::Alarm(Alarm::Flush));
        for _ in 0..4 {
            self.disks.keys().copied().collect::<Vec<_>>().into_iter().for_each(|n| self.sync(n));
            while !self.wire.is_empty() {
                self.deliver(0);
            }
        }
    }
}

#[test]
fn what_was_committed_stays_in_its_place_whatever_happens() {
    let (mut committed, mut claims) = (0, 0);
    for seed in 0..400 {
        let mut cluster = Cluster::new(seed, [1, 2, 3, 3, 5][seed as usize % 5]);
        (0..3_000).for_each(|_| cluster.step());
        cluster.settle();
        assert_eq!(cluster.committed.last(), Some(&cluster.next), "seed {seed}: the last one");
        for (node, voter) in &cluster.voters {
            assert_eq!(voter.content().0, cluster.committed, "seed {seed}: all of it at {node}");
        }
        committed += cluster.committed.len();
        claims += cluster.claims;
    }
    assert!(committed > 10_000 && claims > 1_500, "{committed} entries, {claims} leaders");
}

#[test]
fn a_voter_that_lacks_more_than_is_kept_is_given_the_whole() {
    let mut cluster = Cluster::new(1, 3);
    cluster.settle();
    cluster.crash(NodeId(3));
    let count = ENTRIES_KEPT_MAX as u32 + 10;
    for _ in 0..count {
        cluster.append(NodeId(1));
        cluster.input(NodeId(1), Input::Alarm(Alarm::Flush));
        cluster.sync(NodeId(1));
        while !cluster.wire.is_empty() {
            cluster.deliver(0);
            cluster.sync(NodeId(2));
        }
    }
    cluster.start(NodeId(3));
    cluster.sync(NodeId(3));
    cluster.input(NodeId(1), Input::Opened(NodeId(3)));
    let mut fetches = 0;
    while !cluster.wire.is_empty() {
        fetches += u32::from(matches!(cluster.wire[0].2, Message::Fetch(_)));
        cluster.deliver(0);
        cluster.sync(NodeId(3));
    }
    assert!(fetches > 0, "it was told to fetch");
    assert_eq!(cluster.voters[&NodeId(3)].content(), cluster.voters[&NodeId(1)].content());
}

#[test]
fn an_epoch_is_led_once_and_by_its_node() {
    let mut cluster = Cluster::new(1, 1);
    let me = NodeId(1);
    let claim = |counter, node| Input::Command(Command::Claim(Epoch { counter, node }));
    cluster.input(me, claim(5, NodeId(2)));
    assert!(cluster.wire.is_empty(), "not its epoch");
    cluster.input(me, claim(5, me));
    for _ in 0..3 {
        cluster.sync(me);
        while !cluster.wire.is_empty() {
            cluster.deliver(0);
        }
    }
    assert_eq!(cluster.voters[&me].leads(), Some(Epoch { counter: 5, node: me }));
    assert_eq!(cluster.voters[&me].committed(), Some(0));
    cluster.crash(me);
    cluster.start(me);
    cluster.input(me, claim(5, me));
    assert!(cluster.wire.is_empty(), "that was another life of it");
}
