//! Principal components of points in a few dimensions: where a map of them should look from.
//!
//! For: plots and the bundle's map. Not for: training, which works in all dimensions. Called by: `visualize`, `deploy`.
//!
//! The covariance (divisor n, which only scales the variances) is summed exactly enough in a fixed order, and its
//! eigenvectors are found by Jacobi's rotations (1846; Golub and Van Loan, *Matrix Computations*, §8.5) down to the
//! last bit. Components come in descending variance, equal ones in the order of the features; a component's sign is
//! such that its loading of largest size is positive (the first one, where two are equally large).

use super::sum::{self, Sum};

/// Rotations of all pairs after which three dimensions have long converged.
const SWEEPS: usize = 30;

/// The components of points with `D` features.
#[derive(Debug, Clone, PartialEq)]
pub struct Components<const D: usize> {
    /// Means of the features.
    pub mean: [f64; D],
    /// Unit vectors of loadings, one row a component.
    pub loadings: [[f64; D]; D],
    /// Variances along the components.
    pub variances: [f64; D],
}

impl<const D: usize> Components<D> {
    /// The components of `points`. Without points, and where all are equal, variances are 0.
    pub fn of(points: &[[f64; D]]) -> Self {
        let (mean, covariance) = covariance(points);
        let (values, vectors) = eigen(covariance);
        let mut order: [usize; D] = std::array::from_fn(|index| index);
        order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
        let loading = |component: usize| with_sign(std::array::from_fn(|row| vectors[row][order[component]]));
        Self {
            mean,
            loadings: std::array::from_fn(loading),
            variances: std::array::from_fn(|component| values[order[component]].max(0.0)),
        }
    }

    /// Shares of the whole variance along each component; all 0 where there is none.
    pub fn explained(&self) -> [f64; D] {
        let whole: f64 = self.variances.iter().sum();
        self.variances.map(|variance| if whole > 0.0 { variance / whole } else { 0.0 })
    }

    /// A point's coordinates on the components.
    pub fn project(&self, point: &[f64; D]) -> [f64; D] {
        std::array::from_fn(|component| {
            (0..D).map(|feature| (point[feature] - self.mean[feature]) * self.loadings[component][feature]).sum()
        })
    }
}

fn covariance<const D: usize>(points: &[[f64; D]]) -> ([f64; D], [[f64; D]; D]) {
    if points.is_empty() {
        return ([0.0; D], [[0.0; D]; D]);
    }
    let column = |feature: usize| points.iter().map(|point| point[feature]).collect::<Vec<f64>>();
    let mean: [f64; D] = std::array::from_fn(|feature| sum::mean(&column(feature)));
    let entry = |a: usize, b: usize| {
        let products: Sum = points.iter().map(|point| (point[a] - mean[a]) * (point[b] - mean[b])).collect();
        products.value() / points.len() as f64
    };
    let covariance = std::array::from_fn(|a| std::array::from_fn(|b| entry(a.min(b), a.max(b))));
    (mean, covariance)
}

/// Eigenvalues, and eigenvectors in columns, of a symmetric matrix.
fn eigen<const D: usize>(mut matrix: [[f64; D]; D]) -> ([f64; D], [[f64; D]; D]) {
    let mut vectors: [[f64; D]; D] =
        std::array::from_fn(|row| std::array::from_fn(|column| f64::from(u8::from(row == column))));
    for _ in 0..SWEEPS {
        for p in 0..D {
            for q in p + 1..D {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    (std::array::from_fn(|index| matrix[index][index]), vectors)
}

/// One rotation in the plane of `p` and `q` that makes their entry zero.
fn rotate<const D: usize>(matrix: &mut [[f64; D]; D], vectors: &mut [[f64; D]; D], p: usize, q: usize) {
    let off = matrix[p][q];
    if off == 0.0 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * off);
    let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
    let sine = tangent * cosine;
    for row in matrix.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
    let (above, below) = (matrix[p], matrix[q]);
    matrix[p] = std::array::from_fn(|column| cosine * above[column] - sine * below[column]);
    matrix[q] = std::array::from_fn(|column| sine * above[column] + cosine * below[column]);
    (matrix[p][q], matrix[q][p]) = (0.0, 0.0);
    for row in vectors.iter_mut() {
        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
    }
}

fn with_sign<const D: usize>(vector: [f64; D]) -> [f64; D] {
    let largest =
        vector.iter().fold(0.0_f64, |largest, value| if value.abs() > largest.abs() { *value } else { largest });
    // Adding zero turns a negative zero into a plain one.
    if largest < 0.0 { vector.map(|value| -value + 0.0) } else { vector.map(|value| value + 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_close<const D: usize>(found: [f64; D], expected: [f64; D]) {
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-14), "{found:?} {expected:?}");
    }

    #[test]
    fn a_covariance_by_hand() {
        // (±2, ±1) turned by 45°: variances 4 along (1, 1)/√2 and 1 along (1, −1)/√2, around (3, 5).
        let r = 0.5_f64.sqrt();
        let corners = [[2.0, 1.0], [2.0, -1.0], [-2.0, 1.0], [-2.0, -1.0]];
        let points = corners.map(|[a, b]: [f64; 2]| [3.0 + r * (a + b), 5.0 + r * (a - b)]);
        let components = Components::of(&points);
        assert_close(components.mean, [3.0, 5.0]);
        assert_close(components.variances, [4.0, 1.0]);
        assert_close(components.explained(), [0.8, 0.2]);
        assert_close(components.loadings[0], [r, r]);
        assert_close(components.project(&points[1]), [2.0, -1.0]);
    }

    #[test]
    fn three_features_by_hand() {
        // [[2, 1, 0], [1, 2, 0], [0, 0, 5]]: eigenvalues 5, 3, 1; vectors e₃, (1, 1, 0)/√2, (1, −1, 0)/√2.
        let (values, vectors) = eigen([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 5.0]]);
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        assert_close(sorted, [1.0, 3.0, 5.0]);
        for (column, value) in values.iter().enumerate() {
            let v: [f64; 3] = std::array::from_fn(|row| vectors[row][column]);
            assert_close([2.0 * v[0] + v[1], v[0] + 2.0 * v[1], 5.0 * v[2]], v.map(|entry| entry * value));
        }
    }

    #[test]
    fn the_largest_loading_is_positive_and_components_are_orthogonal() {
        let points: Vec<[f64; 3]> =
            (0..50).map(f64::from).map(|t| [-t, (t * 0.37).sin() * 5.0, (t * t) % 7.0 - t * 0.5]).collect();
        let components = Components::of(&points);
        for loading in components.loadings {
            let largest = loading.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
            assert!(largest > 0.0, "{loading:?}");
        }
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            let product: f64 = (0..3).map(|i| components.loadings[a][i] * components.loadings[b][i]).sum();
            assert!(product.abs() < 1e-14);
        }
        assert!(components.variances.is_sorted_by(|a, b| a >= b));
    }

    #[test]
    fn equal_points_and_no_points_have_no_variance() {
        for points in [vec![[1.0, 2.0, 3.0]; 4], Vec::new()] {
            let components = Components::of(&points);
            assert_close(components.explained(), [0.0; 3]);
            let [first, second, third] = components.loadings;
            assert_close(first, [1.0, 0.0, 0.0]);
            assert_close(second, [0.0, 1.0, 0.0]);
            assert_close(third, [0.0, 0.0, 1.0]);
        }
    }
}
