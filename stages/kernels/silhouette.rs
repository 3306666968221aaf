//! The silhouette, exactly: every distance is computed, once for any number of labellings.
//!
//! For: samples and means of one labelling, or of all labellings of a study at the cost of one.
//! Not for: estimates (see [`super::strata`]). Called by: `train`, `evaluate`, `visualize`.
//!
//! Definition (Rousseeuw 1987): s = (b − a) / max(a, b), where a is the mean distance to the other points of the own
//! cluster and b the smallest mean distance to the points of another cluster. As in scikit-learn a point alone in its
//! cluster has 0, and the silhouette of one cluster, or of as many clusters as points, is not defined.
//!
//! Square roots are what it costs. Points that carry equal labels in every labelling form a *cell*; distances are
//! summed per cell, and the sums of a cluster are sums of its cells, so nine labellings cost little more than one.

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use super::columns::Columns;
use super::sum::Sum;

/// Points per task.
const TASK_POINTS: usize = 32;

/// Silhouettes of all points; none where it is not defined.
pub fn samples<const D: usize>(points: &[[f64; D]], labels: &[usize]) -> Option<Vec<f64>> {
    let everyone: Vec<usize> = (0..points.len()).collect();
    samples_of(points, &[labels], &everyone).pop().flatten()
}

/// The mean silhouette; none where it is not defined.
pub fn mean<const D: usize>(points: &[[f64; D]], labels: &[usize]) -> Option<f64> {
    samples(points, labels).map(|samples| super::sum::mean(&samples))
}

/// Mean silhouettes of several labellings of the same points.
pub fn means<const D: usize>(points: &[[f64; D]], labellings: &[&[usize]]) -> Vec<Option<f64>> {
    let everyone: Vec<usize> = (0..points.len()).collect();
    let all = samples_of(points, labellings, &everyone);
    all.into_iter().map(|samples| samples.map(|samples| super::sum::mean(&samples))).collect()
}

/// Silhouettes, among all points, of the points `chosen`, for each labelling; in the order of `chosen`.
pub fn samples_of<const D: usize>(
    points: &[[f64; D]],
    labellings: &[&[usize]],
    chosen: &[usize],
) -> Vec<Option<Vec<f64>>> {
    let cells = Cells::new(points, labellings);
    let clusterings: Vec<Clustering> = labellings.iter().map(|labels| Clustering::new(labels, &cells)).collect();
    let rows: Vec<Vec<f64>> = chosen
        .par_chunks(TASK_POINTS)
        .map(|task| {
            let mut sums = vec![0.0; cells.runs.len()];
            let mut values = Vec::with_capacity(task.len() * clusterings.len());
            for &index in task {
                cells.distance_sums(&points[index], &mut sums);
                let cell = cells.of_point[index];
                values.extend(clusterings.iter().map(|clustering| clustering.silhouette(cell, &sums)));
            }
            values
        })
        .collect();
    let of_labelling = |number: usize| rows.iter().flatten().skip(number).step_by(clusterings.len()).copied().collect();
    let is_defined = |clustering: &Clustering| (2..points.len()).contains(&clustering.clusters());
    clusterings.iter().enumerate().map(|(number, each)| is_defined(each).then(|| of_labelling(number))).collect()
}

/// Points grouped by their labels in all labellings, each group a run of columns.
struct Cells<const D: usize> {
    columns: Columns<D>,
    runs: Vec<Range<usize>>,
    of_point: Vec<usize>,
    /// A point of each cell.
    representatives: Vec<usize>,
}

impl<const D: usize> Cells<D> {
    fn new(points: &[[f64; D]], labellings: &[&[usize]]) -> Self {
        let mut members: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        let mut key = Vec::with_capacity(labellings.len());
        for index in 0..points.len() {
            key.clear();
            key.extend(labellings.iter().map(|labels| labels[index]));
            if let Some(cell) = members.get_mut(&key) {
                cell.push(index);
            } else {
                members.insert(key.clone(), vec![index]);
            }
        }
        let mut of_point = vec![0; points.len()];
        let mut runs = Vec::with_capacity(members.len());
        let mut start = 0;
        for (cell, indices) in members.values().enumerate() {
            for &index in indices {
                of_point[index] = cell;
            }
            runs.push(start..start + indices.len());
            start += indices.len();
        }
        let columns = Columns::new(points, &members.values().flatten().copied());
        let representatives = members.values().map(|indices| indices[0]).collect();
        Self { columns, runs, of_point, representatives }
    }

    fn distance_sums(&self, point: &[f64; D], sums: &mut [f64]) {
        for (sum, run) in sums.iter_mut().zip(&self.runs) {
            *sum = self.columns.distance_sum(point, run.clone());
        }
    }
}

/// One labelling in terms of cells; clusters are numbered without gaps.
struct Clustering {
    /// Cells of each cluster.
    cells: Vec<Vec<usize>>,
    sizes: Vec<usize>,
    of_cell: Vec<usize>,
}

impl Clustering {
    fn new<const D: usize>(labels: &[usize], cells: &Cells<D>) -> Self {
        let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
        let mut clustering = Self { cells: Vec::new(), sizes: Vec::new(), of_cell: Vec::new() };
        for (cell, (&representative, run)) in cells.representatives.iter().zip(&cells.runs).enumerate() {
            let next = numbers.len();
            let cluster = *numbers.entry(labels[representative]).or_insert(next);
            if cluster == next {
                clustering.cells.push(Vec::new());
                clustering.sizes.push(0);
            }
            clustering.cells[cluster].push(cell);
            clustering.sizes[cluster] += run.len();
            clustering.of_cell.push(cluster);
        }
        clustering
    }

    fn clusters(&self) -> usize {
        self.sizes.len()
    }

    /// The silhouette of a point of `cell` whose distances to all cells sum up to `sums`.
    fn silhouette(&self, cell: usize, sums: &[f64]) -> f64 {
        let own = self.of_cell[cell];
        if self.sizes[own] == 1 {
            return 0.0;
        }
        let total = |cluster: usize| self.cells[cluster].iter().map(|&cell| sums[cell]).sum::<f64>();
        let inner = total(own) / (self.sizes[own] - 1) as f64;
        let others = (0..self.clusters()).filter(|&cluster| cluster != own);
        let outer = others.map(|other| total(other) / self.sizes[other] as f64).fold(f64::INFINITY, f64::min);
        let larger = inner.max(outer);
        if larger > 0.0 { (outer - inner) / larger } else { 0.0 }
    }
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
        let together = means(&points, &labellings.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for (labels, shared) in labellings.iter().zip(together) {
            assert!((mean(&points, labels).unwrap() - shared.unwrap()).abs() < 1e-13);
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
