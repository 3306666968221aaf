//! Where a segment stands among all customers: quantile bands of its centre in recency, frequency and monetary.
//!
//! For: whatever is said about a segment in words. Not for: the words themselves (names: `train::naming`, actions:
//! `evaluate::actions`). Called by: `train`, `evaluate`.
//!
//! A centre's *rank* in a feature is the share of customers below it, equal ones counting half; between two values that
//! occur it lies on the line between theirs, so that a segment of customers who bought once or sometimes twice is not
//! far above those who bought once. Scaling keeps order, so ranks are taken in scaled space, where the centre is.

use crate::kernels::quantile::smooth_rank;

/// Below this rank of recency a segment bought recently.
pub const RECENT_BELOW: f64 = 0.35;
/// From this rank of recency on a segment has gone.
pub const GONE_FROM: f64 = 0.65;
/// Below this rank of frequency or monetary a segment buys rarely or little: less than the middle customer.
pub const MIDDLE_FROM: f64 = 0.5;
/// From this rank on it buys often or much: more than four of five customers.
pub const HIGH_FROM: f64 = 0.8;
/// From this rank on it is among the one in a hundred at the top.
pub const TOP_FROM: f64 = 0.99;

/// How long ago a segment bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recency {
    /// Rank below [`RECENT_BELOW`].
    Recent,
    /// In between.
    Cooling,
    /// Rank [`GONE_FROM`] or more.
    Gone,
}

/// How often or for how much a segment buys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Rank below [`MIDDLE_FROM`].
    Low,
    /// Rank below [`HIGH_FROM`].
    Middle,
    /// Rank below [`TOP_FROM`].
    High,
    /// Rank [`TOP_FROM`] or more.
    Top,
}

/// The bands of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bands {
    /// How long ago it bought.
    pub recency: Recency,
    /// How often it buys.
    pub frequency: Level,
    /// For how much it buys.
    pub monetary: Level,
}

impl Recency {
    fn of(rank: f64) -> Self {
        match rank {
            rank if rank < RECENT_BELOW => Self::Recent,
            rank if rank < GONE_FROM => Self::Cooling,
            _ => Self::Gone,
        }
    }
}

impl Level {
    fn of(rank: f64) -> Self {
        match rank {
            rank if rank < MIDDLE_FROM => Self::Low,
            rank if rank < HIGH_FROM => Self::Middle,
            rank if rank < TOP_FROM => Self::High,
            _ => Self::Top,
        }
    }
}

/// The bands of every centre among `points`, both in scaled space, features in the order of
/// [`crate::customers::FEATURES`].
pub fn bands(points: &[[f64; 3]], centres: &[[f64; 3]]) -> Vec<Bands> {
    let values: [Vec<f64>; 3] = std::array::from_fn(|feature| points.iter().map(|point| point[feature]).collect());
    let of = |centre: &[f64; 3]| {
        let [recency, frequency, monetary]: [f64; 3] = std::array::from_fn(|f| smooth_rank(&values[f], centre[f]));
        Bands { recency: Recency::of(recency), frequency: Level::of(frequency), monetary: Level::of(monetary) }
    };
    centres.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred customers whose three features are all 0, 1, … 99.
    fn hundred() -> Vec<[f64; 3]> {
        (0..100).map(|i| [f64::from(i); 3]).collect()
    }

    #[test]
    fn a_rank_on_a_border_belongs_to_the_upper_band() {
        // 34.5 has 35 of 100 below it, 64.5 has 65; 49.5 half, 79.5 four fifths, 98.5 has 99.
        let of = |values| bands(&hundred(), &[values])[0];
        let low = of([34.4, 49.4, 49.4]);
        assert_eq!(low, Bands { recency: Recency::Recent, frequency: Level::Low, monetary: Level::Low });
        let middle = of([34.5, 49.5, 49.5]);
        assert_eq!(middle, Bands { recency: Recency::Cooling, frequency: Level::Middle, monetary: Level::Middle });
        let high = of([64.5, 79.5, 98.5]);
        assert_eq!(high, Bands { recency: Recency::Gone, frequency: Level::High, monetary: Level::Top });
    }

    #[test]
    fn equal_customers_are_in_the_middle() {
        let all = bands(&[[7.0; 3]; 5], &[[7.0; 3]]);
        assert_eq!(all, [Bands { recency: Recency::Cooling, frequency: Level::Middle, monetary: Level::Middle }]);
    }
}
