//! Names for the 25 cells of recency and frequency scores.
//!
//! For: `customers.rfm_segment`. Not for: segments found by clustering (`train` names those). Called by: `rfm`.

/// Names by recency score (rows, 1 to 5) and frequency score (columns, 1 to 5), as RFM practice has them.
pub const GRID: [[&str; 5]; 5] = [
    ["Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose"],
    ["Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose"],
    ["About to sleep", "About to sleep", "Needs attention", "Loyal", "Loyal"],
    ["Promising", "Potential loyalists", "Potential loyalists", "Loyal", "Loyal"],
    ["New customers", "Potential loyalists", "Potential loyalists", "Champions", "Champions"],
];

/// The name of a cell. Scores outside 1 to 5 count as the nearest of them.
pub fn name(recency_score: i64, frequency_score: i64) -> &'static str {
    let [row, column] = [recency_score, frequency_score].map(|score| (score.clamp(1, 5) - 1) as usize);
    GRID[row][column]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn corners_have_their_names() {
        assert_eq!(
            [name(5, 5), name(5, 1), name(1, 5), name(1, 1)],
            ["Champions", "New customers", "Cannot lose", "Hibernating"]
        );
        assert_eq!(
            [name(3, 3), name(4, 1), name(3, 1), name(2, 4)],
            ["Needs attention", "Promising", "About to sleep", "At risk"]
        );
        assert_eq!(GRID.concat().iter().collect::<BTreeSet<_>>().len(), 10);
    }

    #[test]
    fn the_readme_shows_this_grid() {
        let section = include_str!("../README.md").split_once("## The grid of `rfm`").unwrap().1;
        let rows = section.lines().filter_map(|line| line.strip_prefix("| **R ")?.strip_suffix(" |"));
        let shown: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
        let expected: Vec<Vec<&str>> = (0..5)
            .rev()
            .map(|row| std::iter::once(["1**", "2**", "3**", "4**", "5**"][row]).chain(GRID[row]).collect())
            .collect();
        assert_eq!(shown[..5], expected);
    }
}
