//! The order of segments: the most valuable first.
//!
//! For: giving segment numbers a meaning. Not for: their names. Called by: `train`, [`super::stability`].

use super::fitting::Partition;
use crate::kernels::quantile::median;

/// The same partition with its segments by descending median monetary; ties by descending median frequency, then by
/// ascending median recency, then as they were. `raw` are the customers' raw features.
pub(super) fn order(partition: Partition, raw: &[[f64; 3]]) -> Partition {
    let k = partition.centres.len();
    let medians = medians(&partition, raw);
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| {
        let ([r, f, m], [s, g, n]) = (medians[a], medians[b]);
        n.total_cmp(&m).then(g.total_cmp(&f)).then(r.total_cmp(&s))
    });
    let mut new_label = vec![0; k];
    for (new, &old) in order.iter().enumerate() {
        new_label[old] = new;
    }
    let mut ordered = partition;
    ordered.centres = order.iter().map(|&old| ordered.centres[old]).collect();
    ordered.labels.iter_mut().for_each(|label| *label = new_label[*label]);
    if let Some(mixture) = &mut ordered.mixture {
        mixture.weights = order.iter().map(|&old| mixture.weights[old]).collect();
        mixture.precisions = order.iter().map(|&old| mixture.precisions[old]).collect();
    }
    ordered
}

/// Medians of the raw features of each segment.
fn medians(partition: &Partition, raw: &[[f64; 3]]) -> Vec<[f64; 3]> {
    let mut values: Vec<[Vec<f64>; 3]> = vec![Default::default(); partition.centres.len()];
    for (row, &label) in raw.iter().zip(&partition.labels) {
        for (values, value) in values[label].iter_mut().zip(row) {
            values.push(*value);
        }
    }
    values.iter_mut().map(|features| features.each_mut().map(|values| median(values))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Mixture;

    fn partition(labels: &[usize], k: usize) -> Partition {
        Partition {
            centres: (0..k).map(|j| [j as f64; 3]).collect(),
            mixture: None,
            labels: labels.to_vec(),
            inertia: 0.0,
            iterations: 1,
            is_stable: true,
        }
    }

    fn firsts(centres: &[[f64; 3]]) -> Vec<f64> {
        centres.iter().map(|centre| centre[0]).collect()
    }

    #[test]
    fn the_highest_median_and_not_the_highest_mean_comes_first() {
        // Segment 0: 1, 1, 1000 (median 1); segment 1: 5, 6, 7 (median 6).
        let raw = [1.0, 5.0, 1.0, 6.0, 1000.0, 7.0].map(|monetary| [1.0, 1.0, monetary]);
        let ordered = order(partition(&[0, 1, 0, 1, 0, 1], 2), &raw);
        assert_eq!(ordered.labels, [1, 0, 1, 0, 1, 0]);
        assert_eq!(ordered.centres, [[1.0; 3], [0.0; 3]]);
    }

    #[test]
    fn ties_go_to_frequency_then_to_the_more_recent_then_to_the_centres_as_they_were() {
        let raw = [[9.0, 2.0, 5.0], [9.0, 3.0, 5.0], [3.0, 2.0, 5.0], [9.0, 2.0, 5.0]];
        let ordered = order(partition(&[0, 1, 2, 3], 4), &raw);
        assert_eq!(firsts(&ordered.centres), [1.0, 2.0, 0.0, 3.0]);
    }

    #[test]
    fn a_mixture_moves_with_its_centres() {
        let mut given = partition(&[0, 1], 2);
        given.mixture = Some(Mixture { weights: vec![0.1, 0.9], precisions: vec![[[1.0; 3]; 3], [[2.0; 3]; 3]] });
        let mixture = order(given, &[[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]).mixture.unwrap();
        assert_eq!(mixture.weights, [0.9, 0.1]);
        assert_eq!(mixture.precisions, [[[2.0; 3]; 3], [[1.0; 3]; 3]]);
    }
}
