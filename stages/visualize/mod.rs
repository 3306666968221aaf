//! Pictures of the segments, and a report that holds everything a reader needs, in one file.
//!
//! For: plots as PNG and SVG in one palette, and `report.html`. Not for: computing what they show, except where it
//! takes a picture to show it (principal components).
//! Called by: the orchestrator.

mod axis;
mod frame;
mod params;
mod plots;
mod profiles;
mod render;
mod report;
mod scatter;
mod scene;
mod silhouette;
mod sizes;
mod study;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use rayon::prelude::*;
use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Fault, Input, Output, ParamError, Stage, StageContext, StageError, StageFault, StageReport,
};
use crate::results::{self, Results};
use crate::table::{self, Facts};
use crate::{implementation, schema};

pub use params::VisualizeParams;
pub use plots::PLOTS;

use plots::Plot;
use text::Fonts;

/// The stage `visualize`.
#[derive(Debug, Clone, Copy)]
pub struct Visualize;

/// Pictures that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum VisualizeError {
    /// The embedded font cannot be read.
    #[error("the embedded font cannot be read")]
    Font(#[source] ab_glyph::InvalidFont),
    /// A shape cannot be drawn.
    #[error("a plot cannot be drawn: {0}")]
    Draw(String),
    /// Pixels cannot be written as PNG.
    #[error("a plot cannot be encoded as PNG")]
    Encode(#[source] png::EncodingError),
    /// The list of plots does not fit its table.
    #[error("the list of plots does not fit its table")]
    Batch(#[source] arrow_schema::ArrowError),
    /// A file cannot be written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `create` or `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl StageFault for VisualizeError {
    fn fault(&self) -> Fault {
        if matches!(self, Self::File { .. }) { Fault::Disk } else { Fault::Bug }
    }
}

/// What every plot is drawn from.
struct Picture<'a> {
    results: &'a Results,
    /// The customers in scaled space.
    points: Vec<[f64; 3]>,
    /// Silhouettes of each segment's customers, as far as they were computed; none where they are not defined.
    silhouettes: Option<Vec<Vec<f64>>>,
    fonts: &'a Fonts,
    params: &'a VisualizeParams,
}

/// A plot in both formats.
struct Drawn {
    plot: &'static Plot,
    png: Vec<u8>,
    svg: String,
}

static INPUTS: [Input; 11] = [
    Input::new("customers", "rfm.customers"),
    Input::new("assignments", "train.assignments"),
    Input::new("model_json", "train.model_json"),
    Input::new("k_selection", "train.k_selection"),
    Input::new("metrics", "evaluate.metrics"),
    Input::new("segments", "evaluate.segments"),
    Input::new("silhouettes", "evaluate.silhouettes"),
    Input::new("warnings", "evaluate.warnings"),
    Input::new("waterfall", "preprocess.waterfall"),
    Input::new("validation", "validate.report"),
    Input::new("sources", "load.sources"),
];

static OUTPUTS: [Output; 3] = [
    Output::table("plots", "plots.parquet"),
    Output::directory("images", "images"),
    Output::file("report", "report.html"),
];

impl Stage for Visualize {
    fn name(&self) -> &'static str {
        "visualize"
    }

    fn summary(&self) -> &'static str {
        "draws the segments and writes the report"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("visualize")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<VisualizeParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<VisualizeParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let results = Results::read(ctx)?;
        let rules = results::rules(ctx)?;
        let silhouettes = silhouette::by_segment(results::silhouettes(ctx)?, results.segments.len())?;
        let drawn = draw(&results, silhouettes, &ctx.params()?)?;
        write_images(&ctx.output("images")?, &drawn)?;
        let report = report::html(&results, &rules, &drawn, &ctx.input("model_json")?.digest);
        write(&ctx.output("report")?, report.as_bytes())?;
        let facts = Facts::from([("data_source".to_owned(), results.model.data_source.clone())]);
        table::write_output(ctx, "plots", &manifest().map_err(VisualizeError::Batch)?, &facts)?;
        Ok(StageReport { headline: format!("{} plots, report.html", drawn.len()) })
    }
}

/// Draws every plot, one a task.
fn draw(
    results: &Results,
    silhouettes: Option<Vec<Vec<f64>>>,
    params: &VisualizeParams,
) -> Result<Vec<Drawn>, VisualizeError> {
    let fonts = Fonts::load()?;
    let picture = Picture { points: results.points(), silhouettes, results, fonts: &fonts, params };
    let draw = |plot: &'static Plot| {
        let scene = (plot.scene)(&picture);
        Ok(Drawn { plot, png: render::png(&scene, &fonts)?, svg: render::svg(&scene, &fonts)? })
    };
    PLOTS.par_iter().map(draw).collect()
}

fn write_images(folder: &Path, drawn: &[Drawn]) -> Result<(), VisualizeError> {
    let error = |source| VisualizeError::File { action: "create", path: folder.to_owned(), source };
    std::fs::create_dir(folder).map_err(error)?;
    for image in drawn {
        write(&folder.join(image.plot.png()), &image.png)?;
        write(&folder.join(image.plot.svg()), image.svg.as_bytes())?;
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), VisualizeError> {
    let error = |source| VisualizeError::File { action: "write", path: path.to_owned(), source };
    std::fs::write(path, bytes).map_err(error)
}

fn manifest() -> Result<RecordBatch, arrow_schema::ArrowError> {
    let texts = |text: fn(&Plot) -> String| {
        std::sync::Arc::new(StringArray::from_iter_values(PLOTS.iter().map(text))) as ArrayRef
    };
    let columns = vec![
        texts(|plot| plot.name.to_owned()),
        texts(|plot| plot.title.to_owned()),
        texts(|plot| plot.description.to_owned()),
        texts(Plot::png),
        texts(Plot::svg),
    ];
    RecordBatch::try_new(schema::plots(), columns)
}
