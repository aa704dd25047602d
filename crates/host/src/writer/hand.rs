//! How a commit is made, by whichever thread makes it: write, wait for the disk, tell.
//!
//! ```text
//!       records to one journal
//! begin ----------------------> others may begin behind it --> wait --> end: it is told
//!     |  else
//!     `------> wait until none is under way, commit as a whole, tell
//! ```

use std::sync::mpsc::Sender;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use machine::Journal;
use mio::Waker;

use super::{Desk, Tools, since};
use crate::HostError;
use crate::clock::monotonic_ns;
use crate::journals::Event;
use crate::journals::halves::UnderWay;
use crate::writes::Turn;

/// Whoever makes commits at a desk.
#[derive(Debug, Clone)]
pub(super) struct Hand {
    pub desk: Arc<Desk>,
    pub told: Sender<Event>,
    /// Wakes whoever listens, if that is another thread.
    pub waker: Option<Arc<Waker>>,
}

/// A commit that was begun.
#[derive(Debug)]
pub(super) enum Begun {
    /// It is on its way to the disk, and took so long up to there.
    UnderWay(UnderWay, Duration),
    /// It was made as a whole, and told.
    Whole,
}

impl Hand {
    /// Makes the first half of a commit of these turns, which were taken from the queue, or all of it
    /// if it has no halves. None if one failed: then that was told, and nothing more will be durable.
    pub fn begin(&self, turns: &[Turn]) -> Option<Begun> {
        let mut tools = self.tools()?;
        let mut rest = turns;
        if let Some(journal) = sole_journal(turns) {
            if !tools.journals.may_begin(journal) {
                tools = self.at_rest(tools)?;
            }
            let begin_ns = monotonic_ns();
            let begun = tools.journals.begin(journal, turns.iter().flat_map(Turn::writes));
            if let Some(under_way) = self.or_fail(&mut tools, begun)? {
                self.desk.queue.written();
                return Some(Begun::UnderWay(under_way, since(begin_ns)));
            }
            // What it has taken of these counts with the commit of nothing more.
            rest = &[];
        }
        tools = self.at_rest(tools)?;
        self.commit_whole(&mut tools, rest)?;
        self.desk.queue.written();
        self.done(&tools, turns);
        Some(Begun::Whole)
    }

    /// Makes a commit that waits for nothing, of what was in no queue.
    pub fn commit(&self, turn: &Turn) -> Option<()> {
        self.commit_whole(&mut *self.tools()?, std::slice::from_ref(turn))
    }

    fn commit_whole(&self, tools: &mut Tools, turns: &[Turn]) -> Option<()> {
        let begin_ns = monotonic_ns();
        let writes = turns.iter().flat_map(Turn::writes);
        let written = tools.journals.write(writes, &mut |event| self.tell(event));
        self.or_fail(tools, written)?;
        tools.pace.took(since(begin_ns));
        Some(())
    }

    /// Waits for the disk, and makes the second half, if there is one.
    pub fn end(&self, begun: Begun, turns: &[Turn]) -> Option<()> {
        let Begun::UnderWay(under_way, took) = begun else { return Some(()) };
        let wait_ns = monotonic_ns();
        let arrived = under_way.wait();
        let took = took + since(wait_ns);
        let mut tools = self.tools()?;
        tools.pace.took(took);
        let ended = tools.journals.end(arrived, &mut |event| self.tell(event));
        self.or_fail(&mut tools, ended)?;
        self.desk.ended.notify_all();
        self.done(&tools, turns);
        Some(())
    }

    fn done(&self, tools: &Tools, turns: &[Turn]) {
        self.desk.queue.done(turns.iter().map(Turn::len).sum(), tools.pace.is_quick());
    }

    fn tools(&self) -> Option<MutexGuard<'_, Tools>> {
        self.desk.tools.lock().ok().filter(|tools| !tools.has_failed)
    }

    /// Waits until no commit is under way.
    fn at_rest<'a>(&'a self, tools: MutexGuard<'a, Tools>) -> Option<MutexGuard<'a, Tools>> {
        let waits = |tools: &mut Tools| !tools.journals.is_at_rest() && !tools.has_failed;
        self.desk.ended.wait_while(tools, waits).ok().filter(|tools| !tools.has_failed)
    }

    /// What was made, or none after it was told that nothing more will be durable.
    fn or_fail<T>(&self, tools: &mut Tools, made: Result<T, HostError>) -> Option<T> {
        made.map_err(|error| self.fail(tools, error)).ok()
    }

    fn fail(&self, tools: &mut Tools, error: HostError) {
        tools.has_failed = true;
        self.desk.ended.notify_all();
        self.desk.queue.fail();
        self.tell(Event::Failed(error));
    }

    /// Tells that this thread ends in the middle of its work: nothing more will be durable.
    pub fn give_up(&self) {
        let mut tools = self.desk.tools.lock().unwrap_or_else(PoisonError::into_inner);
        let source = std::io::Error::other("a thread that writes has ended");
        self.fail(&mut tools, HostError::System { what: "write journals", source });
    }

    /// Nobody listens any more if the loop ended by an error.
    fn tell(&self, event: Event) {
        if self.told.send(event).is_ok()
            && let Some(waker) = &self.waker
        {
            let _ = waker.wake();
        }
    }
}

/// The journal to which all of them add records, if they do nothing else.
fn sole_journal(turns: &[Turn]) -> Option<Journal> {
    let first = turns.first()?.sole_journal()?;
    turns.iter().all(|turn| turn.sole_journal() == Some(first)).then_some(first)
}
