//! What a trader knows of the warehouse's stock without asking: counts, of a version and an age.
//!
//! A trader that refuses by its counts may refuse what can be had (*under-selling*), since they are
//! old; one that passes on what its counts would allow may see it refused by the warehouse
//! (*over-selling*, in the words of seed 004). Neither loses goods or money: the warehouse decides
//! whatever is passed on.

use std::collections::BTreeMap;

use machine::{Epoch, Instant};
use market::{Command, Good, Order, Outcome, Refusal, Request, RequestId};
use peer::{Report, What};

use super::{Alarm, Cx, Trader};
use crate::message::House;
use crate::settings::{Cache, Refuse};

/// Counts.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    version: u64,
    learnt: Option<Instant>,
    units: BTreeMap<Good, u64>,
}

impl Counts {
    /// The version of the newest; 0 if there are none.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Takes newer counts.
    pub fn learn(&mut self, version: u64, counts: Vec<(Good, u64)>, now: Instant) {
        if version > self.version {
            (self.version, self.learnt) = (version, Some(now));
            self.units = counts.into_iter().collect();
        }
    }
}

/// What became of a client's requests.
#[derive(Debug, Clone, Default)]
pub struct Fates {
    /// It has its answers to all lower numbers.
    answered_below: u64,
    /// Those that were denied, with the answer, and those that were passed on.
    of: BTreeMap<u64, Option<Outcome>>,
}

/// What becomes of a request.
pub enum Fate {
    /// It goes to the warehouse.
    PassedOn,
    /// It is answered here.
    Denied(Outcome),
    /// Its client has the answer.
    Late,
}

impl Trader {
    /// Whether a request is passed on or denied. All copies of it have the same fate, lest it is
    /// denied and sold. A client that has seen more than is here takes the warehouse's word, too.
    pub(super) fn fate(
        &mut self,
        request: &Request,
        is_retried: bool,
        is_behind: bool,
        cx: &mut Cx<'_>,
    ) -> Fate {
        let Command::Buy(order) = &request.command else { return Fate::PassedOn };
        let (number, below) = (request.id.number, request.answered_below);
        let fates = self.fates.entry(request.id.client).or_default();
        fates.answered_below = fates.answered_below.max(below);
        fates.of = fates.of.split_off(&fates.answered_below);
        if number < fates.answered_below {
            return Fate::Late;
        }
        match fates.of.get(&number) {
            Some(Some(outcome)) if !is_retried => return Fate::Denied(outcome.clone()),
            Some(None) => return Fate::PassedOn,
            _ => {}
        }
        // A client that asks again takes the warehouse's word only.
        let goes_by_counts = !is_retried && !is_behind;
        let denied = if goes_by_counts { self.denied(order, cx) } else { None };
        let fates = self.fates.entry(request.id.client).or_default();
        fates.of.insert(number, denied.clone());
        match denied {
            Some(outcome) => {
                self.tell_denied(request.id, order.good.clone(), cx);
                Fate::Denied(outcome)
            }
            None => Fate::PassedOn,
        }
    }

    /// Whether it sells from loans.
    pub(super) fn lends(&self) -> bool {
        self.settings.cache == Cache::Lease
    }

    /// Whether it denies requests by its counts.
    pub(super) fn denies(&self) -> bool {
        let cache = self.settings.cache;
        matches!(cache, Cache::TimeToLive { .. } | Cache::Push { .. } | Cache::Ledger { .. })
    }

    /// Its own refusal of an order, if the counts say that it cannot be had and it goes by them.
    fn denied(&self, order: &Order, cx: &Cx<'_>) -> Option<Outcome> {
        let refuse = match self.settings.cache {
            Cache::TimeToLive { refuse, .. }
            | Cache::Push { refuse, .. }
            | Cache::Ledger { refuse, .. } => refuse,
            Cache::None | Cache::Lease => return None,
        };
        let learnt = self.counts.learnt?;
        let age = cx.now.since(learnt);
        if let Cache::TimeToLive { age_max, .. } = self.settings.cache
            && age >= age_max
        {
            return None;
        }
        match refuse {
            Refuse::Never => return None,
            Refuse::Fresh(age_max) if age > age_max => return None,
            Refuse::Fresh(_) | Refuse::Always => {}
        }
        let left = self.left(&order.good);
        if is_enough(order, left) {
            return None;
        }
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        Some(Outcome::Refused(Refusal::OutOfStock { left }))
    }

    /// How many units there are, as far as is known here.
    fn left(&self, good: &Good) -> u64 {
        let counted = self.counts.units.get(good).copied().unwrap_or_default();
        counted.saturating_sub(self.ledger.promised(good, self.counts.version))
    }

    /// Whether an order can be had, as far as is known here.
    pub(super) fn can_be_had(&self, order: &Order) -> bool {
        self.counts.learnt.is_some() && is_enough(order, self.left(&order.good))
    }

    pub(super) fn look(&mut self, cx: &mut Cx<'_>) {
        if let Cache::TimeToLive { age_max, .. } = self.settings.cache {
            cx.set(Alarm::Look, age_max);
            self.house(House::Look, cx);
        }
    }

    /// Tells that it refused by its counts.
    fn tell_denied(&self, request: RequestId, good: Good, cx: &mut Cx<'_>) {
        let counter = self.term().map_or(0, |term| term.number);
        let epoch = Epoch { counter, node: self.settings.me };
        let what = What::DeniedByCache { epoch, request, good };
        cx.report(Report { at: cx.now, clock: None, what });
    }
}

fn is_enough(order: &Order, left: u64) -> bool {
    left > 0 && (order.partial || left >= u64::from(order.quantity))
}
