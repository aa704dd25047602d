//! How a trader promises by the common ledger, and tells the others; see [`ledger`](super::ledger).

use machine::NodeId;
use market::{Order, RequestId};

use super::ledger::Seen;
use super::{Alarm, Cx, Trader};
use crate::message::Message;
use crate::settings::Cache;

impl Trader {
    pub(super) fn keeps_ledger(&self) -> bool {
        matches!(self.settings.cache, Cache::Ledger { .. })
    }

    /// Whether all that a customer has seen is here.
    pub(super) fn covers(&self, seen: &Seen) -> bool {
        self.ledger.covers(seen, self.counts.version(), (self.version, &self.roster))
    }

    /// What an answer by what is known here is made from, where that is a ledger.
    pub(super) fn seen(&self) -> Option<Seen> {
        self.keeps_ledger().then(|| self.ledger.seen(self.counts.version(), self.version))
    }

    /// Promises an order that goes to the warehouse, if it can be had as far as is known here. A copy
    /// of one that was promised is promised again.
    pub(super) fn promise(
        &mut self,
        customer: NodeId,
        id: RequestId,
        order: &Order,
        cx: &mut Cx<'_>,
    ) {
        // Others know of its lines only when they know of its term.
        let Some(term) = self.term().filter(|term| self.roster.contains(term)) else { return };
        if !self.keeps_ledger() {
            return;
        }
        let is_new = !self.ledger.has_promised(id);
        let has_news = self.ledger.has_news();
        if is_new && !(self.can_be_had(order) && self.ledger.promise(term, id, order)) {
            return;
        }
        let Some(seen) = self.seen() else { return };
        cx.send(customer, Message::Promised { id, seen });
        if !has_news && self.ledger.has_news() {
            cx.set(Alarm::Report, self.settings.times.report_every);
        }
    }

    /// The warehouse decided a request that may have been promised here.
    pub(super) fn decided(&mut self, id: RequestId, version: u64, cx: &mut Cx<'_>) {
        if self.keeps_ledger() && self.ledger.has_promised(id) {
            let has_news = self.ledger.has_news();
            self.ledger.settle(id, version);
            if !has_news && self.ledger.has_news() {
                cx.set(Alarm::Report, self.settings.times.report_every);
            }
        }
    }

    /// Tells the other traders what is new in its lines, or all that is not decided.
    pub(super) fn tell_others(&mut self, again: bool, cx: &mut Cx<'_>) {
        let Some(term) = self.term() else { return };
        let Some(news) = self.ledger.news(term, again) else { return };
        let others = self.roster.iter().filter(|other| **other != term);
        let others = others.filter_map(|other| crate::node_of(other.trader)).collect();
        cx.send_many(others, Message::Ledger(news));
        self.ledger.prune(self.counts.version(), &self.roster);
    }
}
