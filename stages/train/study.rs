//! The study of the number of segments: what every k would give, and which one is taken.
//!
//! For: the rows of `k_selection`, and the rule of `k: auto`. Not for: naming or scoring. Called by: `train`.
//!
//! Silhouettes are exact for up to [`EXACT_UP_TO`] customers and estimated from a stratified sample above it (see
//! `kernels::strata`), so that a study of millions of customers ends.

use serde::{Deserialize, Serialize};

use super::TrainError;
use super::fitting::{Partition, partitions};
use super::params::{K, TrainParams};
use crate::kernels::separation;
use crate::kernels::{kmeans, strata};

/// Customers up to which the study's silhouettes are exact.
pub const EXACT_UP_TO: usize = 10_000;

/// Share of customers that the smallest segment must have for `k: auto` to take a k.
pub const SMALLEST_SHARE: f64 = 0.02;

/// One k with its measures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The partition.
    pub partition: Partition,
    /// Mean silhouette, where it is defined.
    pub silhouette: Option<f64>,
    /// Calinski-Harabasz index, where it is defined.
    pub calinski_harabasz: Option<f64>,
    /// Davies-Bouldin index, where it is defined.
    pub davies_bouldin: Option<f64>,
    /// Share of customers in the smallest segment.
    pub smallest_share: f64,
}

impl Candidate {
    /// Its number of segments.
    pub fn k(&self) -> usize {
        self.partition.centres.len()
    }
}

/// The study, and which of its candidates is taken and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// Ascending by k.
    pub candidates: Vec<Candidate>,
    /// Index of the one taken.
    pub selected: usize,
    /// What a reader of the run should know about it.
    pub remarks: Vec<String>,
}

/// Studies every k that is possible with these scaled customers. `known` are the candidates of an earlier study, where
/// there was one of the same customers with the same params but for `k`.
///
/// # Errors
/// [`TrainError`] where there are too few customers for the k asked for, or no mixture of that k was found.
pub(super) fn study(
    points: &[[f64; 3]],
    params: &TrainParams,
    known: Option<Vec<Candidate>>,
) -> Result<Study, TrainError> {
    let (candidates, mut remarks) = match known.filter(|known| is_complete(known, points, params)) {
        Some(known) => (known, Vec::new()),
        None => candidates(points, params)?,
    };
    let (selected, remark) = select(&candidates, params.k)?;
    remarks.extend(remark);
    Ok(Study { candidates, selected, remarks })
}

/// Whether these are all the candidates that a study of `points` has.
pub(super) fn is_complete(candidates: &[Candidate], points: &[[f64; 3]], params: &TrainParams) -> bool {
    let is_of_points = |candidate: &Candidate| candidate.partition.labels.len() == points.len();
    candidates.iter().map(Candidate::k).eq(params.studied()) && candidates.iter().all(is_of_points)
}

/// The candidates, and what a reader should know about those that are missing.
fn candidates(points: &[[f64; 3]], params: &TrainParams) -> Result<(Vec<Candidate>, Vec<String>), TrainError> {
    let distinct = kmeans::count_distinct(points);
    let needed = params.least_k();
    if points.len() <= needed {
        return Err(TrainError::TooFewCustomers { k: needed, customers: points.len() });
    }
    if distinct < needed {
        return Err(TrainError::TooFewDistinct { k: needed, distinct });
    }
    let (ks, left_out): (Vec<usize>, Vec<usize>) = params.studied().into_iter().partition(|&k| k <= distinct);
    let mut remarks = Vec::new();
    if let Some(least) = left_out.first() {
        remarks.push(format!("the study leaves out k = {least} and more: only {distinct} customers differ"));
    }
    let mut found = Vec::with_capacity(ks.len());
    for (&k, partition) in ks.iter().zip(partitions(points, &ks, params)?) {
        match partition {
            Ok(partition) => found.push(partition),
            Err(error) if params.k == K::Fixed(k) => return Err(TrainError::Mixture(error)),
            Err(error) => remarks.push(format!("the study leaves out k = {k}: {error}")),
        }
    }
    Ok((measure(points, found, params.seed), remarks))
}

fn measure(points: &[[f64; 3]], partitions: Vec<Partition>, seed: u64) -> Vec<Candidate> {
    let labellings: Vec<&[usize]> = partitions.iter().map(|partition| partition.labels.as_slice()).collect();
    let silhouettes = strata::silhouettes(points, &labellings, EXACT_UP_TO, seed);
    let measured = partitions.into_iter().zip(silhouettes).map(|(partition, silhouette)| {
        let separation = separation::Partition::new(points, &partition.labels);
        let smallest = partition.sizes().into_iter().min().unwrap_or_default();
        Candidate {
            silhouette: silhouette.map(|estimate| estimate.mean),
            calinski_harabasz: separation.calinski_harabasz(),
            davies_bouldin: separation.davies_bouldin(),
            smallest_share: smallest as f64 / points.len() as f64,
            partition,
        }
    });
    measured.collect()
}

/// The index of the candidate to take, and the rule in words where there was a choice.
fn select(candidates: &[Candidate], k: K) -> Result<(usize, Option<String>), TrainError> {
    let (low, high) = match k {
        K::Fixed(k) => {
            let found = candidates.iter().position(|candidate| candidate.k() == k);
            return found.map(|index| (index, None)).ok_or(TrainError::NoCandidate { low: k, high: k });
        }
        K::Auto(low, high) => (low, high),
    };
    let in_range = || (0..candidates.len()).filter(|&index| (low..=high).contains(&candidates[index].k()));
    let large_enough: Vec<usize> = in_range().filter(|&i| candidates[i].smallest_share >= SMALLEST_SHARE).collect();
    let is_rule_met = !large_enough.is_empty();
    let mut eligible = if is_rule_met { large_enough } else { in_range().collect() };
    // Stable: of equal silhouettes the smaller k stays first. What has none comes last.
    eligible.sort_by(|&a, &b| {
        let score = |index: usize| candidates[index].silhouette.unwrap_or(f64::NEG_INFINITY);
        score(b).total_cmp(&score(a))
    });
    let Some(&best) = eligible.first() else { return Err(TrainError::NoCandidate { low, high }) };
    let condition = if is_rule_met {
        "those whose smallest segment has at least 2 % of customers"
    } else {
        "all, because none has 2 % of customers in its smallest segment"
    };
    let says = |index: usize| match candidates[index].silhouette {
        Some(silhouette) => format!("k = {} ({silhouette:.3})", candidates[index].k()),
        None => format!("k = {}", candidates[index].k()),
    };
    let runner_up = eligible.get(1).map_or("no runner-up".to_owned(), |&second| format!("runner-up {}", says(second)));
    let remark =
        format!("{} has the best silhouette of k = {low} to {high} among {condition}; {runner_up}", says(best));
    Ok((best, Some(remark)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A candidate that only its measures matter of.
    fn candidate(k: usize, silhouette: f64, smallest_share: f64) -> Candidate {
        let partition = Partition {
            centres: vec![[0.0; 3]; k],
            mixture: None,
            labels: Vec::new(),
            inertia: 0.0,
            iterations: 1,
            is_stable: true,
        };
        let silhouette = Some(silhouette);
        Candidate { partition, silhouette, calinski_harabasz: None, davies_bouldin: None, smallest_share }
    }

    /// Three clouds on a line, ten customers each.
    fn clouds() -> Vec<[f64; 3]> {
        (0..30).map(|i| [100.0 * f64::from(i % 3) + f64::from(i) / 30.0, 0.0, f64::from(i % 7)]).collect()
    }

    #[test]
    fn auto_takes_the_best_silhouette_whose_smallest_segment_is_large_enough() {
        let candidates = [
            candidate(2, 0.9, 0.5),
            candidate(3, 0.8, 0.019),
            candidate(4, 0.4, 0.02),
            candidate(5, 0.5, 0.1),
            candidate(6, 0.5, 0.1),
        ];
        let (index, remark) = select(&candidates, K::Auto(3, 10)).unwrap();
        assert_eq!(candidates[index].k(), 5, "of equal ones the smaller");
        assert_eq!(
            remark.unwrap(),
            "k = 5 (0.500) has the best silhouette of k = 3 to 10 among those whose smallest segment has at least 2 % of \
             customers; runner-up k = 6 (0.500)"
        );
    }

    #[test]
    fn where_no_k_meets_the_rule_the_best_silhouette_is_taken_and_it_is_said() {
        let candidates = [candidate(3, 0.3, 0.01), candidate(4, 0.4, 0.01)];
        let (index, remark) = select(&candidates, K::Auto(3, 4)).unwrap();
        assert_eq!(candidates[index].k(), 4);
        assert!(remark.unwrap().contains("among all, because none has 2 % of customers in its smallest segment"));
    }

    #[test]
    fn three_clouds_are_three_segments() {
        let params = TrainParams { k: K::Auto(3, 6), ..TrainParams::default() };
        let study = study(&clouds(), &params, None).unwrap();
        assert_eq!(study.candidates[study.selected].k(), 3);
        assert_eq!(study.candidates.iter().map(Candidate::k).collect::<Vec<_>>(), (2..=10).collect::<Vec<_>>());
        assert!(study.candidates.windows(2).all(|pair| pair[0].partition.inertia >= pair[1].partition.inertia));
    }

    #[test]
    fn more_segments_than_different_customers_are_left_out_and_it_is_said() {
        let points: Vec<[f64; 3]> = (0..50).map(|i| [f64::from(i % 4), 1.0, 1.0]).collect();
        let params = TrainParams { k: K::Fixed(3), ..TrainParams::default() };
        let study = study(&points, &params, None).unwrap();
        assert_eq!(study.candidates.iter().map(Candidate::k).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(study.remarks, ["the study leaves out k = 5 and more: only 4 customers differ"]);
    }

    #[test]
    fn one_segment_and_one_segment_each_have_no_scores() {
        let points = [[0.0; 3], [1.0; 3], [5.0; 3]];
        let params = TrainParams { k: K::Fixed(1), study: [1, 5], ..TrainParams::default() };
        let study = study(&points, &params, None).unwrap();
        let silhouettes: Vec<bool> = study.candidates.iter().map(|each| each.silhouette.is_some()).collect();
        assert_eq!(silhouettes, [false, true, false]);
        assert_eq!(study.candidates[2].partition.inertia.to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn too_few_customers_are_refused_with_both_numbers() {
        let refused = |points: &[[f64; 3]]| study(points, &TrainParams::default(), None).unwrap_err().to_string();
        assert_eq!(refused(&[[1.0; 3]]), "k = 4 needs at least 5 customers, and there is 1");
        assert_eq!(refused(&[]), "k = 4 needs at least 5 customers, and there are 0");
        assert_eq!(refused(&[[1.0; 3]; 9]), "k = 4 needs at least 4 customers who differ, and there is 1");
    }
}
