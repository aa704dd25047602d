//! Whether it is worth looking for work again before a loop sleeps.
//!
//! A thread that yields comes after all others that want its core. Where nobody else is busy, it is
//! back within microseconds. Where other work keeps the cores busy it comes back after
//! milliseconds, each time; a thread that sleeps instead is preferred when it wakes. So a loop
//! whose yields mostly take long polls no more for a while.

use std::time::Duration;

use machine::Instant;

/// A yield that takes longer was spent on other work than that of nodes.
const LONG_YIELD: Duration = Duration::from_millis(1);
/// What a long yield weighs, where a short one makes up for 1.
const LONG_WEIGHS: u32 = 16;
/// The weight at which polling ends for a while: some long yields with few short ones between.
const WEIGHT_MAX: u32 = 4 * LONG_WEIGHS;
/// For how long it ends.
const PAUSE: Duration = Duration::from_secs(1);

/// How a loop's yields went.
#[derive(Debug)]
pub(super) struct Polling {
    lasts: Duration,
    from: Instant,
    weight: u32,
}

impl Polling {
    /// Polls for at most `lasts` before each sleep.
    pub fn new(lasts: Duration) -> Self {
        Self { lasts, from: Instant::ZERO, weight: 0 }
    }

    /// Until when a loop that finds nothing to do at `now` looks again.
    pub fn until(&self, now: Instant) -> Instant {
        if now < self.from { now } else { now + self.lasts }
    }

    /// Takes note of a yield.
    pub fn yielded(&mut self, from: Instant, until: Instant) {
        if until.since(from) <= LONG_YIELD {
            self.weight = self.weight.saturating_sub(1);
            return;
        }
        self.weight += LONG_WEIGHS;
        if self.weight >= WEIGHT_MAX {
            // After the pause one more is enough.
            self.weight = WEIGHT_MAX - LONG_WEIGHS;
            self.from = until + PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Instant = Instant::from_nanos(5_000_000_000);
    const LASTS: Duration = Duration::from_micros(30);
    const SHORT: Duration = Duration::from_micros(20);
    const LONG: Duration = Duration::from_millis(4);

    fn polls(polling: &Polling, at: Instant) -> bool {
        polling.until(at) > at
    }

    #[test]
    fn a_loop_among_busy_processes_stops_polling_and_tries_again_later() {
        let mut polling = Polling::new(LASTS);
        let mut now = AT;
        for _ in 0..4 {
            assert_eq!(polling.until(now), now + LASTS);
            polling.yielded(now, now + LONG);
            now = now + LONG;
        }
        assert!(!polls(&polling, now));
        now = now + PAUSE;
        assert!(polls(&polling, now));
        polling.yielded(now, now + LONG);
        assert!(!polls(&polling, now + LONG), "they are still there");
        now = now + PAUSE + LONG;
        for _ in 0..LONG_WEIGHS {
            polling.yielded(now, now + SHORT);
        }
        polling.yielded(now, now + LONG);
        assert!(polls(&polling, now + LONG), "they are gone");
    }

    #[test]
    fn a_long_yield_now_and_then_does_no_harm() {
        let mut polling = Polling::new(LASTS);
        for round in 0..1000 {
            let took = if round % 20 == 0 { LONG } else { SHORT };
            polling.yielded(AT, AT + took);
        }
        assert!(polls(&polling, AT));
    }
}
