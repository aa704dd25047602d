//! What waits to be committed, and when the next commit of it shall begin.
//!
//! A commit alone on its way begins at once, of whatever there is, so that one write at a time waits
//! for nothing. Where commits are quick there is no second one beside it: two small ones cost more
//! than one that is a little later. Where they are slow, up to as many as there are threads are under
//! way at a time, as long as few writes are under way, or enough have gathered for a commit that is
//! worth its work.

use std::sync::{Condvar, Mutex, MutexGuard};

use crate::writes::Turn;

/// How many writes may be under way before another commit begins, whatever its size: with as many
/// there is enough to do when they end.
const WRITES_UNDER_WAY: usize = 64;
/// How many writes that have gathered make a commit beside others: so many that the work of a commit
/// is little for each.
const WRITES_GATHERED: usize = 128;

/// The writes of turns, between the loop and whoever commits them.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// There may be something to take, or nothing more will come.
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    turns: Vec<Turn>,
    /// How many writes these are.
    gathered: usize,
    /// How many were taken and are not done with.
    under_way: usize,
    /// The last ones that were taken are not written yet: what comes behind them has to wait.
    is_taking: bool,
    /// Commits are quick: one at a time, and small ones by the loop itself.
    is_quick: bool,
    end: End,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    #[default]
    Open,
    /// Nothing more comes; what there is will be committed.
    Closed,
    /// Nothing more will be durable.
    Failed,
}

impl State {
    /// Whether a commit of what has gathered shall begin now.
    fn is_ready(&self) -> bool {
        let may_join = !self.is_quick
            && (self.under_way < WRITES_UNDER_WAY || self.gathered >= WRITES_GATHERED);
        self.gathered > 0 && !self.is_taking && (self.under_way == 0 || may_join)
    }

    fn has_ended(&self) -> bool {
        self.end == End::Failed || self.end == End::Closed && self.turns.is_empty()
    }
}

impl Queue {
    /// Adds the writes of a turn, of which there are some.
    pub fn push(&self, turn: &mut Turn) {
        let Some(mut state) = self.state() else { return };
        state.gathered += turn.len();
        state.turns.push(turn.take());
        self.tell(state);
    }

    /// Takes the writes of a turn past the queue, if commits are quick and nothing is left of what
    /// came before.
    pub fn pass(&self, turn: &mut Turn) -> Option<Vec<Turn>> {
        let mut state = self.state()?;
        if !state.is_quick || state.under_way > 0 || state.gathered > 0 {
            return None;
        }
        state.is_taking = true;
        state.under_way = turn.len();
        drop(state);
        Some(vec![turn.take()])
    }

    /// Waits until a commit shall begin, and takes what goes into it; none if nothing more will.
    /// Nobody takes more before [`written`](Self::written).
    pub fn take(&self) -> Option<Vec<Turn>> {
        let waits = |state: &mut State| !state.is_ready() && !state.has_ended();
        let mut state = self.news.wait_while(self.state()?, waits).ok()?;
        if state.has_ended() {
            drop(state);
            self.news.notify_all();
            return None;
        }
        state.is_taking = true;
        state.under_way += std::mem::take(&mut state.gathered);
        Some(std::mem::take(&mut state.turns))
    }

    /// What was taken last is written, and others may be written behind it.
    pub fn written(&self) {
        let Some(mut state) = self.state() else { return };
        state.is_taking = false;
        self.tell(state);
    }

    /// All is told of so many writes that were taken; and commits are quick now, or not.
    pub fn done(&self, writes: usize, is_quick: bool) {
        let Some(mut state) = self.state() else { return };
        state.under_way -= writes;
        state.is_quick = is_quick;
        self.tell(state);
    }

    /// Ends it when all that was added is taken.
    pub fn close(&self) {
        self.end(End::Closed);
    }

    /// Ends it: nothing more will be durable.
    pub fn fail(&self) {
        self.end(End::Failed);
    }

    fn end(&self, end: End) {
        if let Some(mut state) = self.state() {
            // A failure stays one.
            state.end = state.end.max(end);
        }
        self.news.notify_all();
    }

    /// Wakes one that waits, if there is something for it.
    fn tell(&self, state: MutexGuard<'_, State>) {
        let is_ready = state.is_ready();
        drop(state);
        if is_ready {
            self.news.notify_one();
        }
    }

    /// None only after a panic in here.
    fn state(&self) -> Option<MutexGuard<'_, State>> {
        self.state.lock().ok()
    }
}

#[cfg(test)]
impl Queue {
    /// Whether there is nothing that was not done with.
    pub fn is_at_rest(&self) -> bool {
        let state = self.state.lock().unwrap();
        state.under_way == 0 && state.gathered == 0
    }

    /// As if commits had been like this.
    pub fn set_quick(&self, is_quick: bool) {
        self.state.lock().unwrap().is_quick = is_quick;
    }
}

#[cfg(test)]
mod tests {
    use machine::Journal;

    use super::*;
    use crate::writes::Kind;

    /// Whether a commit shall begin while so many writes are under way and so many have gathered.
    fn begins(is_quick: bool, under_way: usize, gathered: usize) -> bool {
        State { gathered, under_way, is_quick, ..State::default() }.is_ready()
    }

    #[test]
    fn a_commit_begins_when_it_is_alone_or_commits_are_slow_and_it_is_worth_it() {
        assert!(!begins(true, 0, 0) && !begins(false, 0, 0), "of nothing");
        assert!(begins(true, 0, 1) && begins(false, 0, 1), "alone");
        assert!(!begins(true, 1, 10_000), "beside a quick one");
        assert!(begins(false, WRITES_UNDER_WAY - 1, 1), "beside few");
        assert!(!begins(false, WRITES_UNDER_WAY, WRITES_GATHERED - 1), "a small one beside many");
        assert!(begins(false, 10_000, WRITES_GATHERED), "a large one beside many");
    }

    #[test]
    fn a_queue_that_has_failed_gives_nothing_even_when_it_is_closed() {
        let queue = Queue::default();
        let mut turn = Turn::default();
        turn.push(1, Kind::Record(Journal::Own));
        queue.push(&mut turn);
        queue.fail();
        queue.close();
        assert!(queue.take().is_none());
    }
}
