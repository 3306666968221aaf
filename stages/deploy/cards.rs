//! segments.json: what an app or a service tells people about segments, without asking anything else.
//!
//! For: writing it, and reading it back. Not for: scoring (model.json). Called by: `deploy`, `bundle::open`.

use serde::{Deserialize, Serialize};

use crate::customers::FEATURES;
use crate::kernels::quantile::Sorted;
use crate::palette;
use crate::results::{Profile, Results, SegmentFact};

/// Version of segments.json that this segpipe writes.
pub const VERSION: u32 = 1;

/// Quantiles given of every feature: 0, 5, 10, …, 100 %.
pub const QUANTILES: usize = 21;

/// Everything in segments.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cards {
    /// Format of the file.
    pub version: u32,
    /// What the segments were found in.
    pub data: DataCard,
    /// What would mislead a reader who does not know it.
    pub warnings: Vec<WarningCard>,
    /// Measures of quality.
    pub metrics: Vec<MetricCard>,
    /// The comparison of numbers of segments.
    pub study: Vec<StudyCard>,
    /// Recency, frequency and monetary of all customers.
    pub features: Vec<FeatureCard>,
    /// The segments, by number.
    pub segments: Vec<SegmentCard>,
}

/// The data in a few facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataCard {
    /// `file`, or `simulated` where the customers never existed.
    pub source: String,
    /// Number of customers.
    pub customers: u64,
    /// Their money.
    pub revenue: f64,
    /// First and last purchase, where known.
    pub period: Option<[String; 2]>,
    /// The moment from which recency is counted.
    pub snapshot: String,
    /// What one unit of frequency is: `invoices` or `purchase_days`.
    pub frequency_unit: String,
    /// blake3 of the table of customers.
    pub digest: String,
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WarningCard {
    /// Short name.
    pub code: String,
    /// In words.
    pub message: String,
}

/// One measure of quality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricCard {
    /// Its name.
    pub metric: String,
    /// Its value; null where it is not finite.
    pub value: Option<f64>,
}

/// One number of segments that was compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudyCard {
    /// The number of segments.
    pub k: i64,
    /// Sum of squared distances in scaled space.
    pub inertia: Option<f64>,
    /// Mean silhouette, where defined.
    pub silhouette: Option<f64>,
    /// Whether the model has this number.
    pub is_selected: bool,
}

/// One feature of all customers, or of a segment's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureCard {
    /// `recency`, `frequency` or `monetary`.
    pub feature: String,
    /// What its numbers count.
    pub unit: String,
    /// Arithmetic mean; null without customers.
    pub mean: Option<f64>,
    /// The 0, 5, …, 100 % quantiles: the first is the smallest value, the last the largest; empty without customers.
    pub quantiles: Vec<f64>,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentCard {
    /// Its number.
    pub segment: usize,
    /// Its name.
    pub name: String,
    /// Its colour as `#rrggbb`, the same everywhere.
    pub colour: String,
    /// What its customers are like.
    pub description: String,
    /// What to do with them.
    pub action: String,
    /// How many.
    pub customers: u64,
    /// Their share of all customers, 0 to 1.
    pub customer_share: f64,
    /// Their money.
    pub revenue: f64,
    /// Their share of all money.
    pub revenue_share: f64,
    /// Their mean silhouette, where defined.
    pub silhouette: Option<f64>,
    /// Medians of recency, frequency and monetary with the quartiles around them: q1, median, q3.
    pub quartiles: [[Option<f64>; 3]; 3],
    /// Their recency, frequency and monetary.
    pub features: Vec<FeatureCard>,
}

impl Cards {
    /// The cards of a result.
    pub fn of(results: &Results) -> Self {
        let features = results.customers.features();
        let everyone: Vec<usize> = (0..features.len()).collect();
        Self {
            version: VERSION,
            data: data(results),
            warnings: results.warnings.iter().map(warning).collect(),
            metrics: results.metrics.iter().map(metric).collect(),
            study: study(results),
            features: feature_cards(results, &features, &everyone),
            segments: results.segments.iter().map(|segment| card(results, &features, segment)).collect(),
        }
    }
}

fn data(results: &Results) -> DataCard {
    let period = results.fact("period_start").zip(results.fact("period_end"));
    DataCard {
        source: if results.is_simulated() { "simulated" } else { "file" }.to_owned(),
        customers: results.customers.len() as u64,
        revenue: results.revenue(),
        period: period.map(|(start, end)| [start.to_owned(), end.to_owned()]),
        snapshot: results.model.snapshot.clone(),
        frequency_unit: results.model.frequency_unit.clone(),
        digest: results.model.data_digest.clone(),
    }
}

fn warning((code, message): &(String, String)) -> WarningCard {
    WarningCard { code: code.clone(), message: message.clone() }
}

fn metric((name, value): &(String, f64)) -> MetricCard {
    MetricCard { metric: name.clone(), value: finite(*value) }
}

fn study(results: &Results) -> Vec<StudyCard> {
    let cards = results.study.iter().map(|fact| StudyCard {
        k: fact.k,
        inertia: fact.measure("inertia").and_then(finite),
        silhouette: fact.measure("silhouette").and_then(finite),
        is_selected: fact.is_selected,
    });
    cards.collect()
}

fn card(results: &Results, features: &[[f64; 3]], segment: &SegmentFact) -> SegmentCard {
    let number = usize::try_from(segment.segment).unwrap_or_default();
    let members: Vec<usize> = (0..features.len()).filter(|row| results.labels[*row] == number).collect();
    let quartiles = |profile: Profile| [profile.q1, profile.median, profile.q3].map(finite);
    SegmentCard {
        segment: number,
        name: segment.name.clone(),
        colour: palette::hex(number),
        description: segment.description.clone(),
        action: segment.action.clone(),
        customers: u64::try_from(segment.customers).unwrap_or_default(),
        customer_share: segment.customer_share(),
        revenue: segment.revenue(),
        revenue_share: segment.revenue_share(),
        silhouette: segment.silhouette.and_then(finite),
        quartiles: segment.profiles.map(quartiles),
        features: feature_cards(results, features, &members),
    }
}

fn feature_cards(results: &Results, features: &[[f64; 3]], rows: &[usize]) -> Vec<FeatureCard> {
    let units = ["days", results.frequency_unit(), "money"];
    let card = |(index, (feature, unit)): (usize, (&str, &str))| {
        let values: Vec<f64> = rows.iter().map(|row| features[*row][index]).collect();
        FeatureCard {
            feature: feature.to_owned(),
            unit: unit.to_owned(),
            mean: finite(crate::kernels::sum::mean(&values)),
            quantiles: quantiles(&values),
        }
    };
    FEATURES.into_iter().zip(units).enumerate().map(card).collect()
}

fn quantiles(values: &[f64]) -> Vec<f64> {
    if values.is_empty() {
        return Vec::new();
    }
    let sorted = Sorted::new(values);
    (0..QUANTILES).map(|index| sorted.quantile(index as f64 / (QUANTILES - 1) as f64)).collect()
}

/// JSON has no word for what is not finite.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results_fixture::{Fixture, Setup};

    #[test]
    fn quantiles_reach_from_the_smallest_to_the_largest_value() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let found = quantiles(&values);
        assert_eq!(
            (found.len(), found[0].to_bits(), found[20].to_bits()),
            (21, 0.0_f64.to_bits(), 100.0_f64.to_bits())
        );
        let is_close = |(index, quantile): (u32, &f64)| (quantile - 5.0 * f64::from(index)).abs() < 1e-12;
        assert!((0..).zip(&found).all(is_close), "{found:?}");
        assert!(quantiles(&[]).is_empty());
    }

    #[test]
    fn a_card_holds_the_profile_of_its_own_customers() {
        let fixture = Fixture::new(Setup::default());
        let cards = Cards::of(&fixture.results());
        let monetary: Vec<f64> = fixture.members(1).into_iter().map(|row| fixture.customers.monetary[row]).collect();
        let smallest = monetary.iter().copied().fold(f64::INFINITY, f64::min);
        let feature = &cards.segments[1].features[2];
        assert_eq!((feature.feature.as_str(), feature.unit.as_str()), ("monetary", "money"));
        assert_eq!(feature.quantiles[0].to_bits(), smallest.to_bits());
        assert_eq!(cards.segments[1].quartiles[2][1], Some(feature.quantiles[10]));
        assert_eq!(cards.segments[1].colour, palette::hex(1));
    }

    #[test]
    fn what_is_not_finite_survives_as_nothing() {
        let mut results = Fixture::new(Setup::default()).results();
        results.metrics.push(("odd".to_owned(), f64::NAN));
        let cards = Cards::of(&results);
        let read: Cards = serde_json::from_slice(&serde_json::to_vec(&cards).unwrap()).unwrap();
        assert_eq!(read, cards);
        assert_eq!(read.metrics.last().unwrap().value, None);
    }
}
