//! Who goes on with the loop while its thread waits for the disk.
//!
//! A thread that waits for the disk cannot be called back, and a disk may stand still for seconds: then
//! the node would be mute, its heartbeats with it, and be suspected. So the loop's thread leaves the
//! loop when it goes on an [`Errand`] to the disk, as a runtime's threads leave their work to others
//! before a system call. Nearly always it is back at once. If not, a thread that stands by makes the
//! loop's turns until it is.
//!
//! ```text
//! loop's thread   turn, leave ---- the disk -----------------> call back, turn, leave -- ...
//! standby            sleep ------> still away: turn, turn, ... return it, sleep
//! ```
//!
//! While the loop's thread is away nobody else leaves: what those turns write is the crew's.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::HostError;
use crate::clock::monotonic_ns;

/// How long the loop's thread may be away before another makes its turns: far longer than a quick
/// commit, and far shorter than any limit of heartbeats.
const PATIENCE: Duration = Duration::from_millis(20);

/// A loop whose thread can be sent on errands.
pub(crate) trait Turns {
    /// What the thread does without the loop.
    type Errand: Errand;

    /// A turn, or its first part if its thread can leave and has an errand.
    fn turn(&mut self, can_leave: bool) -> Result<Option<Self::Errand>, HostError>;

    /// What can be done of the next turn meanwhile.
    fn look_ahead(&mut self) -> Result<(), HostError>;

    /// The end of a turn. False if it was the last.
    fn end_turn(&mut self) -> Result<bool, HostError>;
}

/// What takes a thread away from its loop. One that is dropped before its end has failed.
pub(crate) trait Errand {
    /// The first part. Whether there is a second.
    fn begin(&mut self) -> bool;

    /// The second part.
    fn end(self);
}

/// A loop, its own thread, and another one that stands by.
struct Stage<T, W: Fn()> {
    work: Mutex<Work<T>>,
    /// Wakes whoever makes a turn, from its wait.
    wake: W,
    /// How often the loop's thread left the loop or came back: odd while it is away.
    crossings: AtomicU64,
    /// It is back and wants the loop.
    is_back: AtomicBool,
    /// The other thread sleeps until it is woken, and has nothing to watch.
    sleeps: AtomicBool,
    has_ended: AtomicBool,
}

struct Work<T> {
    turns: T,
    /// How the loop ended, if it did while its thread was away.
    ended: Option<Result<(), HostError>>,
}

/// Makes turns until the last one, on this thread, and on another one while this is on an errand for
/// long. `wake` ends a turn's wait, from any thread.
///
/// # Errors
/// That of a turn.
pub(crate) fn run<T: Turns + Send>(turns: T, wake: impl Fn() + Sync) -> Result<T, HostError> {
    let stage = Stage {
        work: Mutex::new(Work { turns, ended: None }),
        wake,
        crossings: AtomicU64::new(0),
        is_back: AtomicBool::new(false),
        sleeps: AtomicBool::new(false),
        has_ended: AtomicBool::new(false),
    };
    thread::scope(|scope| {
        let standby = thread::Builder::new().name("standby".to_owned());
        let standby = standby
            .spawn_scoped(scope, || stage.stand_by())
            .map_err(HostError::system("start a thread"))?;
        let dismissal = Dismissal { stage: &stage, standby: standby.thread() };
        let ended = stage.run(standby.thread());
        drop(dismissal);
        standby.join().unwrap_or_else(|panic| resume_unwind(panic));
        ended
    })?;
    // It is poisoned after a panic alone, which went on.
    Ok(stage.work.into_inner().unwrap_or_else(|error| error.into_inner()).turns)
}

/// Lets the other thread go, even after a panic.
struct Dismissal<'a, T, W: Fn()> {
    stage: &'a Stage<T, W>,
    standby: &'a Thread,
}

impl<T, W: Fn()> Drop for Dismissal<'_, T, W> {
    fn drop(&mut self) {
        self.stage.has_ended.store(true, Ordering::SeqCst);
        // It sleeps, or waits in a turn.
        self.standby.unpark();
        (self.stage.wake)();
    }
}

impl<T: Turns, W: Fn()> Stage<T, W> {
    /// What the loop's own thread does.
    fn run(&self, standby: &Thread) -> Result<(), HostError> {
        let Ok(mut work) = self.work.lock() else { return Ok(()) };
        loop {
            if let Some(mut errand) = work.turns.turn(true)? {
                self.leave(work, standby);
                if errand.begin() {
                    let Some(mut called_back) = self.call_back() else { return Ok(()) };
                    if called_back.ended.is_none() {
                        called_back.turns.look_ahead()?;
                    }
                    self.is_back.store(false, Ordering::SeqCst);
                    drop(called_back);
                    errand.end();
                }
                let Some(called_back) = self.call_back() else { return Ok(()) };
                work = called_back;
                self.crossings.fetch_add(1, Ordering::SeqCst);
                self.is_back.store(false, Ordering::SeqCst);
                if let Some(ended) = work.ended.take() {
                    return ended;
                }
            }
            if !work.turns.end_turn()? {
                return Ok(());
            }
        }
    }

    fn leave(&self, work: MutexGuard<'_, Work<T>>, standby: &Thread) {
        drop(work);
        self.crossings.fetch_add(1, Ordering::SeqCst);
        if self.sleeps.swap(false, Ordering::SeqCst) {
            standby.unpark();
        }
    }

    /// Takes the loop back from whoever has it. None after a panic there.
    fn call_back(&self) -> Option<MutexGuard<'_, Work<T>>> {
        match self.work.try_lock() {
            Ok(work) => Some(work),
            Err(TryLockError::Poisoned(_)) => None,
            Err(TryLockError::WouldBlock) => {
                self.is_back.store(true, Ordering::SeqCst);
                (self.wake)();
                self.work.lock().ok()
            }
        }
    }

    /// What the other thread does.
    fn stand_by(&self) {
        while !self.has_ended.load(Ordering::SeqCst) {
            let seen = self.crossings.load(Ordering::SeqCst);
            self.pause();
            if self.crossings.load(Ordering::SeqCst) != seen {
                continue;
            }
            if seen % 2 == 1 {
                self.stand_in(seen);
                continue;
            }
            // Nothing happens; whoever leaves next looks whether this sleeps.
            self.sleeps.store(true, Ordering::SeqCst);
            while self.sleeps.load(Ordering::SeqCst)
                && self.crossings.load(Ordering::SeqCst) == seen
                && !self.has_ended.load(Ordering::SeqCst)
            {
                thread::park();
            }
            self.sleeps.store(false, Ordering::SeqCst);
        }
    }

    /// Lets the loop's own thread come back. A thread that parks may be woken by what is long past.
    fn pause(&self) {
        let until_ns = monotonic_ns() + PATIENCE.as_nanos() as u64;
        while !self.has_ended.load(Ordering::SeqCst)
            && let left_ns @ 1.. = until_ns.saturating_sub(monotonic_ns())
        {
            thread::park_timeout(Duration::from_nanos(left_ns));
        }
    }

    /// Makes turns until the loop's own thread is back from where it went. That left in the middle of
    /// one, and ends the last one of these.
    fn stand_in(&self, seen: u64) {
        let Ok(mut work) = self.work.try_lock() else { return };
        while work.ended.is_none()
            && self.crossings.load(Ordering::SeqCst) == seen
            && !self.is_back.load(Ordering::SeqCst)
            && !self.has_ended.load(Ordering::SeqCst)
        {
            let turns = &mut work.turns;
            work.ended = match turns.end_turn() {
                Ok(true) => turns.turn(false).err().map(Err),
                Ok(false) => Some(Ok(())),
                Err(error) => Some(Err(error)),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
    use std::thread::ThreadId;

    use super::*;

    /// A loop that writes down who makes its turns. Its wait ends by its waker.
    struct Noted {
        turns: Vec<ThreadId>,
        errands: Vec<Patient>,
        woken: Receiver<()>,
        /// After how many turns it ends; else when the first thread ends one.
        ends_after: Option<usize>,
        panics_after: Option<usize>,
        /// Told when another thread than the first has made so many turns.
        notice: Option<(usize, SyncSender<()>)>,
    }

    /// An errand whose halves end when they are let. Whoever would let them may be gone: that is a
    /// panic.
    struct Patient([Option<Receiver<()>>; 2]);

    impl Turns for Noted {
        type Errand = Patient;

        fn turn(&mut self, can_leave: bool) -> Result<Option<Patient>, HostError> {
            self.woken.recv().unwrap();
            self.turns.push(thread::current().id());
            let first = self.turns[0];
            let others = self.turns.iter().filter(|thread| **thread != first).count();
            if let Some((_, told)) = self.notice.take_if(|(wanted, _)| others >= *wanted) {
                told.send(()).unwrap();
            }
            assert!(self.panics_after != Some(self.turns.len()), "as it shall");
            Ok(if can_leave { self.errands.pop() } else { None })
        }

        fn look_ahead(&mut self) -> Result<(), HostError> {
            Ok(())
        }

        fn end_turn(&mut self) -> Result<bool, HostError> {
            Ok(match self.ends_after {
                Some(turns) => self.turns.len() < turns,
                None => self.turns[0] != thread::current().id(),
            })
        }
    }

    impl Errand for Patient {
        fn begin(&mut self) -> bool {
            if let Some(let_go) = self.0[0].take() {
                let_go.recv().unwrap();
            }
            self.0[1].is_some()
        }

        fn end(mut self) {
            if let Some(let_go) = self.0[1].take() {
                let_go.recv().unwrap();
            }
        }
    }

    /// Runs a loop whose first turn has an errand with a half that takes until another thread has made
    /// all turns but the first of so many; then there are no more before the waker is called. Who made
    /// the turns.
    fn run_with_long(half: usize, turns: usize, ends_after: Option<usize>) -> Vec<ThreadId> {
        let (wake, woken) = channel();
        (0..turns).for_each(|_| wake.send(()).unwrap());
        let (told, tells) = sync_channel(1);
        let (let_go, long) = channel();
        let (let_other_go, short) = channel();
        let_other_go.send(()).unwrap();
        let halves = if half == 0 { [long, short] } else { [short, long] };
        let errands = vec![Patient(halves.map(Some))];
        let notice = Some((turns - 1, told));
        let panics_after = None;
        let noted = Noted { turns: Vec::new(), errands, woken, ends_after, panics_after, notice };
        let disk = thread::spawn(move || {
            tells.recv().unwrap();
            let_go.send(()).unwrap();
        });
        let wake = Mutex::new(wake);
        let noted = run(noted, || wake.lock().unwrap().send(()).unwrap()).unwrap();
        disk.join().unwrap();
        noted.turns
    }

    #[test]
    fn another_thread_makes_the_turns_while_the_loop_s_own_is_held_up_and_gives_it_back() {
        let me = thread::current().id();
        for half in [0, 1] {
            let turns = run_with_long(half, 6, None);
            assert_eq!(turns[0], me);
            assert!(turns[1..].iter().all(|thread| *thread != me), "{turns:?}");
            // With those by which it is called back from its wait, twice at most.
            assert!((6..=8).contains(&turns.len()), "{turns:?}");
        }
    }

    #[test]
    fn a_loop_that_ends_while_its_thread_is_away_has_ended() {
        assert_eq!(run_with_long(1, 4, Some(4)).len(), 4);
    }

    #[test]
    fn a_panic_of_either_thread_ends_both() {
        for panics_after in [1, 2] {
            let (wake, woken) = channel();
            (0..3).for_each(|_| wake.send(()).unwrap());
            let (told, tells) = sync_channel(1);
            let noted = Noted {
                turns: Vec::new(),
                errands: vec![Patient([Some(tells), None])],
                woken,
                ends_after: None,
                panics_after: Some(panics_after),
                notice: Some((1, told)),
            };
            let wake = Mutex::new(wake);
            let run = || run(noted, || wake.lock().unwrap().send(()).unwrap());
            assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        }
    }

    #[test]
    fn a_panic_on_an_errand_ends_both() {
        for half in [0, 1] {
            let (wake, woken) = channel();
            (0..3).for_each(|_| wake.send(()).unwrap());
            let (told, tells) = sync_channel(1);
            let (let_go, long) = sync_channel::<()>(0);
            let mut halves = [None, None];
            halves[half] = Some(long);
            // The other thread makes turns when nobody is left to end the errand.
            let gone = thread::spawn(move || {
                tells.recv().unwrap();
                drop(let_go);
            });
            let noted = Noted {
                turns: Vec::new(),
                errands: vec![Patient(halves)],
                woken,
                ends_after: None,
                panics_after: None,
                notice: Some((1, told)),
            };
            let wake = Mutex::new(wake);
            let run = || run(noted, || wake.lock().unwrap().send(()).unwrap());
            assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
            gone.join().unwrap();
        }
    }
}
