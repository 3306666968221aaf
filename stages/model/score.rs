//! Scoring: raw recency, frequency and monetary values to a segment, its distance and the runner-up.
//!
//! For: one customer at a time, from training to the service. Not for: names and actions, which the caller looks up.
//! Called by: `train`, `evaluate`, whoever scores customers; `train::onnx` for [`Component`].
//!
//! The order of the arithmetic is part of the interface: model.onnx repeats it operation by operation, so that both
//! give the same segment. Only the logarithm may differ in its last bit between the two.

use super::{Mixture, Model, Scaler};
use crate::contract::{Fault, StageFault};
use crate::customers::FEATURES;

/// Scaled values are kept within ±this, so that squares of them and their sums stay finite.
pub(crate) const LIMIT: f64 = 1e100;

/// The answer for one customer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The segment.
    pub segment: usize,
    /// Distance to its centre in scaled space (Mahalanobis distance for a Gaussian mixture).
    pub distance: f64,
    /// The second choice; none for k = 1.
    pub runner_up: Option<usize>,
    /// (distance to runner-up − distance) / distance to runner-up; none for k = 1, 0 where both are 0. In a Gaussian
    /// mixture it is negative where the runner-up is nearer but less probable.
    pub margin: Option<f64>,
}

/// A value that cannot be scored.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("`{feature}` is {value}, which is not a finite number")]
pub struct ScoreError {
    /// The feature.
    pub feature: &'static str,
    /// Its value.
    pub value: f64,
}

impl StageFault for ScoreError {
    fn fault(&self) -> Fault {
        Fault::Data
    }
}

/// One component of a Gaussian mixture, ready for scoring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Lower triangle L of the precision matrix P = L × Lᵀ; the squared Mahalanobis distance is |Lᵀ × (z − mean)|².
    pub factor: [[f64; 3]; 3],
    /// −2 ln(weight) − ln det(P).
    pub penalty: f64,
}

/// A model made ready to score many customers.
#[derive(Debug, Clone)]
pub struct Scorer<'a> {
    scaler: &'a Scaler,
    centres: Centres,
}

/// The centres of a model in scaled space, with what a mixture has besides.
#[derive(Debug, Clone)]
pub struct Centres {
    centroids: Vec<[f64; 3]>,
    components: Option<Vec<Component>>,
}

impl Model {
    /// Makes the model ready to score many customers.
    pub fn scorer(&self) -> Scorer<'_> {
        let centroids = self.segments.iter().map(|segment| segment.centroid).collect();
        Scorer { scaler: &self.scaler, centres: Centres::new(centroids, self.mixture.as_ref()) }
    }

    /// Scores raw recency, frequency and monetary values. For many customers see [`Self::scorer`].
    ///
    /// # Errors
    /// [`ScoreError`] where one is not a finite number.
    pub fn score(&self, raw: [f64; 3]) -> Result<Score, ScoreError> {
        self.scorer().score(raw)
    }
}

impl Scaler {
    /// Raw recency, frequency and monetary values in scaled space.
    pub fn transform(&self, raw: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|feature| {
            let clipped = match self.clip {
                Some(bounds) => raw[feature].max(bounds[feature][0]).min(bounds[feature][1]),
                None => raw[feature],
            };
            let shaped = if self.is_log { libm::log(1.0 + clipped.max(0.0)) } else { clipped };
            ((shaped - self.offset[feature]) / self.scale[feature]).clamp(-LIMIT, LIMIT)
        })
    }
}

impl Mixture {
    /// The components ready for scoring. A precision matrix that is not positive definite has no factor; reading a
    /// model refuses it, and training makes none.
    pub fn components(&self) -> Vec<Component> {
        let pairs = self.weights.iter().zip(&self.precisions);
        pairs.map(|(weight, precision)| component(*weight, precision)).collect()
    }
}

fn component(weight: f64, precision: &[[f64; 3]; 3]) -> Component {
    let factor = cholesky(precision);
    let half_log_determinant = libm::log(factor[0][0]) + libm::log(factor[1][1]) + libm::log(factor[2][2]);
    Component { factor, penalty: -2.0 * libm::log(weight) - 2.0 * half_log_determinant }
}

/// The lower triangle L with L × Lᵀ = `matrix`; NaN on the diagonal where the matrix is not positive definite.
fn cholesky(matrix: &[[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut lower = [[0.0; 3]; 3];
    for row in 0..3 {
        for column in 0..=row {
            let known: f64 = (0..column).map(|inner| lower[row][inner] * lower[column][inner]).sum();
            let rest = matrix[row][column] - known;
            lower[row][column] = match row == column {
                true if rest > 0.0 => rest.sqrt(),
                true => f64::NAN,
                false => rest / lower[column][column],
            };
        }
    }
    lower
}

impl Component {
    /// Squared length of `gap` (a scaled point less the mean) in the component's own metric.
    fn squared(&self, gap: [f64; 3]) -> f64 {
        let l = &self.factor;
        let y = [
            l[0][0] * gap[0] + l[1][0] * gap[1] + l[2][0] * gap[2],
            l[1][1] * gap[1] + l[2][1] * gap[2],
            l[2][2] * gap[2],
        ];
        y[0] * y[0] + y[1] * y[1] + y[2] * y[2]
    }
}

/// A segment as a candidate: what decides, and the squared distance.
#[derive(Clone, Copy)]
struct Candidate {
    segment: usize,
    cost: f64,
    squared: f64,
}

impl Scorer<'_> {
    /// Scores raw recency, frequency and monetary values.
    ///
    /// # Errors
    /// [`ScoreError`] where one is not a finite number.
    pub fn score(&self, raw: [f64; 3]) -> Result<Score, ScoreError> {
        let values = FEATURES.into_iter().zip(raw);
        if let Some((feature, value)) = values.into_iter().find(|(_, value)| !value.is_finite()) {
            return Err(ScoreError { feature, value });
        }
        Ok(self.score_scaled(self.scaler.transform(raw)))
    }

    /// Scores a point of scaled space.
    pub fn score_scaled(&self, point: [f64; 3]) -> Score {
        self.centres.score(point)
    }
}

impl Centres {
    /// At least one centre, and the mixture whose means they are, where it is one.
    pub fn new(centroids: Vec<[f64; 3]>, mixture: Option<&Mixture>) -> Self {
        Self { centroids, components: mixture.map(Mixture::components) }
    }

    /// Scores a point of scaled space.
    pub fn score(&self, point: [f64; 3]) -> Score {
        let (best, second) = self.two_best(point);
        let Some(second) = second else {
            return Score { segment: best.segment, distance: best.squared.sqrt(), runner_up: None, margin: None };
        };
        let (distance, other) = (best.squared.sqrt(), second.squared.sqrt());
        let margin = if other > 0.0 { (other - distance) / other } else { 0.0 };
        Score { segment: best.segment, distance, runner_up: Some(second.segment), margin: Some(margin) }
    }

    /// The two candidates of least cost; the lower segment wins ties.
    fn two_best(&self, point: [f64; 3]) -> (Candidate, Option<Candidate>) {
        let mut best = self.candidate(0, point);
        let mut second: Option<Candidate> = None;
        for segment in 1..self.centroids.len() {
            let candidate = self.candidate(segment, point);
            if candidate.cost < best.cost {
                second = Some(std::mem::replace(&mut best, candidate));
            } else if second.is_none_or(|second| candidate.cost < second.cost) {
                second = Some(candidate);
            }
        }
        (best, second)
    }

    fn candidate(&self, segment: usize, point: [f64; 3]) -> Candidate {
        let centroid = self.centroids[segment];
        let gap = [point[0] - centroid[0], point[1] - centroid[1], point[2] - centroid[2]];
        let (squared, penalty) = match &self.components {
            None => (gap[0] * gap[0] + gap[1] * gap[1] + gap[2] * gap[2], 0.0),
            Some(components) => (components[segment].squared(gap), components[segment].penalty),
        };
        Candidate { segment, cost: squared + penalty, squared }
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::{mixture_model, sample};
    use super::*;

    #[test]
    fn the_nearest_centroid_in_scaled_space_wins() {
        // Scaled: (30 − 100) / 50 = −1.4, (5 − 3) / 2 = 1, (1500 − 500) / 1000 = 1.
        // Centroids (−1, 1, 1) and (1, −0.5, −0.5): squares 0.16 and 5.76 + 2.25 + 2.25 = 10.26.
        let score = sample().score([30.0, 5.0, 1500.0]).unwrap();
        assert_eq!((score.segment, score.runner_up), (0, Some(1)));
        assert!((score.distance - 0.4).abs() < 1e-15);
        let other = 10.26_f64.sqrt();
        assert!((score.margin.unwrap() - (other - 0.4) / other).abs() < 1e-15);
    }

    #[test]
    fn raw_values_are_clipped_before_the_logarithm() {
        let scaler = Scaler {
            method: "log".into(),
            clip: Some([[0.0, 9.0], [-5.0, 7.0], [0.0, 99.0]]),
            is_log: true,
            offset: [0.0; 3],
            scale: [1.0; 3],
        };
        // 50 is clipped to 9: ln 10; −3 is within its bounds, and max(−3, 0) = 0: ln 1; 99: ln 100.
        let expected = [libm::log(10.0), 0.0, libm::log(100.0)];
        assert_eq!(scaler.transform([50.0, -3.0, 99.0]).map(f64::to_bits), expected.map(f64::to_bits));
    }

    #[test]
    fn ties_go_to_the_lower_segment() {
        let mut model = sample();
        model.segments[1].centroid = model.segments[0].centroid;
        let score = model.score([1.0, 2.0, 3.0]).unwrap();
        assert_eq!((score.segment, score.runner_up, score.margin), (0, Some(1), Some(0.0)));
    }

    #[test]
    fn one_segment_has_no_runner_up() {
        let mut model = sample();
        model.segments.truncate(1);
        let score = model.score([1.0, 2.0, 3.0]).unwrap();
        assert_eq!((score.segment, score.runner_up, score.margin), (0, None, None));
    }

    #[test]
    fn extreme_values_give_finite_distances() {
        for model in [sample(), mixture_model()] {
            for value in [f64::MAX, f64::MIN, 1e308, -1e300, 5e-324] {
                for raw in [[value, 1.0, 1.0], [1.0, value, -value], [value; 3]] {
                    let score = model.score(raw).unwrap();
                    assert!(score.distance.is_finite() && score.margin.unwrap().is_finite(), "{raw:?} {score:?}");
                }
            }
        }
    }

    #[test]
    fn values_that_are_no_numbers_are_refused_by_name() {
        let error = sample().score([1.0, f64::NAN, 2.0]).unwrap_err();
        assert_eq!(error.to_string(), "`frequency` is NaN, which is not a finite number");
        assert!(sample().score([1.0, 2.0, f64::INFINITY]).is_err());
    }

    #[test]
    fn a_mixture_weighs_distance_against_spread_and_weight() {
        // Component 0: mean 0, precision 1, weight 0.2; component 1: mean (4, 0, 0), precision 1/4 in each direction,
        // weight 0.8. At (2, 0, 0): d² 4 and 1; penalties −2 ln 0.2 = 3.22 and −2 ln 0.8 + 3 ln 4 = 4.61.
        let model = mixture_model();
        let score = model.scorer().score_scaled([2.0, 0.0, 0.0]);
        assert_eq!(score.segment, 1);
        assert!((score.distance - 1.0).abs() < 1e-15);
        assert!((score.margin.unwrap() - 0.5).abs() < 1e-15);
        // At (1, 0, 0): d² 1 and 2.25; costs 4.22 and 6.85.
        assert_eq!(model.scorer().score_scaled([1.0, 0.0, 0.0]).segment, 0);
    }

    #[test]
    fn a_factor_times_its_transpose_is_the_matrix() {
        let matrix = [[4.0, 2.0, -2.0], [2.0, 10.0, 2.0], [-2.0, 2.0, 5.0]];
        // By hand: l00 = 2, l10 = 1, l20 = −1, l11 = 3, l21 = (2 + 1) / 3 = 1, l22 = √(5 − 1 − 1) = √3.
        let expected = [[2.0, 0.0, 0.0], [1.0, 3.0, 0.0], [-1.0, 1.0, 3.0_f64.sqrt()]];
        assert_eq!(cholesky(&matrix), expected);
        assert!(cholesky(&[[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[1][1].is_nan());
    }
}
