//! What clients ask for, read from the bodies of their packets.
//!
//! One node serves all workloads at once, so the `type` alone decides; only `read` has several
//! meanings: of a key, where there is a `key`, and else of the set or the counter.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::packet::Body;
use crate::refusal::{Code, Refusal};
use crate::services::{Micro, Operation};

/// How many micro-operations a transaction may have. The workbench makes them of four.
pub const MICROS_MAX: usize = 10_000;

/// A request.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Who this node is, and who all are.
    Init {
        /// This node.
        me: String,
        /// All nodes.
        nodes: Vec<String>,
    },
    /// Who is whose neighbour. Nodes here talk to all others.
    Topology,
    /// Say it back.
    Echo(Value),
    /// A name that nobody else was given.
    Generate,
    /// Add a value to the set.
    Broadcast(Value),
    /// Add to the counter.
    Add(i64),
    /// The set, or the counter.
    ReadAll,
    /// The messages of these logs from these offsets on.
    Poll(BTreeMap<String, u64>),
    /// How far these logs were processed.
    ListCommittedOffsets(Vec<String>),
    /// What needs its place in the total order.
    Ordered(Operation),
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// It is not a request that this node knows, or not of its form.
    pub fn read(body: &Body) -> Result<Self, Refusal> {
        let kind = body.get("type").and_then(Value::as_str).unwrap_or_default();
        Ok(match kind {
            "init" => {
                let nodes = body.get("node_ids").and_then(Value::as_array);
                let nodes = nodes.into_iter().flatten().map(|id| id.as_str().map(str::to_owned));
                let nodes: Option<Vec<_>> = nodes.collect();
                let nodes = nodes.ok_or_else(|| {
                    Refusal::malformed("`node_ids` of `init` has to be an array of strings")
                })?;
                Self::Init { me: text(body, "node_id")?, nodes }
            }
            "topology" => Self::Topology,
            "echo" => Self::Echo(field(body, "echo")?),
            "generate" => Self::Generate,
            "broadcast" => Self::Broadcast(field(body, "message")?),
            "add" => Self::Add(field(body, "delta")?.as_i64().ok_or_else(|| {
                Refusal::malformed("`delta` of `add` has to be a whole number of 64 bits")
            })?),
            "read" => match body.get("key") {
                None => Self::ReadAll,
                Some(key) => Self::Ordered(Operation::Read { key: key.clone() }),
            },
            "write" => {
                let (key, value) = (field(body, "key")?, field(body, "value")?);
                Self::Ordered(Operation::Write { key, value })
            }
            "cas" => {
                let (from, to) = (field(body, "from")?, field(body, "to")?);
                Self::Ordered(Operation::Cas { key: field(body, "key")?, from, to })
            }
            "txn" => Self::Ordered(Operation::Txn { micros: micros(&field(body, "txn")?)? }),
            "send" => {
                let (key, message) = (text(body, "key")?, field(body, "msg")?);
                Self::Ordered(Operation::Send { key, message })
            }
            "poll" => Self::Poll(offsets(body)?),
            "commit_offsets" => Self::Ordered(Operation::Commit { offsets: offsets(body)? }),
            "list_committed_offsets" => {
                let keys = field(body, "keys")?;
                let keys = keys.as_array().into_iter().flatten();
                let keys = keys.map(|key| key.as_str().map(str::to_owned)).collect::<Option<_>>();
                Self::ListCommittedOffsets(
                    keys.ok_or_else(|| Refusal::malformed("`keys` has to be an array of strings"))?,
                )
            }
            other => {
                let text = format!("this node does not know requests of the type {other:?}");
                return Err(Refusal::new(Code::NotSupported, text));
            }
        })
    }
}

fn field(body: &Body, name: &str) -> Result<Value, Refusal> {
    let missing = || Refusal::malformed(format!("the request has no field `{name}`"));
    body.get(name).cloned().ok_or_else(missing)
}

fn text(body: &Body, name: &str) -> Result<String, Refusal> {
    let wrong = || Refusal::malformed(format!("`{name}` has to be a string"));
    field(body, name)?.as_str().map(str::to_owned).ok_or_else(wrong)
}

fn offsets(body: &Body) -> Result<BTreeMap<String, u64>, Refusal> {
    let wrong = || Refusal::malformed("`offsets` has to be an object of whole numbers from 0 on");
    let value = field(body, "offsets")?;
    let pairs = value.as_object().ok_or_else(wrong)?.iter();
    let pairs = pairs.map(|(key, offset)| Some((key.clone(), offset.as_u64()?)));
    pairs.collect::<Option<_>>().ok_or_else(wrong)
}

fn micros(value: &Value) -> Result<Vec<Micro>, Refusal> {
    let list = value.as_array().ok_or_else(|| Refusal::malformed("`txn` has to be an array"))?;
    if list.len() > MICROS_MAX {
        let text = format!("a transaction has at most {MICROS_MAX} operations");
        return Err(Refusal::malformed(text));
    }
    let micro = |micro: &Value| match micro.as_array().map(Vec::as_slice) {
        Some([f, key, value]) => match f.as_str() {
            Some("r") => Ok(Micro::Read(key.clone())),
            Some("append") => Ok(Micro::Append(key.clone(), value.clone())),
            _ => {
                let text = format!("transactions here know \"r\" and \"append\", not {f}");
                Err(Refusal::new(Code::NotSupported, text))
            }
        },
        _ => Err(Refusal::malformed("each operation of `txn` has to be [f, key, value]")),
    };
    list.iter().map(micro).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<Request, Code> {
        Request::read(body.as_object().unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_read_with_a_key_is_of_that_key_and_any_other_is_of_all() {
        assert_eq!(read(json!({"type": "read"})), Ok(Request::ReadAll));
        let key = Request::Ordered(Operation::Read { key: json!(null) });
        assert_eq!(read(json!({"type": "read", "key": null})), Ok(key));
    }

    #[test]
    fn a_request_that_is_not_of_its_form_is_malformed_and_a_foreign_one_not_supported() {
        for body in [
            json!({"type": "init", "node_id": "n1", "node_ids": [1]}),
            json!({"type": "echo"}),
            json!({"type": "add", "delta": 0.5}),
            json!({"type": "add", "delta": 18_446_744_073_709_551_615_u64}),
            json!({"type": "cas", "key": 1, "from": 2}),
            json!({"type": "txn", "txn": [["r", 1]]}),
            json!({"type": "send", "key": 1, "msg": 1}),
            json!({"type": "poll", "offsets": {"a": -1}}),
            json!({"type": "list_committed_offsets", "keys": [1]}),
            json!({"type": "txn", "txn": vec![json!(["r", 1, null]); MICROS_MAX + 1]}),
        ] {
            assert_eq!(read(body.clone()), Err(Code::MalformedRequest), "{body}");
        }
        assert_eq!(read(json!({})), Err(Code::NotSupported));
        assert_eq!(read(json!({"type": "txn", "txn": [["w", 1, 2]]})), Err(Code::NotSupported));
    }
}
