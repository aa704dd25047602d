//! Money, and how a price is shared.

use std::iter::Sum;
use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use crate::limits::BASIS_POINTS_ALL;

/// An amount of money, as a whole number of minor units (cents, say).
///
/// Sums saturate. Those of a kernel cannot come so far: see [`limits`](crate::limits).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(pub u64);

impl Money {
    /// The price of this many units, or none where it does not fit.
    pub fn checked_times(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(u64::from(quantity)).map(Self)
    }

    /// This amount and another one, or none where the sum does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The part that a trader keeps, rounded to the nearest minor unit, a half to the even one. More
    /// than 10 000 basis points count as 10 000.
    ///
    /// ```
    /// use market::Money;
    ///
    /// assert_eq!(Money(200).commission(1_000), Money(20)); // 10 %
    /// assert_eq!(Money(5).commission(1_000), Money(0)); // 0.5
    /// assert_eq!(Money(15).commission(1_000), Money(2)); // 1.5
    /// ```
    #[must_use]
    pub fn commission(self, basis_points: u16) -> Self {
        let basis_points = u64::from(basis_points.min(BASIS_POINTS_ALL));
        let all = u64::from(BASIS_POINTS_ALL);
        // In two parts, so that no product overflows: the first has no remainder.
        let (whole, rest) = (self.0 / all, self.0 % all);
        let (kept, remainder) = (rest * basis_points / all, rest * basis_points % all);
        let floor = whole * basis_points + kept;
        let up = remainder > all / 2 || (remainder == all / 2 && floor % 2 == 1);
        Self(floor + u64::from(up))
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self(0), Add::add)
    }
}

/// The number of minor units.
impl std::fmt::Display for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commission_is_rounded_half_even() {
        let table = [
            // paid, basis points, kept
            (0, 1_000, 0),
            (4, 1_000, 0),  // 0.4
            (5, 1_000, 0),  // 0.5, to the even 0
            (6, 1_000, 1),  // 0.6
            (15, 1_000, 2), // 1.5, to the even 2
            (25, 1_000, 2), // 2.5, to the even 2
            (35, 1_000, 4), // 3.5, to the even 4
            (10, 2_000, 2), // 2
            (1, 5_000, 0),  // 0.5
            (3, 5_000, 2),  // 1.5
            (1, 5_001, 1),  // 0.5001
            (10_000, 1, 1), // 1
            (15_000, 1, 2), // 1.5
            (25_000, 1, 2), // 2.5
            (25_001, 1, 3), // 2.5001
            (7, 10_000, 7), // everything
            (7, u16::MAX, 7),
            (7, 0, 0),
            (u64::MAX, 10_000, u64::MAX),
        ];
        for (paid, basis_points, kept) in table {
            assert_eq!(Money(paid).commission(basis_points), Money(kept), "{paid} {basis_points}");
        }
    }

    proptest! {
        #[test]
        fn commission_is_the_nearest_amount(paid: u64, basis_points in 0_u16..=10_000) {
            let kept = u128::from(Money(paid).commission(basis_points).0) * 20_000;
            let exact = u128::from(paid) * u128::from(basis_points) * 2;
            prop_assert!(kept.abs_diff(exact) <= 10_000);
            prop_assert!(kept.abs_diff(exact) < 10_000 || kept / 20_000 % 2 == 0);
        }
    }

    #[test]
    fn sums_saturate_and_checked_ones_say_so() {
        assert_eq!(Money(u64::MAX) + Money(1), Money(u64::MAX));
        assert_eq!(Money(u64::MAX).checked_add(Money(1)), None);
        assert_eq!(Money(u64::MAX).checked_times(2), None);
        assert_eq!([Money(1), Money(2)].into_iter().sum::<Money>(), Money(3));
    }
}
