//! The bundle: everything that an app or a service needs to say which segment a customer is in, in one folder.
//!
//! For: model files, segment cards, map, policy, model card, plots, the app and a manifest with their digests; opening
//! a bundle again; the rows of an export. Not for: serving or showing it. Called by: the orchestrator, the command line
//! and the scoring service.

mod app_files;
pub mod bundle;
pub mod cards;
pub mod export;
pub mod manifest;
mod map;
mod model_card;
mod params;
pub mod policy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Fault, Input, Output, ParamError, Stage, StageContext, StageError, StageFault, StageReport,
};
use crate::document::numbers::counted;
use crate::implementation;
use crate::results::Results;
use crate::table::{self, Facts};

pub use params::DeployParams;

use cards::Cards;
use manifest::{Manifest, ManifestFile};
use model_card::ModelDigests;
use policy::Policy;

/// The stage `deploy`.
#[derive(Debug, Clone, Copy)]
pub struct Deploy;

/// A bundle that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A file cannot be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// `read`, `create` or `write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something cannot be written as JSON.
    #[error("the bundle's `{file}` cannot be written as JSON")]
    Json {
        /// The file.
        file: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// The manifest does not fit its table.
    #[error("the manifest does not fit its table")]
    Batch(#[source] arrow_schema::ArrowError),
}

impl StageFault for DeployError {
    fn fault(&self) -> Fault {
        if matches!(self, Self::File { .. }) { Fault::Disk } else { Fault::Bug }
    }
}

static INPUTS: [Input; 11] = [
    Input::new("onnx", "train.onnx"),
    Input::new("model_json", "train.model_json"),
    Input::new("customers", "rfm.customers"),
    Input::new("assignments", "train.assignments"),
    Input::new("segments", "evaluate.segments"),
    Input::new("metrics", "evaluate.metrics"),
    Input::new("warnings", "evaluate.warnings"),
    Input::new("k_selection", "train.k_selection"),
    Input::new("waterfall", "preprocess.waterfall"),
    Input::new("sources", "load.sources"),
    Input::new("images", "visualize.images"),
];

static OUTPUTS: [Output; 2] = [Output::directory("bundle", "bundle"), Output::table("manifest", "manifest.parquet")];

impl Stage for Deploy {
    fn name(&self) -> &'static str {
        "deploy"
    }

    fn summary(&self) -> &'static str {
        "packs model, segments, model card and app into a bundle"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("deploy")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<DeployParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<DeployParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let results = Results::read(ctx)?;
        let mut files = copied(ctx, &ctx.params()?)?;
        files.extend(written(ctx, &results, &ctx.params()?)?);
        let digests = [&ctx.input("model_json")?.digest, &ctx.input("onnx")?.digest];
        let manifest = json("manifest.json", &Manifest::of(&files, digests.map(String::as_str)))?;
        files.insert(manifest::NAME.to_owned(), manifest);
        write(&ctx.output("bundle")?, &files)?;
        let listed: Vec<ManifestFile> = files.iter().map(|(path, content)| ManifestFile::of(path, content)).collect();
        let facts = Facts::from([("data_source".to_owned(), results.model.data_source.clone())]);
        table::write_output(ctx, "manifest", &manifest::batch(&listed).map_err(DeployError::Batch)?, &facts)?;
        let segments = counted(results.model.segments.len() as i64, "segment", "segments").replace('\u{a0}', " ");
        Ok(StageReport { headline: format!("{segments}, {} files", files.len()) })
    }
}

/// Files that go into the bundle as they are; of the plots those that are sharp at any size.
fn copied(ctx: &StageContext<'_>, params: &DeployParams) -> Result<BTreeMap<String, Vec<u8>>, StageError> {
    let app = app_files::FILES.iter().map(|(path, content)| ((*path).to_owned(), content.to_vec()));
    let mut files: BTreeMap<String, Vec<u8>> = app.collect();
    for (path, input) in [("model.onnx", "onnx"), ("model.json", "model_json")] {
        files.insert(path.to_owned(), read(&ctx.input(input)?.path)?);
    }
    if params.include_assignments {
        files.insert("assignments.parquet".to_owned(), read(&ctx.input("assignments")?.path)?);
    }
    let images = &ctx.input("images")?.path;
    let error = |source| DeployError::File { action: "read", path: images.clone(), source };
    for entry in std::fs::read_dir(images).map_err(error)? {
        let path = entry.map_err(error)?.path();
        let is_vector = path.extension().is_some_and(|ending| ending == "svg");
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_vector) {
            files.insert(format!("plots/{name}"), read(&path)?);
        }
    }
    Ok(files)
}

/// Files that are made here.
fn written(
    ctx: &StageContext<'_>,
    results: &Results,
    params: &DeployParams,
) -> Result<BTreeMap<String, Vec<u8>>, StageError> {
    let (projection, map) = map::of(results, params.map_sample);
    let digests = ModelDigests { json: &ctx.input("model_json")?.digest, onnx: &ctx.input("onnx")?.digest };
    let (markdown, html) = model_card::write(results, &digests);
    let files = [
        ("segments.json", json("segments.json", &Cards::of(results))?),
        ("policy.json", json("policy.json", &Policy::of(results))?),
        ("pca.json", json("pca.json", &projection)?),
        ("map.json", compact("map.json", &map)?),
        ("model_card.md", markdown.into_bytes()),
        ("model_card.html", html.into_bytes()),
    ];
    Ok(files.map(|(path, content)| (path.to_owned(), content)).into())
}

fn json(file: &'static str, value: &impl Serialize) -> Result<Vec<u8>, DeployError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|source| DeployError::Json { file, source })?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn compact(file: &'static str, value: &impl Serialize) -> Result<Vec<u8>, DeployError> {
    serde_json::to_vec(value).map_err(|source| DeployError::Json { file, source })
}

fn read(path: &Path) -> Result<Vec<u8>, DeployError> {
    std::fs::read(path).map_err(|source| DeployError::File { action: "read", path: path.to_owned(), source })
}

fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DeployError> {
    for (name, content) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        let create = |source| DeployError::File { action: "create", path: parent.to_owned(), source };
        std::fs::create_dir_all(parent).map_err(create)?;
        let write = |source| DeployError::File { action: "write", path: path.clone(), source };
        std::fs::write(&path, content).map_err(write)?;
    }
    Ok(())
}
