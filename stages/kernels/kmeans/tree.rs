//! A k-d tree whose nodes know the sum of their points, and one Lloyd iteration on it.
//!
//! For: moving centres to the means of the points nearest to them without looking at every point (the "filtering
//! algorithm": Kanungo, Mount, Netanyahu, Piatko, Silverman and Wu 2002; Pelleg and Moore 1999).
//! Not for: labels, or deciding when to stop: rounding at a boundary may go either way here, so plain iterations
//! have the last word. Called by: [`super::lloyd`].

use std::ops::Range;

use crate::kernels::columns::squared_distance;

/// Points of a leaf at the most.
const LEAF_POINTS: usize = 12;

/// The tree of one set of points; shared by all starts.
#[derive(Debug)]
pub struct Tree<const D: usize> {
    /// Parents before children; the root is first.
    nodes: Vec<Node<D>>,
    /// The points, leaf by leaf.
    points: Vec<[f64; D]>,
    /// Nodes from the root to the deepest leaf.
    depth: usize,
}

#[derive(Debug)]
struct Node<const D: usize> {
    /// The middle of the box around its points.
    middle: [f64; D],
    /// From there to the sides of the box.
    half: [f64; D],
    sum: [f64; D],
    points: Range<usize>,
    /// Indices of the two children; none for a leaf.
    children: Option<(usize, usize)>,
}

/// Sums and counts of the points nearest to each centre.
#[derive(Debug, Clone, PartialEq)]
pub struct Totals<const D: usize> {
    /// Sum of the points, per centre.
    pub sums: Vec<[f64; D]>,
    /// Number of the points, per centre.
    pub counts: Vec<usize>,
}

impl<const D: usize> Tree<D> {
    /// Builds the tree by halving along the longest side; equal coordinates are split by index.
    pub fn new(points: &[[f64; D]]) -> Self {
        let mut tree = Self { nodes: Vec::new(), points: Vec::with_capacity(points.len()), depth: 0 };
        let mut order: Vec<u32> = (0..points.len() as u32).collect();
        if !order.is_empty() {
            tree.build(points, &mut order, 1);
        }
        tree
    }

    fn build(&mut self, points: &[[f64; D]], order: &mut [u32], depth: usize) -> usize {
        self.depth = self.depth.max(depth);
        let (low, high) = bounds(points, order);
        let start = self.points.len();
        let index = self.nodes.len();
        let middle = std::array::from_fn(|side| f64::midpoint(low[side], high[side]));
        let half = std::array::from_fn(|side| (high[side] - low[side]) / 2.0);
        self.nodes.push(Node { middle, half, sum: [0.0; D], points: start..start + order.len(), children: None });
        if order.len() <= LEAF_POINTS || is_one_place(&low, &high) {
            order.sort_unstable();
            self.points.extend(order.iter().map(|&point| points[point as usize]));
            let own = &self.points[start..];
            self.nodes[index].sum = own.iter().fold([0.0; D], plus);
        } else {
            let side = longest_side(&low, &high);
            let key = |point: &u32| points[*point as usize][side];
            let middle = order.len() / 2;
            order.select_nth_unstable_by(middle, |a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
            let (left, right) = order.split_at_mut(middle);
            let children = (self.build(points, left, depth + 1), self.build(points, right, depth + 1));
            self.nodes[index].children = Some(children);
            self.nodes[index].sum = plus(self.nodes[children.0].sum, &self.nodes[children.1].sum);
        }
        index
    }

    /// Sums up the points nearest to each of the `centres`.
    pub fn totals(&self, centres: &[[f64; D]]) -> Totals<D> {
        let totals = Totals { sums: vec![[0.0; D]; centres.len()], counts: vec![0; centres.len()] };
        let mut visit = Visit { tree: self, totals };
        if let Some(root) = self.nodes.first() {
            let all = centres.iter().enumerate().map(|(index, &centre)| Candidate { index, centre, square: 0.0 });
            let nobody = Candidate { index: 0, centre: [0.0; D], square: 0.0 };
            let mut candidates: Vec<Candidate<D>> = all.collect();
            candidates.resize(centres.len() * (self.depth + 1), nobody);
            visit.node(root, centres.len(), &mut candidates);
        }
        visit.totals
    }
}

/// One walk over the tree.
struct Visit<'a, const D: usize> {
    tree: &'a Tree<D>,
    totals: Totals<D>,
}

/// A centre that may be nearest to a point of the node at hand.
#[derive(Clone, Copy)]
struct Candidate<const D: usize> {
    index: usize,
    centre: [f64; D],
    /// Squared distance to the middle of the node at hand.
    square: f64,
}

impl<const D: usize> Visit<'_, D> {
    /// Visits a node that can only be near the first `count` of the candidates; those behind them are room for its own
    /// and its children's.
    fn node(&mut self, node: &Node<D>, count: usize, candidates: &mut [Candidate<D>]) {
        let (known, rest) = candidates.split_at_mut(count);
        let count = filter(node, known, rest);
        let own = &rest[..count];
        match (own, node.children) {
            ([only], _) => self.totals.add(only.index, &node.sum, node.points.len()),
            (_, None) => {
                for point in &self.tree.points[node.points.clone()] {
                    self.totals.add(nearest(point, own), point, 1);
                }
            }
            (_, Some((left, right))) => {
                self.node(&self.tree.nodes[left], count, rest);
                self.node(&self.tree.nodes[right], count, rest);
            }
        }
    }
}

/// Writes those of the candidates that may be nearest to a point of the node's box to `kept`, and returns their number.
///
/// With m the middle, h the half sides, c the centre closest to m and o another: the point of the box that lies
/// farthest in the direction from c to o is nearer to o where |m − o|² − |m − c|² < 2 Σ h |o − c|.
#[inline]
fn filter<const D: usize>(node: &Node<D>, candidates: &mut [Candidate<D>], kept: &mut [Candidate<D>]) -> usize {
    let mut closest = Candidate { index: 0, centre: [0.0; D], square: f64::INFINITY };
    for candidate in &mut *candidates {
        candidate.square = squared_distance(&node.middle, &candidate.centre);
        if candidate.square < closest.square {
            closest = *candidate;
        }
    }
    let mut room = kept.iter_mut();
    let mut count = 0;
    for candidate in &*candidates {
        let gap = |side: usize| (candidate.centre[side] - closest.centre[side]).abs();
        let reach = (0..D).fold(0.0, |reach, side| reach + node.half[side] * gap(side));
        if (candidate.index == closest.index || candidate.square - closest.square < 2.0 * reach)
            && let Some(place) = room.next()
        {
            *place = *candidate;
            count += 1;
        }
    }
    count
}

impl<const D: usize> Totals<D> {
    /// What the points' squared lengths exceed the inertia about their new means by: the sum over centres of the
    /// squared length of their points' sum, divided by their count.
    pub fn between(&self) -> f64 {
        let squared = |sum: &[f64; D]| sum.iter().map(|value| value * value).sum::<f64>();
        let used = self.sums.iter().zip(&self.counts).filter(|(_, count)| **count > 0);
        used.map(|(sum, &count)| squared(sum) / count as f64).sum()
    }

    fn add(&mut self, centre: usize, sum: &[f64; D], count: usize) {
        self.sums[centre] = plus(self.sums[centre], sum);
        self.counts[centre] += count;
    }
}

#[inline]
fn nearest<const D: usize>(point: &[f64; D], candidates: &[Candidate<D>]) -> usize {
    let mut best = (f64::INFINITY, 0);
    for candidate in candidates {
        let square = squared_distance(point, &candidate.centre);
        if square < best.0 {
            best = (square, candidate.index);
        }
    }
    best.1
}

fn plus<const D: usize>(a: [f64; D], b: &[f64; D]) -> [f64; D] {
    std::array::from_fn(|side| a[side] + b[side])
}

fn bounds<const D: usize>(points: &[[f64; D]], order: &[u32]) -> ([f64; D], [f64; D]) {
    let start = ([f64::INFINITY; D], [f64::NEG_INFINITY; D]);
    order.iter().map(|&index| &points[index as usize]).fold(start, |(low, high), point| {
        (
            std::array::from_fn(|side| low[side].min(point[side])),
            std::array::from_fn(|side| high[side].max(point[side])),
        )
    })
}

/// Whether a box has no extent in any direction.
fn is_one_place<const D: usize>(low: &[f64; D], high: &[f64; D]) -> bool {
    low.iter().zip(high).all(|(low, high)| low >= high)
}

fn longest_side<const D: usize>(low: &[f64; D], high: &[f64; D]) -> usize {
    (0..D).fold(0, |best, side| if high[side] - low[side] > high[best] - low[best] { side } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn totals_are_those_of_looking_at_every_point() {
        let mut random = Random::new(2, 0);
        // Multiples of 1/8 add up exactly in any order.
        let mut eighths = |bound: u64| random.below(bound) as f64 / 8.0;
        let points: Vec<[f64; 3]> = (0..5_000).map(|_| [eighths(80), eighths(300), eighths(3)]).collect();
        let centres: Vec<[f64; 3]> =
            (0..9).map(|_| [eighths(80), eighths(300), eighths(3)]).map(|c| c.map(|x| x + 0.013)).collect();
        let everyone: Vec<Candidate<3>> =
            centres.iter().enumerate().map(|(index, &centre)| Candidate { index, centre, square: 0.0 }).collect();
        let mut expected = Totals { sums: vec![[0.0; 3]; 9], counts: vec![0; 9] };
        for point in &points {
            expected.add(nearest(point, &everyone), point, 1);
        }
        assert_eq!(Tree::new(&points).totals(&centres), expected);
    }

    #[test]
    fn equal_points_end_in_one_leaf() {
        let tree = Tree::new(&[[1.0, 2.0]; 100]);
        assert_eq!(tree.nodes.len(), 1);
        assert_eq!(tree.totals(&[[0.0, 0.0], [5.0, 5.0]]).counts, [100, 0]);
    }

    #[test]
    fn no_points_have_no_totals() {
        assert_eq!(Tree::<2>::new(&[]).totals(&[[0.0, 0.0]]).counts, [0]);
    }
}
