//! One event: what one node did or saw, and when. The stream of all of them is the record of a
//! run; logs, history, summary and verdict are told from it and from nothing else.
//!
//! An event is one line of JSON: the fields of [`Event`], then `kind`, then the fields of that
//! kind.
//!
//! ```
//! use machine::NodeId;
//! use peer::event::{Event, Fault, What};
//!
//! let what = What::Fault { fault: Fault::Kill, target: NodeId(5) };
//! let event = Event { time_ns: 7, node: NodeId(0), clock: None, what };
//! let line = serde_json::to_string(&event).unwrap();
//! assert_eq!(line, r#"{"time_ns":7,"node":0,"kind":"fault","fault":"kill","target":5}"#);
//! assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
//! ```

use clocks::Stamp;
use machine::NodeId;
use serde::{Deserialize, Serialize};

pub use crate::deed::{ElectionWord, Fault, Operation};
pub use crate::link_fault::LinkFault;
pub use crate::resigning::Resignation;
pub use crate::what::What;

/// What one node did or saw, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in nanoseconds since the run began, on the clock that all processes of the run share.
    pub time_ns: u64,
    /// Whose event it is. Node 0 is the directory, and the runner's events are its events too.
    pub node: NodeId,
    /// The node's clock then, where the run keeps clocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<Stamp>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}
