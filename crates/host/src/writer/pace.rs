//! How quick commits are, and what follows: who makes the next one, and whether it pays to wait for
//! more turns before it begins.
//!
//! Who waits for its answers asks again when it has them. So after a commit, as many writes as it had
//! can be expected soon, beside those that came while it ran.

use std::time::Duration;

/// Commits that take no longer on average are quick: less than two threads cost each other by waking
/// and by wanting the same core.
const QUICK_MAX: Duration = Duration::from_micros(200);
/// How much the last commit weighs in the average: one over this. A slow one among quick ones, of
/// several milliseconds, is remembered for about ten of them.
const WEIGHT: u32 = 8;
/// The shortest wait for another turn that is worth it: below that, sleeping and waking cost as much
/// as the commit that is saved.
const PATIENCE_MIN: Duration = Duration::from_micros(20);
/// The longest wait for a crowd: a disk that fell asleep says nothing of the next commit.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// For how many commits a crowd that was waited for in vain is not waited for again: what such a try
/// costs, half a commit, is little beside that many.
const RESTS: u32 = 64;

/// What is known of the last commits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// How many writes the last commit had, and how long it took.
    writes: usize,
    took: Duration,
    /// How long they take on average, the later ones above all.
    average: Duration,
    /// For how many commits there is no waiting, because the last waiting was in vain.
    rests: u32,
}

/// A crowd that comes together for a commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Crowd {
    /// How many writes are here.
    pub writes: usize,
    /// How many there will be.
    expected: usize,
}

impl Default for Pace {
    /// Nothing is known: the disk may be a slow one.
    fn default() -> Self {
        Self { writes: 0, took: Duration::ZERO, average: WEIGHT * QUICK_MAX, rests: 0 }
    }
}

impl Pace {
    /// Whether the next commit is likely to be quick.
    pub fn is_quick(&self) -> bool {
        self.average <= QUICK_MAX
    }

    /// The crowd of which so many came while the last commit ran, before it was told of.
    pub fn crowd(&self, queued: usize) -> Crowd {
        Crowd { writes: queued, expected: queued + self.writes }
    }

    /// How long to wait for the next turn of a crowd, so long after the last commit was told of;
    /// none if the next one shall begin.
    pub fn patience(&self, crowd: Crowd, since_told: Duration) -> Option<Duration> {
        let patience = self.took / 4;
        let pays = self.rests == 0 && crowd.writes < crowd.expected && patience >= PATIENCE_MIN;
        let limit = (self.took * 2 / 3).min(WAIT_MAX);
        let left = limit.checked_sub(since_told).filter(|left| !left.is_zero());
        left.filter(|_| pays).map(|left| left.min(patience))
    }

    /// The commit for this crowd begins, after a wait or without one.
    pub fn gathered(&mut self, crowd: Crowd, waited: bool) {
        let was_in_vain = waited && crowd.writes * 4 < crowd.expected * 3;
        self.rests = if was_in_vain { RESTS } else { self.rests.saturating_sub(1) };
    }

    /// The commit had so many writes, and took so long.
    pub fn took(&mut self, writes: usize, took: Duration) {
        (self.writes, self.took) = (writes, took);
        self.average = self.average - self.average / WEIGHT + took / WEIGHT;
    }
}

#[cfg(test)]
impl Pace {
    /// After many commits that took so long.
    pub fn of(took: Duration) -> Self {
        Self { took, average: took, ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = Duration::from_millis(1);
    const QUICK: Duration = Duration::from_micros(40);

    fn pace(writes: usize, took: Duration) -> Pace {
        Pace { writes, ..Pace::of(took) }
    }

    #[test]
    fn a_crowd_on_a_slow_disk_is_waited_for_until_it_is_there() {
        let patience = |pace: Pace, queued, come, waited| {
            let crowd = pace.crowd(queued);
            pace.patience(Crowd { writes: queued + come, ..crowd }, waited)
        };
        let half = pace(32, SLOW);
        assert_eq!(patience(half, 32, 0, Duration::ZERO), Some(SLOW / 4));
        assert_eq!(patience(half, 32, 31, SLOW * 5 / 12), Some(SLOW / 4));
        assert_eq!(patience(half, 32, 31, SLOW * 2 / 3), None, "long enough");
        assert_eq!(patience(half, 32, 32, SLOW / 4), None, "all are there");
        assert_eq!(patience(pace(1, SLOW), 0, 1, Duration::ZERO), None, "one at a time");
        assert_eq!(patience(half, 0, 1, SLOW), None, "one that comes later, by itself");
        assert_eq!(patience(pace(9, 5000 * SLOW), 0, 1, WAIT_MAX), None, "the disk fell asleep");
        assert_eq!(patience(pace(32, QUICK), 32, 0, Duration::ZERO), None, "a quick disk");
    }

    #[test]
    fn a_crowd_that_does_not_come_to_an_end_is_left_alone_for_a_while() {
        let mut pace = pace(64, SLOW);
        let crowd = pace.crowd(0);
        pace.gathered(Crowd { writes: 60, ..crowd }, true);
        assert!(pace.patience(crowd, Duration::ZERO).is_some(), "almost all came in time");
        pace.gathered(Crowd { writes: 20, ..crowd }, true);
        for _ in 0..RESTS {
            assert_eq!(pace.patience(crowd, Duration::ZERO), None);
            pace.gathered(crowd, false);
        }
        assert!(pace.patience(crowd, Duration::ZERO).is_some());
    }

    #[test]
    fn two_that_do_not_come_together_are_a_crowd_too() {
        let mut pace = pace(1, SLOW);
        let crowd = pace.crowd(1);
        assert!(pace.patience(crowd, Duration::ZERO).is_some());
        pace.gathered(crowd, true);
        assert_eq!(pace.patience(crowd, Duration::ZERO), None, "it was in vain");
    }

    #[test]
    fn a_disk_is_quick_after_some_quick_commits_and_no_more_after_a_slow_one() {
        let mut pace = Pace::default();
        assert!(!pace.is_quick(), "nothing is known");
        pace.took(1, QUICK);
        assert!(!pace.is_quick(), "one quick commit says little");
        (0..3 * WEIGHT).for_each(|_| pace.took(1, QUICK));
        assert!(pace.is_quick());
        pace.took(1, 3 * QUICK);
        assert!(pace.is_quick(), "one that is a little slower");
        pace.took(1, 4 * SLOW);
        assert!(!pace.is_quick());
        pace.took(1, QUICK);
        assert!(!pace.is_quick(), "one quick commit says little");
    }
}
