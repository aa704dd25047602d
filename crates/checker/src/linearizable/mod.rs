//! Linearizability: whether there is one order of all operations that explains every answer, and in
//! which no operation stands before one that had ended when it began.
//!
//! Source: Herlihy and Wing 1990 (the definition); Wing and Gong 1993 (the search); Lowe 2017,
//! *Testing for linearizability* (configurations are remembered, and an operation is placed just in
//! time: when its end is reached).
//!
//! # The search
//!
//! The steps of the history are walked in order. A *configuration* is a position, a state, and which
//! of the operations that are under way have their place in the order already.
//!
//! | the next step | what happens |
//! |---|---|
//! | an operation begins | it is under way |
//! | one ends that has its place | the walk goes on |
//! | one ends that has none | it, or another one that is under way, gets the next place; each that could is tried, that which must end first before the others |
//! | there is none | the history is linearizable, and the order is a proof |
//!
//! When nothing is left to try, the furthest step that was ever reached is the end of the *smallest
//! prefix that cannot be linearized*: all that stands before it can be, since the walk came so far.
//!
//! # Why it is fast enough
//!
//! Three things are left out because they cannot change the verdict:
//!
//! - A configuration that was met before.
//! - A read that is right now is placed at once: in any order in which it stands later, it may as
//!   well stand here.
//! - Of operations that ask for the same and were told the same, only the one that ends first is
//!   tried: in any order in which another stands before it, the two can change places.
//!
//! What nobody can tell (`info`) is under way until the end of the history, and need not be placed.
//!
//! A history that is linearizable is judged in about linear time in practice. One that is not may
//! take exponential time and memory in the number of operations under way at once; so there is a
//! [`Budget`]. The walk goes depth first; where it met very much, it begins again breadth first, with
//! all configurations after each step and no memory of those before.

mod layers;
mod search;

use std::hash::Hash;

use crate::budget::{Budget, RanOut};

/// Which part of the memory the depth-first search may take, as a divisor: what it met by then is far
/// more than it meets where there is an order that it will find.
const DEPTH_FIRST_SHARE: usize = 2;

/// A thing that does one operation at a time.
pub trait Model {
    /// What it holds.
    type State: Clone + Eq + Hash;
    /// An operation with its answer. Of an operation in doubt: what it did if it happened.
    type Call: Eq + Hash;

    /// What it holds at first.
    fn initial(&self) -> Self::State;

    /// What it holds after the call; none if the call cannot have had this answer.
    fn apply(&self, state: &Self::State, call: &Self::Call) -> Option<Self::State>;

    /// Whether the call leaves every state as it is.
    fn is_read(&self, call: &Self::Call) -> bool;

    /// About how many bytes a state takes.
    fn bytes(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }
}

/// A call, and when it was under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed<C> {
    /// The call.
    pub call: C,
    /// When it began. No two beginnings or ends have the same time.
    pub began: usize,
    /// When it ended; none if nobody can tell whether it happened.
    pub ended: Option<usize>,
}

/// A call, and the times of its beginning and end by some clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<C> {
    /// The call.
    pub call: C,
    /// When it began.
    pub began: u64,
    /// When it ended; none if nobody can tell whether it happened.
    pub ended: Option<u64>,
}

/// Puts beginnings and ends into one sequence. What ends when another begins is taken to overlap
/// with it: the clock does not tell which was first.
pub fn timed<C>(spans: Vec<Span<C>>) -> Vec<Timed<C>> {
    let mut moments = Vec::with_capacity(spans.len() * 2);
    for (call, Span { began, ended, .. }) in spans.iter().enumerate() {
        moments.push((*began, false, call));
        moments.extend(ended.map(|ended| (ended, true, call)));
    }
    moments.sort_unstable();
    let mut calls: Vec<Timed<C>> =
        spans.into_iter().map(|Span { call, .. }| Timed { call, began: 0, ended: None }).collect();
    for (moment, (_, is_end, call)) in moments.into_iter().enumerate() {
        if is_end {
            calls[call].ended = Some(moment);
        } else {
            calls[call].began = moment;
        }
    }
    calls
}

/// What became of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<S> {
    /// All calls fit into an order: this one, if it could be found.
    Order(Option<Vec<usize>>),
    /// No order explains all answers.
    Contradiction(Contradiction<S>),
    /// The search was given up.
    GaveUp {
        /// What ran out.
        ran_out: RanOut,
        /// The call whose end was the furthest one that could not be explained so far.
        furthest: Option<usize>,
    },
}

/// Why a history is not linearizable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction<S> {
    /// The call that fits nowhere. The smallest prefix that cannot be linearized ends with it.
    pub call: usize,
    /// An order of the calls that began before, which explains all that ended before, and what the
    /// thing holds after that; none if the budget did not suffice to find it.
    pub told: Option<(Vec<usize>, S)>,
}

/// Whether this order explains all answers: every call that surely happened stands in it once, no
/// call before one that had ended when it began. Takes one walk.
pub fn explains<M: Model>(model: &M, calls: &[Timed<M::Call>], order: &[usize]) -> bool {
    let mut is_placed = vec![false; calls.len()];
    let mut state = model.initial();
    let mut now = 0;
    for call in order {
        let Some(timed) = calls.get(*call) else { return false };
        now = now.max(timed.began);
        let is_late = timed.ended.is_some_and(|ended| ended < now);
        if is_late || std::mem::replace(&mut is_placed[*call], true) {
            return false;
        }
        let Some(next) = model.apply(&state, &timed.call) else { return false };
        state = next;
    }
    calls.iter().zip(is_placed).all(|(timed, is_placed)| is_placed || timed.ended.is_none())
}

/// Looks for an order that explains all answers: depth first, which is fast where there is one, and
/// then, with what is left of the budget, breadth first, which needs less memory to prove that there
/// is none.
pub fn linearize<M: Model>(
    model: &M,
    calls: &[Timed<M::Call>],
    budget: &mut Budget,
) -> Found<M::State> {
    let mut search = search::Search::new(model, calls, None);
    let mut part = budget.part(DEPTH_FIRST_SHARE);
    let furthest = match search.run(&mut part) {
        Ok(true) => return Found::Order(Some(search.order())),
        Ok(false) => {
            let call = search.blocked().unwrap_or_default();
            return contradiction(model, calls, call, search.furthest(), budget);
        }
        Err(_) => search.has_turned_back().then(|| search.blocked()).flatten(),
    };
    drop(search);
    match layers::first_contradiction(model, calls, budget) {
        Ok(Some((call, step))) => contradiction(model, calls, call, step, budget),
        // There is an order, and it is not known.
        Ok(None) => Found::Order(None),
        Err(ran_out) => Found::GaveUp { ran_out, furthest },
    }
}

/// The evidence: the prefix before the step that nothing passed is linearizable, so it is searched
/// again for its order. That may take more than is left, and then no order is told.
fn contradiction<M: Model>(
    model: &M,
    calls: &[Timed<M::Call>],
    call: usize,
    step: usize,
    budget: &mut Budget,
) -> Found<M::State> {
    let mut search = search::Search::new(model, calls, Some(step));
    let told = search.run(budget).is_ok().then(|| (search.order(), search.state().clone()));
    Found::Contradiction(Contradiction { call, told })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::models::stock::{Call, Stock};

    fn call() -> impl Strategy<Value = Call> {
        let units = 1..4_u64;
        (0..3, units).prop_map(|(what, units)| match what {
            0 => Call::Add(units),
            1 => Call::Take(units),
            _ => Call::Refuse(units),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn both_searches_find_the_same(
            spans in prop::collection::vec((call(), 0..60_u64, 0..12_u64, 0..8_u8), 0..40),
        ) {
            let span = |(call, began, lasts, known)| Span {
                call, began, ended: (known > 0).then_some(began + lasts),
            };
            let calls = timed(spans.into_iter().map(span).collect());
            let mut search = search::Search::new(&Stock, &calls, None);
            let depth_first = search.run(&mut Budget::default()).unwrap();
            let breadth_first = layers::first_contradiction(&Stock, &calls, &mut Budget::default());
            match breadth_first.unwrap() {
                None => prop_assert!(depth_first),
                Some((call, step)) => {
                    prop_assert!(!depth_first);
                    prop_assert_eq!((search.blocked(), search.furthest()), (Some(call), step));
                }
            }
        }
    }
}
