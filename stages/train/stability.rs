//! How stable the segments' names are: the training repeated on resampled customers.
//!
//! For: the share of customers who keep their segment's name. Not for: whether k is right. Called by: `train`.
//!
//! A refit draws as many customers as there are, with replacement (at most [`REFIT_CUSTOMERS`]), and does all that the
//! training does: scales, partitions (with at most [`REFIT_STARTS`] starts and no exchanges), orders, names. Then every customer is
//! scored by it, and the names are compared (Hennig 2007 does the same with memberships). Each refit has its own random
//! stream.

use rayon::prelude::*;

use super::fitting::partitions_as;
use super::naming::names;
use super::order::order;
use super::params::TrainParams;
use super::scaling;
use crate::bands::bands;
use crate::kernels::kmeans::KMeans;
use crate::model::Centres;
use crate::random::Random;

/// Customers of a refit at the most.
pub const REFIT_CUSTOMERS: usize = 10_000;

/// Starts of a refit at the most.
pub const REFIT_STARTS: usize = 3;

/// First random stream of the refits; those of the fits lie far away.
const STREAM: u64 = 1 << 60;

/// The share of customers who keep their name, on average over the refits; none without refits. `kept` holds the name
/// of every customer's segment, in the order of `raw`.
pub(super) fn name_stability(raw: &[[f64; 3]], kept: &[&str], k: usize, params: &TrainParams) -> Option<f64> {
    if params.stability_refits == 0 {
        return None;
    }
    let refits: Vec<usize> =
        (0..params.stability_refits).into_par_iter().map(|n| refit(raw, kept, k, params, n)).collect();
    let customers = raw.len() * refits.len();
    Some(refits.iter().sum::<usize>() as f64 / customers as f64)
}

/// How many customers keep their name in one refit; none where the drawn customers cannot be partitioned.
fn refit(raw: &[[f64; 3]], kept: &[&str], k: usize, params: &TrainParams, number: usize) -> usize {
    let mut random = Random::new(params.seed, STREAM + number as u64);
    let drawn: Vec<[f64; 3]> =
        (0..raw.len().min(REFIT_CUSTOMERS)).map(|_| raw[random.below(raw.len() as u64) as usize]).collect();
    let scaler = scaling::fit(&drawn, params.scaling, params.winsorise);
    let points: Vec<[f64; 3]> = drawn.iter().map(|row| scaler.transform(*row)).collect();
    let TrainParams { n_init, max_iter, seed, .. } = *params;
    let wanted = KMeans { n_init: n_init.min(REFIT_STARTS), max_iter, seed, patience: 0, ..KMeans::new(k) };
    let found = partitions_as(&points, &[wanted], params.algorithm).ok().and_then(|mut found| found.pop()?.ok());
    let Some(partition) = found.map(|partition| order(partition, &drawn)) else { return 0 };
    let names = names(&bands(&points, &partition.centres));
    let centres = Centres::new(partition.centres, partition.mixture.as_ref());
    let score = |row: &[f64; 3]| centres.score(scaler.transform(*row)).segment;
    raw.iter().zip(kept).filter(|(row, name)| names[score(row)] == **name).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two kinds of customers, far apart.
    fn two_kinds() -> Vec<[f64; 3]> {
        (0..200)
            .map(|i| if i % 2 == 0 { [1.0, 20.0, 900.0 + f64::from(i)] } else { [300.0, 1.0, 10.0 + f64::from(i)] })
            .collect()
    }

    #[test]
    fn everybody_keeps_the_name_of_a_segment_that_stands_apart() {
        let raw = two_kinds();
        let kept: Vec<&str> = (0..200).map(|i| if i % 2 == 0 { "Champions" } else { "Lost" }).collect();
        let params = TrainParams::default();
        let share = name_stability(&raw, &kept, 2, &params).unwrap();
        assert!(share > 0.0 && share <= 1.0, "{share}");
    }

    #[test]
    fn nobody_keeps_a_name_that_no_refit_gives() {
        let raw = two_kinds();
        assert_eq!(name_stability(&raw, &["Nobody"; 200], 2, &TrainParams::default()), Some(0.0));
    }

    #[test]
    fn without_refits_nothing_is_said() {
        let params = TrainParams { stability_refits: 0, ..TrainParams::default() };
        assert_eq!(name_stability(&two_kinds(), &["Nobody"; 200], 2, &params), None);
    }

    #[test]
    fn customers_too_alike_to_be_drawn_apart_keep_nothing() {
        let mut raw = vec![[1.0; 3]; 50];
        raw[0] = [2.0; 3];
        let params = TrainParams { stability_refits: 3, ..TrainParams::default() };
        assert_eq!(name_stability(&raw, &["Nobody"; 50], 4, &params), Some(0.0));
    }
}
