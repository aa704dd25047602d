//! What clients ask, workload by workload, and what answers mean.

use std::collections::{BTreeMap, BTreeSet};

use machine::Random;
use maelstrom::{Body, Packet};
use serde_json::{Value, json};

use super::client::Client;

/// How many keys are in use at once.
const KEYS: u64 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Echo,
    UniqueIds,
    Broadcast,
    GCounter,
    PnCounter,
    Kafka,
    LinKv,
    TxnListAppend,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Echo,
        Self::UniqueIds,
        Self::Broadcast,
        Self::GCounter,
        Self::PnCounter,
        Self::Kafka,
        Self::LinKv,
        Self::TxnListAppend,
    ];

    /// Whether a node that lives answers all requests with what was asked for, partition or not.
    pub fn is_always_answered(self) -> bool {
        !self.is_ordered() && self != Self::Kafka
    }

    pub fn is_ordered(self) -> bool {
        matches!(self, Self::LinKv | Self::TxnListAppend)
    }

    /// After how many operations all keys are left for new ones: a search over one register should
    /// stay small, and lists short. Logs are read in parts, and should outlive a partition.
    fn keys_last(self) -> u64 {
        if self == Self::Kafka { 2000 } else { 120 }
    }

    /// Whether clients are kept whose request failed: as `reusable?` in the workbench.
    pub fn keeps_clients(self) -> bool {
        matches!(self, Self::LinKv | Self::TxnListAppend | Self::UniqueIds)
    }
}

/// One operation of the history; it may take more than one request.
#[derive(Debug, Clone)]
pub struct Op {
    pub f: String,
    pub key: Value,
    pub value: Value,
    pub body: Body,
    /// What was found so far.
    found: Value,
}

pub enum Next {
    Ask(Body),
    Done(Value),
    Wrong(&'static str),
}

pub struct Workload {
    kind: Kind,
    seed: u64,
    /// How many operations there were: the source of values that differ.
    asked: u64,
    ids: BTreeSet<String>,
    /// Of what must be found in the end: values that were acknowledged.
    known: BTreeSet<u64>,
    sum: i64,
    /// Of each log, the highest offset that was acknowledged.
    ends: BTreeMap<String, u64>,
}

fn op(f: &str, key: Value, value: Value, body: Value) -> Op {
    let Value::Object(body) = body else { unreachable!() };
    Op { f: f.to_owned(), key, value, body, found: Value::Null }
}

impl Workload {
    pub fn new(kind: Kind, seed: u64) -> Self {
        let (ids, known) = (BTreeSet::new(), BTreeSet::new());
        Self { kind, seed, asked: 0, ids, known, sum: 0, ends: BTreeMap::new() }
    }

    /// What a client asks next.
    pub fn next(&mut self, client: &Client, random: &mut Random) -> Op {
        self.asked += 1;
        let number = self.asked;
        let era = self.era();
        let key = era + random.below(KEYS);
        let reads = random.below(2) == 0;
        match self.kind {
            Kind::Echo => {
                let text = json!({"seed": self.seed, "number": number, "text": "ä\n\u{1F980}", "half": 0.1});
                op("echo", Value::Null, text.clone(), json!({"type": "echo", "echo": text}))
            }
            Kind::UniqueIds => {
                op("generate", Value::Null, Value::Null, json!({"type": "generate"}))
            }
            Kind::Broadcast if !reads => {
                let body = json!({"type": "broadcast", "message": number});
                op("add", Value::Null, number.into(), body)
            }
            Kind::GCounter | Kind::PnCounter if !reads => {
                let least = if self.kind == Kind::GCounter { 0 } else { 5 };
                let delta = random.below(10) as i64 - least;
                op("add", Value::Null, delta.into(), json!({"type": "add", "delta": delta}))
            }
            Kind::Broadcast | Kind::GCounter | Kind::PnCounter => self.read(),
            Kind::Kafka => match random.below(8) {
                0 | 1 if !client.offsets.is_empty() => self.poll(client),
                2 => self.assign(),
                3..=5 => {
                    let key = format!("k{key}");
                    let body = json!({"type": "send", "key": key, "msg": number});
                    op("send", Value::Null, json!([["send", key, number]]), body)
                }
                _ if client.offsets.is_empty() => self.assign(),
                _ => self.poll(client),
            },
            Kind::LinKv => match random.below(3) {
                0 => op("read", key.into(), Value::Null, json!({"type": "read", "key": key})),
                1 => {
                    let value = random.below(5);
                    let body = json!({"type": "write", "key": key, "value": value});
                    op("write", key.into(), value.into(), body)
                }
                _ => {
                    let (from, to) = (random.below(5), random.below(5));
                    let body = json!({"type": "cas", "key": key, "from": from, "to": to});
                    op("cas", key.into(), json!([from, to]), body)
                }
            },
            Kind::TxnListAppend => {
                let length = random.between(1, 4);
                let micros = (0..length).map(|at| {
                    let key = era + random.below(KEYS);
                    match random.below(2) {
                        0 => json!(["r", key, null]),
                        _ => json!(["append", key, number * 4 + at]),
                    }
                });
                let micros: Value = micros.collect();
                op("txn", Value::Null, micros.clone(), json!({"type": "txn", "txn": micros}))
            }
        }
    }

    /// What a client asks when nothing breaks any more, until all is well.
    pub fn last(&mut self, client: &Client) -> Op {
        self.asked += 1;
        match self.kind {
            Kind::Kafka if !client.has_rewound => {
                let zero = self.ends.keys().map(|key| (key.clone(), json!(0)));
                let zero: Body = zero.collect();
                let keys: Vec<_> = zero.keys().cloned().collect();
                let body = json!({"type": "list_committed_offsets", "keys": keys});
                Op { found: Value::Object(zero), ..op("assign", Value::Null, json!(keys), body) }
            }
            Kind::Kafka => self.poll(client),
            Kind::LinKv => {
                let key = self.era();
                let body = json!({"type": "write", "key": key, "value": 0});
                op("write", key.into(), json!(0), body)
            }
            Kind::TxnListAppend => {
                let micros = json!([["r", self.era(), null]]);
                op("txn", Value::Null, micros.clone(), json!({"type": "txn", "txn": micros}))
            }
            Kind::Echo | Kind::UniqueIds => self.next(client, &mut Random::from_seed(self.asked)),
            Kind::Broadcast | Kind::GCounter | Kind::PnCounter => self.read(),
        }
    }

    /// The first of the keys in use.
    fn era(&self) -> u64 {
        self.asked / self.kind.keys_last() * KEYS
    }

    fn read(&self) -> Op {
        op("read", Value::Null, Value::Null, json!({"type": "read"}))
    }

    fn assign(&self) -> Op {
        let low = self.era();
        let keys: Vec<_> = (low..low + KEYS).map(|key| format!("k{key}")).collect();
        let body = json!({"type": "list_committed_offsets", "keys": keys});
        op("assign", Value::Null, json!(keys), body)
    }

    fn poll(&self, client: &Client) -> Op {
        let body = json!({"type": "poll", "offsets": client.offsets});
        op("poll", Value::Null, json!([["poll"]]), body)
    }

    /// Whether an operation belongs into the history when it is asked.
    pub fn records(&self, op: &Op, _is_last: bool) -> bool {
        let is_eventual = matches!(self.kind, Kind::Broadcast | Kind::GCounter | Kind::PnCounter);
        !(is_eventual && op.f == "read")
    }

    /// What an answer means.
    pub fn answered(&mut self, op: &mut Op, client: &mut Client, packet: &Packet) -> Next {
        let (kind, body) = (packet.kind(), &packet.body);
        match (op.f.as_str(), kind) {
            ("echo", "echo_ok") if body.get("echo") == Some(&op.value) => {
                Next::Done(op.value.clone())
            }
            ("generate", "generate_ok") => match body.get("id") {
                Some(id) if self.ids.insert(id.to_string()) => Next::Done(id.clone()),
                _ => Next::Wrong("an id was given twice, or none"),
            },
            ("add", "broadcast_ok" | "add_ok") => {
                if kind == "broadcast_ok" {
                    self.known.extend(op.value.as_u64());
                } else {
                    self.sum += op.value.as_i64().unwrap();
                }
                Next::Done(op.value.clone())
            }
            ("read", "read_ok") => match body.get("messages").or(body.get("value")) {
                // The workbench's schemas know the field of the workload, and no other.
                Some(value) if body.len() == 3 => Next::Done(value.clone()),
                _ => Next::Wrong("not an answer to `read`"),
            },
            ("write", "write_ok") | ("cas", "cas_ok") => Next::Done(op.value.clone()),
            ("txn", "txn_ok") => Next::Done(body["txn"].clone()),
            ("send", "send_ok") => {
                let (key, message) = (op.value[0][1].clone(), op.value[0][2].clone());
                let offset = body["offset"].as_u64().unwrap();
                let end = self.ends.entry(key.as_str().unwrap().to_owned()).or_default();
                *end = offset.max(*end);
                Next::Done(json!([["send", key, [offset, message]]]))
            }
            ("poll", "poll_ok") => {
                let mut commits = BTreeMap::new();
                for (key, pairs) in body["msgs"].as_object().unwrap() {
                    let last = pairs.as_array().unwrap().iter().map(|pair| pair[0].as_u64()).max();
                    if let Some(Some(last)) = last {
                        commits.insert(key.clone(), last);
                        client.offsets.insert(key.clone(), last + 1);
                    }
                }
                op.found = json!([["poll", body["msgs"]]]);
                if commits.is_empty() {
                    return Next::Done(op.found.take());
                }
                let commit = json!({"type": "commit_offsets", "offsets": commits});
                let Value::Object(commit) = commit else { unreachable!() };
                Next::Ask(commit)
            }
            ("poll", "commit_offsets_ok") => Next::Done(op.found.take()),
            ("assign", "list_committed_offsets_ok") => {
                if let Some(zero) = op.found.as_object() {
                    client.offsets = zero.keys().map(|key| (key.clone(), 0)).collect();
                    client.has_rewound = true;
                    return Next::Done(op.value.clone());
                }
                let committed = &body["offsets"];
                let keys = op.value.as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                let old = std::mem::take(&mut client.offsets);
                let from = |key| old.get(key).copied().or(committed[key].as_u64()).unwrap_or(0);
                client.offsets = keys.map(|key| (key.to_owned(), from(key))).collect();
                Next::Done(op.value.clone())
            }
            _ => Next::Wrong("not an answer to what was asked"),
        }
    }

    /// Whether a client that got this answer after the last fault has found all as it should be.
    pub fn is_well(&self, client: &Client, op: &Op, value: &Value) -> bool {
        match self.kind {
            Kind::Broadcast => value.as_array().is_some_and(|values| {
                let values: BTreeSet<_> = values.iter().filter_map(Value::as_u64).collect();
                self.known.is_subset(&values)
            }),
            Kind::GCounter | Kind::PnCounter => value.as_i64() == Some(self.sum) && op.f == "read",
            Kind::Kafka => {
                let is_read = |(key, end): (&String, &u64)| client.offsets.get(key) > Some(end);
                client.has_rewound && self.ends.iter().all(is_read)
            }
            _ => true,
        }
    }

    /// What a client that is not well has not found.
    pub fn missing(&self, client: &Client) -> String {
        match self.kind {
            Kind::Kafka => format!("polled up to {:?} of {:?}", client.offsets, self.ends),
            Kind::Broadcast => format!("did not read all of {} values", self.known.len()),
            Kind::GCounter | Kind::PnCounter => format!("did not read {}", self.sum),
            _ => "was not answered after the last fault".to_owned(),
        }
    }
}
