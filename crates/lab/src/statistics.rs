//! Medians, spreads, and what two of them say of each other.

use serde::Serialize;

/// A median and how far the figures lie around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; between the two middle ones, if their number is even.
    pub median: f64,
    /// The lowest.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// How many.
    pub count: usize,
}

impl Spread {
    /// Of some figures; none of none.
    ///
    /// ```
    /// let spread = lab::Spread::of(&[3.0, 1.0, 2.0]).unwrap();
    /// assert_eq!((spread.median, spread.lowest, spread.highest), (2.0, 1.0, 3.0));
    /// assert_eq!(lab::Spread::of(&[]), None);
    /// ```
    pub fn of(figures: &[f64]) -> Option<Self> {
        let sorted = sorted(figures);
        let (&lowest, &highest) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Some(Self { median, lowest, highest, count: sorted.len() })
    }

    /// Whether some figure may belong to either.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lowest <= other.highest && other.lowest <= self.highest
    }
}

/// All samples of a case.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distribution {
    /// How many.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// 99 of 100 are not above it.
    pub p99: f64,
    /// The highest.
    pub worst: f64,
}

impl Distribution {
    /// Of some samples; none of none.
    pub fn of(samples: &[f64]) -> Option<Self> {
        let sorted = sorted(samples);
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        Some(Self {
            count: sorted.len(),
            mean,
            p99: quantile(&sorted, 0.99)?,
            worst: *sorted.last()?,
        })
    }
}

/// The figures in order, the lowest first.
pub(crate) fn sorted(figures: &[f64]) -> Vec<f64> {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// The lowest figure that this share of all, which are in order, is not above.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied()
}

/// The power with which figures grow: the slope of the straight line through them where both axes
/// are logarithmic. None of fewer than two points above 0, or of points above each other.
///
/// ```
/// let power = lab::power(&[(10.0, 100.0), (100.0, 10_000.0)]).unwrap();
/// assert!((power - 2.0).abs() < 1e-9);
/// ```
pub fn power(points: &[(f64, f64)]) -> Option<f64> {
    let logs: Vec<(f64, f64)> = points
        .iter()
        .filter(|(x, y)| *x > 0.0 && *y > 0.0)
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect();
    let count = logs.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| logs.iter().map(pick).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let width: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let rise: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (logs.len() >= 2 && width > 0.0).then(|| rise / width)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn medians_of_few() {
        let median = |figures: &[f64]| Spread::of(figures).map(|spread| spread.median);
        assert_eq!(median(&[4.0]), Some(4.0));
        assert_eq!(median(&[4.0, 2.0]), Some(3.0));
        assert_eq!(median(&[4.0, 2.0, 9.0, 8.0]), Some(6.0));
    }

    #[test]
    fn spreads_overlap_where_they_touch() {
        let of = |figures: &[f64]| Spread::of(figures).unwrap();
        assert!(of(&[1.0, 2.0]).overlaps(&of(&[2.0, 3.0])));
        assert!(!of(&[1.0, 2.0]).overlaps(&of(&[2.1, 3.0])));
    }

    #[test]
    fn a_power_needs_two_points_beside_each_other() {
        assert_eq!(power(&[]), None);
        assert_eq!(power(&[(5.0, 1.0)]), None);
        assert_eq!(power(&[(5.0, 1.0), (5.0, 2.0)]), None);
        assert_eq!(power(&[(5.0, 0.0), (6.0, 2.0)]), None);
    }

    proptest! {
        #[test]
        fn a_median_lies_within_and_half_of_all_on_each_side(
            figures in proptest::collection::vec(-1e9..1e9_f64, 1..50),
        ) {
            let spread = Spread::of(&figures).unwrap();
            prop_assert!(spread.lowest <= spread.median && spread.median <= spread.highest);
            let below = figures.iter().filter(|figure| **figure < spread.median).count();
            let above = figures.iter().filter(|figure| **figure > spread.median).count();
            prop_assert!(below * 2 <= figures.len() && above * 2 <= figures.len());
            let all = Distribution::of(&figures).unwrap();
            prop_assert!(all.p99 <= all.worst && all.mean <= all.worst + 1e-3);
        }
    }
}
