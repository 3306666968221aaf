//! Exact money: sums that cannot overflow unnoticed, and the nearest float64 of an exact amount.
//!
//! For: amounts as they stand in the tables, integers of 10⁻⁹ ([`crate::schema::MONEY`]). Not for: showing them to
//! people (`numerals`), or floats (`kernels::sum`). Called by: `validate`, `preprocess`, `rfm`.

use arrow_buffer::i256;

/// Integers per unit of money.
pub const ONE: i128 = 1_000_000_000;

/// The largest amount a table holds is below this: 38 digits.
const LIMIT: i128 = 10_i128.pow(38);

/// Integers up to here are exact in float64.
const EXACT: i128 = 1 << 53;

/// A sum of amounts. Order does not matter: it is kept in 256 bits, which no number of rows exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total(i256);

impl Total {
    /// Adds one amount.
    pub fn add(&mut self, amount: i128) {
        self.0 = self.0.wrapping_add(i256::from_i128(amount));
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    /// What is left when another sum is taken away.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.wrapping_sub(other.0))
    }

    /// The sum, unless it has more than the 38 digits of a table's column.
    pub fn value(self) -> Option<i128> {
        self.0.to_i128().filter(|sum| (-LIMIT + 1..LIMIT).contains(sum))
    }
}

impl FromIterator<i128> for Total {
    fn from_iter<I: IntoIterator<Item = i128>>(amounts: I) -> Self {
        let mut total = Self::default();
        amounts.into_iter().for_each(|amount| total.add(amount));
        total
    }
}

/// The float64 nearest to an exact amount, ties to even.
pub fn to_f64(amount: i128) -> f64 {
    if (-EXACT..=EXACT).contains(&amount) {
        // Both are exact, and IEEE 754 rounds the quotient once.
        return amount as f64 / ONE as f64;
    }
    let magnitude = amount.unsigned_abs();
    let text = format!("{}.{:09}", magnitude / ONE.unsigned_abs(), magnitude % ONE.unsigned_abs());
    // Parsing rounds to the nearest, ties to even; such a text is always a number.
    let nearest = text.parse::<f64>().unwrap_or(f64::NAN);
    if amount < 0 { -nearest } else { nearest }
}

/// `amount` × `part` / `whole`, rounded half to even; exact where it can be. `whole` must be positive.
pub fn share_of(amount: i128, part: i64, whole: i64) -> i128 {
    let (part, whole) = (i256::from_i128(i128::from(part)), i256::from_i128(i128::from(whole)));
    let product = i256::from_i128(amount).wrapping_mul(part);
    let (quotient, rest) = (product.wrapping_div(whole), product.wrapping_rem(whole));
    let doubled = rest.wrapping_abs().wrapping_mul(i256::from_i128(2));
    let is_odd = quotient.wrapping_rem(i256::from_i128(2)) != i256::ZERO;
    let is_away = doubled > whole || (doubled == whole && is_odd);
    let sign = if product.is_negative() { i256::MINUS_ONE } else { i256::ONE };
    let rounded = if is_away { quotient.wrapping_add(sign) } else { quotient };
    rounded.as_i128()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_beyond_i128_are_noticed_and_come_back_into_range() {
        let large = LIMIT - 1;
        let mut total: Total = [large, large, large].into_iter().collect();
        assert_eq!(total.value(), None);
        total.merge([-large, -large].into_iter().collect());
        assert_eq!(total.value(), Some(large));
        assert_eq!(total.minus([1].into_iter().collect()).value(), Some(large - 1));
    }

    #[test]
    fn floats_are_the_nearest_to_the_exact_amount() {
        assert_eq!(to_f64(77_183_600_000_000).to_bits(), 77_183.6_f64.to_bits());
        assert_eq!(to_f64(100_000_000).to_bits(), 0.1_f64.to_bits());
        assert_eq!(to_f64(-2_900_000_000).to_bits(), (-2.9_f64).to_bits());
        assert_eq!(to_f64(0).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn halves_between_two_floats_go_to_the_even_one() {
        // Between 2^53 and 2^54 only even integers are floats: 2^53 + 1 lies between 2^53 (even) and 2^53 + 2.
        let base = EXACT * ONE;
        assert_eq!(to_f64(base + ONE).to_bits(), 9_007_199_254_740_992.0_f64.to_bits());
        assert_eq!(to_f64(base + ONE + 1).to_bits(), 9_007_199_254_740_994.0_f64.to_bits());
        assert_eq!(to_f64(base + 3 * ONE).to_bits(), 9_007_199_254_740_996.0_f64.to_bits());
        assert_eq!(to_f64(-(base + ONE)).to_bits(), (-9_007_199_254_740_992.0_f64).to_bits());
    }

    #[test]
    fn a_sum_that_floats_would_get_wrong_is_right() {
        // 0.1 ten times is 1 exactly; as floats it is 0.9999999999999999.
        let total: Total = std::iter::repeat_n(ONE / 10, 10).collect();
        assert_eq!(to_f64(total.value().unwrap()).to_bits(), 1.0_f64.to_bits());
        let floats = std::iter::repeat_n(0.1_f64, 10).fold(0.0, |sum, value| sum + value);
        assert_ne!(floats.to_bits(), 1.0_f64.to_bits());
    }

    #[test]
    fn shares_are_exact_or_rounded_half_to_even() {
        // 3 of 10 pieces at 2.55: 7.65 of 25.50.
        assert_eq!(share_of(25_500_000_000, 3_000, 10_000), 7_650_000_000);
        assert_eq!([share_of(5, 1, 2), share_of(7, 1, 2), share_of(-5, 1, 2), share_of(10, 1, 3)], [2, 4, -2, 3]);
        assert_eq!(share_of(LIMIT - 1, i64::MAX, i64::MAX), LIMIT - 1);
    }

    proptest! {
        #[test]
        fn both_ways_of_rounding_agree(amount in -EXACT..=EXACT) {
            let text = format!("{}{}.{:09}", if amount < 0 { "-" } else { "" }, amount.abs() / ONE, amount.abs() % ONE);
            prop_assert!(to_f64(amount).total_cmp(&text.parse().unwrap()).is_eq());
        }
    }
}
