//! What the simulated shop sells: about 3,900 products with codes, words and prices, and the service lines.
//!
//! For: codes, descriptions and prices of lines. Not for: who buys what. Called by: `shop`, `guests`, the writers.

use crate::random::Random;

use super::distributions::weighted;

/// Index of a product or service in the catalogue.
pub(super) type Item = u16;

/// Remarks of the warehouse in place of a description, on stock corrections.
pub(super) const REMARKS: [&str; 8] =
    ["damages", "check", "?", "lost", "thrown away", "wet/rusty", "faulty", "adjustment"];

/// Products in the catalogue, without services.
pub(super) const PRODUCTS: Item = 3_900;

/// Of which the last ones repeat a code in lower case, as the real file's typists did.
const LOWER_CASE: Item = 60;

/// Stream of random numbers that the catalogue is made of; blocks of customers count from 0 and never get here.
const STREAM: u64 = u64::MAX;

/// Service lines and what they are called, in the order of the constants in [`service`].
const SERVICES: [(&str, &str); 12] = [
    ("POST", "POSTAGE"),
    ("DOT", "DOTCOM POSTAGE"),
    ("M", "Manual"),
    ("C2", "CARRIAGE"),
    ("D", "Discount"),
    ("S", "SAMPLES"),
    ("BANK CHARGES", "Bank Charges"),
    ("AMAZONFEE", "AMAZON FEE"),
    ("CRUK", "CRUK Commission"),
    ("PADS", "PADS TO MATCH ALL CUSHIONS"),
    ("gift_0001_20", "Dotcomgiftshop Gift Voucher £20.00"),
    ("B", "Adjust bad debt"),
];

/// The service lines by name.
pub(super) mod service {
    use super::{Item, PRODUCTS};
    pub(in super::super) const POST: Item = PRODUCTS;
    pub(in super::super) const DOT: Item = PRODUCTS + 1;
    pub(in super::super) const MANUAL: Item = PRODUCTS + 2;
    pub(in super::super) const CARRIAGE: Item = PRODUCTS + 3;
    pub(in super::super) const DISCOUNT: Item = PRODUCTS + 4;
    pub(in super::super) const SAMPLES: Item = PRODUCTS + 5;
    pub(in super::super) const BANK_CHARGES: Item = PRODUCTS + 6;
    pub(in super::super) const AMAZON_FEE: Item = PRODUCTS + 7;
    pub(in super::super) const COMMISSION: Item = PRODUCTS + 8;
    pub(in super::super) const PADS: Item = PRODUCTS + 9;
    pub(in super::super) const VOUCHER: Item = PRODUCTS + 10;
    pub(in super::super) const BAD_DEBT: Item = PRODUCTS + 11;
}

/// Prices in pennies and how many products in a thousand or so carry them.
const PRICES: [(i32, u64); 30] = [
    (19, 8),
    (29, 18),
    (39, 22),
    (42, 55),
    (55, 40),
    (65, 32),
    (72, 14),
    (85, 90),
    (95, 14),
    (125, 115),
    (145, 45),
    (165, 95),
    (195, 70),
    (208, 45),
    (210, 30),
    (255, 75),
    (295, 85),
    (325, 20),
    (375, 55),
    (425, 45),
    (495, 55),
    (595, 30),
    (675, 14),
    (795, 40),
    (850, 28),
    (995, 26),
    (1275, 18),
    (1495, 12),
    (1795, 8),
    (2495, 5),
];

const COLOURS: [&str; 16] = [
    "WHITE",
    "RED",
    "PINK",
    "BLUE",
    "CREAM",
    "IVORY",
    "GREEN",
    "BLACK",
    "SILVER",
    "ANTIQUE",
    "VINTAGE",
    "RETROSPOT",
    "POLKADOT",
    "WOODEN",
    "GLASS",
    "FELTCRAFT",
];
const THEMES: [&str; 18] = [
    "HEART",
    "STAR",
    "REGENCY",
    "PAISLEY",
    "CHRISTMAS",
    "UNION JACK",
    "STRAWBERRY",
    "BUTTERFLY",
    "LOVEBIRD",
    "SPACEBOY",
    "WOODLAND",
    "ROSE",
    "DOLLY GIRL",
    "SKULL",
    "ALPHABET",
    "GARDEN",
    "HERB",
    "CIRCUS PARADE",
];
const OBJECTS: [&str; 26] = [
    "T-LIGHT HOLDER",
    "LUNCH BAG",
    "CAKESTAND 3 TIER",
    "MUG",
    "TEACUP AND SAUCER",
    "PARTY BUNTING",
    "DOORMAT",
    "JUMBO BAG",
    "PHOTO FRAME",
    "CUSHION COVER",
    "WALL CLOCK",
    "NAPKINS, PACK OF 20",
    "CANDLE",
    "BUNTING",
    "NOTEBOOK",
    "BIRD ORNAMENT",
    "HOT WATER BOTTLE",
    "TISSUES, POCKET SIZE",
    "APRON",
    "LANTERN",
    "STORAGE BOX",
    "GIFT WRAP",
    "BISCUIT TIN",
    "CARD HOLDER",
    "TRINKET BOX",
    "COASTERS, SET OF 4",
];

/// One product or service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Stock code.
    pub(super) code: String,
    /// Description.
    pub(super) description: String,
    /// Price of one in pennies; 0 for services, whose price depends on the order.
    pub(super) price: i32,
}

/// All products, the most popular first, then the services.
#[derive(Debug, Clone)]
pub(super) struct Catalogue {
    entries: Vec<Entry>,
}

impl Catalogue {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed, STREAM);
        let mut entries: Vec<Entry> = (0..PRODUCTS - LOWER_CASE).map(|index| product(index, &mut random)).collect();
        let suffixed: Vec<Entry> = entries.iter().filter(|entry| entry.code.len() > 5).cloned().collect();
        let typed_badly = suffixed.into_iter().take(usize::from(LOWER_CASE));
        entries.extend(typed_badly.map(|entry| Entry { code: entry.code.to_ascii_lowercase(), ..entry }));
        let services = SERVICES.iter();
        entries.extend(services.map(|&(code, words)| Entry { code: code.into(), description: words.into(), price: 0 }));
        Self { entries }
    }

    /// What `item` is.
    pub(super) fn entry(&self, item: Item) -> &Entry {
        &self.entries[usize::from(item)]
    }

    /// All of it.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// A product as customers choose: popular ones (low indices) more often, with a density that falls as 1 / √index.
pub(super) fn popular(random: &mut Random) -> Item {
    let u = random.unit();
    (u * u * f64::from(PRODUCTS)) as Item
}

fn product(index: Item, random: &mut Random) -> Entry {
    // Codes run through 20001..84999 in steps that are coprime to the range, so that popularity is not in the code.
    let number = 20_001 + (u32::from(index) * 16_381) % 64_999;
    let colour = random.below(COLOURS.len() as u64) as usize;
    // Colours come as variants: the same digits would need the same words, so the letter is simply the colour's.
    let suffix = if random.unit() < 0.3 { char::from(b'A' + colour as u8).to_string() } else { String::new() };
    let theme = THEMES[random.below(THEMES.len() as u64) as usize];
    let object = OBJECTS[random.below(OBJECTS.len() as u64) as usize];
    Entry {
        code: format!("{number}{suffix}"),
        description: format!("{} {theme} {object}", COLOURS[colour]),
        price: weighted(random, &PRICES),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_some_differ_only_by_case() {
        let catalogue = Catalogue::new(42);
        let codes: BTreeSet<&str> = catalogue.entries().iter().map(|entry| entry.code.as_str()).collect();
        assert_eq!(codes.len(), usize::from(PRODUCTS) + SERVICES.len());
        let folded: BTreeSet<String> = codes.iter().map(|code| code.to_ascii_uppercase()).collect();
        assert_eq!(codes.len() - folded.len(), usize::from(LOWER_CASE));
    }

    #[test]
    fn services_are_where_their_names_say() {
        let catalogue = Catalogue::new(42);
        assert_eq!(catalogue.entry(service::POST).code, "POST");
        assert_eq!(catalogue.entry(service::BAD_DEBT).code, "B");
        assert!(catalogue.entries().iter().take(usize::from(PRODUCTS)).all(|entry| entry.price > 0));
    }

    #[test]
    fn popular_products_are_chosen_more_often() {
        let mut random = Random::new(3, 0);
        let top_quarter = (0..10_000).filter(|_| popular(&mut random) < PRODUCTS / 4).count();
        assert!((4_800..5_200).contains(&top_quarter), "{top_quarter}");
    }
}
