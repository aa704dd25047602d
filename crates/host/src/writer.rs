//! Who makes writes durable, and when.
//!
//! The loop hands over the writes of each turn. With [`Durability::Disk`] a thread takes all that
//! gathered while its last commit ran and makes one commit of it, so the loop goes on during a slow
//! disk, and the slower the disk the larger the groups. With [`Durability::Memory`] a commit waits
//! for nothing, and the loop makes it itself.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread::JoinHandle;

use mio::Waker;
use store::Durability;

use crate::HostError;
use crate::journals::{Event, Journals, Work};

/// How many turns' writes go into one commit at most: a commit must end even if the loop never
/// pauses.
const TURNS_PER_COMMIT: usize = 1024;

/// One turn's writes with their numbers.
pub(crate) type Turn = Vec<(u64, Work)>;

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
                if let Err(error) = journals.write(turn.drain(..), &mut |event| events.push(event))
                {
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
    while let Ok(turn) = turns.recv() {
        let more = turns.try_iter().take(TURNS_PER_COMMIT - 1);
        let writes = std::iter::once(turn).chain(more).flatten();
        let mut tell = |event| {
            // Nobody listens any more if the loop ended by an error.
            let _ = told.send(event).is_ok() && waker.wake().is_ok();
        };
        if let Err(error) = journals.write(writes, &mut tell) {
            return tell(Event::Failed(error));
        }
    }
}

struct WakeAtEnd(Arc<Waker>);

impl Drop for WakeAtEnd {
    fn drop(&mut self) {
        // Without a loop to wake there is nobody to tell.
        let _ = self.0.wake();
    }
}
