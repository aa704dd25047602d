//! The search itself: depth first, with what was met before remembered.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::{Model, Timed};
use crate::budget::{Budget, RanOut};

/// What an entry of a table takes beside what is in it, in bytes.
const ENTRY_BYTES: usize = 64;

/// A beginning or an end of a call.
#[derive(Clone, Copy)]
pub enum Step {
    Begin(u32),
    End(u32),
}

/// All beginnings and ends, in their order.
pub fn steps<C>(calls: &[Timed<C>]) -> Vec<Step> {
    let mut steps = Vec::with_capacity(calls.len() * 2);
    for (number, timed) in (0_u32..).zip(calls) {
        steps.push((timed.began, Step::Begin(number)));
        steps.extend(timed.ended.map(|ended| (ended, Step::End(number))));
    }
    steps.sort_unstable_by_key(|(time, _)| *time);
    steps.into_iter().map(|(_, step)| step).collect()
}

/// Of each call, a number that equal calls share.
pub fn classes<C: Eq + Hash>(calls: &[Timed<C>]) -> Vec<u32> {
    let mut classes: HashMap<&C, u32> = HashMap::new();
    let class = |timed| {
        let Timed { call, .. }: &Timed<C> = timed;
        let next = u32::try_from(classes.len()).unwrap_or(u32::MAX);
        *classes.entry(call).or_insert(next)
    };
    calls.iter().map(class).collect()
}

/// A call by its end: what is in doubt ends last.
pub fn due<C>(calls: &[Timed<C>], call: u32) -> (usize, u32) {
    (calls[call as usize].ended.unwrap_or(usize::MAX), call)
}

/// A place to which the search may turn back.
struct Branch<S> {
    at: usize,
    state: S,
    placed: usize,
    /// What is left to try, the best last.
    left: Vec<u32>,
    bytes: usize,
}

#[derive(PartialEq, Eq, Hash)]
struct Configuration<S> {
    at: usize,
    state: S,
    /// Which of the calls under way have their place.
    placed: Box<[u32]>,
}

pub struct Search<'a, M: Model> {
    model: &'a M,
    calls: &'a [Timed<M::Call>],
    steps: Vec<Step>,
    /// Of each call, a number that equal calls share.
    class: Vec<u32>,
    at: usize,
    state: M::State,
    /// The calls under way, the one that ends first first; what is in doubt ends last.
    under_way: BTreeSet<(usize, u32)>,
    is_placed: Vec<bool>,
    order: Vec<u32>,
    branches: Vec<Branch<M::State>>,
    met: HashSet<Configuration<M::State>>,
    furthest: usize,
    has_turned_back: bool,
}

impl<'a, M: Model> Search<'a, M> {
    /// A search over all steps, or over those before step `until`.
    pub fn new(model: &'a M, calls: &'a [Timed<M::Call>], until: Option<usize>) -> Self {
        let mut steps = steps(calls);
        steps.truncate(until.unwrap_or(usize::MAX));
        Self {
            model,
            calls,
            steps,
            class: classes(calls),
            at: 0,
            state: model.initial(),
            under_way: BTreeSet::new(),
            is_placed: vec![false; calls.len()],
            order: Vec::new(),
            branches: Vec::new(),
            met: HashSet::new(),
            furthest: 0,
            has_turned_back: false,
        }
    }

    /// Whether all steps could be explained.
    pub fn run(&mut self, budget: &mut Budget) -> Result<bool, RanOut> {
        while self.walk() {
            budget.step()?;
            self.furthest = self.furthest.max(self.at);
            self.branch(budget)?;
            if !self.take_next(budget) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub fn order(&self) -> Vec<usize> {
        self.order.iter().map(|call| *call as usize).collect()
    }

    pub fn state(&self) -> &M::State {
        &self.state
    }

    /// The furthest step at which the walk was ever held up.
    pub fn furthest(&self) -> usize {
        self.furthest
    }

    pub fn has_turned_back(&self) -> bool {
        self.has_turned_back
    }

    /// The call that ends at the furthest step.
    pub fn blocked(&self) -> Option<usize> {
        match self.steps.get(self.furthest) {
            Some(Step::End(call)) => Some(*call as usize),
            _ => None,
        }
    }

    /// Walks on until a call ends that has no place; false if none does.
    fn walk(&mut self) -> bool {
        while let Some(step) = self.steps.get(self.at) {
            match *step {
                Step::Begin(call) => {
                    self.under_way.insert(due(self.calls, call));
                    self.place_if_read(call);
                }
                Step::End(call) if self.is_placed[call as usize] => {
                    self.under_way.remove(&due(self.calls, call));
                }
                Step::End(_) => return true,
            }
            self.at += 1;
        }
        false
    }

    /// Places a read that is right.
    fn place_if_read(&mut self, call: u32) {
        let timed = &self.calls[call as usize];
        if timed.ended.is_some()
            && !self.is_placed[call as usize]
            && self.model.is_read(&timed.call)
            && self.model.apply(&self.state, &timed.call).is_some()
        {
            self.place(call);
        }
    }

    fn place(&mut self, call: u32) {
        self.is_placed[call as usize] = true;
        self.order.push(call);
    }

    /// Notes what may be tried here, unless this configuration was met before.
    fn branch(&mut self, budget: &mut Budget) -> Result<(), RanOut> {
        let under_way = self.under_way.iter().map(|(_, call)| *call);
        let (placed, open): (Vec<_>, Vec<_>) =
            under_way.partition(|call| self.is_placed[*call as usize]);
        let state_bytes = self.model.bytes(&self.state);
        let bytes = ENTRY_BYTES + state_bytes + placed.len() * size_of::<u32>();
        let (at, state) = (self.at, self.state.clone());
        if !self.met.insert(Configuration { at, state, placed: placed.into() }) {
            return Ok(());
        }
        budget.take(bytes)?;
        let mut classes = BTreeSet::new();
        let mut left: Vec<_> =
            open.into_iter().filter(|call| classes.insert(self.class[*call as usize])).collect();
        left.reverse();
        let bytes = ENTRY_BYTES + state_bytes + left.capacity() * size_of::<u32>();
        budget.take(bytes)?;
        let (at, state, placed) = (self.at, self.state.clone(), self.order.len());
        self.branches.push(Branch { at, state, placed, left, bytes });
        Ok(())
    }

    /// Tries what is next, here or further back; false if nothing is left.
    fn take_next(&mut self, budget: &mut Budget) -> bool {
        while let Some(mut branch) = self.branches.pop() {
            let Some(call) = branch.left.pop() else {
                budget.give_back(branch.bytes);
                continue;
            };
            let timed = &self.calls[call as usize];
            let next = self.model.apply(&branch.state, &timed.call);
            // What is in doubt and would change nothing need not have happened.
            let is_idle = timed.ended.is_none() && next.as_ref() == Some(&branch.state);
            let (at, placed) = (branch.at, branch.placed);
            self.branches.push(branch);
            let Some(next) = next.filter(|_| !is_idle) else { continue };
            self.turn_back(at, placed);
            self.state = next;
            self.place(call);
            let open: Vec<_> = self.under_way.iter().map(|(_, call)| *call).collect();
            open.into_iter().for_each(|call| self.place_if_read(call));
            return true;
        }
        false
    }

    fn turn_back(&mut self, at: usize, placed: usize) {
        self.has_turned_back |= at < self.at || placed < self.order.len();
        for call in self.order.drain(placed..) {
            self.is_placed[call as usize] = false;
        }
        while self.at > at {
            self.at -= 1;
            match self.steps[self.at] {
                Step::Begin(call) => self.under_way.remove(&due(self.calls, call)),
                Step::End(call) => self.under_way.insert(due(self.calls, call)),
            };
        }
    }
}
