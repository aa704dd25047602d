//! What the members of a group delivered, as transactions that append to lists: each message is
//! appended once, by its sender, and each member reads the lists as it delivered them.
//!
//! If all delivered in one order, the transactions are serializable; a checker of transactions that
//! says so agrees that the order is total. Messages are dealt to lists by their numbers, so that no
//! list grows long: a read shows a whole list.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use machine::NodeId;
use serde_json::{Value, json};

/// A message, by its sender and its number.
pub type Message = (NodeId, u64);

/// How many messages of one sender share a list.
const OF_ONE_SENDER: u64 = 16;

/// Writes the history. `delivered` is what each member delivered, in its order.
///
/// # Errors
/// What the writer says.
pub fn jsonl(delivered: &BTreeMap<NodeId, Vec<Message>>, mut to: impl Write) -> io::Result<()> {
    let messages: BTreeSet<Message> = delivered.values().flatten().copied().collect();
    let list = |message: &Message| message.1 / OF_ONE_SENDER;
    let value = |message: &Message| format!("{}:{}", message.0, message.1);
    let mut index = 0;
    let mut step = |process: usize, phase: &str, value: &Value| -> io::Result<()> {
        let step = json!({"index": index, "time": index, "type": phase, "process": process,
            "f": "txn", "value": value});
        index += 1;
        writeln!(to, "{step}")
    };
    // Nobody knows when a message was sent or whether a member was still to deliver more, so all
    // overlap: time says nothing.
    let appends: Vec<Value> =
        messages.iter().map(|message| json!([["append", list(message), value(message)]])).collect();
    for (process, append) in appends.iter().enumerate() {
        step(process, "invoke", append)?;
    }
    let lists: BTreeSet<u64> = messages.iter().map(list).collect();
    let asked: Vec<Value> = lists.iter().map(|list| json!(["r", list, null])).collect();
    let asked = Value::Array(asked);
    for member in 0..delivered.len() {
        step(appends.len() + member, "invoke", &asked)?;
    }
    for (process, append) in appends.iter().enumerate() {
        step(process, "ok", append)?;
    }
    for (member, delivered) in delivered.values().enumerate() {
        let mut read: BTreeMap<u64, Vec<String>> =
            lists.iter().map(|list| (*list, Vec::new())).collect();
        for message in delivered {
            read.entry(list(message)).or_default().push(value(message));
        }
        let read: Vec<Value> =
            read.iter().map(|(list, values)| json!(["r", list, values])).collect();
        step(appends.len() + member, "ok", &Value::Array(read))?;
    }
    to.flush()
}
