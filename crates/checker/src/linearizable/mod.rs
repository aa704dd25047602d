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
//! [`Budget`].

mod search;

use std::hash::Hash;

use crate::budget::{Budget, RanOut};

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
    /// All calls fit into this order.
    Order(Vec<usize>),
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
    /// An order of the calls that began before, which explains all that ended before.
    pub order: Vec<usize>,
    /// What the thing holds after that.
    pub state: S,
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

/// Looks for an order that explains all answers.
pub fn linearize<M: Model>(
    model: &M,
    calls: &[Timed<M::Call>],
    budget: &mut Budget,
) -> Found<M::State> {
    let mut search = search::Search::new(model, calls, None);
    match search.run(budget) {
        Ok(true) => Found::Order(search.order()),
        Ok(false) => {
            let call = search.blocked().unwrap_or_default();
            contradiction(model, calls, call, search.furthest())
        }
        Err(ran_out) => {
            let furthest = search.has_turned_back().then(|| search.blocked());
            Found::GaveUp { ran_out, furthest: furthest.flatten() }
        }
    }
}

/// The evidence: the prefix before the step that nothing passed is linearizable, so it is searched
/// again for its order.
fn contradiction<M: Model>(
    model: &M,
    calls: &[Timed<M::Call>],
    call: usize,
    furthest: usize,
) -> Found<M::State> {
    let mut search = search::Search::new(model, calls, Some(furthest));
    // It was walked once within the budget, and the same walk finds it again.
    let _ = search.run(&mut Budget::new(u64::MAX, usize::MAX));
    let state = search.state().clone();
    Found::Contradiction(Contradiction { call, order: search.order(), state })
}
