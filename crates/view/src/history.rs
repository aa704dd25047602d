//! The operations of a run as consistency checkers read them: `history.jsonl`, the form that
//! Jepsen began.
//!
//! Each operation is two [`Step`]s: an `invoke`, then `ok` (it happened), `fail` (it surely did
//! not) or `info` (nobody can tell). A client that never got an answer ends in `info`, never in
//! `fail`.
//!
//! # Processes
//!
//! A checker takes a process for a client that does one thing at a time, and that is gone after an
//! `info`. Our clients may have several requests on their way at once, so a process here is a
//! *lane* of one life of a client: a request takes the free lane with the lowest number, or a new
//! one, and frees it when it ends in `ok` or `fail`. A lane that ended in `info` is never used
//! again, and a new life has lanes of its own. Each look at the stock is a process of its own.
//! Lanes are numbered over the whole run in the order of their first use.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Write};

use market::{ClientId, Good, HoldId, LotId, Outcome, Refusal, RequestId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::lines::{self, ReadError, Tail};
use crate::{Event, Operation, What};

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The position in the history, from 0.
    #[serde(default)]
    pub index: u64,
    /// When, in nanoseconds since the run began.
    #[serde(default)]
    pub time: u64,
    /// Which side of the operation this is.
    #[serde(rename = "type")]
    pub phase: Phase,
    /// The lane of a client.
    pub process: u64,
    /// The operation: `buy`, `deposit`, `withdraw` or `look` in histories of our own.
    #[serde(default)]
    pub f: String,
    /// The good, where one is known.
    #[serde(default)]
    pub key: Option<String>,
    /// What was asked for, what was answered, or why it failed.
    #[serde(default)]
    pub value: Value,
}

/// Which side of an operation a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It was asked for.
    Invoke,
    /// It happened.
    Ok,
    /// It surely did not happen.
    Fail,
    /// Nobody can tell.
    Info,
}

/// Reads a history. Fields that a foreign history lacks get their defaults; fields that ours do
/// not have are passed over.
///
/// # Errors
/// The first line that is no step, with its number.
pub fn read(from: impl BufRead) -> Result<Vec<Step>, ReadError> {
    lines::read(from, Tail::Whole, "a step of a history")
}

/// Writes a history.
///
/// # Errors
/// What the writer says.
pub fn write(to: impl Write, history: &[Step]) -> io::Result<()> {
    lines::write(to, history)
}

/// Whether an answer says for certain that the request was carried out, or that it was not.
///
/// A refusal was not carried out; but where the market has forgotten the session or the answer, an
/// earlier sending of the same request may have been.
pub fn phase(outcome: &Outcome) -> Phase {
    match outcome {
        Outcome::Refused(Refusal::UnknownSession | Refusal::AnswerForgotten) => Phase::Info,
        Outcome::Refused(_) => Phase::Fail,
        _ => Phase::Ok,
    }
}

/// The history of a run, from its events in order of time.
///
/// An abandoned request whose answer came all the same has that answer. Sessions are not part of a
/// history.
pub fn from_events(events: &[Event]) -> Vec<Step> {
    let mut history = History::new(events);
    for event in events {
        history.add(event);
    }
    history.finish(events.last().map_or(0, |event| event.time_ns))
}

struct History {
    answered: BTreeSet<RequestId>,
    goods: BTreeMap<LotId, Good>,
    held: BTreeMap<HoldId, Good>,
    lanes: Lanes,
    waiting: BTreeMap<RequestId, Waiting>,
    steps: Vec<Step>,
}

/// An operation without an end as yet.
struct Waiting {
    process: u64,
    f: &'static str,
    key: Option<String>,
}

impl History {
    fn new(events: &[Event]) -> Self {
        let (mut answered, mut goods) = (BTreeSet::new(), BTreeMap::new());
        let mut held = BTreeMap::new();
        for event in events {
            match &event.what {
                What::Answered { request, operation, outcome, .. } => {
                    answered.insert(*request);
                    if let (Operation::Deposit { good, .. }, Outcome::Deposited { lot }) =
                        (operation, outcome)
                    {
                        goods.insert(*lot, good.clone());
                    }
                    if let Outcome::Held { hold, receipt, .. } = outcome {
                        held.insert(*hold, receipt.good.clone());
                    }
                }
                What::Deposited { good, lot, .. } => {
                    goods.insert(*lot, good.clone());
                }
                _ => {}
            }
        }
        let (lanes, waiting) = (Lanes::default(), BTreeMap::new());
        Self { answered, goods, held, lanes, waiting, steps: Vec::new() }
    }

    fn add(&mut self, event: &Event) {
        let time = event.time_ns;
        match &event.what {
            What::Asked { request, operation, .. } => self.invoke(time, *request, operation),
            What::Answered { request, outcome, .. } => self.complete(time, *request, outcome),
            What::Abandoned { request, .. } if !self.answered.contains(request) => {
                if let Some(waiting) = self.waiting.remove(request) {
                    self.step(time, Phase::Info, waiting, Value::Null);
                }
            }
            What::Looked { good, units, took_ns } => {
                let process = self.lanes.fresh();
                let looking = || Waiting { process, f: "look", key: Some(good.to_string()) };
                self.step(time.saturating_sub(*took_ns), Phase::Invoke, looking(), Value::Null);
                self.step(time, Phase::Ok, looking(), json!({ "units": units }));
            }
            _ => {}
        }
    }

    fn invoke(&mut self, time: u64, request: RequestId, operation: &Operation) {
        let (f, key, value) = match operation {
            Operation::Open => return,
            Operation::Buy(order) => (
                "buy",
                Some(order.good.to_string()),
                json!({ "quantity": order.quantity, "limit": order.limit, "partial": order.partial }),
            ),
            Operation::Deposit { good, quantity, unit_price } => (
                "deposit",
                Some(good.to_string()),
                json!({ "quantity": quantity, "unit_price": unit_price }),
            ),
            Operation::Withdraw { lot } => {
                ("withdraw", self.goods.get(lot).map(Good::to_string), json!({ "lot": lot }))
            }
            Operation::Hold { order, for_ms } => (
                "hold",
                Some(order.good.to_string()),
                json!({ "quantity": order.quantity, "limit": order.limit,
                    "partial": order.partial, "for_ms": for_ms }),
            ),
            Operation::Claim { hold } => {
                ("claim", self.held.get(hold).map(Good::to_string), json!({ "hold": hold }))
            }
            Operation::Void { hold } => {
                ("void", self.held.get(hold).map(Good::to_string), json!({ "hold": hold }))
            }
        };
        if self.waiting.contains_key(&request) {
            return;
        }
        let process = self.lanes.take(request.client);
        self.step(time, Phase::Invoke, Waiting { process, f, key: key.clone() }, value);
        self.waiting.insert(request, Waiting { process, f, key });
    }

    fn complete(&mut self, time: u64, request: RequestId, outcome: &Outcome) {
        let Some(waiting) = self.waiting.remove(&request) else {
            return;
        };
        let value = match outcome {
            Outcome::Bought(receipt) => json!({
                "quantity": receipt.quantity,
                "paid": receipt.paid,
                "request": request.to_string(),
            }),
            Outcome::Deposited { lot } => json!({ "lot": lot, "request": request.to_string() }),
            Outcome::Withdrawn { quantity, .. } => {
                json!({ "quantity": quantity, "request": request.to_string() })
            }
            Outcome::Refused(refusal) => json!(refusal.to_string()),
            Outcome::Held { hold, until_ms, receipt } => json!({
                "quantity": receipt.quantity,
                "hold": hold,
                "until_ms": until_ms,
                "request": request.to_string(),
            }),
            Outcome::Voided { quantity, .. } => {
                json!({ "quantity": quantity, "request": request.to_string() })
            }
            Outcome::Opened { .. }
            | Outcome::Expired { .. }
            | Outcome::Term(_)
            | Outcome::HoldsEnded(_) => Value::Null,
        };
        let phase = phase(outcome);
        if phase != Phase::Info {
            self.lanes.free(request.client, waiting.process);
        }
        self.step(time, phase, waiting, value);
    }

    fn step(&mut self, time: u64, phase: Phase, of: Waiting, value: Value) {
        let Waiting { process, f, key } = of;
        self.steps.push(Step { index: 0, time, phase, process, f: f.to_owned(), key, value });
    }

    fn finish(mut self, end: u64) -> Vec<Step> {
        for (_, waiting) in std::mem::take(&mut self.waiting) {
            self.step(end, Phase::Info, waiting, Value::Null);
        }
        // Looks are known only when they are over, so their beginnings stand too late.
        self.steps.sort_by_key(|step| step.time);
        for (index, step) in (0..).zip(&mut self.steps) {
            step.index = index;
        }
        self.steps
    }
}

/// The lanes of all clients.
#[derive(Default)]
struct Lanes {
    used: u64,
    free: BTreeMap<ClientId, BTreeSet<u64>>,
}

impl Lanes {
    fn fresh(&mut self) -> u64 {
        self.used += 1;
        self.used - 1
    }

    fn take(&mut self, client: ClientId) -> u64 {
        let free = self.free.get_mut(&client).and_then(BTreeSet::pop_first);
        free.unwrap_or_else(|| self.fresh())
    }

    fn free(&mut self, client: ClientId, lane: u64) {
        self.free.entry(client).or_default().insert(lane);
    }
}
