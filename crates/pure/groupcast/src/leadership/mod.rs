//! Leadership: a [detector](crate::detector), a [bully election](crate::election::bully) and a
//! [fence](crate::fence), stacked into one machine.
//!
//! ```text
//!               connected to all, or patience ends          Granted by the fence
//!   Seeking ──────────▶ election ──▶ won ──▶ fence ──────────────────────────▶ Leading
//!    ▲   ▲ │                                                                     │ │
//!    │   │ └── Lead {epoch} from another ──▶ Following ◀── a higher epoch leads ──┘ │
//!    │   └──── leader closed, silent, or resigned ──┘                              │
//!    └──────── resigned, outbid, or no majority within the heartbeat limit ◀───────┘
//!
//!   Lead {epoch}                 leader to all, each heartbeat period: I lead
//!   Follow {epoch}               the answer: I follow you (the leader counts these: S3)
//!   Deposed {epoch}              the answer to a leader of a lower epoch: you do not (S1)
//!   Resign {epoch, initiator}    leader to all: elect another one, without me
//!
//!   Ask {}                       learner to voters, while it follows nobody: who leads?
//!   Leave {epoch}                voter to its leader: may I go?
//!   Released {epoch}             the answer, if a majority stays without it
//! ```
//!
//! The *voters* are fixed when the group is made. Any other node is a *learner*: it follows whoever
//! leads and never votes, so it may come and go at any time, and no majority changes (S3).
//!
//! **Promise.** At most one leader an epoch (the fence). While a majority can talk, some node
//! leads; a leader that cannot reach a majority steps down within the heartbeat limit and one
//! period. A node that lost sight of a healthy leader disturbs nobody (the fence's canvass).
//!
//! After a kill nothing waits for a timer: the closed connection starts the election, dead
//! candidates are not asked, and the fence takes two round trips.

mod barring;
mod inputs;
mod learners;
mod leaving;
pub mod marks;
mod seeking;
#[cfg(test)]
mod tests;

use std::convert::identity;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Context, Epoch, Instant, Never, NodeId, holds};
use serde::{Deserialize, Serialize};

pub use barring::Bar;

use crate::detector::Detector;
pub use crate::election::Initiator;
use crate::election::Starters;
use crate::election::bully::{self, Bully};
use crate::fence::Fence;
use crate::fence::majority::{self, Majority, Promised};

/// Where the first leader comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// An election.
    Elected,
    /// This node proposes itself to the fence without an election (seed 001).
    Appointed(NodeId),
}

/// What the machine needs to know; all but `me` is the same at every node.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This node.
    pub me: NodeId,
    /// All who vote and may lead. A node that is not among them follows.
    pub voters: BTreeSet<NodeId>,
    /// How often a leader is heard.
    pub heartbeat_period: Duration,
    /// After how much silence a leader is suspected, and a leader without a majority steps down.
    pub heartbeat_limit: Duration,
    /// How long a candidate that is connected has to answer in an election.
    pub answer_limit: Duration,
    /// After how long an unanswered request to a voter is sent again.
    pub resend: Duration,
    /// Who starts an election.
    pub initiator: Initiator,
    /// Where the first leader comes from.
    pub first: First,
    /// For how long a leader that resigned or failed yields to all others.
    pub bar: Bar,
}

/// Peer to peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The election's.
    Bully(bully::Message),
    /// The fence's.
    Fence(majority::Message),
    /// I lead.
    Lead(Epoch),
    /// I follow you.
    Follow(Epoch),
    /// You lead no more: this epoch was promised or leads.
    Deposed(Epoch),
    /// I give up my epoch; elect another.
    Resign {
        /// The epoch given up.
        epoch: Epoch,
        /// Who shall start the election; everyone if none.
        initiator: Option<NodeId>,
    },
    /// I have no vote, and follow nobody: who leads?
    Ask,
    /// I am a voter and want to go.
    Leave(Epoch),
    /// You may go: the voters that stay are a majority.
    Released(Epoch),
    /// I led, and yield no more ([`Bar::UntilBack`]).
    Back,
}

/// From the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// If this node leads: give it up, and have another one elected.
    Resign,
    /// This node was told by something that checks epochs that a higher one stands there.
    Outbid(Epoch),
    /// These nodes joined after all others, in this order ([`Initiator::LastToJoin`]).
    Joined(Vec<NodeId>),
    /// Ask for leave to go. Answered by [`Report::Released`], or not at all: to be repeated.
    Leave,
}

/// Why there was an election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// There was no leader yet.
    Start,
    /// The leader resigned.
    Resign,
    /// The leader's connection closed.
    Crash,
    /// The leader was connected but silent.
    Hang,
    /// This node led, and could not reach a majority or was outbid.
    Lost,
}

/// Why a leader is one no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stepped {
    /// It was asked to.
    Resigned,
    /// A higher epoch leads or was promised.
    Outbid,
    /// It did not hear from a majority within the heartbeat limit.
    NoMajority,
}

/// To the layer above.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// This node has reason to doubt the leader that it followed.
    Suspected {
        /// The leader.
        node: NodeId,
        /// Why.
        cause: Cause,
    },
    /// This node started or joined an election as one that may win. Reported once until there is a
    /// leader.
    Campaigned,
    /// This node leads.
    Elected {
        /// In which epoch.
        epoch: Epoch,
        /// Why there was an election.
        cause: Cause,
        /// How long this node was without a leader.
        took: Duration,
        /// Election messages that this node sent since the last leader.
        messages: u64,
    },
    /// This node follows another one.
    Followed {
        /// Its epoch.
        epoch: Epoch,
        /// Election messages that this node sent since the last leader.
        messages: u64,
    },
    /// This node leads no more.
    SteppedDown {
        /// The epoch that it led.
        epoch: Epoch,
        /// Why.
        why: Stepped,
    },
    /// This node may go: a majority stays.
    Released,
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// The election's.
    Bully(bully::Alarm),
    /// The fence's.
    Fence(majority::Alarm),
    /// The leader's next heartbeat.
    Beat,
    /// The leader that is followed may be silent.
    Silence,
    /// Nobody leads, and nobody else did something about it.
    Patience,
    /// This node led, and may be back.
    Back,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Role {
    Seeking {
        since: Instant,
        cause: Cause,
    },
    Following {
        epoch: Epoch,
    },
    /// Who was heard to follow, and when.
    Leading {
        epoch: Epoch,
        followers: BTreeMap<NodeId, Instant>,
    },
}

/// One node's part in who leads.
#[derive(Debug, Clone)]
pub struct Leadership {
    settings: Settings,
    role: Role,
    detector: Detector,
    bully: Bully,
    fence: Majority,
    fenced_by: Fence,
    starters: Starters,
    /// Who yields in elections.
    barred: BTreeSet<NodeId>,
    /// Who asked for an election while this node had no reason for one. News travels at different
    /// speeds: they may only have heard first, and are answered as soon as this node hears too.
    askers: BTreeMap<NodeId, bully::Message>,
    /// Connected nodes without a vote that asked who leads.
    learners: BTreeSet<NodeId>,
    /// Voters that this node, as the leader, gave leave to go.
    released: BTreeSet<NodeId>,
    /// When it begins to do so: by then those are gone whom the leader before it let go.
    releases_from: Instant,
    /// Whether any leader was known in this life, and the last one.
    had_leader: bool,
    /// Whether it has told that it takes part in the election that goes on.
    has_campaigned: bool,
    last_leader: Epoch,
    /// Whether all others were connected at once in this life.
    was_complete: bool,
    /// Messages of this layer itself.
    sent: u64,
    /// Messages of all layers when the last leader was recognised.
    sent_before: u64,
}

impl Leadership {
    /// A node that knows of nobody yet, behind the majority fence.
    pub fn new(settings: Settings) -> Self {
        Self::with_fence(settings, Fence::Majority)
    }

    /// A node that knows of nobody yet. With [`Fence::None`] the winner of an election leads at
    /// once, and on without a majority: two may lead, each on its side of a partition.
    pub fn with_fence(settings: Settings, fenced_by: Fence) -> Self {
        let bully = Bully::new(bully::Settings {
            me: settings.me,
            candidates: settings.voters.clone(),
            answer_limit: settings.answer_limit,
            // The winner still has to pass the fence: one more round of answers.
            victory_limit: settings.answer_limit * 2,
        });
        let fence = fenced_by.new_voter(majority::Settings {
            me: settings.me,
            voters: settings.voters.clone(),
            resend: settings.resend,
        });
        Self {
            detector: Detector::new(settings.heartbeat_limit),
            starters: Starters::new(settings.initiator, &settings.voters),
            settings,
            role: Role::Seeking { since: Instant::ZERO, cause: Cause::Start },
            bully,
            fence,
            fenced_by,
            barred: BTreeSet::new(),
            askers: BTreeMap::new(),
            learners: BTreeSet::new(),
            released: BTreeSet::new(),
            releases_from: Instant::ZERO,
            had_leader: false,
            has_campaigned: false,
            last_leader: Epoch::ZERO,
            was_complete: false,
            sent: 0,
            sent_before: 0,
        }
    }

    /// Plants a bug that checkers must find: a winner leads without asking anybody.
    #[cfg(feature = "planted")]
    pub fn plant_no_fence(&mut self) {
        self.fence.plant_no_fence();
    }

    /// The epoch of the leader that this node follows or is, if any.
    pub fn epoch(&self) -> Option<Epoch> {
        match &self.role {
            Role::Seeking { .. } => None,
            Role::Following { epoch } | Role::Leading { epoch, .. } => Some(*epoch),
        }
    }

    /// Whether this node leads.
    pub fn is_leading(&self) -> bool {
        matches!(self.role, Role::Leading { .. })
    }

    /// What this node has promised; it must survive a crash.
    pub fn promised(&self) -> Promised {
        Promised(self.fence.promised())
    }

    /// Whether whoever is heard of with the second epoch leads or was promised above the first.
    fn is_below(&self, one: Epoch, other: Epoch) -> bool {
        match self.fenced_by {
            // No counter is granted twice, so the counter decides.
            Fence::Majority => one.counter < other.counter,
            // Two may lead with the same counter: when they meet, the higher node goes on.
            Fence::None => one < other,
        }
    }

    fn others(&self) -> Vec<NodeId> {
        self.settings.voters.iter().copied().filter(|&node| node != self.settings.me).collect()
    }

    /// Election messages that this node sent since it last recognised a leader.
    fn messages_since_leader(&mut self) -> u64 {
        let all = self.bully.messages_sent() + self.fence.messages_sent() + self.sent;
        let since = all - self.sent_before;
        self.sent_before = all;
        since
    }
}

holds! {
    Leadership: Bully {
        message: Message::Bully,
        record: Never::into_any,
        snapshot: Never::into_any,
        alarm: Alarm::Bully,
    }
    Leadership: Majority {
        message: Message::Fence,
        record: identity,
        snapshot: identity,
        alarm: Alarm::Fence,
    }
}

type Cx<'a> = Context<'a, Leadership>;
