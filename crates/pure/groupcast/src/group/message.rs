//! What members say to each other.

use bytes::Bytes;
use machine::{Epoch, Incarnation, NodeId};
use serde::{Deserialize, Serialize};

use super::pack;
use super::view::{Proposal, ViewId};

/// Consecutive items of one stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pack {
    /// Whose: the position of a member in its view; one behind the last is the coordinator's order.
    pub stream: u16,
    /// The number of the first item.
    pub first: u64,
    /// How many items.
    pub count: u32,
    /// The Lamport time of the first item; each next one's is one more.
    pub clock: u64,
    /// What the sender had delivered of each stream when it closed this pack. Empty unless the
    /// order is causal.
    pub after: Vec<u64>,
    /// The items.
    pub body: Bytes,
    /// Whether a message ends outside of the pack; found by the receiver.
    #[serde(skip)]
    pub(super) has_fragments: bool,
}

impl Pack {
    /// The number of the item after the last.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// Walks the body once. False if it is not what the pack says.
    pub(super) fn inspect(&mut self) -> bool {
        match pack::inspect(&self.body, self.count) {
            Some(has_fragments) => self.has_fragments = has_fragments,
            None => return false,
        }
        true
    }
}

impl std::fmt::Debug for Pack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}..{}", self.stream, self.first, self.end())
    }
}

/// What travels in a view: packs, and all that a member says beside them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// The view.
    pub view: ViewId,
    /// Items: the sender's own, and others' that were asked for.
    pub packs: Vec<Pack>,
    /// How many items the sender has made in this view.
    pub sent: u64,
    /// No later item of the sender has a Lamport time up to this.
    pub clock: u64,
    /// What the sender holds of each stream: the acknowledgement of all of them.
    pub held: Vec<u64>,
    /// From the coordinator: what a majority is known to hold, and what all hold.
    pub stable: Option<Stable>,
    /// Whether the sender has the application's state.
    pub has_state: bool,
    /// Whether the packs have gone to the coordinator alone, which sends them on with their places.
    pub relay: bool,
    /// Whether the receiver shall answer with a frame.
    pub asks: bool,
    /// Streams of which the sender lacks what comes after `held`.
    pub wants: Vec<u16>,
}

/// Shows what is there.
impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Frame({:?} {:?} sent {} held {:?}",
            self.view, self.packs, self.sent, self.held
        )?;
        if self.relay {
            f.write_str(" to be sent on")?;
        }
        if let Some(stable) = &self.stable {
            write!(f, " stable {:?} by all {:?}", stable.by_majority, stable.by_all)?;
        }
        if !self.wants.is_empty() {
            write!(f, " wants {:?}", self.wants)?;
        }
        f.write_str(if self.asks { " asks)" } else { ")" })
    }
}

/// What is held, a number a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stable {
    /// By a majority of the view.
    pub by_majority: Vec<u64>,
    /// By all of it.
    pub by_all: Vec<u64>,
}

/// A life of a node that wants to be in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joiner {
    /// Which node.
    pub node: NodeId,
    /// Which life.
    pub incarnation: Incarnation,
    /// Where hosts reach it.
    pub address: String,
}

/// What a voter tells the candidate to which it promised an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// The proposal that it accepted last in this view, and the epoch of that.
    pub accepted: Option<(Epoch, Proposal)>,
    /// What it holds of each stream; it takes no more in this view.
    pub held: Vec<u64>,
    /// Whether it has the application's state.
    pub has_state: bool,
}

/// Member to member, and to those that are not members yet or any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// What travels in a view.
    Frame(Frame),
    /// The same without packs, each heartbeat period.
    Heartbeat(Frame),
    /// Let me in; to anyone, who hands it on to the coordinator.
    Join(Joiner),
    /// I let members in: ask me yourself. To a node whose request came through another one.
    AskMe,
    /// Let me go; to the coordinator.
    Leave(ViewId, Incarnation),
    /// Is the coordinator of this view gone for you too?
    Canvass(ViewId),
    /// It is.
    Support(ViewId),
    /// Promise this epoch: take nothing more in the view, and say what you hold.
    Prepare(ViewId, Epoch),
    /// Promised.
    Promised(ViewId, Epoch, Promise),
    /// A higher epoch was promised.
    Reject(ViewId, Epoch),
    /// Accept this view as the next one, once you hold all that comes before it.
    Propose(ViewId, Epoch, Proposal),
    /// Accepted, and all is held.
    Accepted(ViewId, Epoch),
    /// Send me, of these streams, what comes after these numbers; I have promised the epoch.
    Fetch(ViewId, Epoch, Vec<(u16, u64)>),
    /// That.
    Supply(ViewId, Epoch, Vec<Pack>),
    /// The view after this one is decided.
    Install(ViewId, Proposal),
    /// I am in this view: what do you know?
    Behind(ViewId),
    /// You are not in the view that follows yours.
    Removed(ViewId),
    /// Send me the state of the application from this byte on.
    WantState(ViewId, u64),
    /// A part of the state as it was when the view began.
    State {
        /// The view.
        view: ViewId,
        /// Its whole length in bytes.
        total_bytes: u64,
        /// Where this part begins.
        offset: u64,
        /// The part.
        part: Bytes,
    },
}
