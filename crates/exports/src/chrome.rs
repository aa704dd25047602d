//! A trace in the JSON form of Chrome, for Perfetto and chrome://tracing. Time is in microseconds.
//!
//! | what | as |
//! |---|---|
//! | a node | a process, with its name |
//! | an operation of a client | a slice on a track of its client: one that does one thing at a time, so that slices nest |
//! | any other event | a slice of no length on the node's first track |
//! | what led to what | a flow from slice to slice |
//! | what the runner did | an instant over all tracks |
//! | units of each good that are for sale, as the traders tell | a counter |

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use machine::NodeId;
use market::{Good, RequestId};
use serde_json::{Map, Value, json};
use view::{Event, Names, What};

use crate::flows::flows;
use crate::{name, told};

/// The track of a node's events; operations have those from 1 on.
const EVENTS_TRACK: u64 = 0;

/// Writes the trace.
///
/// # Errors
/// What the writer says.
pub fn write(events: &[Event], mut to: impl Write) -> io::Result<()> {
    write!(to, "{{\"traceEvents\":[")?;
    let mut first = true;
    let mut put = |value: Value| -> io::Result<()> {
        let comma = if std::mem::take(&mut first) { "\n" } else { ",\n" };
        write!(to, "{comma}{value}")
    };
    let names = Names::of_run(events);
    let nodes: BTreeSet<NodeId> = events.iter().map(|event| event.node).collect();
    for node in &nodes {
        put(json!({"ph": "M", "name": "process_name", "pid": node.0, "tid": EVENTS_TRACK,
            "args": {"name": name(&names, *node)}}))?;
        put(json!({"ph": "M", "name": "thread_name", "pid": node.0, "tid": EVENTS_TRACK,
            "args": {"name": "events"}}))?;
    }
    operations(events, &mut put)?;
    let mut stock: BTreeMap<Good, i64> = BTreeMap::new();
    for event in events {
        let (kind, fields) = told(event);
        let (pid, ts) = (event.node.0, micros(event.time_ns));
        if matches!(event.what, What::Fault { .. } | What::Links(_)) {
            put(json!({"ph": "i", "s": "g", "name": kind, "cat": "fault", "pid": pid,
                "tid": EVENTS_TRACK, "ts": ts, "args": fields}))?;
        } else {
            put(json!({"ph": "X", "name": kind, "cat": "event", "pid": pid, "tid": EVENTS_TRACK,
                "ts": ts, "dur": 0, "args": fields}))?;
        }
        let (good, units) = match &event.what {
            What::Deposited { good, quantity, .. } => (good, i64::from(*quantity)),
            What::Withdrawn { good, quantity, .. } => (good, -i64::from(*quantity)),
            What::Sold { receipt, .. } => (&receipt.good, -i64::from(receipt.quantity)),
            _ => continue,
        };
        *stock.entry(good.clone()).or_default() += units;
        let args: Map<String, Value> =
            stock.iter().map(|(good, units)| (good.to_string(), json!(units))).collect();
        put(json!({"ph": "C", "name": "stock", "pid": 0, "tid": EVENTS_TRACK, "ts": ts,
            "args": args}))?;
    }
    for (id, flow) in flows(events).into_iter().enumerate() {
        let about = flow.about.word();
        let end = |ph: &str, at: usize| {
            let (pid, ts) = (events[at].node.0, micros(events[at].time_ns));
            json!({"ph": ph, "id": id, "name": about, "cat": "flow", "pid": pid,
                "tid": EVENTS_TRACK, "ts": ts})
        };
        put(end("s", flow.from))?;
        let mut arrives = end("f", flow.to);
        // To the slice around it, not to the next one.
        arrives["bp"] = json!("e");
        put(arrives)?;
    }
    writeln!(to, "\n],\"displayTimeUnit\":\"ms\"}}")?;
    to.flush()
}

/// An operation that has begun.
struct Begun<'a> {
    at: &'a Event,
    track: u64,
}

/// Each operation as a slice on the lowest track of its node that is free.
fn operations(events: &[Event], put: &mut impl FnMut(Value) -> io::Result<()>) -> io::Result<()> {
    let mut begun: BTreeMap<RequestId, Begun<'_>> = BTreeMap::new();
    let mut busy: BTreeMap<NodeId, BTreeSet<u64>> = BTreeMap::new();
    let mut named: BTreeSet<(NodeId, u64)> = BTreeSet::new();
    for event in events {
        match &event.what {
            What::Asked { request, .. } if !begun.contains_key(request) => {
                let busy = busy.entry(event.node).or_default();
                let track = (1..).find(|track| !busy.contains(track)).unwrap_or_default();
                busy.insert(track);
                begun.insert(*request, Begun { at: event, track });
                if named.insert((event.node, track)) {
                    let name = format!("operations {track}");
                    put(json!({"ph": "M", "name": "thread_name", "pid": event.node.0,
                        "tid": track, "args": {"name": name}}))?;
                }
            }
            What::Answered { request, .. } | What::Abandoned { request, .. } => {
                let Some(Begun { at, track }) = begun.remove(request) else { continue };
                busy.entry(at.node).or_default().remove(&track);
                let (_, fields) = told(event);
                let dur = event.time_ns.saturating_sub(at.time_ns);
                let operation = fields.get("operation");
                let name = match operation {
                    Some(Value::Object(operation)) => operation.keys().next().cloned(),
                    Some(Value::String(operation)) => Some(operation.clone()),
                    _ => None,
                };
                put(json!({"ph": "X", "name": name.unwrap_or_default(), "cat": "operation",
                    "pid": at.node.0, "tid": track, "ts": micros(at.time_ns),
                    "dur": micros(dur), "args": fields}))?;
            }
            // What a life had under way ends with it, for this picture.
            What::Started { .. } => {
                begun.retain(|_, begun| begun.at.node != event.node);
                busy.remove(&event.node);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Microseconds with three digits behind the point, exactly.
fn micros(nanoseconds: u64) -> Value {
    let text = format!("{}.{:03}", nanoseconds / 1000, nanoseconds % 1000);
    serde_json::from_str(&text).unwrap_or(Value::Null)
}
