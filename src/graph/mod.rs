//! Who depends on whom, and which stages a selection takes in.
//!
//! For: upstream and downstream of stages, `--from`, `--to`, `--only`. Not for: order (a checked pipeline is already in
//! order) or cycles (refused when it was checked). Called by: `plan`, the engine, `segpipe graph`.

use std::collections::BTreeSet;

use crate::spec::pipeline::{Pipeline, PipelineStage};

/// Which part of a pipeline is to be brought up to date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// This stage and everything after it.
    pub from: Option<String>,
    /// This stage and everything it needs.
    pub to: Option<String>,
    /// This stage alone.
    pub only: Option<String>,
}

/// A selection that names a stage which the pipeline does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no stage `{name}` in this pipeline")]
pub struct UnknownStage {
    /// The name asked for.
    pub name: String,
    /// The name most like it.
    pub nearest: Option<String>,
}

impl Selection {
    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The selected stages' names.
    ///
    /// # Errors
    /// [`UnknownStage`] where it names a stage that the pipeline does not have.
    pub fn stages<'a>(&self, pipeline: &'a Pipeline) -> Result<BTreeSet<&'a str>, UnknownStage> {
        let mut selected: BTreeSet<_> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        if let Some(name) = &self.from {
            let kept = downstream(pipeline, find(pipeline, name)?);
            selected.retain(|stage| kept.contains(stage));
        }
        if let Some(name) = &self.to {
            let kept = upstream(pipeline, find(pipeline, name)?);
            selected.retain(|stage| kept.contains(stage));
        }
        if let Some(name) = &self.only {
            let kept = find(pipeline, name)?;
            selected.retain(|stage| *stage == kept);
        }
        Ok(selected)
    }

    /// The arguments that made this selection, for messages.
    pub fn arguments(&self) -> String {
        let parts = [("--from", &self.from), ("--to", &self.to), ("--only", &self.only)];
        let named = parts.iter().filter_map(|(flag, name)| name.as_ref().map(|name| format!("{flag} {name}")));
        named.collect::<Vec<_>>().join(" ")
    }
}

fn find<'a>(pipeline: &'a Pipeline, name: &str) -> Result<&'a str, UnknownStage> {
    let names = || pipeline.stages.iter().map(|stage| stage.name.as_str());
    names().find(|known| *known == name).ok_or_else(|| {
        let nearest = names().max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        UnknownStage { name: name.to_owned(), nearest: nearest.map(String::from) }
    })
}

/// The names of the stages that `stage` reads from, each once.
pub fn parents(stage: &PipelineStage) -> BTreeSet<&str> {
    stage.inputs.values().map(|reference| reference.stage.as_str()).collect()
}

/// `name` and every stage that it needs, directly or not.
pub fn upstream<'a>(pipeline: &'a Pipeline, name: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([name]);
    for stage in pipeline.stages.iter().rev() {
        if found.contains(stage.name.as_str()) {
            found.extend(parents(stage));
        }
    }
    found
}

/// `name` and every stage that needs it, directly or not.
pub fn downstream<'a>(pipeline: &'a Pipeline, name: &'a str) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::from([name]);
    for stage in &pipeline.stages {
        if parents(stage).iter().any(|parent| found.contains(parent)) {
            found.insert(&stage.name);
        }
    }
    found
}
