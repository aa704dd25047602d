//! What traders hold for each other, so that the loss of one loses no sale.
//!
//! ```text
//!   trader ── Keep {deeds} ──▶ buddy ── Kept {below} ──▶ trader: answers up to there are confirmed
//!   warehouse ── Surrender ──▶ buddy: keeps no more of this term, ever ── Surrendered {deeds} ──▶
//! ```
//!
//! One that retires has each trader that it holds for look for another buddy, and forgets when the
//! warehouse says that it may.
//!
//! ```text
//!   buddy ── Declined ──▶ trader ── Report {…, Unpaired} ──▶ warehouse: pairs it with another one
//!     └───── Holds ──▶ warehouse: Free, once all that this buddy confirmed is in the books
//! ```
//!
//! One that was hired goes when the warehouse's books do not name it any more:
//!
//! ```text
//!   hired ── Goes ──▶ warehouse ── names it: Declined ──▶ trader, in the buddy's name
//!     ▲                  │
//!     └───── MayGo ──────┘ no term names it
//! ```
//!
//! A buddy that began a new life has forgotten, and says so: then nobody but the trader knows.

use std::collections::BTreeMap;

use machine::NodeId;
use market::{Deed, TermId};

use super::{Cx, Trader};
use crate::marks;
use crate::message::{Buddy, DEEDS_MAX, House, Message};

/// What is held of one term.
#[derive(Debug, Clone, Default)]
struct Of {
    /// In which pairing.
    pairing: u64,
    /// In which term of its own it was asked to, last. A pairing that did not come about may be asked
    /// for again under its number; what was said in an earlier term counts for nothing then.
    by: TermId,
    from: u64,
    deeds: Vec<Deed>,
    is_surrendered: bool,
}

/// What is held of all terms.
#[derive(Debug, Clone, Default)]
pub struct Held {
    terms: BTreeMap<TermId, Of>,
}

impl Held {
    /// Its warehouse has all of it.
    pub fn forget(&mut self, term: TermId) {
        self.terms.remove(&term);
    }

    /// What is held: of which term, in which pairing.
    fn pairings(&self) -> impl Iterator<Item = (TermId, u64, TermId)> {
        self.terms.iter().map(|(term, of)| (*term, of.pairing, of.by))
    }

    fn free(&mut self, term: TermId, pairing: u64, by: TermId) {
        if self.terms.get(&term).is_some_and(|of| (of.pairing, of.by) == (pairing, by)) {
            self.terms.remove(&term);
        }
    }

    /// Whether nothing is held for anybody.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether there is anything to be held of this term.
    pub fn holds(&self, term: TermId) -> bool {
        self.terms.contains_key(&term)
    }

    fn keep(
        &mut self,
        (term, pairing): (TermId, u64),
        from: u64,
        deeds: Vec<Deed>,
        taken: u64,
    ) -> Option<u64> {
        let of = self.terms.get_mut(&term)?;
        if of.is_surrendered || of.pairing != pairing {
            return None;
        }
        let next = of.from + of.deeds.len() as u64;
        if from > next && taken < from {
            return None;
        }
        if from > next {
            // All between is in the books.
            (of.from, of.deeds) = (from, Vec::new());
        }
        let next = of.from + of.deeds.len() as u64;
        let known = usize::try_from(next - from.min(next)).unwrap_or(usize::MAX);
        of.deeds.extend(deeds.into_iter().skip(known));
        let done = taken.saturating_sub(of.from).min(of.deeds.len() as u64);
        of.deeds.drain(..usize::try_from(done).unwrap_or(0));
        of.from += done;
        Some(of.from + of.deeds.len() as u64)
    }

    fn stand(&mut self, term: TermId, pairing: u64, by: TermId) {
        let of = self.terms.entry(term).or_default();
        // What is asked for again stays as it is, and what was surrendered stays so.
        if pairing > of.pairing {
            *of = Of { pairing, ..Of::default() };
        }
        if pairing == of.pairing {
            of.by = by;
        }
    }

    fn surrender(
        &mut self,
        (term, pairing): (TermId, u64),
        taken: u64,
    ) -> Option<(u64, Vec<Deed>, u64)> {
        let of = self.terms.get_mut(&term).filter(|of| of.pairing == pairing)?;
        of.is_surrendered = true;
        let done = taken.saturating_sub(of.from).min(of.deeds.len() as u64);
        let rest = of.deeds.iter().skip(usize::try_from(done).unwrap_or(0));
        let deeds: Vec<Deed> = rest.take(DEEDS_MAX).cloned().collect();
        let more = of.deeds.len() as u64 - done - deeds.len() as u64;
        Some((of.from + done, deeds, more))
    }
}

impl Trader {
    pub(super) fn buddy_message(&mut self, from: NodeId, body: Buddy, cx: &mut Cx<'_>) {
        let is_warehouse = from == self.settings.warehouse;
        match body {
            Buddy::Stand { term, pairing } if is_warehouse => {
                // Who is out of office may be about to go.
                if let Some(by) = self.term() {
                    self.held.stand(term, pairing, by);
                    cx.send(from, Message::Buddy(Buddy::Stands { term, pairing, by }));
                }
            }
            Buddy::Surrender { term, pairing, taken } if is_warehouse => {
                let body = match self.held.surrender((term, pairing), taken) {
                    Some((from, deeds, more)) => Buddy::Surrendered { term, from, deeds, more },
                    None => {
                        cx.mark(marks::BUDDY_FORGOT);
                        Buddy::Forgot { term }
                    }
                };
                cx.send(from, Message::Buddy(body));
            }
            Buddy::Paired { term, pairing, buddy } if is_warehouse => {
                // Each pairing once: a late copy must not bring a buddy back that nobody asks.
                if let Some(open) = self.open.as_mut().filter(|open| open.term == term)
                    && pairing > open.pairing
                    && !open.is_ending
                {
                    (open.pairing, open.buddy) = (pairing, Some(buddy));
                    self.keep_on(cx);
                }
            }
            Buddy::Keep { term, pairing, from: first, deeds, taken } => {
                let is_its = term.trader == peer::party(from);
                let body =
                    match is_its.then(|| self.held.keep((term, pairing), first, deeds, taken)) {
                        Some(Some(below)) => Buddy::Kept { term, pairing, below },
                        _ => {
                            cx.mark(marks::BUDDY_DECLINED);
                            Buddy::Declined { term, pairing }
                        }
                    };
                cx.send(from, Message::Buddy(body));
            }
            Buddy::Free { term, pairing, by } if is_warehouse => self.held.free(term, pairing, by),
            Buddy::Kept { term, pairing, below } => self.kept((term, pairing), below, cx),
            Buddy::Declined { term, pairing } => {
                let open = self.open.as_ref();
                let open = open.filter(|open| (open.term, open.pairing) == (term, pairing));
                // The warehouse speaks for one that cannot know whom an earlier life held for.
                let buddy = open.and_then(|open| open.buddy.filter(|_| is_warehouse));
                if open.is_some() {
                    self.unpair_from(buddy.unwrap_or(from), cx);
                }
            }
            _ => {}
        }
    }

    /// Has others look for another buddy, as it is out of office.
    pub(super) fn release(&mut self, cx: &mut Cx<'_>) {
        if self.is_going() && !self.held.is_empty() {
            cx.mark(marks::HANDS_OVER);
        }
        if self.is_going() && !self.is_enlisting && self.logged.is_none() {
            self.house(House::Goes { incarnation: self.incarnation }, cx);
        }
        for (term, pairing, by) in self.held.pairings() {
            if let Some(trader) = crate::node_of(term.trader) {
                cx.send(trader, Message::Buddy(Buddy::Declined { term, pairing }));
            }
            let holds = Message::Buddy(Buddy::Holds { term, pairing, by });
            cx.send(self.settings.warehouse, holds);
        }
    }

    /// Sends the buddy what it has not, unless some of it is under way.
    pub(super) fn keep_on(&mut self, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        let (Some(buddy), None) = (open.buddy, open.keeping) else { return };
        let (from, taken) = (open.deeds.kept(), open.deeds.taken());
        let deeds = open.deeds.from(from, DEEDS_MAX);
        if deeds.is_empty() {
            return;
        }
        open.keeping = Some(from + deeds.len() as u64);
        let (term, pairing) = (open.term, open.pairing);
        cx.send(buddy, Message::Buddy(Buddy::Keep { term, pairing, from, deeds, taken }));
    }

    fn kept(&mut self, (term, pairing): (TermId, u64), below: u64, cx: &mut Cx<'_>) {
        let Some(open) = self.open.as_mut().filter(|open| open.term == term) else { return };
        if open.buddy.is_none() || open.pairing != pairing {
            return;
        }
        if open.keeping.is_some_and(|last| last <= below) {
            open.keeping = None;
        }
        let confirmed = open.deeds.keeps(below);
        self.confirm(confirmed, cx);
        self.keep_on(cx);
    }

    /// Confirms nothing by this buddy any more, if it is its own.
    pub(super) fn unpair_from(&mut self, node: NodeId, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        if open.buddy == Some(node) {
            cx.mark(marks::BUDDY_LOST);
            (open.buddy, open.keeping) = (None, None);
            open.deeds.unpaired();
            self.did(Deed::Unpaired, cx);
            self.report(cx);
        }
    }
}
