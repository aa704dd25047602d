//! What a run looks like: one stream of [`Event`]s, as the peers and the runner report them, and
//! what is told from it.
//!
//! | to have | from the events | in the run's directory |
//! |---|---|---|
//! | one stream of what each process wrote | [`merge()`] | `events.jsonl` |
//! | operations for consistency checkers | [`history`] | `history.jsonl` |
//! | words | [`sentence`], [`texts`] | one `.txt` a process |
//! | figures | [`Summary`] | `summary.json` |
//! | how it goes on | [`Progress`] | |
//! | who talks to whom, and a drawing of it | [`topology`] | `topology.json`, `topology.svg` |
//!
//! ```
//! use machine::NodeId;
//! use view::{Event, Fault, Facts, Summary, Verdict, What, merge, sentence};
//!
//! let what = What::Fault { fault: Fault::Kill, target: NodeId(5) };
//! let of_runner = vec![Event { time_ns: 2, node: NodeId(0), clock: None, what }];
//! let of_peer = vec![Event { time_ns: 1, node: NodeId(5), clock: None, what: What::Stopped }];
//! let events = merge(vec![of_runner, of_peer]);
//! assert_eq!(sentence(&events[0], 0), "01.01.1970 00:00:00.000 peer 5 stopped");
//! assert!(view::history::from_events(&events).is_empty());
//!
//! let facts = Facts {
//!     preset: "market".to_owned(),
//!     seed: 1,
//!     seconds: 10.0,
//!     totals: None,
//!     oversold: 0,
//!     undersold: 0,
//!     verdict: Verdict::Pass,
//!     violations: Vec::new(),
//! };
//! assert_eq!(Summary::tally(&events, facts).buys.asked, 0);
//! ```
//!
//! No screen, and no protocol: the faces of the project (terminal, page, report) and its judge
//! read this room.

pub mod history;
pub mod lines;
mod merge;
mod progress;
mod summary;
mod table;
pub mod topology;
mod words;

pub use groupcast::leadership::{Cause, Stepped};
pub use merge::merge;
pub use peer::event::{ElectionWord, Event, Fault, LinkFault, Operation, Resignation, What};
pub use progress::Progress;
pub use summary::{
    Buys, Election, Facts, Goods, Latency, MoneyFlow, Summary, Verdict, until_the_end,
};
pub use words::{Names, sentence, texts};
