//! KMeans: the partition into k clusters with the least sum of squared distances to their means that many starts find.
//!
//! For: fitting, for one k or for all k of a study at once. Not for: scaling, names, scoring raw values (`model`).
//! Called by: `train`; through [`dataset`] it takes linfa's datasets and stands where linfa's own would.
//!
//! - Starts: greedy k-means++ with 2 + ⌊ln k⌋ candidates a centre (Arthur and Vassilvitskii 2007), see [`seeding`].
//! - Iterations: Lloyd's (1982) until the assignment is stable. A k-d tree with sums in its nodes does the travelling
//!   (Kanungo et al. 2002, see [`tree`]), which in three dimensions touches a few hundred nodes instead of all points;
//!   plain iterations over all points have the last word, so the result is a fixed point of the plain algorithm: every
//!   point is nearest to the mean of its own cluster, lowest index on ties.
//! - An empty cluster is re-seeded from the point farthest from its mean among clusters of two or more.
//! - The best of `n_init` starts by inertia, the first of equal ones, then exchanges of centres that lower its inertia
//!   (see [`exchange`]), tried on two of the starts. Each start and each exchange has its own random stream and is
//!   computed by one thread in a fixed order: the result is the same on any number of threads.

pub mod dataset;
pub mod exchange;
pub mod lloyd;
pub mod seeding;
pub mod tree;

use rayon::prelude::*;

use self::lloyd::{Lloyd, Travelled};
use crate::random::Random;

/// A start whose inertia exceeds the best one's by this factor has come to another optimum.
const ELSEWHERE: f64 = 1.0001;

/// What a fit needs besides the points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KMeans {
    /// Number of clusters, at least 1.
    pub k: usize,
    /// Number of starts, at least 1.
    pub n_init: usize,
    /// Iterations of one start at the most, at least 1.
    pub max_iter: usize,
    /// Seed of all random choices.
    pub seed: u64,
    /// Rounds of exchanges in a row that may find nothing better before a fit is finished; 0: no exchanges.
    pub patience: usize,
}

impl KMeans {
    /// `k` clusters, ten starts of at most 300 iterations, seed 42, three rounds of exchanges.
    pub fn new(k: usize) -> Self {
        Self { k, n_init: 10, max_iter: 300, seed: 42, patience: 3 }
    }
}

/// A fitted partition.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clusters<const D: usize> {
    /// The means, one per cluster.
    pub centroids: Vec<[f64; D]>,
    /// The cluster of every point: the nearest centroid, lowest index on ties.
    pub labels: Vec<usize>,
    /// Sum of squared distances to the centroids.
    pub inertia: f64,
    /// Iterations of the start that won.
    pub iterations: usize,
    /// Whether the assignment was stable before `max_iter` was reached; the centroids are exact means then.
    pub is_stable: bool,
}

/// Why points cannot be partitioned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KMeansError {
    /// There are fewer different points than clusters.
    #[error("cannot form {k} clusters from {points} points of which {distinct} are distinct")]
    TooFewPoints {
        /// Clusters asked for.
        k: usize,
        /// Points given.
        points: usize,
        /// Different points among them.
        distinct: usize,
    },
    /// A number of clusters, starts or iterations is zero.
    #[error("`{name}` must be at least 1")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// A coordinate is not a finite number.
    #[error("point {index} has a coordinate that is not a finite number")]
    NotFinite {
        /// Which point.
        index: usize,
    },
}

/// Fits one partition.
///
/// # Errors
/// [`KMeansError`] where the points cannot be partitioned into `k` clusters.
pub fn fit<const D: usize>(points: &[[f64; D]], wanted: KMeans) -> Result<Clusters<D>, KMeansError> {
    let mut fits = fit_all(points, &[wanted])?;
    Ok(fits.remove(0))
}

/// Fits several partitions of the same points at once, which keeps all threads busy to the end.
///
/// # Errors
/// [`KMeansError`] where the points cannot be partitioned in one of the ways wanted.
pub fn fit_all<const D: usize>(points: &[[f64; D]], wanted: &[KMeans]) -> Result<Vec<Clusters<D>>, KMeansError> {
    check(points, wanted)?;
    let lloyd = Lloyd::new(points);
    let tasks: Vec<(usize, usize)> =
        wanted.iter().enumerate().flat_map(|(fit, each)| (0..each.n_init).map(move |start| (fit, start))).collect();
    let run = |&(fit, start): &(usize, usize)| {
        let KMeans { k, max_iter, seed, .. } = wanted[fit];
        lloyd.start(k, max_iter, &mut Random::new(seed, stream(k, start)))
    };
    let mut starts = tasks.par_iter().with_max_len(1).map(run).collect::<Vec<_>>().into_iter();
    let starts: Vec<(KMeans, Vec<Travelled<D>>)> =
        wanted.iter().map(|each| (*each, starts.by_ref().take(each.n_init).collect())).collect();
    let finish = |(wanted, starts)| finish(&lloyd, wanted, starts);
    // From the last, which has most clusters and takes longest, so that no thread is left with it at the end.
    let mut fits: Vec<Clusters<D>> = starts.into_par_iter().rev().with_max_len(1).map(finish).collect();
    fits.reverse();
    Ok(fits)
}

/// Finishes the best start; with exchanges also the best one of those that came to another place, because an optimum
/// that no exchange leaves is seldom met twice.
fn finish<const D: usize>(lloyd: &Lloyd<'_, D>, wanted: KMeans, mut starts: Vec<Travelled<D>>) -> Clusters<D> {
    // Stable: of equal ones the first.
    starts.sort_by(|a, b| a.inertia.total_cmp(&b.inertia));
    let mut starts = starts.into_iter();
    let Some(best) = starts.next() else { return Clusters::default() };
    let elsewhere = starts.find(|start| start.inertia > best.inertia * ELSEWHERE);
    let improved = |start, known| exchange::exchange(lloyd, lloyd.settle(start, wanted.max_iter), wanted, known);
    let best = improved(best, f64::INFINITY);
    match elsewhere.filter(|_| wanted.patience > 0).map(|start| improved(start, best.inertia)) {
        Some(other) if other.inertia < best.inertia => other,
        _ => best,
    }
}

/// Number of different points; 0.0 and −0.0 are the same.
pub fn count_distinct<const D: usize>(points: &[[f64; D]]) -> usize {
    let mut bits: Vec<[u64; D]> = points.iter().map(|point| point.map(|value| (value + 0.0).to_bits())).collect();
    bits.sort_unstable();
    bits.dedup();
    bits.len()
}

fn check<const D: usize>(points: &[[f64; D]], wanted: &[KMeans]) -> Result<(), KMeansError> {
    if let Some(index) = points.iter().position(|point| point.iter().any(|value| !value.is_finite())) {
        return Err(KMeansError::NotFinite { index });
    }
    for each in wanted {
        let counts = [("k", each.k), ("n_init", each.n_init), ("max_iter", each.max_iter)];
        if let Some((name, _)) = counts.into_iter().find(|&(_, count)| count == 0) {
            return Err(KMeansError::Zero { name });
        }
    }
    let most = wanted.iter().map(|each| each.k).max().unwrap_or_default();
    if has_distinct(points, most) {
        return Ok(());
    }
    let distinct = count_distinct(points);
    let k = wanted.iter().map(|each| each.k).find(|&k| k > distinct).unwrap_or(most);
    Err(KMeansError::TooFewPoints { k, points: points.len(), distinct })
}

/// Whether there are at least so many different points: most sets show it within their first few.
fn has_distinct<const D: usize>(points: &[[f64; D]], count: usize) -> bool {
    let mut look = 4 * count;
    while look < points.len() {
        if count_distinct(&points[..look]) >= count {
            return true;
        }
        look *= 4;
    }
    count_distinct(points) >= count
}

fn stream(k: usize, start: usize) -> u64 {
    ((k as u64) << 32) | start as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::columns::squared_distance;

    fn cloud(n: usize, seed: u64) -> Vec<[f64; 3]> {
        let mut random = Random::new(seed, 0);
        let skewed = |random: &mut Random| random.exponential(1.0).powi(2);
        (0..n).map(|_| [random.normal(), skewed(&mut random), skewed(&mut random)]).collect()
    }

    #[test]
    fn two_pairs_on_a_line_are_found() {
        let points = [[0.0], [10.0], [2.0], [12.0]];
        let clusters = fit(&points, KMeans::new(2)).unwrap();
        let mut centres: Vec<f64> = clusters.centroids.iter().map(|centre| centre[0]).collect();
        centres.sort_by(f64::total_cmp);
        assert_eq!(centres, [1.0, 11.0]);
        assert_eq!(clusters.inertia.to_bits(), 4.0_f64.to_bits());
        assert!(clusters.is_stable);
        assert_eq!(clusters.labels[0], clusters.labels[2]);
    }

    #[test]
    fn as_many_clusters_as_distinct_points_leave_nothing_within() {
        let points: Vec<[f64; 2]> = (0..40).map(|i| [f64::from(i % 7), 1.0]).collect();
        let clusters = fit(&points, KMeans::new(7)).unwrap();
        assert_eq!(clusters.inertia.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn one_cluster_is_the_mean() {
        let clusters = fit(&[[0.0, 4.0], [2.0, 0.0], [4.0, 2.0]], KMeans::new(1)).unwrap();
        assert_eq!(clusters.centroids, [[2.0, 2.0]]);
        assert_eq!(clusters.labels, [0, 0, 0]);
    }

    #[test]
    fn fewer_distinct_points_than_clusters_are_refused() {
        let points = [[1.0], [1.0], [2.0], [0.0], [-0.0]];
        let error = fit(&points, KMeans::new(4)).unwrap_err();
        assert_eq!(error, KMeansError::TooFewPoints { k: 4, points: 5, distinct: 3 });
        assert_eq!(error.to_string(), "cannot form 4 clusters from 5 points of which 3 are distinct");
        assert_eq!(
            fit::<3>(&[], KMeans::new(1)).unwrap_err().to_string().split(" from").next(),
            Some("cannot form 1 clusters")
        );
    }

    #[test]
    fn zeros_and_infinities_are_refused() {
        let zero = fit(&[[1.0]], KMeans { n_init: 0, ..KMeans::new(1) });
        assert_eq!(zero.unwrap_err(), KMeansError::Zero { name: "n_init" });
        let infinite = fit(&[[1.0], [f64::INFINITY]], KMeans::new(1));
        assert_eq!(infinite.unwrap_err(), KMeansError::NotFinite { index: 1 });
    }

    #[test]
    fn the_result_is_a_fixed_point_of_the_plain_algorithm() {
        let points = cloud(3_000, 8);
        for k in [1, 2, 5, 9] {
            let clusters = fit(&points, KMeans { n_init: 3, ..KMeans::new(k) }).unwrap();
            assert!(clusters.is_stable);
            for (point, &label) in points.iter().zip(&clusters.labels) {
                let distances: Vec<f64> =
                    clusters.centroids.iter().map(|centre| squared_distance(point, centre)).collect();
                let nearest = (0..k).fold(0, |best, j| if distances[j] < distances[best] { j } else { best });
                assert_eq!(label, nearest);
            }
            for (j, centre) in clusters.centroids.iter().enumerate() {
                let members: Vec<_> = (0..points.len()).filter(|&i| clusters.labels[i] == j).collect();
                for feature in 0..3 {
                    let mean = members.iter().map(|&i| points[i][feature]).sum::<f64>() / members.len() as f64;
                    assert!((centre[feature] - mean).abs() < 1e-12);
                }
            }
        }
    }

    #[test]
    fn more_starts_are_never_worse() {
        let points = cloud(1_000, 3);
        let inertia = |n_init| fit(&points, KMeans { n_init, patience: 0, ..KMeans::new(6) }).unwrap().inertia;
        assert!(inertia(20) <= inertia(5));
        assert!(inertia(5) <= inertia(1));
    }

    #[test]
    fn fits_of_a_study_equal_single_fits() {
        let points = cloud(500, 4);
        let wanted: Vec<KMeans> = (2..6).map(KMeans::new).collect();
        let together = fit_all(&points, &wanted).unwrap();
        for (each, shared) in wanted.into_iter().zip(together) {
            assert_eq!(fit(&points, each).unwrap(), shared);
        }
    }

    #[test]
    fn iterations_can_be_limited() {
        let points = cloud(2_000, 5);
        let clusters = |n_init| fit(&points, KMeans { max_iter: 1, n_init, patience: 0, ..KMeans::new(8) }).unwrap();
        assert!(!clusters(1).is_stable);
        assert_eq!(clusters(1).iterations, 1);
        assert!(clusters(20).inertia < clusters(1).inertia, "the best start is taken all the same");
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let points = cloud(2_000, 6);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let clusters = pool.install(|| fit(&points, KMeans::new(5))).unwrap();
            let bits: Vec<_> = clusters.centroids.iter().flatten().map(|value| value.to_bits()).collect();
            (bits, clusters.labels, clusters.inertia.to_bits())
        };
        assert_eq!(on(1), on(2));
        assert_eq!(on(1), on(8));
    }
}
