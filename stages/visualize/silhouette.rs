//! Plot `silhouette`: every customer's silhouette, sorted within the segment, with the mean of all as a line.

use crate::document::numbers::{count, counted, fixed};
use crate::kernels::sum;
use crate::results::MismatchError;

use super::Picture;
use super::axis::{Scale, Stretch};
use super::frame::{self, LABEL, MARGIN, SMALL, colour, patched};
use super::scene::{Align, At, DARK, FAINT, QUIET, Scene, regular};

const TOP: f64 = 180.0;
const BOTTOM: f64 = 900.0;
const GAP: f64 = 8.0;

/// The plot.
pub(super) fn scene(picture: &Picture<'_>) -> Scene {
    let bands = picture.silhouettes.as_deref();
    let mut scene = frame::page(picture, "How well customers fit their segments", &remark(picture, bands));
    match bands {
        Some(bands) => draw(&mut scene, picture, bands),
        None => frame::nothing(&mut scene, "the silhouette is not defined here: it compares at least two segments"),
    }
    scene
}

/// The silhouettes (segment and value) of each of `segments`, descending; none where there are none.
///
/// # Errors
/// Where one is of a segment that there is not.
pub(super) fn by_segment(
    silhouettes: Vec<(i64, f64)>,
    segments: usize,
) -> Result<Option<Vec<Vec<f64>>>, MismatchError> {
    if silhouettes.is_empty() {
        return Ok(None);
    }
    let mut bands = vec![Vec::new(); segments];
    for (segment, value) in silhouettes {
        let band = usize::try_from(segment).ok().and_then(|segment| bands.get_mut(segment));
        band.ok_or_else(|| unknown(segment))?.push(value);
    }
    for band in &mut bands {
        band.sort_unstable_by(|a, b| b.total_cmp(a));
    }
    Ok(Some(bands))
}

fn unknown(segment: i64) -> MismatchError {
    MismatchError { left: "silhouettes", right: "segments", problem: format!("there is no segment {segment}") }
}

fn remark(picture: &Picture<'_>, bands: Option<&[Vec<f64>]>) -> String {
    let all = picture.points.len();
    let shown = bands.map_or(all, |bands| bands.iter().map(Vec::len).sum());
    let who = if shown == all {
        format!("all {} customers", count(all as i64))
    } else {
        format!("a sample of {} of {} customers", count(shown as i64), count(all as i64))
    };
    format!(
        "{who}: 1 = far from other segments, 0 = between two, below 0 = nearer to another; higher bands are larger \
         segments, small ones enlarged"
    )
}

fn draw(scene: &mut Scene, picture: &Picture<'_>, bands: &[Vec<f64>]) {
    let heights = heights(bands);
    let thinnest = heights.iter().copied().fold(f64::INFINITY, f64::min);
    let size = (thinnest * 0.44).clamp(15.0, LABEL);
    let names = names(picture, bands);
    let widest = names.iter().map(|name| picture.fonts.widest(name.iter().map(String::as_str), regular(size, DARK)));
    let left = MARGIN + widest.fold(0.0, f64::max).min(430.0) + 20.0;
    let lowest = bands.iter().filter_map(|band| band.last()).copied().fold(0.0, f64::min);
    let scale = Scale::new(Stretch::Linear, ((lowest - 0.02).max(-1.0), 1.0), (left, frame::right() - 16.0));
    frame::horizontal_axis(scene, &scale, &scale.ticks(110.0), TOP, BOTTOM);
    scene.text(
        (f64::midpoint(left, frame::right()), BOTTOM + 64.0),
        "silhouette coefficient",
        regular(LABEL, DARK).aligned(Align::Centre),
    );
    let mut top = TOP;
    for ((segment, band), height) in bands.iter().enumerate().zip(&heights) {
        if !band.is_empty() {
            scene.area(outline(band, &scale, top, *height), colour(segment));
        }
        draw_name(scene, picture, &names[segment], (MARGIN, top + height / 2.0), size, left - MARGIN - 20.0);
        top += height + GAP;
    }
    scene.line(&[(scale.at(0.0), TOP), (scale.at(0.0), BOTTOM)], 2, FAINT);
    draw_mean(scene, picture, bands, &scale);
}

/// Heights of the bands: in proportion to their customers, none too thin for its name.
fn heights(bands: &[Vec<f64>]) -> Vec<f64> {
    let free = BOTTOM - TOP - GAP * bands.len().saturating_sub(1) as f64;
    let least = (free / bands.len().max(1) as f64 * 0.8).min(58.0);
    let all: usize = bands.iter().map(Vec::len).sum();
    let rest = free - least * bands.len() as f64;
    bands.iter().map(|band| least + rest * band.len() as f64 / all.max(1) as f64).collect()
}

/// The band's edge: one step a row of pixels, so that its size does not depend on the number of customers.
fn outline(band: &[f64], scale: &Scale, top: f64, height: f64) -> Vec<At> {
    let rows = (height.round() as usize).max(1);
    let value = |row: usize| band[row * (band.len() - 1) / rows];
    let mut edge: Vec<At> =
        (0..=rows).map(|row| (scale.at(value(row)), top + height * row as f64 / rows as f64)).collect();
    edge.push((scale.at(0.0), top + height));
    edge.push((scale.at(0.0), top));
    edge
}

fn names(picture: &Picture<'_>, bands: &[Vec<f64>]) -> Vec<[String; 2]> {
    let line = |(index, segment): (usize, &crate::results::SegmentFact)| {
        let mean = segment.silhouette.unwrap_or_else(|| sum::mean(&bands[index]));
        let customers = counted(segment.customers, "customer", "customers");
        [segment.name.clone(), format!("{customers}, mean {}", fixed(mean, 2))]
    };
    picture.results.segments.iter().enumerate().map(line).collect()
}

fn draw_name(scene: &mut Scene, picture: &Picture<'_>, [name, facts]: &[String; 2], at: At, size: f64, width: f64) {
    let (look, quiet) = (regular(size, DARK), regular(size * 0.82, QUIET));
    scene.text((at.0, at.1 - size * 0.55), picture.fonts.fit(name, look, width), look);
    scene.text((at.0, at.1 + size * 0.6), picture.fonts.fit(facts, quiet, width), quiet);
}

fn draw_mean(scene: &mut Scene, picture: &Picture<'_>, bands: &[Vec<f64>], scale: &Scale) {
    let all: Vec<f64> = bands.iter().flatten().copied().collect();
    let mean = picture.results.metric("silhouette").unwrap_or_else(|| sum::mean(&all));
    if !mean.is_finite() {
        return;
    }
    let x = scale.at(mean);
    scene.dashes(x, TOP - 6.0, BOTTOM, 3, DARK);
    let (text, look) = (format!("mean of all: {}", fixed(mean, 3)), regular(SMALL, DARK).bold());
    let half = picture.fonts.width(&text, look) / 2.0 + 8.0;
    let place = x.clamp(MARGIN + half, frame::right() - half);
    patched(scene, picture, (place, TOP - 22.0), &text, look.aligned(Align::Centre));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silhouette_of_a_segment_that_there_is_not_is_refused() {
        assert_eq!(by_segment(vec![(1, 0.1), (0, 0.5), (1, 0.3)], 2).unwrap(), Some(vec![vec![0.5], vec![0.3, 0.1]]));
        assert_eq!(by_segment(Vec::new(), 2).unwrap(), None);
        for segment in [-1, 2] {
            let error = by_segment(vec![(segment, 0.1)], 2).unwrap_err().to_string();
            assert!(error.ends_with(&format!("there is no segment {segment}")), "{error}");
        }
    }

    #[test]
    fn bands_fill_the_page_and_none_is_too_thin() {
        for k in [1, 2, 12, 20] {
            let mut bands = vec![vec![0.5; 10]; k];
            bands[0] = vec![0.5; 4000];
            let heights = heights(&bands);
            let whole = heights.iter().sum::<f64>() + GAP * (k - 1) as f64;
            assert!((whole - (BOTTOM - TOP)).abs() < 1e-9);
            assert!(heights.iter().all(|height| *height >= 22.0), "{heights:?}");
        }
    }

    #[test]
    fn an_outline_begins_with_the_largest_and_ends_with_the_smallest() {
        let scale = Scale::new(Stretch::Linear, (-1.0, 1.0), (0.0, 200.0));
        let edge = outline(&[0.9, 0.5, -0.2], &scale, 100.0, 50.0);
        assert_eq!(edge.first().map(|at| at.0.round()), Some(190.0));
        assert_eq!(edge[edge.len() - 3].0.round().to_bits(), 80.0_f64.to_bits());
        assert_eq!(edge[edge.len() - 2..].iter().map(|at| at.0.round()).collect::<Vec<_>>(), [100.0, 100.0]);
    }
}
