//! Who depends on whom, and which stages a selection takes in.
//!
//! For: upstream and downstream of stages, `--from`, `--to`, `--only`, and expressions such as `+train` (`expression`).
//! Not for: order (a checked pipeline is already in order) or cycles (refused when it was checked). Called by: `plan`,
//! the engine, `segpipe graph`.

mod expression;

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
    /// Every stage that one of these means, e.g. `+train`, `tag:weekly`, `seg*`; all stages where there are none.
    pub expressions: Vec<String>,
}

/// A selection that means no stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// It names a stage which the pipeline does not have.
    #[error("there is no stage `{name}` in this pipeline")]
    UnknownStage {
        /// The name asked for.
        name: String,
        /// The name most like it.
        nearest: Option<String>,
    },
    /// It names a tag which no stage has.
    #[error("no stage has the tag `{name}`")]
    UnknownTag {
        /// The tag asked for.
        name: String,
        /// The tag most like it.
        nearest: Option<String>,
    },
    /// No stage is called like it.
    #[error("no stage of this pipeline matches `{pattern}`")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// It cannot be understood.
    #[error("`{pattern}` is no pattern: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why not.
        problem: String,
    },
}

impl SelectionError {
    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownStage { nearest, .. } | Self::UnknownTag { nearest: nearest @ Some(_), .. } => {
                nearest.as_ref().map(|name| format!("did you mean `{name}`?"))
            }
            Self::UnknownTag { .. } => Some("a stage's `tags:` in the pipeline file give it tags".to_owned()),
            Self::NoMatch { .. } => Some("`segpipe graph` lists the stages".to_owned()),
            Self::Pattern { .. } => None,
        }
    }
}

impl Selection {
    /// Whether everything is selected.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// The selected stages' names.
    ///
    /// # Errors
    /// [`SelectionError`] where part of it means no stage.
    pub fn stages<'a>(&self, pipeline: &'a Pipeline) -> Result<BTreeSet<&'a str>, SelectionError> {
        let mut selected: BTreeSet<_> = pipeline.stages.iter().map(|stage| stage.name.as_str()).collect();
        if !self.expressions.is_empty() {
            selected.clear();
        }
        for expression in &self.expressions {
            selected.extend(expression::stages(pipeline, expression)?);
        }
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
        named.chain(self.expressions.iter().cloned()).collect::<Vec<_>>().join(" ")
    }
}

/// The stage called `name`.
///
/// # Errors
/// [`SelectionError::UnknownStage`], with the nearest name.
pub fn find<'a>(pipeline: &'a Pipeline, name: &str) -> Result<&'a str, SelectionError> {
    let names = || pipeline.stages.iter().map(|stage| stage.name.as_str());
    let unknown = || SelectionError::UnknownStage { name: name.to_owned(), nearest: nearest(names(), name) };
    names().find(|known| *known == name).ok_or_else(unknown)
}

/// The one of `names` that is most like `name`.
fn nearest<'a>(names: impl Iterator<Item = &'a str>, name: &str) -> Option<String> {
    let likeness = |known: &&str| strsim::jaro_winkler(known, name);
    names.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).map(String::from)
}

/// The names of the stages that `stage` reads from, each once.
pub fn parents(stage: &PipelineStage) -> BTreeSet<&str> {
    stage.inputs.values().map(|reference| reference.stage.as_str()).collect()
}

/// `name` and every stage that it needs, directly or not.
pub fn upstream<'a>(pipeline: &'a Pipeline, name: &'a str) -> BTreeSet<&'a str> {
    upstream_of_all(pipeline, BTreeSet::from([name]))
}

/// The stages `found` and every stage that one of them needs, directly or not.
pub fn upstream_of_all<'a>(pipeline: &'a Pipeline, mut found: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    for stage in pipeline.stages.iter().rev() {
        if found.contains(stage.name.as_str()) {
            found.extend(parents(stage));
        }
    }
    found
}

/// `name` and every stage that needs it, directly or not.
pub fn downstream<'a>(pipeline: &'a Pipeline, name: &'a str) -> BTreeSet<&'a str> {
    downstream_of_all(pipeline, BTreeSet::from([name]))
}

/// The stages `found` and every stage that needs one of them, directly or not.
pub fn downstream_of_all<'a>(pipeline: &'a Pipeline, mut found: BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    for stage in &pipeline.stages {
        if parents(stage).iter().any(|parent| found.contains(parent)) {
            found.insert(&stage.name);
        }
    }
    found
}
