//! What all plots have in common: page, title, remark, the mark of simulated data, axes, names of segments.
//!
//! For: the plots beside this file. Not for: what only one of them has.

use crate::palette;

use super::Picture;
use super::axis::Scale;
use super::scene::{ALERT, Align, At, DARK, FAINT, Ink, PAPER, QUIET, SIZE, Scene, Type, ink, regular};

/// Left and right of everything.
pub(super) const MARGIN: f64 = 56.0;
/// Size of labels.
pub(super) const LABEL: f64 = 26.0;
/// Size of ticks and remarks.
pub(super) const SMALL: f64 = 23.0;

/// Right end of everything.
pub(super) const fn right() -> f64 {
    SIZE.0 as f64 - MARGIN
}

/// Lower end of the page.
pub(super) const fn bottom() -> f64 {
    SIZE.1 as f64
}

/// A page with its title and remark; `remark` may take two lines.
pub(super) fn page(picture: &Picture<'_>, title: &str, remark: &str) -> Scene {
    let mut scene = Scene::default();
    scene.bar((0.0, 0.0), (f64::from(SIZE.0), f64::from(SIZE.1)), PAPER);
    let look = regular(36.0, DARK).bold();
    scene.text((MARGIN, 48.0), picture.fonts.fit(title, look, right() - MARGIN - 380.0), look);
    let look = regular(SMALL, QUIET);
    for (index, line) in picture.fonts.lines(remark, look, right() - MARGIN).into_iter().take(2).enumerate() {
        scene.text((MARGIN, 96.0 + 32.0 * index as f64), line, look);
    }
    if picture.results.is_simulated() {
        scene.bar((right() - 350.0, 22.0), (right(), 74.0), ALERT);
        scene.text((right() - 175.0, 49.0), "SIMULATED DATA", regular(32.0, PAPER).bold().aligned(Align::Centre));
    }
    scene
}

/// Says why there is nothing to draw.
pub(super) fn nothing(scene: &mut Scene, why: &str) {
    let centre = (f64::from(SIZE.0) / 2.0, bottom() / 2.0);
    scene.text(centre, why, regular(30.0, QUIET).aligned(Align::Centre));
}

/// The colour of a segment.
pub(super) fn colour(segment: usize) -> Ink {
    ink(palette::colour(segment))
}

/// The colour of a segment, mixed with the paper.
pub(super) fn pale(segment: usize) -> Ink {
    ink(palette::colour(segment).map(|part| (255.0 - (255.0 - f64::from(part)) * 0.42).round() as u8))
}

/// Vertical lines with labels below, for an axis along the page's width.
pub(super) fn horizontal_axis(scene: &mut Scene, scale: &Scale, ticks: &[(f64, String)], top: f64, bottom: f64) {
    for (value, label) in ticks {
        let x = scale.at(*value);
        scene.line(&[(x, top), (x, bottom)], 2, FAINT);
        scene.text((x, bottom + 24.0), label.clone(), regular(SMALL, QUIET).aligned(Align::Centre));
    }
}

/// Horizontal lines with labels on the left, for an axis along the page's height.
pub(super) fn vertical_axis(scene: &mut Scene, scale: &Scale, ticks: &[(f64, String)], left: f64, right: f64) {
    for (value, label) in ticks {
        let y = scale.at(*value);
        scene.line(&[(left, y), (right, y)], 2, FAINT);
        scene.text((left - 14.0, y), label.clone(), regular(SMALL, QUIET).aligned(Align::Right));
    }
}

/// Rows of equal height, one a segment, with a chip of its colour and its name at the left.
pub(super) struct Rows {
    /// Where the names end.
    pub(super) left: f64,
    /// Height of a row.
    pub(super) height: f64,
    /// Size of text that fits a row.
    pub(super) type_size: f64,
    top: f64,
}

impl Rows {
    /// Draws the names between `top` and `bottom`; they take at most `width` pixels.
    pub(super) fn draw(scene: &mut Scene, picture: &Picture<'_>, top: f64, bottom: f64, width: f64) -> Self {
        let segments = &picture.results.segments;
        let height = ((bottom - top) / segments.len().max(1) as f64).min(190.0);
        let type_size = (height * 0.34).clamp(15.0, LABEL);
        let look = regular(type_size, DARK);
        let names = segments.iter().map(|segment| segment.name.as_str());
        let (chip, gap) = (type_size * 0.8, type_size * 0.5);
        let widest = picture.fonts.widest(names, look).min(width - chip - gap);
        let rows = Self { left: MARGIN + chip + gap + widest, height, type_size, top };
        for (index, segment) in segments.iter().enumerate() {
            let y = rows.middle(index);
            scene.bar((MARGIN, y - chip / 2.0), (MARGIN + chip, y + chip / 2.0), colour(index));
            scene.text((MARGIN + chip + gap, y), picture.fonts.fit(&segment.name, look, widest), look);
        }
        rows
    }

    /// The middle of a row.
    pub(super) fn middle(&self, index: usize) -> f64 {
        self.top + (index as f64 + 0.5) * self.height
    }

    /// Lower end of the last of so many rows.
    pub(super) fn end(&self, count: usize) -> f64 {
        self.top + count as f64 * self.height
    }
}

/// Positions of labels that want to stand at `wanted` (ascending): moved apart to at least `gap`, within `range`.
pub(super) fn spread(wanted: &[f64], gap: f64, range: (f64, f64)) -> Vec<f64> {
    let mut placed: Vec<f64> = Vec::with_capacity(wanted.len());
    for &position in wanted {
        let least = placed.last().map_or(range.0, |last| last + gap);
        placed.push(position.max(least));
    }
    let mut most = range.1;
    for position in placed.iter_mut().rev() {
        *position = position.min(most);
        most = *position - gap;
    }
    placed
}

/// A text on a patch of paper, so that what lies behind does not disturb it.
pub(super) fn patched(scene: &mut Scene, picture: &Picture<'_>, at: At, text: &str, look: Type) {
    let width = picture.fonts.width(text, look);
    let left = match look.align {
        Align::Left => at.0,
        Align::Centre => at.0 - width / 2.0,
        Align::Right => at.0 - width,
    };
    let half = look.size * 0.62;
    let patch = Ink { alpha: 0.85, ..PAPER };
    scene.bar((left - 6.0, at.1 - half), (left + width + 6.0, at.1 + half), patch);
    scene.text(at, text, look);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_would_overlap_move_apart_and_stay_within_their_range() {
        assert_eq!(spread(&[10.0, 12.0, 80.0], 20.0, (0.0, 100.0)), [10.0, 30.0, 80.0]);
        assert_eq!(spread(&[90.0, 95.0, 99.0], 20.0, (0.0, 100.0)), [60.0, 80.0, 100.0]);
        assert_eq!(spread(&[-5.0], 20.0, (0.0, 100.0)), [0.0]);
        assert!(spread(&[], 20.0, (0.0, 100.0)).is_empty());
    }
}
