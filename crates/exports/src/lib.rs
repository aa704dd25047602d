//! The record of a run in the formats of other tools, from its one stream of events.
//!
//! | format | what it holds | who opens it |
//! |---|---|---|
//! | [`jepsen::jsonl`] | operations as invoke, ok, fail, info: an object a line | Jepsen's checkers and their kin |
//! | [`jepsen::edn`] | the same as EDN | Elle, Knossos, Jepsen |
//! | [`shiviz`] | all events with vector clocks | ShiViz |
//! | [`chrome`] | operations, faults, stock and what led to what, over time | Perfetto, chrome://tracing, speedscope |
//! | [`dot`] | who told whom something, how often | Graphviz |
//! | [`csv`] | all events as a table | spreadsheets, pandas, R |
//! | [`deliveries`] | what a group delivered, as transactions that append to lists | adya, Elle |
//!
//! The record has no single messages. What led to what at another node is told by [`flows`]: a
//! question and what a trader made of it, that and its answer, an election and those who follow.
//! Each of these is carried by one message or several.
//!
//! ```
//! use machine::{Incarnation, NodeId};
//! use view::{Event, What};
//!
//! let what = What::Started { incarnation: Incarnation(1), role: "buyer".to_owned() };
//! let events = [Event { time_ns: 5, node: NodeId(2), clock: None, what }];
//! let mut text = Vec::new();
//! exports::csv::write(&events, &mut text)?;
//! assert_eq!(
//!     String::from_utf8_lossy(&text),
//!     "time_ns,node,kind,request,good,quantity,epoch,clock,fields\r\n\
//!      5,2,started,,,,,,\"{\"\"incarnation\"\":1,\"\"role\"\":\"\"buyer\"\"}\"\r\n"
//! );
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod chrome;
pub mod csv;
pub mod deliveries;
pub mod dot;
pub mod flows;
pub mod jepsen;
pub mod shiviz;

use machine::NodeId;
use serde_json::{Map, Value};
use view::{Event, Names};

/// The name of a node, without blanks.
fn name(names: &Names, node: NodeId) -> String {
    names.of(node).replace(' ', "-")
}

/// The kind of an event and its fields, as in its line of the record.
fn told(event: &Event) -> (String, Map<String, Value>) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(&event.what) else {
        return (String::new(), Map::new());
    };
    let kind = fields.remove("kind").and_then(|kind| kind.as_str().map(str::to_owned));
    (kind.unwrap_or_default(), fields)
}
