//! The order of service between peers: stamps, questions and floors on their way.

use std::collections::BTreeSet;
use std::time::Duration;

use clocks::Stamp;
use machine::NodeId;
use market::{Request, RequestId};

use crate::any_peer::Cx;
use crate::event::What;
use crate::message::Body;
use crate::peer::{Alarm, Peer};
use crate::queue::Queued;

/// The buyer's side.
impl Peer {
    /// Tells all but the trader of a purchase, if it has a stamp.
    pub(crate) fn announce(&mut self, request: RequestId, cx: &mut Cx<'_>) {
        let Some(stamp) = self.ordering.stamp(request).cloned() else { return };
        let trader = self.leader().map(|leader| leader.node);
        let others: Vec<NodeId> = self.presence.up().filter(|node| Some(*node) != trader).collect();
        for node in others {
            self.send(node, Body::Announced(stamp.clone()), cx);
        }
    }

    /// The lowest count that anything of this peer may still carry.
    fn floor(&self) -> u64 {
        if self.client.has_returned() { self.ordering.floor() } else { 0 }
    }

    /// A request as it travels: with its stamp, if it has one.
    pub(crate) fn stamped(&self, request: Request) -> Body {
        match self.ordering.stamp(request.id).cloned() {
            Some(stamp) => Body::Stamped { request, stamp, floor: self.floor() },
            None => Body::Request(request),
        }
    }

    /// The trader asks what may still come from this peer.
    pub(crate) fn tell_floor(&mut self, from: NodeId, stamp: &Stamp, cx: &mut Cx<'_>) {
        self.ordering.witness(stamp);
        self.send(from, Body::Floor(self.floor()), cx);
    }
}

/// The trader's side.
impl Peer {
    pub(crate) fn accept(&mut self, queued: Queued, cx: &mut Cx<'_>) {
        if !self.trader.must_queue() {
            return self.serve(queued.from, queued.request, cx);
        }
        if !self.trader.queue().put(queued) {
            let value = self.settings.trader.pending_max as u64;
            return self.report(What::Overflow { limit: "pending requests".into(), value }, cx);
        }
        self.serve_soon(cx);
    }

    /// At once, but after the other inputs of this turn: they make up a batch.
    pub(crate) fn serve_soon(&mut self, cx: &mut Cx<'_>) {
        if self.trader.epoch().is_some() {
            cx.set(Alarm::Serve, Duration::ZERO);
        }
    }

    /// Serves what may be served, and asks who holds up the rest. `again`: also those that were
    /// asked before and have not answered.
    pub(crate) fn serve_queue(&mut self, again: bool, cx: &mut Cx<'_>) {
        let mut up: BTreeSet<NodeId> = self.presence.up().collect();
        up.insert(self.me);
        let floor = self.floor();
        self.trader.queue().floor(self.me, floor);
        for queued in self.trader.queue().take(&up) {
            if let Some(stamp) = &queued.stamp {
                self.ordering.witness(stamp);
            }
            self.serve(queued.from, queued.request, cx);
        }
        let questions = self.trader.queue().questions(&up, again);
        for (node, stamp) in questions {
            if node == self.me {
                self.ordering.witness(&stamp);
                let floor = self.floor();
                if self.trader.queue().floor(self.me, floor) {
                    self.serve_soon(cx);
                }
            } else {
                self.send(node, Body::Earliest(stamp), cx);
            }
        }
        // Not put off by what comes in meanwhile.
        if !self.trader.queue().is_empty() && !self.asks_again {
            self.asks_again = true;
            cx.set(Alarm::Question, self.settings.resend);
        }
    }

    /// A question or its answer may be lost, and a peer may be gone.
    pub(crate) fn ask_again(&mut self, cx: &mut Cx<'_>) {
        self.asks_again = false;
        if self.trader.epoch().is_none() {
            return;
        }
        let up: BTreeSet<NodeId> = self.presence.up().chain([self.me]).collect();
        let held = self.trader.queue().held(&up);
        let held: Vec<_> = held.map(|(queued, waits_for)| (queued.request.id, waits_for)).collect();
        for (request, waits_for) in held {
            self.report(What::HeldBack { request, waits_for }, cx);
        }
        self.serve_queue(true, cx);
    }
}
