//! Whom a trader serves where each peer keeps its own book: nobody whose book is no part of the
//! market. It would not know its session, nor what it has on sale.

use std::collections::BTreeMap;

use machine::{Epoch, Input, NodeId};
use market::{NOT_KNOWN, RequestId};

use crate::any_peer::{AnyPeer, Cx};
use crate::books::Admission;
use crate::message::{Body, Message, Trade};
use crate::place::Place;

/// Requests of those that have not registered yet.
pub(crate) type Waiting = BTreeMap<(NodeId, RequestId), Trade>;

impl AnyPeer {
    /// Passes on what may be served now.
    pub(crate) fn trade(&mut self, from: NodeId, trade: Trade, cx: &mut Cx<'_>) {
        if let Some(trade) = self.admit(from, trade, cx) {
            self.peer_input(Input::Message { from, body: Message::Trade(trade) }, cx);
        }
    }

    /// Serves what waited for a peer to register, if it has.
    pub(crate) fn let_in(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        let is_served = matches!(&self.place, Place::Books(books) if books.admission(node) == Admission::Served);
        while is_served && let Some(trade) = self.next_waiting(node) {
            self.peer_input(Input::Message { from: node, body: Message::Trade(trade) }, cx);
        }
    }

    fn next_waiting(&mut self, node: NodeId) -> Option<Trade> {
        let key = *self.waiting.range((node, RequestId::default())..).next()?.0;
        if key.0 == node { self.waiting.remove(&key) } else { None }
    }

    /// What a trader serves where each peer keeps its own book: nothing of a peer whose book is not
    /// part of the market.
    fn admit(&mut self, from: NodeId, trade: Trade, cx: &mut Cx<'_>) -> Option<Trade> {
        let Place::Books(books) = &self.place else { return Some(trade) };
        let request = match &trade.body {
            Body::Request(request) | Body::Stamped { request, .. } => Some(request.id),
            Body::Inquire | Body::AskLots => None,
            _ => return Some(trade),
        };
        if let Some(id) = request
            && let Some(epoch) = books.is_stuck(id, from)
        {
            self.answer_not_known(from, epoch, id, cx);
            return None;
        }
        match (books.admission(from), request) {
            (Admission::Served, _) => return Some(trade),
            (Admission::Waits, Some(id))
                if self.waiting.len() < self.peer.settings.trader.pending_max =>
            {
                self.waiting.insert((from, id), trade);
            }
            // It is sent again.
            (Admission::Waits | Admission::Dropped, _) => {}
        }
        None
    }

    /// Its fate hangs on the book of a peer that is away, and its client shall not wait for that.
    fn answer_not_known(&mut self, client: NodeId, epoch: Epoch, id: RequestId, cx: &mut Cx<'_>) {
        let mut effects = Vec::new();
        let answer = Body::Answer { epoch, id, outcome: NOT_KNOWN };
        let mut peer_cx = cx.listed(&mut effects);
        self.peer.send(client, answer, &mut peer_cx);
        self.carry_out(effects, cx);
    }
}
