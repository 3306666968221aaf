//! The checked pipeline: only this form runs, and only this form is fingerprinted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use segpipe_stages::contract::{CheckedParams, Stage};

/// A pipeline in which every name is resolved and every default filled in.
#[derive(Clone)]
pub struct Pipeline {
    /// Its name.
    pub name: String,
    /// The pipeline file, absolute.
    pub file: PathBuf,
    /// The file's folder, absolute; every path in the pipeline is relative to it.
    pub directory: PathBuf,
    /// The stages in an order in which every stage comes after those it reads from (file order where free).
    pub stages: Vec<PipelineStage>,
    /// Whether `--set` or `--profile` changed what the file says; such runs never write pipeline.lock.
    pub is_overridden: bool,
}

/// One stage of a checked pipeline.
#[derive(Clone)]
pub struct PipelineStage {
    /// Its name in the pipeline.
    pub name: String,
    /// Its kind.
    pub stage: &'static dyn Stage,
    /// What each input port is connected to.
    pub inputs: BTreeMap<&'static str, OutputReference>,
    /// Where each output is placed, relative to the pipeline's folder; `artifacts/<stage>/<path>` unless said otherwise.
    pub outputs: BTreeMap<&'static str, PathBuf>,
    /// Its checked params.
    pub params: CheckedParams,
    /// Words by which it can be selected; they determine nothing.
    pub tags: BTreeSet<String>,
}

/// An output of a stage in the pipeline, written `stage.output`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputReference {
    /// The stage's name.
    pub stage: String,
    /// The output's name.
    pub output: &'static str,
}

impl fmt::Display for OutputReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.stage, self.output)
    }
}

impl Pipeline {
    /// The stage called `name`.
    pub fn stage(&self, name: &str) -> Option<&PipelineStage> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}
