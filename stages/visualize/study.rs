//! Plot `k_selection`: inertia and mean silhouette over the number of segments, the chosen one marked.

use crate::document::numbers;
use crate::results::StudyFact;

use super::Picture;
use super::axis::{Scale, Stretch};
use super::frame::{self, LABEL, MARGIN, SMALL, colour, patched};
use super::scene::{Align, DARK, PAPER, QUIET, Scene, regular};

const TOP: f64 = 230.0;
const BOTTOM: f64 = 880.0;
/// Room for the labels of the vertical axis.
const LABELS: f64 = 110.0;

/// The plot.
pub(super) fn scene(picture: &Picture<'_>) -> Scene {
    let remark = "left: beyond the bend (elbow) more segments bring little; right: higher is better separated";
    let mut scene = frame::page(picture, "How many segments?", remark);
    if picture.results.study.is_empty() {
        frame::nothing(&mut scene, "no number of segments was compared");
        return scene;
    }
    let width = (frame::right() - MARGIN - 60.0) / 2.0;
    let panels = [
        ("inertia", "Inertia", "sum of squared distances in scaled space"),
        ("silhouette", "Silhouette", "mean of all customers, −1 to 1"),
    ];
    for (index, (measure, name, unit)) in panels.into_iter().enumerate() {
        let start = MARGIN + index as f64 * (width + 60.0);
        scene.text((start, TOP - 50.0), name, regular(LABEL, DARK).bold());
        let shift = picture.fonts.width(name, regular(LABEL, DARK).bold()) + 16.0;
        scene.text((start + shift, TOP - 50.0), unit, regular(SMALL, QUIET));
        Panel { start: start + LABELS, end: start + width, measure }.draw(&mut scene, picture);
    }
    scene
}

struct Panel {
    start: f64,
    end: f64,
    measure: &'static str,
}

impl Panel {
    fn draw(&self, scene: &mut Scene, picture: &Picture<'_>) {
        let study = &picture.results.study;
        let values: Vec<(f64, f64)> = study
            .iter()
            .filter_map(|fact| Some((fact.k as f64, fact.measure(self.measure)?)))
            .filter(|(_, value)| value.is_finite())
            .collect();
        if values.is_empty() {
            let middle = (f64::midpoint(self.start, self.end), f64::midpoint(TOP, BOTTOM));
            scene.text(middle, "not defined", regular(LABEL, QUIET).aligned(Align::Centre));
            return;
        }
        let (x, y) = (self.horizontal(study), vertical(&values));
        frame::vertical_axis(scene, &y, &y.ticks(70.0), self.start - 24.0, self.end);
        self.draw_numbers(scene, study, &x);
        let points: Vec<(f64, f64)> = values.iter().map(|(k, value)| (x.at(*k), y.at(*value))).collect();
        if points.len() > 1 {
            scene.line(&points, 4, colour(0));
        }
        for point in &points {
            scene.dot(*point, 8, colour(0));
        }
        if let Some(selected) = study.iter().find(|fact| fact.is_selected) {
            self.mark(scene, picture, selected, &x, &y);
        }
    }

    fn horizontal(&self, study: &[StudyFact]) -> Scale {
        let k = |fact: Option<&StudyFact>| fact.map_or(1.0, |fact| fact.k as f64);
        Scale::new(Stretch::Linear, (k(study.first()), k(study.last())), (self.start + 10.0, self.end - 24.0))
    }

    /// The numbers of segments below the panel, thinned out where they stand too close.
    fn draw_numbers(&self, scene: &mut Scene, study: &[StudyFact], x: &Scale) {
        let room = (self.end - self.start) / 44.0;
        let every = (study.len() as f64 / room).ceil().max(1.0) as usize;
        for fact in study.iter().step_by(every) {
            let place = (x.at(fact.k as f64), BOTTOM + 28.0);
            scene.text(place, fact.k.to_string(), regular(LABEL, DARK).aligned(Align::Centre));
        }
        let middle = f64::midpoint(self.start, self.end);
        scene.text((middle, BOTTOM + 72.0), "k, the number of segments", regular(SMALL, QUIET).aligned(Align::Centre));
    }

    fn mark(&self, scene: &mut Scene, picture: &Picture<'_>, fact: &StudyFact, x: &Scale, y: &Scale) {
        let place = x.at(fact.k as f64);
        scene.dashes(place, TOP, BOTTOM, 3, DARK);
        let mut text = format!("chosen: k = {}", fact.k);
        if let Some(value) = fact.measure(self.measure) {
            scene.dot((place, y.at(value)), 15, DARK);
            scene.dot((place, y.at(value)), 11, PAPER);
            scene.dot((place, y.at(value)), 8, colour(0));
            let decimals = if value.abs() < 10.0 { 3 } else { 0 };
            text = format!("{text}, {}", numbers::fixed(value, decimals));
        }
        let look = regular(LABEL, DARK).bold();
        let width = picture.fonts.width(&text, look);
        let left = (place + 14.0).min(self.end - width - 8.0);
        let left = if left < place + 14.0 { (place - 14.0 - width).max(self.start) } else { left };
        patched(scene, picture, (left, TOP + 4.0), &text, look);
    }
}

/// The vertical axis of a panel: from 0 to somewhat above the largest value.
fn vertical(values: &[(f64, f64)]) -> Scale {
    let extent =
        values.iter().fold((0.0, 0.0), |(low, high): (f64, f64), (_, value)| (low.min(*value), high.max(*value)));
    let high = if extent.1 > 0.0 { extent.1 * 1.12 } else { extent.0.abs().max(1.0) * 0.12 };
    Scale::new(Stretch::Linear, (extent.0, high), (BOTTOM, TOP))
}
