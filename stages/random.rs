//! Seeded random numbers whose values are fixed for ever: equal seeds give equal streams on every machine.
//!
//! For: k-means++ seeding, bootstrap, simulation. Not for: secrets. Called by: `train`, `simulate`.
//! The floats are made here and not by a distribution crate, whose next version may draw them differently.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A stream of random numbers (xoshiro256++; Blackman and Vigna 2019).
#[derive(Debug, Clone)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream number `stream` of `seed`; streams of one seed are independent, so work can be split among threads
    /// without the result depending on who draws first.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mixed = seed ^ stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self(Xoshiro256PlusPlus::seed_from_u64(mixed))
    }

    /// Uniform in [0, 1), with 53 random bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Uniform in `0..bound`, without bias worth naming (128-bit multiply; Lemire 2019). `bound` must be positive.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Standard normal (Box-Muller 1958; one of the pair is used, so that every call draws equally often).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// Exponential with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_streams_and_other_streams_differ() {
        let draw = |seed, stream| {
            let mut random = Random::new(seed, stream);
            [random.unit(), random.normal(), random.exponential(3.0)]
        };
        assert_eq!(draw(42, 0).map(f64::to_bits), draw(42, 0).map(f64::to_bits));
        assert_ne!(draw(42, 0).map(f64::to_bits), draw(42, 1).map(f64::to_bits));
        assert_ne!(draw(42, 0).map(f64::to_bits), draw(43, 0).map(f64::to_bits));
    }

    #[test]
    fn means_and_bounds_are_what_they_say() {
        let mut random = Random::new(7, 0);
        let n = 100_000;
        let mut sums = [0.0; 3];
        for _ in 0..n {
            sums[0] += random.unit();
            sums[1] += random.normal();
            sums[2] += random.exponential(2.0);
            assert!(random.below(6) < 6);
        }
        let means = sums.map(|sum| sum / f64::from(n));
        assert!((means[0] - 0.5).abs() < 0.005, "{means:?}");
        assert!(means[1].abs() < 0.015, "{means:?}");
        assert!((means[2] - 2.0).abs() < 0.04, "{means:?}");
    }
}
