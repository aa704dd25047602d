//! What all members hold alike: registers, lists and logs, changed by operations in the total order.
//!
//! A deterministic state machine, and nothing else: the same operations in the same order leave the
//! same state and give the same answers at every member (Schneider 1990). That alone makes registers
//! linearizable and transactions strict serializable: the order of delivery *is* the order that the
//! definitions ask for, each operation takes effect at one place in it, and it is answered only
//! after it was delivered, which is after it was asked for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::packet::{Body, LINE_BYTES_MAX};
use crate::refusal::{Code, Refusal};

/// How much is held, in bytes of JSON and [`OVERHEAD_BYTES`] a value. A state has to fit into one
/// transfer to a new member, and this into the memory of a small machine several times.
pub const STATE_BYTES_MAX: usize = 64 << 20;
/// What a value counts beside its text: about what its place takes.
const OVERHEAD_BYTES: usize = 64;
/// How much a transaction may read: its answer is one line. It could else read one long list ten
/// thousand times.
const READ_BYTES_MAX: usize = LINE_BYTES_MAX;
/// How many messages of each log an answer to `poll` holds. The client asks on from the last one.
pub const POLL_MESSAGES_MAX: usize = 256;

/// What needs its place in the total order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Operation {
    /// Read a register.
    Read {
        /// Which.
        key: Value,
    },
    /// Write a register.
    Write {
        /// Which.
        key: Value,
        /// What.
        value: Value,
    },
    /// Write a register that holds a certain value.
    Cas {
        /// Which.
        key: Value,
        /// What it has to hold.
        from: Value,
        /// What it is to hold.
        to: Value,
    },
    /// Read lists and append to them, all in one.
    Txn {
        /// In this order.
        micros: Vec<Micro>,
    },
    /// Append a message to a log.
    Send {
        /// Which.
        key: String,
        /// What.
        message: Value,
    },
    /// These logs were processed up to these offsets, which included.
    Commit {
        /// By log.
        offsets: BTreeMap<String, u64>,
    },
}

/// A part of a transaction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Micro {
    /// Read this list.
    Read(Value),
    /// Append to this list.
    Append(Value, Value),
}

/// What an operation is answered with: the type of the answer, and its fields.
pub type Answer = (&'static str, Body);

/// What all members hold alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Services {
    /// Registers, by the JSON text of their keys.
    registers: BTreeMap<String, Value>,
    /// Lists, by the JSON text of their keys.
    lists: BTreeMap<String, Vec<Value>>,
    /// Logs; an offset is a position.
    logs: BTreeMap<String, Vec<Value>>,
    /// How far each log was processed.
    committed: BTreeMap<String, u64>,
    /// How much is held.
    held_bytes: usize,
}

impl Services {
    /// Does an operation.
    ///
    /// # Errors
    /// It cannot be done, in this state; nothing has changed.
    pub fn apply(&mut self, operation: &Operation) -> Result<Answer, Refusal> {
        match operation {
            Operation::Read { key } => {
                let value = self.registers.get(&key.to_string()).ok_or_else(|| no_key(key))?;
                Ok(("read_ok", one("value", value.clone())))
            }
            Operation::Write { key, value } => {
                self.write(key, value)?;
                Ok(("write_ok", Body::new()))
            }
            Operation::Cas { key, from, to } => {
                let held = self.registers.get(&key.to_string()).ok_or_else(|| no_key(key))?;
                if held != from {
                    let text = format!("{key} holds {held}, not {from}");
                    return Err(Refusal::new(Code::PreconditionFailed, text));
                }
                self.write(key, to)?;
                Ok(("cas_ok", Body::new()))
            }
            Operation::Txn { micros } => Ok(("txn_ok", one("txn", self.transact(micros)?))),
            Operation::Send { key, message } => {
                self.take(key.len() + size_bytes(message))?;
                let log = self.logs.entry(key.clone()).or_default();
                log.push(message.clone());
                Ok(("send_ok", one("offset", json!(log.len() - 1))))
            }
            Operation::Commit { offsets } => {
                let new = offsets.keys().filter(|key| !self.committed.contains_key(*key));
                self.take(new.map(|key| key.len() + size_of::<u64>()).sum())?;
                for (key, &offset) in offsets {
                    let committed = self.committed.entry(key.clone()).or_default();
                    *committed = offset.max(*committed);
                }
                Ok(("commit_offsets_ok", Body::new()))
            }
        }
    }

    /// The messages of logs from these offsets on, as far as this member has been told. No place in
    /// the order is needed: what a member was told is a beginning of what all are told, so nothing
    /// here is ever taken back, skipped, or in another order; it may only be old, which the
    /// workload allows.
    pub fn poll(&self, offsets: &BTreeMap<String, u64>) -> Answer {
        let mut found = Body::new();
        for (key, &offset) in offsets {
            let first = usize::try_from(offset).unwrap_or(usize::MAX);
            let log = self.logs.get(key).and_then(|log| log.get(first..)).unwrap_or_default();
            if !log.is_empty() {
                let messages = log.iter().take(POLL_MESSAGES_MAX).enumerate();
                let pairs = messages.map(|(at, message)| json!([first + at, message]));
                found.insert(key.clone(), pairs.collect());
            }
        }
        ("poll_ok", one("msgs", found.into()))
    }

    /// How far logs were processed, as far as this member has been told: at most as far as they
    /// were, so that whoever begins there misses nothing.
    pub fn committed(&self, keys: &[String]) -> Answer {
        let known =
            keys.iter().filter_map(|key| Some((key.clone(), (*self.committed.get(key)?).into())));
        ("list_committed_offsets_ok", one("offsets", Value::Object(known.collect())))
    }

    /// All of it, for a member that comes in.
    ///
    /// # Errors
    /// Never: the state is plain data. The signature is that of the writer.
    pub fn state(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// What [`state`](Self::state) gave.
    ///
    /// # Errors
    /// These bytes are not that.
    pub fn restore(state: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(state)
    }

    fn write(&mut self, key: &Value, value: &Value) -> Result<(), Refusal> {
        let name = key.to_string();
        let freed_bytes = self.registers.get(&name).map_or(0, |held| name.len() + size_bytes(held));
        self.replace(freed_bytes, name.len() + size_bytes(value))?;
        self.registers.insert(name, value.clone());
        Ok(())
    }

    fn transact(&mut self, micros: &[Micro]) -> Result<Value, Refusal> {
        let (mut reads, mut read_bytes, mut new_bytes) = (0, 0_usize, 0);
        for micro in micros {
            match micro {
                Micro::Read(key) => {
                    let list = self.lists.get(&key.to_string()).into_iter().flatten();
                    reads += 1;
                    read_bytes += list.map(size_bytes).sum::<usize>();
                }
                Micro::Append(key, value) => new_bytes += size_bytes(key) + size_bytes(value),
            }
            // Each read may see all that is appended here.
            if read_bytes.saturating_add(new_bytes.saturating_mul(reads)) > READ_BYTES_MAX {
                let text = format!("it reads more than {READ_BYTES_MAX} bytes; nothing was done");
                return Err(Refusal::new(Code::Abort, text));
            }
        }
        self.take(new_bytes)?;
        let done = micros.iter().map(|micro| match micro {
            Micro::Read(key) => json!(["r", key, self.lists.get(&key.to_string())]),
            Micro::Append(key, value) => {
                self.lists.entry(key.to_string()).or_default().push(value.clone());
                json!(["append", key, value])
            }
        });
        Ok(done.collect())
    }

    /// Counts what is about to be held.
    fn take(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.replace(0, bytes)
    }

    fn replace(&mut self, freed_bytes: usize, bytes: usize) -> Result<(), Refusal> {
        let held_bytes = self.held_bytes.saturating_sub(freed_bytes).saturating_add(bytes);
        if held_bytes > STATE_BYTES_MAX {
            let text = format!("the store is full: it holds at most {STATE_BYTES_MAX} bytes");
            return Err(Refusal::new(Code::Abort, text));
        }
        self.held_bytes = held_bytes;
        Ok(())
    }
}

/// What a value counts.
pub(crate) fn size_bytes(value: &Value) -> usize {
    value.to_string().len() + OVERHEAD_BYTES
}

fn no_key(key: &Value) -> Refusal {
    Refusal::new(Code::KeyDoesNotExist, format!("there is no key {key}"))
}

/// A body of one field.
pub(crate) fn one(name: &str, value: Value) -> Body {
    Body::from_iter([(name.to_owned(), value)])
}

#[cfg(test)]
mod tests;
