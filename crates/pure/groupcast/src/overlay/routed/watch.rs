//! Whether the neighbours with an open connection are heard, and hear this node: a connection stays
//! open when its other end hangs, or when a cut swallows what is sent. A value:
//! [`Routed`](super::Routed) sends the pulses and acts on what it says.
//!
//! ```text
//!            Opened                 nothing came for the limit,
//!   Closed ─────────▶ Usable ──── or Pulse {hears: false} ───▶ Unusable
//!     ▲                 │  ▲                                      │  │
//!     ├───── Closed ────┘  └─── something came, and the last ─────┘  │
//!     │                         Pulse said that it hears             │
//!     └───────────────────────── Closed ─────────────────────────────┘
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Instant, NodeId};

/// How often a node says that it is there, and how long a neighbour may be silent. The limit should
/// be several periods, lest some lost pulses look like a neighbour that hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    pub period: Duration,
    pub limit: Duration,
}

/// The neighbours with an open connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(BTreeMap<NodeId, Neighbour>);

#[derive(Debug, Clone, Copy)]
struct Neighbour {
    heard_at: Instant,
    /// Nothing came for longer than the limit, as of the last look.
    is_silent: bool,
    /// It said last that it hears nothing from here.
    is_deaf: bool,
}

impl Neighbour {
    fn is_usable(self) -> bool {
        !self.is_silent && !self.is_deaf
    }
}

impl Watch {
    /// A connection opened: both ends count as heard.
    pub fn opened(&mut self, node: NodeId, now: Instant) {
        let neighbour = Neighbour { heard_at: now, is_silent: false, is_deaf: false };
        self.0.insert(node, neighbour);
    }

    pub fn closed(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    /// Something came from a neighbour, which may say whether it hears this node. What the link has
    /// become by it, if it has changed.
    pub fn heard(&mut self, node: NodeId, hears: Option<bool>, now: Instant) -> Option<bool> {
        let neighbour = self.0.get_mut(&node)?;
        let before = neighbour.is_usable();
        (neighbour.heard_at, neighbour.is_silent) = (now, false);
        neighbour.is_deaf = hears.map_or(neighbour.is_deaf, |hears| !hears);
        let after = neighbour.is_usable();
        (before != after).then_some(after)
    }

    /// Looks who has fallen silent: those who are not usable any more by it.
    pub fn look(&mut self, now: Instant, limit: Duration) -> Vec<NodeId> {
        let mut lost = Vec::new();
        for (&node, neighbour) in &mut self.0 {
            if now.since(neighbour.heard_at) > limit && !neighbour.is_silent {
                if neighbour.is_usable() {
                    lost.push(node);
                }
                neighbour.is_silent = true;
            }
        }
        lost
    }

    /// All neighbours with an open connection that are heard, or those that are not.
    pub fn with(&self, is_heard: bool) -> Vec<NodeId> {
        let all = self.0.iter().filter(|(_, neighbour)| neighbour.is_silent != is_heard);
        all.map(|(&node, _)| node).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbour_is_usable_while_both_ends_hear_each_other() {
        let (node, limit) = (NodeId(2), Duration::from_millis(500));
        let at = |millis: u64| Instant::from_nanos(millis * 1_000_000);
        let mut watch = Watch::default();
        assert_eq!(watch.heard(node, None, at(0)), None, "no connection, no neighbour");
        watch.opened(node, at(0));
        assert!(watch.look(at(500), limit).is_empty());
        assert_eq!(watch.look(at(501), limit), [node]);
        assert!(watch.look(at(600), limit).is_empty(), "told once");
        assert_eq!((watch.with(true), watch.with(false)), (vec![], vec![node]));
        assert_eq!(watch.heard(node, Some(false), at(700)), None, "it is heard, and hears nothing");
        assert_eq!(watch.heard(node, None, at(710)), None);
        assert_eq!(watch.heard(node, Some(true), at(720)), Some(true));
        assert_eq!(watch.heard(node, Some(false), at(730)), Some(false));
        assert!(watch.look(at(2_000), limit).is_empty(), "it was not usable anyway");
        assert_eq!(watch.heard(node, Some(true), at(2_100)), Some(true));
        watch.closed(node);
        assert!(watch.with(true).is_empty());
    }
}
