//! Scenes to files: PNG through plotters' bitmap backend, SVG through its SVG backend.
//!
//! For: bytes that depend on the scene alone. Not for: what is drawn, or where files lie.

use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingErrorKind};

use super::VisualizeError;
use super::scene::{At, Ink, SIZE, Scene, Shape};
use super::text::{Fonts, Label};

/// Stroke or fill as plotters' backends want it.
struct Stroke {
    ink: Ink,
    width: u32,
}

impl BackendStyle for Stroke {
    fn color(&self) -> BackendColor {
        let [red, green, blue] = self.ink.rgb;
        BackendColor { alpha: self.ink.alpha, rgb: (red, green, blue) }
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

/// The scene as an SVG document.
pub(super) fn svg(scene: &Scene, fonts: &Fonts) -> Result<String, VisualizeError> {
    let mut text = String::new();
    draw(SVGBackend::with_string(&mut text, SIZE), scene, fonts)?;
    Ok(text)
}

/// The scene as a PNG file.
pub(super) fn png(scene: &Scene, fonts: &Fonts) -> Result<Vec<u8>, VisualizeError> {
    let mut pixels = vec![u8::MAX; SIZE.0 as usize * SIZE.1 as usize * 3];
    draw(BitMapBackend::with_buffer(&mut pixels, SIZE), scene, fonts)?;
    encode(&pixels).map_err(VisualizeError::Encode)
}

/// Fast rather than small: half a dozen plots are encoded in every run.
fn encode(pixels: &[u8]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIZE.0, SIZE.1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::FilterType::Up);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

fn draw<B: DrawingBackend>(mut backend: B, scene: &Scene, fonts: &Fonts) -> Result<(), VisualizeError> {
    let drawn = scene.shapes.iter().try_for_each(|shape| draw_shape(&mut backend, shape, fonts));
    drawn.and_then(|()| backend.present()).map_err(|error| VisualizeError::Draw(error.to_string()))
}

fn draw_shape<B: DrawingBackend>(
    backend: &mut B,
    shape: &Shape,
    fonts: &Fonts,
) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    let filled = |ink: Ink| Stroke { ink, width: 0 };
    match shape {
        Shape::Bar(from, to, ink) => backend.draw_rect(pixel(*from), pixel(*to), &filled(*ink), true),
        Shape::Line(points, width, ink) => draw_line(backend, points, &Stroke { ink: *ink, width: *width }),
        Shape::Area(points, ink) => backend.fill_polygon(points.iter().copied().map(pixel), &filled(*ink)),
        Shape::Dot(at, radius, ink) => backend.draw_circle(pixel(*at), *radius, &filled(*ink), true),
        Shape::Text(at, text, look) => backend.draw_text(text, &Label { fonts, look: *look }, pixel(*at)),
    }
}

/// Horizontal and vertical lines as rectangles, which are sharp; others as paths.
fn draw_line<B: DrawingBackend>(
    backend: &mut B,
    points: &[At],
    stroke: &Stroke,
) -> Result<(), DrawingErrorKind<B::ErrorType>> {
    if let [from, to] = points {
        let ((x0, y0), (x1, y1)) = (pixel(*from), pixel(*to));
        let (before, after) = ((stroke.width / 2) as i32, stroke.width.div_ceil(2) as i32);
        if x0 == x1 {
            return backend.draw_rect((x0 - before, y0.min(y1)), (x0 + after, y0.max(y1)), stroke, true);
        }
        if y0 == y1 {
            return backend.draw_rect((x0.min(x1), y0 - before), (x0.max(x1), y0 + after), stroke, true);
        }
    }
    backend.draw_path(points.iter().copied().map(pixel), stroke)
}

fn pixel((x, y): At) -> BackendCoord {
    (x.round() as i32, y.round() as i32)
}

#[cfg(test)]
mod tests {
    use super::super::scene::{DARK, PAPER, ink, regular};
    use super::*;

    fn scene() -> Scene {
        let mut scene = Scene::default();
        scene.bar((0.0, 0.0), (1600.0, 1000.0), PAPER);
        scene.bar((100.0, 100.0), (200.0, 200.0), ink([10, 20, 30]));
        scene.text((400.0, 400.0), "a < b & \"c\"", regular(40.0, DARK));
        scene
    }

    #[test]
    fn text_in_an_svg_is_escaped() {
        let svg = svg(&scene(), &Fonts::load().unwrap()).unwrap();
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn a_png_has_the_pixels_that_were_drawn() {
        let png = png(&scene(), &Fonts::load().unwrap()).unwrap();
        let mut reader = png::Decoder::new(png.as_slice()).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), SIZE);
        let pixel = |x: usize, y: usize| &pixels[(y * 1600 + x) * 3..][..3];
        assert_eq!((pixel(150, 150), pixel(50, 50)), ([10, 20, 30].as_slice(), [255; 3].as_slice()));
        let is_inked = |x: usize| (385..415).any(|y| pixel(x, y) != [255; 3]);
        assert!((400..420).any(is_inked), "the text begins at its position");
        assert!(!(340..399).any(is_inked), "and not before it");
    }
}
