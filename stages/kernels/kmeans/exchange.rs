//! Exchanging centres: what many more starts would find, at the price of a few.
//!
//! For: leaving a local optimum with too many centres in one place and too few in another. Not for: the starts
//! themselves. Called by: [`super::fit_all`], on two of the starts.
//!
//! In a round every centre in turn is taken away and another drawn for it as k-means++ draws (a random swap, Fränti
//! 2018), and the iterations go on from there while they promise something. The best of them is kept. Rounds end when
//! [`KMeans::patience`] of them in a row have found nothing better. On the reference data (raw and log scaling, k = 2 to
//! 10, 200 seeds) this lowers the share of fits with ten starts that miss scikit-learn's inertia by more than 0.1 % from
//! 6 % to 0.2 %.

use rayon::prelude::*;

use super::lloyd::{Lloyd, Travelled, least};
use super::{Clusters, KMeans};
use crate::random::Random;

/// A result must have less than this share of the inertia to replace the partition; anything less is rounding.
const BETTER: f64 = 1.0 - 1e-9;

/// First random stream of the exchanges, beyond those of any start.
const STREAM: u64 = 1 << 31;

/// The partition after all exchanges that pay. One that had not come to rest stays as it is. Stops
/// at a partition of inertia `known`: the exchanges from there have been tried.
pub fn exchange<const D: usize>(lloyd: &Lloyd<'_, D>, start: Clusters<D>, wanted: KMeans, known: f64) -> Clusters<D> {
    let KMeans { k, max_iter, seed, patience, .. } = wanted;
    let mut best = start;
    let (mut failures, mut round) = (0, 0);
    let is_known = |inertia: f64| inertia <= 0.0 || (inertia * BETTER <= known && known * BETTER <= inertia);
    while k > 1 && best.is_stable && failures < patience && !is_known(best.inertia) {
        let random = |removed: usize| Random::new(seed, ((k as u64) << 32) | STREAM | (round * k + removed) as u64);
        let exchanged = lloyd.exchanges(&best, random);
        let travel = |centroids| lloyd.travel(centroids, max_iter, best.inertia);
        let travelled: Vec<Travelled<D>> = exchanged.into_par_iter().with_max_len(1).map(travel).collect();
        let found = least(travelled).filter(|found| found.inertia < best.inertia * BETTER);
        match found.map(|found| lloyd.settle(found, max_iter)) {
            Some(found) if found.inertia < best.inertia * BETTER => (best, failures) = (found, 0),
            _ => failures += 1,
        }
        round += 1;
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::kmeans::lloyd;

    /// Four groups of 50 on a line, at 0, 10, 1000 and 1010.
    fn groups() -> Vec<[f64; 1]> {
        (0..200).map(|i| [[0.0, 10.0, 1000.0, 1010.0][i % 4] + (i / 4) as f64 / 50.0]).collect()
    }

    fn partition(points: &[[f64; 1]], centroids: Vec<[f64; 1]>) -> Clusters<1> {
        let labels: Vec<usize> = points.iter().map(|point| lloyd::nearest(point, &centroids)).collect();
        let inertia = crate::kernels::separation::inertia(points, &labels, &centroids);
        Clusters { centroids, labels, inertia, iterations: 1, is_stable: true }
    }

    #[test]
    fn a_centre_too_many_here_and_too_few_there_is_moved() {
        // Three centres share the two left groups, one has the two right ones: a fixed point of the iterations.
        let points = groups();
        let stuck = partition(&points, vec![[0.25], [0.75], [10.5], [1005.5]]);
        let wanted = KMeans { n_init: 1, ..KMeans::new(4) };
        let found = exchange(&Lloyd::new(&points), stuck, wanted, f64::INFINITY);
        let mut centres: Vec<f64> = found.centroids.iter().map(|centre| centre[0].round()).collect();
        centres.sort_by(f64::total_cmp);
        assert_eq!(centres, [0.0, 10.0, 1000.0, 1010.0]);
    }

    #[test]
    fn the_best_there_is_stays() {
        let points = groups();
        let best = partition(&points, vec![[0.49], [10.49], [1000.49], [1010.49]]);
        assert_eq!(exchange(&Lloyd::new(&points), best.clone(), KMeans::new(4), f64::INFINITY), best);
    }
}
