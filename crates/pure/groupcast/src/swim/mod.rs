//! SWIM: who is there and who is down, in groups too large for everybody to watch everybody.
//!
//! Each period a node probes one other node, and news travels on top of the probes. So a node's
//! traffic stays the same however large the group grows, where a full mesh of heartbeats grows with
//! its square (Das, Gupta, Motivala: *SWIM: Scalable Weakly-consistent Infection-style Process Group
//! Membership Protocol*, 2002; with its suspicion mechanism). The protocol is the `foca` crate's;
//! this module makes a [`Machine`] of it, and nothing else in the project knows `foca`.
//!
//! ```text
//!   Announce ─▶  ◀─ Feed         join: asked of a seed, answered with some of the members
//!   Ping ─▶      ◀─ Ack          probe of one member, each period
//!   PingReq ─▶ another ─ IndirectPing ─▶ it ─ IndirectAck ─▶ another ─ ForwardedAck ─▶
//!                                no Ack in time: three others try
//!   Gossip ─▶                    news, when there is any
//!   TurnUndead ─▶                to who was declared down: come back under a new identity
//!
//!            no answer, by any way           not refuted in time
//!   Alive ─────────────────────────▶ Suspect ───────────────────▶ Down ──▶ forgotten
//!     ▲                                 │                          │
//!     └──────── refuted: "alive" ───────┘     "turn undead"        │
//!     └──────────────── Rejoined, under a higher identity ◀────────┘
//! ```
//!
//! **Promise.** While most messages arrive, a member that crashed is reported down by every other
//! one, and a member that only is slow is not, as long as it refutes within the suspicion limit.
//! Members learn of each other sooner or later, in no common order: this is a detector and a list,
//! not a view. It decides nothing (SAFETY S3, S5).
//!
//! **Why it holds.** Probes go round all members in a random order, so each is probed by somebody
//! every few periods. A suspicion is news that reaches the suspect itself, which outbids it. Who was
//! declared down in error is told, and returns under an identity that wins over the lost one. Who
//! finds itself alone does not believe that all others are down: it forgets them and joins again.
//!
//! ```
//! use std::time::Duration;
//! use groupcast::swim::{Settings, Swim};
//! use machine::{Context, Effect, Incarnation, Input, Instant, Machine, NodeId, Random};
//!
//! let mut settings = Settings::new(NodeId(2), Duration::from_secs(1), 100);
//! settings.seeds = vec![NodeId(1)];
//! let mut swim = Swim::new(settings, Incarnation(1));
//! let (mut random, mut effects) = (Random::from_seed(1), Vec::new());
//! swim.handle(Input::Start, &mut Context::new(Instant::ZERO, &mut random, &mut effects));
//! assert!(matches!(&effects[0], Effect::Send { to, .. } if to.nodes() == [NodeId(1)]));
//! ```

mod foca_side;
mod settings;
#[cfg(test)]
mod tests;

pub use settings::Settings;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use machine::{Context, Incarnation, Input, Machine, Never, NodeId};
use serde::{Deserialize, Serialize};

use foca_side::{Fate, Foca, Identity, Outside, Timer};

/// The longest message that is sent or taken: it fits a datagram on any usual network.
pub const MESSAGE_BYTES_MAX: usize = 1400;
/// How many other nodes are remembered, those that are down included. Beyond it, new ones are not
/// taken in. Each message costs a walk over the list.
pub const MEMBERS_MAX: usize = 4096;

/// Between members; opaque to all but `foca`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Message(pub Bytes);

/// From the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Tell the others, and be silent from now on.
    Leave,
}

/// To the layer above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// A node, or a new life of one, is a member.
    Up(NodeId),
    /// A member left, or was declared down, or began a new life; never twice in a row.
    Down(NodeId),
    /// This node had been declared down, and is back; the others are told that it is up again.
    Rejoined,
}

/// Timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// Nobody is known: ask the seeds again.
    Join,
    /// Probe the next member.
    Probe,
    /// The probed member should have answered.
    Indirect,
    /// Ask a member for others.
    Announce,
    /// Ask members that are down whether they are.
    AnnounceDown,
    /// Pass news on.
    Gossip,
    /// This suspect should have refuted.
    Suspicion(NodeId),
    /// This node, which is down, may be forgotten.
    Forget(NodeId),
}

/// A member of a large group.
pub struct Swim {
    settings: Settings,
    incarnation: Incarnation,
    /// None before the start and after the end.
    foca: Option<Foca>,
    /// What `foca` wants back at each alarm. At most one of each kind, or of each kind and member.
    timers: BTreeMap<Alarm, Timer>,
    up: BTreeSet<NodeId>,
}

type Cx<'a> = Context<'a, Swim>;

impl Swim {
    /// A node in this life, which must be higher than all before.
    pub fn new(settings: Settings, incarnation: Incarnation) -> Self {
        let (timers, up) = (BTreeMap::new(), BTreeSet::new());
        Self { settings, incarnation, foca: None, timers, up }
    }

    /// The other members, as far as this one knows.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        self.up.iter().copied()
    }

    /// Asks all seeds, and again each period until one has answered.
    fn join(&mut self, cx: &mut Cx<'_>) {
        for seed in self.settings.seeds.clone() {
            self.announce(seed, cx);
        }
        cx.set(Alarm::Join, self.settings.period);
    }

    fn announce(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        if node != self.settings.me {
            // Whoever it is by now will take it.
            let node = Identity::new(node, Incarnation(0));
            self.act(cx, |foca, outside| foca.announce(node, outside));
        }
    }

    fn leave(&mut self, cx: &mut Cx<'_>) {
        self.act(cx, |foca, outside| foca.leave_cluster(outside));
        self.foca = None;
        self.up.clear();
        self.forget_timers(cx);
        cx.clear(Alarm::Join);
    }

    fn message(&mut self, from: NodeId, data: Bytes, cx: &mut Cx<'_>) {
        let Some(foca) = &self.foca else { return };
        let Some(data) = foca_side::admitted(foca, from, data) else { return };
        let fate = self.act(cx, |foca, outside| foca.handle_data(&data, outside));
        self.suffer(fate, cx);
        if fate == Some(Fate::Down) {
            // Who said so may be of a part of the group that nobody here is in touch with.
            self.announce(from, cx);
        }
    }

    fn alarm(&mut self, alarm: Alarm, cx: &mut Cx<'_>) {
        let Some(foca) = &self.foca else { return };
        if let Some(timer) = self.timers.remove(&alarm) {
            // `foca` 2.0 would tell a member that refuted in time that it is down.
            if foca_side::was_refuted(foca, &timer) {
                return;
            }
            let fate = self.act(cx, |foca, outside| foca.handle_timer(timer, outside));
            self.suffer(fate, cx);
        } else if alarm == Alarm::Join && self.up.is_empty() {
            self.join(cx);
        }
    }

    /// A node that was cut off believes that others are down, and would spread it when it is back:
    /// `foca` keeps such news. So it begins anew. Alone, it knows nobody; declared down, it keeps
    /// those that it holds for alive, and returns under an identity that wins.
    fn suffer(&mut self, fate: Option<Fate>, cx: &mut Cx<'_>) {
        let (Some(fate), Some(foca)) = (fate, &self.foca) else { return };
        let alive: Vec<_> = foca.iter_members().cloned().collect();
        let identity = match fate {
            Fate::Alone => *foca.identity(),
            Fate::Down => foca.identity().returned(),
        };
        self.forget_timers(cx);
        self.foca = Some(foca_side::begin(identity, &self.settings, cx.random));
        self.act(cx, |foca, outside| {
            foca.apply_many(alive.into_iter(), false, &mut *outside)?;
            foca.gossip(outside)
        });
        if fate == Fate::Down {
            cx.report(Report::Rejoined);
        }
        if self.up.is_empty() {
            self.join(cx);
        }
    }

    fn forget_timers(&mut self, cx: &mut Cx<'_>) {
        for alarm in std::mem::take(&mut self.timers).into_keys() {
            cx.clear(alarm);
        }
    }

    /// Lets `foca` act, if it is there, and says what became of this node thereby. What was done
    /// before an error stands. Its errors are refusals of what came from outside, which a link may
    /// lose as well, and a probe cut short by a late alarm, from which it recovers by itself.
    fn act(
        &mut self,
        cx: &mut Cx<'_>,
        action: impl FnOnce(&mut Foca, &mut Outside<'_, '_>) -> Result<(), foca::Error>,
    ) -> Option<Fate> {
        let foca = self.foca.as_mut()?;
        let mut outside = Outside { cx, timers: &mut self.timers, up: &mut self.up, fate: None };
        let _ = action(foca, &mut outside);
        outside.fate
    }
}

impl Machine for Swim {
    type Message = Message;
    type Command = Command;
    type Report = Report;
    type Record = Never;
    type Snapshot = Never;
    type Alarm = Alarm;

    fn handle(&mut self, input: Input<Self>, cx: &mut Context<'_, Self>) {
        match input {
            Input::Start => {
                let identity = Identity::new(self.settings.me, self.incarnation);
                self.foca = Some(foca_side::begin(identity, &self.settings, cx.random));
                self.join(cx);
            }
            Input::Message { from, body: Message(data) } => self.message(from, data, cx),
            Input::Alarm(alarm) => self.alarm(alarm, cx),
            Input::Command(Command::Leave) => self.leave(cx),
            // The first announcement may have been made before the way to the seed was there.
            Input::Opened(node) if self.up.is_empty() && self.settings.seeds.contains(&node) => {
                self.announce(node, cx);
            }
            Input::Restore { snapshot, .. } => match snapshot {},
            Input::Replay { record, .. } => match record {},
            Input::Opened(_) | Input::Closed(_) | Input::Claimed(_) | Input::Refused(_) => {}
        }
    }

    fn check(&self) -> Result<(), String> {
        let Some(foca) = &self.foca else { return Ok(()) };
        let known = foca.iter_membership_state().len();
        if known > MEMBERS_MAX + 1 {
            return Err(format!("{known} nodes are remembered, above {MEMBERS_MAX}"));
        }
        match self.up.contains(&self.settings.me) {
            true => Err("a node counts itself among the others".into()),
            false => Ok(()),
        }
    }
}
