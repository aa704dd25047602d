//! How the warehouse ends the terms of traders that are gone, and who holds their deeds.
//!
//! A term is closed when nobody can confirm a sale of it any more: by itself the warehouse knows
//! that where it alone confirms; where a buddy may confirm, when the buddy has refused to and handed
//! over what it had; where the trader's own log confirms, when that trader has said all (SAFETY S12).

use machine::{Incarnation, NodeId};
use market::{Deed, TermAct, TermId, TermOutcome};
use peer::party;

use super::{Cx, Warehouse};
use crate::marks;
use crate::message::{Buddy, House, Message};
use crate::settings::{Cache, Durability};

impl Warehouse {
    /// A trader's connection has closed, or it was silent for too long.
    pub(super) fn suspect(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        let terms: Vec<TermId> = self.trading().filter(|term| term.trader == party(node)).collect();
        terms.into_iter().for_each(|term| self.fence(term, cx));
    }

    pub(super) fn look_around(&mut self, cx: &mut Cx<'_>) {
        let limit = self.settings.times.beat_limit;
        let silent = self.heard.iter().filter(|(_, heard)| cx.now.since(**heard) >= limit);
        let silent: Vec<NodeId> = silent.map(|(node, _)| *node).collect();
        silent.into_iter().for_each(|node| self.suspect(node, cx));
    }

    /// Lends nothing to it any more, and ends it as soon as that can be.
    pub(super) fn fence(&mut self, term: TermId, cx: &mut Cx<'_>) {
        if self.step(TermAct::Fence { term }, cx) == TermOutcome::Fenced {
            self.announce(cx);
            self.go_on_fencing(term, cx);
        }
    }

    pub(super) fn go_on_fencing(&mut self, term: TermId, cx: &mut Cx<'_>) {
        let Some(open) = self.kernel.term(term).filter(|open| open.is_fenced()) else { return };
        let (buddy, taken) = (open.buddy().and_then(crate::node_of), open.taken());
        let pairing = open.pairings();
        let by_warehouse = self.settings.cache != Cache::Lease
            || self.settings.durability != Durability::TraderLog;
        #[cfg(feature = "planted")]
        let buddy = buddy.filter(|_| !self.settings.has_planted(crate::Planted::HastyFence));
        match buddy {
            None if by_warehouse => self.close(term, cx),
            None => self.house(term, House::Fenced { term }, cx),
            Some(buddy) => {
                self.house(term, House::Fenced { term }, cx);
                cx.send(buddy, Message::Buddy(Buddy::Surrender { term, pairing, taken }));
            }
        }
    }

    pub(super) fn surrendered(
        &mut self,
        buddy: NodeId,
        term: TermId,
        from: u64,
        deeds: Vec<Deed>,
        more: u64,
        cx: &mut Cx<'_>,
    ) {
        let Some(open) = self.kernel.term(term) else { return };
        if !open.is_fenced() || open.buddy() != Some(party(buddy)) {
            return;
        }
        if !deeds.is_empty() {
            cx.mark(marks::SURRENDERED);
        }
        let last = from.saturating_add(deeds.len() as u64);
        match self.take(term, 0, from, deeds, cx) {
            Some(below) if below >= last && more == 0 => self.close(term, cx),
            Some(_) => self.go_on_fencing(term, cx),
            None => {}
        }
    }

    /// Looks for another trader to hold this one's deeds, or tells it who does.
    pub(super) fn pair(&self, term: TermId, cx: &mut Cx<'_>) {
        let is_lease = self.settings.cache == Cache::Lease;
        if !is_lease || self.settings.durability != Durability::Buddy {
            return;
        }
        let Some(open) = self.kernel.term(term).filter(|open| !open.is_fenced()) else { return };
        if let Some(buddy) = open.buddy().and_then(crate::node_of) {
            let pairing = open.pairings();
            self.tell_trader(term, Buddy::Paired { term, pairing, buddy }, cx);
            return;
        }
        // The next one in a ring, so that each has one to hold for.
        let others = || self.trading().filter(|other| other.trader != term.trader);
        let next = others().find(|other| other.trader > term.trader).or_else(|| others().next());
        if let Some(buddy) = next.and_then(|next| crate::node_of(next.trader)) {
            let pairing = open.pairings() + 1;
            cx.send(buddy, Message::Buddy(Buddy::Stand { term, pairing }));
        }
    }

    pub(super) fn stands(
        &mut self,
        from: NodeId,
        (term, pairing): (TermId, u64),
        by: TermId,
        cx: &mut Cx<'_>,
    ) {
        let buddy = party(from);
        let Some(open) = self.kernel.term(term) else { return };
        let is_next = open.buddy().is_none() && pairing == open.pairings() + 1;
        // Who has retired since it was asked was told that it may forget.
        if !self.trades(by, buddy) || open.is_fenced() || !is_next || buddy == term.trader {
            return;
        }
        if self.step(TermAct::Pair { term, buddy }, cx) == TermOutcome::Paired(buddy) {
            self.pair(term, cx);
        }
    }

    /// A buddy that has retired asks whether it may forget a term: if it is not the one to be asked
    /// for it, and never will be by this pairing. What it confirmed before it was unpaired is in the
    /// books then, as deeds come in order.
    pub(super) fn free(
        &self,
        from: NodeId,
        (term, pairing): (TermId, u64),
        by: TermId,
        cx: &mut Cx<'_>,
    ) {
        let buddy = party(from);
        let is_needed = self.kernel.term(term).is_some_and(|open| {
            open.buddy() == Some(buddy) || pairing > open.pairings() && self.trades(by, buddy)
        });
        if !is_needed {
            cx.send(from, Message::Buddy(Buddy::Free { term, pairing, by }));
        }
    }

    /// A hired trader that is out of office would go. It may, unless it has a term, which it does not
    /// know of or wants no more, or the books name it as somebody's buddy: an earlier life of it may
    /// have been asked, so that it does not know. It is there until then, to say that it has nothing.
    pub(super) fn goes(&mut self, from: NodeId, incarnation: Incarnation, cx: &mut Cx<'_>) {
        let trader = party(from);
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for (id, term) in self.kernel.terms() {
            match term.buddy() == Some(trader) {
                _ if id.trader == trader => own.push(id),
                true => others.push((id, term.pairings())),
                false => {}
            }
        }
        let is_late = |id: &TermId| self.lives.get(id).is_some_and(|life| *life > incarnation);
        if own.iter().any(is_late) {
            return;
        }
        if own.is_empty() && others.is_empty() {
            cx.send(from, Message::House(House::MayGo { incarnation }));
        }
        for (term, pairing) in others {
            self.tell_trader(term, Buddy::Declined { term, pairing }, cx);
        }
        own.into_iter().for_each(|term| self.fence(term, cx));
    }

    fn tell_trader(&self, term: TermId, body: Buddy, cx: &mut Cx<'_>) {
        if let Some(trader) = crate::node_of(term.trader) {
            cx.send(trader, Message::Buddy(body));
        }
    }

    /// Whether this term is open, and this trader's.
    fn trades(&self, term: TermId, trader: market::Party) -> bool {
        term.trader == trader && self.trading().any(|open| open == term)
    }

    /// A buddy has begun a new life since it was named.
    pub(super) fn forgot(&mut self, from: NodeId, term: TermId) {
        let open = self.kernel.term(term).filter(|open| open.is_fenced());
        if open.is_some_and(|open| open.buddy() == Some(party(from))) {
            self.forgotten.insert(term);
        }
    }

    pub(super) fn write_off(&mut self, term: TermId, cx: &mut Cx<'_>) {
        if self.kernel.term(term).is_some_and(|open| open.is_fenced()) {
            cx.mark(marks::WRITTEN_OFF);
            self.close(term, cx);
        }
    }
}
