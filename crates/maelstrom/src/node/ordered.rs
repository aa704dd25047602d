//! Requests that need their place in the total order, on their way.
//!
//! ```text
//!             the group can take it          delivered
//!   waiting ────────────────────────▶ begun ───────────▶ answered with what was found
//!      │                                │
//!      │ too long, or cut off           │ too long, or this node was removed
//!      ▼                                ▼
//!   error 11: not begun               error 0 or 13: nobody can tell
//! ```
//!
//! Each is multicast at most once, under the life of its node and a number, and answered at most
//! once. The order delivers it at most once, so it is done at most once.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use groupcast::group::Command;
use machine::{Input, Instant};
use serde::{Deserialize, Serialize};

use super::cluster::Cluster;
use super::{ANSWER_LIMIT, Output, WAITING_MAX};
use crate::packet::Asker;
use crate::refusal::{Code, Refusal};
use crate::services::Operation;

/// What is multicast.
#[derive(Debug, Serialize, Deserialize)]
struct Envelope<'a> {
    /// Which life of a node it comes from. Lives of different nodes may have one number.
    #[serde(borrow)]
    from: std::borrow::Cow<'a, str>,
    life: u64,
    number: u64,
    operation: Operation,
}

/// What was asked of this node.
#[derive(Debug)]
pub struct Requests {
    life: u64,
    /// Not begun, the oldest first.
    waiting: VecDeque<(Instant, Asker, Operation)>,
    /// Begun, by number: the oldest first.
    begun: BTreeMap<u64, (Instant, Asker)>,
    /// How many were begun.
    count: u64,
}

impl Requests {
    pub fn new(life: u64) -> Self {
        Self { life, waiting: VecDeque::new(), begun: BTreeMap::new(), count: 0 }
    }

    /// When the next one has waited for too long.
    pub fn due(&self) -> Option<Instant> {
        let waiting = self.waiting.front().map(|(due, ..)| *due);
        waiting.into_iter().chain(self.begun.values().next().map(|(due, _)| *due)).min()
    }
}

impl Cluster {
    /// A client asked for something that needs its place in the order.
    ///
    /// # Errors
    /// It was not begun.
    pub fn order(
        &mut self,
        now: Instant,
        asker: Asker,
        operation: Operation,
        output: &mut Output,
    ) -> Result<(), Refusal> {
        if self.requests.waiting.len() + self.requests.begun.len() >= WAITING_MAX {
            let refusal = Refusal::unavailable(format!("{WAITING_MAX} requests wait already"));
            return Err(told(&operation, refusal));
        }
        if self.is_open && self.member.group().is_ready() && !self.hears_majority(now) {
            let refusal = Refusal::unavailable("this node does not hear a majority of its group");
            return Err(told(&operation, refusal));
        }
        self.requests.waiting.push_back((now + ANSWER_LIMIT, asker, operation));
        self.begin_waiting(now, output);
        Ok(())
    }

    /// Begins what waits, if the group takes it.
    pub(super) fn begin_waiting(&mut self, now: Instant, output: &mut Output) {
        while self.is_open
            && self.member.group().is_ready()
            && let Some((due, asker, operation)) = self.requests.waiting.pop_front()
        {
            let number = self.requests.count;
            let from = self.name().to_owned();
            let message = match envelope(&from, self.requests.life, number, operation) {
                Ok(message) => message,
                Err(refusal) => {
                    output.packets.push(refusal.answer(&from, &asker));
                    continue;
                }
            };
            self.requests.count += 1;
            self.requests.begun.insert(number, (due, asker));
            let command = Command::Multicast(Bytes::from(message));
            let wishes = self.member.handle(now, Input::Command(command));
            self.grant(now, wishes, output);
        }
    }

    /// A message has its place in the order: it is done here as everywhere, and answered if it was
    /// asked of this node.
    pub(super) fn delivered(&mut self, message: &[u8], output: &mut Output) {
        let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(message) else {
            // All members hold the same bytes and pass over the same ones.
            return output.notes.push("a message of the group is no operation".into());
        };
        let found = self.services.apply(&envelope.operation);
        let Some(asker) = self.settle(&envelope) else { return };
        output.packets.push(match found {
            Ok((kind, fields)) => asker.answer(self.name(), kind, fields),
            Err(refusal) => told(&envelope.operation, refusal).answer(self.name(), &asker),
        });
    }

    /// The group did not take a message: it was not begun.
    pub(super) fn refused(&mut self, message: &[u8], refusal: Refusal, output: &mut Output) {
        if let Ok(envelope) = serde_json::from_slice::<Envelope<'_>>(message)
            && let Some(asker) = self.settle(&envelope)
        {
            output.packets.push(told(&envelope.operation, refusal).answer(self.name(), &asker));
        }
    }

    /// This node is out of the group, and cannot tell whether the group had the message.
    pub(super) fn in_doubt(&mut self, message: &[u8], output: &mut Output) {
        let text = "this node was removed from its group; others may have done it or not";
        self.refused(message, Refusal::new(Code::Crash, text), output);
    }

    /// Answers what has waited for too long.
    pub(super) fn expire(&mut self, now: Instant, output: &mut Output) {
        let me = self.name().to_owned();
        while let Some((_, asker, operation)) =
            self.requests.waiting.pop_front_if(|(due, ..)| *due <= now)
        {
            let refusal = Refusal::unavailable("this node is not in a group that can take it");
            output.packets.push(told(&operation, refusal).answer(&me, &asker));
        }
        while let Some(first) = self.requests.begun.first_entry()
            && first.get().0 <= now
        {
            let (_, asker) = first.remove();
            let text = "it was begun, and is not known to be done";
            output.packets.push(Refusal::new(Code::Timeout, text).answer(&me, &asker));
        }
    }

    /// Who asked, if it was asked of this life of this node and is not answered yet.
    fn settle(&mut self, envelope: &Envelope<'_>) -> Option<Asker> {
        let is_own = envelope.from == self.name() && envelope.life == self.requests.life;
        let begun = is_own.then(|| self.requests.begun.remove(&envelope.number));
        begun.flatten().map(|(_, asker)| asker)
    }
}

/// A refusal as it is told. The workbench's client commits at the end of each poll, has gone on to
/// the next offset by then, and takes a definite error for one of the whole poll: its checker would
/// see the messages of that poll skipped. After an indefinite one it begins again, elsewhere.
fn told(operation: &Operation, refusal: Refusal) -> Refusal {
    match operation {
        Operation::Commit { .. } => Refusal { code: Code::Crash, ..refusal },
        _ => refusal,
    }
}

/// The bytes that are multicast. They have to be read again at each member, so this tries it: what
/// is nested as deeply as a line may be is too deep inside an envelope.
fn envelope(from: &str, life: u64, number: u64, operation: Operation) -> Result<Vec<u8>, Refusal> {
    let envelope = Envelope { from: from.into(), life, number, operation };
    let unfit = |error| Refusal::malformed(format!("it cannot be written as a message: {error}"));
    let bytes = serde_json::to_vec(&envelope).map_err(unfit)?;
    serde_json::from_slice::<Envelope<'_>>(&bytes).map_err(unfit)?;
    Ok(bytes)
}
