//! Exactly-once: the answers that a client may still ask for again (SAFETY S9).
//!
//! A session is one life of a client. It keeps each answer with the command it belongs to, until
//! the client acknowledges it, so a repeated request gets its first answer and executes nothing.
//! The kept command is the fingerprint: it is compared whole, so two commands never look alike.
//!
//! Whoever opens a session shuts the party's earlier ones: they give the answers that they keep,
//! until they expire, and execute nothing more. So what a client has bought by then is all that its
//! earlier lives will ever have bought.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::limits::{ANSWERS_MAX, PARTIES_MAX, SESSIONS_MAX};
use crate::{ClientId, Command, Limit, Outcome, Party, Refusal, Request};

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub number: u64,
    pub command: Command,
    pub outcome: Outcome,
}

/// One life of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The kernel's time of the last request.
    pub seen_ms: u64,
    /// The client has its answers to all lower numbers; they are gone.
    pub answered_below: u64,
    /// By rising number, which need not be the order of arrival.
    pub answers: VecDeque<Answer>,
}

/// Where a request stands in its session.
pub(crate) enum Place {
    /// It was answered: here.
    Answered(usize),
    /// It is new; its answer belongs here.
    New(usize),
}

impl Session {
    /// Notes that the client was heard, and forgets the answers that it has.
    pub fn hear(&mut self, request: &Request, now_ms: u64) {
        self.seen_ms = now_ms;
        self.answered_below = self.answered_below.max(request.answered_below);
        while self.answers.front().is_some_and(|answer| answer.number < self.answered_below) {
            self.answers.pop_front();
        }
    }

    /// Looks a request up.
    pub fn find(&self, request: &Request) -> Result<Place, Refusal> {
        let number = request.id.number;
        if number < self.answered_below {
            return Err(Refusal::AnswerForgotten);
        }
        match self.answers.binary_search_by_key(&number, |answer| answer.number) {
            Ok(place) if self.answers[place].command == request.command => {
                Ok(Place::Answered(place))
            }
            Ok(_) => Err(Refusal::Conflict),
            Err(_) if self.answers.len() >= ANSWERS_MAX => {
                Err(Refusal::LimitReached(Limit::Answers))
            }
            Err(place) => Ok(Place::New(place)),
        }
    }

    /// Keeps an answer at the place that was found for it.
    pub fn keep(&mut self, place: usize, request: &Request, outcome: Outcome) {
        let (number, command) = (request.id.number, request.command.clone());
        self.answers.insert(place, Answer { number, command, outcome });
    }
}

/// All sessions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Sessions {
    pub open: BTreeMap<ClientId, Session>,
    /// The highest life that each party has opened. Lower ones stay shut: a delayed copy of an
    /// old client's requests, the one to open first, would otherwise be executed again after the
    /// session expired.
    pub lives: BTreeMap<Party, u64>,
}

impl Sessions {
    /// Opens a session; true if it was open before.
    pub fn open(&mut self, request: &Request, now_ms: u64) -> Result<bool, Refusal> {
        let client = request.id.client;
        let highest = self.lives.get(&client.party).copied();
        if let Some(highest) = highest.filter(|highest| client.life < *highest) {
            return Err(Refusal::LifeOver { highest });
        }
        if let Some(session) = self.open.get_mut(&client) {
            session.hear(request, now_ms);
            return Ok(true);
        }
        match highest {
            Some(highest) if client.life <= highest => return Err(Refusal::LifeOver { highest }),
            None if self.lives.len() >= PARTIES_MAX => {
                return Err(Refusal::LimitReached(Limit::Parties));
            }
            _ if self.open.len() >= SESSIONS_MAX => {
                return Err(Refusal::LimitReached(Limit::Sessions));
            }
            _ => {}
        }
        self.lives.insert(client.party, client.life);
        let answered_below = request.answered_below;
        let session = Session { seen_ms: now_ms, answered_below, answers: VecDeque::new() };
        self.open.insert(client, session);
        Ok(false)
    }

    /// The later life that keeps a request from being executed: its session is shut and has no
    /// answer to it.
    pub fn shut_to(&self, request: &Request) -> Option<u64> {
        let session = self.open.get(&request.id.client)?;
        let highest = *self.lives.get(&request.id.client.party)?;
        let is_shut = request.id.client.life < highest;
        let is_answered = || matches!(session.find(request), Ok(Place::Answered(_)));
        (is_shut && !is_answered()).then_some(highest)
    }

    /// Closes the sessions without a request for `idle_ms`, and counts them.
    pub fn expire(&mut self, idle_ms: u64, now_ms: u64) -> usize {
        let before = self.open.len();
        self.open.retain(|_, session| now_ms.saturating_sub(session.seen_ms) < idle_ms);
        before - self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RequestId;

    fn open(party: u64, life: u64) -> Request {
        let client = ClientId { party: Party(party), life };
        let id = RequestId { client, number: 0 };
        Request { id, answered_below: 0, command: Command::Open }
    }

    #[test]
    fn sessions_open_at_once_are_bounded() {
        let mut sessions = Sessions::default();
        let many = SESSIONS_MAX as u64;
        (0..many).for_each(|party| assert_eq!(sessions.open(&open(party, 1), 0), Ok(false)));
        let full = sessions.clone();
        assert_eq!(sessions.open(&open(many, 1), 9), Err(Refusal::LimitReached(Limit::Sessions)));
        assert_eq!(sessions, full);
        assert_eq!(sessions.open(&open(0, 1), 9), Ok(true));
        assert_eq!(sessions.expire(5, 9), SESSIONS_MAX - 1);
        assert_eq!(sessions.open(&open(many, 1), 9), Ok(false));
    }

    #[test]
    fn parties_are_bounded_even_when_their_sessions_are_gone() {
        let lives = (0..PARTIES_MAX as u64).map(|party| (Party(party), 1)).collect();
        let mut sessions = Sessions { open: BTreeMap::new(), lives };
        let stranger = open(PARTIES_MAX as u64, 1);
        assert_eq!(sessions.open(&stranger, 0), Err(Refusal::LimitReached(Limit::Parties)));
        assert_eq!(sessions.open(&open(0, 2), 0), Ok(false));
    }
}
