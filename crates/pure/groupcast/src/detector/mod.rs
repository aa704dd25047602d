//! The failure detector: who is connected, who has been silent for too long, and whether it is this
//! node that is slow.
//!
//! Think of two signs that a neighbour is home: the telephone line is up, and now and then it
//! rings. A line that goes dead is noticed at once (a killed process closes its connections within
//! a millisecond); a line that stays silent for too long means that whoever holds it hangs. Either
//! is a suspicion, not a death (SAFETY S5): what follows from it is a quorum's business.
//!
//! ```text
//!              opened                silent for the limit
//!   Closed ────────────▶ Alive ───────────────────────────▶ Silent
//!     ▲                  │   ▲                              │   │
//!     │                  │   └── heard, or this node was ───┘   │
//!     └────── closed ────┘       stopped and gives everyone     │
//!     ▲                          a fresh start                  │
//!     └───────────────────────── closed ────────────────────────┘
//! ```
//!
//! How long is too long is either fixed or learned from the rhythm of the heartbeats
//! ([`Form`]). *Awareness* multiplies either by one more than the number of deadlines that this
//! node itself missed of late, so that a slow machine does not accuse the others (Dadgar, Phillips,
//! Currey: *Lifeguard: Local Health Awareness for More Accurate Failure Detection*, 2018).
//!
//! A value, not a machine: its owner sets the alarms.
//!
//! ```
//! use std::time::Duration;
//! use groupcast::detector::{Detector, Health, Settings};
//! use machine::{Instant, NodeId};
//!
//! let period = Duration::from_millis(100);
//! let mut detector = Detector::with(Settings::phi(period));
//! let (node, mut now) = (NodeId(7), Instant::ZERO);
//! detector.opened(node, now);
//! for _ in 0..50 {
//!     now = now + period;
//!     detector.heard(node, now);
//! }
//! assert_eq!(detector.health(node, now + 2 * period), Health::Alive);
//! assert_eq!(detector.health(node, now + 3 * period), Health::Silent);
//! ```

mod awareness;
mod rhythm;
mod settings;
#[cfg(test)]
mod tests;

pub use awareness::SCORE_MAX;
pub use rhythm::{INTERVAL_MAX, INTERVALS_MIN, THRESHOLD_MAX, WINDOW_MAX};
pub use settings::{Form, Settings};

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Instant, NodeId};

use awareness::Awareness;
use rhythm::{Judge, Rhythm};

/// What the detector thinks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Connected, and heard of within the limit.
    Alive,
    /// Not connected.
    Closed,
    /// Connected, and silent for longer than the limit.
    Silent,
}

/// Who is connected, and when each was heard last.
#[derive(Debug, Clone)]
pub struct Detector {
    settings: Settings,
    judge: Judge,
    awareness: Awareness,
    nodes: BTreeMap<NodeId, Node>,
}

#[derive(Debug, Clone)]
struct Node {
    heard: Instant,
    rhythm: Rhythm,
}

impl Detector {
    /// A detector that calls a connected node silent after `limit`.
    pub fn new(limit: Duration) -> Self {
        Self::with(Settings::fixed(limit))
    }

    /// A detector with these settings. A setting out of its range is taken as the nearest one in
    /// it.
    pub fn with(settings: Settings) -> Self {
        let judge = Judge::new(&settings);
        let awareness = Awareness::new(settings.awareness, settings.period);
        Self { settings, judge, awareness, nodes: BTreeMap::new() }
    }

    /// A connection came up; that counts as being heard. What was learned over an earlier one is
    /// forgotten: another process may be at its end.
    pub fn opened(&mut self, node: NodeId, now: Instant) {
        self.nodes.insert(node, Node { heard: now, rhythm: Rhythm::default() });
    }

    /// A connection ended. Until it is up again, nothing heard of the node counts: a datagram may
    /// outlive its sender.
    pub fn closed(&mut self, node: NodeId) {
        self.nodes.remove(&node);
    }

    /// Something came from the node: a heartbeat, or anything else that proves it alive.
    pub fn heard(&mut self, node: NodeId, now: Instant) {
        let Some(node) = self.nodes.get_mut(&node) else { return };
        let interval = now.since(node.heard);
        // What comes sooner than a heartbeat could says nothing of their rhythm: it is other
        // traffic, or a burst that waited somewhere. Nor does a silence during which it was this
        // node that did not listen.
        if interval >= self.settings.period / 2 && !self.awareness.was_late_since(node.heard) {
            node.rhythm.record(interval, &self.judge);
        }
        node.heard = now.max(node.heard);
    }

    /// This node handled a periodic alarm at `now` that was due at `due`. Call it before asking for
    /// anybody's health there.
    ///
    /// A lateness of more than a quarter of [`Settings::period`] raises the score, any other call
    /// lowers it. One of more than a quarter of the period *times score + 1* gives everyone a fresh
    /// start: a node that was stopped and wakes up has heard nobody because it was stopped.
    pub fn woke(&mut self, due: Instant, now: Instant) {
        self.awareness.woke(due, now);
    }

    /// How many more deadlines this node missed of late than it met: 0 to [`SCORE_MAX`]. All limits
    /// are multiplied by one more than this.
    pub fn score(&self) -> u32 {
        self.awareness.score()
    }

    /// What the detector thinks of the node now.
    pub fn health(&self, node: NodeId, now: Instant) -> Health {
        match self.nodes.get(&node) {
            None => Health::Closed,
            Some(node) if self.silence(node, now) >= self.limit(node) => Health::Silent,
            Some(_) => Health::Alive,
        }
    }

    /// For how long from now the node may stay silent; zero if it is not alive.
    pub fn time_left(&self, node: NodeId, now: Instant) -> Duration {
        let node = self.nodes.get(&node);
        node.map_or(Duration::ZERO, |node| self.limit(node).saturating_sub(self.silence(node, now)))
    }

    /// Whether a connection to the node is up.
    pub fn is_connected(&self, node: NodeId) -> bool {
        self.nodes.contains_key(&node)
    }

    /// How unlikely the node's silence is by now, if it lives: phi means that a heartbeat this late
    /// or later comes once in 10^phi. None if it is not connected, the form is not phi accrual, or
    /// less than [`INTERVALS_MIN`] intervals are known. Awareness does not enter into it.
    pub fn phi(&self, node: NodeId, now: Instant) -> Option<f64> {
        let node = self.nodes.get(&node)?;
        self.judge.phi(&node.rhythm, now.since(node.heard))
    }

    fn silence(&self, node: &Node, now: Instant) -> Duration {
        now.since(node.heard.max(self.awareness.fresh_start()))
    }

    fn limit(&self, node: &Node) -> Duration {
        self.judge.limit(&node.rhythm).saturating_mul(self.awareness.score() + 1)
    }
}
