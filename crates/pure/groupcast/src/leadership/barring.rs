//! Who yields in elections: a leader that resigned or failed, so that others have their turn.
//!
//! Barring orders candidates and decides nothing: who is barred wins if nobody else is there, and
//! nodes that disagree about it only make an election longer. For one election it needs no message.
//! Where it lasts until the node is back, the node itself draws when that is, and tells all others
//! ([`Message::Back`](super::Message)).

use std::collections::BTreeSet;
use std::time::Duration;

use machine::NodeId;

use super::{Alarm, Cx, Leadership, Message};
use crate::election::bully;

/// For how long a leader yields to all others, once it led.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bar {
    /// Not at all, unless it resigned: then for one election.
    Resigned,
    /// For one election (seeds 000 to 002).
    OneElection,
    /// Until it is back: the improvement that seed 001 suggests, so that not the two highest
    /// alternate.
    UntilBack {
        /// How often it may come back.
        every: Duration,
        /// How likely it does each time.
        probability: f64,
    },
}

impl Leadership {
    /// It led, and does no more.
    pub(super) fn bar_leader(&mut self, gone: NodeId, cx: &mut Cx<'_>) {
        let mut nodes = BTreeSet::from([gone]);
        if let Bar::UntilBack { every, .. } = self.settings.bar {
            nodes.extend(&self.barred);
            if gone == self.settings.me {
                cx.set(Alarm::Back, every);
            }
        }
        self.bar(nodes, cx);
    }

    /// Someone leads: whoever yielded for one election may lead again.
    pub(super) fn bar_until_back(&mut self, cx: &mut Cx<'_>) {
        let mut nodes = BTreeSet::new();
        if let Bar::UntilBack { .. } = self.settings.bar {
            nodes.clone_from(&self.barred);
            // It won because nobody else was there.
            nodes.retain(|node| *node != self.last_leader.node);
        }
        self.bar(nodes, cx);
    }

    /// The time has come at which this node may be back.
    pub(super) fn consider_coming_back(&mut self, cx: &mut Cx<'_>) {
        let (me, Bar::UntilBack { every, probability }) = (self.settings.me, self.settings.bar)
        else {
            return;
        };
        if !self.barred.contains(&me) {
            return;
        }
        if cx.random.chance(probability) {
            self.is_back(me, cx);
            cx.send_many(self.others(), Message::Back);
        } else {
            cx.set(Alarm::Back, every);
        }
    }

    /// A node is back, or is another life of what it was.
    pub(super) fn is_back(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        let mut nodes = self.barred.clone();
        if matches!(self.settings.bar, Bar::UntilBack { .. }) && nodes.remove(&node) {
            self.bar(nodes, cx);
        }
    }

    fn bar(&mut self, nodes: BTreeSet<NodeId>, cx: &mut Cx<'_>) {
        if self.barred != nodes {
            self.barred.clone_from(&nodes);
            self.bully(machine::Input::Command(bully::Command::Bar(nodes)), cx);
        }
    }
}
