//! The checked pipeline: only this form runs, and only this form is fingerprinted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use segpipe_stages::contract::{CheckedParams, Stage};

use super::shared::SharedCache;

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
    /// What its stages may take of the machine at once.
    pub capacity: Capacity,
    /// Where its results are shared with other machines.
    pub cache: SharedCache,
    /// Whether `--set` or `--profile` changed what the file says; such runs never write pipeline.lock.
    pub is_overridden: bool,
}

/// One stage of a checked pipeline.
#[derive(Clone)]
pub struct PipelineStage {
    /// Its name in the pipeline.
    pub name: String,
    /// Its kind.
    pub stage: Kind,
    /// What each input port is connected to.
    pub inputs: BTreeMap<String, OutputReference>,
    /// Where each output is placed, relative to the pipeline's folder; `artifacts/<stage>/<path>` unless said otherwise.
    pub outputs: BTreeMap<String, PathBuf>,
    /// Its checked params.
    pub params: CheckedParams,
    /// Words by which it can be selected; they determine nothing.
    pub tags: BTreeSet<String>,
    /// On what terms it runs; nothing of this determines a result.
    pub terms: Terms,
}

/// The kind of a stage: compiled in, or made of what the pipeline file says.
#[derive(Clone)]
pub enum Kind {
    /// One of the kinds that segpipe brings.
    BuiltIn(&'static dyn Stage),
    /// A program of the user's.
    Own(Arc<dyn Stage>),
}

impl Deref for Kind {
    type Target = dyn Stage;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::BuiltIn(stage) => *stage,
            Self::Own(stage) => stage.as_ref(),
        }
    }
}

impl<S: Stage> From<&'static S> for Kind {
    fn from(stage: &'static S) -> Self {
        Self::BuiltIn(stage)
    }
}

/// On what terms a stage runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Terms {
    /// What is done when it fails.
    pub retries: Retries,
    /// What it takes of the machine while it runs.
    pub resources: Resources,
    /// Whether its outputs are used as they are, and it never runs.
    pub is_frozen: bool,
}

/// What a stage takes of the machine while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources {
    /// Processors.
    pub cpu: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// Amounts of what the pipeline names.
    pub named: BTreeMap<String, u64>,
    /// Names of which no two stages hold the same at once.
    pub mutexes: BTreeSet<String>,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu: 1, memory: 0, named: BTreeMap::new(), mutexes: BTreeSet::new() }
    }
}

/// What there is for all stages that run at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Capacity {
    /// Processors; as many as stages may run at once where unset.
    pub cpu: Option<u64>,
    /// Bytes of memory; the machine's where unset.
    pub memory: Option<u64>,
    /// Amounts of what the pipeline names.
    pub named: BTreeMap<String, u64>,
}

/// How often a stage that failed is run again, and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retries {
    /// How often at the most.
    pub times: u32,
    /// What is waited before the first of them; twice as long before each that follows.
    pub delay: Duration,
}

impl Retries {
    /// Longest time that is waited, however often a stage failed.
    pub const LONGEST: Duration = Duration::from_mins(5);

    /// What is waited before the retry with this number, counted from 1.
    pub fn delay_before(&self, retry: u32) -> Duration {
        let factor = 1_u32.checked_shl(retry.saturating_sub(1)).unwrap_or(u32::MAX);
        self.delay.saturating_mul(factor).min(Self::LONGEST.max(self.delay))
    }
}

/// An output of a stage in the pipeline, written `stage.output`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OutputReference {
    /// The stage's name.
    pub stage: String,
    /// The output's name.
    pub output: String,
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
