//! The silhouette, exactly: every distance is computed once, for any number of labellings.
//!
//! For: samples and means of one labelling, or of all labellings of a study at the cost of one.
//! Not for: estimates (see [`super::strata`]). Called by: `train`, `evaluate`.
//!
//! Definition (Rousseeuw 1987): s = (b − a) / max(a, b), where a is the mean distance to the other points of the own
//! cluster and b the smallest mean distance to the points of another cluster. As in scikit-learn a point alone in its
//! cluster has 0, and the silhouette of one cluster, or of as many clusters as points, is not defined.
//!
//! Square roots are what it costs. The distance of two points counts for both of them (see [`super::pairs`]). Points that
//! carry equal labels in every labelling form a *cell*; distances are summed per cell before they are added up for
//! clusters, so nine labellings cost little more than one.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::pairs::{Cell, Pairs};
use super::sum::Sum;

/// Points per task.
const TASK_POINTS: usize = 32;

/// Silhouettes of all points; none where it is not defined.
pub fn samples<const D: usize>(points: &[[f64; D]], labels: &[usize]) -> Option<Vec<f64>> {
    samples_of_all(points, &[labels]).pop().flatten()
}

/// The mean silhouette; none where it is not defined.
pub fn mean<const D: usize>(points: &[[f64; D]], labels: &[usize]) -> Option<f64> {
    samples(points, labels).map(|samples| super::sum::mean(&samples))
}

/// Silhouettes of all points for each labelling.
pub fn samples_of_all<const D: usize>(points: &[[f64; D]], labellings: &[&[usize]]) -> Vec<Option<Vec<f64>>> {
    let (clusterings, cells) = cells(points.len(), labellings);
    let groups = clusterings.iter().map(|clustering| clustering.sizes.len()).sum::<usize>().max(1);
    let sums = Pairs::new(points, &cells, groups).sums();
    let silhouettes = |clustering: &Clustering| {
        let mut samples = vec![0.0; points.len()];
        for (&point, row) in cells.iter().flat_map(|cell| &cell.points).zip(sums.chunks_exact(groups)) {
            samples[point] = clustering.silhouette(point, row);
        }
        samples
    };
    let silhouettes = |clustering: &Clustering| clustering.is_defined(points.len()).then(|| silhouettes(clustering));
    clusterings.par_iter().with_max_len(1).map(silhouettes).collect()
}

/// Silhouettes, among all points, of the points `chosen`, for one labelling; in the order of `chosen`.
pub fn samples_of<const D: usize>(points: &[[f64; D]], labels: &[usize], chosen: &[usize]) -> Option<Vec<f64>> {
    let (clusterings, cells) = cells(points.len(), &[labels]);
    let clustering = clusterings.first().filter(|clustering| clustering.is_defined(points.len()))?;
    let pairs = Pairs::new(points, &cells, clustering.sizes.len());
    let silhouette = |&index: &usize| clustering.silhouette(index, &pairs.sums_to(&points[index]));
    Some(chosen.par_iter().with_min_len(TASK_POINTS).map(silhouette).collect())
}

/// One labelling; clusters are numbered without gaps.
struct Clustering {
    /// Where in a row of sums each point's cluster has its own.
    groups: Vec<usize>,
    sizes: Vec<usize>,
    /// Place of the first cluster.
    first: usize,
}

impl Clustering {
    fn new(labels: &[usize], first: usize) -> Self {
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for label in labels {
            *sizes.entry(*label).or_default() += 1;
        }
        let places: BTreeMap<usize, usize> = sizes.keys().copied().zip(first..).collect();
        let groups = labels.iter().map(|label| places[label]).collect();
        Self { groups, sizes: sizes.into_values().collect(), first }
    }

    fn is_defined(&self, points: usize) -> bool {
        (2..points).contains(&self.sizes.len())
    }

    /// The silhouette of a point whose distances to the points of each cluster sum up to the row `sums`.
    fn silhouette(&self, point: usize, sums: &[f64]) -> f64 {
        let own = self.groups[point] - self.first;
        if self.sizes[own] == 1 {
            return 0.0;
        }
        let sums = &sums[self.first..self.first + self.sizes.len()];
        let inner = sums[own] / (self.sizes[own] - 1) as f64;
        let others = sums.iter().zip(&self.sizes).enumerate().filter(|(cluster, _)| *cluster != own);
        let outer = others.map(|(_, (sum, &size))| sum / size as f64).fold(f64::INFINITY, f64::min);
        let larger = inner.max(outer);
        if larger > 0.0 { (outer - inner) / larger } else { 0.0 }
    }
}

/// The labellings, and the points grouped by their labels in all of them.
fn cells(points: usize, labellings: &[&[usize]]) -> (Vec<Clustering>, Vec<Cell>) {
    let mut clusterings = Vec::with_capacity(labellings.len());
    let mut first = 0;
    for labels in labellings {
        let clustering = Clustering::new(labels, first);
        first += clustering.sizes.len();
        clusterings.push(clustering);
    }
    let mut members: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
    let mut groups = Vec::with_capacity(clusterings.len());
    for point in 0..points {
        groups.clear();
        groups.extend(clusterings.iter().map(|clustering| clustering.groups[point]));
        if let Some(cell) = members.get_mut(&groups) {
            cell.push(point);
        } else {
            members.insert(groups.clone(), vec![point]);
        }
    }
    (clusterings, members.into_iter().map(|(groups, points)| Cell { points, groups }).collect())
}

/// Mean of the samples of each cluster `0..clusters`; none for a cluster without points.
pub fn means_by_cluster(samples: &[f64], labels: &[usize], clusters: usize) -> Vec<Option<f64>> {
    let mut sums = vec![(Sum::default(), 0_usize); clusters];
    for (sample, &label) in samples.iter().zip(labels) {
        sums[label].0.add(*sample);
        sums[label].1 += 1;
    }
    sums.into_iter().map(|(sum, count)| (count > 0).then(|| sum.value() / count as f64)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn three_points_by_hand() {
        // {0, 1} and {5}: point 0 has a = 1, b = 5, s = 4/5; point 1 has a = 1, b = 4, s = 3/4; 5 is alone: 0.
        let points = [[0.0], [1.0], [5.0]];
        assert_eq!(samples(&points, &[0, 0, 1]), Some(vec![0.8, 0.75, 0.0]));
        let expected = (0.8 + 0.75) / 3.0;
        assert!((mean(&points, &[0, 0, 1]).unwrap() - expected).abs() < 1e-15);
    }

    #[test]
    fn a_misplaced_point_is_negative() {
        // 4 in the cluster of {0}: a = 4, b = 1 → (1 − 4) / 4; 0: a = 4, b = 5 → 1/5; {5, 5}: a = 0, b = (5+1)/2 → 1.
        let points = [[0.0], [4.0], [5.0], [5.0]];
        assert_eq!(samples(&points, &[7, 7, 2, 2]), Some(vec![0.2, -0.75, 1.0, 1.0]));
    }

    #[test]
    fn it_is_not_defined_for_one_cluster_and_for_one_point_each() {
        let points = [[0.0], [1.0], [5.0]];
        assert_eq!(samples(&points, &[3, 3, 3]), None);
        assert_eq!(samples(&points, &[0, 1, 2]), None);
        assert_eq!(mean::<1>(&[], &[]), None);
    }

    #[test]
    fn coinciding_clusters_give_zero_and_not_nan() {
        assert_eq!(samples(&[[1.0], [1.0], [1.0], [1.0]], &[0, 0, 1, 1]), Some(vec![0.0; 4]));
    }

    fn cloud(n: usize) -> Vec<[f64; 3]> {
        let mut random = Random::new(1, 0);
        (0..n).map(|_| std::array::from_fn(|_| random.normal())).collect()
    }

    #[test]
    fn several_labellings_at_once_give_what_each_gives_alone() {
        let points = cloud(300);
        let labellings: Vec<Vec<usize>> =
            (2..7).map(|k| (0..300).map(|i| if points[i][0] > 0.3 { i % k } else { 0 }).collect()).collect();
        let together = samples_of_all(&points, &labellings.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (labels, shared) in labellings.iter().zip(together) {
            let alone = samples(&points, labels).unwrap();
            assert!(alone.iter().zip(shared.unwrap()).all(|(one, other)| (one - other).abs() < 1e-13));
        }
    }

    #[test]
    fn it_equals_the_definition_written_out() {
        let points = cloud(101);
        let labels: Vec<usize> = (0..101).map(|i| i % 4).collect();
        let distance =
            |i: usize, j: usize| points[i].iter().zip(&points[j]).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt();
        for (i, sample) in samples(&points, &labels).unwrap().into_iter().enumerate() {
            let mean_to = |label: usize| {
                let others: Vec<usize> = (0..101).filter(|&j| j != i && labels[j] == label).collect();
                others.iter().map(|&j| distance(i, j)).sum::<f64>() / others.len() as f64
            };
            let a = mean_to(labels[i]);
            let b = (0..4).filter(|&label| label != labels[i]).map(mean_to).fold(f64::INFINITY, f64::min);
            assert!((sample - (b - a) / a.max(b)).abs() < 1e-13);
        }
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let points = cloud(500);
        let labels: Vec<usize> = (0..500).map(|i| i % 5).collect();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| mean(&points, &labels)).map(f64::to_bits)
        };
        assert_eq!(on(1), on(2));
        assert_eq!(on(1), on(8));
    }
}
