//! Who makes writes durable, and when.
//!
//! The loop hands over the writes of each turn. With [`Durability::Disk`] a thread takes all that
//! gathered while its last commit ran and makes one commit of it, so the loop goes on during a slow
//! disk, and the slower the disk the larger the groups. With [`Durability::Memory`] a commit waits
//! for nothing, and the loop makes it itself.
//!
//! On a slow disk a crowd that waits for its answers falls into two halves: while one half's commit
//! runs, the other half's requests come, and each of them waits for two commits. If all of them come
//! within a part of a commit, it is faster to wait for all. So where commits are slow and carry
//! several writes, the thread gathers as long as turns come in quick succession ([`Rhythm`]); a crowd
//! that does not come to an end in time is better served in two halves. One write at a time waits
//! for nothing.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::Waker;
use store::Durability;

use crate::HostError;
use crate::clock::monotonic_ns;
use crate::journals::{Event, Journals};
use crate::writes::Turn;

/// How many turns' writes go into one commit at most: a commit must end even if the loop never
/// pauses.
const TURNS_PER_COMMIT: usize = 1024;
/// The shortest wait for another turn that is worth it: below that, sleeping and waking cost as much
/// as the commit that is saved.
const PATIENCE_MIN: Duration = Duration::from_micros(20);
/// For how many commits a crowd that was waited for in vain is not waited for again: what such a try
/// costs, half a commit, is little beside that many.
const RESTS: u32 = 64;

/// Who commits: the loop itself, or a thread.
#[derive(Debug)]
pub(crate) enum Writer {
    Here(Box<Journals>),
    Thread {
        turns: Option<Sender<Turn>>,
        events: Receiver<Event>,
        thread: Option<JoinHandle<()>>,
        /// A waker that closes takes a wake-up with it that was not seen yet, so it must outlive
        /// the thread.
        _waker: Arc<Waker>,
    },
}

impl Writer {
    /// A writer of `journals`; a thread calls `waker` when it has something to tell.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn new(journals: Journals, waker: Arc<Waker>) -> std::io::Result<Self> {
        if journals.durability == Durability::Memory {
            return Ok(Self::Here(Box::new(journals)));
        }
        let (turns, turns_to_write) = channel();
        let (events_to_tell, events) = channel();
        let waker_to_keep = Arc::clone(&waker);
        let write = move || {
            // Wakes the loop even if this thread ends by a panic: the loop then finds the channel
            // closed.
            let _ended = WakeAtEnd(Arc::clone(&waker));
            write_all(journals, &turns_to_write, &events_to_tell, &waker);
        };
        let thread = std::thread::Builder::new().name("journals".to_owned()).spawn(write)?;
        let (turns, thread, _waker) = (Some(turns), Some(thread), waker_to_keep);
        Ok(Self::Thread { turns, events, thread, _waker })
    }

    /// Hands over a turn's writes. What became of them is in `events` at once, or is told by
    /// [`Writer::events`] later.
    pub fn hand_over(&mut self, turn: &mut Turn, events: &mut Vec<Event>) {
        match self {
            Self::Here(journals) => {
                let written = journals.write(turn.writes(), &mut |event| events.push(event));
                turn.clear();
                if let Err(error) = written {
                    events.push(Event::Failed(error));
                }
            }
            Self::Thread { turns, .. } => {
                if let Some(turns) = turns {
                    // If the thread has ended, the last of its events says why.
                    let _ = turns.send(std::mem::take(turn));
                }
            }
        }
    }

    /// Takes what has become known since the last call.
    pub fn events(&mut self, taken: &mut Vec<Event>) {
        if let Self::Thread { events, .. } = self {
            loop {
                match events.try_recv() {
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
    }

    /// Ends the writer after all that was handed over is written. What became of it.
    pub fn finish(&mut self) -> Vec<Event> {
        match self {
            Self::Here(_) => Vec::new(),
            Self::Thread { turns, events, .. } => {
                turns.take();
                events.iter().collect()
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if let Self::Thread { turns, thread, .. } = self {
            turns.take();
            // A panic of the thread has been told of by its closed channel.
            let _ = thread.take().map(JoinHandle::join);
        }
    }
}

/// The thread: one commit for all turns that wait, until nobody hands over any more.
fn write_all(mut journals: Journals, turns: &Receiver<Turn>, told: &Sender<Event>, waker: &Waker) {
    let mut rhythm = Rhythm::default();
    while let Ok(turn) = turns.recv() {
        let mut batch = vec![turn];
        batch.extend(turns.try_iter().take(TURNS_PER_COMMIT - 1));
        let mut writes = batch.iter().map(Turn::len).sum();
        let begin_ns = monotonic_ns();
        while let Some(patience) = rhythm.patience(writes, since(begin_ns))
            && let Ok(turn) = turns.recv_timeout(patience)
        {
            writes += turn.len();
            batch.push(turn);
        }
        rhythm.gathered(writes, since(begin_ns));

        let begin_ns = monotonic_ns();
        let mut tell = |event| {
            // Nobody listens any more if the loop ended by an error.
            let _ = told.send(event).is_ok() && waker.wake().is_ok();
        };
        if let Err(error) = journals.write(batch.iter().flat_map(Turn::writes), &mut tell) {
            return tell(Event::Failed(error));
        }
        rhythm.took = since(begin_ns);
    }
}

fn since(begin_ns: u64) -> Duration {
    Duration::from_nanos(monotonic_ns().saturating_sub(begin_ns))
}

/// Whether it pays to wait for more turns before a commit begins.
#[derive(Debug, Clone, Copy, Default)]
struct Rhythm {
    /// How many writes the last commit had, and how long it took.
    writes: usize,
    took: Duration,
    /// For how many commits there is no waiting, because the last waiting was in vain.
    rests: u32,
}

impl Rhythm {
    /// How long to wait for the next turn before a commit of so many writes, having waited so long
    /// for earlier ones; none if it shall begin.
    fn patience(&self, writes: usize, waited: Duration) -> Option<Duration> {
        let is_alone = writes <= 1 && self.writes <= 1;
        let patience = self.took / 8;
        let pays = self.rests == 0 && !is_alone && patience >= PATIENCE_MIN;
        (pays && waited < self.took / 2).then_some(patience)
    }

    /// A commit of so many writes begins after so long a wait.
    fn gathered(&mut self, writes: usize, waited: Duration) {
        let was_in_vain =
            self.patience(writes, Duration::ZERO).is_some() && waited >= self.took / 2;
        self.rests = if was_in_vain { RESTS } else { self.rests.saturating_sub(1) };
        self.writes = writes;
    }
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
    use super::*;

    const SLOW: Duration = Duration::from_millis(1);

    fn rhythm(writes: usize, took: Duration) -> Rhythm {
        Rhythm { writes, took, rests: 0 }
    }

    #[test]
    fn a_crowd_on_a_slow_disk_is_waited_for_and_nobody_else() {
        let waited = SLOW / 4;
        assert_eq!(rhythm(64, SLOW).patience(5, waited), Some(SLOW / 8));
        assert_eq!(rhythm(1, SLOW).patience(5, waited), Some(SLOW / 8));
        assert_eq!(rhythm(1, SLOW).patience(1, waited), None, "one at a time");
        assert_eq!(rhythm(64, SLOW).patience(5, SLOW / 2), None, "long enough");
        assert_eq!(rhythm(64, Duration::from_micros(40)).patience(5, waited), None, "a fast disk");
    }

    #[test]
    fn a_crowd_that_does_not_come_to_an_end_is_left_alone_for_a_while() {
        let mut rhythm = rhythm(64, SLOW);
        rhythm.gathered(64, SLOW / 4);
        assert!(rhythm.patience(64, Duration::ZERO).is_some(), "all came in time");
        rhythm.gathered(200, SLOW / 2);
        for _ in 0..RESTS {
            assert_eq!(rhythm.patience(128, Duration::ZERO), None);
            rhythm.gathered(128, Duration::ZERO);
        }
        assert!(rhythm.patience(128, Duration::ZERO).is_some());
    }
}
