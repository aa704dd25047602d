//! The clock of a run: one monotonic clock of the operating system, counted from one moment that
//! all processes of the run share.

use machine::Instant;
use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds on the operating system's monotonic clock, the same for every process of a machine.
///
/// A run's `origin_ns` is one reading of it, taken by the process that starts the run.
pub fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// The clock of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    origin_ns: u64,
}

impl Clock {
    /// A clock that counts from `origin_ns` on the monotonic clock.
    pub fn since(origin_ns: u64) -> Self {
        Self { origin_ns }
    }

    /// The time since the run began; zero if the origin is still to come.
    pub fn now(self) -> Instant {
        Instant::from_nanos(monotonic_ns().saturating_sub(self.origin_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_goes_back_and_counts_from_the_origin() {
        let clock = Clock::since(monotonic_ns());
        let first = clock.now();
        assert!(clock.now() >= first);
        assert_eq!(Clock::since(u64::MAX).now(), Instant::ZERO);
    }
}
