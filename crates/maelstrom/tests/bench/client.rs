//! Clients: each asks one node, one thing at a time, and knows what kinds of answers mean.

use std::collections::BTreeMap;

use checker::Phase;
use machine::Instant;
use maelstrom::{Body, Packet};
use serde_json::Value;

use super::workload::{Next, Op};
use super::{Bench, CLIENT_LIMIT, Event, Stage, name_of};

#[derive(Debug)]
pub struct Client {
    pub at: usize,
    pub name: String,
    pub node: usize,
    /// Its number in the history. One whose operation is in doubt goes on under another.
    pub process: u64,
    msg_id: i64,
    waits: Option<Waits>,
    /// Of logs: where it polls next.
    pub offsets: BTreeMap<String, u64>,
    /// Of logs: whether it has begun from their beginning, for its last reading.
    pub has_rewound: bool,
    /// Whether it has found all well after the last fault.
    pub is_done: bool,
    pub oks: u64,
}

#[derive(Debug)]
struct Waits {
    msg_id: i64,
    op: Op,
}

impl Client {
    pub fn new(at: usize, node: usize) -> Self {
        Self {
            at,
            name: format!("c{at}"),
            node,
            process: at as u64,
            msg_id: 0,
            waits: None,
            offsets: BTreeMap::new(),
            has_rewound: false,
            is_done: false,
            oks: 0,
        }
    }
}

impl Bench {
    /// A client has waited long enough.
    pub(super) fn gives_up(&mut self, now: Instant, at: usize, msg_id: i64) {
        let waits = self.clients[at].waits.take_if(|waits| waits.msg_id == msg_id);
        if let Some(waits) = waits {
            self.ended(now, at, waits.op, Phase::Info, Value::Null);
        }
    }

    /// A client asks the next thing.
    pub(super) fn asks(&mut self, now: Instant, at: usize) {
        let is_last = self.stage == Stage::Recovering;
        let client = &mut self.clients[at];
        if is_last && client.is_done {
            return;
        }
        let op = match is_last {
            false => self.workload.next(client, &mut self.random),
            true => self.workload.last(client),
        };
        if self.workload.records(&op, is_last) {
            self.record(self.clients[at].process, Phase::Invoke, &op, op.value.clone());
        }
        let body = op.body.clone();
        self.ask(now, at, op, body);
    }

    fn ask(&mut self, now: Instant, at: usize, op: Op, mut body: Body) {
        let client = &mut self.clients[at];
        client.msg_id += 1;
        let (msg_id, until) = (client.msg_id, now + CLIENT_LIMIT);
        body.insert("msg_id".into(), msg_id.into());
        client.waits = Some(Waits { msg_id, op });
        let (source, destination) = (client.name.clone(), name_of(client.node));
        self.sent(now, Packet { source, destination, body });
        self.schedule(until, Event::GivesUp(at, msg_id));
    }

    /// A node answered.
    pub(super) fn told(&mut self, now: Instant, at: usize, packet: &Packet) {
        let reply = packet.body.get("in_reply_to").and_then(Value::as_i64);
        let client = &mut self.clients[at];
        let Some(waits) = client.waits.take_if(|waits| Some(waits.msg_id) == reply) else { return };
        let mut op = waits.op;
        if packet.kind() == "error" {
            let code = packet.body["code"].as_u64().unwrap();
            // The errors of which the workbench's list says that they are definite.
            let is_definite = [1, 10, 11, 12, 14, 20, 21, 22, 30].contains(&code);
            let phase = if is_definite { Phase::Fail } else { Phase::Info };
            *self.counts.entry(format!("error {code}")).or_default() += 1;
            return self.ended(now, at, op, phase, Value::Null);
        }
        match self.workload.answered(&mut op, client, packet) {
            Next::Ask(body) => self.ask(now, at, op, body),
            Next::Done(value) => self.ended(now, at, op, Phase::Ok, value),
            Next::Wrong(why) => {
                self.violations.push(format!("{why}: {packet:?}"));
                self.ended(now, at, op, Phase::Info, Value::Null);
            }
        }
    }

    /// An operation has ended, and the client thinks about the next one.
    fn ended(&mut self, now: Instant, at: usize, op: Op, phase: Phase, value: Value) {
        let is_last = self.stage == Stage::Recovering;
        let changes_nothing = matches!(op.f.as_str(), "read" | "assign");
        let phase = if phase == Phase::Info && changes_nothing { Phase::Fail } else { phase };
        let process = self.clients[at].process;
        let client = &mut self.clients[at];
        match phase {
            Phase::Ok => {
                client.oks += 1;
                client.is_done |= is_last && self.workload.is_well(client, &op, &value);
            }
            Phase::Info => client.process += self.plan.clients as u64,
            _ => {}
        }
        if phase != Phase::Ok && self.plan.kind.is_always_answered() {
            self.violations.push(format!("{} at {now}: {op:?} {phase:?}", self.clients[at].name));
        }
        let client = &mut self.clients[at];
        let is_done = client.is_done;
        if phase == Phase::Info && !self.plan.kind.keeps_clients() {
            // As the workbench does it: the client is closed, and nobody may speak to it any more.
            let name = format!("c{}", self.named);
            self.named += 1;
            client.offsets.clear();
            client.has_rewound = false;
            self.gone.insert(std::mem::replace(&mut client.name, name));
        }
        if self.workload.records(&op, is_last) {
            let value = if phase == Phase::Ok { value } else { op.value.clone() };
            self.record(process, phase, &op, value);
        } else if is_done {
            // Of what is only eventual, the last reading counts.
            self.record(process, Phase::Invoke, &op, Value::Null);
            self.record(process, Phase::Ok, &op, value);
        }
        if is_done && self.clients.iter().all(|client| client.is_done) {
            return self.finish();
        }
        let thinks = self.random.below(self.plan.thinks.as_nanos() as u64 + 1);
        self.schedule(now + std::time::Duration::from_nanos(thinks), Event::Asks(at));
    }
}
