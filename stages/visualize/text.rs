//! The embedded font: widths, shortening, and drawing into plotters' backends.
//!
//! For: texts that look the same on every machine. Not for: where they stand. plotters' own drawing drops the space
//! before a glyph, so glyphs are placed here; the SVG backend writes text as text and names the same font.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use plotters_backend::text_anchor::{HPos, Pos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, FontFamily, FontStyle};

use super::VisualizeError;
use super::scene::{Align, Type};

/// What SVG asks for; Verdana is as wide where it is missing.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";

/// Height of a lower-case x in ems, as SVG's `ex` measures it.
const X_HEIGHT: f64 = 0.547;

/// The SVG backend divides the size it is given by this.
const SVG_SIZE_FACTOR: f64 = 1.24;

/// The two faces used.
pub(super) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Fonts {
    pub(super) fn load() -> Result<Self, VisualizeError> {
        let face = |bytes| FontRef::try_from_slice(bytes).map_err(VisualizeError::Font);
        Ok(Self { regular: face(dejavu::sans::regular())?, bold: face(dejavu::sans::bold())? })
    }

    fn face(&self, is_bold: bool) -> &FontRef<'static> {
        if is_bold { &self.bold } else { &self.regular }
    }

    /// Width of a text in pixels.
    pub(super) fn width(&self, text: &str, look: Type) -> f64 {
        let face = self.face(look.is_bold);
        let scaled = face.as_scaled(scale(face, look.size));
        let mut width = 0.0;
        let mut before = None;
        for glyph in text.chars().map(|character| face.glyph_id(character)) {
            width += before.map_or(0.0, |before| scaled.kern(before, glyph)) + scaled.h_advance(glyph);
            before = Some(glyph);
        }
        f64::from(width)
    }

    /// Width of the widest text; 0 without texts.
    pub(super) fn widest<'a>(&self, texts: impl IntoIterator<Item = &'a str>, look: Type) -> f64 {
        texts.into_iter().map(|text| self.width(text, look)).fold(0.0, f64::max)
    }

    /// The text, or as much of its beginning as fits into `width` with an ellipsis.
    pub(super) fn fit(&self, text: &str, look: Type, width: f64) -> String {
        if self.width(text, look) <= width {
            return text.to_owned();
        }
        let mut ends: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
        while let Some(end) = ends.pop() {
            let shorter = format!("{}…", text[..end].trim_end());
            if self.width(&shorter, look) <= width {
                return shorter;
            }
        }
        String::new()
    }

    /// The text in lines of at most `width`, broken between words.
    pub(super) fn lines(&self, text: &str, look: Type, width: f64) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let longer = lines.last().map_or_else(String::new, |line| format!("{line} {word}").trim_start().to_owned());
            if self.width(&longer, look) <= width {
                lines.pop();
                lines.push(longer);
            } else {
                lines.push(self.fit(word, look, width));
            }
        }
        lines.retain(|line| !line.is_empty());
        lines
    }
}

/// `ab_glyph` counts in line heights, everybody else in ems.
fn scale(face: &FontRef<'static>, size: f64) -> PxScale {
    let em = face.units_per_em().unwrap_or(2048.0);
    PxScale::from(size as f32 * face.height_unscaled() / em)
}

/// A text's look as plotters' backends want it.
pub(super) struct Label<'a> {
    pub(super) fonts: &'a Fonts,
    pub(super) look: Type,
}

impl BackendTextStyle for Label<'_> {
    type FontError = std::convert::Infallible;

    fn color(&self) -> BackendColor {
        let [red, green, blue] = self.look.ink.rgb;
        BackendColor { alpha: self.look.ink.alpha, rgb: (red, green, blue) }
    }

    fn size(&self) -> f64 {
        self.look.size * SVG_SIZE_FACTOR
    }

    fn style(&self) -> FontStyle {
        if self.look.is_bold { FontStyle::Bold } else { FontStyle::Normal }
    }

    fn anchor(&self) -> Pos {
        let horizontal = match self.look.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        Pos::new(horizontal, VPos::Center)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FAMILY)
    }

    /// As high as an x, so that both backends put the baseline in the same place.
    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Self::FontError> {
        let width = self.fonts.width(text, self.look).round() as i32;
        Ok(((0, 0), (width, (self.look.size * X_HEIGHT).round() as i32)))
    }

    fn draw<E, DrawFunc: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        position: BackendCoord,
        mut draw: DrawFunc,
    ) -> Result<Result<(), E>, Self::FontError> {
        let face = self.fonts.face(self.look.is_bold);
        let scaled = face.as_scaled(scale(face, self.look.size));
        let baseline = (self.look.size * X_HEIGHT).round() as f32;
        let mut x = 0.0;
        let mut before = None;
        for id in text.chars().map(|character| face.glyph_id(character)) {
            x += before.map_or(0.0, |before| scaled.kern(before, id));
            let glyph = id.with_scale_and_position(scaled.scale(), point(x, baseline));
            if let Some(outline) = face.outline_glyph(glyph)
                && let Err(error) = draw_glyph(&outline, position, self.color(), &mut draw)
            {
                return Ok(Err(error));
            }
            x += scaled.h_advance(id);
            before = Some(id);
        }
        Ok(Ok(()))
    }
}

fn draw_glyph<E>(
    outline: &ab_glyph::OutlinedGlyph,
    position: BackendCoord,
    colour: BackendColor,
    draw: &mut impl FnMut(i32, i32, BackendColor) -> Result<(), E>,
) -> Result<(), E> {
    let corner = outline.px_bounds().min;
    let (left, top) = (position.0 + corner.x as i32, position.1 + corner.y as i32);
    let mut result = Ok(());
    outline.draw(|x, y, coverage| {
        if coverage > 0.0 && result.is_ok() {
            result = draw(left + x as i32, top + y as i32, colour.mix(f64::from(coverage.min(1.0))));
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DARK, regular};
    use super::*;

    const LOOK: Type = regular(100.0, DARK);

    #[test]
    fn a_width_is_the_sum_of_the_advances() {
        // DejaVu Sans: 2048 units per em; every digit is 1303 wide, a space 651.
        let fonts = Fonts::load().unwrap();
        assert!((fonts.width("07", LOOK) - 2.0 * 1303.0 / 20.48).abs() < 0.01);
        assert!((fonts.width("1 2", LOOK) - (2.0 * 1303.0 + 651.0) / 20.48).abs() < 0.01);
        assert!(fonts.width("07", LOOK.bold()) > fonts.width("07", LOOK));
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis_and_fits_then() {
        let fonts = Fonts::load().unwrap();
        assert_eq!(fonts.fit("Lost", LOOK, 500.0), "Lost");
        let short = fonts.fit("Hibernating big spenders", LOOK, 700.0);
        assert!(short.ends_with('…') && fonts.width(&short, LOOK) <= 700.0, "{short}");
        assert_eq!(fonts.fit("Lost", LOOK, 1.0), "");
    }

    #[test]
    fn lines_break_between_words_and_lose_none() {
        let fonts = Fonts::load().unwrap();
        let lines = fonts.lines("one two three four five six", LOOK, 600.0);
        assert!(lines.len() > 1 && lines.iter().all(|line| fonts.width(line, LOOK) <= 600.0), "{lines:?}");
        assert_eq!(lines.join(" "), "one two three four five six");
    }
}
