//! Plot `segment_sizes`: how many customers a segment has, and how much of the money.

use crate::document::numbers::{count, fixed, percent};
use crate::results::SegmentFact;

use super::Picture;
use super::axis::{Scale, Stretch};
use super::frame::{self, LABEL, Rows, colour, pale};
use super::scene::{DARK, Ink, QUIET, Scene, ink, regular};

const TOP: f64 = 190.0;
const BOTTOM: f64 = 930.0;

/// The plot.
pub(super) fn scene(picture: &Picture<'_>) -> Scene {
    let segments = &picture.results.segments;
    let remark = "share of all customers, and share of all revenue (in the money of the data)";
    let mut scene = frame::page(picture, "Customers and revenue by segment", remark);
    legend(&mut scene, picture);
    let mut bars = Scene::default();
    let rows = Rows::draw(&mut bars, picture, TOP, BOTTOM, 420.0);
    let look = regular((rows.type_size * 0.92).min(rows.height * 0.4), DARK);
    let labels: Vec<[String; 2]> = segments.iter().map(labels).collect();
    let reserved = picture.fonts.widest(labels.iter().flatten().map(String::as_str), look);
    let left = rows.left + 24.0;
    let most = segments.iter().flat_map(shares).fold(0.01, f64::max);
    let scale = Scale::new(Stretch::Linear, (0.0, most), (left, frame::right() - reserved - 16.0));
    let ticks: Vec<(f64, String)> =
        Scale::new(Stretch::Linear, (0.0, most * 100.0), (left, frame::right() - reserved - 16.0))
            .ticks(130.0)
            .into_iter()
            .map(|(value, label)| (value / 100.0, format!("{label} %")))
            .collect();
    frame::horizontal_axis(&mut scene, &scale, &ticks, TOP - 8.0, rows.end(segments.len()));
    scene.shapes.append(&mut bars.shapes);
    let (half, gap) = ((rows.height * 0.36).min(52.0), 2.0);
    for (index, (segment, labels)) in segments.iter().zip(&labels).enumerate() {
        let middle = rows.middle(index);
        let inks = [pale(index), colour(index)];
        let spans = [(middle - half - gap / 2.0, middle - gap / 2.0), (middle + gap / 2.0, middle + half + gap / 2.0)];
        for (((share, label), ink), (top, bottom)) in shares(segment).into_iter().zip(labels).zip(inks).zip(spans) {
            let end = scale.at(share.max(0.0));
            scene.bar((left, top), (end, bottom), ink);
            frame::patched(&mut scene, picture, (end + 12.0, f64::midpoint(top, bottom)), label, look);
        }
    }
    scene
}

fn shares(segment: &SegmentFact) -> [f64; 2] {
    [segment.customer_share(), segment.revenue_share()]
}

fn labels(segment: &SegmentFact) -> [String; 2] {
    let [customers, revenue] = shares(segment).map(percent);
    let noun = if segment.customers == 1 { "customer" } else { "customers" };
    [
        format!("{customers} · {} {noun}", count(segment.customers)),
        format!("{revenue} · {} revenue", fixed(segment.revenue(), 0)),
    ]
}

fn legend(scene: &mut Scene, picture: &Picture<'_>) {
    let grey = |part: u8| -> Ink { ink([part; 3]) };
    let mut x = frame::MARGIN;
    for (ink, text) in [(grey(190), "customers (pale)"), (grey(95), "revenue (full colour)")] {
        let look = regular(LABEL * 0.9, QUIET);
        scene.bar((x, 132.0), (x + 34.0, 154.0), ink);
        scene.text((x + 44.0, 143.0), text, look);
        x += 44.0 + picture.fonts.width(text, look) + 48.0;
    }
}
