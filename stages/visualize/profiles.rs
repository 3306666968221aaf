//! Plot `segment_profiles`: mean recency, frequency and monetary of a segment as multiples of the mean of all
//! customers, on one logarithmic scale for all three.

use crate::document::numbers;
use crate::kernels::sum;

use super::Picture;
use super::axis::{Scale, Stretch};
use super::frame::{self, Rows, SMALL, colour};
use super::scene::{Align, DARK, QUIET, Scene, Type, regular};

const TOP: f64 = 240.0;
const BOTTOM: f64 = 900.0;
const GAP: f64 = 44.0;

/// The plot.
pub(super) fn scene(picture: &Picture<'_>) -> Scene {
    let remark = "bars: mean of the segment as a multiple of the mean of all customers (1×); numbers: the mean itself";
    let mut scene = frame::page(picture, "Mean recency, frequency and monetary by segment", remark);
    let overall = overall(picture);
    let segments = &picture.results.segments;
    let ratios: Vec<[Option<f64>; 3]> =
        segments.iter().map(|segment| std::array::from_fn(|f| ratio(segment.profiles[f].mean, overall[f]))).collect();
    let rows = Rows::draw(&mut scene, picture, TOP, BOTTOM, 420.0);
    let texts: [Vec<String>; 3] =
        std::array::from_fn(|f| segments.iter().map(|segment| numbers::short(segment.profiles[f].mean)).collect());
    let look = regular(rows.type_size * 0.92, DARK).aligned(Align::Right);
    let reserved = picture.fonts.widest(texts.iter().flatten().map(String::as_str), look) + 18.0;
    let left = rows.left + GAP;
    let width = (frame::right() - left - 2.0 * GAP) / 3.0;
    let domain = domain(ratios.iter().flatten().flatten().copied());
    for (feature, texts) in texts.iter().enumerate() {
        let start = left + feature as f64 * (width + GAP);
        let scale = Scale::new(Stretch::Log, domain, (start, start + width - reserved));
        let panel = Panel { feature, start, end: start + width, scale, look };
        panel.head(&mut scene, picture, overall[feature]);
        panel.draw(&mut scene, &rows, &ratios, texts);
    }
    scene
}

fn overall(picture: &Picture<'_>) -> [f64; 3] {
    let features = picture.results.customers.features();
    std::array::from_fn(|feature| sum::mean(&features.iter().map(|row| row[feature]).collect::<Vec<f64>>()))
}

/// A mean as a multiple of another, where that makes sense.
fn ratio(mean: f64, overall: f64) -> Option<f64> {
    (mean > 0.0 && overall > 0.0).then(|| mean / overall).filter(|ratio| ratio.is_finite() && *ratio > 0.0)
}

/// From the smallest to the largest multiple, at least from a half to the double.
fn domain(ratios: impl Iterator<Item = f64>) -> (f64, f64) {
    ratios.fold((0.5, 2.0), |(low, high), ratio| (ratio.min(low), ratio.max(high)))
}

struct Panel {
    feature: usize,
    start: f64,
    end: f64,
    scale: Scale,
    look: Type,
}

impl Panel {
    fn draw(&self, scene: &mut Scene, rows: &Rows, ratios: &[[Option<f64>; 3]], texts: &[String]) {
        let scale = &self.scale;
        let end = rows.end(texts.len());
        let ticks: Vec<(f64, String)> =
            scale.ticks(70.0).into_iter().map(|(value, label)| (value, format!("{label}×"))).collect();
        frame::horizontal_axis(scene, scale, &ticks, TOP - 6.0, end);
        let one = scale.at(1.0);
        let half = (rows.height * 0.32).min(38.0);
        for (index, (ratios, text)) in ratios.iter().zip(texts).enumerate() {
            let y = rows.middle(index);
            if let Some(ratio) = ratios[self.feature] {
                let x = scale.at(ratio);
                scene.bar((x.min(one), y - half), (x.max(one), y + half), colour(index));
            }
            scene.text((self.end, y), text.clone(), self.look);
        }
        scene.line(&[(one, TOP - 6.0), (one, end)], 2, DARK);
    }

    fn head(&self, scene: &mut Scene, picture: &Picture<'_>, overall: f64) {
        let unit = picture.results.frequency_unit();
        let (name, unit) = [("Recency", "days"), ("Frequency", unit), ("Monetary", "money")][self.feature];
        scene.text((self.start, TOP - 66.0), format!("{name} ({unit})"), regular(26.0, DARK).bold());
        let mean = format!("all customers: {}", numbers::short(overall));
        scene.text((self.start, TOP - 32.0), mean, regular(SMALL, QUIET));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_are_taken_of_positive_means_only() {
        assert_eq!(ratio(30.0, 10.0), Some(3.0));
        assert_eq!([ratio(0.0, 10.0), ratio(-5.0, 10.0), ratio(5.0, 0.0), ratio(f64::NAN, 1.0)], [None; 4]);
    }

    #[test]
    fn the_scale_reaches_from_a_half_to_the_double_at_least() {
        assert_eq!(domain([0.9, 1.5].into_iter()), (0.5, 2.0));
        assert_eq!(domain([0.1, 40.0].into_iter()), (0.1, 40.0));
    }
}
