//! Names of segments: a table over their bands, and what makes a name unique.
//!
//! For: the words people use for a segment. Not for: bands (`bands`) or actions (`evaluate::actions`).
//! Called by: `train`. `stages/README.md` documents the same table.
//!
//! A name depends on the segment's own bands alone, so that it survives small changes of the other segments. Segments
//! with equal bands share a name of the table; from the second on (in the order of segments, by descending median
//! monetary) they are numbered: `Lost`, `Lost 2`, `Lost 3`. No name of the table ends in a number, so names are unique.

use crate::bands::{Bands, Level, Recency};

/// Names by recency, then frequency, then monetary, each from recent or low on.
const NAMES: [[[&str; 3]; 3]; 3] = [
    [
        ["New Customers", "Promising", "New Big Spenders"],
        ["Potential Loyalists", "Active Regulars", "Big Spenders"],
        ["Frequent Small Buyers", "Loyal", "Champions"],
    ],
    [
        ["Occasional", "Occasional Spenders", "Rare Big Spenders"],
        ["Thrifty Regulars", "Regulars", "Valuable Regulars"],
        ["Cooling Small Buyers", "Cooling Loyal", "Needing Attention"],
    ],
    [
        ["Lost", "Lost Spenders", "Lost Big Spenders"],
        ["Hibernating", "Fading Regulars", "At Risk"],
        ["Gone Small Buyers", "Gone Loyal", "Cannot Lose Them"],
    ],
];

/// Names of those among the top one in a hundred by money, by recency.
const TOP_SPENDERS: [&str; 3] = ["Key Accounts", "Cooling Key Accounts", "Lost Key Accounts"];

/// Names of those among the top one in a hundred by frequency and not by money, by recency.
const TOP_BUYERS: [&str; 3] = ["Most Frequent Buyers", "Cooling Frequent Buyers", "Lost Frequent Buyers"];

/// The name the table has for these bands.
pub(super) fn name(bands: Bands) -> &'static str {
    let recency = match bands.recency {
        Recency::Recent => 0,
        Recency::Cooling => 1,
        Recency::Gone => 2,
    };
    let level = |level: Level| match level {
        Level::Low => 0,
        Level::Middle => 1,
        Level::High | Level::Top => 2,
    };
    match (bands.frequency, bands.monetary) {
        (_, Level::Top) => TOP_SPENDERS[recency],
        (Level::Top, _) => TOP_BUYERS[recency],
        (frequency, monetary) => NAMES[recency][level(frequency)][level(monetary)],
    }
}

/// A unique name for every segment, given their bands in the order of segments.
pub(super) fn names(bands: &[Bands]) -> Vec<String> {
    let plain: Vec<&str> = bands.iter().map(|bands| name(*bands)).collect();
    let numbered = plain.iter().enumerate().map(|(index, name)| {
        let earlier = plain[..index].iter().filter(|other| *other == name).count();
        if earlier == 0 { (*name).to_owned() } else { format!("{name} {}", earlier + 1) }
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const RECENCIES: [Recency; 3] = [Recency::Recent, Recency::Cooling, Recency::Gone];
    const LEVELS: [Level; 4] = [Level::Low, Level::Middle, Level::High, Level::Top];

    fn all_bands() -> Vec<Bands> {
        let pairs = LEVELS.iter().flat_map(|&frequency| LEVELS.map(move |monetary| (frequency, monetary)));
        let pairs: Vec<_> = pairs.collect();
        let of = |recency| pairs.iter().map(move |&(frequency, monetary)| Bands { recency, frequency, monetary });
        RECENCIES.into_iter().flat_map(of).collect()
    }

    #[test]
    fn no_two_cells_of_the_table_share_a_name_and_none_ends_in_a_number() {
        let names: Vec<&str> =
            NAMES.as_flattened().as_flattened().iter().chain(&TOP_SPENDERS).chain(&TOP_BUYERS).copied().collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 33);
        assert!(names.iter().all(|name| !name.ends_with(|c: char| c.is_ascii_digit())));
    }

    #[test]
    fn names_are_unique_whatever_the_bands_of_twenty_segments() {
        for bands in all_bands() {
            let names: BTreeSet<String> = names(&[bands; 20]).into_iter().collect();
            assert_eq!(names.len(), 20);
        }
        let mixed: Vec<Bands> = all_bands().into_iter().chain(all_bands()).collect();
        let names: BTreeSet<String> = names(&mixed).into_iter().collect();
        assert_eq!(names.len(), mixed.len());
    }

    #[test]
    fn the_second_of_equal_segments_is_numbered() {
        let lost = Bands { recency: Recency::Gone, frequency: Level::Low, monetary: Level::Low };
        let best = Bands { recency: Recency::Recent, frequency: Level::High, monetary: Level::High };
        assert_eq!(names(&[best, lost, lost]), ["Champions", "Lost", "Lost 2"]);
    }

    #[test]
    fn the_top_by_money_are_key_accounts_however_often_they_buy() {
        for frequency in LEVELS {
            assert_eq!(name(Bands { recency: Recency::Recent, frequency, monetary: Level::Top }), "Key Accounts");
        }
        let frequent = Bands { recency: Recency::Gone, frequency: Level::Top, monetary: Level::High };
        assert_eq!(name(frequent), "Lost Frequent Buyers");
    }

    #[test]
    fn the_readme_documents_the_same_names() {
        let readme = include_str!("../README.md");
        for bands in all_bands() {
            assert!(readme.contains(name(bands)), "`{}` is missing", name(bands));
        }
    }
}
