//! Many seeds on several threads, until one fails or somebody has seen enough.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What is added up over many worlds.
pub trait Tally: Default + Send {
    /// What came of one world.
    type Outcome;
    /// Adds it.
    fn add(&mut self, outcome: &Self::Outcome);
    /// How many were added.
    fn worlds(&self) -> u64;
}

/// Runs all `seeds`, or stops after the first that fails: the lowest of those that do, among those
/// that were run. `progress` hears how many worlds have run, and may end the run: the worlds of the
/// tally are then those of the first seeds.
pub fn tally<T: Tally>(
    seeds: Range<u64>,
    threads: usize,
    run: impl Fn(u64) -> T::Outcome + Sync,
    fails: impl Fn(&T::Outcome) -> bool + Sync,
    progress: impl Fn(u64) -> ControlFlow<()> + Sync,
) -> (T, Option<u64>) {
    let totals = Mutex::new(T::default());
    let failed = sweep(seeds, threads, |seed| {
        let outcome = run(seed);
        let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.add(&outcome);
        match progress(totals.worlds()) {
            _ if fails(&outcome) => Look::Fails,
            ControlFlow::Continue(()) => Look::Holds,
            ControlFlow::Break(()) => Look::Enough,
        }
    });
    (totals.into_inner().unwrap_or_else(PoisonError::into_inner), failed)
}

/// Keeps the lesser of what is known and what came.
pub fn least<T: Ord>(least: &mut Option<T>, value: T) {
    if least.as_ref().is_none_or(|known| value < *known) {
        *least = Some(value);
    }
}

/// What came of a look at a seed.
pub enum Look {
    /// It holds.
    Holds,
    /// It does not hold.
    Fails,
    /// It holds, and no other one is to be looked at.
    Enough,
}

/// Has `look` look at every seed, in order but several at a time, until one does not hold or it is
/// enough. The lowest of those that do not hold, among those that were looked at: these are all
/// up to some seed, because whoever has begun with one ends with it.
pub fn sweep(seeds: Range<u64>, threads: usize, look: impl Fn(u64) -> Look + Sync) -> Option<u64> {
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let failed = Mutex::new(None::<u64>);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    match look(seed) {
                        Look::Holds => {}
                        Look::Enough => stop.store(true, Ordering::Relaxed),
                        Look::Fails => {
                            stop.store(true, Ordering::Relaxed);
                            let Ok(mut failed) = failed.lock() else { return };
                            *failed = Some(failed.map_or(seed, |other| other.min(seed)));
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_looked_at_until_the_first_that_fails() {
        let seen = Mutex::new(Vec::new());
        let all = sweep(3..20, 2, |seed| {
            seen.lock().unwrap().push(seed);
            Look::Holds
        });
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!((all, seen), (None, (3..20).collect()));
        let look = |seed| if seed == 7 { Look::Fails } else { Look::Holds };
        assert_eq!(sweep(0..1_000_000, 2, look), Some(7));
    }

    #[test]
    fn what_was_looked_at_when_it_is_enough_has_no_gap() {
        let seen = Mutex::new(Vec::new());
        let failed = sweep(3..1_000_000, 4, |seed| {
            seen.lock().unwrap().push(seed);
            if seed >= 100 { Look::Enough } else { Look::Holds }
        });
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!((failed, &seen), (None, &(3..3 + seen.len() as u64).collect()));
        assert!((98..=101).contains(&seen.len()), "one a thread at the most: {}", seen.len());
    }
}
