//! A mixture of normal distributions, fitted by expectation maximisation (Dempster, Laird and Rubin 1977).
//!
//! For: weights, means and precision matrices from a first partition of the points. Not for: scoring (`model`).
//! Called by: `train`.
//!
//! It takes scikit-learn's decisions (full covariances with 1e-6 added to their diagonal; settled when the mean
//! log-likelihood gains less than 1e-3) with two differences. Probabilities are normalised by their largest, so a
//! point far from every component has some. Moments are summed in fixed blocks in a fixed order with `libm`'s
//! exponential, so the result does not depend on threads or on what the processor can do; linfa's own mixture model
//! gives neither and stands beside this one as a check in the tests.

use rayon::prelude::*;

/// Added to the diagonal of every covariance matrix.
const REGULAR: f64 = 1e-6;

/// The mean log-likelihood gains less than this when the fit has settled.
const TOLERANCE: f64 = 1e-3;

/// Points per partial sum; part of the order in which moments are summed.
const BLOCK: usize = 4_096;

/// ln 2π.
const LN_TAU: f64 = 1.837_877_066_409_345_3;

type Matrix<const D: usize> = [[f64; D]; D];

/// A fitted mixture; component `j` has weight, mean and precision `j`.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture<const D: usize> {
    /// Shares of the components, summing up to 1.
    pub weights: Vec<f64>,
    /// Their means.
    pub means: Vec<[f64; D]>,
    /// Inverses of their covariance matrices.
    pub precisions: Vec<Matrix<D>>,
    /// Mean log-likelihood of the points.
    pub log_likelihood: f64,
    /// Iterations made.
    pub iterations: usize,
}

/// Why no mixture was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MixtureError {
    /// The likelihood still grew.
    #[error("the mixture of {k} components did not settle within {iterations} iterations")]
    NotSettled {
        /// Components.
        k: usize,
        /// Iterations made.
        iterations: usize,
    },
    /// A component lost its points, or what is left of them has no extent.
    #[error("component {component} of the mixture of {k} collapsed")]
    Collapsed {
        /// Components.
        k: usize,
        /// Which.
        component: usize,
    },
}

/// Fits as many components as `labels` names, starting from that partition.
///
/// # Errors
/// [`MixtureError`] where a component collapses or the likelihood does not settle within `max_iter` iterations.
pub fn fit<const D: usize>(
    points: &[[f64; D]],
    labels: &[usize],
    k: usize,
    max_iter: usize,
) -> Result<Mixture<D>, MixtureError> {
    let hard = |point: usize, shares: &mut [f64]| {
        shares.fill(0.0);
        shares[labels[point]] = 1.0;
        0.0
    };
    let mut components = Components::maximise(&Moments::sum(points, k, hard), points.len())?;
    let mut before = f64::NEG_INFINITY;
    for iteration in 1..=max_iter {
        let soft = |point: usize, shares: &mut [f64]| components.shares(&points[point], shares);
        let moments = Moments::sum(points, k, soft);
        components = Components::maximise(&moments, points.len())?;
        let log_likelihood = moments.log_likelihood / points.len() as f64;
        if (log_likelihood - before).abs() < TOLERANCE {
            return Ok(components.into_mixture(log_likelihood, iteration));
        }
        before = log_likelihood;
    }
    Err(MixtureError::NotSettled { k, iterations: max_iter })
}

/// Sums over points, weighted with each component's share of the point. Second moments are about the origin: scaled
/// features have a spread that is not small against their distance from it.
#[derive(Clone)]
struct Moments<const D: usize> {
    shares: Vec<f64>,
    firsts: Vec<[f64; D]>,
    seconds: Vec<Matrix<D>>,
    log_likelihood: f64,
}

impl<const D: usize> Moments<D> {
    fn zero(k: usize) -> Self {
        Self { shares: vec![0.0; k], firsts: vec![[0.0; D]; k], seconds: vec![[[0.0; D]; D]; k], log_likelihood: 0.0 }
    }

    /// `shares_of` fills in the shares of a point and returns its log-likelihood.
    fn sum(points: &[[f64; D]], k: usize, shares_of: impl Fn(usize, &mut [f64]) -> f64 + Sync) -> Self {
        let block = |(number, block): (usize, &[[f64; D]])| {
            let mut moments = Self::zero(k);
            let mut shares = vec![0.0; k];
            for (offset, point) in block.iter().enumerate() {
                moments.log_likelihood += shares_of(number * BLOCK + offset, &mut shares);
                moments.add_point(point, &shares);
            }
            moments
        };
        let blocks: Vec<Self> = points.par_chunks(BLOCK).enumerate().map(block).collect();
        blocks.into_iter().fold(Self::zero(k), |mut sum, block| {
            sum.add(&block);
            sum
        })
    }

    fn add_point(&mut self, point: &[f64; D], shares: &[f64]) {
        for (component, &share) in shares.iter().enumerate() {
            self.shares[component] += share;
            for row in 0..D {
                self.firsts[component][row] += share * point[row];
                for column in 0..=row {
                    self.seconds[component][row][column] += share * point[row] * point[column];
                }
            }
        }
    }

    fn add(&mut self, other: &Self) {
        self.log_likelihood += other.log_likelihood;
        let plus =
            |sums: &mut [f64], values: &[f64]| sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        plus(&mut self.shares, &other.shares);
        plus(self.firsts.as_flattened_mut(), other.firsts.as_flattened());
        plus(self.seconds.as_flattened_mut().as_flattened_mut(), other.seconds.as_flattened().as_flattened());
    }
}

/// Components ready to tell how probable a point is.
struct Components<const D: usize> {
    weights: Vec<f64>,
    means: Vec<[f64; D]>,
    /// Inverses of the lower triangles A of the covariances A × Aᵀ.
    inverses: Vec<Matrix<D>>,
    /// ln weight − D/2 ln 2π − ln det A.
    heights: Vec<f64>,
}

impl<const D: usize> Components<D> {
    fn maximise(moments: &Moments<D>, points: usize) -> Result<Self, MixtureError> {
        let k = moments.shares.len();
        let mut all = Self { weights: vec![], means: vec![], inverses: vec![], heights: vec![] };
        for component in 0..k {
            let collapsed = MixtureError::Collapsed { k, component };
            let share = moments.shares[component];
            if share < 10.0 * f64::EPSILON {
                return Err(collapsed);
            }
            let mean = moments.firsts[component].map(|sum| sum / share);
            let covariance = covariance(&moments.seconds[component], share, &mean);
            let triangle = cholesky(&covariance).ok_or(collapsed)?;
            let half_log_determinant: f64 = (0..D).map(|row| libm::log(triangle[row][row])).sum();
            let weight = share / points as f64;
            all.heights.push(libm::log(weight) - 0.5 * D as f64 * LN_TAU - half_log_determinant);
            all.inverses.push(inverse(&triangle));
            all.means.push(mean);
            all.weights.push(weight);
        }
        Ok(all)
    }

    /// Fills in the posterior probabilities of a point; returns its log-likelihood.
    fn shares(&self, point: &[f64; D], shares: &mut [f64]) -> f64 {
        let mut largest = f64::NEG_INFINITY;
        for (component, share) in shares.iter_mut().enumerate() {
            *share = self.heights[component] - 0.5 * self.squared(component, point);
            largest = largest.max(*share);
        }
        let mut sum = 0.0;
        for share in shares.iter_mut() {
            *share = libm::exp(*share - largest);
            sum += *share;
        }
        for share in shares.iter_mut() {
            *share /= sum;
        }
        largest + libm::log(sum)
    }

    /// Squared Mahalanobis distance.
    fn squared(&self, component: usize, point: &[f64; D]) -> f64 {
        let (inverse, mean) = (&self.inverses[component], &self.means[component]);
        let side =
            |row: usize| (0..=row).map(|column| inverse[row][column] * (point[column] - mean[column])).sum::<f64>();
        (0..D).map(|row| side(row) * side(row)).sum()
    }

    fn into_mixture(self, log_likelihood: f64, iterations: usize) -> Mixture<D> {
        let precisions = self.inverses.iter().map(precision).collect();
        Mixture { weights: self.weights, means: self.means, precisions, log_likelihood, iterations }
    }
}

/// The lower triangle of a covariance matrix.
fn covariance<const D: usize>(seconds: &Matrix<D>, share: f64, mean: &[f64; D]) -> Matrix<D> {
    let mut covariance = [[0.0; D]; D];
    for row in 0..D {
        for column in 0..=row {
            covariance[row][column] = seconds[row][column] / share - mean[row] * mean[column];
        }
        covariance[row][row] += REGULAR;
    }
    covariance
}

/// The lower triangle A with A × Aᵀ = `matrix`; none where the matrix is not positive definite.
fn cholesky<const D: usize>(matrix: &Matrix<D>) -> Option<Matrix<D>> {
    let mut lower = [[0.0; D]; D];
    for row in 0..D {
        for column in 0..=row {
            let known: f64 = (0..column).map(|inner| lower[row][inner] * lower[column][inner]).sum();
            let rest = matrix[row][column] - known;
            lower[row][column] = if row > column { rest / lower[column][column] } else { rest.sqrt() };
        }
        if !(lower[row][row] > 0.0 && lower[row][row].is_finite()) {
            return None;
        }
    }
    Some(lower)
}

/// The inverse of a lower triangle.
fn inverse<const D: usize>(lower: &Matrix<D>) -> Matrix<D> {
    let mut inverse = [[0.0; D]; D];
    for column in 0..D {
        inverse[column][column] = 1.0 / lower[column][column];
        for row in column + 1..D {
            let known: f64 = (column..row).map(|inner| lower[row][inner] * inverse[inner][column]).sum();
            inverse[row][column] = -known / lower[row][row];
        }
    }
    inverse
}

/// The inverse of the covariance: the transposed inverse triangle times itself.
fn precision<const D: usize>(inverse: &Matrix<D>) -> Matrix<D> {
    std::array::from_fn(|row| {
        std::array::from_fn(|column| {
            (row.max(column)..D).map(|inner| inverse[inner][row] * inverse[inner][column]).sum()
        })
    })
}

#[cfg(test)]
mod tests {
    use linfa::DatasetBase;
    use linfa::traits::Fit;
    use linfa_clustering::GaussianMixtureModel;
    use ndarray::Array2;

    use super::*;
    use crate::random::Random;

    /// Two clouds of different spread, far apart: 600 around (0, 0), 400 around (20, 5).
    fn clouds() -> (Vec<[f64; 2]>, Vec<usize>) {
        let mut random = Random::new(11, 0);
        let labels: Vec<usize> = (0..1_000).map(|i| usize::from(i % 5 < 2)).collect();
        let at = |label: usize, random: &mut Random| match label {
            0 => [random.normal(), 3.0 * random.normal()],
            _ => [20.0 + 2.0 * random.normal(), 5.0 + 0.5 * random.normal()],
        };
        (labels.iter().map(|&label| at(label, &mut random)).collect(), labels)
    }

    #[test]
    fn two_points_a_component_by_hand() {
        // {−1, 1} and {99, 101}: means 0 and 100, variances 1 + 1e-6, halves.
        let mixture = fit(&[[-1.0], [1.0], [99.0], [101.0]], &[0, 0, 1, 1], 2, 100).unwrap();
        assert_eq!(mixture.weights, [0.5, 0.5]);
        assert!((mixture.means[1][0] - 100.0).abs() < 1e-12);
        assert!((mixture.precisions[0][0][0] - 1.0 / (1.0 + 1e-6)).abs() < 1e-9);
        // ln 0.5 − ½ ln 2π − ½ ln var − ½ / var
        let expected = 0.5_f64.ln() - 0.5 * std::f64::consts::TAU.ln() - 0.5;
        assert!((mixture.log_likelihood - expected).abs() < 1e-5, "{}", mixture.log_likelihood);
    }

    #[test]
    fn clouds_are_found_from_a_bad_start() {
        let (points, labels) = clouds();
        let start: Vec<usize> =
            labels.iter().enumerate().map(|(i, label)| if i % 4 == 0 { 1 - label } else { *label }).collect();
        let mixture = fit(&points, &start, 2, 300).unwrap();
        assert!((mixture.weights[0] - 0.6).abs() < 1e-6, "{mixture:?}");
        assert!((mixture.means[1][0] - 20.0).abs() < 0.3 && (mixture.means[1][1] - 5.0).abs() < 0.1);
        assert!((mixture.precisions[0][1][1] - 1.0 / 9.0).abs() < 0.02);
    }

    #[test]
    fn linfas_mixture_agrees() {
        let (points, labels) = clouds();
        let ours = fit(&points, &labels, 2, 300).unwrap();
        let matrix = Array2::from_shape_fn((points.len(), 2), |(row, column)| points[row][column]);
        let theirs = GaussianMixtureModel::params(2).n_runs(3).fit(&DatasetBase::from(matrix)).unwrap();
        let first = usize::from(theirs.means()[[0, 0]] > theirs.means()[[1, 0]]);
        for (own, other) in [(0, first), (1, 1 - first)] {
            assert!((ours.weights[own] - theirs.weights()[other]).abs() < 1e-6);
            for row in 0..2 {
                assert!((ours.means[own][row] - theirs.means()[[other, row]]).abs() < 1e-4);
                for column in 0..2 {
                    let gap = ours.precisions[own][row][column] - theirs.precisions()[[other, row, column]];
                    assert!(gap.abs() < 1e-3, "{gap}");
                }
            }
        }
    }

    #[test]
    fn a_point_far_from_every_component_has_a_probability() {
        let (mut points, mut labels) = clouds();
        points.push([0.0, 1e5]);
        labels.push(0);
        points.push([20.0, 1e5]);
        labels.push(1);
        assert!(fit(&points, &labels, 2, 300).unwrap().log_likelihood.is_finite());
    }

    #[test]
    fn too_few_iterations_and_a_component_without_points_are_errors() {
        let (points, labels) = clouds();
        assert_eq!(fit(&points, &labels, 2, 1).unwrap_err(), MixtureError::NotSettled { k: 2, iterations: 1 });
        assert_eq!(fit(&points, &labels, 3, 9).unwrap_err(), MixtureError::Collapsed { k: 3, component: 2 });
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let mut random = Random::new(12, 0);
        let points: Vec<[f64; 3]> = (0..10_000).map(|_| std::array::from_fn(|_| random.normal())).collect();
        let labels: Vec<usize> = points.iter().map(|point| usize::from(point[0] > 0.0)).collect();
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| fit(&points, &labels, 2, 300)).unwrap()
        };
        let (one, two) = (on(1), on(2));
        assert_eq!(one.log_likelihood.to_bits(), two.log_likelihood.to_bits());
        assert_eq!(
            one.means.as_flattened().iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            two.means.as_flattened().iter().map(|x| x.to_bits()).collect::<Vec<_>>()
        );
    }
}
