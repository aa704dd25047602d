//! Which trader a customer asks, by what it hears of them.

use std::collections::BTreeMap;

use machine::{NodeId, Random};
use market::TermId;
use peer::party;

use crate::settings::TraderChoice;

/// How often the warehouse must have named a trader since another one said that it is lost, for that
/// to be forgotten: once may have been on its way; and the warehouse strikes off who is lost.
const NAMED_SINCE: u8 = 2;

/// Why one is not to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// There is no connection to it.
    Closed,
    /// A trader says so, and so often has the warehouse named it since.
    Said(u8),
}

/// Those that it may ask.
#[derive(Debug, Clone)]
pub struct Traders {
    choice: TraderChoice,
    version: u64,
    roster: Vec<TermId>,
    /// Terms of the roster that are not to be asked.
    lost: BTreeMap<TermId, Gone>,
    favourite: Option<TermId>,
    /// How many answers a second each gave of late, where that is told.
    loads: BTreeMap<TermId, u64>,
}

impl Traders {
    /// Nobody is known yet.
    pub fn new(choice: TraderChoice) -> Self {
        Self {
            choice,
            version: 0,
            roster: Vec::new(),
            lost: BTreeMap::new(),
            favourite: None,
            loads: BTreeMap::new(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.roster.is_empty()
    }

    /// The warehouse says who trades; false if that is no news.
    pub fn learn(&mut self, version: u64, terms: Vec<TermId>) -> bool {
        if version < self.version {
            return false;
        }
        let is_news = version > self.version;
        (self.version, self.roster) = (version, terms);
        self.lost.retain(|term, gone| {
            if let Gone::Said(named) = gone {
                *named += 1;
            }
            self.roster.contains(term) && *gone != Gone::Said(NAMED_SINCE)
        });
        is_news
    }

    /// The warehouse says how much they have to do.
    pub fn learn_loads(&mut self, per_second: Vec<(TermId, u64)>) {
        self.loads = per_second.into_iter().collect();
    }

    /// One is gone, somebody says; false if it is none of them.
    pub fn lose(&mut self, term: TermId) -> bool {
        let is_known = self.roster.contains(&term);
        if is_known {
            self.lost.entry(term).or_insert(Gone::Said(0));
        }
        is_known
    }

    /// The connection to a node closed.
    pub fn close(&mut self, node: NodeId) {
        let gone = self.roster.iter().filter(|term| term.trader == party(node));
        self.lost.extend(gone.map(|term| (*term, Gone::Closed)));
    }

    /// There is a connection to a node.
    pub fn open(&mut self, node: NodeId) {
        self.lost.retain(|term, _| term.trader != party(node));
    }

    /// Whether one is gone, as far as is known.
    pub fn is_gone(&self, term: TermId) -> bool {
        self.lost.contains_key(&term) || !self.roster.contains(&term)
    }

    /// Whom to ask: the one that was asked `before`, if it is there.
    pub fn pick(&mut self, before: Option<TermId>, random: &mut Random) -> Option<TermId> {
        let there: Vec<TermId> =
            self.roster.iter().filter(|term| !self.lost.contains_key(term)).copied().collect();
        // All are said to be lost: one may be there all the same.
        let there = if there.is_empty() { self.roster.clone() } else { there };
        let chosen = match (before, self.choice) {
            (Some(to), _) if there.contains(&to) => Some(to),
            (None, TraderChoice::Sticky) => self.favourite.filter(|term| there.contains(term)),
            _ => None,
        };
        let chosen = chosen.or_else(|| self.draw(&there, random));
        self.favourite = chosen;
        chosen
    }

    fn draw(&self, there: &[TermId], random: &mut Random) -> Option<TermId> {
        let one = random.pick(there).copied()?;
        if self.choice != TraderChoice::LeastLoaded {
            return Some(one);
        }
        let other = random.pick(there).copied()?;
        // Of a new one nothing is known yet: it has done little.
        let load = |term: TermId| self.loads.get(&term).copied().unwrap_or_default();
        Some(if load(other) < load(one) { other } else { one })
    }
}

#[cfg(test)]
mod tests {
    use market::Party;

    use super::*;

    fn term(trader: u64) -> TermId {
        TermId { trader: Party(trader), number: 1 }
    }

    fn traders(choice: TraderChoice) -> Traders {
        let mut traders = Traders::new(choice);
        assert!(traders.learn(2, (1..=3).map(term).collect()));
        assert!(!traders.learn(1, Vec::new()), "no news");
        traders
    }

    #[test]
    fn one_that_is_lost_is_asked_only_if_all_are() {
        let (mut traders, mut random) = (traders(TraderChoice::Sticky), Random::from_seed(1));
        let first = traders.pick(None, &mut random).unwrap();
        for _ in 0..9 {
            assert_eq!(traders.pick(None, &mut random), Some(first), "it stays with it");
        }
        assert!(traders.lose(first) && traders.is_gone(first) && !traders.lose(term(9)));
        assert_ne!(traders.pick(Some(first), &mut random), Some(first));
        (1..=3).for_each(|trader| traders.close(NodeId(trader)));
        assert!(traders.pick(Some(first), &mut random).is_some());
    }

    #[test]
    fn what_a_trader_says_of_another_is_forgotten_when_the_warehouse_goes_on_naming_it() {
        let mut traders = traders(TraderChoice::Random);
        traders.lose(term(1));
        traders.close(NodeId(2));
        let roster = || (1..=3).map(term).collect();
        assert!(!traders.learn(2, roster()));
        assert!(traders.is_gone(term(1)), "that may have been on its way");
        assert!(!traders.learn(2, roster()));
        assert_eq!([1, 2].map(|of| traders.is_gone(term(of))), [false, true]);
        traders.open(NodeId(2));
        assert!(!traders.is_gone(term(2)));
    }

    #[test]
    fn of_two_the_one_that_did_less_is_asked() {
        let (mut traders, mut random) = (traders(TraderChoice::LeastLoaded), Random::from_seed(1));
        traders.learn_loads(vec![(term(1), 900), (term(2), 20), (term(3), 20)]);
        let mut asked = [0; 4];
        for _ in 0..9_000 {
            let of = traders.pick(None, &mut random).unwrap().trader.0;
            asked[usize::try_from(of).unwrap()] += 1;
        }
        // It is asked when both of the two are it: once in nine times.
        assert!((800..1200).contains(&asked[1]), "{asked:?}");
    }
}
