//! What would mislead a reader of the results who does not know it.
//!
//! For: the rows of `warnings`. Not for: errors. Called by: `evaluate`.

use jiff::civil::DateTime;

use super::measures::Measures;
use crate::kernels::columns::squared_distance;
use crate::kernels::sum::{self, Sum};
use crate::model::Model;
use crate::numerals::{count, counted};

/// Segments with a smaller share of customers are warned of.
const SMALL_SEGMENT: f64 = 0.01;
/// Fewer customers are warned of.
const FEW_CUSTOMERS: usize = 500;
/// The most extreme customers, as a share of all.
const EXTREME: f64 = 0.01;
/// The share of the spread from which on the extreme ones carry the silhouette; under a normal distribution of three
/// features they make up about 5 % of it.
const CARRIED_FROM: f64 = 0.25;
/// Below this mean silhouette no substantial structure was found (Kaufman and Rousseeuw 1990).
const WEAK_BELOW: f64 = 0.25;
/// The share of customers who should keep their segment's name.
const STABLE_FROM: f64 = 0.9;
/// Days without a purchase at the end of a month before it counts as partial: shops close at weekends.
const QUIET_DAYS: i8 = 2;

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Short name.
    pub code: &'static str,
    /// The warning, in words.
    pub message: String,
}

/// All warnings that apply, in a fixed order. `period_end` is the last time in the data, ISO 8601.
pub(super) fn warnings(
    model: &Model,
    measures: &Measures,
    points: &[[f64; 3]],
    period_end: Option<&str>,
) -> Vec<Warning> {
    let found = [
        ("simulated_data", simulated(model)),
        ("few_customers", few_customers(points.len())),
        ("partial_last_month", period_end.and_then(partial_last_month)),
        ("undefined_silhouette", undefined(measures)),
        ("outliers_carry_silhouette", outliers(measures, points)),
        ("small_segment", small_segments(model, measures)),
        ("weak_structure", weak_structure(measures)),
        ("unstable_names", unstable_names(model)),
    ];
    found.into_iter().filter_map(|(code, message)| Some(Warning { code, message: message? })).collect()
}

fn simulated(model: &Model) -> Option<String> {
    let is_simulated = model.data_source == "simulated";
    is_simulated.then(|| "the data are simulated: nothing here says anything about real customers".to_owned())
}

fn few_customers(customers: usize) -> Option<String> {
    (customers < FEW_CUSTOMERS).then(|| {
        let verb = if customers == 1 { "is" } else { "are" };
        let customers = counted(customers as u64, "customer");
        format!("{customers} {verb} few: below {FEW_CUSTOMERS} segments depend on single customers")
    })
}

fn partial_last_month(period_end: &str) -> Option<String> {
    let end: DateTime = period_end.parse().ok()?;
    let rest = end.date().last_of_month().day() - end.day();
    (rest > QUIET_DAYS).then(|| {
        format!("the data end on {}, so their last month is partial: do not compare it with whole months", end.date())
    })
}

fn undefined(measures: &Measures) -> Option<String> {
    measures.silhouette.is_none().then(|| {
        "silhouette, Calinski-Harabasz and Davies-Bouldin are not defined for one segment or one customer each; \
         they are left out"
            .to_owned()
    })
}

fn outliers(measures: &Measures, points: &[[f64; 3]]) -> Option<String> {
    let silhouette = measures.silhouette.as_ref()?.mean;
    let extreme = (points.len() as f64 * EXTREME).round() as usize;
    let share = spread_of_farthest(points, extreme);
    let who = match extreme {
        1 => "the most extreme customer (1 %) makes up".to_owned(),
        _ => format!("the {} most extreme customers (1 %) make up", count(extreme as u64)),
    };
    (extreme > 0 && share > CARRIED_FROM).then(|| {
        format!(
            "the mean silhouette of {silhouette:.3} is carried by outliers: {who} {:.0} % of the spread; the scale is \
             stretched, and all others lie close together on it: `train.scaling: log` tells those apart",
            100.0 * share
        )
    })
}

/// The share of the sum of squared distances to the mean that the `count` farthest points have.
fn spread_of_farthest(points: &[[f64; 3]], count: usize) -> f64 {
    let mean: [f64; 3] =
        std::array::from_fn(|index| sum::mean(&points.iter().map(|point| point[index]).collect::<Vec<_>>()));
    let mut squares: Vec<f64> = points.iter().map(|point| squared_distance(point, &mean)).collect();
    squares.sort_unstable_by(|a, b| b.total_cmp(a));
    let total = squares.iter().copied().collect::<Sum>().value();
    let farthest = squares.iter().take(count).copied().collect::<Sum>().value();
    if total > 0.0 { farthest / total } else { 0.0 }
}

fn small_segments(model: &Model, measures: &Measures) -> Option<String> {
    let customers: usize = measures.sizes.iter().sum();
    let small = model.segments.iter().zip(&measures.sizes).filter_map(|(segment, &size)| {
        let share = size as f64 / customers as f64;
        (share < SMALL_SEGMENT).then(|| format!("`{}` ({size}, {:.1} %)", segment.name, 100.0 * share))
    });
    let small: Vec<String> = small.collect();
    (!small.is_empty()).then(|| format!("fewer than 1 % of customers are in {}", small.join(", ")))
}

fn weak_structure(measures: &Measures) -> Option<String> {
    let silhouette = measures.silhouette.as_ref()?.mean;
    (silhouette < WEAK_BELOW).then(|| {
        format!(
            "a mean silhouette of {silhouette:.3} means that segments overlap: many customers could be in the next one"
        )
    })
}

fn unstable_names(model: &Model) -> Option<String> {
    let share = model.name_stability.filter(|share| *share < STABLE_FROM)?;
    Some(format!(
        "only {:.0} % of customers keep their segment's name when training is repeated on resampled customers",
        100.0 * share
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("2011-12-09T12:50:00", true)]
    #[case("2011-12-28T23:59:59", true)]
    #[case("2011-12-29T00:00:00", false)]
    #[case("2011-12-31T18:00:00", false)]
    #[case("2012-02-27T18:00:00", false)]
    #[case("no date", false)]
    fn a_month_is_partial_when_more_than_a_weekend_is_missing(#[case] end: &str, #[case] is_partial: bool) {
        assert_eq!(partial_last_month(end).is_some(), is_partial);
    }

    #[test]
    fn the_spread_of_the_farthest_by_hand() {
        // 0, 0, 0, 8: mean 2, squares 4, 4, 4, 36; the farthest has 36 of 48.
        let points = [[0.0; 3], [0.0; 3], [0.0; 3], [8.0, 0.0, 0.0]];
        assert_eq!(spread_of_farthest(&points, 1).to_bits(), 0.75_f64.to_bits());
        assert_eq!(spread_of_farthest(&[[1.0; 3]; 4], 1).to_bits(), 0.0_f64.to_bits());
    }
}
