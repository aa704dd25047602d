//! From a world that breaks an invariant to a smaller one that breaks the same: fewer faults, on
//! fewer nodes, in less time.
//!
//! Faults are removed by delta debugging (`ddmin`: Zeller and Hildebrandt, *Simplifying and
//! Isolating Failure-Inducing Input*, 2002): parts of the list are left out, larger ones first,
//! until no single fault can be. Then links are made calm, nodes and time taken away, and faults
//! shortened, each only if the same invariant still breaks. A world is a function of its seed and
//! plan, so what broke once breaks whenever the result is played; what is shrunk need not break for
//! the same reason as before, only the same promise.

use std::time::Duration;

use machine::{Instant, NodeId};

use crate::fault::{Plan, Planned, Who};
use crate::invariants::Violation;
use crate::play::Kind;

/// How many worlds a search plays at most: a plan of twenty faults needs about two hundred, and a
/// minute or two is as long as a person waits.
pub const PLAYS_MAX: u32 = 600;
/// How often the duration of a fault is halved: to a hundredth.
const HALVINGS_MAX: u32 = 7;

/// What came of a search.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The smallest plan that was found.
    pub plan: Plan,
    /// What its world breaks.
    pub violation: Violation,
    /// How many faults the world had before.
    pub faults_before: usize,
    /// How many worlds were played.
    pub plays: u32,
    /// Whether there were no plays left before the search was over.
    pub is_cut_short: bool,
}

/// How much of a search has been done, for who waits for it.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Worlds played.
    pub plays: u32,
    /// Faults that are left.
    pub faults: usize,
}

/// Shrinks what goes wrong in the world of a seed, playing `plays_max` worlds at most. None if the
/// world breaks nothing. `progress` hears of each play.
pub fn shrink(
    kind: &Kind,
    seed: u64,
    plays_max: u32,
    progress: impl FnMut(Effort),
) -> Option<Shrunk> {
    let plan = kind.plan(seed);
    let violation = kind.play(seed, None, false).violation?;
    let faults_before = plan.faults.len();
    let mut search = Search { kind, seed, plays: 1, plays_max, violation, plan, progress };
    // What would have come later cannot matter.
    let broken_at = search.violation.at;
    let mut earlier = search.plan.clone();
    earlier.faults.retain(|planned| planned.at <= broken_at);
    search.takes(earlier);
    search.faults();
    search.takes(Plan { calm_links: true, ..search.plan.clone() });
    search.nodes();
    search.time();
    for index in 0..search.plan.faults.len() {
        search.struck(index);
        search.shorten(index);
        search.round(index);
    }
    // What is left may need less than what was.
    search.faults();
    // As a person reads them.
    let mut in_order = search.plan.clone();
    in_order.faults.sort_by_key(|planned| planned.at);
    search.takes(in_order);
    let Search { plan, violation, plays, .. } = search;
    let is_cut_short = plays >= plays_max;
    Some(Shrunk { plan, violation, faults_before, plays, is_cut_short })
}

struct Search<'a, P> {
    kind: &'a Kind,
    seed: u64,
    plays: u32,
    plays_max: u32,
    /// What the best plan so far breaks.
    violation: Violation,
    /// The best plan so far.
    plan: Plan,
    progress: P,
}

impl<P: FnMut(Effort)> Search<'_, P> {
    /// Takes a plan in place of the best one if it breaks the same invariant.
    fn takes(&mut self, plan: Plan) -> bool {
        if plan == self.plan || self.plays >= self.plays_max {
            return false;
        }
        self.plays += 1;
        let found = self.kind.play(self.seed, Some(&plan), false).violation;
        let same = found.filter(|found| found.invariant == self.violation.invariant);
        let is_taken = same.is_some();
        if let Some(violation) = same {
            (self.violation, self.plan) = (violation, plan);
        }
        (self.progress)(Effort { plays: self.plays, faults: self.plan.faults.len() });
        is_taken
    }

    fn takes_faults(&mut self, faults: Vec<Planned>) -> bool {
        self.takes(Plan { faults, ..self.plan.clone() })
    }

    fn takes_fault(&mut self, index: usize, planned: Planned) -> bool {
        let mut faults = self.plan.faults.clone();
        faults[index] = planned;
        self.takes_faults(faults)
    }

    /// `ddmin`: leaves no single fault that could be left out.
    fn faults(&mut self) {
        if self.plan.faults.is_empty() || self.takes_faults(Vec::new()) {
            return;
        }
        let mut parts = 2;
        while parts <= self.plan.faults.len() {
            let faults = self.plan.faults.clone();
            let size = faults.len().div_ceil(parts);
            let chunks = || faults.chunks(size);
            let one_alone = (parts > 1 && size < faults.len())
                .then(|| chunks().any(|chunk| self.takes_faults(chunk.to_vec())));
            if one_alone == Some(true) {
                parts = 2;
                continue;
            }
            let without = |left_out: usize| -> Vec<Planned> {
                let others = chunks().enumerate().filter(|(index, _)| *index != left_out);
                others.flat_map(|(_, chunk)| chunk.to_vec()).collect()
            };
            if (0..chunks().len()).any(|index| self.takes_faults(without(index))) {
                parts = (parts - 1).max(2);
            } else if size == 1 {
                return;
            } else {
                parts = (parts * 2).min(faults.len());
            }
        }
    }

    /// Fewer nodes, as long as no fault names one that is gone.
    fn nodes(&mut self) {
        let mut fewest = self.kind.nodes_min();
        loop {
            let now = self.plan.nodes.unwrap_or_else(|| self.kind.nodes(self.seed));
            if fewest >= now {
                return;
            }
            let named = self.plan.faults.iter().flat_map(|planned| planned.fault.named());
            let suits = named.collect::<Vec<NodeId>>();
            let suits = suits.into_iter().all(|node| self.kind.has(fewest, node));
            if suits && self.takes(Plan { nodes: Some(fewest), ..self.plan.clone() }) {
                return;
            }
            // Half of the way back, until one more is as many as there are.
            fewest += (now - fewest).div_ceil(2);
        }
    }

    /// Less time: the faults end when the last one does, or half of the way there.
    fn time(&mut self) {
        let ends = self.plan.faults.iter().map(|planned| planned.at + planned.lasts);
        let last = ends.max().unwrap_or(Instant::ZERO).min(self.violation.at);
        let whole = Duration::from_secs(last.since(Instant::ZERO).as_secs() + 1);
        self.takes(Plan { faults_end: Some(whole), ..self.plan.clone() });
    }

    /// Fewer nodes struck by a fault.
    fn struck(&mut self, index: usize) {
        let Some(Who::Nodes(nodes)) = self.plan.faults[index].fault.who().cloned() else { return };
        let mut left = nodes.clone();
        for node in nodes {
            if left.len() == 1 {
                return;
            }
            left.remove(&node);
            let mut planned = self.plan.faults[index].clone();
            planned.fault = planned.fault.to(Who::Nodes(left.clone()));
            if !self.takes_fault(index, planned) {
                left.insert(node);
            }
        }
    }

    /// A shorter fault.
    fn shorten(&mut self, index: usize) {
        for _ in 0..HALVINGS_MAX {
            let planned = self.plan.faults[index].clone();
            let lasts = planned.lasts / 2;
            if !self.takes_fault(index, Planned { lasts, ..planned }) {
                return;
            }
        }
    }

    /// Times that a person can read: whole seconds, tenths, or milliseconds.
    fn round(&mut self, index: usize) {
        const STEPS: [u64; 3] = [1_000_000_000, 100_000_000, 1_000_000];
        let to = |nanos: u64, step: u64| nanos / step * step;
        for step in STEPS {
            let planned = self.plan.faults[index].clone();
            let at = Instant::from_nanos(to(planned.at.as_nanos(), step));
            if self.takes_fault(index, Planned { at, ..planned }) {
                break;
            }
        }
        for step in STEPS {
            let planned = self.plan.faults[index].clone();
            let nanos = planned.lasts.as_nanos() as u64;
            let lasts = Duration::from_nanos(to(nanos, step));
            if !lasts.is_zero() && self.takes_fault(index, Planned { lasts, ..planned }) {
                break;
            }
        }
    }
}
