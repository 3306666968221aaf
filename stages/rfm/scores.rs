//! Quintile scores where equal values have equal scores.
//!
//! For: `customers.*_score`. Not for: quantiles with interpolation (`kernels::quantile`). Called by: `rfm`.
//!
//! The score of a customer is 1 + ⌊5 × L / n⌋, where n is the number of customers and L how many of them do worse:
//! bought longer ago, less often, for less money. That cuts the ordered customers at the quintiles x⌈n j/5⌉ and puts
//! all that tie with a cut on its lower side's right, so nobody is told apart from an equal at random. Without ties
//! every score has a fifth of the customers; where all are equal, all have score 1.

/// Scores 1 to 5, one per value, 5 for the largest values.
pub fn scores<T: Copy>(values: &[T], compare: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<i64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| compare(&values[*one], &values[*other]));
    let mut scores = vec![0; values.len()];
    let mut worse = 0;
    for (rank, index) in order.iter().enumerate() {
        if rank > 0 && compare(&values[order[rank - 1]], &values[*index]).is_lt() {
            worse = rank;
        }
        scores[*index] = 1 + (5 * worse / values.len()) as i64;
    }
    scores
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[i64]) -> Vec<i64> {
        scores(values, i64::cmp)
    }

    #[test]
    fn ten_different_values_are_two_a_score() {
        assert_eq!(of(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), [5, 5, 4, 4, 3, 3, 2, 2, 1, 1]);
    }

    #[test]
    fn equal_values_have_equal_scores() {
        // Worse than 1: none. Worse than 2: 4 of 10, so 1 + 2. Worse than 3: 7, so 1 + 3. Worse than 9: 9, so 1 + 4.
        assert_eq!(of(&[1, 1, 1, 1, 2, 2, 2, 3, 3, 9]), [1, 1, 1, 1, 3, 3, 3, 4, 4, 5]);
    }

    #[test]
    fn all_equal_is_all_one_and_nobody_is_nothing() {
        assert_eq!(of(&[7, 7, 7]), [1, 1, 1]);
        assert_eq!(of(&[]), [] as [i64; 0]);
    }

    #[test]
    fn fewer_than_five_skip_scores() {
        // 1 + ⌊5 × 0/3⌋, 1 + ⌊5 × 1/3⌋, 1 + ⌊5 × 2/3⌋.
        assert_eq!(of(&[1, 2, 3]), [1, 2, 4]);
    }

    #[test]
    fn a_reversed_comparison_reverses_the_scores() {
        assert_eq!(scores(&[1, 2, 3, 4, 5], |one: &i64, other| other.cmp(one)), [5, 4, 3, 2, 1]);
        assert_eq!(scores(&[2.0, -1.0], f64::total_cmp), [3, 1]);
    }
}
