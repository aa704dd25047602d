//! What the application's tasks and the node's thread share: a queue of messages in, a queue of
//! events out, both bounded.
//!
//! ```text
//!   send ──▶ outgoing ──▶ node's thread ──▶ machine        waits for permits: a number of bytes
//!   next ◀── events  ◀── node's thread ◀── machine
//! ```
//!
//! The node's thread must never wait for long: its heartbeats would stop and the others would
//! exclude it. So when events pile up it brakes instead. Above a quarter of the backlog this
//! member sends nothing, and its thread pauses each turn for a part of the heartbeat period, and
//! for more of it the more waits: it reads and acknowledges little, so the windows of all other
//! senders close, and their sends wait too. Above the whole backlog the member ends.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use groupcast::group::{MESSAGE_BYTES_MAX, Messages, View, ViewId};
use host::Waker;
use machine::NodeId;
use tokio::sync::{Notify, Semaphore};

use crate::error::{Ended, SendError};

/// How many bytes may wait for the node's thread to take them; a send beyond it waits. Twice the
/// longest message, so that one never has to wait for an empty queue.
const OUTGOING_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;
/// What a message or an event counts beside its own bytes: about what its place in a queue takes.
const OVERHEAD_BYTES: usize = 64;

/// An event as the node's thread makes it.
#[derive(Debug)]
pub(crate) enum Raw {
    State(Bytes),
    View(View),
    Delivered(NodeId, Messages),
    StateWanted(ViewId),
    Removed(Vec<Bytes>),
}

impl Raw {
    fn size_bytes(&self) -> usize {
        OVERHEAD_BYTES
            + match self {
                Self::Delivered(_, messages) => messages.size_bytes(),
                Self::Removed(messages) => messages.iter().map(Bytes::len).sum(),
                // At most one waits in a life, and what it replaces is larger.
                Self::State(_) | Self::View(_) | Self::StateWanted(_) => 0,
            }
    }
}

/// Whether messages are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not in yet, or removed.
    Outside,
    Member,
    Leaving,
}

/// What is found when the application looks for an event.
#[derive(Debug)]
pub(crate) enum Found {
    Event(Raw),
    Nothing,
    Ended(Ended),
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// Events are there, or the standing changed. One task waits for it at a time.
    news: Notify,
    /// The application took events, so that the thread need not brake.
    drained: Condvar,
    room: Semaphore,
    waker: OnceLock<Waker>,
    backlog_bytes: usize,
}

#[derive(Debug)]
pub(crate) struct State {
    pub standing: Standing,
    pub outgoing: VecDeque<Bytes>,
    pub answers: Vec<(ViewId, Bytes)>,
    /// Whether the thread was woken and has not looked since.
    pub is_woken: bool,
    pub wants_stop: bool,
    events: VecDeque<Raw>,
    events_bytes: usize,
    ended: Option<Ended>,
}

impl Shared {
    pub fn new(backlog_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                standing: Standing::Outside,
                outgoing: VecDeque::new(),
                answers: Vec::new(),
                is_woken: false,
                wants_stop: false,
                events: VecDeque::new(),
                events_bytes: 0,
                ended: None,
            }),
            news: Notify::new(),
            drained: Condvar::new(),
            room: Semaphore::new(OUTGOING_BYTES_MAX),
            waker: OnceLock::new(),
            backlog_bytes,
        }
    }

    /// The state. Nothing that holds the lock can panic half-way, so a poisoned one is sound.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What the application's tasks call.

    /// Queues a message, when there is room.
    pub async fn send(&self, message: Bytes) -> Result<(), SendError> {
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(SendError::TooLarge(message));
        }
        let permits = self.room.acquire_many(cost(&message)).await;
        let mut state = self.lock();
        match (&state.ended, state.standing) {
            (Some(why), _) => Err(SendError::Ended { why: why.clone(), message }),
            (None, Standing::Member) => {
                if let Ok(permits) = permits {
                    permits.forget();
                }
                state.outgoing.push_back(message);
                self.wake(state);
                Ok(())
            }
            (None, _) => Err(SendError::NotAMember(message)),
        }
    }

    /// Hands over the state for new members.
    pub fn answer(&self, view: ViewId, answer: Bytes) {
        let mut state = self.lock();
        state.answers.push((view, answer));
        self.wake(state);
    }

    /// Takes no more messages, and leaves when those that were taken are delivered.
    pub fn leave(&self) {
        let mut state = self.lock();
        state.standing = Standing::Leaving;
        self.wake(state);
    }

    /// Ends the node.
    pub fn stop(&self) {
        let mut state = self.lock();
        state.wants_stop = true;
        self.wake(state);
        self.drained.notify_all();
    }

    /// The next event, if one is there.
    pub fn take(&self) -> Found {
        let mut state = self.lock();
        if let Some(event) = state.events.pop_front() {
            let was_braking = self.brakes(&state);
            state.events_bytes -= event.size_bytes();
            if was_braking && !self.brakes(&state) {
                self.drained.notify_all();
                self.wake(state);
            }
            return Found::Event(event);
        }
        state.ended.clone().map_or(Found::Nothing, Found::Ended)
    }

    /// Waits for events or another standing.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    /// Waits until the node is in its group.
    pub async fn joined(&self) -> Result<(), Ended> {
        loop {
            let (standing, ended) = {
                let state = self.lock();
                (state.standing, state.ended.clone())
            };
            match (ended, standing) {
                (Some(why), _) => return Err(why),
                (None, Standing::Outside) => self.news().await,
                (None, Standing::Member | Standing::Leaving) => return Ok(()),
            }
        }
    }

    /// Wakes the thread, once for all that it finds at its next look.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let is_first = !std::mem::replace(&mut state.is_woken, true);
        drop(state);
        if is_first && let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    // What the node's thread calls.

    /// Tells how the thread is woken; before, it looks by itself.
    pub fn set_waker(&self, waker: Waker) {
        let _ = self.waker.set(waker);
    }

    /// A message has left the queue.
    pub fn took(&self, message: &Bytes) {
        self.room.add_permits(cost(message) as usize);
    }

    /// Whether so much waits for the application that this member should send nothing.
    pub fn brakes(&self, state: &State) -> bool {
        state.events_bytes > self.backlog_bytes / 4
    }

    /// Hands a turn's events to the application, and brakes if it is slow: for once, four or nine
    /// times `pause` at most when one, two or three quarters of the backlog wait.
    ///
    /// # Errors
    /// It is far too slow.
    pub fn deliver(&self, events: &mut Vec<Raw>, pause: Duration) -> Result<(), Ended> {
        if events.is_empty() {
            return Ok(());
        }
        let mut state = self.lock();
        state.events_bytes += events.iter().map(Raw::size_bytes).sum::<usize>();
        state.events.extend(events.drain(..));
        self.news.notify_one();
        if state.events_bytes > self.backlog_bytes {
            let (waiting_bytes, limit_bytes) = (state.events_bytes, self.backlog_bytes);
            return Err(Ended::Slow { waiting_bytes, limit_bytes });
        }
        let quarters = (state.events_bytes.saturating_mul(4) / self.backlog_bytes.max(1)).min(3);
        let pause = pause * (quarters * quarters) as u32;
        let slow = |state: &mut State| self.brakes(state) && !state.wants_stop;
        let waited = self.drained.wait_timeout_while(state, pause, slow);
        drop(waited);
        Ok(())
    }

    /// The node has ended. Whoever waits hears it.
    pub fn end(&self, why: Ended) {
        let mut state = self.lock();
        state.ended.get_or_insert(why);
        state.outgoing.clear();
        drop(state);
        self.room.close();
        self.news.notify_one();
    }
}

/// How many permits a message takes.
fn cost(message: &Bytes) -> u32 {
    // A message is at most 16 MiB.
    u32::try_from(message.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(backlog_bytes: usize) -> Shared {
        let shared = Shared::new(backlog_bytes);
        shared.lock().standing = Standing::Member;
        shared
    }

    fn delivered(bytes: usize) -> Vec<Raw> {
        vec![Raw::Delivered(NodeId(1), Messages::one(Bytes::from(vec![0; bytes])))]
    }

    #[test]
    fn events_beyond_the_backlog_end_the_member_and_a_quarter_brakes_it() {
        let shared = shared(4000);
        shared.deliver(&mut delivered(500), Duration::from_secs(3600)).unwrap();
        assert!(!shared.brakes(&shared.lock()));
        shared.deliver(&mut delivered(500), Duration::ZERO).unwrap();
        assert!(shared.brakes(&shared.lock()));
        assert!(matches!(shared.take(), Found::Event(_)));
        assert!(!shared.brakes(&shared.lock()));
        let slow = shared.deliver(&mut delivered(4000), Duration::ZERO).unwrap_err();
        assert!(matches!(slow, Ended::Slow { limit_bytes: 4000, waiting_bytes: 4628 }), "{slow:?}");
    }

    #[test]
    fn what_came_before_the_end_is_still_taken() {
        let shared = shared(1000);
        shared.deliver(&mut delivered(1), Duration::ZERO).unwrap();
        shared.end(Ended::Left);
        shared.end(Ended::Dropped);
        assert!(matches!(shared.take(), Found::Event(_)));
        assert!(matches!(shared.take(), Found::Ended(Ended::Left)), "the first cause stands");
    }

    #[tokio::test]
    async fn a_send_waits_for_room_and_ends_with_the_node() {
        let shared = shared(1000);
        let large = Bytes::from(vec![0; MESSAGE_BYTES_MAX]);
        shared.send(large.clone()).await.unwrap();
        let second = shared.send(large.clone());
        tokio::pin!(second);
        tokio::select! {
            biased;
            _ = &mut second => panic!("there was no room for a second one"),
            () = std::future::ready(()) => {}
        }
        shared.took(&large);
        second.await.unwrap();
        shared.end(Ended::Left);
        let error = shared.send(large.clone()).await.unwrap_err();
        assert_eq!(error.into_message(), large);
    }
}
