//! Numeric kernels: pure functions from points to numbers, exact where they say so and equal on any number of threads.
//!
//! For: clustering, its measures, quantiles and sums. Not for: customers, tables, params or anything with a name.
//! Called by: `train`, `evaluate`, `visualize`, `deploy`.
//!
//! Points are `[f64; D]` with a constant number of features (three, everywhere in segpipe); a labelling is one `usize`
//! per point. What is added to one sum is added in one order, however the work is split among threads, so no result
//! depends on their number.

pub mod columns;
pub mod kmeans;
pub mod mixture;
pub mod pairs;
pub mod pca;
pub mod quantile;
pub mod separation;
pub mod silhouette;
pub mod strata;
pub mod sum;
