//! How late the machine itself makes any program.
//!
//! On each core a thread does nothing but read the clock. Where two readings lie far apart, the core
//! did something else meanwhile: the kernel's own work, or that of a hypervisor. What comes to that
//! core within such a gap is late by what is left of it, whatever program waits for it. So a
//! latency's tail below [`lateness`]'s is not to be had on this machine at this time.

use std::thread;

use crate::clock::monotonic_ns;

/// Between readings of one loop lies far less; what is shorter is not looked at.
const GAP_MIN_NS: u64 = 20_000;
/// The most gaps of one core that are kept: one in each [`GAP_MIN_NS`] for more than a second.
const GAPS_MAX: usize = 65_536;

/// A time in which a core did something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Gap {
    begin_ns: u64,
    end_ns: u64,
}

/// Looks for `duration_ns` at all cores, and returns how late something would be that needs all of
/// them at once, for each of `instants` evenly spread instants, in nanoseconds: as a message is that
/// passes through processes on all of them.
#[must_use]
pub fn lateness(duration_ns: u64, instants: u64) -> Vec<u64> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let begin_ns = monotonic_ns();
    let end_ns = begin_ns + duration_ns;
    let gaps: Vec<Vec<Gap>> = thread::scope(|scope| {
        let watching: Vec<_> = (0..cores).map(|_| scope.spawn(|| watch(end_ns))).collect();
        // A thread that only reads the clock has nothing to panic about.
        watching.into_iter().map(|core| core.join().unwrap_or_default()).collect()
    });
    (0..instants)
        .map(|number| late_at(begin_ns + duration_ns * number / instants.max(1), &gaps))
        .collect()
}

fn watch(end_ns: u64) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut last_ns = monotonic_ns();
    while last_ns < end_ns {
        let now_ns = monotonic_ns();
        if now_ns - last_ns > GAP_MIN_NS && gaps.len() < GAPS_MAX {
            gaps.push(Gap { begin_ns: last_ns, end_ns: now_ns });
        }
        last_ns = now_ns;
    }
    gaps
}

/// What is left of the longest gap that is under way at `now_ns`.
fn late_at(now_ns: u64, gaps: &[Vec<Gap>]) -> u64 {
    let left = |gaps: &Vec<Gap>| {
        let next = gaps.partition_point(|gap| gap.end_ns <= now_ns);
        gaps.get(next).filter(|gap| gap.begin_ns <= now_ns).map_or(0, |gap| gap.end_ns - now_ns)
    };
    gaps.iter().map(left).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(begin_ns: u64, end_ns: u64) -> Gap {
        Gap { begin_ns, end_ns }
    }

    #[test]
    fn what_comes_within_a_gap_is_late_by_what_is_left_of_it() {
        let gaps = [vec![gap(100, 200), gap(500, 600)], vec![gap(150, 400)]];
        let seen: Vec<u64> =
            [0, 100, 150, 199, 200, 400, 599, 600].map(|now| late_at(now, &gaps)).into();
        assert_eq!(seen, [0, 100, 250, 201, 200, 0, 1, 0]);
    }

    #[test]
    fn each_instant_is_judged() {
        assert_eq!(lateness(1_000_000, 100).len(), 100);
        assert_eq!(lateness(0, 0), []);
    }
}
