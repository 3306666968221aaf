//! Partitions of scaled customers, by either algorithm.
//!
//! For: one shape for what KMeans and the Gaussian mixture give. Not for: scaling, order or names of segments.
//! Called by: [`super::study`], [`super::stability`].

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::params::{Algorithm, TrainParams};
use crate::kernels::kmeans::{self, Clusters, KMeans, KMeansError};
use crate::kernels::mixture::{self, MixtureError};
use crate::kernels::separation;
use crate::model::{Centres, Mixture};

/// A partition in scaled space. A mixture's customers belong to their most probable component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partition {
    /// Centres: means of segments or of components.
    pub centres: Vec<[f64; 3]>,
    /// Weights and precisions, for a mixture.
    pub mixture: Option<Mixture>,
    /// Segment of every customer.
    pub labels: Vec<usize>,
    /// Sum of squared distances to the centres.
    pub inertia: f64,
    /// Iterations: of the best start, or of expectation maximisation.
    pub iterations: usize,
    /// Whether it came to rest before the iterations ran out.
    pub is_stable: bool,
}

impl Partition {
    /// Customers of each segment.
    pub fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![0; self.centres.len()];
        for &label in &self.labels {
            sizes[label] += 1;
        }
        sizes
    }
}

impl From<Clusters<3>> for Partition {
    fn from(clusters: Clusters<3>) -> Self {
        Self {
            centres: clusters.centroids,
            mixture: None,
            labels: clusters.labels,
            inertia: clusters.inertia,
            iterations: clusters.iterations,
            is_stable: clusters.is_stable,
        }
    }
}

/// A partition for every k wanted, in the order of `ks`; an error in place of a mixture that was not found.
///
/// # Errors
/// [`KMeansError`] where points cannot be partitioned at all.
pub(super) fn partitions(
    points: &[[f64; 3]],
    ks: &[usize],
    params: &TrainParams,
) -> Result<Vec<Result<Partition, MixtureError>>, KMeansError> {
    let TrainParams { n_init, max_iter, seed, .. } = *params;
    let wanted: Vec<KMeans> = ks.iter().map(|&k| KMeans { n_init, max_iter, seed, ..KMeans::new(k) }).collect();
    partitions_as(points, &wanted, params.algorithm)
}

/// A partition for every fit wanted; an error in place of a mixture that was not found.
///
/// # Errors
/// [`KMeansError`] where points cannot be partitioned at all.
pub(super) fn partitions_as(
    points: &[[f64; 3]],
    wanted: &[KMeans],
    algorithm: Algorithm,
) -> Result<Vec<Result<Partition, MixtureError>>, KMeansError> {
    let clusters = kmeans::fit_all(points, wanted)?;
    Ok(match algorithm {
        Algorithm::Kmeans => clusters.into_iter().map(|clusters| Ok(clusters.into())).collect(),
        Algorithm::GaussianMixture => {
            let pairs = clusters.into_par_iter().zip(wanted);
            pairs.map(|(start, wanted)| mixture_from(points, &start, wanted.max_iter)).collect()
        }
    })
}

/// The mixture that expectation maximisation reaches from a KMeans partition.
fn mixture_from(points: &[[f64; 3]], start: &Clusters<3>, max_iter: usize) -> Result<Partition, MixtureError> {
    let k = start.centroids.len();
    let found = mixture::fit(points, &start.labels, k, max_iter)?;
    let mixture = Mixture { weights: found.weights, precisions: found.precisions };
    let broken = mixture.components().iter().position(|component| !component.penalty.is_finite());
    if let Some(component) = broken {
        return Err(MixtureError::Collapsed { k, component });
    }
    let centres = Centres::new(found.means.clone(), Some(&mixture));
    let labels: Vec<usize> = points.iter().map(|point| centres.score(*point).segment).collect();
    let inertia = separation::inertia(points, &labels, &found.means);
    let partition = Partition {
        centres: found.means,
        mixture: Some(mixture),
        labels,
        inertia,
        iterations: found.iterations,
        is_stable: true,
    };
    match partition.sizes().iter().position(|&size| size == 0) {
        Some(component) => Err(MixtureError::Collapsed { k, component }),
        None => Ok(partition),
    }
}
