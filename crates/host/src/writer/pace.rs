//! How quick commits are, and so who makes the next one.

use std::time::Duration;

/// Commits that take no longer on average are quick: less than two threads cost each other by waking
/// and by wanting the same core.
const QUICK_MAX: Duration = Duration::from_micros(200);
/// How much the last commit weighs in the average: one over this. A slow one among quick ones, of
/// several milliseconds, is remembered for about ten of them.
const WEIGHT: u32 = 8;

/// How long commits take on average, the later ones above all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace(Duration);

impl Default for Pace {
    /// Nothing is known: the disk may be a slow one.
    fn default() -> Self {
        Self(WEIGHT * QUICK_MAX)
    }
}

impl Pace {
    /// Whether the next commit is likely to be quick.
    pub fn is_quick(&self) -> bool {
        self.0 <= QUICK_MAX
    }

    /// A commit took so long.
    pub fn took(&mut self, took: Duration) {
        self.0 = self.0 - self.0 / WEIGHT + took / WEIGHT;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = Duration::from_millis(1);
    const QUICK: Duration = Duration::from_micros(40);

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
