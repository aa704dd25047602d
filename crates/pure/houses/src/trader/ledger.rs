//! A ledger that all traders keep together: each answers at once from what it has merged, and the
//! warehouse has the last word.
//!
//! ```text
//!   customer ── Ask {seen} ──▶ trader: enough by counts and lines ──▶ Promised, at once
//!                                │  a line, and to the other traders within report_every
//!                                └─ Forward ──▶ warehouse ── Decided ──▶ Answer: sold, or taken back
//! ```
//!
//! **Promise.** A buyer hears at once whether it has its order, and later whether that is true: what
//! was promised and cannot be had is taken back, told to the buyer, and counted (*over-selling*).
//! While it goes from trader to trader, a customer sees what it was promised before (*read your
//! writes*), and never older counts than it has seen (*monotonic reads*). *Why:* a line stands at its
//! trader before the promise leaves, and leaves the ledger only when counts are here that the
//! warehouse made after it had decided; with each answer a customer is told what it was made from
//! ([`Seen`]), and a trader that has not all of that promises nothing and denies nothing, but asks
//! the warehouse. When a term ends, what was promised in it and is not decided, as far as is known
//! here, is seen again when counts have it.
//!
//! Nothing of safety rests on it: the warehouse sells, once each, whatever was promised. All traders
//! come to the same ledger: lines are numbered by their term, stand in the order of Lamport's clock
//! (of equal stamps, the lower term first), and are sent again until they are decided.

use std::collections::{BTreeMap, BTreeSet};

use market::{Good, Order, RequestId, TermId};
use serde::{Deserialize, Serialize};

/// Most lines that are not decided yet, in all terms: beyond them nothing is promised.
pub const LINES_MAX: usize = 1 << 16;

/// An order that was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Its number in its term.
    pub number: u64,
    /// When, by the clock of Lamport that its trader keeps.
    pub stamp: u64,
    /// Whose order.
    pub id: RequestId,
    /// Of what.
    pub good: Good,
    /// How many units.
    pub units: u32,
    /// The version of counts from which on its fate stands in them, once it is decided.
    pub settled: Option<u64>,
}

/// What an answer was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The version of the counts.
    pub version: u64,
    /// The version of the roster.
    pub roster: u64,
    /// Of each term, that all lines below this number were there.
    pub lines: BTreeMap<TermId, u64>,
}

impl Seen {
    /// Both together.
    pub fn merge(&mut self, other: &Self) {
        self.version = self.version.max(other.version);
        self.roster = self.roster.max(other.roster);
        for (term, below) in &other.lines {
            let known = self.lines.entry(*term).or_default();
            *known = (*below).max(*known);
        }
    }
}

impl Seen {
    /// Forgets terms that are not on a roster of this version.
    pub fn forget_all_but(&mut self, version: u64, roster: &[TermId]) {
        if version >= self.roster {
            self.lines.retain(|term, _| roster.contains(term));
        }
    }
}

/// What one trader tells another of its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// Of which term.
    pub term: TermId,
    /// Lines that are new, or were decided.
    pub lines: Vec<Line>,
    /// All lines below this number are decided.
    pub settled_below: u64,
    /// The version of counts from which on they stand in them.
    pub settled_at: u64,
}

/// The numbers of a term's lines that are here.
#[derive(Debug, Clone, Default)]
struct Numbers {
    below: u64,
    /// Those beyond a gap.
    ahead: BTreeSet<u64>,
    /// All below the first number stand in counts of the second one's version.
    settled: Option<(u64, u64)>,
}

impl Numbers {
    fn add(&mut self, number: u64) {
        if number >= self.below {
            self.ahead.insert(number);
        }
        self.close_gap();
    }

    fn all_below(&mut self, number: u64) {
        self.below = self.below.max(number);
        self.ahead = self.ahead.split_off(&self.below);
        self.close_gap();
    }

    /// What is decided need not come any more, once counts have it.
    fn settle(&mut self, version: u64) {
        if let Some((below, _)) = self.settled.take_if(|(_, at)| *at <= version) {
            self.all_below(below);
        }
    }

    fn close_gap(&mut self) {
        while self.ahead.remove(&self.below) {
            self.below = self.below.saturating_add(1);
        }
    }
}

/// What one trader knows of the common ledger.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    clock: u64,
    /// In the order of their stamps.
    lines: BTreeMap<(u64, TermId), Line>,
    numbers: BTreeMap<TermId, Numbers>,
    /// The number of this trader's next line in its term.
    next: u64,
    /// Own lines by request, as long as they are here.
    own: BTreeMap<RequestId, (u64, TermId)>,
    /// Own lines that are new or were decided since the last news.
    fresh: BTreeSet<(u64, TermId)>,
    settled_at: u64,
}

impl Ledger {
    /// How many units of a good are promised of those that counts of this version have.
    pub fn promised(&self, good: &Good, version: u64) -> u64 {
        let is_open = |line: &&Line| line.settled.is_none_or(|at| at > version);
        let of_good = self.lines.values().filter(|line| line.good == *good).filter(is_open);
        of_good.map(|line| u64::from(line.units)).sum()
    }

    /// Whether all that a customer has seen is here.
    pub fn covers(&self, seen: &Seen, version: u64, (at, roster): (u64, &[TermId])) -> bool {
        // A term that was on the roster and is not any more is over.
        let is_open = |term: &TermId| roster.contains(term);
        let has = |term: &TermId| self.numbers.get(term).map_or(0, |numbers| numbers.below);
        seen.version <= version
            && seen.roster <= at
            && seen.lines.iter().all(|(term, below)| !is_open(term) || has(term) >= *below)
    }

    /// What an answer that is made now is made from.
    pub fn seen(&self, version: u64, roster: u64) -> Seen {
        let lines = self.numbers.iter().map(|(term, numbers)| (*term, numbers.below));
        Seen { version, roster, lines: lines.collect() }
    }

    /// Whether this order was promised here and is not decided.
    pub fn has_promised(&self, id: RequestId) -> bool {
        let line = self.own.get(&id).and_then(|place| self.lines.get(place));
        line.is_some_and(|line| line.settled.is_none())
    }

    /// Whether the others have not heard of all.
    pub fn has_news(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Promises an order in this term; false, and nothing changes, if there are too many.
    pub fn promise(&mut self, term: TermId, id: RequestId, order: &Order) -> bool {
        if self.lines.len() >= LINES_MAX {
            return false;
        }
        self.clock = self.clock.saturating_add(1);
        let (number, place) = (self.next, (self.clock, term));
        self.next += 1;
        let (good, units) = (order.good.clone(), order.quantity);
        self.lines
            .insert(place, Line { number, stamp: self.clock, id, good, units, settled: None });
        self.numbers.entry(term).or_default().add(number);
        self.own.insert(id, place);
        self.fresh.insert(place);
        true
    }

    /// The warehouse decided an order; counts from this version on have what came of it.
    pub fn settle(&mut self, id: RequestId, version: u64) {
        if let Some(place) = self.own.get(&id)
            && let Some(line) = self.lines.get_mut(place)
        {
            line.settled = line.settled.or(Some(version));
            self.settled_at = self.settled_at.max(version);
            self.fresh.insert(*place);
        }
    }

    /// Drops what the counts of this version have, and what was promised in terms that are over.
    pub fn prune(&mut self, version: u64, roster: &[TermId]) {
        let fresh = &self.fresh;
        self.lines.retain(|place, line| {
            let is_in_counts = line.settled.is_some_and(|at| at <= version);
            let is_open = roster.contains(&place.1);
            is_open && fresh.contains(place) || !is_in_counts && (is_open || line.settled.is_some())
        });
        let lines = &self.lines;
        self.fresh.retain(|place| lines.contains_key(place));
        self.own.retain(|_, place| lines.contains_key(place));
        self.numbers.retain(|term, _| roster.contains(term));
        self.numbers.values_mut().for_each(|numbers| numbers.settle(version));
    }

    /// A term has begun: its lines are numbered from 0.
    pub fn begin(&mut self) {
        (self.next, self.settled_at) = (0, 0);
        self.own.clear();
        self.fresh.clear();
    }

    /// What the others have not heard of this term; all that is not decided, if it is `again`.
    pub fn news(&mut self, term: TermId, again: bool) -> Option<News> {
        let fresh = std::mem::take(&mut self.fresh);
        let is_told = |place: &(u64, TermId), line: &Line| {
            place.1 == term && (fresh.contains(place) || again && line.settled.is_none())
        };
        let told = self.lines.iter().filter(|(place, line)| is_told(place, line));
        let lines: Vec<Line> = told.map(|(_, line)| line.clone()).collect();
        let mine = self.lines.iter().filter(|(place, _)| place.1 == term);
        let open = mine.filter(|(_, line)| line.settled.is_none()).map(|(_, line)| line.number);
        let settled_below = open.min().unwrap_or(self.next);
        (again || !lines.is_empty()).then_some(News {
            term,
            lines,
            settled_below,
            settled_at: self.settled_at,
        })
    }

    /// Takes what another trader tells of its lines, where the counts here are of this version.
    pub fn merge(&mut self, news: News, version: u64) {
        let numbers = self.numbers.entry(news.term).or_default();
        for line in news.lines {
            self.clock = self.clock.max(line.stamp);
            let place = (line.stamp, news.term);
            let is_in_counts = line.settled.is_some_and(|at| at <= version);
            let is_new = line.number >= numbers.below && !numbers.ahead.contains(&line.number);
            numbers.add(line.number);
            if is_in_counts {
                self.lines.remove(&place);
            } else if self.lines.contains_key(&place) || is_new && self.lines.len() < LINES_MAX {
                let settled = self.lines.get(&place).and_then(|known| known.settled);
                self.lines.insert(place, Line { settled: line.settled.or(settled), ..line });
            }
        }
        // The older one comes true first; under load there is always a newer one.
        numbers.settle(version);
        numbers.settled = numbers.settled.or(Some((news.settled_below, news.settled_at)));
        numbers.settle(version);
    }
}

#[cfg(test)]
mod tests {
    use market::{ClientId, Party};

    use super::*;

    fn term(trader: u64) -> TermId {
        TermId { trader: Party(trader), number: 1 }
    }

    fn id(number: u64) -> RequestId {
        RequestId { client: ClientId { party: Party(9), life: 1 }, number }
    }

    fn order(units: u32) -> Order {
        Order { good: "fish".parse().unwrap(), quantity: units, partial: false, limit: None }
    }

    fn roster() -> Vec<TermId> {
        vec![term(1), term(2)]
    }

    #[test]
    fn what_one_promises_the_other_counts_until_the_warehouse_s_counts_have_it() {
        let (mut one, mut other) = (Ledger::default(), Ledger::default());
        let fish: Good = "fish".parse().unwrap();
        assert!(one.promise(term(1), id(1), &order(3)));
        let news = one.news(term(1), false).unwrap();
        assert_eq!(one.news(term(1), false), None, "told once");
        other.merge(news.clone(), 10);
        other.merge(news, 10);
        assert_eq!((one.promised(&fish, 10), other.promised(&fish, 10)), (3, 3));
        one.settle(id(1), 20);
        assert!(!one.has_promised(id(1)));
        let news = one.news(term(1), false).unwrap();
        assert_eq!((news.settled_below, news.settled_at), (1, 20));
        other.merge(news, 10);
        other.prune(19, &roster());
        assert_eq!(other.promised(&fish, 19), 3, "the counts are older than the decision");
        other.prune(20, &roster());
        assert_eq!((other.promised(&fish, 20), other.lines.len()), (0, 0));
    }

    #[test]
    fn a_line_that_comes_after_it_was_decided_and_counted_counts_for_nothing() {
        let (mut one, mut other) = (Ledger::default(), Ledger::default());
        one.promise(term(1), id(1), &order(3));
        let late = one.news(term(1), false).unwrap();
        one.settle(id(1), 20);
        other.merge(one.news(term(1), false).unwrap(), 25);
        other.merge(late, 25);
        assert_eq!(other.promised(&"fish".parse().unwrap(), 25), 0);
    }

    #[test]
    fn a_customer_s_own_promises_are_there_or_the_trader_knows_that_it_lacks_them() {
        let (mut one, mut other) = (Ledger::default(), Ledger::default());
        for number in 0..3 {
            one.promise(term(1), id(number), &order(1));
        }
        let seen = one.seen(5, 1);
        assert!(one.covers(&seen, 5, (1, &roster())));
        assert!(!other.covers(&seen, 5, (1, &roster())), "it has none of the lines");
        let mut news = one.news(term(1), false).unwrap();
        news.lines.remove(0);
        other.merge(news, 5);
        assert!(!other.covers(&seen, 5, (1, &roster())), "one is missing before the others");
        other.merge(one.news(term(1), true).unwrap(), 5);
        assert!(other.covers(&seen, 5, (1, &roster())));
        assert!(!other.covers(&seen, 4, (1, &roster())), "its counts are older");
        // All of them are decided; one that missed the lines has them in its counts.
        (0..3).for_each(|number| one.settle(id(number), 8));
        one.news(term(1), false);
        one.prune(8, &roster());
        let mut third = Ledger::default();
        third.merge(one.news(term(1), true).unwrap(), 7);
        assert!(!third.covers(&seen, 7, (1, &roster())));
        third.merge(one.news(term(1), true).unwrap(), 8);
        assert!(third.covers(&seen, 8, (1, &roster())));
        let others = [term(2)];
        assert!(Ledger::default().covers(&seen, 8, (2, &others)), "the term is over");
        assert!(!Ledger::default().covers(&seen, 8, (0, &others)), "it may not know of the term");
    }

    #[test]
    fn all_stand_in_one_order_whoever_heard_of_what_first() {
        let (mut one, mut two) = (Ledger::default(), Ledger::default());
        one.promise(term(1), id(1), &order(1));
        two.promise(term(2), id(2), &order(2));
        two.merge(one.news(term(1), false).unwrap(), 0);
        two.promise(term(2), id(3), &order(3));
        one.merge(two.news(term(2), false).unwrap(), 0);
        let order = |ledger: &Ledger| -> Vec<RequestId> {
            ledger.lines.values().map(|line| line.id).collect()
        };
        assert_eq!(order(&one), [id(1), id(2), id(3)]);
        assert_eq!(order(&one), order(&two));
    }
}
