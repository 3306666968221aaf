//! Plot `pca_scatter`: customers on their first two principal components, with the features' directions as arrows.

use crate::customers::FEATURES;
use crate::document::numbers::{count, counted, percent};
use crate::kernels::pca::Components;
use crate::kernels::quantile::Sorted;
use crate::kernels::strata;

use super::Picture;
use super::axis::{Scale, Stretch};
use super::frame::{self, LABEL, MARGIN, SMALL, colour, patched, spread};
use super::scene::{Align, At, DARK, Ink, PAPER, QUIET, Scene, regular};

/// Seed of the sample that is drawn.
const SEED: u64 = 1;

const LEFT: f64 = MARGIN + 60.0;
const TOP: f64 = 200.0;
const BOTTOM: f64 = 890.0;

/// The middle of the data may take no less than this share of an axis before the axis is stretched.
const CROWDED: f64 = 0.25;

/// The plot.
pub(super) fn scene(picture: &Picture<'_>) -> Scene {
    let components = Components::of(&picture.points);
    let chosen = strata::sample(&picture.results.labels, picture.params.map_points, SEED);
    let places: Vec<[f64; 2]> = chosen.iter().map(|&index| plane(&components, &picture.points[index])).collect();
    let mut scene = frame::page(picture, "Customers on a map (principal components)", &remark(picture, chosen.len()));
    let view = View::new(picture, &places);
    view.draw_axes(&mut scene, &components);
    view.draw_points(&mut scene, picture, &chosen, &places);
    view.draw_arrows(&mut scene, picture, &components);
    draw_legend(&mut scene, picture, view.right);
    scene
}

fn plane(components: &Components<3>, point: &[f64; 3]) -> [f64; 2] {
    let [x, y, _] = components.project(point);
    [x, y]
}

fn remark(picture: &Picture<'_>, drawn: usize) -> String {
    let all = picture.points.len();
    let shown = if drawn == all {
        format!("all {} customers", count(all as i64))
    } else {
        format!("a sample of {} of {} customers", count(drawn as i64), count(all as i64))
    };
    format!(
        "{shown}; recency, frequency and monetary after scaling ({}); arrows: where a feature grows",
        picture.results.model.scaler.method
    )
}

/// Where the map lies on the page, and how far it is stretched.
struct View {
    x: Scale,
    y: Scale,
    stretch: Stretch,
    right: f64,
}

impl View {
    fn new(picture: &Picture<'_>, places: &[[f64; 2]]) -> Self {
        let right = frame::right() - legend_width(picture) - 40.0;
        let axes = [0, 1].map(|axis| places.iter().map(|place| place[axis]).collect::<Vec<f64>>());
        let is_crowded = axes.iter().any(|values| middle_share(values) < CROWDED);
        let stretch = if is_crowded { Stretch::Asinh } else { Stretch::Linear };
        let [x, y] = axes.map(|values| extent(&values));
        Self {
            x: Scale::new(stretch, x, (LEFT + 16.0, right - 16.0)),
            y: Scale::new(stretch, y, (BOTTOM - 16.0, TOP + 16.0)),
            stretch,
            right,
        }
    }

    fn at(&self, [x, y]: [f64; 2]) -> At {
        (self.x.at(x), self.y.at(y))
    }

    fn draw_axes(&self, scene: &mut Scene, components: &Components<3>) {
        frame::horizontal_axis(scene, &self.x, &self.x.ticks(90.0), TOP, BOTTOM);
        frame::vertical_axis(scene, &self.y, &self.y.ticks(60.0), LEFT, self.right);
        let explained = components.explained();
        let scale = if self.stretch == Stretch::Asinh { ", asinh scale" } else { "" };
        let title =
            |number: usize| format!("component {number}: {} of the variance{scale}", percent(explained[number - 1]));
        let look = regular(LABEL, DARK);
        let middle = f64::midpoint(LEFT, self.right);
        scene.text((middle, BOTTOM + 66.0), format!("{} →", title(1)), look.aligned(Align::Centre));
        scene.text((MARGIN, TOP - 34.0), format!("↑ {}", title(2)), look);
    }

    /// Large segments first, so that small ones are not hidden.
    fn draw_points(&self, scene: &mut Scene, picture: &Picture<'_>, chosen: &[usize], places: &[[f64; 2]]) {
        let segments = &picture.results.segments;
        let mut order: Vec<usize> = (0..segments.len()).collect();
        order.sort_by_key(|&segment| std::cmp::Reverse(segments[segment].customers));
        for segment in order {
            let ink = Ink { alpha: 0.6, ..colour(segment) };
            let members = chosen.iter().zip(places).filter(|(index, _)| picture.results.labels[**index] == segment);
            for (_, place) in members {
                scene.dot(self.at(*place), 5, ink);
            }
        }
    }

    fn draw_arrows(&self, scene: &mut Scene, picture: &Picture<'_>, components: &Components<3>) {
        let directions: [[f64; 2]; 3] =
            std::array::from_fn(|feature| [components.loadings[0][feature], components.loadings[1][feature]]);
        let length = self.arrow_length(&directions);
        let origin = self.at([0.0, 0.0]);
        let look = regular(LABEL, DARK).bold();
        let mut labels: Vec<(At, &str)> = Vec::new();
        for (direction, feature) in directions.iter().zip(FEATURES) {
            let tip = self.at(direction.map(|part| part * length));
            draw_arrow(scene, origin, tip);
            labels.push((beyond(origin, tip, picture.fonts.width(feature, look)), feature));
        }
        labels.sort_by(|a, b| a.0.1.total_cmp(&b.0.1));
        let wanted: Vec<f64> = labels.iter().map(|((_, y), _)| *y).collect();
        for (((x, _), feature), y) in labels.into_iter().zip(spread(&wanted, 38.0, (TOP + 20.0, BOTTOM - 20.0))) {
            let x = x.clamp(LEFT + 10.0, self.right - picture.fonts.width(feature, look) - 10.0);
            patched(scene, picture, (x, y), feature, look);
        }
    }

    /// The longest arrows whose tips stay well inside the map.
    fn arrow_length(&self, directions: &[[f64; 2]; 3]) -> f64 {
        let is_inside =
            |(x, y): At| (LEFT + 30.0..self.right - 150.0).contains(&x) && (TOP + 60.0..BOTTOM - 40.0).contains(&y);
        let lengths = (0..60).map(|step| 100.0 * libm::pow(0.85, f64::from(step)));
        let fits =
            |length: &f64| directions.iter().all(|direction| is_inside(self.at(direction.map(|part| part * length))));
        lengths.into_iter().find(fits).unwrap_or(0.0)
    }
}

/// Where a label of this width begins that stands beyond the tip of an arrow: beside flat ones, else above or below.
fn beyond(origin: At, tip: At, width: f64) -> At {
    let (dx, dy) = (tip.0 - origin.0, tip.1 - origin.1);
    if dy.abs() > dx.abs() {
        return (tip.0 - width / 2.0, tip.1 + 28.0 * dy.signum());
    }
    (if dx < 0.0 { tip.0 - 14.0 - width } else { tip.0 + 14.0 }, tip.1)
}

/// Share of the whole extent that the middle 96 % take.
fn middle_share(values: &[f64]) -> f64 {
    let sorted = Sorted::new(values);
    let (low, high) = extent(values);
    if high > low { (sorted.quantile(0.98) - sorted.quantile(0.02)) / (high - low) } else { 1.0 }
}

fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((0.0, 0.0), |(low, high), value| (value.min(low), value.max(high)))
}

fn draw_arrow(scene: &mut Scene, from: At, to: At) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy);
    if length < 1.0 {
        return;
    }
    let (ux, uy) = (dx / length, dy / length);
    let foot = (to.0 - ux * 16.0, to.1 - uy * 16.0);
    scene.line(&[from, foot], 6, PAPER);
    scene.line(&[from, foot], 3, DARK);
    let side = |sign: f64| (foot.0 - sign * uy * 9.0, foot.1 + sign * ux * 9.0);
    scene.area(vec![to, side(1.0), side(-1.0)], DARK);
}

const LEGEND_WIDTH: f64 = 400.0;

fn legend_width(picture: &Picture<'_>) -> f64 {
    let names = picture.results.segments.iter().map(|segment| segment.name.as_str());
    (picture.fonts.widest(names, regular(LABEL, DARK)) + 40.0).clamp(200.0, LEGEND_WIDTH)
}

fn draw_legend(scene: &mut Scene, picture: &Picture<'_>, left: f64) {
    let left = left + 40.0;
    let segments = &picture.results.segments;
    let step = ((BOTTOM - TOP) / segments.len().max(1) as f64).min(76.0);
    let size = (step * 0.42).clamp(15.0, LABEL);
    for (index, segment) in segments.iter().enumerate() {
        let y = TOP + step * (index as f64 + 0.5);
        let look = regular(size, DARK);
        let width = frame::right() - left - 34.0;
        let line = step * 0.18;
        scene.dot((left + 10.0, y), 10, colour(index));
        let customers = counted(segment.customers, "customer", "customers");
        scene.text((left + 34.0, y - line), picture.fonts.fit(&segment.name, look, width), look);
        scene.text((left + 34.0, y + line * 1.35), customers, regular((size * 0.8).min(SMALL), QUIET));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_stand_beyond_the_tips_of_their_arrows() {
        let origin = (500.0, 500.0);
        assert_eq!(beyond(origin, (700.0, 450.0), 90.0), (714.0, 450.0));
        assert_eq!(beyond(origin, (300.0, 450.0), 90.0), (196.0, 450.0));
        assert_eq!(beyond(origin, (510.0, 300.0), 90.0), (465.0, 272.0));
    }

    #[test]
    fn an_axis_is_crowded_where_few_values_take_most_of_it() {
        let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        assert!(middle_share(&values) > 0.9);
        values.push(100.0);
        assert!(middle_share(&values) < CROWDED);
        assert!((middle_share(&[2.0]) - 0.0).abs() < 1e-12 || middle_share(&[0.0, 0.0]) > 0.9);
    }
}
