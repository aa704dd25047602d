//! The search breadth first: after each step, all configurations that explain the steps so far.
//!
//! It remembers one step's configurations only, where the depth-first search remembers all that it
//! met. So it is what proves that a long history is *not* linearizable: the first step after which
//! there is no configuration ends the smallest prefix that cannot be linearized.

use std::collections::{BTreeSet, HashSet};

use super::search::{Step, classes, due, steps};
use super::{Model, Timed};
use crate::budget::{Budget, RanOut};

/// What an entry of a table takes beside what is in it, in bytes.
const ENTRY_BYTES: usize = 64;

/// A state, and which of the calls under way have their place.
type Configuration<S> = (S, BTreeSet<u32>);

struct Layers<'a, M: Model> {
    model: &'a M,
    calls: &'a [Timed<M::Call>],
    class: Vec<u32>,
    /// The calls under way, the one that ends first first.
    under_way: BTreeSet<(usize, u32)>,
}

/// The call at whose end no configuration is left, and its step; none if the history has an order.
pub fn first_contradiction<M: Model>(
    model: &M,
    calls: &[Timed<M::Call>],
    budget: &mut Budget,
) -> Result<Option<(usize, usize)>, RanOut> {
    let class = classes(calls);
    let mut layers = Layers { model, calls, class, under_way: BTreeSet::new() };
    let mut layer = HashSet::from([(model.initial(), BTreeSet::new())]);
    for (at, step) in steps(calls).into_iter().enumerate() {
        budget.step()?;
        match step {
            Step::Begin(call) => {
                layers.under_way.insert(due(calls, call));
                if model.is_read(&calls[call as usize].call) {
                    let begun = |configuration| layers.with_reads(configuration, &[call]);
                    layer = layer.into_iter().map(begun).collect();
                }
            }
            Step::End(call) => {
                layer = layers.ended(call, layer, budget)?;
                layers.under_way.remove(&due(calls, call));
                if layer.is_empty() {
                    return Ok(Some((call as usize, at)));
                }
            }
        }
    }
    Ok(None)
}

impl<M: Model> Layers<'_, M> {
    /// All configurations in which the call has its place; it is under way no more.
    fn ended(
        &self,
        call: u32,
        layer: HashSet<Configuration<M::State>>,
        budget: &mut Budget,
    ) -> Result<HashSet<Configuration<M::State>>, RanOut> {
        let mut next = HashSet::with_capacity(layer.len());
        let mut met = HashSet::new();
        let mut open: Vec<_> = layer.into_iter().collect();
        let mut taken = 0;
        while let Some((state, mut placed)) = open.pop() {
            budget.step()?;
            if placed.remove(&call) {
                next.insert((state, placed));
                continue;
            }
            let mut classes = BTreeSet::new();
            for (_, other) in &self.under_way {
                let timed = &self.calls[*other as usize];
                if placed.contains(other) || !classes.insert(self.class[*other as usize]) {
                    continue;
                }
                let Some(changed) = self.model.apply(&state, &timed.call) else { continue };
                // What is in doubt and would change nothing need not have happened.
                if timed.ended.is_none() && changed == state {
                    continue;
                }
                let mut with = placed.clone();
                with.insert(*other);
                let reads: Vec<u32> = self.under_way.iter().map(|(_, call)| *call).collect();
                let found = self.with_reads((changed, with), &reads);
                if !met.contains(&found) {
                    let bytes =
                        ENTRY_BYTES + self.model.bytes(&found.0) + found.1.len() * size_of::<u64>();
                    // Once as met, and once in the next layer.
                    budget.take(2 * bytes)?;
                    taken += 2 * bytes;
                    met.insert(found.clone());
                    open.push(found);
                }
            }
        }
        budget.give_back(taken);
        Ok(next)
    }

    /// Places those of these calls that are reads and are right.
    fn with_reads(
        &self,
        (state, mut placed): Configuration<M::State>,
        calls: &[u32],
    ) -> Configuration<M::State> {
        for call in calls {
            let timed = &self.calls[*call as usize];
            if timed.ended.is_some()
                && self.model.is_read(&timed.call)
                && !placed.contains(call)
                && self.model.apply(&state, &timed.call).is_some()
            {
                placed.insert(*call);
            }
        }
        (state, placed)
    }
}
