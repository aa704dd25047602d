//! Chance as a value: the same seed gives the same draws, on every machine.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A seeded source of pseudo-random numbers. Not for secrets.
#[derive(Debug, Clone)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The source that `seed` stands for.
    pub fn from_seed(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// A source of its own for one of several users of a seed, so that one user's draws do not
    /// move the others'.
    pub fn fork(seed: u64, user: u64) -> Self {
        // A multiplier with well mixed bits keeps neighbouring users' seeds apart.
        Self::from_seed(seed ^ user.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// 64 even bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, each equally likely to within `bound` in 2^64; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included; `low` if the range is empty.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        match high.checked_sub(low) {
            None | Some(0) => low,
            Some(u64::MAX) => self.next_u64(),
            Some(span) => low + self.below(span + 1),
        }
    }

    /// True with this probability; 0 is never, 1 is always.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `items`, each equally likely; none if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws() {
        let draws = |mut random: Random| -> Vec<u64> { (0..4).map(|_| random.below(10)).collect() };
        assert_eq!(draws(Random::from_seed(7)), draws(Random::from_seed(7)));
        assert_ne!(draws(Random::fork(7, 1)), draws(Random::fork(7, 2)));
    }

    #[test]
    fn bounds_hold() {
        let mut random = Random::from_seed(1);
        for _ in 0..1000 {
            assert!(random.below(3) < 3);
            assert!((5..=8).contains(&random.between(5, 8)));
            assert!(!random.chance(0.0));
            assert!(random.chance(1.0));
        }
        assert_eq!(random.below(0), 0);
        assert_eq!(random.between(9, 2), 9);
        assert_eq!(random.pick::<u8>(&[]), None);
    }
}
