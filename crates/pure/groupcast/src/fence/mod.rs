//! Fences: what makes the winner of an election a leader that may act.
//!
//! ```
//! use groupcast::fence::{Fence, majority};
//! use machine::NodeId;
//! use std::time::Duration;
//!
//! let settings = majority::Settings {
//!     me: NodeId(1),
//!     voters: (1..=5).map(NodeId).collect(),
//!     resend: Duration::from_millis(100),
//! };
//! assert_eq!(Fence::Majority.new_voter(settings.clone()).needed(), 3);
//! assert_eq!(Fence::None.new_voter(settings).needed(), 1, "its own promise is enough");
//! ```

pub mod majority;
pub mod marks;
pub mod none;

use majority::{Majority, Settings};

/// Whose promises a winner needs before it leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fence {
    /// Those of a majority of the voters: at most one leader an epoch ([`majority`]).
    Majority,
    /// Nobody's: two leaders are possible ([`none`]).
    None,
}

impl Fence {
    /// A voter that has promised nothing, behind this fence.
    pub fn new_voter(self, settings: Settings) -> Majority {
        match self {
            Self::Majority => Majority::new(settings),
            Self::None => none::new_voter(settings),
        }
    }
}
