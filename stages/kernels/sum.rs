//! Sums of floats that lose next to nothing, in a fixed order.
//!
//! For: means and variances of columns. Not for: money, which is exact before it becomes a float.
//! Called by: scaling, the kernels beside this one.

/// A running sum with its lost low-order part (Neumaier 1974); error of order ε² × n instead of ε × n.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    /// Adds one value.
    pub fn add(&mut self, value: f64) {
        let total = self.total + value;
        let is_total_larger = self.total.abs() >= value.abs();
        self.lost += if is_total_larger { (self.total - total) + value } else { (value - total) + self.total };
        self.total = total;
    }

    /// The sum so far.
    pub fn value(self) -> f64 {
        self.total + self.lost
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut sum = Self::default();
        values.into_iter().for_each(|value| sum.add(value));
        sum
    }
}

/// The arithmetic mean; NaN without values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().copied().collect::<Sum>().value() / values.len() as f64
}

/// Mean and population variance (divisor n, as scikit-learn's scaler uses it), in two passes.
pub fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let mean = mean(values);
    let squares: Sum = values.iter().map(|value| (value - mean) * (value - mean)).collect();
    (mean, squares.value() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plain_sum_would_lose_is_kept() {
        let sum: Sum = [1.0, 1e100, 1.0, -1e100].into_iter().collect();
        assert_eq!(sum.value().to_bits(), 2.0_f64.to_bits());
    }

    #[test]
    fn the_variance_is_the_populations() {
        // 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squares 9+1+1+1+0+0+4+16 = 32, variance 32/8 = 4.
        let (mean, variance) = mean_and_variance(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((mean.to_bits(), variance.to_bits()), (5.0_f64.to_bits(), 4.0_f64.to_bits()));
    }
}
