//! No fence: the winner of an election leads at once (seeds 000 to 004).
//!
//! It is the [majority](super::majority) fence with one voter: each node asks itself alone, and is
//! its own majority. So commands, reports, records and messages are the same, and one setting
//! switches between the two. A node still makes its own promise durable, so it leads no epoch
//! twice, not even in its next life.
//!
//! ```text
//!   candidate: Propose ──▶ promise to itself, durably ──▶ Granted
//!   nothing is sent; what others send is ignored, for they have no vote
//! ```
//!
//! **Promise.** None: two nodes that each win an election, as in a partition, both lead, even in
//! the same epoch counter. What remains is what the layer above does when they hear of each other.
//! `tests/fence_model.rs` shows two leaders after two steps.

use std::collections::BTreeSet;

use super::majority::{Majority, Settings};

/// A node that asks nobody; the voters of the settings do not matter.
pub fn new_voter(settings: Settings) -> Majority {
    let voters = BTreeSet::from([settings.me]);
    Majority::new(Settings { voters, ..settings })
}
