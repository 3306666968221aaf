//! Sums of the distances from points to groups of points, each distance computed once for both of its ends.
//!
//! For: the silhouette. Not for: what is made of the sums. Called by: [`super::silhouette`].
//!
//! The pairs of a set are the pairs within its halves and those across them; those across two sets are the pairs across
//! their halves. Pairs that add to different sums are computed side by side and the others in a fixed order, so a sum is
//! added up in the same order on any number of threads.

use std::ops::Range;

use super::columns::{Columns, LANES};

/// Points that are compared with so many others at a time: distances and sums stay in the processor's cache.
const BLOCK: usize = 128;

/// Points that no grouping tells apart, and the groups they belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// The points' indices.
    pub points: Vec<usize>,
    /// The groups' places in a row of sums.
    pub groups: Vec<usize>,
}

/// Points in the order of their cells.
#[derive(Debug)]
pub struct Pairs<'a, const D: usize> {
    cells: &'a [Cell],
    /// Where each cell's points are.
    runs: Vec<Range<usize>>,
    points: Vec<[f64; D]>,
    columns: Columns<D>,
    groups: usize,
}

impl<'a, const D: usize> Pairs<'a, D> {
    /// The points of all `cells`, which belong to `groups` groups.
    pub fn new(points: &[[f64; D]], cells: &'a [Cell], groups: usize) -> Self {
        let order = cells.iter().flat_map(|cell| cell.points.iter().copied());
        let mut end = 0;
        let run = |cell: &Cell| {
            let start = end;
            end += cell.points.len();
            start..end
        };
        let runs = cells.iter().map(run).collect();
        let columns = Columns::new(points, &order);
        Self { cells, runs, points: order.map(|index| points[index]).collect(), columns, groups }
    }

    /// A row for every point, in the order of the cells: the sum of its distances to the points of each group.
    pub fn sums(&self) -> Vec<f64> {
        // Not `vec!`: memory that comes as zeros is mapped twice, once when it is read and once when it is written.
        let mut sums = Vec::new();
        sums.resize(self.points.len() * self.groups, 0.0);
        self.within(Part { points: 0..self.points.len(), sums: &mut sums });
        sums
    }

    /// The row of any point.
    pub fn sums_to(&self, point: &[f64; D]) -> Vec<f64> {
        let mut row = vec![0.0; self.groups];
        for (cell, run) in self.cells.iter().zip(&self.runs) {
            add(&mut row, cell, self.columns.distance_sum(point, run.clone()));
        }
        row
    }

    fn within(&self, mut part: Part<'_>) {
        if part.is_block() {
            return self.within_block(&mut part);
        }
        let (mut left, mut right) = part.halves(self.groups);
        rayon::join(|| self.within(left.reborrow()), || self.within(right.reborrow()));
        self.across(left, right);
    }

    fn across(&self, one: Part<'_>, other: Part<'_>) {
        let (mut small, mut large) = if one.is_block() { (one, other) } else { (other, one) };
        if large.is_block() {
            return self.across_blocks(&mut small, &mut large);
        }
        let (mut left, mut right) = large.halves(self.groups);
        if small.is_block() {
            self.across(small.reborrow(), left);
            return self.across(small, right);
        }
        let (mut first, mut second) = small.halves(self.groups);
        rayon::join(
            || self.across(first.reborrow(), left.reborrow()),
            || self.across(second.reborrow(), right.reborrow()),
        );
        rayon::join(|| self.across(first, right), || self.across(second, left));
    }

    /// Every distance twice here: that is quicker than to tell pairs apart.
    fn within_block(&self, part: &mut Part<'_>) {
        let mut distances = [0.0; BLOCK];
        let runs = self.runs_in(&part.points);
        for (point, row) in part.points.clone().zip(part.sums.chunks_exact_mut(self.groups)) {
            self.columns.distances(&self.points[point], part.points.start, &mut distances[..part.points.len()]);
            for (cell, run) in &runs {
                add(row, cell, sum(&distances[run.clone()]));
            }
        }
    }

    fn across_blocks(&self, one: &mut Part<'_>, other: &mut Part<'_>) {
        let mut distances = [0.0; BLOCK];
        let distances = &mut distances[..other.points.len()];
        let runs = self.runs_in(&other.points);
        let mut rows = one.points.clone().zip(one.sums.chunks_exact_mut(self.groups));
        for (own, own_run) in self.runs_in(&one.points) {
            let mut to_own = [0.0; BLOCK];
            for (point, row) in rows.by_ref().take(own_run.len()) {
                self.columns.distances(&self.points[point], other.points.start, distances);
                to_own.iter_mut().zip(&*distances).for_each(|(sum, distance)| *sum += distance);
                for (cell, run) in &runs {
                    add(row, cell, sum(&distances[run.clone()]));
                }
            }
            for (row, sum) in other.sums.chunks_exact_mut(self.groups).zip(to_own) {
                add(row, own, sum);
            }
        }
    }

    /// The cells that have points in a part, and where in the part these are.
    fn runs_in(&self, part: &Range<usize>) -> Vec<(&'a Cell, Range<usize>)> {
        let first = self.runs.partition_point(|run| run.end <= part.start);
        let met = self.cells.iter().zip(&self.runs).skip(first).take_while(|(_, run)| run.start < part.end);
        let inside = |run: &Range<usize>| run.start.max(part.start) - part.start..run.end.min(part.end) - part.start;
        met.map(|(cell, run)| (cell, inside(run))).collect()
    }
}

/// Points that stand side by side, with their rows of sums.
struct Part<'s> {
    points: Range<usize>,
    sums: &'s mut [f64],
}

impl<'s> Part<'s> {
    fn is_block(&self) -> bool {
        self.points.len() <= BLOCK
    }

    /// Two halves, the first of whole blocks.
    fn halves(self, groups: usize) -> (Part<'s>, Part<'s>) {
        let first = (self.points.len() / 2).next_multiple_of(BLOCK);
        let middle = self.points.start + first;
        let (left, right) = self.sums.split_at_mut(first * groups);
        (Part { points: self.points.start..middle, sums: left }, Part { points: middle..self.points.end, sums: right })
    }

    fn reborrow(&mut self) -> Part<'_> {
        Part { points: self.points.clone(), sums: self.sums }
    }
}

fn add(row: &mut [f64], cell: &Cell, sum: f64) {
    for &group in &cell.groups {
        row[group] += sum;
    }
}

fn sum(values: &[f64]) -> f64 {
    let (tiles, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for tile in tiles {
        lanes.iter_mut().zip(tile).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f64>() + rest.iter().sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` points on a line, point i at i, in three cells by i % 3; groups 0 and 1: even cells and others; 2: all.
    fn cells(count: usize) -> Vec<Cell> {
        let groups = [[0, 2], [1, 2], [0, 2]];
        let cell = |cell: usize| Cell { points: (cell..count).step_by(3).collect(), groups: groups[cell].to_vec() };
        (0..3).map(cell).collect()
    }

    #[test]
    fn sums_are_those_of_looking_at_every_pair() {
        for count in [1, 2, 3, 127, 128, 129, 255, 257, 700] {
            let points: Vec<[f64; 1]> = (0..count).map(|i| [i as f64]).collect();
            let cells = cells(count);
            let order: Vec<usize> = cells.iter().flat_map(|cell| cell.points.clone()).collect();
            let pairs = Pairs::new(&points, &cells, 3);
            let sums = pairs.sums();
            for (&point, row) in order.iter().zip(sums.chunks_exact(3)) {
                // Whole numbers add up exactly in any order.
                let to = |is_in: fn(usize) -> bool| -> f64 {
                    (0..count).filter(|&other| is_in(other % 3)).map(|other| other.abs_diff(point) as f64).sum()
                };
                assert_eq!(row, [to(|cell| cell != 1), to(|cell| cell == 1), to(|_| true)], "{point} of {count}");
                assert_eq!(pairs.sums_to(&points[point]), row);
            }
        }
    }
}
