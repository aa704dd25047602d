//! Verdicts over histories of operations: what clients asked and were told, and nothing else.
//!
//! | model | operations | what is judged | how |
//! |---|---|---|---|
//! | `cas-register` | `read`, `write`, `cas` | each key is linearizable | [`linearizable`] |
//! | `kv` | `get`, `put`, `append` | each key is linearizable | [`linearizable`] |
//! | `mutex` | `acquire`, `release` | one at a time holds the lock | [`linearizable`] |
//! | `bank` | `transfer`, `read` | readings add up, none is below zero | [`invariants::bank`] |
//! | `counter` | `add`, `read` | readings are within limits | [`invariants::counter`] |
//! | `set-full` | `add`, `read` | nothing is lost, doubled or made up | [`invariants::set`] |
//! | `kafka` | `send`, `poll`, `assign` | nothing is lost, doubled, skipped or out of order | [`invariants::kafka`] |
//! | `list-append` | lists of `append`, `r` | (strict) serializability | [`transactions`] |
//! | `rw-register` | lists of `w`, `r` | the same | [`transactions`] |
//!
//! A verdict has its evidence. A search has a [`Budget`], and when that runs out the verdict is
//! unknown.
//!
//! ```
//! use checker::{Budget, Consistency, Model, Verdict, steps};
//!
//! let history = steps(r#"
//! {"process":0,"type":"invoke","f":"write","value":1}
//! {"process":1,"type":"invoke","f":"read","value":null}
//! {"process":0,"type":"ok","f":"write","value":1}
//! {"process":1,"type":"ok","f":"read","value":1}
//! {"process":1,"type":"invoke","f":"read","value":null}
//! {"process":1,"type":"ok","f":"read","value":null}
//! "#)?;
//! let model = Model::guess(&history).expect("these are operations of a register");
//! assert_eq!(model, Model::CasRegister);
//! let finding = model.judge(&history, Consistency::default(), &mut Budget::default())?;
//! assert_eq!(finding.verdict, Verdict::Fail);
//! assert_eq!(
//!     finding.evidence,
//!     "line 5: process 1: read -> null, which ended at line 6, fits nowhere: the history up to \
//!      line 6 is the smallest part that no order explains. What stands before it fits into an \
//!      order, as in [line 1: process 0: write 1; line 2: process 1: read -> 1], which leaves \
//!      the register at 1"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A model of one's own is a [`linearizable::Model`]: what it holds, and what a call with its answer
//! makes of that.

mod budget;
pub mod history;
pub mod invariants;
pub mod linearizable;
mod model;
pub mod models;
pub mod transactions;
mod verdict;

pub use budget::{Budget, DEFAULT_BYTES, DEFAULT_SECONDS, RanOut};
pub use history::{Malformed, Operation, Phase, Step};
pub use model::{Model, steps};
pub use transactions::Consistency;
pub use verdict::{Finding, Verdict};
