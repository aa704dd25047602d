//! Whole markets on a virtual clock, network and disk, replayed exactly from one seed.
//!
//! A seed draws a world: how its links and disks behave, and which faults come when ([`swarm`]).
//! First the *safety phase*: faults come and go, and after every step all invariants must hold
//! ([`invariants`]). Then the *liveness phase*: all faults end, and within a bounded time one
//! trader must lead, every buyer must be served again, and nothing may stay under way.
//!
//! In [`group`] the same is done with groups alone, in every order and delivery.
//!
//! ```
//! let outcome = sim::run(7, &sim::Options::default());
//! assert_eq!(outcome.violation, None);
//! assert!(outcome.contents.sold > 500);
//! ```

pub mod coverage;
pub mod elections;
pub mod engine;
pub mod fault;
pub mod group;
pub mod houses;
pub mod invariants;
mod liveness;
mod market_world;
pub mod orders;
mod peers;
mod play;
mod run;
mod seeds;
mod shrink;
pub mod swarm;
mod sweep;

pub use play::{Kind, Played};
pub use run::{Options, Outcome, run, run_swarm};
pub use seeds::{Failure, Totals, run_seeds};
pub use shrink::{Effort, PLAYS_MAX, Shrunk, shrink};
pub use sweep::{Look, sweep};
