//! Requests that are made exactly once, whoever leads: each has a number, is sent again until it
//! is answered, and is sent at once to a new leader. The market's sessions do the rest (SAFETY S9).
//!
//! ```text
//!   Closed ──▶ Open {} sent ──▶ Opened: numbered requests, up to a window, each until answered
//!     ▲  ▲                           │
//!     │  └────── UnknownSession ─────┘   the session expired: what was under way is in doubt
//!     └── nothing under way ── a later life sends what is on record as under way again
//! ```
//!
//! A value: its owner sends what [`Client::fresh`] and [`Client::unanswered`] give, a deposit or a
//! withdrawal when it is on record. Each life of a node has sessions of its own. A later life first
//! settles what is on record ([`Memory`]) in the session in which it was asked for, then opens its
//! own: that shuts the earlier one, so that no purchase of an earlier life, of which nothing is on
//! record, happens later; and the market tells how many happened.

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
    /// The session is open, and nothing of an earlier one happens from now on.
    Returned {
        /// How many purchases there were in all lives, by the market's books.
        purchases: u64,
    },
    /// Its session is gone, or whoever would have to tell is away: it happened or not.
    InDoubt {
        /// Which.
        id: RequestId,
        /// What was asked.
        command: Command,
    },
}

/// What outlives a crash.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The session; 0 if there was none yet.
    pub life: u64,
    /// What is under way in it, by number, purchases apart.
    pub pending: BTreeMap<u64, Command>,
}

/// Whether a request is on record before it leaves: what it asks for is done once in all lives.
/// What a purchase did, the market tells, and carts have a time-out.
pub fn is_recorded(command: &Command) -> bool {
    match command {
        Command::Deposit(_) | Command::Withdraw { .. } => true,
        Command::Open
        | Command::Buy(_)
        | Command::Hold { .. }
        | Command::Claim { .. }
        | Command::Void { .. } => false,
    }
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
    /// The first session of this life, while what an earlier life asked for is settled in its own.
    first: Option<u64>,
    /// Whether a session is to be opened though nothing waits for it.
    returns: bool,
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
            first: None,
            returns: false,
            next: 1,
            pending: BTreeMap::new(),
            queue: VecDeque::new(),
        }
    }

    /// What a later life needs to go on as this client.
    pub fn memory(&self) -> Memory {
        let recorded = self.pending.iter().filter(|(_, pending)| is_recorded(&pending.command));
        let pending = recorded.map(|(&number, pending)| (number, pending.command.clone()));
        Memory { life: self.id.life, pending: pending.collect() }
    }

    /// Goes on from what an earlier life had on record.
    pub fn restore(&mut self, memory: Memory) {
        self.id.life = memory.life;
        self.pending.clear();
        for (number, command) in memory.pending {
            self.pending.insert(number, Pending { command, since: Instant::ZERO });
        }
    }

    /// An earlier life asked for this in its session `life`.
    pub fn replay_asked(&mut self, life: u64, number: u64, command: Command) {
        self.id.life = life;
        self.pending.insert(number, Pending { command, since: Instant::ZERO });
    }

    /// An earlier life had its answer to this.
    pub fn replay_answered(&mut self, number: u64) {
        self.pending.remove(&number);
    }

    /// An earlier life was told that its session is gone.
    pub fn replay_lost(&mut self) {
        self.pending.clear();
    }

    /// Begins the life `incarnation`.
    pub fn begin(&mut self, incarnation: Incarnation, now: Instant) {
        let first = incarnation.0.saturating_mul(SESSIONS_PER_LIFE);
        self.first = Some(first.max(self.id.life.saturating_add(1)));
        self.returns = incarnation > Incarnation(1);
        self.session = Session::Open;
        self.pending.values_mut().for_each(|pending| pending.since = now);
        self.leave_earlier_life();
    }

    /// When all that an earlier life asked for is settled, what follows is this life's.
    fn leave_earlier_life(&mut self) {
        if self.pending.is_empty()
            && let Some(first) = self.first.take()
        {
            (self.id.life, self.next, self.session) = (first, 1, Session::Closed);
        }
    }

    /// Whether what an earlier life asked for is settled: all of it was answered, or never will be.
    pub fn has_returned(&self) -> bool {
        self.first.is_none() && !self.returns
    }

    /// All that was asked for and is not answered.
    pub fn pending(&self) -> impl Iterator<Item = (RequestId, &Command)> {
        let client = self.id;
        let pending = self.pending.iter();
        pending.map(move |(&number, pending)| (RequestId { client, number }, &pending.command))
    }

    /// Since when this is asked for, if it is not answered.
    pub fn since(&self, id: RequestId) -> Option<Instant> {
        let pending = (id.client == self.id).then(|| self.pending.get(&id.number))?;
        Some(pending?.since)
    }

    /// Whether anything is under way or waits.
    pub fn is_busy(&self) -> bool {
        !self.pending.is_empty() || !self.queue.is_empty() || self.returns
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
            Session::Open if self.first.is_none() && self.pending.len() < WINDOW_MAX => {
                let (command, since) = self.queue.pop_front()?;
                let number = self.next;
                self.next += 1;
                self.pending.insert(number, Pending { command: command.clone(), since });
                Some(self.request(number, command))
            }
            Session::Closed if self.returns || !self.queue.is_empty() => {
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
        if id.number == 0 {
            return self.opened(&outcome).into_iter().collect();
        }
        if let Outcome::Refused(Refusal::UnknownSession | Refusal::LifeOver { .. }) = outcome {
            return self.reopen();
        }
        let Some(Pending { command, since }) = self.pending.remove(&id.number) else {
            return Vec::new();
        };
        self.leave_earlier_life();
        if outcome == market::NOT_KNOWN {
            return vec![Resolution::InDoubt { id, command }];
        }
        vec![Resolution::Answered { id, command, outcome, took: now.since(since) }]
    }

    fn opened(&mut self, outcome: &Outcome) -> Option<Resolution> {
        if self.session != Session::Opening {
            return None;
        }
        match outcome {
            Outcome::Opened { purchases } => {
                self.session = Session::Open;
                let returned = Resolution::Returned { purchases: *purchases };
                std::mem::take(&mut self.returns).then_some(returned)
            }
            // This session was opened and has expired before its answer came: nothing was asked
            // in it yet, so another one will do.
            Outcome::Refused(Refusal::LifeOver { highest }) => {
                self.id.life = highest.saturating_add(1);
                self.session = Session::Closed;
                None
            }
            _ => None,
        }
    }

    /// The session expired: what was under way in it may have happened or not. Of purchases the
    /// market tells how many did, so another session is opened in any case.
    fn reopen(&mut self) -> Vec<Resolution> {
        if self.session != Session::Open {
            return Vec::new();
        }
        let client = self.id;
        let next = self.id.life.saturating_add(1);
        self.id.life = self.first.take().unwrap_or(next);
        (self.session, self.next, self.returns) = (Session::Closed, 1, true);
        let pending = std::mem::take(&mut self.pending).into_iter();
        let in_doubt = pending.map(|(number, Pending { command, .. })| Resolution::InDoubt {
            id: RequestId { client, number },
            command,
        });
        in_doubt.collect()
    }
}

#[cfg(test)]
mod tests;
