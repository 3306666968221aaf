//! The measures of a partition, under the names they have in `metrics`.
//!
//! For: the rows of `metrics`. Not for: their definitions (`kernels`). Called by: `evaluate`.

use super::params::EvaluateParams;
use crate::kernels::separation::{self, Partition};
use crate::kernels::strata::{self, Estimate};

/// Measures of one partition in scaled space.
#[derive(Debug, Clone, PartialEq)]
pub struct Measures {
    /// The silhouette, where it is defined.
    pub silhouette: Option<Estimate>,
    /// Calinski-Harabasz index, where it is defined.
    pub calinski_harabasz: Option<f64>,
    /// Davies-Bouldin index, where it is defined.
    pub davies_bouldin: Option<f64>,
    /// Sum of squared distances to the model's centres.
    pub inertia: f64,
    /// Customers of each segment.
    pub sizes: Vec<usize>,
}

/// Measures scaled `points` with their segments and the model's centres.
pub(super) fn measure(
    points: &[[f64; 3]],
    labels: &[usize],
    centres: &[[f64; 3]],
    params: &EvaluateParams,
) -> Measures {
    let partition = Partition::new(points, labels);
    let mut sizes = vec![0; centres.len()];
    for &label in labels {
        sizes[label] += 1;
    }
    Measures {
        silhouette: silhouette(points, labels, params),
        calinski_harabasz: partition.calinski_harabasz(),
        davies_bouldin: partition.davies_bouldin(),
        inertia: separation::inertia(points, labels, centres),
        sizes,
    }
}

fn silhouette(points: &[[f64; 3]], labels: &[usize], params: &EvaluateParams) -> Option<Estimate> {
    let limit = params.exact_silhouette_up_to;
    match params.sample_size {
        Some(size) if points.len() > limit => strata::sampled(points, labels, size, params.seed),
        _ => strata::silhouettes(points, &[labels], limit, params.seed).pop().flatten(),
    }
}

impl Measures {
    /// Names and values of the rows of `metrics`, in order; what is not defined is left out.
    pub(super) fn rows(&self, name_stability: Option<f64>) -> Vec<(&'static str, f64)> {
        let customers: usize = self.sizes.iter().sum();
        let share = |size: Option<&usize>| size.map(|&size| size as f64 / customers as f64);
        let sample = self.silhouette.as_ref().filter(|estimate| estimate.standard_error.is_some());
        let rows = [
            ("silhouette", self.silhouette.as_ref().map(|estimate| estimate.mean)),
            ("calinski_harabasz", self.calinski_harabasz),
            ("davies_bouldin", self.davies_bouldin),
            ("inertia", Some(self.inertia)),
            ("silhouette_standard_error", sample.and_then(|estimate| estimate.standard_error)),
            ("silhouette_sample", sample.map(|estimate| estimate.samples.len() as f64)),
            ("k", Some(self.sizes.len() as f64)),
            ("customers", Some(customers as f64)),
            ("smallest_segment_share", share(self.sizes.iter().min())),
            ("largest_segment_share", share(self.sizes.iter().max())),
            ("name_stability", name_stability),
        ];
        rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// {0, 1} and {5, 6} on a line: silhouettes 0.8, 7/9 … as below.
    const POINTS: [[f64; 3]; 4] = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [5.0, 0.0, 0.0], [6.0, 0.0, 0.0]];

    #[test]
    fn two_pairs_by_hand() {
        let centres = [[0.5, 0.0, 0.0], [5.5, 0.0, 0.0]];
        let measures = measure(&POINTS, &[0, 0, 1, 1], &centres, &EvaluateParams::default());
        // a = 1 everywhere; b = 5.5 for the outer points and 4.5 for the inner ones: 9/11 and 7/9.
        let expected = f64::midpoint(9.0 / 11.0, 7.0 / 9.0);
        assert!((measures.silhouette.as_ref().unwrap().mean - expected).abs() < 1e-15);
        // Within 4 × 0.25 = 1, between 4 × 2.5² = 25: (25 / 1) / (1 / 2) = 50; (0.5 + 0.5) / 5 = 0.2.
        assert!((measures.calinski_harabasz.unwrap() - 50.0).abs() < 1e-12);
        assert!((measures.davies_bouldin.unwrap() - 0.2).abs() < 1e-15);
        assert_eq!(measures.inertia.to_bits(), 1.0_f64.to_bits());
        let names: Vec<&str> = measures.rows(Some(0.95)).iter().map(|(name, _)| *name).collect();
        let first = ["silhouette", "calinski_harabasz", "davies_bouldin", "inertia"];
        let rest = ["k", "customers", "smallest_segment_share", "largest_segment_share", "name_stability"];
        assert_eq!(names, [first.as_slice(), rest.as_slice()].concat());
    }

    #[test]
    fn what_is_not_defined_is_left_out() {
        let measures = measure(&POINTS, &[0; 4], &[[3.0, 0.0, 0.0]], &EvaluateParams::default());
        let names: Vec<&str> = measures.rows(None).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["inertia", "k", "customers", "smallest_segment_share", "largest_segment_share"]);
        let each = measure(&POINTS, &[0, 1, 2, 3], &POINTS, &EvaluateParams::default());
        assert_eq!((each.silhouette, each.inertia.to_bits()), (None, 0.0_f64.to_bits()));
    }

    #[test]
    fn above_the_limit_a_sample_says_how_large_it_is_and_how_sure() {
        let points: Vec<[f64; 3]> = (0..400).map(|i| [f64::from(i % 2) * 9.0, f64::from(i % 17), 0.0]).collect();
        let labels: Vec<usize> = (0..400).map(|i| i % 2).collect();
        let centres = [[0.0, 8.0, 0.0], [9.0, 8.0, 0.0]];
        let sampled = |exact_silhouette_up_to, sample_size| {
            let params = EvaluateParams { exact_silhouette_up_to, sample_size, seed: 1 };
            measure(&points, &labels, &centres, &params)
        };
        let rows = sampled(399, Some(100)).rows(None);
        let value = |name| rows.iter().find(|row| row.0 == name).map(|row| row.1);
        assert_eq!(value("silhouette_sample"), Some(100.0));
        assert!(value("silhouette_standard_error").unwrap() > 0.0);
        let truth = sampled(400, Some(100)).silhouette.unwrap();
        assert_eq!(truth.standard_error, None, "up to the limit the size of the sample does not matter");
        assert!((value("silhouette").unwrap() - truth.mean).abs() < 3.0 * value("silhouette_standard_error").unwrap());
    }
}
