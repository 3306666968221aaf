//! [`KMeans`] behind linfa's traits: fits linfa datasets, predicts for ndarray matrices.
//!
//! For: users of linfa, and tests that put this KMeans and linfa's side by side. Not for: the stages, which have points.
//! Called by: whoever brings a `linfa::Dataset`.
//!
//! The number of columns is part of the type, as it is of [`Clusters`]: `Dimensions::<3>(KMeans::new(4))`.

use linfa::DatasetBase;
use linfa::traits::{Fit, PredictInplace};
use ndarray::{Array1, ArrayBase, Data, Ix2};

use super::{Clusters, KMeans, KMeansError, fit, lloyd};

/// A [`KMeans`] for matrices of `D` columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dimensions<const D: usize>(pub KMeans);

/// Why a dataset cannot be fitted.
#[derive(Debug, thiserror::Error)]
pub enum FitError {
    /// The points cannot be partitioned.
    #[error(transparent)]
    KMeans(#[from] KMeansError),
    /// The matrix has another number of columns.
    #[error("the dataset has {found} columns where {expected} were expected")]
    Columns {
        /// Columns the fit is for.
        expected: usize,
        /// Columns given.
        found: usize,
    },
    /// An error of linfa's own.
    #[error(transparent)]
    Linfa(#[from] linfa::Error),
}

impl<const D: usize, S: Data<Elem = f64>, T> Fit<ArrayBase<S, Ix2>, T, FitError> for Dimensions<D> {
    type Object = Clusters<D>;

    fn fit(&self, dataset: &DatasetBase<ArrayBase<S, Ix2>, T>) -> Result<Self::Object, FitError> {
        let records = dataset.records();
        if records.ncols() != D {
            return Err(FitError::Columns { expected: D, found: records.ncols() });
        }
        Ok(fit(&rows::<D, S>(records), self.0)?)
    }
}

impl<const D: usize, S: Data<Elem = f64>> PredictInplace<ArrayBase<S, Ix2>, Array1<usize>> for Clusters<D> {
    fn predict_inplace(&self, records: &ArrayBase<S, Ix2>, labels: &mut Array1<usize>) {
        for (label, point) in labels.iter_mut().zip(rows::<D, S>(records)) {
            *label = lloyd::nearest(&point, &self.centroids);
        }
    }

    fn default_target(&self, records: &ArrayBase<S, Ix2>) -> Array1<usize> {
        Array1::zeros(records.nrows())
    }
}

fn rows<const D: usize, S: Data<Elem = f64>>(records: &ArrayBase<S, Ix2>) -> Vec<[f64; D]> {
    records.rows().into_iter().map(|row| std::array::from_fn(|column| row[column])).collect()
}

#[cfg(test)]
mod tests {
    use linfa::traits::Predict;
    use linfa_clustering::KMeans as LinfaKMeans;
    use ndarray::{Array2, array};

    use super::*;
    use crate::random::Random;

    fn blobs() -> DatasetBase<Array2<f64>, Array1<()>> {
        let mut random = Random::new(11, 0);
        let centres = [[0.0, 0.0, 0.0], [9.0, 0.0, 3.0], [0.0, 8.0, -4.0], [-7.0, -7.0, 7.0]];
        let records = Array2::from_shape_fn((400, 3), |(row, column)| centres[row % 4][column] + 0.5 * random.normal());
        DatasetBase::from(records)
    }

    fn inertia(records: &Array2<f64>, centroids: &Array2<f64>, labels: &Array1<usize>) -> f64 {
        let rows = records.rows().into_iter().zip(labels);
        rows.map(|(row, &label)| (&row - &centroids.row(label)).mapv(|gap| gap * gap).sum()).sum()
    }

    #[test]
    fn on_separate_blobs_it_finds_what_linfas_own_finds() {
        let dataset = blobs();
        let ours = Dimensions::<3>(KMeans::new(4)).fit(&dataset).unwrap();
        // linfa's own averages the old centroid in; a tolerance near zero makes that vanish.
        let theirs = LinfaKMeans::params(4).n_runs(20).tolerance(1e-12).fit(&dataset).unwrap();
        let labels = theirs.predict(&dataset);
        let expected = inertia(dataset.records(), theirs.centroids(), &labels);
        assert!((ours.inertia - expected).abs() < 1e-6 * expected, "{} {expected}", ours.inertia);
        for (i, j) in (0..400).map(|i| (i, (i * 7 + 1) % 400)) {
            assert_eq!(ours.labels[i] == ours.labels[j], labels[i] == labels[j]);
        }
    }

    #[test]
    fn prediction_repeats_the_labels_of_the_fit() {
        let dataset = blobs();
        let clusters = Dimensions::<3>(KMeans::new(4)).fit(&dataset).unwrap();
        let predicted: Array1<usize> = clusters.predict(dataset.records());
        assert_eq!(predicted.to_vec(), clusters.labels);
    }

    #[test]
    fn another_number_of_columns_is_refused() {
        let dataset = DatasetBase::from(array![[1.0, 2.0], [3.0, 4.0]]);
        let error = Dimensions::<3>(KMeans::new(1)).fit(&dataset).unwrap_err();
        assert_eq!(error.to_string(), "the dataset has 2 columns where 3 were expected");
    }
}
