//! The trained model: everything needed to score raw recency, frequency and monetary values, as model.json holds it.
//!
//! For: reading and writing (`file.rs`) and scoring (`score.rs`). Not for: training (`train`) or the ONNX form of it
//! (`train::onnx`), which does the same arithmetic in the same order.
//! Called by: `train`, `evaluate`, `visualize`, `deploy`, and whoever scores customers.

mod file;
mod score;

use serde::{Deserialize, Serialize};

pub use file::ModelError;
pub(crate) use score::LIMIT;
pub use score::{Centres, Component, Score, ScoreError, Scorer};

/// Version of model.json that this segpipe writes; older ones are read, newer ones refused.
pub const VERSION: u32 = 1;

/// [`Model::algorithm`] of a partition into nearest centroids.
pub const KMEANS: &str = "kmeans";
/// [`Model::algorithm`] of a mixture of normal distributions.
pub const GAUSSIAN_MIXTURE: &str = "gaussian_mixture";

/// Characters of [`identity`]: as many as a tracking server keeps of a digest.
const IDENTITY: usize = 32;

/// What tells a model from all others, by the digests of its model.json and its model.onnx: equal exactly for equal
/// models.
pub fn identity(digests: [&str; 2]) -> String {
    blake3::hash(digests.join("\n").as_bytes()).to_hex()[..IDENTITY].to_owned()
}

/// A model of k segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Format of this file.
    pub version: u32,
    /// Version of segpipe that trained it.
    pub segpipe_version: String,
    /// How it was trained: [`KMEANS`] or [`GAUSSIAN_MIXTURE`].
    pub algorithm: String,
    /// The features in order: recency, frequency, monetary.
    pub features: [String; 3],
    /// How raw values become scaled ones.
    pub scaler: Scaler,
    /// The segments, 0..k.
    pub segments: Vec<ModelSegment>,
    /// Covariances and weights, for a Gaussian mixture.
    pub mixture: Option<Mixture>,
    /// The instant at which recency was counted, ISO 8601 without zone.
    pub snapshot: String,
    /// What one unit of frequency is: `invoices` or `purchase_days`.
    pub frequency_unit: String,
    /// blake3 of the `customers` table it was trained on.
    pub data_digest: String,
    /// `file` or `simulated`.
    pub data_source: String,
    /// Number of customers it was trained on.
    pub customers: u64,
    /// Seed of the training.
    pub seed: u64,
    /// Smallest and largest raw value seen, per feature.
    pub ranges: [[f64; 2]; 3],
    /// Share of customers who keep their segment's name over bootstrap refits; null where it was not measured.
    pub name_stability: Option<f64>,
}

/// How raw features become scaled ones: clip, then log(1 + max(x, 0)) where asked, then (x − offset) / scale.
/// Scaled values beyond ±1e100 are set to it, so that distances are always finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// The name of the method: `standard`, `log`, `robust`, `minmax` or `none`.
    pub method: String,
    /// Bounds to which raw values are clipped first, per feature; null without winsorising.
    pub clip: Option<[[f64; 2]; 3]>,
    /// Whether the logarithm of 1 + x is taken.
    pub is_log: bool,
    /// What is subtracted.
    pub offset: [f64; 3],
    /// What is divided by; never zero.
    pub scale: [f64; 3],
}

/// One segment of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSegment {
    /// Its number; 0 has the highest median monetary.
    pub segment: usize,
    /// Its name, unique in the model.
    pub name: String,
    /// Customers assigned in training.
    pub customers: u64,
    /// Its centre in scaled space.
    pub centroid: [f64; 3],
    /// Means of its customers' raw features.
    pub mean: [f64; 3],
}

/// What a Gaussian mixture has besides its means.
///
/// A customer belongs to the component with the highest posterior probability, which is the one with the least
/// d² − 2 ln(weight) − ln det(precision), where d is the Mahalanobis distance to the component's mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mixture {
    /// Mixing weights, one per segment.
    pub weights: Vec<f64>,
    /// Precision matrices (inverse covariances) in scaled space, one per segment.
    pub precisions: Vec<[[f64; 3]; 3]>,
}
