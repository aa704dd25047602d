//! How a detector suspects.

use std::time::Duration;

/// How a detector suspects.
///
/// ```
/// use std::time::Duration;
/// use groupcast::detector::{Form, Settings};
///
/// let fixed = Settings::fixed(Duration::from_secs(1));
/// assert_eq!(fixed.form, Form::Fixed { limit: Duration::from_secs(1) });
/// // The same with time-outs that stretch while this node is late.
/// let aware = Settings { awareness: true, ..fixed };
/// assert!(aware.awareness);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How often heartbeats come, and how often the owner calls
    /// [`woke`](super::Detector::woke). Longer: less traffic, later suspicion.
    pub period: Duration,
    /// When silence is too long.
    pub form: Form,
    /// Whether limits stretch while this node misses its own deadlines. It costs a later suspicion
    /// on slow machines, up to [`SCORE_MAX`](super::SCORE_MAX) + 1 times later; without it a slow
    /// machine accuses the others. Only for owners that call [`woke`](super::Detector::woke). The
    /// limit should be more than 2.25 periods, or a node that is stopped for a moment may accuse
    /// somebody all the same.
    pub awareness: bool,
}

impl Settings {
    /// A fixed limit without awareness, for heartbeats five times as frequent.
    pub fn fixed(limit: Duration) -> Self {
        Self { period: limit / 5, form: Form::Fixed { limit }, awareness: false }
    }

    /// Phi accrual with awareness, for heartbeats that come each `period`: threshold 8, a window of
    /// 100, a deviation of a quarter of the period at least, a limit of ten periods at most. A
    /// perfectly regular node is suspected after 2.3 periods.
    pub fn phi(period: Duration) -> Self {
        let form = Form::PhiAccrual {
            threshold: 8.0,
            window: 100,
            deviation_min: period / 4,
            limit_max: period.saturating_mul(10),
        };
        Self { period, form, awareness: true }
    }
}

/// When silence is too long.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// After a fixed time. Simple to reason about; wrong as soon as the network or the machine is
    /// not the one that it was chosen for.
    Fixed {
        /// Shorter finds hung nodes sooner and suspects slow ones more often.
        limit: Duration,
    },
    /// When a living node would be this silent only once in 10^`threshold` heartbeats, by the mean
    /// and the standard deviation of the intervals between the last ones (Hayashibara, Défago,
    /// Yared, Katayama: *The φ Accrual Failure Detector*, 2004).
    PhiAccrual {
        /// Higher suspects later and less often wrongly; 0.3 is half of all heartbeats, 8 one in
        /// 100 million. Up to [`THRESHOLD_MAX`](super::THRESHOLD_MAX).
        threshold: f64,
        /// How many intervals count. More: a steadier limit that follows a change of the network
        /// later. From [`INTERVALS_MIN`](super::INTERVALS_MIN) to
        /// [`WINDOW_MAX`](super::WINDOW_MAX).
        window: usize,
        /// What the standard deviation is taken for at least: intervals that were regular so far
        /// must not make a hiccup look like a death. Less than a quarter of the period makes the
        /// limit too short for [`awareness`](Settings::awareness) to work.
        deviation_min: Duration,
        /// The limit while less than [`INTERVALS_MIN`](super::INTERVALS_MIN) intervals are known,
        /// and the longest one ever: what silence is too long however irregular a node is.
        limit_max: Duration,
    },
}
