//! Greedy k-means++: where a start begins.
//!
//! For: the first centres of a start. Not for: improving them. Called by: [`super::lloyd`].
//!
//! Every next centre is the best of 2 + ⌊ln k⌋ points drawn with probability proportional to their squared distance to
//! the nearest centre so far: the one that leaves the least sum of such distances (Arthur and Vassilvitskii 2007).

use crate::kernels::columns::{Columns, LANES};
use crate::random::Random;

/// Points per partial sum; part of the order in which distances are summed.
const BLOCK: usize = 64;

/// Squared distances of all points to their nearest centre so far, with sums of blocks to draw from.
#[derive(Debug, Clone, Default)]
struct Nearest {
    squares: Vec<f64>,
    blocks: Vec<f64>,
    total: f64,
}

/// Draws `k` centres for the points in `columns`, which are `points`.
pub fn draw<const D: usize>(points: &[[f64; D]], columns: &Columns<D>, k: usize, random: &mut Random) -> Vec<[f64; D]> {
    let mut centres = vec![points[random.below(points.len() as u64) as usize]];
    let mut nearest = Nearest::default();
    nearest.become_closer(&vec![f64::INFINITY; points.len()], columns, &centres[0]);
    let (mut trial, mut best) = (Nearest::default(), Nearest::default());
    while centres.len() < k {
        centres.push(draw_next(points, columns, &nearest, k, random, [&mut trial, &mut best]));
        std::mem::swap(&mut nearest, &mut best);
    }
    centres
}

/// Draws the one centre that is missing of `k`, for points whose squared distances to the nearest of the others are
/// `squares`.
pub fn draw_one<const D: usize>(
    points: &[[f64; D]],
    columns: &Columns<D>,
    squares: Vec<f64>,
    k: usize,
    random: &mut Random,
) -> [f64; D] {
    draw_next(points, columns, &Nearest::new(squares), k, random, [&mut Nearest::default(), &mut Nearest::default()])
}

/// The best of some candidates for the next centre; leaves the distances after it in `best`.
fn draw_next<const D: usize>(
    points: &[[f64; D]],
    columns: &Columns<D>,
    nearest: &Nearest,
    k: usize,
    random: &mut Random,
    [trial, best]: [&mut Nearest; 2],
) -> [f64; D] {
    let mut chosen = points[nearest.draw(random)];
    best.become_closer(&nearest.squares, columns, &chosen);
    for _ in 1..2 + libm::log(k as f64) as usize {
        let candidate = points[nearest.draw(random)];
        trial.become_closer(&nearest.squares, columns, &candidate);
        if trial.total < best.total {
            chosen = candidate;
            std::mem::swap(best, trial);
        }
    }
    chosen
}

impl Nearest {
    fn new(squares: Vec<f64>) -> Self {
        let blocks: Vec<f64> = squares.chunks(BLOCK).map(|block| block.iter().sum()).collect();
        Self { total: blocks.iter().sum(), squares, blocks }
    }

    /// Overwrites this with the distances `before` after `centre` was added.
    fn become_closer<const D: usize>(&mut self, before: &[f64], columns: &Columns<D>, centre: &[f64; D]) {
        self.squares.clear();
        self.squares.reserve(before.len());
        self.blocks.clear();
        self.blocks.reserve(before.len().div_ceil(BLOCK));
        for (number, block) in before.chunks(BLOCK).enumerate() {
            let sum = self.extend_block(block, columns, centre, number * BLOCK);
            self.blocks.push(sum);
        }
        self.total = self.blocks.iter().sum();
    }

    fn extend_block<const D: usize>(
        &mut self,
        before: &[f64],
        columns: &Columns<D>,
        centre: &[f64; D],
        start: usize,
    ) -> f64 {
        let mut lanes = [0.0; LANES];
        let (tiles, rest) = before.as_chunks::<LANES>();
        for (tile, old) in tiles.iter().enumerate() {
            let mut squares = columns.squared_distances(centre, start + tile * LANES);
            for ((lane, square), old) in lanes.iter_mut().zip(&mut squares).zip(old) {
                *square = if *old < *square { *old } else { *square };
                *lane += *square;
            }
            self.squares.extend_from_slice(&squares);
        }
        let mut sum: f64 = lanes.iter().sum();
        let rest_start = start + tiles.len() * LANES;
        for (offset, &old) in rest.iter().enumerate() {
            let square = columns.squared_distance(centre, rest_start + offset).min(old);
            self.squares.push(square);
            sum += square;
        }
        sum
    }

    /// A point, with probability proportional to its square; where all are zero, any.
    fn draw(&self, random: &mut Random) -> usize {
        let mut left = random.unit() * self.total;
        let last_block = self.blocks.len() - 1;
        let mut block = 0;
        while block < last_block && left >= self.blocks[block] {
            left -= self.blocks[block];
            block += 1;
        }
        let start = block * BLOCK;
        let end = (start + BLOCK).min(self.squares.len());
        let mut found = start;
        for (index, &square) in self.squares[start..end].iter().enumerate() {
            if square > 0.0 {
                found = start + index;
                if left < square {
                    break;
                }
                left -= square;
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[[f64; 1]], k: usize, seed: u64) -> Vec<f64> {
        let columns = Columns::new(points, &(0..points.len()));
        let mut centres: Vec<f64> =
            draw(points, &columns, k, &mut Random::new(seed, 0)).into_iter().map(|[x]| x).collect();
        centres.sort_by(f64::total_cmp);
        centres
    }

    #[test]
    fn centres_are_points_and_differ_while_points_do() {
        let points: Vec<[f64; 1]> = (0..100).map(|i| [f64::from(i % 5)]).collect();
        for seed in 0..50 {
            assert_eq!(drawn(&points, 5, seed), [0.0, 1.0, 2.0, 3.0, 4.0]);
        }
    }

    #[test]
    fn far_apart_groups_each_get_a_centre() {
        let points: Vec<[f64; 1]> = (0..300).map(|i| [1000.0 * f64::from(i % 3) + f64::from(i) / 300.0]).collect();
        for seed in 0..50 {
            let groups: Vec<i64> = drawn(&points, 3, seed).iter().map(|x| (x / 1000.0) as i64).collect();
            assert_eq!(groups, [0, 1, 2]);
        }
    }

    #[test]
    fn a_far_point_is_drawn_as_often_as_its_squared_distance_says() {
        // Squares 1, 0, 4, 5: point 1 never, the others 10 %, 40 %, 50 %.
        let nearest = Nearest::new(vec![1.0, 0.0, 4.0, 5.0]);
        let mut random = Random::new(9, 0);
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            counts[nearest.draw(&mut random)] += 1;
        }
        assert_eq!(counts[1], 0);
        for (count, expected) in counts.into_iter().zip([1_000_i32, 0, 4_000, 5_000]) {
            assert!((count - expected).abs() < 200, "{counts:?}");
        }
    }
}
