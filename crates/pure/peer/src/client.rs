//! Requests that are made exactly once, whoever leads: each has a number, is sent again until it
//! is answered, and is sent at once to a new leader. The market's sessions do the rest (SAFETY S9).
//!
//! ```text
//!   Closed ──▶ Open {} sent ──▶ Opened: numbered requests, up to a window, each until answered
//!                 ▲                  │
//!                 └── UnknownSession ┘   the session expired: what was under way is in doubt
//! ```
//!
//! A value: its owner sends what [`Client::fresh`] and [`Client::unanswered`] give.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Incarnation, Instant};
use market::{ClientId, Command, Outcome, Party, Refusal, Request, RequestId};

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
    /// A client that has asked for nothing yet, in the life `incarnation` of `party`.
    pub fn new(party: Party, incarnation: Incarnation) -> Self {
        let life = incarnation.0.saturating_mul(SESSIONS_PER_LIFE);
        Self {
            id: ClientId { party, life },
            session: Session::Closed,
            next: 1,
            pending: BTreeMap::new(),
            queue: VecDeque::new(),
        }
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
        let mut client = Client::new(Party(1), Incarnation(1));
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
