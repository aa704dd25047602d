//! Who makes writes durable, and when.
//!
//! The loop hands over the writes of each turn, and a crew of threads commits them, so that the loop
//! goes on meanwhile. Where commits are quick the loop's own thread makes the small ones: to wake
//! another and to be woken by it takes as long, and the core that it wants is busy with whoever waits
//! for the answers. For such an [`Errand`] it leaves the loop, which another thread goes on with if the
//! disk takes long. [`Pace`] tells how quick commits are, from the last ones. What takes long in any
//! case (snapshots, claims, many bytes) is always the crew's, and so are the many writes of a crowd,
//! which has more to say meanwhile.
//! With [`Durability::Memory`](store::Durability::Memory) a commit waits for nothing, unless it is a
//! database's, and there are no threads.
//!
//! ```text
//!        small, commits are quick, and nothing is left of what came before
//! lend  ------------------------------------------------------------------> Errand --.
//!     |  else                                                                        |
//! hand_over --> queue --> a thread of the crew ------------------------------------> Hand --> events
//! ```
//!
//! Writes are committed in the order in which they are handed over, whoever commits them: whoever
//! makes a commit writes it before anybody takes what comes behind it.

mod crew;
mod hand;
mod pace;
mod queue;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use mio::Waker;

use self::crew::Crew;
use self::hand::{Begun, Hand};
use self::pace::Pace;
use self::queue::Queue;
use crate::clock::monotonic_ns;
use crate::journals::{Event, Journals};
use crate::standby;
use crate::writes::Turn;

/// How many writes and bytes the loop's thread commits by itself at most. Behind more of them stand
/// more nodes, and while a thread of the crew commits their writes the loop can hear what they say
/// next.
const SMALL_MAX: (usize, usize) = (64, 64 << 10);

/// Who commits what the loop hands over.
#[derive(Debug)]
pub(crate) struct Writer {
    hand: Hand,
    events: Receiver<Event>,
    crew: Option<Crew>,
}

/// Where commits are made.
#[derive(Debug)]
struct Desk {
    queue: Queue,
    tools: Mutex<Tools>,
    /// A commit that was under way has ended, or the last one failed.
    ended: Condvar,
}

/// What commits are made with, by one at a time.
#[derive(Debug)]
struct Tools {
    journals: Journals,
    pace: Pace,
    /// Nothing more will be durable, and it was told why.
    has_failed: bool,
}

/// A commit that the loop's own thread makes, without the loop.
#[derive(Debug)]
#[must_use = "its writes are made durable by whoever has it"]
pub(crate) struct Errand {
    hand: Hand,
    turns: Vec<Turn>,
    begun: Option<Begun>,
    is_done: bool,
}

impl Writer {
    /// A writer of `journals`; a thread calls `waker` when it has something to tell.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn new(journals: Journals, waker: &Arc<Waker>) -> std::io::Result<Self> {
        let waits = journals.wait_for_disk();
        let tools = Mutex::new(Tools { journals, pace: Pace::default(), has_failed: false });
        let desk = Desk { queue: Queue::default(), tools, ended: Condvar::new() };
        let (told, events) = channel();
        let hand = Hand { desk: Arc::new(desk), told, waker: None };
        let crew = waits.then(|| Crew::start(&hand, waker)).transpose()?;
        Ok(Self { hand, events, crew })
    }

    /// Whether a commit waits for the disk.
    pub fn waits(&self) -> bool {
        self.crew.is_some()
    }

    /// Gives the loop's thread the writes of a turn to commit, if it had better do it by itself.
    pub fn lend(&self, turn: &mut Turn) -> Option<Errand> {
        if !self.waits() || !turn.is_small(SMALL_MAX) || turn.sole_journal().is_none() {
            return None;
        }
        let turns = self.hand.desk.queue.pass(turn)?;
        Some(Errand { hand: self.hand.clone(), turns, begun: None, is_done: false })
    }

    /// Hands over a turn's writes. What becomes of them is among the [events](Self::events), of
    /// which the waker tells if they do not come at once.
    pub fn hand_over(&self, turn: &mut Turn) {
        if self.waits() {
            return self.hand.desk.queue.push(turn);
        }
        // It waits for nothing, and a failure is told.
        let _ = self.hand.commit(turn);
        turn.clear();
    }

    /// Takes what has become known since the last call.
    pub fn events(&self, taken: &mut Vec<Event>) {
        taken.extend(self.events.try_iter());
    }

    /// Ends the writer after all that was handed over is written. What became of it.
    pub fn finish(&mut self) -> Vec<Event> {
        drop(self.crew.take());
        self.events.try_iter().collect()
    }
}

impl standby::Errand for Errand {
    /// Writes, and has the disk begin. If it is at work then, what is done until the end costs no
    /// time.
    fn begin(&mut self) -> bool {
        // A failure is among the events.
        self.begun = self.hand.begin(&self.turns);
        self.is_done = !matches!(self.begun, Some(Begun::UnderWay(..)));
        if let Some(Begun::UnderWay(under_way, _)) = &self.begun {
            under_way.start();
        }
        !self.is_done
    }

    /// Waits for the disk. What became of the writes is among the events then.
    fn end(mut self) {
        if let Some(begun) = self.begun.take() {
            let _ = self.hand.end(begun, &self.turns);
            self.is_done = true;
        }
    }
}

impl Drop for Errand {
    /// The crew waits for it, and does not hear of a panic of another thread than its own.
    fn drop(&mut self) {
        if !self.is_done {
            self.hand.give_up();
        }
    }
}

fn since(begin_ns: u64) -> Duration {
    Duration::from_nanos(monotonic_ns().saturating_sub(begin_ns))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use machine::{Epoch, Journal, NodeId};
    use mio::{Poll, Token};
    use store::Durability;

    use super::*;
    use crate::standby::Errand as _;
    use crate::writes::Kind;

    /// A writer of an own journal in this directory.
    fn writer(folder: &Path, durability: Durability) -> (Writer, Poll) {
        let epoch = Epoch { counter: 1, node: NodeId(1) };
        let (own, _) = store::Journal::claim(folder, epoch, durability).unwrap();
        let poll = Poll::new().unwrap();
        let waker = Arc::new(Waker::new(poll.registry(), Token(0)).unwrap());
        (Writer::new(Journals::new(Some(own), None, durability), &waker).unwrap(), poll)
    }

    fn turn_of(first: u64, writes: u64, kind: Kind) -> Turn {
        let mut turn = Turn::default();
        for write in first..first + writes {
            turn.encode(&write).unwrap();
            turn.push(write, kind);
        }
        turn
    }

    fn come_to_rest(writer: &Writer) {
        while !writer.hand.desk.queue.is_at_rest() {
            std::thread::yield_now();
        }
    }

    /// What was told, each later than the one before it, and what stands there.
    fn ended(mut writer: Writer, mut events: Vec<Event>, folder: &Path) -> (u64, Vec<u64>) {
        events.extend(writer.finish());
        let told = events.iter().map(|event| match event {
            Event::Durable(write) => *write,
            other => panic!("{other:?}"),
        });
        let told: Vec<u64> = told.collect();
        assert!(told.is_sorted_by(|one, other| one < other), "{told:?}");
        let records = store::read(folder).unwrap().unwrap().records;
        let stands = records.iter().map(|record| wire::from_bytes(record).unwrap());
        (told.last().copied().unwrap(), stands.collect())
    }

    /// The loop's thread and the crew take turns at it in any order, and the errand takes as long as
    /// it likes.
    #[test]
    fn writes_are_durable_in_their_order_whoever_commits_them() {
        let folder = tempfile::tempdir().unwrap();
        let (writer, _poll) = writer(folder.path(), Durability::Disk);
        let (mut events, mut errands) = (Vec::new(), 0);
        let mut errand = None;
        for write in 1..=200_u64 {
            let kind = match write % 50 {
                1 => Kind::Snapshot(Journal::Own),
                _ => Kind::Record(Journal::Own),
            };
            if write % 7 < 4 {
                writer.hand.desk.queue.set_quick(write % 7 < 3);
            }
            let mut turn = turn_of(write, 1, kind);
            match writer.lend(&mut turn) {
                Some(mut lent) => {
                    assert!(errand.is_none(), "one at a time");
                    assert!(!matches!(kind, Kind::Snapshot(_)), "the loop took a snapshot");
                    errands += 1;
                    if lent.begin() {
                        errand = Some(lent);
                    }
                }
                None => writer.hand_over(&mut turn),
            }
            if write % 3 > 0
                && let Some(errand) = errand.take()
            {
                // Otherwise the next turn's writes come first.
                errand.end();
            }
            writer.events(&mut events);
            if write % 5 == 0 && errand.is_none() {
                come_to_rest(&writer);
            }
        }
        if let Some(errand) = errand {
            errand.end();
        }
        assert!((1..200).contains(&errands), "the loop made {errands} of 200 commits");
        let (told, stands) = ended(writer, events, folder.path());
        assert_eq!((told, stands), (200, (152..=200).collect()));
    }

    /// Small commits and large ones, several at a time.
    #[test]
    fn writes_are_durable_in_their_order_beside_others() {
        let folder = tempfile::tempdir().unwrap();
        let slow = Durability::SlowedDisk(Duration::from_micros(500));
        let (writer, _poll) = writer(folder.path(), slow);
        let (mut events, mut last) = (Vec::new(), 1);
        writer.hand_over(&mut turn_of(1, 1, Kind::Snapshot(Journal::Own)));
        for turn in 0..60 {
            let writes = [1, 70, 3, 200][turn % 4];
            writer.hand_over(&mut turn_of(last + 1, writes, Kind::Record(Journal::Own)));
            last += writes;
            writer.events(&mut events);
            // Now and then all of it comes to an end; else it piles up.
            if turn % 10 == 9 {
                come_to_rest(&writer);
            }
        }
        let (told, stands) = ended(writer, events, folder.path());
        assert_eq!((told, stands), (last, (2..=last).collect()));
    }

    /// Nothing waits for ever behind it.
    #[test]
    fn a_failure_is_told_once_and_ends_the_writer() {
        let folder = tempfile::tempdir().unwrap();
        let (mut writer, _poll) = writer(folder.path(), Durability::Disk);
        // A journal begins with a snapshot.
        for write in 1..=20 {
            writer.hand_over(&mut turn_of(write, 1, Kind::Record(Journal::Own)));
        }
        let told = writer.finish();
        assert!(matches!(told[..], [Event::Failed(_)]), "{told:?}");
    }

    /// As by a panic between its halves.
    #[test]
    fn an_errand_that_is_dropped_has_failed_and_the_crew_does_not_wait_for_it() {
        for is_begun in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (mut writer, _poll) = writer(folder.path(), Durability::Disk);
            writer.hand_over(&mut turn_of(1, 1, Kind::Snapshot(Journal::Own)));
            come_to_rest(&writer);
            writer.hand.desk.queue.set_quick(true);
            let mut errand = writer.lend(&mut turn_of(2, 1, Kind::Record(Journal::Own))).unwrap();
            assert!(!is_begun || errand.begin());
            writer.hand_over(&mut turn_of(3, 1, Kind::Record(Journal::Own)));
            drop(errand);
            let told = writer.finish();
            assert!(matches!(told[..], [Event::Durable(1), Event::Failed(_)]), "{told:?}");
        }
    }
}
