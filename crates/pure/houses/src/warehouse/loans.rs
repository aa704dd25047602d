//! How the warehouse begins terms, lends, and takes what traders did into its books.

use machine::{Epoch, Incarnation, NodeId};
use market::{Act, Deed, Good, Outcome, RequestId, TermAct, TermId, TermOutcome};
use peer::{What, party};

use super::requests::Awaits;
use super::{Cx, Warehouse};
use crate::marks;
use crate::message::House;
use crate::settings::Cache;

/// A good of which less than this could be lent to each trader is not lent: the last units are sold
/// at the warehouse, where all can have them, instead of lying with traders that may not be asked
/// for them. A loan of fewer would save hardly a message.
const TAIL_UNITS: u64 = 4;

impl Warehouse {
    /// Takes a step of a term.
    pub(super) fn step(&mut self, act: TermAct, cx: &mut Cx<'_>) -> TermOutcome {
        let me = party(self.settings.me);
        match self.apply(me, Act::Term(act), cx).outcome {
            Outcome::Term(outcome) => outcome,
            _ => TermOutcome::NoSuchTerm,
        }
    }

    pub(super) fn enlist(&mut self, from: NodeId, incarnation: Incarnation, cx: &mut Cx<'_>) {
        let trader = party(from);
        let known = self
            .trading()
            .find(|term| term.trader == trader && self.lives.get(term) == Some(&incarnation));
        if let Some(term) = known {
            self.house(term, House::Enlisted { incarnation, term }, cx);
            return;
        }
        // It does not know of these, or wants none of them any more.
        let earlier: Vec<TermId> = self.trading().filter(|term| term.trader == trader).collect();
        if !earlier.is_empty() {
            cx.mark(marks::CAME_BACK);
        }
        earlier.into_iter().for_each(|term| self.fence(term, cx));
        if let TermOutcome::Opened(term) = self.step(TermAct::Open { trader }, cx) {
            self.lives.insert(term, incarnation);
            self.tell(What::TermBegan { epoch: epoch(term) }, cx);
            self.house(term, House::Enlisted { incarnation, term }, cx);
            self.announce(cx);
            let terms: Vec<TermId> = self.trading().collect();
            terms.into_iter().for_each(|term| self.pair(term, cx));
        }
    }

    /// Lends what a trader wishes for, as far as it is not too much for one: each of them can have
    /// half of an even share of what is left.
    pub(super) fn wish(&mut self, term: TermId, good: Good, units: u32, cx: &mut Cx<'_>) {
        if self.settings.cache != Cache::Lease || self.recalls.contains_key(&good) {
            return;
        }
        let share = self.kernel.free(&good) / (2 * self.trading().count().max(1) as u64);
        if share < TAIL_UNITS {
            return;
        }
        let units = units.min(u32::try_from(share).unwrap_or(u32::MAX));
        let lent = self.step(TermAct::Lend { term, good: good.clone(), units }, cx);
        if let TermOutcome::Lent(grant) = lent
            && !grant.parts.is_empty()
        {
            let units = grant.units();
            self.tell(What::Lent { epoch: epoch(term), good, units }, cx);
            self.house(term, House::Granted { term, grant }, cx);
        }
    }

    /// Sends again what a trader may not have.
    pub(super) fn send_grants(&self, id: TermId, cx: &mut Cx<'_>) {
        let Some(term) = self.kernel.term(id) else { return };
        for grant in term.grants() {
            self.house(id, House::Granted { term: id, grant: grant.clone() }, cx);
        }
    }

    pub(super) fn reported(
        &mut self,
        term: TermId,
        received: u64,
        from: u64,
        deeds: Vec<Deed>,
        is_last: bool,
        cx: &mut Cx<'_>,
    ) {
        let last = from.saturating_add(deeds.len() as u64);
        let Some(below) = self.take(term, received, from, deeds, cx) else {
            cx.mark(marks::TERM_OVER);
            self.house(term, House::Over { term }, cx);
            return;
        };
        self.house(term, House::Taken { term, below }, cx);
        if is_last && below >= last {
            self.close(term, cx);
        } else {
            self.pair(term, cx);
        }
    }

    /// Takes deeds into the books; how many are there, or none if there is no such term.
    pub(super) fn take(
        &mut self,
        term: TermId,
        received: u64,
        from: u64,
        deeds: Vec<Deed>,
        cx: &mut Cx<'_>,
    ) -> Option<u64> {
        let known = self.kernel.term(term)?;
        let new = known.taken().saturating_sub(from);
        let new = usize::try_from(new).unwrap_or(usize::MAX);
        let is_news = deeds.len() > new || known.grants().any(|grant| grant.number <= received);
        if !is_news {
            return Some(known.taken());
        }
        let (mut homes, mut is_returned): (Vec<RequestId>, _) = (Vec::new(), false);
        for deed in deeds.iter().skip(new) {
            match deed {
                Deed::Sold { request, .. } => homes.push(request.id),
                Deed::Shut(id) => homes.push(*id),
                Deed::Returned { .. } => is_returned = true,
                Deed::Unpaired => {}
            }
        }
        match self.step(TermAct::Take { term, received, from, deeds }, cx) {
            TermOutcome::Taken { below, sold, .. } => {
                for (request, receipt) in sold {
                    let (epoch, buyer) = (epoch(term), request.client.party);
                    self.tell(What::Sold { epoch, request, receipt, buyer }, cx);
                }
                for id in homes {
                    let awaits = self.requests.get(id).map(|waiting| waiting.awaits.clone());
                    if awaits == Some(Awaits::Home(term)) {
                        self.decide_one(id, cx);
                    }
                }
                if is_returned {
                    self.decide_recalled(cx);
                }
                Some(below)
            }
            TermOutcome::Gap { below } => Some(below),
            _ => None,
        }
    }

    /// Some of what is recalled may be back.
    pub(super) fn decide_recalled(&mut self, cx: &mut Cx<'_>) {
        let goods: Vec<Good> = self.recalls.keys().cloned().collect();
        for good in goods {
            self.decide_waiting(&Awaits::Recall(good), cx);
        }
    }

    /// Ends a term: what is left of it is on the shelves.
    pub(super) fn close(&mut self, term: TermId, cx: &mut Cx<'_>) {
        let buddy = self.kernel.term(term).and_then(|open| open.buddy());
        let TermOutcome::Closed { units } = self.step(TermAct::Close { term }, cx) else { return };
        self.lives.remove(&term);
        self.forgotten.remove(&term);
        self.tell(What::TermEnded { epoch: epoch(term), units }, cx);
        self.house(term, House::Over { term }, cx);
        if let Some(buddy) = buddy.and_then(crate::node_of) {
            cx.send(buddy, crate::Message::House(House::Over { term }));
        }
        self.announce(cx);
        self.decide_waiting(&Awaits::Home(term), cx);
        self.decide_recalled(cx);
    }
}

/// A term, as events name it.
pub(super) fn epoch(term: TermId) -> Epoch {
    let node = crate::node_of(term.trader).unwrap_or_default();
    Epoch { counter: term.number, node }
}
