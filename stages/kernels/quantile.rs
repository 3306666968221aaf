//! Quantiles by linear interpolation, and percentile ranks.
//!
//! For: quartiles, winsorising, robust scaling, positions of segments. Not for: quintile scores with equal values
//! (`rfm` has its own rule for those). Called by: `train`, `evaluate`.

/// Values in ascending order, ready to be asked for quantiles. NaN sorts last.
#[derive(Debug, Clone)]
pub struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts a copy of the values.
    pub fn new(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Self(sorted)
    }

    /// The `q`-quantile, 0 ≤ q ≤ 1: linear interpolation at position q × (n − 1), numpy's default ("type 7", Hyndman
    /// and Fan 1996), with numpy's rounding. NaN without values.
    pub fn quantile(&self, q: f64) -> f64 {
        let Some(last) = self.0.len().checked_sub(1) else { return f64::NAN };
        let position = q.clamp(0.0, 1.0) * last as f64;
        let index = position.floor() as usize;
        let (low, high) = (self.0[index], self.0[(index + 1).min(last)]);
        let (share, gap) = (position - index as f64, high - low);
        if share < 0.5 { low + gap * share } else { high - gap * (1.0 - share) }
    }

    /// The middle value.
    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }
}

/// The share of values below `value` plus half the share of values equal to it: 0 below all, 1 above all.
fn rank(values: &[f64], value: f64) -> f64 {
    let count = |is_counted: fn(f64, f64) -> bool| values.iter().filter(|other| is_counted(**other, value)).count();
    let (below, not_above) = (count(|other, value| other < value), count(|other, value| other <= value));
    (below + not_above) as f64 / (2 * values.len()) as f64
}

/// `rank` without its steps: for a value between two others, on the line between their ranks. The values are finite;
/// they are looked at five times, which for a few ranks is quicker than to sort them.
pub fn smooth_rank(values: &[f64], value: f64) -> f64 {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for &other in values {
        if other < value {
            low = low.max(other);
        } else {
            high = high.min(other);
        }
    }
    if low.is_infinite() || high.is_infinite() {
        return rank(values, value);
    }
    let share = (value - low) / (high - low);
    rank(values, low) * (1.0 - share) + rank(values, high) * share
}

/// The middle value, as [`Sorted::median`] gives it, without sorting; reorders the values. NaN without values.
pub fn median(values: &mut [f64]) -> f64 {
    let half = values.len() / 2;
    if values.is_empty() {
        return f64::NAN;
    }
    let (below, &mut high, _) = values.select_nth_unstable_by(half, f64::total_cmp);
    let low = below.iter().copied().reduce(f64::max);
    match low {
        Some(low) if values.len().is_multiple_of(2) => high - (high - low) * 0.5,
        _ => high,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_without_sorting_is_the_median() {
        for n in 1..40 {
            let mut values: Vec<f64> = (0..n).map(|i| f64::from((i * 7919) % 31) / 3.0).collect();
            let expected = Sorted::new(&values).median();
            assert_eq!(median(&mut values).to_bits(), expected.to_bits());
        }
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        let sorted = Sorted::new(&[40.0, 10.0, 20.0, 30.0]);
        // Positions 0.25 × 3 = 0.75, 0.5 × 3 = 1.5, 0.75 × 3 = 2.25.
        let quartiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(|q| sorted.quantile(q));
        assert_eq!(quartiles.map(f64::to_bits), [10.0, 17.5, 25.0, 32.5, 40.0_f64].map(f64::to_bits));
    }

    #[test]
    fn one_value_is_every_quantile_and_no_value_is_none() {
        assert_eq!(Sorted::new(&[7.0]).quantile(0.3).to_bits(), 7.0_f64.to_bits());
        assert!(Sorted::new(&[]).median().is_nan());
    }

    #[test]
    fn equal_values_share_the_middle_of_their_ranks() {
        let values = [1.0, 5.0, 1.0, 1.0];
        // Three ones span ranks 0 to 0.75: middle 0.375; the five spans 0.75 to 1.
        let ranks = [0.0, 1.0, 3.0, 5.0, 9.0].map(|value| rank(&values, value));
        assert_eq!(ranks.map(f64::to_bits), [0.0, 0.375, 0.75, 0.875, 1.0_f64].map(f64::to_bits));
    }

    #[test]
    fn smooth_ranks_lie_on_lines_between_values() {
        let values = [1.0, 5.0, 1.0, 1.0];
        // Between 1 (0.375) and 5 (0.875): a quarter of the way 0.5; at the values their ranks, outside 0 and 1.
        let ranks = [0.0, 1.0, 2.0, 5.0, 9.0].map(|value| smooth_rank(&values, value));
        assert_eq!(ranks.map(f64::to_bits), [0.0, 0.375, 0.5, 0.875, 1.0_f64].map(f64::to_bits));
    }
}
