//! The threads that make commits where the loop does not.
//!
//! They take turns. One gathers what the loop has handed over and writes it; when it goes to wait for
//! the disk, the next one gathers. So on a slow disk several commits are under way at a time, a write
//! waits for hardly more than its own, and what comes while all threads wait makes the next groups
//! larger. Where commits are quick, one thread makes them all, one after the other, of whatever
//! gathered while the last one ran: several at a time would cost more than they save. And where many
//! writes are under way already, the next ones gather until fewer are; behind a commit that is as many
//! by itself nobody even tries.
//!
//! ```text
//!             records to one journal, and commits are slow
//! gather ------------------------------------------------> begin --> wait --> end --> gather
//!     |  else                                                 (the next one gathers)
//!     `------> wait until none is under way --> commit --> gather
//! ```
//!
//! Whatever ends first, what is told is told in order: a commit that has ended speaks for all that
//! were begun before it, and those say nothing more.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use machine::Journal;
use mio::Waker;

use super::{Desk, Tools, since};
use crate::HostError;
use crate::clock::monotonic_ns;
use crate::journals::Event;
use crate::writes::Turn;

/// As many as there may be commits under way: each waits for one.
const THREADS: usize = store::COMMITS_UNDER_WAY;
/// How many writes may be under way before another commit begins: with as many there is enough to do
/// when they end, and a few large commits cost less work than many small ones.
const WRITES_UNDER_WAY: u64 = 64;
/// How many turns' writes go into one commit at most: a commit must end even if the loop never
/// pauses.
const TURNS_PER_COMMIT: usize = 1024;

/// The threads, as the loop sees them.
#[derive(Debug)]
pub(super) struct Crew {
    turns: Option<Sender<Turn>>,
    events: Receiver<Event>,
    /// How many turns it was handed whose events it has not all told.
    left: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
    /// A waker that closes takes a wake-up with it that was not seen yet, so it must outlive the
    /// threads.
    _waker: Arc<Waker>,
}

impl Crew {
    pub fn start(desk: &Arc<Desk>, waker: &Arc<Waker>) -> std::io::Result<Self> {
        let (turns, turns_to_write) = channel();
        let (told, events) = channel();
        let (left, intake) = (Arc::default(), Arc::new(Mutex::new(turns_to_write)));
        let start = |_| {
            let mate = Mate {
                desk: Arc::clone(desk),
                intake: Arc::clone(&intake),
                told: told.clone(),
                left: Arc::clone(&left),
                waker: Arc::clone(waker),
            };
            let work = move || {
                let _ = mate.work();
            };
            std::thread::Builder::new().name("journals".to_owned()).spawn(work)
        };
        // If one cannot be had, the others end for want of turns.
        let threads = (0..THREADS).map(start).collect::<Result<_, _>>()?;
        Ok(Self { turns: Some(turns), events, left, threads, _waker: Arc::clone(waker) })
    }

    pub fn hand_over(&self, turn: &mut Turn) {
        if let Some(turns) = &self.turns {
            self.left.fetch_add(1, Ordering::Relaxed);
            // If the threads have ended, the last of their events says why.
            let _ = turns.send(turn.take());
        }
    }

    pub fn has_nothing_left(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Takes what has become known since the last call.
    pub fn events(&self, taken: &mut Vec<Event>) {
        loop {
            match self.events.try_recv() {
                Ok(event) => taken.push(event),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => return taken.push(ended()),
            }
        }
    }

    /// Ends the threads when all that was handed over is written. What became of it.
    pub fn finish(&mut self) -> Vec<Event> {
        self.turns.take();
        self.events.iter().collect()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.turns.take();
        // A panic of a thread has been told of.
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

/// One of the threads.
struct Mate {
    desk: Arc<Desk>,
    intake: Arc<Mutex<Receiver<Turn>>>,
    told: Sender<Event>,
    left: Arc<AtomicUsize>,
    waker: Arc<Waker>,
}

impl Mate {
    /// Makes commits until nobody hands over any more, or one failed: then there is nothing to
    /// return.
    fn work(&self) -> Option<()> {
        let mut intake = self.intake.lock().ok()?;
        loop {
            let mut turns = vec![intake.recv().ok()?];
            let mut tools = self.with_few_under_way(self.tools()?)?;
            turns.extend(intake.try_iter().take(TURNS_PER_COMMIT - 1));
            if let Some(journal) = sole_journal(&turns)
                && !tools.pace.is_quick()
            {
                if !tools.journals.may_begin(journal) {
                    tools = self.at_rest(tools)?;
                }
                let begin_ns = monotonic_ns();
                let begun = tools.journals.begin(journal, turns.iter().flat_map(Turn::writes));
                if let Some(under_way) = self.or_fail(&mut tools, begun)? {
                    drop(tools);
                    // Behind so many nobody may begin another commit before this one ends: to let one
                    // try would cost two switches of threads.
                    let writes: usize = turns.iter().map(Turn::len).sum();
                    let is_last = writes as u64 >= WRITES_UNDER_WAY;
                    let kept = is_last.then_some(intake);
                    let arrived = under_way.wait();
                    let took = since(begin_ns);
                    let mut tools = self.tools()?;
                    tools.pace.took(took);
                    let ended = tools.journals.end(arrived, &mut |event| self.tell(event));
                    self.or_fail(&mut tools, ended)?;
                    self.desk.ended.notify_all();
                    drop(tools);
                    self.left.fetch_sub(turns.len(), Ordering::Release);
                    intake = match kept {
                        Some(intake) => intake,
                        None => self.intake.lock().ok()?,
                    };
                    continue;
                }
                // What it has taken of these counts with the commit of nothing more.
                tools = self.at_rest(tools)?;
                self.commit(tools, &[])?;
            } else {
                tools = self.at_rest(tools)?;
                self.commit(tools, &turns)?;
            }
            self.left.fetch_sub(turns.len(), Ordering::Release);
        }
    }

    fn commit(&self, mut tools: MutexGuard<'_, Tools>, turns: &[Turn]) -> Option<()> {
        let committed = tools.commit(turns, &mut |event| self.tell(event));
        self.or_fail(&mut tools, committed).map(drop)
    }

    fn tools(&self) -> Option<MutexGuard<'_, Tools>> {
        self.desk.tools.lock().ok().filter(|tools| !tools.has_failed)
    }

    /// Waits until no commit is under way.
    fn at_rest<'a>(&'a self, tools: MutexGuard<'a, Tools>) -> Option<MutexGuard<'a, Tools>> {
        self.wait_while(tools, |tools| !tools.journals.is_at_rest())
    }

    fn with_few_under_way<'a>(
        &'a self,
        tools: MutexGuard<'a, Tools>,
    ) -> Option<MutexGuard<'a, Tools>> {
        self.wait_while(tools, |tools| tools.journals.writes_under_way() >= WRITES_UNDER_WAY)
    }

    fn wait_while<'a>(
        &'a self,
        tools: MutexGuard<'a, Tools>,
        holds: impl Fn(&Tools) -> bool,
    ) -> Option<MutexGuard<'a, Tools>> {
        let waits = |tools: &mut Tools| holds(tools) && !tools.has_failed;
        self.desk.ended.wait_while(tools, waits).ok().filter(|tools| !tools.has_failed)
    }

    /// What was made, or none after it was told that nothing more will be durable.
    fn or_fail<T>(&self, tools: &mut Tools, made: Result<T, HostError>) -> Option<T> {
        made.map_err(|error| {
            tools.has_failed = true;
            self.desk.ended.notify_all();
            self.tell(Event::Failed(error));
        })
        .ok()
    }

    /// Nobody listens any more if the loop ended by an error.
    fn tell(&self, event: Event) {
        if self.told.send(event).is_ok() {
            let _ = self.waker.wake();
        }
    }
}

impl Drop for Mate {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut tools = self.desk.tools.lock().unwrap_or_else(PoisonError::into_inner);
            tools.has_failed = true;
            self.desk.ended.notify_all();
            self.tell(ended());
        }
        // The loop is told of the last one's end by a closed channel.
        let _ = self.waker.wake();
    }
}

/// The journal to which all of them add records, if they do nothing else.
fn sole_journal(turns: &[Turn]) -> Option<Journal> {
    let first = turns.first()?.sole_journal()?;
    turns.iter().all(|turn| turn.sole_journal() == Some(first)).then_some(first)
}

fn ended() -> Event {
    let source = std::io::Error::other("a thread that writes has ended");
    Event::Failed(HostError::System { what: "write journals", source })
}
