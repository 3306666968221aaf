//! Points stored feature by feature, and distances from one point to a run of them.
//!
//! For: the inner loops of every kernel, written so that a compiler makes vector instructions of them without being
//! allowed to reorder a sum. Not for: choosing what to measure. Called by: the kernels beside this one.

use std::ops::Range;

/// Lanes handled at once. Part of the order in which distances are summed, so part of the results' last bit.
pub const LANES: usize = 8;

/// Points in columns: coordinate `d` of point `i` is `columns[d][i]`.
#[derive(Debug, Clone)]
pub struct Columns<const D: usize> {
    columns: [Vec<f64>; D],
    len: usize,
}

impl<const D: usize> Columns<D> {
    /// The points in the order of `order`.
    pub fn new(points: &[[f64; D]], order: &(impl Iterator<Item = usize> + Clone)) -> Self {
        let columns: [Vec<f64>; D] =
            std::array::from_fn(|feature| order.clone().map(|index| points[index][feature]).collect());
        Self { len: columns.first().map_or(0, Vec::len), columns }
    }

    /// Number of points.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Squared distances from `point` to the [`LANES`] points from `start` on.
    #[expect(clippy::inline_always, reason = "the loops around it become vector instructions only with it inside")]
    #[inline(always)]
    pub fn squared_distances(&self, point: &[f64; D], start: usize) -> [f64; LANES] {
        let mut squares = [0.0; LANES];
        for (column, coordinate) in self.columns.iter().zip(point) {
            for (square, value) in squares.iter_mut().zip(&column[start..start + LANES]) {
                let gap = value - coordinate;
                *square += gap * gap;
            }
        }
        squares
    }

    /// Squared distance from `point` to point `index`.
    #[expect(clippy::inline_always, reason = "the loops around it become vector instructions only with it inside")]
    #[inline(always)]
    pub fn squared_distance(&self, point: &[f64; D], index: usize) -> f64 {
        self.columns.iter().zip(point).map(|(column, coordinate)| (column[index] - coordinate).powi(2)).sum()
    }

    /// Distances from `point` to the points from `start` on, as many as `distances` has room for.
    pub fn distances(&self, point: &[f64; D], start: usize, distances: &mut [f64]) {
        let (tiles, rest) = distances.as_chunks_mut::<LANES>();
        let rest_start = start + tiles.len() * LANES;
        for (number, tile) in tiles.iter_mut().enumerate() {
            *tile = self.squared_distances(point, start + number * LANES).map(f64::sqrt);
        }
        for (index, distance) in (rest_start..).zip(rest) {
            *distance = self.squared_distance(point, index).sqrt();
        }
    }

    /// Sum of the distances from `point` to the points of `run`.
    pub fn distance_sum(&self, point: &[f64; D], run: Range<usize>) -> f64 {
        let mut lanes = [0.0; LANES];
        let mut start = run.start;
        while start + LANES <= run.end {
            let squares = self.squared_distances(point, start);
            for (lane, square) in lanes.iter_mut().zip(squares) {
                *lane += square.sqrt();
            }
            start += LANES;
        }
        let rest: f64 = (start..run.end).map(|index| self.squared_distance(point, index).sqrt()).sum();
        lanes.iter().sum::<f64>() + rest
    }
}

/// Squared Euclidean distance, added feature by feature from the first (model.onnx adds in the same order).
#[inline]
pub fn squared_distance<const D: usize>(a: &[f64; D], b: &[f64; D]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (x, y)| sum + (x - y) * (x - y))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_longer_than_the_lanes_is_summed_whole() {
        // Points 0, 3, 6, … on a line through the origin at slope 4/3: distances 0, 5, 10, …, 5 × 19.
        let points: Vec<[f64; 2]> = (0..20).map(|i| [3.0 * f64::from(i), 4.0 * f64::from(i)]).collect();
        let columns = Columns::new(&points, &(0..20));
        assert_eq!(columns.distance_sum(&[0.0, 0.0], 0..20).to_bits(), (5.0_f64 * 190.0).to_bits());
        assert_eq!(columns.distance_sum(&[0.0, 0.0], 2..4).to_bits(), 25.0_f64.to_bits());
    }
}
