//! Who the simulated customers are and when they buy: BG/NBD (Fader, Hardie and Lee 2005) with traits of their own.
//!
//! For: arrival, purchase rate, dropout, basket size, volume, country. Not for: what is in a basket. Called by: `shop`.

use crate::random::Random;

use super::distributions::{beta, gamma, is_one_in, log_normal, weighted};

/// Countries of the real file.
pub(super) const COUNTRIES: [&str; 38] = [
    "United Kingdom",
    "Germany",
    "France",
    "Spain",
    "Belgium",
    "Switzerland",
    "Portugal",
    "Italy",
    "Finland",
    "Norway",
    "Australia",
    "Netherlands",
    "Channel Islands",
    "Denmark",
    "Austria",
    "Japan",
    "Sweden",
    "Poland",
    "Cyprus",
    "Israel",
    "Greece",
    "Canada",
    "Unspecified",
    "USA",
    "EIRE",
    "United Arab Emirates",
    "Bahrain",
    "Malta",
    "Lithuania",
    "Iceland",
    "Singapore",
    "Lebanon",
    "Saudi Arabia",
    "Czech Republic",
    "Brazil",
    "European Community",
    "RSA",
    "Hong Kong",
];

/// Customers per country, in the order of [`COUNTRIES`], in the real file.
const RESIDENTS: [u64; 38] = [
    3951, 95, 87, 30, 23, 20, 19, 15, 12, 10, 9, 9, 9, 9, 9, 8, 8, 6, 6, 4, 4, 4, 4, 4, 3, 2, 2, 2, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1,
];

/// Index of the United Kingdom, where the shop and most guests are.
pub(super) const HOME: u8 = 0;

/// The first customer's id; the others count on from it.
const FIRST_ID: u32 = 12_346;

/// Operational days from the first to the last, see `calendar`.
const YEAR: f64 = 374.0;

/// Share of customers who were customers before the first day and buy soon after it.
const ESTABLISHED: f64 = 0.24;

/// Shape of the gamma distribution of purchase rates, and the mean number of purchases in a year of the undropped.
const RATE_SHAPE: f64 = 0.95;
const RATE_MEAN: f64 = 9.6;

/// Shapes of the beta distribution of the probability of never coming back after a purchase.
const DROPOUT: (f64, f64) = (0.7, 4.0);

/// Share of resellers, who buy this many times as often.
const RESELLERS: f64 = 0.003;
const RESELLER_RATE: f64 = 6.0;

/// Share of wholesale customers, who buy this many times as much of everything.
const WHOLESALE: f64 = 0.012;
const WHOLESALE_VOLUME: f64 = 9.0;

/// Median lines per order and the spread of customers around it.
const LINES: (f64, f64) = (14.5, 0.6);

/// Median factor on the common quantities and the spread of customers around it.
const VOLUME: (f64, f64) = (0.9, 0.8);

/// One customer's traits and their next purchase.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Customer {
    /// Id in the file.
    pub(super) id: u32,
    /// Index in [`COUNTRIES`].
    pub(super) country: u8,
    /// Operational time of the next purchase; infinite after the last one.
    pub(super) next: f64,
    /// Median number of lines of an order.
    pub(super) lines: f64,
    /// Factor on quantities; 1 is common.
    pub(super) volume: f64,
    /// Mean operational days between purchases.
    wait: f64,
    /// Probability of never coming back after a purchase.
    dropout: f64,
}

impl Customer {
    /// The customer number `index` of all.
    pub(super) fn new(index: u32, random: &mut Random) -> Self {
        let rate = gamma(random, RATE_SHAPE) * RATE_MEAN / YEAR;
        let rate = if is_one_in(random, RESELLERS) { rate * RESELLER_RATE } else { rate };
        let dropout = beta(random, DROPOUT.0, DROPOUT.1);
        let next = if is_one_in(random, ESTABLISHED) { random.exponential(20.0) } else { random.unit() * YEAR };
        let volume = log_normal(random, VOLUME.0, VOLUME.1);
        let volume = if is_one_in(random, WHOLESALE) { volume * WHOLESALE_VOLUME } else { volume };
        Self {
            id: FIRST_ID + index,
            country: country(random),
            next,
            lines: log_normal(random, LINES.0, LINES.1),
            volume,
            wait: 1.0 / rate.max(1e-9),
            dropout,
        }
    }

    /// Decides, after a purchase, when the next one comes, if ever.
    pub(super) fn advance(&mut self, random: &mut Random) {
        let is_last = is_one_in(random, self.dropout);
        self.next = if is_last { f64::INFINITY } else { self.next + random.exponential(self.wait) };
    }
}

fn country(random: &mut Random) -> u8 {
    let residents: [(u8, u64); 38] = std::array::from_fn(|index| (index as u8, RESIDENTS[index]));
    weighted(random, &residents)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Purchases of one simulated customer within the year.
    fn purchases(index: u32, random: &mut Random) -> u32 {
        let mut customer = Customer::new(index, random);
        let mut count = 0;
        while customer.next < YEAR {
            count += 1;
            customer.advance(random);
        }
        count
    }

    #[test]
    fn purchases_are_as_skewed_as_the_real_ones() {
        let mut random = Random::new(42, 0);
        let mut counts: Vec<u32> = (0..50_000).map(|index| purchases(index, &mut random)).filter(|&n| n > 0).collect();
        counts.sort_unstable();
        let share_of_one = counts.iter().filter(|&&n| n == 1).count() as f64 / counts.len() as f64;
        let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        let at = |q: f64| counts[(counts.len() as f64 * q) as usize];
        // The real file: 34 % of customers bought once; mean 4.27; median 2, 90 % 9, 99 % 30.
        let facts =
            format!("once {share_of_one:.3}, mean {mean:.2}, {} {} {} {}", at(0.5), at(0.75), at(0.9), at(0.99));
        assert!((0.30..0.39).contains(&share_of_one) && (3.8..4.8).contains(&mean), "{facts}");
        assert!((2..=3).contains(&at(0.5)) && (8..=11).contains(&at(0.9)) && (20..=40).contains(&at(0.99)), "{facts}");
    }

    #[test]
    fn nine_in_ten_live_at_home() {
        let mut random = Random::new(1, 0);
        let home = (0..10_000).filter(|_| country(&mut random) == HOME).count();
        assert!((8_900..9_200).contains(&home), "{home}");
    }
}
