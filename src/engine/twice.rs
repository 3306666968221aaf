//! Runs one stage twice with the same inputs and compares every byte.
//!
//! For: `segpipe run --check-determinism`. What the stage needs is computed in the store first, where it is not known;
//! the stage itself leaves nothing behind: its results are not kept, no output is placed. Not for: saying it (`cli`).
//! Called by: the engine.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::{ThreadPool, ThreadPoolBuilder};
use segpipe_stages::contract::{Output, StageError};

use super::difference::{self, Difference};
use super::execute::{self, Attempt};
use super::listener::Listener;
use super::progress::Results;
use super::session::{Reach, Session};
use super::{EngineError, Failure, Ports, RunOptions, closing, schedule, update};
use crate::digest::Digest;
use crate::event::Event;
use crate::fingerprint::Document;
use crate::graph::{self, Selection};
use crate::spec::pipeline::{Kind, Pipeline, PipelineStage};
use crate::store::records::Record;
use crate::store::{StoreError, tree};

/// What came of running a stage twice.
#[derive(Debug)]
pub struct Twice {
    /// The stage's name.
    pub stage: String,
    /// How many threads each run computed with; none where the stage is a program, which takes what it likes.
    pub threads: Option<[usize; 2]>,
    /// How many outputs were compared.
    pub outputs: usize,
    /// Whether there is a known result, and it was compared too.
    pub has_known: bool,
    /// What differs, by output.
    pub differences: Vec<Differs>,
    /// The stages that failed, so that nothing could be compared.
    pub failures: Vec<Failure>,
}

/// An output that is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Differs {
    /// Its name.
    pub output: String,
    /// From what.
    pub against: Against,
}

/// What an output differs from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Against {
    /// The two runs differ from each other.
    Run(Difference),
    /// They agree, and the result that is known for these params and inputs is another one.
    Known {
        /// What is known.
        known: Digest,
        /// What both runs gave.
        found: Digest,
    },
}

/// Runs the stage called `name` twice. Blocking. Of `options`, threads, jobs and whether to wait have a meaning here.
///
/// # Errors
/// [`EngineError`] where it cannot begin. Stages that fail are in the result.
pub(super) fn run(pipeline: &Pipeline, name: &str, options: &RunOptions, ports: Ports) -> Result<Twice, EngineError> {
    let name = graph::find(pipeline, name)?.to_owned();
    let selection = Selection { only: Some(name.clone()), ..Selection::default() };
    super::asked_for(pipeline, &selection)?;
    let mut needed = pipeline.clone();
    let upstream = graph::upstream(pipeline, &name);
    needed.stages.retain(|stage| upstream.contains(stage.name.as_str()) && stage.name != name);
    let options = RunOptions { selection: Selection::default(), is_locked: false, is_forced: false, ..options.clone() };
    let session = Arc::new(Session::begin(Reach::Store, needed, options, ports)?);
    let results = schedule::run(&session)?;
    let known = outputs_of(&results);
    let computed = closing::hand_over(&session, results);
    let mut twice = Twice {
        stage: name.clone(),
        threads: None,
        outputs: 0,
        has_known: false,
        differences: Vec::new(),
        failures: computed.failures,
    };
    if let Some(stage) = pipeline.stage(&name).filter(|_| twice.failures.is_empty()) {
        if let Err(error) = compare(&session, stage, &known, &mut twice) {
            twice.failures.push(Failure { stage: name, error });
        }
        // What both runs wrote is nobody's.
        session.store.clean()?;
    }
    Ok(twice)
}

/// The digest of every output, by stage and output.
fn outputs_of(results: &Results) -> BTreeMap<(String, String), Digest> {
    let of_stage = |(stage, result): (&String, &update::StageResult)| {
        let stage = stage.clone();
        let digests: Vec<_> = result.outputs.iter().map(|(name, output)| (name.clone(), output.digest)).collect();
        digests.into_iter().map(move |(name, digest)| ((stage.clone(), name), digest))
    };
    results.iter().flat_map(of_stage).collect()
}

fn compare(
    session: &Session,
    stage: &PipelineStage,
    known: &BTreeMap<(String, String), Digest>,
    twice: &mut Twice,
) -> Result<(), StageError> {
    let mut inputs = BTreeMap::new();
    for (port, from) in &stage.inputs {
        let digest = known.get(&(from.stage.clone(), from.output.clone())).copied();
        inputs.insert(port.clone(), digest.ok_or_else(|| StageError::bug(format!("`{from}` is not known")))?);
    }
    let sources = update::sources(session, stage)?;
    let document = Document::new(stage, &inputs, &sources.sources);
    let threads = threads(session, stage);
    let attempt =
        Attempt { session, stage, inputs: &inputs, document: &document, sources: &sources, announce: &|_| {} };
    let [first, second] = [(0, "first run"), (1, "second run")].map(|(number, reason)| {
        session.emit(Event::StageStarted { stage: stage.name.clone(), reason: reason.to_owned() });
        once(&attempt, threads.map(|threads| threads[number]))
    });
    let (first, second) = (first?, second?);
    if let Some(source) = sources.changed() {
        return Err(StageError::bug(format!("source `{}` changed between the two runs", source.name)));
    }
    let record = session.store.record(document.fingerprint())?;
    twice.threads = threads;
    twice.has_known = record.is_some();
    for output in stage.stage.outputs() {
        let paths = [&first, &second].map(|folder| folder.join(&*output.path));
        let against = differs(&paths, output, record.as_ref())?;
        twice.outputs += 1;
        twice.differences.extend(against.map(|against| Differs { output: output.name.to_string(), against }));
    }
    Ok(())
}

/// Runs the stage in a folder of its own, which is returned with what it wrote.
fn once(attempt: &Attempt<'_>, threads: Option<usize>) -> Result<PathBuf, StageError> {
    let directory = attempt.session.store.private_directory(&attempt.stage.name)?;
    let listener = Listener::silent(attempt.session, &attempt.stage.name);
    let pool = threads.map(pool).transpose()?;
    attempt.compute(&directory, &listener, pool.as_ref())?;
    for output in attempt.stage.stage.outputs() {
        execute::written(attempt.stage, output, &directory)?;
    }
    Ok(directory)
}

fn pool(threads: usize) -> Result<ThreadPool, StageError> {
    let built = ThreadPoolBuilder::new().num_threads(threads).build();
    built.map_err(|error| StageError::bug(format!("cannot start computing threads: {error}")))
}

/// How many threads each of the two runs computes with: one, and several.
fn threads(session: &Session, stage: &PipelineStage) -> Option<[usize; 2]> {
    let processors = || std::thread::available_parallelism().map_or(2, NonZeroUsize::get);
    let several = session.options.threads.map_or_else(processors, NonZeroUsize::get);
    matches!(stage.stage, Kind::BuiltIn(_)).then_some([1, several.max(2)])
}

fn differs(
    [first, second]: &[PathBuf; 2],
    output: &Output,
    record: Option<&Record>,
) -> Result<Option<Against>, StoreError> {
    if let Some(difference) = difference::first(output.kind, first, second)? {
        return Ok(Some(Against::Run(difference)));
    }
    let Some(known) = record.and_then(|record| record.outputs.get(&*output.name)) else { return Ok(None) };
    let found = digest(first)?;
    Ok((known.digest != found).then_some(Against::Known { known: known.digest, found }))
}

fn digest(path: &Path) -> Result<Digest, StoreError> {
    if path.is_dir() {
        return tree::scan(path).map(|tree| tree.digest());
    }
    Digest::of_file(path).map_err(StoreError::file("read", path))
}
