//! pca.json and map.json: how to place a customer on the map, and a sample of the customers there.
//!
//! For: an app's picture of where a customer stands. Not for: tables of customers: the sample has neither ids nor
//! values, and its places are rounded, so that nobody's purchases can be read off it. Called by: `deploy`.

use serde::Serialize;

use crate::kernels::pca::Components;
use crate::kernels::strata;
use crate::results::Results;

/// Seed of the sample.
const SEED: u64 = 3;

/// Places are rounded to one part in so many.
const PARTS: f64 = 1000.0;

/// Everything in pca.json. A customer's place is `loadings × (scaled − mean)`, where `scaled` is what model.json's
/// scaler makes of recency, frequency and monetary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Projection {
    version: u32,
    features: [String; 3],
    mean: [f64; 3],
    /// One row a component, the first explaining the most; its largest loading is positive.
    loadings: [[f64; 3]; 3],
    variances: [f64; 3],
    explained: [f64; 3],
}

/// Everything in map.json: the sampled customers on the first two components, column by column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Map {
    version: u32,
    customers: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    segment: Vec<usize>,
}

/// The projection and the sample of a result.
pub(super) fn of(results: &Results, sample: usize) -> (Projection, Map) {
    let points = results.points();
    let components = Components::of(&points);
    let mut rows = if sample == 0 { Vec::new() } else { strata::sample(&results.labels, sample, SEED) };
    let place = |row: usize| components.project(&points[row]).map(|value| (value * PARTS).round() / PARTS + 0.0);
    // By place and not by id, so that not even the order tells who is who.
    rows.sort_by(|a, b| {
        let (left, right) = (place(*a), place(*b));
        left[0]
            .total_cmp(&right[0])
            .then(left[1].total_cmp(&right[1]))
            .then(results.labels[*a].cmp(&results.labels[*b]))
    });
    let map = Map {
        version: 1,
        customers: points.len(),
        x: rows.iter().map(|row| place(*row)[0]).collect(),
        y: rows.iter().map(|row| place(*row)[1]).collect(),
        segment: rows.iter().map(|row| results.labels[*row]).collect(),
    };
    let projection = Projection {
        version: 1,
        features: results.model.features.clone(),
        mean: components.mean,
        loadings: components.loadings,
        variances: components.variances,
        explained: components.explained(),
    };
    (projection, map)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results_fixture::{Fixture, Setup};

    #[test]
    fn a_customer_is_placed_where_the_projection_says() {
        let results = Fixture::new(Setup::default()).results();
        let (projection, map) = of(&results, 1000);
        assert_eq!((map.x.len(), map.customers), (120, 120));
        let scaled = results.points()[0];
        let place: Vec<f64> = (0..2)
            .map(|c| (0..3).map(|f| projection.loadings[c][f] * (scaled[f] - projection.mean[f])).sum())
            .collect();
        let is_there = |index: usize| (map.x[index] - place[0]).abs() < 6e-4 && (map.y[index] - place[1]).abs() < 6e-4;
        assert!((0..120).any(is_there));
        assert!(map.x.is_sorted());
    }

    #[test]
    fn a_sample_of_none_is_empty() {
        let results = Fixture::new(Setup::default()).results();
        assert!(of(&results, 0).1.x.is_empty());
    }
}
