//! Requests that are made exactly once, whoever leads: each has a number, is sent again until it
//! is answered, and is sent at once to a new leader. The market's sessions do the rest (SAFETY S9).
//!
//! ```text
//!   Closed ──▶ Open {} sent ──▶ Opened: numbered requests, up to a window, each until answered
//!                 ▲                  │
//!                 └── UnknownSession ┘   the session expired: what was under way is in doubt
//! ```
//!
//! A value: its owner sends what [`Client::fresh`] and [`Client::unanswered`] give, when the number
//! of a fresh request is on record. From that record ([`Memory`]) a later life of the node goes on
//! with the session of the one before, and sends what was under way again under the same numbers.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Incarnation, Instant};
use market::{ClientId, Command, Outcome, Party, Refusal, Request, RequestId};
use serde::{Deserialize, Serialize};

/// How many requests may be under way: as many answers does the market keep for the client.
pub const WINDOW_MAX: usize = 16;
/// How many requests may wait for the window; a behaviour that makes more is at fault.
pub const QUEUE_MAX: usize = 64;
/// How many sessions one life of a node may open.
const SESSIONS_PER_LIFE: u64 = 1 << 20;

/// A request under way.
#[derive(Debug, Clone)]
struct Pending {
    command: Command,
    since: Instant,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It was answered.
    Answered {
        /// Which.
        id: RequestId,
        /// What was asked.
        command: Command,
        /// The answer.
        outcome: Outcome,
        /// How long it took, from when it was asked.
        took: Duration,
    },
    /// Its session is gone: it happened or not.
    InDoubt {
        /// Which.
        id: RequestId,
        /// What was asked.
        command: Command,
    },
}

/// What outlives a crash: the session, and what is under way in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The session; 0 if there was none yet.
    pub life: u64,
    /// The number of the next request.
    pub next: u64,
    /// What is under way, by number.
    pub pending: BTreeMap<u64, Command>,
}

/// The state of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Session {
    Closed,
    Opening,
    Open,
}

/// One node's side of its sessions with the market.
#[derive(Debug, Clone)]
pub struct Client {
    id: ClientId,
    session: Session,
    next: u64,
    pending: BTreeMap<u64, Pending>,
    queue: VecDeque<(Command, Instant)>,
}

impl Client {
    /// A client that has asked for nothing yet, of `party`, before [`Client::begin`].
    pub fn new(party: Party) -> Self {
        Self {
            id: ClientId { party, life: 0 },
            session: Session::Closed,
            next: 1,
            pending: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// What a later life needs to go on as this client.
    pub fn memory(&self) -> Memory {
        let pending = self.pending.iter();
        let pending = pending.map(|(&number, pending)| (number, pending.command.clone()));
        Memory { life: self.id.life, next: self.next, pending: pending.collect() }
    }

    /// Goes on from what an earlier life had on record.
    pub fn restore(&mut self, memory: Memory) {
        (self.id.life, self.next) = (memory.life, memory.next.max(1));
        self.pending.clear();
        for (number, command) in memory.pending {
            self.pending.insert(number, Pending { command, since: Instant::ZERO });
        }
    }

    /// An earlier life asked for this in its session `life`.
    pub fn replay_asked(&mut self, life: u64, number: u64, command: Command) {
        self.id.life = life;
        self.next = number.saturating_add(1);
        self.pending.insert(number, Pending { command, since: Instant::ZERO });
    }

    /// An earlier life had its answer to this; what it was, if it was under way.
    pub fn replay_answered(&mut self, number: u64) -> Option<RequestId> {
        let client = self.id;
        self.pending.remove(&number).map(|_| RequestId { client, number })
    }

    /// An earlier life was told that its session is gone.
    pub fn replay_lost(&mut self) {
        self.session = Session::Open;
        self.reopen();
    }

    /// Begins the life `incarnation`. A session in which something is under way is open; one in
    /// which nothing is may have expired meanwhile, so it is opened again before it is used.
    pub fn begin(&mut self, incarnation: Incarnation, now: Instant) {
        if self.id.life == 0 {
            self.id.life = incarnation.0.saturating_mul(SESSIONS_PER_LIFE);
        }
        self.pending.values_mut().for_each(|pending| pending.since = now);
        let is_idle = self.pending.is_empty();
        self.session = if is_idle { Session::Closed } else { Session::Open };
    }

    /// All that was asked for and is not answered.
    pub fn pending(&self) -> impl Iterator<Item = (RequestId, &Command)> {
        let client = self.id;
        let pending = self.pending.iter();
        pending.map(move |(&number, pending)| (RequestId { client, number }, &pending.command))
    }

    /// Whether anything is under way or waits.
    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty() || !self.queue.is_empty()
    }

    /// Asks for something; false, and nothing changed, if too much waits already.
    pub fn submit(&mut self, command: Command, now: Instant) -> bool {
        let fits = self.queue.len() < QUEUE_MAX;
        if fits {
            self.queue.push_back((command, now));
        }
        fits
    }

    /// A request that may go and was not given before, if any.
    pub fn fresh(&mut self) -> Option<Request> {
        match self.session {
            Session::Open if self.pending.len() < WINDOW_MAX => {
                let (command, since) = self.queue.pop_front()?;
                let number = self.next;
                self.next += 1;
                self.pending.insert(number, Pending { command: command.clone(), since });
                Some(self.request(number, command))
            }
            Session::Closed if !self.queue.is_empty() => {
                self.session = Session::Opening;
                Some(self.request(0, Command::Open))
            }
            Session::Open | Session::Closed | Session::Opening => None,
        }
    }

    /// All that is under way, to be sent again.
    pub fn unanswered(&self) -> Vec<Request> {
        if self.session == Session::Opening {
            return vec![self.request(0, Command::Open)];
        }
        let requests = self.pending.iter();
        requests.map(|(&number, pending)| self.request(number, pending.command.clone())).collect()
    }

    fn request(&self, number: u64, command: Command) -> Request {
        let answered_below = self.pending.keys().next().copied().unwrap_or(self.next);
        Request { id: RequestId { client: self.id, number }, answered_below, command }
    }

    /// Takes an answer; what it resolves. An answer to anything else than what is under way (a
    /// repetition, an earlier session) resolves nothing.
    pub fn answered(&mut self, id: RequestId, outcome: Outcome, now: Instant) -> Vec<Resolution> {
        if id.client != self.id {
            return Vec::new();
        }
        if outcome == Outcome::Refused(Refusal::UnknownSession) {
            return self.reopen();
        }
        if id.number == 0 {
            self.opened(&outcome);
            return Vec::new();
        }
        let Some(Pending { command, since }) = self.pending.remove(&id.number) else {
            return Vec::new();
        };
        vec![Resolution::Answered { id, command, outcome, took: now.since(since) }]
    }

    fn opened(&mut self, outcome: &Outcome) {
        if self.session != Session::Opening {
            return;
        }
        match outcome {
            Outcome::Opened => self.session = Session::Open,
            // This session was opened and has expired before its answer came: nothing was asked
            // in it yet, so another one will do.
            Outcome::Refused(Refusal::LifeOver { highest }) => {
                self.id.life = highest.saturating_add(1);
                self.session = Session::Closed;
            }
            _ => {}
        }
    }

    /// The session expired: what was under way in it may have happened or not.
    fn reopen(&mut self) -> Vec<Resolution> {
        if self.session != Session::Open {
            return Vec::new();
        }
        let client = self.id;
        self.id.life = self.id.life.saturating_add(1);
        self.session = Session::Closed;
        self.next = 1;
        let pending = std::mem::take(&mut self.pending).into_iter();
        let in_doubt = pending.map(|(number, Pending { command, .. })| Resolution::InDoubt {
            id: RequestId { client, number },
            command,
        });
        in_doubt.collect()
    }
}

#[cfg(test)]
mod tests {
    use market::{Good, Order};

    use super::*;

    fn buy() -> Command {
        let good = Good::new("fish").unwrap();
        Command::Buy(Order { good, quantity: 1, limit: None, partial: false })
    }

    fn open_client() -> Client {
        let mut client = Client::new(Party(1));
        client.begin(Incarnation(1), Instant::ZERO);
        assert!(client.submit(buy(), Instant::ZERO));
        let open = client.fresh().unwrap();
        assert_eq!(open.command, Command::Open);
        assert_eq!(client.fresh(), None, "nothing goes before the session is open");
        assert_eq!(client.unanswered(), std::slice::from_ref(&open));
        assert!(client.answered(open.id, Outcome::Opened, Instant::ZERO).is_empty());
        client
    }

    #[test]
    fn a_request_is_the_same_each_time_until_it_is_answered_once() {
        let mut client = open_client();
        let request = client.fresh().unwrap();
        assert_eq!((request.id.number, request.answered_below), (1, 1));
        assert_eq!(client.unanswered(), std::slice::from_ref(&request));
        let outcome = Outcome::Refused(Refusal::NotSoldHere);
        let resolved = client.answered(request.id, outcome.clone(), Instant::from_nanos(5));
        assert!(
            matches!(&resolved[..], [Resolution::Answered { took, .. }] if took.as_nanos() == 5)
        );
        assert!(client.answered(request.id, outcome, Instant::ZERO).is_empty(), "a repetition");
        assert!(!client.is_busy());
        client.submit(buy(), Instant::ZERO);
        assert_eq!(client.fresh().unwrap().answered_below, 2);
    }

    #[test]
    fn a_later_life_sends_what_was_under_way_again_under_the_same_number() {
        let mut client = open_client();
        let request = client.fresh().unwrap();
        let mut later = Client::new(Party(1));
        later.restore(client.memory());
        later.begin(Incarnation(2), Instant::from_nanos(3));
        assert_eq!(later.unanswered(), std::slice::from_ref(&request));
        let outcome = Outcome::Refused(Refusal::NotSoldHere);
        let resolved = later.answered(request.id, outcome, Instant::from_nanos(5));
        assert!(
            matches!(&resolved[..], [Resolution::Answered { took, .. }] if took.as_nanos() == 2)
        );
        // Record by record it is the same.
        let mut replayed = Client::new(Party(1));
        replayed.replay_asked(request.id.client.life, 1, request.command);
        assert_eq!(replayed.memory(), client.memory());
        replayed.replay_answered(1);
        assert_eq!(replayed.memory(), later.memory());
    }

    #[test]
    fn a_later_life_opens_an_idle_session_again_and_takes_another_one_if_it_is_gone() {
        let mut client = Client::new(Party(1));
        client.restore(Memory { life: 7, next: 4, pending: BTreeMap::new() });
        client.begin(Incarnation(2), Instant::ZERO);
        client.submit(buy(), Instant::ZERO);
        let open = client.fresh().unwrap();
        assert_eq!((open.id.client.life, &open.command), (7, &Command::Open));
        let mut other = client.clone();
        client.answered(open.id, Outcome::Opened, Instant::ZERO);
        assert_eq!(client.fresh().unwrap().id.number, 4, "no number is given twice");
        let gone = Outcome::Refused(Refusal::LifeOver { highest: 7 });
        assert!(other.answered(open.id, gone, Instant::ZERO).is_empty(), "nothing is in doubt");
        assert_eq!(other.fresh().unwrap().id.client.life, 8);
    }

    #[test]
    fn the_window_and_the_queue_are_bounded() {
        let mut client = open_client();
        let submitted = (0..200).filter(|_| client.submit(buy(), Instant::ZERO)).count();
        assert_eq!(submitted, QUEUE_MAX - 1);
        assert_eq!(std::iter::from_fn(|| client.fresh()).count(), WINDOW_MAX);
    }

    #[test]
    fn an_expired_session_leaves_its_requests_in_doubt_and_another_is_opened() {
        let mut client = open_client();
        let request = client.fresh().unwrap();
        let gone = Outcome::Refused(Refusal::UnknownSession);
        let resolved = client.answered(request.id, gone.clone(), Instant::ZERO);
        assert!(matches!(&resolved[..], [Resolution::InDoubt { id, .. }] if *id == request.id));
        assert!(client.answered(request.id, gone, Instant::ZERO).is_empty(), "of the old session");
        client.submit(buy(), Instant::ZERO);
        let open = client.fresh().unwrap();
        assert_eq!(open.command, Command::Open);
        assert!(open.id.client.life > request.id.client.life);
    }
}
