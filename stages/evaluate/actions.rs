//! What to do about a segment: a table over its bands.
//!
//! For: the column `action`. Not for: names (`train::naming`) or bands (`bands`). Called by: `evaluate`.
//! `stages/README.md` documents the same table.
//!
//! The row is recency; the column is the higher of the frequency's and the monetary's band, because whoever buys often
//! or for much is worth the effort of keeping.

use crate::bands::{Bands, Level, Recency};

/// Actions by recency (recent, cooling, gone), then by value (low, middle, high, top).
const ACTIONS: [[&str; 4]; 3] = [
    [
        "welcome them and lead them to a second purchase: introduce the range, offer a starter discount",
        "raise frequency: recommend what goes with their purchases, invite them to a loyalty programme",
        "reward them: early access, loyalty benefits, ask for reviews and referrals; no discounts needed",
        "look after them in person: a contact of their own, terms by agreement, first look at stock",
    ],
    [
        "remind them cheaply: seasonal offers by e-mail, no costly channels",
        "bring them back before they drift away: reminders of what they bought, limited offers",
        "win back attention now: personal offers on what they used to buy, ask what changed",
        "call them in person: find out what changed, offer terms that bring the next order",
    ],
    [
        "spend little: one win-back message, then leave them to general newsletters",
        "try a win-back offer with a deadline; stop where it is not answered",
        "win them back with effort: a personal offer, a call, a survey of why they left",
        "call them at once: losing them costs more than any offer",
    ],
];

/// The action for these bands.
pub(super) fn action(bands: Bands) -> &'static str {
    let recency = match bands.recency {
        Recency::Recent => 0,
        Recency::Cooling => 1,
        Recency::Gone => 2,
    };
    let value = match bands.frequency.max(bands.monetary) {
        Level::Low => 0,
        Level::Middle => 1,
        Level::High => 2,
        Level::Top => 3,
    };
    ACTIONS[recency][value]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_of_frequency_and_monetary_decides() {
        let often = Bands { recency: Recency::Gone, frequency: Level::High, monetary: Level::Low };
        let much = Bands { recency: Recency::Gone, frequency: Level::Low, monetary: Level::High };
        assert_eq!(action(often), action(much));
        assert_eq!(action(often), ACTIONS[2][2]);
        let new = Bands { recency: Recency::Recent, frequency: Level::Low, monetary: Level::Low };
        assert_eq!(action(new), ACTIONS[0][0]);
    }

    #[test]
    fn the_readme_documents_the_same_actions() {
        let readme = include_str!("../README.md");
        for action in ACTIONS.as_flattened() {
            assert!(readme.contains(action), "`{action}` is missing");
        }
    }
}
