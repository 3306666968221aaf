//! Ages and sizes as people write them.
//!
//! For: arguments. Not for: printing, except sizes ([`shown`]). Called by: `args`, `cache`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// Bytes in a unit, by the unit's name. The first of equal ones is how it is shown.
const UNITS: [(&str, u64); 9] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
];

/// `12h`, `30d`, `2w`; a day has 24 hours.
///
/// # Errors
/// What is wrong with it.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no age like `12h`, `30d` or `8w`");
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    let signed = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(signed).map_err(|_| wrong())
}

/// `500MB`, `1.5 GB`, `2GiB`, or bytes.
///
/// # Errors
/// What is wrong with it.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size like `500MB`, `2GB` or `1GiB`");
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (text[..end].parse::<f64>().map_err(|_| wrong())?, text[end..].trim());
    let unit = if unit.is_empty() { "B" } else { unit };
    let bytes = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?.1;
    Ok((number * bytes as f64) as u64)
}

/// A size in the largest unit of thousands of which there is at least one.
pub(super) fn shown(bytes: u64) -> String {
    match UNITS[..4].iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{:.1} {name}", bytes as f64 / *unit as f64),
        None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("12h", 12 * 3_600)]
    #[case("30d", 30 * 86_400)]
    #[case("2w", 14 * 86_400)]
    #[case("1d 12h", 36 * 3_600)]
    #[case("90 seconds", 90)]
    fn ages_are_read(#[case] text: &str, #[case] seconds: u64) {
        assert_eq!(age(text), Ok(Duration::from_secs(seconds)));
    }

    #[rstest]
    fn what_is_no_age_is_refused(#[values("", "30", "-1d", "1 month", "soon", "1y")] text: &str) {
        assert!(age(text).unwrap_err().contains("is no age like"), "{text}");
    }

    #[rstest]
    #[case("0", 0)]
    #[case("1234", 1_234)]
    #[case("500MB", 500_000_000)]
    #[case("1.5 GB", 1_500_000_000)]
    #[case("2GiB", 2_147_483_648)]
    #[case("10kb", 10_000)]
    fn sizes_are_read(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(size(text), Ok(bytes));
    }

    #[rstest]
    fn what_is_no_size_is_refused(#[values("", "MB", "-1", "1.2.3", "5 apples", "NaN")] text: &str) {
        assert!(size(text).unwrap_err().contains("is no size like"), "{text}");
    }

    #[test]
    fn sizes_are_shown_in_a_fitting_unit() {
        assert_eq!([0, 999, 1_000, 31_240_000].map(shown), ["0 B", "999 B", "1.0 kB", "31.2 MB"]);
    }
}
