//! How compact and how far apart clusters are: inertia, Calinski-Harabasz, Davies-Bouldin.
//!
//! For: measures that need only centres, with scikit-learn's definitions and edge cases. Not for: the silhouette, which
//! needs all pairs. Called by: `train`, `evaluate`.

use super::columns::squared_distance;
use super::sum::Sum;

/// Below this, distances count as zero in Davies-Bouldin (numpy's `allclose` to 0, as scikit-learn uses it).
const NEGLIGIBLE: f64 = 1e-8;

/// The clusters of a labelling that have members: their sizes, means, and the points' distances to the means.
#[derive(Debug, Clone)]
pub struct Partition<const D: usize> {
    sizes: Vec<usize>,
    centres: Vec<[f64; D]>,
    /// Sum of squared distances to the own mean, over all points.
    within: f64,
    /// Mean distance to the own mean, per cluster.
    spreads: Vec<f64>,
    points: usize,
}

impl<const D: usize> Partition<D> {
    /// Sums up a labelling; labels without points are left out, as scikit-learn's label encoder does.
    pub fn new(points: &[[f64; D]], labels: &[usize]) -> Self {
        let bound = labels.iter().max().map_or(0, |label| label + 1);
        let mut sizes = vec![0; bound];
        let mut sums = vec![[Sum::default(); D]; bound];
        for (point, &label) in points.iter().zip(labels) {
            sizes[label] += 1;
            sums[label].iter_mut().zip(point).for_each(|(sum, value)| sum.add(*value));
        }
        let centres: Vec<[f64; D]> =
            sums.iter().zip(&sizes).map(|(sum, &size)| sum.map(|sum| sum.value() / size as f64)).collect();
        let mut within = Sum::default();
        let mut distances = vec![Sum::default(); bound];
        for (point, &label) in points.iter().zip(labels) {
            let square = squared_distance(point, &centres[label]);
            within.add(square);
            distances[label].add(square.sqrt());
        }
        let is_used: Vec<bool> = sizes.iter().map(|&size| size > 0).collect();
        let mut partition = Self {
            spreads: distances.iter().zip(&sizes).map(|(sum, &size)| sum.value() / size as f64).collect(),
            sizes,
            centres,
            within: within.value(),
            points: points.len(),
        };
        retain(&mut partition.sizes, &is_used);
        retain(&mut partition.centres, &is_used);
        retain(&mut partition.spreads, &is_used);
        partition
    }

    /// Ratio of the dispersion between clusters to that within, each by its degrees of freedom (Caliński and Harabasz
    /// 1974). 1 where no point is away from its mean; none for one cluster or as many as points.
    pub fn calinski_harabasz(&self) -> Option<f64> {
        let clusters = self.defined_clusters()?;
        if self.within == 0.0 {
            return Some(1.0);
        }
        let mut between = Sum::default();
        let whole = self.grand_mean();
        for (centre, &size) in self.centres.iter().zip(&self.sizes) {
            between.add(size as f64 * squared_distance(centre, &whole));
        }
        Some(between.value() * (self.points - clusters) as f64 / (self.within * (clusters - 1) as f64))
    }

    /// Mean over clusters of the worst ratio of two clusters' spreads to the distance of their means (Davies and
    /// Bouldin 1979). 0 where all spreads or all distances vanish; none for one cluster or as many as points.
    pub fn davies_bouldin(&self) -> Option<f64> {
        let clusters = self.defined_clusters()?;
        let gap = |i: usize, j: usize| squared_distance(&self.centres[i], &self.centres[j]).sqrt();
        let pairs = || (0..clusters).flat_map(|i| (0..i).map(move |j| (i, j)));
        if self.spreads.iter().all(|&spread| spread <= NEGLIGIBLE) || pairs().all(|(i, j)| gap(i, j) <= NEGLIGIBLE) {
            return Some(0.0);
        }
        let ratio = |i: usize, j: usize| match gap(i, j) {
            0.0 => 0.0,
            gap => (self.spreads[i] + self.spreads[j]) / gap,
        };
        let worst = |i: usize| (0..clusters).filter(|&j| j != i).map(|j| ratio(i, j)).fold(0.0, f64::max);
        Some((0..clusters).map(worst).collect::<Sum>().value() / clusters as f64)
    }

    fn defined_clusters(&self) -> Option<usize> {
        let clusters = self.sizes.len();
        (clusters >= 2 && clusters < self.points).then_some(clusters)
    }

    fn grand_mean(&self) -> [f64; D] {
        std::array::from_fn(|feature| {
            let members = self.centres.iter().zip(&self.sizes);
            let sum: Sum = members.map(|(centre, &size)| centre[feature] * size as f64).collect();
            sum.value() / self.points as f64
        })
    }
}

fn retain<T>(values: &mut Vec<T>, is_kept: &[bool]) {
    let mut kept = is_kept.iter();
    values.retain(|_| *kept.next().unwrap_or(&false));
}

/// Sum of squared distances of the points to the centre of their label.
pub fn inertia<const D: usize>(points: &[[f64; D]], labels: &[usize], centres: &[[f64; D]]) -> f64 {
    let squares = points.iter().zip(labels).map(|(point, &label)| squared_distance(point, &centres[label]));
    squares.collect::<Sum>().value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(value: Option<f64>) -> Option<u64> {
        value.map(f64::to_bits)
    }

    #[test]
    fn two_pairs_on_a_line_by_hand() {
        // {0, 2} and {10, 12}: means 1 and 11, whole mean 6. Within 4 × 1 = 4, between 4 × 25 = 100.
        // Calinski-Harabasz (100 / 1) / (4 / 2) = 50; Davies-Bouldin (1 + 1) / 10 = 0.2.
        let points = [[0.0], [2.0], [10.0], [12.0]];
        let partition = Partition::new(&points, &[0, 0, 1, 1]);
        assert_eq!(bits(partition.calinski_harabasz()), bits(Some(50.0)));
        assert_eq!(bits(partition.davies_bouldin()), bits(Some(0.2)));
        assert_eq!(inertia(&points, &[0, 0, 1, 1], &[[1.0], [11.0]]).to_bits(), 4.0_f64.to_bits());
    }

    #[test]
    fn an_unused_label_changes_nothing() {
        let points = [[0.0], [2.0], [10.0], [12.0]];
        let partition = Partition::new(&points, &[1, 1, 3, 3]);
        assert_eq!(bits(partition.calinski_harabasz()), bits(Some(50.0)));
        assert_eq!(bits(partition.davies_bouldin()), bits(Some(0.2)));
    }

    #[test]
    fn measures_are_undefined_for_one_cluster_and_for_one_point_each() {
        let points = [[0.0], [2.0], [10.0]];
        for labels in [[0, 0, 0], [0, 1, 2]] {
            let partition = Partition::new(&points, &labels);
            assert_eq!((partition.calinski_harabasz(), partition.davies_bouldin()), (None, None));
        }
    }

    #[test]
    fn coinciding_points_give_one_and_zero() {
        let partition = Partition::new(&[[1.0], [1.0], [5.0], [5.0]], &[0, 0, 1, 1]);
        assert_eq!(bits(partition.calinski_harabasz()), bits(Some(1.0)));
        assert_eq!(bits(partition.davies_bouldin()), bits(Some(0.0)));
    }
}
