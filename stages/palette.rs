//! One colour per segment, the same in every plot, card and page.
//!
//! For: plots, report, bundle. Not for: names or order of segments. Called by: `visualize`, `deploy`.

/// A colour as red, green, blue.
pub type Colour = [u8; 3];

/// Distinguishable with the common forms of colour blindness: Okabe and Ito's eight (2008, yellow darkened for white
/// paper), then darker and lighter relatives for studies with many segments.
const COLOURS: [Colour; 20] = [
    [0, 114, 178],
    [230, 159, 0],
    [0, 158, 115],
    [204, 121, 167],
    [213, 94, 0],
    [86, 180, 233],
    [190, 170, 20],
    [75, 75, 75],
    [0, 60, 110],
    [150, 95, 0],
    [0, 95, 65],
    [135, 60, 105],
    [130, 50, 0],
    [40, 115, 160],
    [115, 105, 0],
    [150, 150, 150],
    [110, 160, 210],
    [245, 200, 110],
    [110, 200, 170],
    [230, 180, 205],
];

/// The colour of a segment. They repeat after twenty.
pub fn colour(segment: usize) -> Colour {
    COLOURS[segment % COLOURS.len()]
}

/// The colour of a segment as `#rrggbb`.
pub fn hex(segment: usize) -> String {
    let [red, green, blue] = colour(segment);
    format!("#{red:02x}{green:02x}{blue:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_the_first_twenty_segments_share_a_colour() {
        let distinct: std::collections::BTreeSet<_> = (0..20).map(hex).collect();
        assert_eq!(distinct.len(), 20);
        assert_eq!(hex(0), "#0072b2");
    }
}
