//! How quick commits are, and what follows: who makes the next one, and whether it pays to wait for
//! more turns before it begins.

use std::time::Duration;

/// Commits that take no longer on average are quick: less than two threads cost each other by waking
/// and by wanting the same core.
const QUICK_MAX: Duration = Duration::from_micros(200);
/// How much the last commit weighs in the average: one over this. A slow one among quick ones, of
/// several milliseconds, is remembered for some tens of them.
const WEIGHT: u32 = 8;
/// The shortest wait for another turn that is worth it: below that, sleeping and waking cost as much
/// as the commit that is saved.
const PATIENCE_MIN: Duration = Duration::from_micros(20);
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

    /// How long to wait for the next turn before a commit of so many writes, having waited so long
    /// for earlier ones; none if it shall begin.
    pub fn patience(&self, writes: usize, waited: Duration) -> Option<Duration> {
        let is_alone = writes <= 1 && self.writes <= 1;
        let patience = self.took / 8;
        let pays = self.rests == 0 && !is_alone && patience >= PATIENCE_MIN;
        (pays && waited < self.took / 2).then_some(patience)
    }

    /// A commit of so many writes begins after so long a wait.
    pub fn gathered(&mut self, writes: usize, waited: Duration) {
        let was_in_vain =
            self.patience(writes, Duration::ZERO).is_some() && waited >= self.took / 2;
        self.rests = if was_in_vain { RESTS } else { self.rests.saturating_sub(1) };
        self.writes = writes;
    }

    /// The commit took so long.
    pub fn took(&mut self, took: Duration) {
        self.took = took;
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
    fn a_crowd_on_a_slow_disk_is_waited_for_and_nobody_else() {
        let waited = SLOW / 4;
        assert_eq!(pace(64, SLOW).patience(5, waited), Some(SLOW / 8));
        assert_eq!(pace(1, SLOW).patience(5, waited), Some(SLOW / 8));
        assert_eq!(pace(1, SLOW).patience(1, waited), None, "one at a time");
        assert_eq!(pace(64, SLOW).patience(5, SLOW / 2), None, "long enough");
        assert_eq!(pace(64, QUICK).patience(5, waited), None, "a fast disk");
    }

    #[test]
    fn a_crowd_that_does_not_come_to_an_end_is_left_alone_for_a_while() {
        let mut pace = pace(64, SLOW);
        pace.gathered(64, SLOW / 4);
        assert!(pace.patience(64, Duration::ZERO).is_some(), "all came in time");
        pace.gathered(200, SLOW / 2);
        for _ in 0..RESTS {
            assert_eq!(pace.patience(128, Duration::ZERO), None);
            pace.gathered(128, Duration::ZERO);
        }
        assert!(pace.patience(128, Duration::ZERO).is_some());
    }

    #[test]
    fn a_disk_is_quick_after_some_quick_commits_and_no_more_after_a_slow_one() {
        let mut pace = Pace::default();
        assert!(!pace.is_quick(), "nothing is known");
        pace.took(QUICK);
        assert!(!pace.is_quick(), "one quick commit says little");
        (0..3 * WEIGHT).for_each(|_| pace.took(QUICK));
        assert!(pace.is_quick());
        pace.took(3 * QUICK);
        assert!(pace.is_quick(), "one that is a little slower");
        pace.took(4 * SLOW);
        assert!(!pace.is_quick());
        pace.took(QUICK);
        assert!(!pace.is_quick(), "one quick commit says little");
    }
}
