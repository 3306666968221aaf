//! A picture before it has a format: shapes in pixels on a page of fixed size.
//!
//! For: building each plot once and writing it twice, as PNG and as SVG (`render`). Not for: what is drawn.

use crate::palette::Colour;

/// Width and height of every plot, in pixels.
pub(super) const SIZE: (u32, u32) = (1600, 1000);

/// A colour with its opacity, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ink {
    pub(super) rgb: Colour,
    pub(super) alpha: f64,
}

/// An opaque ink.
pub(super) const fn ink(rgb: Colour) -> Ink {
    Ink { rgb, alpha: 1.0 }
}

/// The page.
pub(super) const PAPER: Ink = ink([255, 255, 255]);
/// Titles and labels.
pub(super) const DARK: Ink = ink([31, 35, 40]);
/// Ticks, units and remarks.
pub(super) const QUIET: Ink = ink([87, 96, 106]);
/// Lines behind the data.
pub(super) const FAINT: Ink = ink([222, 226, 230]);
/// What must not be overlooked.
pub(super) const ALERT: Ink = ink([164, 14, 38]);

/// A point on the page, from its upper left corner.
pub(super) type At = (f64, f64);

/// Which end of a text stands at its position. Texts are centred vertically.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Type {
    /// Pixels per em.
    pub(super) size: f64,
    pub(super) is_bold: bool,
    pub(super) ink: Ink,
    pub(super) align: Align,
}

/// Regular text from the left.
pub(super) const fn regular(size: f64, ink: Ink) -> Type {
    Type { size, is_bold: false, ink, align: Align::Left }
}

impl Type {
    pub(super) const fn bold(self) -> Self {
        Self { is_bold: true, ..self }
    }

    pub(super) const fn aligned(self, align: Align) -> Self {
        Self { align, ..self }
    }
}

/// One shape.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// A filled rectangle from its upper left to its lower right corner.
    Bar(At, At, Ink),
    /// A line through points, of this width.
    Line(Vec<At>, u32, Ink),
    /// A filled polygon.
    Area(Vec<At>, Ink),
    /// A filled circle with its radius.
    Dot(At, u32, Ink),
    /// A text.
    Text(At, String, Type),
}

/// Shapes, the first at the back.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Scene {
    pub(super) shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn bar(&mut self, from: At, to: At, ink: Ink) {
        self.shapes.push(Shape::Bar(from, to, ink));
    }

    pub(super) fn line(&mut self, points: &[At], width: u32, ink: Ink) {
        self.shapes.push(Shape::Line(points.to_vec(), width, ink));
    }

    pub(super) fn area(&mut self, points: Vec<At>, ink: Ink) {
        self.shapes.push(Shape::Area(points, ink));
    }

    pub(super) fn dot(&mut self, at: At, radius: u32, ink: Ink) {
        self.shapes.push(Shape::Dot(at, radius, ink));
    }

    pub(super) fn text(&mut self, at: At, text: impl Into<String>, look: Type) {
        self.shapes.push(Shape::Text(at, text.into(), look));
    }

    /// A dashed line between two points on one vertical.
    pub(super) fn dashes(&mut self, x: f64, top: f64, bottom: f64, width: u32, ink: Ink) {
        let (dash, gap) = (14.0, 9.0);
        let mut y = top;
        while y < bottom {
            self.line(&[(x, y), (x, (y + dash).min(bottom))], width, ink);
            y += dash + gap;
        }
    }
}
