//! Who makes writes durable, and when.
//!
//! The loop hands over the writes of each turn. Where commits are quick it makes them itself: to
//! wake another thread and to be woken by it takes as long, and the core that it wants is busy with
//! whoever waits for the answers. Where they are slow a thread makes them, so that the loop goes on
//! meanwhile: it takes all that gathered while its last commit ran and makes one commit of it, and
//! the slower the disk, the larger the groups. [`Pace`] tells which it is, from the last commits; a
//! disk that falls asleep holds the loop up for one commit, and only the next ones go to the thread.
//! What takes long in any case (snapshots, claims, many bytes) always goes there, and so do the many
//! writes of a crowd, which has more to say meanwhile.
//! With [`Durability::Memory`] a commit waits for nothing, and there is no thread.
//!
//! ```text
//!           small, and commits are quick, and the thread has nothing left
//! hand_over ------------------------------------------------------> commit ----> events, at once
//!     |  else                                                          ^
//!     `--------> turns ------> thread: gather --------------------------'  ----> events, waker
//! ```
//!
//! Writes are committed in the order in which they are handed over, whoever commits them: the loop
//! makes a commit only when all that it handed to the thread is done with, and it takes what the
//! thread told of that first.
//!
//! On a slow disk a crowd that waits for its answers falls into two halves: while one half's commit
//! runs, the other half's requests come, and each of them waits for two commits. If all of them come
//! within a part of a commit, it is faster to wait for all. So where commits are slow and carry
//! several writes, the thread waits for as many as had their answers just now; a crowd that does not
//! come together in time is better served in two halves. One write at a time waits for nothing.

mod pace;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;
use store::Durability;

use self::pace::Pace;
use crate::HostError;
use crate::clock::monotonic_ns;
use crate::journals::{Event, Journals};
use crate::writes::Turn;

/// How many turns' writes go into one commit at most: a commit must end even if the loop never
/// pauses.
const TURNS_PER_COMMIT: usize = 1024;
/// How many writes and bytes the loop commits by itself at most. Behind more of them stand more
/// nodes, and while a thread commits their writes the loop can hear what they say next.
const SMALL_MAX: (usize, usize) = (64, 64 << 10);

/// Who commits: the loop itself, or a thread.
#[derive(Debug)]
pub(crate) struct Writer {
    desk: Arc<Mutex<Desk>>,
    thread: Option<Thread>,
}

/// What commits are made with.
#[derive(Debug)]
struct Desk {
    journals: Journals,
    pace: Pace,
}

#[derive(Debug)]
struct Thread {
    turns: Option<Sender<Turn>>,
    events: Receiver<Event>,
    /// How many turns it was handed whose events it has not all told.
    under_way: Arc<AtomicUsize>,
    handle: Option<JoinHandle<()>>,
    /// A waker that closes takes a wake-up with it that was not seen yet, so it must outlive the
    /// thread.
    _waker: Arc<Waker>,
}

impl Writer {
    /// A writer of `journals`; a thread calls `waker` when it has something to tell.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(journals: Journals, waker: Arc<Waker>) -> std::io::Result<Self> {
        let waits = journals.durability != Durability::Memory;
        let desk = Arc::new(Mutex::new(Desk { journals, pace: Pace::default() }));
        let thread = waits.then(|| Thread::start(Arc::clone(&desk), waker)).transpose()?;
        Ok(Self { desk, thread })
    }

    /// Hands over a turn's writes. What became of them is in `events` at once, or is told by
    /// [`Writer::events`] later.
    pub fn hand_over(&mut self, turn: &mut Turn, events: &mut Vec<Event>) {
        let waits = self.thread.is_some();
        if let Some(thread) = &self.thread
            && (!turn.is_small(SMALL_MAX) || !thread.has_nothing_left())
        {
            return thread.hand_over(turn);
        }
        // All that the thread told stands before what is told now.
        self.events(events);
        // The thread has it only while it commits: not now.
        if let Ok(mut desk) = self.desk.try_lock()
            && (!waits || desk.pace.is_quick())
        {
            let told = desk.commit(std::slice::from_ref(turn), &mut |event| events.push(event));
            turn.clear();
            return events.extend(told.err().map(Event::Failed));
        }
        if let Some(thread) = &self.thread {
            thread.hand_over(turn);
        }
    }

    /// Takes what has become known since the last call.
    pub fn events(&mut self, taken: &mut Vec<Event>) {
        let Some(thread) = &self.thread else { return };
        loop {
            match thread.events.try_recv() {
                Ok(event) => taken.push(event),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    let ended = std::io::Error::other("the thread that writes has ended");
                    let failed = HostError::System { what: "write journals", source: ended };
                    return taken.push(Event::Failed(failed));
                }
            }
        }
    }

    /// Ends the writer after all that was handed over is written. What became of it.
    pub fn finish(&mut self) -> Vec<Event> {
        let Some(thread) = &mut self.thread else { return Vec::new() };
        thread.turns.take();
        thread.events.iter().collect()
    }
}

impl Desk {
    /// Makes one commit of these turns.
    ///
    /// # Errors
    /// A journal failed.
    fn commit(&mut self, turns: &[Turn], tell: &mut dyn FnMut(Event)) -> Result<(), HostError> {
        let begin_ns = monotonic_ns();
        self.journals.write(turns.iter().flat_map(Turn::writes), tell)?;
        self.pace.took(turns.iter().map(Turn::len).sum(), since(begin_ns));
        Ok(())
    }
}

impl Thread {
    fn start(desk: Arc<Mutex<Desk>>, waker: Arc<Waker>) -> std::io::Result<Self> {
        let (turns, turns_to_write) = channel();
        let (events_to_tell, events) = channel();
        let under_way = Arc::new(AtomicUsize::new(0));
        let (waker_to_keep, left) = (Arc::clone(&waker), Arc::clone(&under_way));
        let write = move || {
            // Wakes the loop even if this thread ends by a panic: the loop then finds the channel
            // closed.
            let _ended = WakeAtEnd(Arc::clone(&waker));
            write_all(&desk, &turns_to_write, &events_to_tell, &left, &waker);
        };
        let handle = std::thread::Builder::new().name("journals".to_owned()).spawn(write)?;
        let (turns, handle, _waker) = (Some(turns), Some(handle), waker_to_keep);
        Ok(Self { turns, events, under_way, handle, _waker })
    }

    fn hand_over(&self, turn: &mut Turn) {
        if let Some(turns) = &self.turns {
            self.under_way.fetch_add(1, Ordering::Relaxed);
            // If the thread has ended, the last of its events says why.
            let _ = turns.send(std::mem::take(turn));
        }
    }

    fn has_nothing_left(&self) -> bool {
        self.under_way.load(Ordering::Acquire) == 0
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.turns.take();
        // A panic of the thread has been told of by its closed channel.
        let _ = self.handle.take().map(JoinHandle::join);
    }
}

/// The thread: one commit for all turns that wait, until nobody hands over any more.
fn write_all(
    desk: &Mutex<Desk>,
    turns: &Receiver<Turn>,
    told: &Sender<Event>,
    under_way: &AtomicUsize,
    waker: &Waker,
) {
    let mut batch: Vec<Turn> = Vec::new();
    let mut told_ns = monotonic_ns();
    loop {
        let queued = batch.iter().map(Turn::len).sum();
        if batch.is_empty() {
            let Ok(turn) = turns.recv() else { return };
            batch.push(turn);
        }
        batch.extend(turns.try_iter().take(TURNS_PER_COMMIT.saturating_sub(batch.len())));
        // The loop panicked while it had it: nobody waits for these any more.
        let Ok(mut desk) = desk.lock() else { return };
        let mut crowd = desk.pace.crowd(queued);
        crowd.writes = batch.iter().map(Turn::len).sum();
        let mut waited = false;
        while let Some(patience) = desk.pace.patience(crowd, since(told_ns)) {
            waited = true;
            match turns.recv_timeout(patience) {
                Ok(turn) => {
                    crowd.writes += turn.len();
                    batch.push(turn);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        desk.pace.gathered(crowd, waited);

        let mut events = Vec::new();
        let committed = desk.commit(&batch, &mut |event| match event {
            // Comes first, and before the other journal has had its commit.
            Event::OwnDurable(_) => tell(told, waker, [event]),
            event => events.push(event),
        });
        drop(desk);
        let turns_done = batch.len();
        // Those that came while it ran. Who hears now what became of it comes after them.
        batch = turns.try_iter().take(TURNS_PER_COMMIT).collect();
        let failed = committed.is_err();
        events.extend(committed.err().map(Event::Failed));
        tell(told, waker, events);
        if failed {
            return;
        }
        under_way.fetch_sub(turns_done, Ordering::Release);
        told_ns = monotonic_ns();
    }
}

/// Nobody listens any more if the loop ended by an error.
fn tell(told: &Sender<Event>, waker: &Waker, events: impl IntoIterator<Item = Event>) {
    if events.into_iter().map(|event| told.send(event)).all(|sent| sent.is_ok()) {
        let _ = waker.wake();
    }
}

fn since(begin_ns: u64) -> Duration {
    Duration::from_nanos(monotonic_ns().saturating_sub(begin_ns))
}

struct WakeAtEnd(Arc<Waker>);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        // Without a loop to wake there is nobody to tell.
        let _ = self.0.wake();
    }
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
                writer.desk.lock().unwrap().pace = pace;
            }
            let before = events.len();
            writer.hand_over(&mut turn_of(write, kind, write), &mut events);
            let told = events[before..]
                .iter()
                .any(|event| matches!(event, Event::Durable(told) if *told == write));
            at_once += u32::from(told);
            assert!(!(told && matches!(kind, Kind::Snapshot(_))), "the loop took a snapshot");
            if write % 5 == 0 {
                // The thread comes to an end with what it has.
                while !writer.thread.as_ref().unwrap().has_nothing_left() {
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
}
