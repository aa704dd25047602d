//! Phi accrual: how long is too long, learned from a node's heartbeats.
//!
//! Hayashibara's phi of a silence of `t` is `-log10(P(t))`, where `P(t)` is the probability that
//! the next heartbeat of a living node comes later than `t`. The intervals are taken as normally
//! distributed, with the mean `m` and the standard deviation `s` of those in the window:
//!
//! ```text
//!   y      = (t - m) / max(s, deviation_min)
//!   x      = y (1.5976 + 0.070566 y^2)      P(t) = 1 / (1 + e^x), the logistic approximation
//!   phi(t) = log10(1 + e^x)                 of the normal tail (Bowling 2009; as Akka has it)
//! ```
//!
//! phi rises with `t`, so `phi(t) >= threshold` is the same as `t >= m + y s` with the one `y` at
//! which phi reaches the threshold. That `y` is computed once; then a limit costs a square root,
//! and [`Detector::time_left`](super::Detector::time_left) is exact. Sums are kept as integers:
//! they do not drift.

use std::collections::VecDeque;
use std::time::Duration;

use super::settings::{Form, Settings};

/// The fewest intervals that a limit is computed from: the deviation of fewer is a guess.
pub const INTERVALS_MIN: usize = 8;
/// The most intervals that are kept of a node: 8 kB. Hayashibara found no gain beyond 1000.
pub const WINDOW_MAX: usize = 1000;
/// The highest threshold; one heartbeat in 10^100 is never.
pub const THRESHOLD_MAX: f64 = 100.0;
/// The longest interval that is recorded, and so the highest `limit_max`. Squares of longer ones,
/// in microseconds, would overflow the sums.
pub const INTERVAL_MAX: Duration = Duration::from_secs(86_400);

/// The last intervals between a node's heartbeats, in microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Rhythm {
    intervals: VecDeque<u64>,
    sum: u128,
    sum_of_squares: u128,
}

impl Rhythm {
    /// Takes an interval into the window. One beyond the longest limit counts as that: it says that
    /// the node hung, not how it beats.
    pub fn record(&mut self, interval: Duration, judge: &Judge) {
        let Judge::PhiAccrual { window, limit_max, .. } = judge else { return };
        if self.intervals.len() >= *window
            && let Some(oldest) = self.intervals.pop_front()
        {
            self.sum -= u128::from(oldest);
            self.sum_of_squares -= u128::from(oldest).pow(2);
        }
        let micros = interval.min(*limit_max).as_micros() as u64;
        self.intervals.push_back(micros);
        self.sum += u128::from(micros);
        self.sum_of_squares += u128::from(micros).pow(2);
    }

    /// Mean and standard deviation, in seconds, if enough is known.
    fn mean_and_deviation(&self) -> Option<(f64, f64)> {
        let count = self.intervals.len() as u128;
        if self.intervals.len() < INTERVALS_MIN {
            return None;
        }
        // Never negative (Cauchy and Schwarz), and exact until here.
        let scatter = count * self.sum_of_squares - self.sum * self.sum;
        let count = count as f64 * 1e6;
        Some((self.sum as f64 / count, (scatter as f64).sqrt() / count))
    }
}

/// What turns a rhythm into a limit: the settings, in range and worked out.
#[derive(Debug, Clone)]
pub(super) enum Judge {
    Fixed(Duration),
    PhiAccrual {
        /// By how many deviations beyond the mean phi reaches the threshold.
        deviations: f64,
        window: usize,
        deviation_min: f64,
        limit_max: Duration,
    },
}

impl Judge {
    pub fn new(settings: &Settings) -> Self {
        match settings.form {
            Form::Fixed { limit } => Self::Fixed(limit),
            Form::PhiAccrual { threshold, window, deviation_min, limit_max } => Self::PhiAccrual {
                deviations: deviations_at(threshold.clamp(0.0, THRESHOLD_MAX)),
                window: window.clamp(INTERVALS_MIN, WINDOW_MAX),
                deviation_min: deviation_min.as_secs_f64(),
                limit_max: limit_max.min(INTERVAL_MAX),
            },
        }
    }

    /// How long a silence is too long.
    pub fn limit(&self, rhythm: &Rhythm) -> Duration {
        match self {
            Self::Fixed(limit) => *limit,
            Self::PhiAccrual { deviations, deviation_min, limit_max, .. } => {
                let Some((mean, deviation)) = rhythm.mean_and_deviation() else {
                    return *limit_max;
                };
                let limit = mean + deviations * deviation.max(*deviation_min);
                Duration::try_from_secs_f64(limit.max(0.0)).unwrap_or(*limit_max).min(*limit_max)
            }
        }
    }

    /// phi of this silence, if enough is known.
    pub fn phi(&self, rhythm: &Rhythm, silence: Duration) -> Option<f64> {
        let Self::PhiAccrual { deviation_min, .. } = self else { return None };
        let (mean, deviation) = rhythm.mean_and_deviation()?;
        // A microsecond, lest a deviation of zero be divided by.
        Some(phi_at((silence.as_secs_f64() - mean) / deviation.max(*deviation_min).max(1e-6)))
    }
}

/// phi, this many deviations beyond the mean.
fn phi_at(deviations: f64) -> f64 {
    let x = deviations * (1.5976 + 0.070_566 * deviations * deviations);
    // log10(1 + e^x), in the form that neither overflows nor rounds to zero.
    (x.max(0.0) + (-x.abs()).exp().ln_1p()) / std::f64::consts::LN_10
}

/// By how many deviations beyond the mean phi reaches `threshold`: [`phi_at`] turned round, by
/// halving a range that holds it. phi is 0 at -10 to the precision of the number, and above
/// [`THRESHOLD_MAX`] at 15. What is not a number is never reached.
fn deviations_at(threshold: f64) -> f64 {
    let (mut low, mut high) = (-10.0, 15.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match phi_at(middle) >= threshold {
            true => high = middle,
            false => low = middle,
        }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phi_is_the_logarithm_of_the_normal_tail() {
        // Tails of the normal distribution, by a table. Bowling's approximation is within a
        // hundredth of the probability near the middle, and overstates far tails.
        for (deviations, tail, tolerance) in
            [(0.0, 0.5, 1e-9), (1.0, 0.158_66, 1e-3), (2.0, 0.022_75, 0.02), (3.0, 0.001_35, 0.1)]
        {
            let expected: f64 = -f64::log10(tail);
            let phi = phi_at(deviations);
            assert!((phi - expected).abs() <= tolerance, "{deviations}: {phi} for {expected}");
        }
        assert!((phi_at(-50.0)).abs() < 1e-9);
        assert!(phi_at(1e6).is_finite());
    }

    #[test]
    fn the_deviations_at_a_threshold_are_those_at_which_phi_reaches_it() {
        for threshold in [0.3, 1.0, 3.0, 8.0, 16.0, THRESHOLD_MAX] {
            let back = phi_at(deviations_at(threshold));
            assert!((back - threshold).abs() < 1e-9, "{threshold} came back as {back}");
        }
    }

    #[test]
    fn the_window_holds_the_last_intervals_and_no_more() {
        let settings = Settings::phi(Duration::from_millis(100));
        let judge = Judge::new(&settings);
        let mut rhythm = Rhythm::default();
        for _ in 0..500 {
            rhythm.record(Duration::from_millis(900), &judge);
        }
        for index in 0..100 {
            rhythm.record(Duration::from_millis(if index % 2 == 0 { 90 } else { 110 }), &judge);
        }
        assert_eq!(rhythm.intervals.len(), 100);
        let (mean, deviation) = rhythm.mean_and_deviation().unwrap();
        assert!((mean - 0.1).abs() < 1e-12 && (deviation - 0.01).abs() < 1e-12);
        rhythm.record(Duration::MAX, &judge);
        assert_eq!(rhythm.intervals.back(), Some(&1_000_000), "as long as the longest limit");
    }

    #[test]
    fn the_worst_intervals_do_not_overflow_and_settings_out_of_range_are_bounded() {
        let form = Form::PhiAccrual {
            threshold: f64::NAN,
            window: usize::MAX,
            deviation_min: Duration::MAX,
            limit_max: Duration::MAX,
        };
        let judge = Judge::new(&Settings { form, ..Settings::phi(Duration::ZERO) });
        let mut rhythm = Rhythm::default();
        for _ in 0..WINDOW_MAX + 1 {
            rhythm.record(Duration::MAX, &judge);
        }
        assert_eq!(rhythm.intervals.len(), WINDOW_MAX);
        assert!(judge.limit(&rhythm) <= INTERVAL_MAX);
        assert!(judge.phi(&rhythm, Duration::MAX).is_some_and(f64::is_finite));
    }
}
