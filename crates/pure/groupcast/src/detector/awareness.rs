//! Awareness: whether this node is in a condition to judge others.
//!
//! The *local health multiplier* of Lifeguard (Dadgar 2018; `awareness.go` of memberlist): a node
//! that misses its own deadlines is slow, so it gives everyone more time.

use std::time::Duration;

use machine::Instant;

/// The highest score: limits grow to nine times their length. It is memberlist's
/// `AwarenessMaxMultiplier`; a node that stays this late for long is to be found out by others.
pub const SCORE_MAX: u32 = 8;

/// An alarm is late when it is handled later than this part of the period. A loaded machine's
/// scheduler delays by a few milliseconds, far below a quarter of any sensible period.
const LATE_PART: u32 = 4;

#[derive(Debug, Clone)]
pub(super) struct Awareness {
    /// Whether lateness changes limits; without it, it is only remembered.
    on: bool,
    tolerated: Duration,
    score: u32,
    /// When an alarm was last handled late.
    late: Option<Instant>,
    /// Silence before this moment was this node's own.
    fresh_start: Instant,
}

impl Awareness {
    pub fn new(on: bool, period: Duration) -> Self {
        let tolerated = period / LATE_PART;
        Self { on, tolerated, score: 0, late: None, fresh_start: Instant::ZERO }
    }

    pub fn woke(&mut self, due: Instant, now: Instant) {
        let lateness = now.since(due);
        let is_late = lateness > self.tolerated;
        if is_late {
            self.late = Some(now.max(self.late.unwrap_or_default()));
        }
        if !self.on {
            return;
        }
        // Limits are score + 1 times as long, and so is what they can bear. A node that is always
        // equally late would otherwise excuse everyone for ever.
        if lateness > self.tolerated.saturating_mul(self.score + 1) {
            self.fresh_start = now.max(self.fresh_start);
        }
        self.score = match is_late {
            true => (self.score + 1).min(SCORE_MAX),
            false => self.score.saturating_sub(1),
        };
    }

    pub fn score(&self) -> u32 {
        self.score
    }

    pub fn fresh_start(&self) -> Instant {
        self.fresh_start
    }

    /// Whether this node handled an alarm late after `moment`.
    pub fn was_late_since(&self, moment: Instant) -> bool {
        self.late.is_some_and(|late| late > moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn the_score_rises_with_lateness_to_its_bound_and_falls_with_punctuality() {
        let mut awareness = Awareness::new(true, PERIOD);
        awareness.woke(at(100), at(125));
        assert_eq!(awareness.score(), 0, "a quarter of the period is not late");
        for round in 1..=2 * SCORE_MAX {
            awareness.woke(at(200), at(226));
            assert_eq!(awareness.score(), round.min(SCORE_MAX));
        }
        awareness.woke(at(300), at(300));
        assert_eq!(awareness.score(), SCORE_MAX - 1);
    }

    #[test]
    fn who_is_always_equally_late_excuses_everyone_only_once() {
        let mut awareness = Awareness::new(true, PERIOD);
        awareness.woke(at(100), at(130));
        assert_eq!(awareness.fresh_start(), at(130));
        awareness.woke(at(200), at(230));
        assert_eq!(awareness.fresh_start(), at(130), "limits are twice as long by now");
        awareness.woke(at(300), at(400));
        assert_eq!(awareness.fresh_start(), at(400), "for more than they can bear");
    }

    #[test]
    fn without_awareness_lateness_is_remembered_and_changes_nothing() {
        let mut awareness = Awareness::new(false, PERIOD);
        awareness.woke(at(100), at(9000));
        assert_eq!((awareness.score(), awareness.fresh_start()), (0, Instant::ZERO));
        assert!(awareness.was_late_since(at(8999)));
        assert!(!awareness.was_late_since(at(9000)));
    }
}
