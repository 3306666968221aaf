//! What the customers of each segment are like.
//!
//! For: the rows of `segments`. Not for: names (the model has them) or measures of the partition. Called by: `evaluate`.

use super::actions::action;
use crate::bands::{Bands, Level, Recency};
use crate::document::numbers::{fixed, measured, percent};
use crate::kernels::quantile::Sorted;
use crate::kernels::sum;

/// Mean and quartiles of one raw feature; all 0 without customers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// Mean.
    pub mean: f64,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
}

/// One segment's customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// How many.
    pub customers: usize,
    /// Of all customers.
    pub customer_share: f64,
    /// Their money.
    pub revenue: f64,
    /// Of all money; 0 where there is none.
    pub revenue_share: f64,
    /// Recency, frequency, monetary.
    pub features: [Statistics; 3],
    /// Mean silhouette, where it is defined.
    pub silhouette: Option<f64>,
    /// What they are like, in words.
    pub description: String,
    /// What to do with them.
    pub action: &'static str,
}

/// Profiles of all segments: raw features and segment of every customer, bands and mean silhouette of every segment,
/// and what one unit of frequency is (`invoices` or `purchase_days`).
pub(super) fn profiles(
    raw: &[[f64; 3]],
    labels: &[usize],
    bands: &[Bands],
    silhouettes: &[Option<f64>],
    frequency_unit: &str,
) -> Vec<Profile> {
    let all: sum::Sum = raw.iter().map(|row| row[2]).collect();
    let profile = |(segment, bands): (usize, &Bands)| {
        let members: Vec<[f64; 3]> =
            raw.iter().zip(labels).filter(|(_, label)| **label == segment).map(|(row, _)| *row).collect();
        let revenue = members.iter().map(|row| row[2]).collect::<sum::Sum>().value();
        let mut profile = Profile {
            customers: members.len(),
            customer_share: members.len() as f64 / raw.len() as f64,
            revenue,
            revenue_share: if all.value() > 0.0 { revenue / all.value() } else { 0.0 },
            features: std::array::from_fn(|index| statistics(&members, index)),
            silhouette: silhouettes.get(segment).copied().flatten(),
            description: String::new(),
            action: action(*bands),
        };
        profile.description = describe(&profile, *bands, frequency_unit);
        profile
    };
    bands.iter().enumerate().map(profile).collect()
}

fn statistics(members: &[[f64; 3]], index: usize) -> Statistics {
    if members.is_empty() {
        return Statistics::default();
    }
    let values: Vec<f64> = members.iter().map(|row| row[index]).collect();
    let sorted = Sorted::new(&values);
    let [q1, median, q3] = [0.25, 0.5, 0.75].map(|q| sorted.quantile(q));
    Statistics { mean: sum::mean(&values), q1, median, q3 }
}

fn describe(profile: &Profile, bands: Bands, frequency_unit: &str) -> String {
    let recency = match bands.recency {
        Recency::Recent => "recently",
        Recency::Cooling => "a while ago",
        Recency::Gone => "long ago",
    };
    let frequency = match bands.frequency {
        Level::Low => "rarely",
        Level::Middle => "now and then",
        Level::High => "often",
        Level::Top => "more often than nearly everybody",
    };
    let monetary = match bands.monetary {
        Level::Low => "for little money",
        Level::Middle => "for a middling sum",
        Level::High => "for much money",
        Level::Top => "for more money than nearly everybody",
    };
    let [r, f, m] = profile.features.map(|feature| feature.median);
    let [one, many] =
        if frequency_unit == "purchase_days" { ["purchase day", "purchase days"] } else { ["order", "orders"] };
    format!(
        "bought {recency} (median {} ago), {frequency} ({}) and {monetary} ({}); {} of customers, {} of revenue",
        measured(r, "day", "days"),
        measured(f, one, many),
        fixed(m, 2),
        percent(profile.customer_share),
        percent(profile.revenue_share),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: [[f64; 3]; 5] =
        [[1.0, 4.0, 100.0], [3.0, 6.0, 200.0], [200.0, 1.0, 10.0], [300.0, 1.0, 20.0], [400.0, 2.0, 70.0]];
    const BEST: Bands = Bands { recency: Recency::Recent, frequency: Level::High, monetary: Level::High };
    const LOST: Bands = Bands { recency: Recency::Gone, frequency: Level::Low, monetary: Level::Low };

    #[test]
    fn quartiles_and_shares_by_hand() {
        let profiles = profiles(&RAW, &[0, 0, 1, 1, 1], &[BEST, LOST], &[Some(0.7), None], "invoices");
        let [best, lost] = profiles.as_slice() else { panic!("two segments") };
        assert_eq!((best.customers, best.customer_share, best.revenue, best.revenue_share), (2, 0.4, 300.0, 0.75));
        // 10, 20, 70: quartiles at positions 0.5, 1, 1.5.
        let expected = Statistics { mean: 100.0 / 3.0, q1: 15.0, median: 20.0, q3: 45.0 };
        assert_eq!(lost.features[2], expected);
        assert_eq!((best.silhouette, lost.silhouette), (Some(0.7), None));
    }

    #[test]
    fn a_description_says_when_how_often_and_for_how_much() {
        let described = |raw: &[[f64; 3]], unit: &str| {
            let labels: Vec<usize> = (0..raw.len()).map(|row| usize::from(row > 1)).collect();
            let profiles = profiles(raw, &labels, &[BEST, LOST], &[], unit);
            profiles.into_iter().map(|profile| profile.description.replace('\u{a0}', " ")).collect::<Vec<_>>()
        };
        let days = described(&RAW, "purchase_days");
        assert_eq!(
            days[0],
            "bought recently (median 2 days ago), often (5 purchase days) and for much money (150.00); \
             40.0 % of customers, 75.0 % of revenue"
        );
        assert!(days[1].starts_with("bought long ago (median 300 days ago), rarely (1 purchase day)"), "{}", days[1]);
        let large = [[1.0, 1480.0, 117_379.625], [1.0, 1481.0, 117_379.625], [40.0, 1.0, 0.5]];
        assert_eq!(
            described(&large, "invoices"),
            [
                "bought recently (median 1 day ago), often (1 480 orders) and for much money (117 379.62); \
                 66.7 % of customers, 100.0 % of revenue",
                "bought long ago (median 40 days ago), rarely (1 order) and for little money (0.50); \
                 33.3 % of customers, < 0.1 % of revenue",
            ]
        );
    }

    #[test]
    fn no_money_at_all_and_no_customers_give_shares_of_nothing() {
        let raw = [[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]];
        let profiles = profiles(&raw, &[0, 0], &[BEST, LOST], &[], "invoices");
        assert_eq!((profiles[0].revenue_share, profiles[1].customers), (0.0, 0));
        assert_eq!(profiles[1].features[0], Statistics::default());
    }
}
