//! Fitting the scaler: what makes days, orders and money comparable.
//!
//! For: the offsets and scales that [`Scaler::transform`] applies. Not for: applying them. Called by: `train`.
//!
//! Quantiles are by linear interpolation, standard deviations have the divisor n, and a feature that does not vary is
//! divided by 1, all as in scikit-learn's scalers.

use super::params::{Scaling, Winsorise};
use crate::kernels::quantile::Sorted;
use crate::kernels::sum::mean_and_variance;
use crate::model::Scaler;

/// Scales below this count as no variation (scikit-learn's rule).
const NO_SCALE: f64 = 10.0 * f64::EPSILON;

/// Where one feature is clipped, what is subtracted of it and what it is divided by.
struct Feature {
    clip: [f64; 2],
    offset: f64,
    scale: f64,
}

/// The scaler of raw features, one row per customer. There must be customers.
pub fn fit(raw: &[[f64; 3]], scaling: Scaling, winsorise: Option<Winsorise>) -> Scaler {
    let features: [Feature; 3] = std::array::from_fn(|index| {
        let values: Vec<f64> = raw.iter().map(|row| row[index]).collect();
        feature(values, scaling, winsorise)
    });
    Scaler {
        method: scaling.as_str().to_owned(),
        clip: winsorise.map(|_| features.each_ref().map(|feature| feature.clip)),
        is_log: scaling == Scaling::Log,
        offset: features.each_ref().map(|feature| feature.offset),
        scale: features.each_ref().map(|feature| feature.scale),
    }
}

fn feature(mut values: Vec<f64>, scaling: Scaling, winsorise: Option<Winsorise>) -> Feature {
    let mut clip = [f64::NEG_INFINITY, f64::INFINITY];
    if let Some(Winsorise { lower, upper }) = winsorise {
        let sorted = Sorted::new(&values);
        clip = [sorted.quantile(lower), sorted.quantile(upper)];
        for value in &mut values {
            *value = value.max(clip[0]).min(clip[1]);
        }
    }
    if scaling == Scaling::Log {
        for value in &mut values {
            *value = libm::log(1.0 + value.max(0.0));
        }
    }
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let (offset, scale) = match scaling {
        Scaling::Standard | Scaling::Log => {
            let (mean, variance) = mean_and_variance(&values);
            (mean, variance.sqrt())
        }
        Scaling::Robust => {
            let sorted = Sorted::new(&values);
            (sorted.median(), sorted.quantile(0.75) - sorted.quantile(0.25))
        }
        Scaling::Minmax => (least, most - least),
        Scaling::None => (0.0, 1.0),
    };
    let is_constant = least >= most || scale < NO_SCALE;
    Feature { clip, offset, scale: if is_constant { 1.0 } else { scale } }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five customers; the third feature does not vary.
    const RAW: [[f64; 3]; 5] =
        [[1.0, 10.0, 7.0], [2.0, 20.0, 7.0], [3.0, 30.0, 7.0], [4.0, 40.0, 7.0], [5.0, 90.0, 7.0]];

    fn close(found: [f64; 3], expected: [f64; 3]) {
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-14 * expected.abs().max(1.0), "{found} is not {expected}");
        }
    }

    #[test]
    fn standard_scaling_divides_by_the_population_deviation() {
        // 1..5: mean 3, variance (4 + 1 + 0 + 1 + 4) / 5 = 2. 10, 20, 30, 40, 90: mean 38,
        // variance (784 + 324 + 64 + 4 + 2704) / 5 = 776. A constant is divided by 1.
        let scaler = fit(&RAW, Scaling::Standard, None);
        close(scaler.offset, [3.0, 38.0, 7.0]);
        close(scaler.scale, [2.0_f64.sqrt(), 776.0_f64.sqrt(), 1.0]);
        close(scaler.transform([5.0, 10.0, 7.0]), [2.0_f64.sqrt(), -28.0 / 776.0_f64.sqrt(), 0.0]);
    }

    #[test]
    fn log_scaling_takes_the_logarithm_of_one_more_first_and_counts_negatives_as_zero() {
        let e = std::f64::consts::E;
        // Logarithms 0, 1, 2 and 0, 0, 3 of the values plus 1: means 1 and 1, variances 2/3 and 2.
        let raw = [[0.0, -5.0, 1.0], [e - 1.0, 0.0, 1.0], [e * e - 1.0, e * e * e - 1.0, 1.0]];
        let scaler = fit(&raw, Scaling::Log, None);
        assert!(scaler.is_log);
        close(scaler.offset, [1.0, 1.0, 2.0_f64.ln()]);
        close(scaler.scale, [(2.0_f64 / 3.0).sqrt(), 2.0_f64.sqrt(), 1.0]);
        close(scaler.transform(raw[0]), [-(1.5_f64.sqrt()), -(0.5_f64.sqrt()), 0.0]);
    }

    #[test]
    fn robust_scaling_uses_median_and_quartiles() {
        // Quartiles at positions 1 and 3: 2 and 4, 20 and 40.
        let scaler = fit(&RAW, Scaling::Robust, None);
        close(scaler.offset, [3.0, 30.0, 7.0]);
        close(scaler.scale, [2.0, 20.0, 1.0]);
        close(scaler.transform([5.0, 90.0, 7.0]), [1.0, 3.0, 0.0]);
    }

    #[test]
    fn minmax_scaling_maps_to_zero_and_one() {
        let scaler = fit(&RAW, Scaling::Minmax, None);
        close(scaler.transform([1.0, 10.0, 7.0]), [0.0; 3]);
        close(scaler.transform([3.0, 90.0, 7.0]), [0.5, 1.0, 0.0]);
    }

    #[test]
    fn no_scaling_leaves_values_as_they_are() {
        let scaler = fit(&RAW, Scaling::None, None);
        close(scaler.transform([2.0, 20.0, 7.0]), [2.0, 20.0, 7.0]);
    }

    #[test]
    fn winsorising_clips_at_interpolated_quantiles_before_anything_is_measured() {
        // Quantiles 0.1 and 0.9 at positions 0.4 and 3.6: 1.4 and 4.6; 14 and 40 + 0.6 × 50 = 70.
        let scaler = fit(&RAW, Scaling::Minmax, Some(Winsorise { lower: 0.1, upper: 0.9 }));
        let [recency, frequency, monetary] = scaler.clip.unwrap();
        close([recency[0], recency[1], frequency[0]], [1.4, 4.6, 14.0]);
        close([frequency[1], monetary[0], monetary[1]], [70.0, 7.0, 7.0]);
        close(scaler.transform([9.0, 42.0, 7.0]), [1.0, 0.5, 0.0]);
    }

    #[test]
    fn one_customer_is_the_origin_of_every_scaling_that_centres() {
        for scaling in [Scaling::Standard, Scaling::Log, Scaling::Robust, Scaling::Minmax] {
            close(fit(&RAW[..1], scaling, None).transform(RAW[0]), [0.0; 3]);
        }
    }
}
