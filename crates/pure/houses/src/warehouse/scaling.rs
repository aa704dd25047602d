//! How many traders there are to be, by how much they have to do.
//!
//! ```text
//!   traders ── Beat {answers} ──▶ answers a second ──▶ wanted: told to whoever starts traders
//!                                                        └── fewer than there are: Drain ──▶ the last
//! ```
//!
//! **Promise.** While the load stays within the tolerance of what the present traders are to carry,
//! their number stays; a higher load asks for more at once, and a lower one for fewer only when it
//! has been lower for the calm time. *Why:* the number is the highest wish of that time, and a wish
//! within the tolerance is for as many as there are. (The rule of the Kubernetes autoscaler.)
//!
//! Traders that were elected are never drained: they are the least that there are.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use machine::{Instant, NodeId};
use market::TermId;
use peer::What;

use super::{Alarm, Cx, Warehouse};
use crate::message::{House, Message};

/// Most wishes that are kept: with more, the oldest ones go before their time.
const WISHES_MAX: usize = 4096;

/// How many traders there are to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scaling {
    /// The fewest: those that are elected.
    pub least: usize,
    /// The most. As many as the fewest means that their number is fixed.
    pub most: usize,
    /// How many answers a second one trader is to give.
    pub answers_per_second: u32,
    /// By how much of a hundred the load may differ from that, to either side, before their number
    /// changes.
    pub tolerance_percent: u32,
    /// How often the load is looked at.
    pub period: Duration,
    /// How long the load must have been lower before there are fewer.
    pub calm: Duration,
    /// Whether customers are told the loads, to go by them.
    pub tells_loads: bool,
}

impl Scaling {
    /// So many traders, whatever they have to do.
    pub const fn fixed(traders: usize) -> Self {
        Self {
            least: traders,
            most: traders,
            answers_per_second: 1,
            tolerance_percent: 0,
            period: Duration::from_secs(1),
            calm: Duration::from_secs(1),
            tells_loads: false,
        }
    }

    fn is_fixed(&self) -> bool {
        self.most <= self.least
    }

    /// How many would do for so many answers a second, where there are `present`.
    fn wish(&self, present: usize, load: u64) -> usize {
        let target = u64::from(self.answers_per_second.max(1));
        let carried = target.saturating_mul(present as u64);
        let tolerated = carried.saturating_mul(self.tolerance_percent.into()) / 100;
        let wish = match load.abs_diff(carried) <= tolerated {
            true => present,
            false => usize::try_from(load.div_ceil(target)).unwrap_or(usize::MAX),
        };
        wish.clamp(self.least, self.most.max(self.least))
    }
}

/// What traders have to do.
#[derive(Debug, Clone, Default)]
pub struct Loads {
    /// How many answers each told of in all, and at the last turn.
    answers: BTreeMap<NodeId, (u64, u64)>,
    since: Instant,
}

impl Loads {
    /// A trader gave so many answers in its life.
    pub fn told(&mut self, trader: NodeId, answers: u64) {
        // What it did before it was heard of here, in this life or that one, is not of this time.
        let known = self.answers.entry(trader).or_insert((answers, answers));
        *known = if answers < known.0 { (answers, answers) } else { (answers, known.1) };
    }

    /// How many answers a second each gave since the last turn.
    fn turn(&mut self, now: Instant) -> BTreeMap<NodeId, u64> {
        let passed_ns = now.since(self.since).as_nanos().max(1);
        self.since = now;
        let per_second = |(node, (now, before)): (&NodeId, &mut (u64, u64))| {
            let new = now.saturating_sub(*before);
            *before = *now;
            let per_second = u128::from(new) * 1_000_000_000 / passed_ns;
            (*node, u64::try_from(per_second).unwrap_or(u64::MAX))
        };
        self.answers.iter_mut().map(per_second).collect()
    }
}

/// How many are wanted, as the load goes up and down.
#[derive(Debug, Clone)]
pub struct Wanted {
    scaling: Scaling,
    /// How many would have done, and when.
    wishes: VecDeque<(Instant, usize)>,
    now: usize,
    /// What was told last in this life: whoever starts traders goes by that.
    told: Option<usize>,
}

impl Wanted {
    /// As many as are elected.
    pub fn new(scaling: Scaling) -> Self {
        Self { scaling, wishes: VecDeque::new(), now: scaling.least, told: None }
    }

    /// Takes what there is for what is wanted: after a restart nothing is known of the load.
    fn begin(&mut self, now: Instant, present: usize) {
        self.now = present.clamp(self.scaling.least, self.scaling.most.max(self.scaling.least));
        self.wishes = [(now, self.now)].into();
        self.told = None;
    }

    /// Takes note of a load; how many are wanted, if that was not told before.
    fn look(&mut self, now: Instant, present: usize, load: u64) -> Option<usize> {
        self.wishes.push_back((now, self.scaling.wish(present, load)));
        let is_old = |at: Instant| now.since(at) > self.scaling.calm;
        while self.wishes.len() > WISHES_MAX
            || self.wishes.front().is_some_and(|(at, _)| is_old(*at))
        {
            self.wishes.pop_front();
        }
        let highest = self.wishes.iter().map(|(_, wish)| *wish).max()?;
        self.now = highest;
        (self.told.replace(highest) != Some(highest)).then_some(highest)
    }
}

impl Warehouse {
    pub(super) fn begin_scaling(&mut self, cx: &mut Cx<'_>) {
        let (scaling, present) = (self.wanted.scaling, self.trading().count());
        self.wanted.begin(cx.now, present);
        self.loads.turn(cx.now);
        if scaling.tells_loads || !scaling.is_fixed() {
            cx.set(Alarm::Scale, scaling.period);
        }
    }

    pub(super) fn scale(&mut self, cx: &mut Cx<'_>) {
        let scaling = self.wanted.scaling;
        cx.set(Alarm::Scale, scaling.period);
        let loads = self.loads.turn(cx.now);
        if scaling.tells_loads {
            let of = |term: TermId| loads.get(&crate::node_of(term.trader)?).copied();
            let per_second = self.trading().map(|term| (term, of(term).unwrap_or_default()));
            let told = Message::Loads { per_second: per_second.collect() };
            cx.send_many(self.settings.customers.iter().copied().collect(), told);
        }
        if scaling.is_fixed() {
            return;
        }
        let (traders, load) = (
            self.trading().count(),
            loads.values().fold(0, |sum: u64, load| sum.saturating_add(*load)),
        );
        #[cfg(feature = "planted")]
        if self.settings.has_planted(crate::Planted::NoCalm) {
            self.wanted.wishes.clear();
        }
        if let Some(wanted) = self.wanted.look(cx.now, traders, load) {
            let (traders, wanted) = (traders as u64, wanted as u64);
            self.tell(What::TradersWanted { traders, wanted, answers_per_second: load }, cx);
        }
        let spare = traders.saturating_sub(self.wanted.now);
        self.drain(spare, cx);
    }

    /// Has so many of those retire that were started for the load, the last of them first.
    fn drain(&self, spare: usize, cx: &mut Cx<'_>) {
        let node = |term: &TermId| crate::node_of(term.trader);
        let is_hired =
            |term: &TermId| node(term).is_some_and(|node| self.settings.hired.contains(&node));
        let mut hired: Vec<TermId> = self.trading().filter(is_hired).collect();
        hired.sort_by_key(node);
        for term in hired.into_iter().rev().take(spare) {
            self.house(term, House::Drain { term }, cx);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCALING: Scaling = Scaling {
        least: 2,
        most: 6,
        answers_per_second: 100,
        tolerance_percent: 10,
        period: Duration::from_secs(1),
        calm: Duration::from_secs(5),
        tells_loads: false,
    };

    #[test]
    fn a_load_within_the_tolerance_asks_for_as_many_as_there_are() {
        for (present, load, wish) in [
            (3, 300, 3),
            (3, 330, 3),
            (3, 331, 4),
            (3, 270, 3),
            (3, 269, 3),
            (3, 200, 2),
            (3, 0, 2),
            (3, 5_000, 6),
            (0, 50, 2),
        ] {
            assert_eq!(SCALING.wish(present, load), wish, "{present} present, load {load}");
        }
    }

    #[test]
    fn it_goes_up_at_once_and_down_when_it_was_calm_for_long_enough() {
        let mut wanted = Wanted::new(SCALING);
        let at = |second: u64| Instant::ZERO + Duration::from_secs(second);
        wanted.begin(at(0), 0);
        assert_eq!(wanted.look(at(1), 2, 150), Some(2));
        assert_eq!(wanted.look(at(1), 2, 150), None);
        assert_eq!(wanted.look(at(2), 2, 450), Some(5));
        // A dip asks for nothing, nor does the rise behind it.
        for (second, load) in [(3, 100), (4, 100), (5, 500), (6, 100)] {
            assert_eq!(wanted.look(at(second), 5, load), None, "second {second}");
        }
        // The last high wish is of second 5.
        for second in 7..=10 {
            assert_eq!(wanted.look(at(second), 5, 100), None, "second {second}");
        }
        assert_eq!(wanted.look(at(11), 5, 100), Some(2));
    }

    #[test]
    fn a_restart_keeps_those_that_are_there_until_it_knows_the_load() {
        let mut wanted = Wanted::new(SCALING);
        let at = |second: u64| Instant::ZERO + Duration::from_secs(second);
        wanted.begin(at(100), 4);
        assert_eq!(wanted.look(at(101), 4, 0), Some(4), "whoever starts them may not know");
        assert_eq!(wanted.look(at(106), 4, 0), Some(2));
    }

    #[test]
    fn loads_are_of_the_time_since_the_last_turn_and_a_new_life_counts_anew() {
        let (mut loads, node) = (Loads::default(), NodeId(4));
        let at = |millis: u64| Instant::ZERO + Duration::from_millis(millis);
        loads.told(node, 7_000);
        loads.told(node, 7_050);
        assert_eq!(loads.turn(at(500)), [(node, 100)].into(), "not what it did before");
        assert_eq!(loads.turn(at(1000)), [(node, 0)].into());
        loads.told(node, 20);
        loads.told(node, 40);
        assert_eq!(loads.turn(at(2000)), [(node, 20)].into());
    }
}
