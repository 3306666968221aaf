//! The silhouette of many points: exact up to a stated size, estimated from a stratified sample above it.
//!
//! For: means whose cost must stay bounded, with the standard error where they are estimates. Not for: the silhouette's
//! definition (see [`super::silhouette`]). Called by: `train` (the study), `evaluate`, and `visualize` and `deploy`,
//! whose maps show a sample of the customers drawn in the same way.
//!
//! The silhouettes of the sampled points are exact (against all points); only the mean over points is estimated, so
//! the estimate is unbiased. Strata are the clusters, sampled in proportion with at least [`SMALLEST_STRATUM`] points
//! each; estimator and standard error with finite population correction are Cochran's (1977, §5.3 and §5.6).

use super::silhouette;
use super::sum::{self, Sum};
use crate::random::Random;

/// Points of a cluster that are sampled at the least, as far as it has them.
pub const SMALLEST_STRATUM: usize = 30;

/// Points sampled at the least.
const SMALLEST_SAMPLE: usize = 1_000;

/// A mean silhouette, and those of the clusters.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Over all points.
    pub mean: f64,
    /// Per cluster `0..clusters`; none without points.
    pub by_cluster: Vec<Option<f64>>,
    /// Standard error of `mean`; none where it is exact.
    pub standard_error: Option<f64>,
    /// The points whose silhouettes were computed, ascending, each with its own.
    pub samples: Vec<(usize, f64)>,
}

/// Mean silhouettes of each labelling: exact for up to `exact_up_to` points; above it one sample a labelling whose
/// size keeps the number of distances at `exact_up_to`² (but at least a thousand points are sampled).
/// None where the silhouette is not defined.
pub fn silhouettes<const D: usize>(
    points: &[[f64; D]],
    labellings: &[&[usize]],
    exact_up_to: usize,
    seed: u64,
) -> Vec<Option<Estimate>> {
    if points.len() <= exact_up_to {
        return exact(points, labellings);
    }
    let size = sample_size(points.len(), exact_up_to);
    labellings.iter().map(|labels| estimate(points, labels, size, seed)).collect()
}

/// The mean silhouettes of one labelling, estimated from `size` points (exactly where that is all of them).
/// None where the silhouette is not defined.
pub fn sampled<const D: usize>(points: &[[f64; D]], labels: &[usize], size: usize, seed: u64) -> Option<Estimate> {
    if size >= points.len() {
        return exact(points, &[labels]).pop().flatten();
    }
    estimate(points, labels, size, seed)
}

fn sample_size(points: usize, exact_up_to: usize) -> usize {
    let affordable = (exact_up_to as f64) * (exact_up_to as f64) / points as f64;
    (affordable as usize).max(SMALLEST_SAMPLE).min(points)
}

fn exact<const D: usize>(points: &[[f64; D]], labellings: &[&[usize]]) -> Vec<Option<Estimate>> {
    let all = silhouette::samples_of_all(points, labellings);
    let summed = all.into_iter().zip(labellings).map(|(samples, labels)| {
        let samples = samples?;
        let by_cluster = silhouette::means_by_cluster(&samples, labels, bound(labels));
        let mean = sum::mean(&samples);
        Some(Estimate { mean, by_cluster, standard_error: None, samples: samples.into_iter().enumerate().collect() })
    });
    summed.collect()
}

fn estimate<const D: usize>(points: &[[f64; D]], labels: &[usize], size: usize, seed: u64) -> Option<Estimate> {
    let strata = draw(labels, size, seed);
    let chosen: Vec<usize> = strata.iter().flat_map(|stratum| stratum.chosen.iter().copied()).collect();
    let samples = silhouette::samples_of(points, labels, &chosen)?;
    let (mut mean, mut variance) = (Sum::default(), Sum::default());
    let mut by_cluster = Vec::with_capacity(strata.len());
    let mut rest = samples.as_slice();
    for stratum in &strata {
        let (own, others) = rest.split_at(stratum.chosen.len());
        rest = others;
        by_cluster.push((!own.is_empty()).then(|| sum::mean(own)));
        if own.is_empty() {
            continue;
        }
        let weight = stratum.members as f64 / points.len() as f64;
        let (stratum_mean, population_variance) = sum::mean_and_variance(own);
        mean.add(weight * stratum_mean);
        if own.len() > 1 {
            let sample_variance = population_variance * own.len() as f64 / (own.len() - 1) as f64;
            let unseen = 1.0 - own.len() as f64 / stratum.members as f64;
            variance.add(weight * weight * sample_variance / own.len() as f64 * unseen);
        }
    }
    let standard_error = Some(variance.value().max(0.0).sqrt());
    let mut samples: Vec<(usize, f64)> = chosen.into_iter().zip(samples).collect();
    samples.sort_unstable_by_key(|(point, _)| *point);
    Some(Estimate { mean: mean.value(), by_cluster, standard_error, samples })
}

/// The points that a sample of about `size` holds, ascending: drawn without replacement from every cluster in proportion,
/// with at least [`SMALLEST_STRATUM`] points each. All of them where there are no more than `size`.
pub fn sample(labels: &[usize], size: usize, seed: u64) -> Vec<usize> {
    if labels.len() <= size {
        return (0..labels.len()).collect();
    }
    let mut chosen: Vec<usize> = draw(labels, size, seed).into_iter().flat_map(|stratum| stratum.chosen).collect();
    chosen.sort_unstable();
    chosen
}

struct Stratum {
    members: usize,
    chosen: Vec<usize>,
}

/// Draws without replacement from every cluster, ascending by point within it.
fn draw(labels: &[usize], size: usize, seed: u64) -> Vec<Stratum> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); bound(labels)];
    for (index, &label) in labels.iter().enumerate() {
        members[label].push(index);
    }
    let strata = members.into_iter().enumerate().map(|(label, mut indices)| {
        let count = indices.len();
        let share = (size as f64 * count as f64 / labels.len() as f64).round() as usize;
        let wanted = share.max(SMALLEST_STRATUM).min(count);
        let mut random = Random::new(seed, label as u64);
        for place in 0..wanted {
            let other = place + random.below((count - place) as u64) as usize;
            indices.swap(place, other);
        }
        indices.truncate(wanted);
        indices.sort_unstable();
        Stratum { members: count, chosen: indices }
    });
    strata.collect()
}

fn bound(labels: &[usize]) -> usize {
    labels.iter().max().map_or(0, |label| label + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blobs(n: usize) -> (Vec<[f64; 3]>, Vec<usize>) {
        let mut random = Random::new(5, 0);
        let labels: Vec<usize> = (0..n).map(|i| usize::from(i % 10 == 0)).collect();
        let at = |label: usize, random: &mut Random| [4.0 * label as f64 + random.normal(), random.normal(), 0.0];
        (labels.iter().map(|&label| at(label, &mut random)).collect(), labels)
    }

    #[test]
    fn up_to_the_limit_it_is_exact() {
        let (points, labels) = blobs(200);
        let estimate = silhouettes(&points, &[&labels], 200, 1).pop().unwrap().unwrap();
        assert_eq!(estimate.standard_error, None);
        assert_eq!(estimate.samples.len(), 200);
        assert_eq!(estimate.mean.to_bits(), silhouette::mean(&points, &labels).unwrap().to_bits());
    }

    #[test]
    fn above_the_limit_the_truth_is_within_three_standard_errors() {
        let (points, labels) = blobs(5_000);
        let truth = silhouette::mean(&points, &labels).unwrap();
        for seed in 0..5 {
            let estimate = silhouettes(&points, &[&labels], 2_000, seed).pop().unwrap().unwrap();
            let error = estimate.standard_error.unwrap();
            assert_eq!(estimate.samples.len(), 1_000);
            assert!(error > 0.0 && error < 0.02, "{error}");
            assert!((estimate.mean - truth).abs() < 3.0 * error, "{} {truth} {error}", estimate.mean);
        }
    }

    #[test]
    fn a_sample_holds_every_cluster_and_is_everyone_where_that_is_few() {
        let labels: Vec<usize> = (0..2_000).map(|i| usize::from(i < 7)).collect();
        let chosen = sample(&labels, 500, 3);
        assert!(chosen.is_sorted() && (500..=510).contains(&chosen.len()), "{}", chosen.len());
        assert_eq!(chosen.iter().filter(|index| labels[**index] == 1).count(), 7);
        assert_eq!(sample(&labels, 2_000, 3), (0..2_000).collect::<Vec<_>>());
    }

    #[test]
    fn small_clusters_are_sampled_whole_and_cost_no_uncertainty() {
        let labels: Vec<usize> = (0..2_000).map(|i| usize::from(i < 7)).collect();
        let strata = draw(&labels, 1_000, 3);
        assert_eq!(strata[1].chosen, (0..7).collect::<Vec<_>>());
        assert_eq!(strata[0].chosen.len(), 997);
        assert!(strata[0].chosen.is_sorted());
    }
}
