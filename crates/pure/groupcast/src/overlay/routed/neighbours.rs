//! What comes from neighbours, and what becomes of the links to them.

use machine::{Input, Machine, NodeId};

use super::watch::Rhythm;
use super::{Alarm, Cx, Message, Routed};

impl<M: Machine> Routed<M> {
    /// What came over a connection.
    pub(super) fn message(&mut self, from: NodeId, body: Message<M::Message>, cx: &mut Cx<'_, M>) {
        if self.is_direct(from) {
            if let Message::Direct(body) = body {
                self.pass(Input::Message { from, body }, cx);
            }
            return;
        }
        if !self.overlay.has_edge(self.me, from) {
            return;
        }
        let hears = match body {
            Message::Pulse { hears } => Some(hears),
            _ => None,
        };
        if let Some(is_up) = self.watch.heard(from, hears, cx.now) {
            self.link(from, is_up, cx);
        }
        match body {
            Message::Carried(envelope) => self.carried(envelope, cx),
            Message::States { life, states } => {
                let (changed, seen) = self.links.learn(from, life, states, &self.overlay);
                if !seen.is_empty() {
                    let life = self.links.own_life();
                    cx.send_urgent(vec![from], Message::Known { life, seen });
                }
                if changed {
                    self.find_ways(cx);
                }
                self.share(cx);
            }
            Message::Known { life, seen } => {
                self.links.known(from, life, &seen);
                self.share(cx);
            }
            Message::Pulse { .. } | Message::Direct(_) => {}
        }
    }

    /// A connection came up or ended.
    pub(super) fn connection(&mut self, node: NodeId, is_open: bool, cx: &mut Cx<'_, M>) {
        if self.is_outside(node) {
            let input = if is_open { Input::Opened(node) } else { Input::Closed(node) };
            return self.pass(input, cx);
        }
        // A host may connect nodes that the overlay does not.
        if self.overlay.has_edge(self.me, node) {
            match is_open {
                true => self.watch.opened(node, cx.now),
                false => self.watch.closed(node),
            }
            self.link(node, is_open, cx);
        }
    }

    /// The link to a neighbour came up or went down.
    fn link(&mut self, neighbour: NodeId, is_up: bool, cx: &mut Cx<'_, M>) {
        self.links.set(neighbour, is_up);
        self.share(cx);
        self.find_ways(cx);
    }

    /// Looks after the neighbours, and tells them that this node is there.
    pub(super) fn pulse(&mut self, cx: &mut Cx<'_, M>) {
        let Some(Rhythm { period, limit }) = self.rhythm else { return };
        for node in self.watch.look(cx.now, limit) {
            self.link(node, false, cx);
        }
        for hears in [true, false] {
            cx.send_urgent(self.watch.with(hears), Message::Pulse { hears });
        }
        cx.set(Alarm::Pulse, period);
    }
}
