//! What a member of a group is told before it begins.

use std::time::Duration;

use machine::{Incarnation, NodeId};
use serde::{Deserialize, Serialize};

use crate::detector;

/// The longest message. It is held whole at each member while it is put together.
pub const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// The most members of a view: acknowledgements carry a number a member.
pub const MEMBERS_MAX: usize = 128;
/// The longest address: any socket address or DNS name with a port fits.
pub const ADDRESS_BYTES_MAX: usize = 300;
/// The longest state that a joining member is given.
pub const STATE_BYTES_MAX: usize = 256 << 20;

/// In which order messages are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Each sender's messages in the order sent.
    Fifo,
    /// A message after all that its sender had sent or delivered before it (Birman 1991).
    Causal,
    /// One order at all members, that of the view's coordinator (Chang & Maxemchuk 1984 and after;
    /// seed 003's sequencer).
    Sequencer,
    /// One order at all members, that of Lamport's time stamps (Lamport 1978).
    Lamport,
}

impl Order {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Fifo, Self::Causal, Self::Sequencer, Self::Lamport];

    /// Whether all members deliver in one order.
    pub fn is_total(self) -> bool {
        matches!(self, Self::Sequencer | Self::Lamport)
    }
}

impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Fifo => "fifo",
            Self::Causal => "causal",
            Self::Sequencer => "sequencer",
            Self::Lamport => "lamport",
        })
    }
}

/// When a message may be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// As soon as its place in the order is known. What only crashed members had delivered may be
    /// lost (SAFETY S6).
    Agreed,
    /// When a majority of the view holds it: delivered by one, it is delivered by all that stay.
    Safe,
}

impl Delivery {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Agreed, Self::Safe];
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Agreed => "agreed",
            Self::Safe => "safe",
        })
    }
}

/// How much may be under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// A longer message travels in fragments of this size.
    pub fragment_bytes: usize,
    /// A pack is closed when it has reached this size. At most half of what a frame may hold.
    pub pack_bytes: usize,
    /// How much one frame carries, when there is more than one pack to send.
    pub frame_bytes: usize,
    /// How many items of a member may not yet be held by all, before it is made to wait. More
    /// hides longer delays; what a view change has to bring over grows with it.
    pub window_items: u64,
    /// How many bytes of a member may not yet be held by all, before it is made to wait.
    pub window_bytes: usize,
    /// How many messages may wait at their sender for the window or for a view; beyond it they are
    /// refused.
    pub waiting_messages: usize,
    /// How many bytes may wait there.
    pub waiting_bytes: usize,
    /// How many bytes of one member may be held by one that does not deliver (it waits for its
    /// state); beyond it the member takes no more, and its senders wait.
    pub held_bytes: usize,
}

impl Default for Limits {
    /// For TCP: 16 KiB a fragment, 64 KiB a pack, 8,192 items or 4 MiB a member under way; 1,024
    /// messages waiting, because more makes nothing faster: they only leave the caches.
    fn default() -> Self {
        Self {
            fragment_bytes: 16 << 10,
            pack_bytes: 64 << 10,
            frame_bytes: 256 << 10,
            window_items: 8192,
            window_bytes: 4 << 20,
            waiting_messages: 1024,
            waiting_bytes: 32 << 20,
            held_bytes: 64 << 20,
        }
    }
}

impl Limits {
    /// For datagrams: a pack fits into one of the usual size of an Ethernet frame.
    pub fn datagrams() -> Self {
        Self { fragment_bytes: 1024, pack_bytes: 1024, frame_bytes: 1024, ..Self::default() }
    }
}

/// What a member is told before it begins. `order`, `delivery` and `transfers_state` are the same
/// at all members.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// Which life of the node this is: higher than all before.
    pub incarnation: Incarnation,
    /// Where hosts reach this node; opaque to the machine.
    pub address: String,
    /// In which order messages are delivered.
    pub order: Order,
    /// When a message may be delivered.
    pub delivery: Delivery,
    /// Whether a joining member is given the state of the application. Without it, it begins with
    /// nothing.
    pub transfers_state: bool,
    /// How members find out that another one is gone.
    pub detector: detector::Settings,
    /// How often a member is heard that has nothing to say: the period of `detector`.
    pub heartbeat_period: Duration,
    /// After how long what is missing is asked for again: acknowledgements, lost packs, votes. A
    /// few round trips.
    pub repair_period: Duration,
    /// How long a change of views waits for members that are not suspected.
    pub flush_limit: Duration,
    /// After how long a member that holds up the others is suspected.
    pub stall_limit: Duration,
    /// Whether a member that was removed joins again by itself.
    pub rejoins: bool,
    /// How much may be under way.
    pub limits: Limits,
    /// A bug to be found.
    #[cfg(feature = "planted")]
    pub planted: Option<super::Planted>,
}

impl Settings {
    /// Total order by sequencer, safe delivery, with state; a member that hangs is noticed after a
    /// second.
    pub fn new(me: NodeId, incarnation: Incarnation, address: impl Into<String>) -> Self {
        let limit = Duration::from_secs(1);
        Self {
            me,
            incarnation,
            address: address.into(),
            order: Order::Sequencer,
            delivery: Delivery::Safe,
            transfers_state: true,
            detector: detector::Settings { awareness: true, ..detector::Settings::fixed(limit) },
            heartbeat_period: limit / 5,
            repair_period: Duration::from_millis(10),
            flush_limit: limit,
            stall_limit: 10 * limit,
            rejoins: true,
            limits: Limits::default(),
            #[cfg(feature = "planted")]
            planted: None,
        }
    }
}
