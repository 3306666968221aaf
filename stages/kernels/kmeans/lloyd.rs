//! One start of KMeans: seeded centres, moved until the assignment is stable.
//!
//! For: the iterations and the empty clusters they may meet. Not for: choosing among starts ([`super`]).
//! Called by: [`super::fit_all`].

use rayon::prelude::*;

use super::tree::Tree;
use super::{Clusters, seeding};
use crate::kernels::columns::{Columns, LANES, squared_distance};
use crate::kernels::separation;
use crate::random::Random;

/// The tree has done its work when no coordinate moves by more than this share of the largest coordinate.
const SETTLED: f64 = 1e-13;

/// Iterations that would not reach a rival's inertia in this many steps like their last one are given up.
const HORIZON: f64 = 5.0;

/// Points made ready for any number of starts.
#[derive(Debug)]
pub struct Lloyd<'a, const D: usize> {
    points: &'a [[f64; D]],
    columns: Columns<D>,
    tree: Tree<D>,
    settled: f64,
    /// Sum of the points' squared lengths.
    squares: f64,
}

impl<'a, const D: usize> Lloyd<'a, D> {
    /// Prepares finite points.
    pub fn new(points: &'a [[f64; D]]) -> Self {
        let largest = points.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let columns = Columns::new(points, &(0..points.len()));
        let squares = points.iter().flatten().map(|value| value * value).sum();
        Self { points, columns, tree: Tree::new(points), settled: SETTLED * largest, squares }
    }

    /// One start with its own random stream. There must be at least `k` distinct points.
    pub fn start(&self, k: usize, max_iter: usize, random: &mut Random) -> Travelled<D> {
        let centroids = seeding::draw(self.points, &self.columns, k, random);
        self.travel(centroids, max_iter, f64::INFINITY)
    }

    /// For every cluster in turn, the centres with its own exchanged for one drawn anew with a random stream of its own.
    pub fn exchanges(&self, clusters: &Clusters<D>, random: impl Fn(usize) -> Random + Sync) -> Vec<Vec<[f64; D]>> {
        let k = clusters.centroids.len();
        let nearest = NearestTwo::new(self.points, &clusters.labels, &clusters.centroids);
        let exchange = |removed: usize| {
            let squares = nearest.without(removed, &clusters.labels);
            let mut centroids = clusters.centroids.clone();
            centroids[removed] = seeding::draw_one(self.points, &self.columns, squares, k, &mut random(removed));
            centroids
        };
        (0..k).into_par_iter().with_max_len(1).map(exchange).collect()
    }

    /// Iterates on the tree until the centroids stand still, or where they seem never to reach the inertia `rival`.
    /// Leaves at least one iteration to [`Self::settle`].
    pub fn travel(&self, mut centroids: Vec<[f64; D]>, max_iter: usize, rival: f64) -> Travelled<D> {
        let mut inertia = f64::INFINITY;
        for iteration in 1..max_iter {
            let totals = self.tree.totals(&centroids);
            let before = inertia;
            inertia = self.squares - totals.between();
            let moved: Vec<[f64; D]> = if totals.counts.contains(&0) {
                self.means(&mut self.assign(&centroids), &centroids)
            } else {
                let means = totals.sums.iter().zip(&totals.counts);
                means.map(|(sum, &count)| sum.map(|sum| sum / count as f64)).collect()
            };
            let gaps = moved.iter().flatten().zip(centroids.iter().flatten()).map(|(new, old)| (new - old).abs());
            let is_settled = gaps.fold(0.0, f64::max) <= self.settled;
            centroids = moved;
            if is_settled || inertia - HORIZON * (before - inertia) > rival {
                return Travelled { centroids, inertia, iterations: iteration };
            }
        }
        let inertia = self.squares - self.tree.totals(&centroids).between();
        Travelled { centroids, inertia, iterations: max_iter - 1 }
    }

    /// Iterates over all points until no assignment changes.
    pub fn settle(&self, travelled: Travelled<D>, max_iter: usize) -> Clusters<D> {
        let Travelled { mut centroids, mut iterations, .. } = travelled;
        let mut labels = self.assign(&centroids);
        let mut is_stable = false;
        while !is_stable && iterations < max_iter {
            iterations += 1;
            let mut grouped = labels.clone();
            centroids = self.means(&mut grouped, &centroids);
            labels = self.assign(&centroids);
            is_stable = labels == grouped;
        }
        let inertia = separation::inertia(self.points, &labels, &centroids);
        Clusters { centroids, labels, inertia, iterations, is_stable }
    }

    /// The nearest centroid of every point, lowest index on ties.
    fn assign(&self, centroids: &[[f64; D]]) -> Vec<usize> {
        let mut labels = Vec::with_capacity(self.columns.len());
        let tiles = self.columns.len() / LANES;
        for tile in 0..tiles {
            let mut best = [f64::INFINITY; LANES];
            let mut label = [0_u64; LANES];
            for (index, centroid) in centroids.iter().enumerate() {
                let squares = self.columns.squared_distances(centroid, tile * LANES);
                for lane in 0..LANES {
                    let is_closer = squares[lane] < best[lane];
                    best[lane] = if is_closer { squares[lane] } else { best[lane] };
                    label[lane] = if is_closer { index as u64 } else { label[lane] };
                }
            }
            labels.extend(label.iter().map(|&label| label as usize));
        }
        labels.extend(self.points[tiles * LANES..].iter().map(|point| nearest(point, centroids)));
        labels
    }

    /// The means of the labelled points. Every cluster without points first takes over the point farthest from its
    /// centroid among clusters of two or more (the first of equally far ones), and `labels` says so afterwards.
    fn means(&self, labels: &mut [usize], centroids: &[[f64; D]]) -> Vec<[f64; D]> {
        let mut counts = vec![0_usize; centroids.len()];
        for &label in labels.iter() {
            counts[label] += 1;
        }
        for empty in 0..centroids.len() {
            if counts[empty] == 0
                && let Some(farthest) = self.farthest(labels, &counts, centroids)
            {
                counts[labels[farthest]] -= 1;
                counts[empty] = 1;
                labels[farthest] = empty;
            }
        }
        let mut sums = vec![[0.0; D]; centroids.len()];
        for (point, &label) in self.points.iter().zip(labels.iter()) {
            sums[label].iter_mut().zip(point).for_each(|(sum, value)| *sum += value);
        }
        sums.iter().zip(&counts).map(|(sum, &count)| sum.map(|sum| sum / count as f64)).collect()
    }

    fn farthest(&self, labels: &[usize], counts: &[usize], centroids: &[[f64; D]]) -> Option<usize> {
        let mut best: Option<(f64, usize)> = None;
        for (index, (point, &label)) in self.points.iter().zip(labels).enumerate() {
            let square = squared_distance(point, &centroids[label]);
            if counts[label] > 1 && best.is_none_or(|(largest, _)| square > largest) {
                best = Some((square, index));
            }
        }
        best.map(|(_, index)| index)
    }
}

/// Where the iterations on the tree have come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Travelled<const D: usize> {
    /// The centres, of which only [`Lloyd::settle`] makes exact means.
    pub centroids: Vec<[f64; D]>,
    /// The inertia about them or the centres before them, up to rounding.
    pub inertia: f64,
    /// Iterations so far.
    pub iterations: usize,
}

/// The one with the least inertia, the first of equal ones.
pub fn least<const D: usize>(travelled: Vec<Travelled<D>>) -> Option<Travelled<D>> {
    travelled.into_iter().reduce(|best, other| if other.inertia < best.inertia { other } else { best })
}

/// Squared distances of all points to their own and to the nearest other centroid.
#[derive(Debug)]
struct NearestTwo {
    own: Vec<f64>,
    other: Vec<f64>,
}

impl NearestTwo {
    fn new<const D: usize>(points: &[[f64; D]], labels: &[usize], centroids: &[[f64; D]]) -> Self {
        let own = points.iter().zip(labels).map(|(point, &label)| squared_distance(point, &centroids[label]));
        let other = points.iter().zip(labels).map(|(point, &label)| {
            let others = centroids.iter().enumerate().filter(|(index, _)| *index != label);
            others.fold(f64::INFINITY, |least, (_, centroid)| least.min(squared_distance(point, centroid)))
        });
        Self { own: own.collect(), other: other.collect() }
    }

    /// Squared distances to the nearest centroid that is left when `removed` is taken away.
    fn without(&self, removed: usize, labels: &[usize]) -> Vec<f64> {
        let squares = self.own.iter().zip(&self.other).zip(labels);
        squares.map(|((own, other), &label)| if label == removed { *other } else { *own }).collect()
    }
}

/// The index of the nearest centroid, the lowest on ties.
pub fn nearest<const D: usize>(point: &[f64; D], centroids: &[[f64; D]]) -> usize {
    let mut best = (f64::INFINITY, 0);
    for (index, centroid) in centroids.iter().enumerate() {
        let square = squared_distance(point, centroid);
        if square < best.0 {
            best = (square, index);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_cluster_takes_over_the_farthest_point() {
        // All four are nearest to centre 0 at 1; distances 1, 0, 1, 9: the point 10 becomes cluster 1.
        let points = [[0.0], [1.0], [2.0], [10.0]];
        let lloyd = Lloyd::new(&points);
        let mut labels = vec![0; 4];
        let means = lloyd.means(&mut labels, &[[1.0], [1000.0]]);
        assert_eq!(labels, [0, 0, 0, 1]);
        assert_eq!(means, [[1.0], [10.0]]);
    }

    #[test]
    fn the_only_point_of_a_cluster_is_never_taken() {
        // Cluster 1 is the far point alone; the empty cluster 2 takes 0, the first of the two at distance 1.
        let points = [[0.0], [2.0], [100.0]];
        let lloyd = Lloyd::new(&points);
        let mut labels = vec![0, 0, 1];
        let means = lloyd.means(&mut labels, &[[1.0], [50.0], [9e9]]);
        assert_eq!(labels, [2, 0, 1]);
        assert_eq!(means, [[2.0], [100.0], [0.0]]);
    }

    #[test]
    fn a_start_whose_centres_lose_their_points_recovers() {
        let points: Vec<[f64; 1]> = (0..30).map(|i| [f64::from(i % 3) * 10.0]).collect();
        let lloyd = Lloyd::new(&points);
        let travelled = lloyd.travel(vec![[5.0], [5000.0], [9000.0]], 300, f64::INFINITY);
        let clusters = lloyd.settle(travelled, 300);
        assert_eq!(clusters.inertia.to_bits(), 0.0_f64.to_bits());
        assert!(clusters.is_stable);
    }

    #[test]
    fn ties_go_to_the_lowest_index_in_tiles_and_in_the_rest() {
        let points = [[0.0]; LANES + 1];
        let lloyd = Lloyd::new(&points);
        assert_eq!(lloyd.assign(&[[1.0], [-1.0], [1.0]]), [0; LANES + 1]);
    }
}
