//! Who makes writes durable, and when.
//!
//! The loop hands over the writes of each turn. Where commits are quick it makes them itself: to
//! wake another thread and to be woken by it takes as long, and the core that it wants is busy with
//! whoever waits for the answers. Where they are slow, threads make them, so that the loop goes on
//! meanwhile. [`Pace`] tells which it is, from the last commits; a disk that falls asleep holds the
//! loop up for one commit, heartbeats with it, and only the next ones go to the threads. What takes long in any case
//! (snapshots, claims, many bytes) always goes there, and so do the many writes of a crowd, which has
//! more to say meanwhile.
//! With [`Durability::Memory`] a commit waits for nothing, and there are no threads.
//!
//! ```text
//!           small, and commits are quick, and the threads have nothing left
//! hand_over ------------------------------------> begin ----> settle ----> events, at once
//!     |  else                                     (the loop reads ahead)
//!     `--------> turns ------> a thread of the crew ---------------------> events, waker
//! ```
//!
//! A commit of the loop has two halves, between which the disk is at work and the loop reads what came
//! in meanwhile. It does not handle it: what is handled before this commit ends would be a group of
//! its own, and two small commits take longer than a large one.
//!
//! Writes are committed in the order in which they are handed over, whoever commits them: the loop
//! makes a commit only when all that it handed to the crew is done with, and it takes what the crew
//! told of that first.

mod crew;
mod pace;

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use machine::Journal;
use mio::Waker;
use store::Durability;

use self::crew::Crew;
use self::pace::Pace;
use crate::HostError;
use crate::clock::monotonic_ns;
use crate::journals::halves::UnderWay;
use crate::journals::{Event, Journals};
use crate::writes::Turn;

/// How many writes and bytes the loop commits by itself at most. Behind more of them stand more
/// nodes, and while a thread commits their writes the loop can hear what they say next.
const SMALL_MAX: (usize, usize) = (64, 64 << 10);

/// Who commits: the loop itself, or a crew of threads.
#[derive(Debug)]
pub(crate) struct Writer {
    desk: Arc<Desk>,
    crew: Option<Crew>,
    /// The loop's own commit that is under way, and how long it took so far.
    begun: Begun,
}

/// What commits are made with, by one at a time.
#[derive(Debug)]
struct Desk {
    tools: Mutex<Tools>,
    /// A commit that was under way has ended, or the last one failed.
    ended: Condvar,
}

#[derive(Debug)]
struct Tools {
    journals: Journals,
    pace: Pace,
    /// Nothing more will be durable, and it was told why.
    has_failed: bool,
}

impl Writer {
    /// A writer of `journals`; a thread calls `waker` when it has something to tell.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(journals: Journals, waker: Arc<Waker>) -> std::io::Result<Self> {
        let waits = journals.durability != Durability::Memory;
        let tools = Tools { journals, pace: Pace::default(), has_failed: false };
        let desk = Arc::new(Desk { tools: Mutex::new(tools), ended: Condvar::new() });
        let crew = waits.then(|| Crew::start(&desk, &waker)).transpose()?;
        Ok(Self { desk, crew, begun: None })
    }

    /// Hands over a turn's writes. What became of them is in `events` at once, or is told by
    /// [`Writer::settle`] or [`Writer::events`] later.
    pub fn hand_over(&mut self, turn: &mut Turn, events: &mut Vec<Event>) {
        // Writes are durable in the order in which they come.
        self.settle(events);
        let waits = self.crew.is_some();
        if let Some(crew) = &self.crew
            && (!turn.is_small(SMALL_MAX) || !crew.has_nothing_left())
        {
            return crew.hand_over(turn);
        }
        // All that the crew told stands before what is told now.
        self.events(events);
        // A thread has it only while it commits: not now.
        if let Ok(mut tools) = self.desk.tools.try_lock()
            && (!waits || tools.pace.is_quick())
        {
            let told = match turn.sole_journal() {
                Some(journal) if waits => tools.begin(journal, turn, events),
                _ => tools.commit(std::slice::from_ref(turn), &mut |event| events.push(event)),
            };
            turn.clear();
            match told {
                Ok(begun) => self.begun = begun,
                Err(error) => events.push(Event::Failed(error)),
            }
            return;
        }
        if let Some(crew) = &self.crew {
            crew.hand_over(turn);
        }
    }

    /// Whether the disk is at work for a commit that the loop has begun: what the loop does now costs
    /// no time.
    pub fn has_begun(&self) -> bool {
        self.begun.is_some()
    }

    /// Waits for the commit that the loop has begun.
    pub fn settle(&mut self, events: &mut Vec<Event>) {
        let Some((under_way, took)) = self.begun.take() else { return };
        let wait_ns = monotonic_ns();
        let arrived = under_way.wait();
        // A thread has it only while it commits: not now.
        let Ok(mut tools) = self.desk.tools.lock() else { return };
        tools.pace.took(took + since(wait_ns));
        let ended = tools.journals.end(arrived, &mut |event| events.push(event));
        tools.has_failed |= ended.is_err();
        events.extend(ended.err().map(Event::Failed));
    }

    /// Takes what has become known since the last call.
    pub fn events(&mut self, taken: &mut Vec<Event>) {
        if let Some(crew) = &self.crew {
            crew.events(taken);
        }
    }

    /// Ends the writer after all that was handed over is written. What became of it.
    pub fn finish(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        self.settle(&mut events);
        if let Some(crew) = &mut self.crew {
            events.extend(crew.finish());
        }
        events
    }
}

impl Tools {
    /// Makes one commit of these turns, while none is under way. There is none afterwards either.
    ///
    /// # Errors
    /// A journal failed.
    fn commit(&mut self, turns: &[Turn], tell: &mut dyn FnMut(Event)) -> Result<Begun, HostError> {
        let begin_ns = monotonic_ns();
        self.journals.write(turns.iter().flat_map(Turn::writes), tell)?;
        self.pace.took(since(begin_ns));
        Ok(None)
    }

    /// Begins a commit of this turn's records, or makes it if it has no halves.
    ///
    /// # Errors
    /// A journal failed.
    fn begin(
        &mut self,
        journal: Journal,
        turn: &Turn,
        events: &mut Vec<Event>,
    ) -> Result<Begun, HostError> {
        let begin_ns = monotonic_ns();
        let Some(under_way) = self.journals.begin(journal, turn.writes())? else {
            return self.commit(&[], &mut |event| events.push(event));
        };
        under_way.start();
        Ok(Some((under_way, since(begin_ns))))
    }
}

/// A commit that the loop has begun, if it has, and how long that took.
type Begun = Option<(UnderWay, Duration)>;

fn since(begin_ns: u64) -> Duration {
    Duration::from_nanos(monotonic_ns().saturating_sub(begin_ns))
}

#[cfg(test)]
mod tests {
    use machine::{Epoch, Journal, NodeId};
    use mio::{Poll, Token};

    use super::*;
    use crate::writes::Kind;

    const QUICK: Duration = Duration::from_micros(40);
    const SLOW: Duration = Duration::from_millis(1);

    fn turn_of(write: u64, kind: Kind, value: u64) -> Turn {
        let mut turn = Turn::default();
        turn.encode(&value).unwrap();
        turn.push(write, kind);
        turn
    }

    /// The loop and the thread take turns at it in any order: what was told, and what stands there.
    #[test]
    fn writes_are_durable_in_their_order_whoever_commits_them() {
        let folder = tempfile::tempdir().unwrap();
        let epoch = Epoch { counter: 1, node: NodeId(1) };
        let (own, _) = store::Journal::claim(folder.path(), epoch, Durability::Disk).unwrap();
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut writer =
            Writer::new(Journals::new(Some(own), None, Durability::Disk), waker).unwrap();
        let (mut events, mut at_once) = (Vec::new(), 0);
        for write in 1..=200_u64 {
            let kind = match write % 50 {
                1 => Kind::Snapshot(Journal::Own),
                _ => Kind::Record(Journal::Own),
            };
            if write % 7 < 4 {
                // As if the disk had been like this; the thread may have it just now.
                let pace = Pace::of(if write % 7 < 3 { QUICK } else { SLOW });
                writer.desk.tools.lock().unwrap().pace = pace;
            }
            let before = events.len();
            writer.hand_over(&mut turn_of(write, kind, write), &mut events);
            if write % 3 > 0 {
                // Otherwise the next turn's writes come first.
                writer.settle(&mut events);
            }
            let told = events[before..]
                .iter()
                .any(|event| matches!(event, Event::Durable(told) if *told == write));
            at_once += u32::from(told);
            assert!(!(told && matches!(kind, Kind::Snapshot(_))), "the loop took a snapshot");
            if write % 5 == 0 {
                // The thread comes to an end with what it has.
                while !writer.crew.as_ref().unwrap().has_nothing_left() {
                    std::thread::yield_now();
                }
            }
        }
        events.extend(writer.finish());
        let told: Vec<u64> = events
            .iter()
            .map(|event| match event {
                Event::Durable(write) => *write,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(told.is_sorted() && told.last() == Some(&200), "{told:?}");
        assert!((1..200).contains(&at_once), "the loop made {at_once} of 200 commits");
        drop(writer);
        let records = store::read(folder.path()).unwrap().unwrap().records;
        let stands: Vec<u64> =
            records.iter().map(|record| wire::from_bytes(record).unwrap()).collect();
        assert_eq!(stands, (152..=200).collect::<Vec<u64>>());
    }

    /// Commits that nobody may begin another one behind, and small ones among them.
    #[test]
    fn writes_are_durable_in_their_order_behind_full_commits() {
        let folder = tempfile::tempdir().unwrap();
        let epoch = Epoch { counter: 1, node: NodeId(1) };
        let slow = Durability::SlowedDisk(Duration::from_micros(500));
        let (own, _) = store::Journal::claim(folder.path(), epoch, slow).unwrap();
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        let mut writer = Writer::new(Journals::new(Some(own), None, slow), waker).unwrap();
        let (mut events, mut write) = (Vec::new(), 1);
        writer.hand_over(&mut turn_of(1, Kind::Snapshot(Journal::Own), 1), &mut events);
        for turn in 0..60 {
            let mut works = Turn::default();
            for _ in 0..[1, 70, 3, 200][turn % 4] {
                write += 1;
                works.encode(&write).unwrap();
                works.push(write, Kind::Record(Journal::Own));
            }
            writer.hand_over(&mut works, &mut events);
            // Now and then all of it comes to an end; else it piles up.
            while turn % 10 == 9 && !writer.crew.as_ref().unwrap().has_nothing_left() {
                std::thread::yield_now();
            }
        }
        events.extend(writer.finish());
        let told = events.iter().map(|event| match event {
            Event::Durable(write) => *write,
            other => panic!("{other:?}"),
        });
        let told: Vec<u64> = told.collect();
        assert!(told.is_sorted() && told.last() == Some(&write), "{told:?}");
        drop(writer);
        let records = store::read(folder.path()).unwrap().unwrap().records;
        let stands: Vec<u64> =
            records.iter().map(|record| wire::from_bytes(record).unwrap()).collect();
        assert_eq!(stands, (2..=write).collect::<Vec<u64>>());
    }
}
