//! How much a search may take. Linearizability is NP-complete: some histories cannot be judged in
//! any time that one would wait, and then the verdict is *unknown*, with what ran out.

use std::time::{Duration, Instant};

/// The time that a check has where nothing else is said: long enough for histories of 100,000
/// operations, short enough to wait for.
pub const DEFAULT_SECONDS: u64 = 60;

/// The memory that a search may remember configurations in, where nothing else is said: half of
/// what a small machine has to spare.
pub const DEFAULT_BYTES: usize = 512 << 20;

/// How many steps are taken between two looks at the clock.
const STEPS_PER_LOOK: u32 = 1024;

/// What is left to a check.
#[derive(Debug, Clone)]
pub struct Budget {
    until: Option<Instant>,
    seconds: u64,
    bytes: usize,
    bytes_left: usize,
    steps: u32,
}

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RanOut {
    /// The time, of so many seconds.
    Seconds(u64),
    /// The memory, of so many bytes.
    Bytes(usize),
}

impl std::fmt::Display for RanOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(f, "the budget of {seconds} s ran out"),
            Self::Bytes(bytes) => write!(f, "the budget of {} MiB ran out", bytes >> 20),
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_SECONDS, DEFAULT_BYTES)
    }
}

impl Budget {
    /// A budget of so many seconds from now on, and of so many bytes for configurations.
    pub fn new(seconds: u64, bytes: usize) -> Self {
        // A time that the clock cannot hold never comes.
        let until = Instant::now().checked_add(Duration::from_secs(seconds));
        Self { until, seconds, bytes, bytes_left: bytes, steps: 0 }
    }

    /// Takes a step.
    ///
    /// # Errors
    /// The time is over. The clock is looked at once in a while only.
    pub fn step(&mut self) -> Result<(), RanOut> {
        if self.steps.is_multiple_of(STEPS_PER_LOOK)
            && self.until.is_some_and(|until| Instant::now() >= until)
        {
            return Err(RanOut::Seconds(self.seconds));
        }
        self.steps = self.steps.wrapping_add(1);
        Ok(())
    }

    /// Takes some memory.
    ///
    /// # Errors
    /// There is not as much left.
    pub fn take(&mut self, bytes: usize) -> Result<(), RanOut> {
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(RanOut::Bytes(self.bytes))?;
        Ok(())
    }

    /// The same time, and a part of the memory that is left.
    pub fn part(&self, divisor: usize) -> Self {
        let bytes = self.bytes_left / divisor.max(1);
        Self { bytes, bytes_left: bytes, ..self.clone() }
    }

    /// Gives memory back.
    pub fn give_back(&mut self, bytes: usize) {
        self.bytes_left = self.bytes_left.saturating_add(bytes).min(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_out_is_named() {
        let mut none = Budget::new(0, 10);
        assert_eq!(none.step().unwrap_err().to_string(), "the budget of 0 s ran out");
        assert_eq!(none.take(10), Ok(()));
        assert_eq!(none.take(1), Err(RanOut::Bytes(10)));
        none.give_back(1);
        assert_eq!(none.take(1), Ok(()));
        assert_eq!(Budget::new(u64::MAX, 0).step(), Ok(()));
    }
}
