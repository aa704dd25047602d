//! What the bench and its members say to each other: a line of JSON each.

use groupcast::group::{Delivery, Order};
use serde::{Deserialize, Serialize};

use super::sequence::InView;

/// What a member is told on its command line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct MemberSettings {
    pub node: u32,
    pub order: Order,
    pub delivery: Delivery,
    pub uses_udp: bool,
    pub size_bytes: usize,
    /// How long it looks for something to do before it sleeps, in microseconds.
    pub polls_us: u32,
    pub origin_ns: u64,
    pub cluster: u64,
    pub parent: u32,
    /// Where it listens; port 0 means any that is free.
    pub listen: String,
    /// Whom to join, and where that is; without it the member founds the group.
    pub contact: Option<(u32, String)>,
}

/// How a member sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Load {
    /// So many messages of its own are under way at most: sent and not delivered to itself.
    Closed { window: u64 },
    /// One message each so many nanoseconds, whatever becomes of them.
    Open { interval_ns: u64 },
}

/// What a member does and measures. Times are nanoseconds since the run began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    /// How it sends; without it the member only listens.
    pub load: Option<Load>,
    pub begin_ns: u64,
    /// What is delivered from here to the end counts.
    pub count_from_ns: u64,
    pub end_ns: u64,
}

/// To a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Told {
    /// Begin with this; what was counted before is forgotten.
    Do(Task),
    /// Send nothing more.
    Stop,
    /// Forget the longest gap.
    WatchGap,
    /// Say how it stands.
    State,
    /// Say what was counted.
    Figures,
}

/// From a member.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Said {
    /// It listens there.
    Listens(String),
    /// A view began.
    View {
        number: u64,
        members: Vec<u32>,
        coordinator: u32,
    },
    /// A view ended, and the member is in the next one.
    Ended(InView),
    /// It was removed, and joins again.
    Removed,
    State(State),
    Figures(Figures),
    /// A promise was broken.
    Broken(String),
}

/// How a member stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct State {
    /// Messages that it sent and did not deliver to itself yet.
    pub under_way: u64,
    pub present: Option<InView>,
    /// The longest time without a delivery since that was asked to be watched.
    pub longest_gap_ns: u64,
}

/// What a member counted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Figures {
    pub delivered: u64,
    /// Nanoseconds from the intended time to the delivery, and how many messages took that: of the
    /// member's own messages, and of the others'.
    pub own: Vec<(u64, u64)>,
    pub others: Vec<(u64, u64)>,
    pub longest_gap_ns: u64,
    /// How often it doubted another member.
    pub doubts: u64,
}
