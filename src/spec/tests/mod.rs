//! The whole way from text to a checked pipeline, or to the words that refuse it, with small fake stages.

mod fakes;
mod hostile;
mod layers;
mod long;
mod own;
mod refusals;
mod several;
mod shapes;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::pipeline::Pipeline;
use super::{Overrides, SpecError, read};
use fakes::KINDS;

/// A folder with a pipeline file.
struct Project(tempfile::TempDir);

impl Project {
    fn new(text: impl AsRef<[u8]>) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        std::fs::write(project.file(), text).unwrap();
        project
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("pipeline.yaml")
    }

    fn read(&self, overrides: &Overrides) -> Result<Pipeline, SpecError> {
        read(&self.file(), KINDS, overrides, &self.0.path().join("kept"))
    }

    /// The refusal as it is printed, with the hint, and without the folder's name.
    fn refusal(&self, overrides: &Overrides) -> String {
        let Err(error) = self.read(overrides) else { panic!("nothing is refused") };
        let folder = format!("{}/", self.0.path().display());
        let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        format!("{error}{hint}").replace(&folder, "")
    }
}

fn overrides(profile: Option<&str>, sets: &[&str]) -> Overrides {
    Overrides { profile: profile.map(String::from), sets: sets.iter().map(ToString::to_string).collect() }
}

fn checked(text: &str, profile: Option<&str>, sets: &[&str]) -> Pipeline {
    Project::new(text).read(&overrides(profile, sets)).unwrap()
}

fn refusal(text: impl AsRef<[u8]>) -> String {
    Project::new(text).refusal(&Overrides::default())
}

fn refusal_of(text: &str, profile: Option<&str>, sets: &[&str]) -> String {
    Project::new(text).refusal(&overrides(profile, sets))
}

/// Everything of a pipeline that a run could notice.
fn facts(pipeline: &Pipeline) -> Value {
    let stage = |stage: &super::pipeline::PipelineStage| {
        let inputs = stage.inputs.iter().map(|(port, from)| (port.clone(), json!(from.to_string())));
        let outputs = stage.outputs.iter().map(|(port, path)| (port.clone(), json!(path)));
        json!({
            "name": stage.name,
            "kind": stage.stage.name(),
            "inputs": inputs.collect::<serde_json::Map<_, _>>(),
            "outputs": outputs.collect::<serde_json::Map<_, _>>(),
            "determining": stage.params.determining,
            "incidental": stage.params.incidental,
        })
    };
    json!({ "name": pipeline.name, "stages": pipeline.stages.iter().map(stage).collect::<Vec<_>>() })
}

/// A checked param.
fn param(pipeline: &Pipeline, stage: &str, name: &str) -> Value {
    pipeline.stage(stage).unwrap().params.determining[name].clone()
}

fn names(pipeline: &Pipeline) -> Vec<&str> {
    pipeline.stages.iter().map(|stage| stage.name.as_str()).collect()
}
