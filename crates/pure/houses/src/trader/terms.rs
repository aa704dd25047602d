//! A trader's terms: how they begin, what is lent in them, and how they end.

use std::collections::BTreeMap;

use machine::{Instant, Journal};
use market::{Deed, Good, Grant, Stall, TermId};

use super::deeds::Deeds;
use super::{Alarm, Cx, Trader};
use crate::message::{DEEDS_MAX, House, Record, Snapshot};
use crate::settings::{Cache, Durability};

/// Least that a trader borrows at once, where the warehouse has plenty: a loan and the report of its
/// sales are four messages, and they are to be few beside the sales.
pub const LOAN_UNITS_MIN: u64 = 64;

/// After how many records its own journal is replaced by a snapshot.
const RECORDS_MAX: u32 = 4_096;

/// After so many times that it would have sent something again a trader out of office waits for no
/// decisions any more: they were lost, and customers have asked others.
const IDLE_RESENDS: u32 = 5;

/// What was asked for of a good, by which loans are sized.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demand {
    /// Units, since the beginning of this stretch of time.
    units: u64,
    /// Units, in the stretch before.
    units_before: u64,
    since: Instant,
    /// When it last wished for some.
    wished: Option<Instant>,
}

/// A term.
#[derive(Debug, Clone)]
pub struct Open {
    /// Which.
    pub term: TermId,
    /// What is on loan in it.
    pub stall: Stall,
    /// What was done in it.
    pub deeds: Deeds,
    /// It is ending: nothing is sold any more.
    pub is_ending: bool,
    /// Goods that were recalled, up to which grant.
    pub recalled: BTreeMap<Good, u64>,
    /// What customers ask for.
    pub demand: BTreeMap<Good, Demand>,
    /// Who holds its deeds.
    pub buddy: Option<machine::NodeId>,
    /// The number of the last pairing.
    pub pairing: u64,
    /// A report is under way: all deeds below this number.
    pub reported: Option<u64>,
    /// Deeds are on their way to the buddy: all below this number.
    pub keeping: Option<u64>,
}

impl Open {
    fn new(term: TermId, stall: Stall, deeds: Deeds) -> Self {
        Self {
            term,
            stall,
            deeds,
            is_ending: false,
            recalled: BTreeMap::new(),
            demand: BTreeMap::new(),
            buddy: None,
            pairing: 0,
            reported: None,
            keeping: None,
        }
    }
}

impl Trader {
    pub(super) fn enlist(&mut self, cx: &mut Cx<'_>) {
        // One term at a time is in its log: what an earlier life did is settled first.
        // A term that was asked for may have begun: it is to end in good order.
        let wants = !self.is_retiring || self.is_enlisting;
        if self.open.is_none() && self.logged.is_none() && wants {
            self.is_enlisting = true;
            self.house(House::Enlist { incarnation: self.incarnation }, cx);
        }
    }

    pub(super) fn enlisted(&mut self, term: TermId, cx: &mut Cx<'_>) {
        if self.open.is_some() || self.logged.is_some() {
            return;
        }
        let Ok(stall) = Stall::new(self.rules, term.trader) else { return };
        (self.is_enlisting, self.idle_resends) = (false, 0);
        if self.keeps_ledger() {
            self.ledger.begin();
            self.house(House::Look, cx);
        }
        self.open = Some(Open::new(term, stall, Deeds::default()));
        self.log(Record::Term(term), cx);
        if self.is_retiring {
            self.finish(cx);
        }
    }

    /// Whether its own journal confirms its sales.
    pub(super) fn is_logging(&self) -> bool {
        self.settings.cache == Cache::Lease && self.settings.durability == Durability::TraderLog
    }

    /// Writes down what was just done, where its own journal confirms its sales.
    pub(super) fn log(&mut self, record: Record, cx: &mut Cx<'_>) {
        if !self.is_logging() {
            return;
        }
        self.own_records += 1;
        if self.own_records < RECORDS_MAX {
            cx.persist(Journal::Own, record);
        } else {
            self.snapshot(cx);
        }
    }

    /// Writes down all of it.
    pub(super) fn snapshot(&mut self, cx: &mut Cx<'_>) {
        self.own_records = 0;
        let incarnation = self.incarnation;
        let logged = self.logged.as_ref().or(self.open.as_ref()).filter(|_| self.is_logging());
        let snapshot = logged.map_or(Snapshot::Life(incarnation), |open| Snapshot::Log {
            incarnation,
            term: open.term,
            taken: open.deeds.taken(),
            deeds: open.deeds.untaken().cloned().collect(),
        });
        cx.snapshot(Journal::Own, snapshot);
    }

    /// What an earlier life wrote down at once.
    pub(super) fn restore(&mut self, snapshot: Snapshot) {
        match snapshot {
            Snapshot::Life(incarnation) => (self.incarnation, self.logged) = (incarnation, None),
            Snapshot::Log { incarnation, term, taken, deeds } => {
                self.incarnation = incarnation;
                let mut logged = Deeds::replayed(taken);
                deeds.into_iter().for_each(|deed| logged.push(deed));
                let stall = Stall::new(self.rules, term.trader);
                self.logged = stall.ok().map(|stall| Open::new(term, stall, logged));
            }
            Snapshot::Market(_) => {}
        }
    }

    /// The warehouse asks for the end of a term that this trader does not know.
    pub(super) fn knows_not(&self, term: TermId, cx: &mut Cx<'_>) {
        // Its log would know: so it did nothing in it.
        if self.is_logging() && self.logged.as_ref().is_none_or(|logged| logged.term != term) {
            let (received, from, deeds, is_last) = (0, 0, Vec::new(), true);
            self.house(House::Report { term, received, from, deeds, is_last }, cx);
        }
    }

    /// What an earlier life wrote down.
    pub(super) fn replay(&mut self, record: Record) {
        match record {
            Record::Term(term) => {
                let stall = Stall::new(self.rules, term.trader);
                self.logged = stall.ok().map(|stall| Open::new(term, stall, Deeds::default()));
            }
            Record::Deed(deed) => {
                if let Some(logged) = &mut self.logged {
                    logged.deeds.push(deed);
                }
            }
            Record::Taken(below) => {
                if let Some(logged) = &mut self.logged {
                    if logged.deeds.next() < below {
                        logged.deeds = Deeds::replayed(below);
                    } else {
                        logged.deeds.took(below);
                    }
                }
            }
            Record::Entry(_) => {}
        }
    }

    pub(super) fn granted(&mut self, grant: &Grant, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        if !open.stall.receive(grant) {
            return;
        }
        if let Some(demand) = open.demand.get_mut(&grant.good) {
            demand.wished = None;
        }
        let is_recalled = open.recalled.get(&grant.good).is_some_and(|upto| grant.number <= *upto);
        if open.is_ending || is_recalled {
            self.give_back(&grant.good, cx);
        }
        self.report_soon(cx);
    }

    pub(super) fn recalled(&mut self, good: Good, upto: u64, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        let known = open.recalled.entry(good.clone()).or_default();
        *known = upto.max(*known);
        self.give_back(&good, cx);
        self.report(cx);
    }

    fn give_back(&mut self, good: &Good, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        for deed in open.stall.give_back(good) {
            self.did(deed, cx);
        }
    }

    /// Adds a deed that no answer waits for.
    pub(super) fn did(&mut self, deed: Deed, cx: &mut Cx<'_>) {
        if let Some(open) = &mut self.open {
            open.deeds.push(deed.clone());
        }
        self.log(Record::Deed(deed), cx);
    }

    /// Ends the term in good order: gives back what is left, and says that this is all.
    pub(super) fn finish(&mut self, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        open.is_ending = true;
        open.stall.close();
        for good in open.stall.goods() {
            self.give_back(&good, cx);
        }
        self.report(cx);
    }

    /// The term is over: what was not confirmed in it never will be here.
    pub(super) fn over(&mut self, term: TermId, cx: &mut Cx<'_>) {
        if self.logged.as_ref().is_some_and(|logged| logged.term == term) {
            self.logged = None;
        }
        if self.term() == Some(term) {
            self.open = None;
            cx.clear(Alarm::Report);
            self.enlist(cx);
        }
    }

    /// Customers ask for so much of a good: borrows more when little is left for the time to come.
    pub(super) fn wish(&mut self, good: &Good, units: u32, cx: &mut Cx<'_>) {
        let (horizon, resend) = (self.settings.times.horizon, self.settings.times.resend);
        let Some(open) = self.open.as_mut().filter(|open| !open.is_ending) else { return };
        let demand = open.demand.entry(good.clone()).or_default();
        if cx.now.since(demand.since) >= horizon {
            demand.units_before = std::mem::take(&mut demand.units);
            demand.since = cx.now;
        }
        demand.units += u64::from(units);
        let expected = demand.units.max(demand.units_before).max(LOAN_UNITS_MIN);
        let is_wished = demand.wished.is_some_and(|wished| cx.now.since(wished) < resend);
        if is_wished || open.stall.units(good) >= expected / 2 {
            return;
        }
        demand.wished = Some(cx.now);
        let units = u32::try_from(2 * expected).unwrap_or(u32::MAX);
        let (term, good) = (open.term, good.clone());
        self.house(House::Wish { term, good, units }, cx);
    }

    /// Reports deeds, unless a report is under way.
    pub(super) fn report(&mut self, cx: &mut Cx<'_>) {
        let Some(open) = &mut self.open else { return };
        if open.reported.is_some() {
            return;
        }
        let (term, from, received) = (open.term, open.deeds.taken(), open.stall.received());
        let deeds = open.deeds.from(from, DEEDS_MAX);
        let last = from + deeds.len() as u64;
        let is_last = open.is_ending && last == open.deeds.next();
        open.reported = Some(last);
        cx.clear(Alarm::Report);
        self.house(House::Report { term, received, from, deeds, is_last }, cx);
    }

    /// Reports deeds after a while, or now if they are many.
    pub(super) fn report_soon(&mut self, cx: &mut Cx<'_>) {
        let Some(open) = &self.open else { return };
        let waiting = open.deeds.next() - open.deeds.taken();
        if waiting >= DEEDS_MAX as u64 {
            self.report(cx);
        } else if open.reported.is_none() {
            cx.set(Alarm::Report, self.settings.times.report_every);
        }
    }

    pub(super) fn taken(&mut self, term: TermId, below: u64, cx: &mut Cx<'_>) {
        if let Some(logged) = self.logged.as_mut().filter(|logged| logged.term == term) {
            logged.deeds.took(below);
        }
        if self.term() != Some(term) {
            return;
        }
        let Some(open) = &mut self.open else { return };
        let is_news = below > open.deeds.taken();
        if open.reported.is_some_and(|last| last <= below) {
            open.reported = None;
        }
        let confirmed = open.deeds.took(below);
        let is_more = open.deeds.next() > below;
        if is_news {
            self.log(Record::Taken(below), cx);
        }
        self.confirm(confirmed, cx);
        if is_more {
            self.report_on(cx);
        }
    }

    /// What was not answered is sent again.
    pub(super) fn resend(&mut self, cx: &mut Cx<'_>) {
        self.enlist(cx);
        if self.keeps_ledger() {
            self.tell_others(true, cx);
            self.forward_again(cx);
        }
        if self.is_retiring && self.open.is_none() {
            self.release(cx);
            self.idle_resends = self.idle_resends.saturating_add(1);
            if self.idle_resends >= IDLE_RESENDS {
                self.forwarded.clear();
            }
        }
        if let Some(open) = &mut self.open {
            // Even if there is nothing to report: the answer tells whether the term is open still.
            (open.reported, open.keeping) = (None, None);
            self.report(cx);
            self.keep_on(cx);
        }
        if let Some(logged) = &self.logged {
            let (term, from) = (logged.term, logged.deeds.taken());
            let deeds = logged.deeds.from(from, DEEDS_MAX);
            let is_last = from + deeds.len() as u64 == logged.deeds.next();
            self.house(House::Report { term, received: 0, from, deeds, is_last }, cx);
        }
    }
}
