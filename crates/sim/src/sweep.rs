//! Many seeds on several threads, until one fails.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Has `holds` look at every seed, in order but several at a time, until one does not hold. The
/// lowest of those that do not, among those that were looked at.
pub(crate) fn sweep(
    seeds: Range<u64>,
    threads: usize,
    holds: impl Fn(u64) -> bool + Sync,
) -> Option<u64> {
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
                    if !holds(seed) {
                        stop.store(true, Ordering::Relaxed);
                        let Ok(mut failed) = failed.lock() else { return };
                        *failed = Some(failed.map_or(seed, |other| other.min(seed)));
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_is_looked_at_until_the_first_that_fails() {
        let seen = Mutex::new(Vec::new());
        let all = sweep(3..20, 2, |seed| {
            seen.lock().unwrap().push(seed);
            true
        });
        let mut seen = seen.into_inner().unwrap();
        seen.sort_unstable();
        assert_eq!((all, seen), (None, (3..20).collect()));
        assert_eq!(sweep(0..1_000_000, 2, |seed| seed != 7), Some(7));
    }
}
