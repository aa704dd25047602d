//! A group: agreed views, and messages multicast in them in a chosen order.
//!
//! ```text
//!             Found                                       Leave, removed
//!   Outside ─────────▶ in a view ──▶ in the next view ──▶ … ──────────▶ Outside
//!      │ Join             ▲                                                │
//!      └──▶ Joining ──────┘ Install, then the state of the application     │
//!              ▲────────────────────── joins again by itself ──────────────┘
//! ```
//!
//! A view is a list of members on which all of them agree, numbered without gaps. In a view each
//! member sends its messages to all others, in packs ([`Order`] says when they are delivered,
//! [`Delivery`] how sure that has to be). When a member is lost, wants to leave, or another one
//! wants to come in, the members stop, agree on what belongs to the view and on the next one,
//! deliver what is left, and go on.
//!
//! # Promises
//!
//! | promise | what it says | relies on |
//! |---|---|---|
//! | integrity | a message is delivered at most once, and only if a member sent it | streams numbered in a view |
//! | validity | what a member that stays sends is delivered; else it learns that the fate is open | sent again in the next view |
//! | agreement | members that pass from one view to the next delivered the same messages in it (virtual synchrony) | the flush: one cut, accepted by a majority |
//! | order | FIFO, causal, or total, as set | see [`Order`] |
//! | uniformity | with [`Delivery::Safe`]: what any member delivered, all that stay deliver | held by a majority before (SAFETY S6) |
//! | one line of views | there is one view after each view, whatever the network does | promises of a majority of the one before (S2, S3) |
//!
//! The group is in `memory` mode (S4): a process that starts again is a new member and gets the
//! state from the others; if a majority of a view is lost at once, the group waits for good, until
//! somebody founds another one with [`Command::Found`] (S3: an operator's decision).
//!
//! # Use
//!
//! One process founds the group, all others join through whomever they know:
//!
//! ```
//! use groupcast::group::{Command, Group, Report, Settings};
//! use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};
//!
//! let mut group = Group::new(Settings::new(NodeId(1), Incarnation(1), "127.0.0.1:4001"));
//! let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
//! let mut cx = Context::new(Instant::ZERO, &mut random, &mut effects);
//! group.handle(Input::Command(Command::Found), &mut cx);
//! assert!(effects.iter().any(|effect| {
//!     matches!(effect, Effect::Report { report: Report::View(view), .. } if view.id.number == 1)
//! }));
//! ```

mod candidate;
mod change;
mod held;
mod inputs;
mod inside;
mod install;
mod join;
pub mod marks;
mod message;
mod order;
mod pack;
#[cfg(feature = "planted")]
mod planted;
mod settings;
mod state;
mod stream;
mod traffic;
mod view;
mod vote;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use machine::{Context, Epoch, Incarnation, Instant, NodeId};

use crate::detector::{Detector, Health};
use inside::Inside;

pub use message::{Frame, Joiner, Message, Pack, Promise, Stable};
pub use pack::Messages;
#[cfg(feature = "planted")]
pub use planted::Planted;
pub use settings::{
    ADDRESS_BYTES_MAX, Delivery, Limits, MEMBERS_MAX, MESSAGE_BYTES_MAX, Order, STATE_BYTES_MAX,
    Settings,
};
pub use view::{Member, Proposal, View, ViewId};

/// How many messages of a view that this member has not heard of yet are kept for it.
const EARLY_MAX: usize = 256;
/// How many nodes may wait to be let in.
const JOINERS_MAX: usize = MEMBERS_MAX;

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begin a group of which this node is the only member. Exactly one process does it in the life
    /// of a group. A member that is stuck without a majority may do it as a last resort: it begins
    /// another group with what it has, and those of the old one have to join that.
    Found,
    /// Join the group through any of these nodes; asked again until it worked.
    Join(BTreeSet<NodeId>),
    /// Send a message to all members, this one included. It may be refused.
    Multicast(Bytes),
    /// The state of the application, as of the view whose [`Report::StateWanted`] it answers.
    State(ViewId, Bytes),
    /// Leave the group once all own messages are delivered.
    Leave,
}

/// To the layer above. Views, states and messages come in the order of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The view from here on.
    View(View),
    /// Messages are delivered.
    Delivered {
        /// Who sent them.
        sender: NodeId,
        /// They, in their order.
        messages: Messages,
    },
    /// Members of this view wait for the state: answer with [`Command::State`], with all that was
    /// delivered before this report and nothing after it.
    StateWanted(ViewId),
    /// The state from which this member begins; its first view follows.
    State(Bytes),
    /// Where a node is that this one will have to do with.
    Meet(NodeId, String),
    /// A message was not taken.
    Refused(Bytes, Refusal),
    /// After a message was refused for want of room: there is room again.
    Room,
    /// There is doubt about a member; a majority decides what follows from it.
    Suspected(NodeId, Health),
    /// This node is a member no more, because it was slow or cut off. Its messages that are handed
    /// back may have been delivered by others or not.
    Removed(Vec<Bytes>),
    /// This node has left.
    Left,
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// This node is not in a group, or is leaving it.
    NotAMember,
    /// So much waits already that the group does not keep up: try again after [`Report::Room`].
    NoRoom,
    /// It is longer than [`MESSAGE_BYTES_MAX`].
    TooLarge,
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// All that came together has come.
    Flush,
    /// The next heartbeat.
    Beat,
    /// What has not been answered is said again.
    Repair,
    /// This member may be the one to change the view now.
    Candidate,
    /// Ask again to be let in.
    Join,
}

/// One node's part in a group.
#[derive(Debug, Clone)]
pub struct Group {
    settings: Settings,
    /// The name under which this node asks to be let in: higher than all under which it was in.
    incarnation: Incarnation,
    /// The view that this node was in last, and under which name.
    last: Option<(ViewId, Incarnation)>,
    detector: Detector,
    standing: Standing,
    /// The highest epoch seen.
    highest: Epoch,
    /// Messages of views not heard of yet.
    early: Vec<(NodeId, Message)>,
    /// How the view ended that this node stepped out of: it may be the only one to tell those who
    /// have not heard of it.
    ended: Option<(ViewId, Proposal)>,
    /// When this node is due to look at its heartbeats again.
    beat_due: Instant,
    is_flush_set: bool,
    is_repair_set: bool,
    /// Whether a message was refused for want of room.
    has_refused: bool,
    met: BTreeMap<NodeId, String>,
    counts: Counts,
}

/// How this node stands to the group.
#[derive(Debug, Clone)]
enum Standing {
    Outside,
    Joining(BTreeSet<NodeId>),
    Inside(Box<Inside>),
}

/// What a member has done since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages sent, one a receiver, heartbeats included.
    pub sent: u64,
    /// Of them heartbeats.
    pub heartbeats: u64,
    /// Messages received.
    pub received: u64,
    /// Of them heartbeats.
    pub heartbeats_received: u64,
    /// Views installed.
    pub views: u64,
    /// Attempts to change the view that this member led.
    pub changes: u64,
}

impl Group {
    /// A node that is in no group.
    pub fn new(settings: Settings) -> Self {
        Self {
            incarnation: settings.incarnation,
            last: None,
            detector: Detector::with(settings.detector.clone()),
            settings,
            standing: Standing::Outside,
            highest: Epoch::ZERO,
            early: Vec::new(),
            ended: None,
            beat_due: Instant::ZERO,
            is_flush_set: false,
            is_repair_set: false,
            has_refused: false,
            met: BTreeMap::new(),
            counts: Counts::default(),
        }
    }

    /// The present view, if this node is in one.
    pub fn view(&self) -> Option<&View> {
        match &self.standing {
            Standing::Inside(inside) => Some(&inside.view),
            Standing::Outside | Standing::Joining(_) => None,
        }
    }

    /// Whether this member has the application's state and takes part in full.
    pub fn is_ready(&self) -> bool {
        matches!(&self.standing, Standing::Inside(inside) if inside.has_state)
    }

    /// Whether a message of this length would be taken now.
    pub fn has_room(&self, message_bytes: usize) -> bool {
        match &self.standing {
            Standing::Inside(inside) => {
                !inside.is_leaving && inside.traffic.has_room(message_bytes)
            }
            Standing::Outside | Standing::Joining(_) => false,
        }
    }

    /// How many items this member has received and not delivered yet: their place in the order is
    /// not known, or they are not safe.
    pub fn held_back(&self) -> u64 {
        match &self.standing {
            Standing::Inside(inside) => inside.traffic.held_back(),
            Standing::Outside | Standing::Joining(_) => 0,
        }
    }

    /// What this member has done.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn inside(&mut self) -> Option<&mut Inside> {
        match &mut self.standing {
            Standing::Inside(inside) => Some(inside),
            Standing::Outside | Standing::Joining(_) => None,
        }
    }

    fn send(&mut self, to: NodeId, body: Message, cx: &mut Context<'_, Self>) {
        self.counts.sent += 1;
        cx.send(to, body);
    }

    fn send_many(&mut self, to: Vec<NodeId>, body: Message, cx: &mut Context<'_, Self>) {
        self.counts.sent += to.len() as u64;
        cx.send_many(to, body);
    }
}
