//! The kernels' speed: KMeans and the exact silhouette on the sizes that people have.
//!
//! `cargo bench -p segpipe-stages`; `bench/kernels.py` measures scikit-learn on the same points and compares. The
//! points are made by a formula that both sides compute (see `points`).

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use segpipe_stages::kernels::kmeans::{KMeans, fit};
use segpipe_stages::kernels::silhouette;
use segpipe_stages::train::{Scaling, fit_scaler};

/// Customers of the reference data, and of a large shop.
const SIZES: [usize; 2] = [4_338, 100_000];

/// Skewed features like recency, frequency and monetary, scaled by z-scores: quantiles of exponential distributions at
/// multiples of irrational numbers. `bench/kernels.py` has the same formula.
fn points(n: usize) -> Vec<[f64; 3]> {
    let skewed = |i: usize, irrational: f64| -libm::log(1.0 - (i as f64 * irrational) % 1.0);
    let row = |i: usize| {
        let (a, b, c) = (skewed(i, 0.618_033_988_75), skewed(i, 0.414_213_562_37), skewed(i, 0.732_050_807_57));
        [90.0 * a, 1.0 + 3.0 * b * b, 500.0 * b * c * c]
    };
    let raw: Vec<[f64; 3]> = (1..=n).map(row).collect();
    let scaler = fit_scaler(&raw, Scaling::Standard, None);
    raw.iter().map(|row| scaler.transform(*row)).collect()
}

fn kmeans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("kmeans");
    group.sample_size(10);
    for n in SIZES {
        let points = points(n);
        for k in [4, 8] {
            let id = BenchmarkId::new(format!("k{k}"), n);
            group.bench_function(id, |bencher| bencher.iter(|| fit(black_box(&points), KMeans::new(k))));
            note_inertia(&points, k);
        }
    }
    group.finish();
}

/// Leaves the inertia reached for `bench/kernels.py`: a quick fit that is a worse one would prove nothing.
fn note_inertia(points: &[[f64; 3]], k: usize) {
    let inertia = fit(points, KMeans::new(k)).map_or(f64::NAN, |clusters| clusters.inertia);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("inertia-k{k}-{}", points.len()));
    // Where it cannot be written the comparison says so.
    let _ = std::fs::write(path, inertia.to_string());
}

fn exact_silhouette(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("silhouette");
    group.sample_size(10);
    for n in SIZES {
        let points = points(n);
        let labels = fit(&points, KMeans::new(4)).map(|clusters| clusters.labels).unwrap_or_default();
        let id = BenchmarkId::new("k4", n);
        group.bench_function(id, |bencher| bencher.iter(|| silhouette::mean(black_box(&points), &labels)));
    }
    group.finish();
}

criterion_group!(benches, kmeans, exact_silhouette);
criterion_main!(benches);
