//! What a stage is, and what it may ask of the world: the border between the stages and whoever runs them.
//!
//! For: [`Stage`] and its ports ([`Input`], [`Output`]), its checked params, its context, its errors, and the traits
//! through which the outside world is reached ([`SourceResolver`], [`Observer`], [`Tracker`]).
//! Not for: scheduling, caching, digests of files, terminals, networks. Those belong to the caller.
//! Called by: every stage, and the orchestrator, which takes stages as a list and knows none by name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// One kind of stage: a pure function from tables to tables with a name, typed ports and checked params.
///
/// Built-in kinds are written in this crate and answer with what is compiled in; others are made while a pipeline file
/// is read and answer with what they hold.
///
/// # Examples
/// `stages/rfm` is a good one to read first; `stages/README.md` says how to add another.
pub trait Stage: Send + Sync {
    /// The kind's name, as `uses:` in pipeline.yaml says it; also the default name of the stage. Lower case, `a-z0-9_`.
    fn name(&self) -> &str;

    /// What it does, in one line without a full stop.
    fn summary(&self) -> &str;

    /// What it reads, in the order in which errors and documents name them.
    fn inputs(&self) -> &[Input];

    /// What it writes. At least one is a table where the stage is a built-in one.
    fn outputs(&self) -> &[Output];

    /// Digest of everything compiled into this stage that determines its outputs (see `implementation.rs`).
    fn implementation(&self) -> &str;

    /// Files compiled into the binary that end up in the outputs; each enters the fingerprint by name and content.
    fn assets(&self) -> &[Asset] {
        &[]
    }

    /// What else determines the outputs; each is a fact of the fingerprint.
    fn determinants(&self) -> Vec<Determinant> {
        Vec::new()
    }

    /// JSON Schema of the params, for `segpipe schema` and for the names offered when one is mistyped.
    fn params_schema(&self) -> Value;

    /// Fills in defaults and checks ranges. See [`check`], which does it for any [`Params`] type.
    ///
    /// # Errors
    /// A [`ParamError`] that names the offending param.
    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError>;

    /// The files from outside the project's own outputs that this stage reads, where it reads any.
    ///
    /// # Errors
    /// A [`ParamError`] where the params do not name sources.
    fn sources(&self, _params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        Ok(None)
    }

    /// Whether its work is done on rayon's current pool; a stage that waits for others must not hold one of its threads.
    fn computes(&self) -> bool {
        true
    }

    /// Reads the declared inputs, computes, and writes every declared output. Blocking; may use rayon's current pool.
    ///
    /// # Errors
    /// A [`StageError`] whose [`Fault`] says whose it is. Nothing written is kept then.
    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError>;
}

/// One input port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The port's name.
    pub name: Cow<'static, str>,
    /// The output it is connected to unless pipeline.yaml says otherwise, as `stage.output`; none where it must say.
    pub default: Option<Cow<'static, str>>,
}

impl Input {
    /// A port that is connected to the output `default` unless pipeline.yaml says otherwise.
    pub const fn new(name: &'static str, default: &'static str) -> Self {
        Self { name: Cow::Borrowed(name), default: Some(Cow::Borrowed(default)) }
    }

    /// A port that takes any output, and that pipeline.yaml must connect.
    pub fn open(name: String) -> Self {
        Self { name: Cow::Owned(name), default: None }
    }
}

/// One output port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The port's name, unique within the stage.
    pub name: Cow<'static, str>,
    /// File name below the stage's folder, e.g. `customers.parquet`, `model.onnx`; a folder's name for a directory.
    pub path: Cow<'static, str>,
    /// What is found there.
    pub kind: OutputKind,
    /// Whether pipeline.lock names its digest: true for results, false for records of the delivery of results.
    pub is_locked: bool,
}

/// What an output is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputKind {
    /// A Parquet file, written by [`crate::table`].
    Table,
    /// Any other single file.
    File,
    /// A directory of files.
    Directory,
}

impl Output {
    /// A table output; `path` is `<name>.parquet`.
    pub const fn table(name: &'static str, path: &'static str) -> Self {
        Self::fixed(name, path, OutputKind::Table)
    }

    /// A single file that is no table.
    pub const fn file(name: &'static str, path: &'static str) -> Self {
        Self::fixed(name, path, OutputKind::File)
    }

    /// A directory of files.
    pub const fn directory(name: &'static str, path: &'static str) -> Self {
        Self::fixed(name, path, OutputKind::Directory)
    }

    const fn fixed(name: &'static str, path: &'static str, kind: OutputKind) -> Self {
        Self { name: Cow::Borrowed(name), path: Cow::Borrowed(path), kind, is_locked: true }
    }

    /// The same output, left out of pipeline.lock.
    #[must_use]
    pub const fn unlocked(mut self) -> Self {
        self.is_locked = false;
        self
    }
}

/// A file compiled into the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    /// Its name in the fingerprint.
    pub name: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
}

/// A fact that determines a stage's outputs beside its implementation, params, inputs and sources. One line of the
/// fingerprint's document: neither `kind` nor `name` holds a space, and nothing in it a line's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Determinant {
    /// What sort of fact it is, in a word.
    pub kind: &'static str,
    /// What it is about; unique within the kind.
    pub name: String,
    /// The fact.
    pub value: String,
}

/// A stage's params as a type: everything serde and schemars derive, plus what they cannot know.
pub trait Params: DeserializeOwned + Serialize + JsonSchema {
    /// Names of the top-level params that do not determine the outputs (an address to deliver to, the path of a source
    /// that enters by content): checked and handed to the stage, kept out of the fingerprint.
    const INCIDENTAL: &'static [&'static str] = &[];

    /// Checks ranges and combinations that types cannot say.
    ///
    /// # Errors
    /// The first [`ParamError`] found.
    fn check(&self) -> Result<(), ParamError> {
        Ok(())
    }
}

/// Params with every default filled in and every value in range.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckedParams {
    /// What determines the outputs, by name; this part is fingerprinted.
    pub determining: BTreeMap<String, Value>,
    /// What does not; see [`Params::INCIDENTAL`].
    pub incidental: BTreeMap<String, Value>,
}

impl CheckedParams {
    /// The params as the type they were checked as.
    ///
    /// # Errors
    /// Only where `P` is not the type that produced them.
    pub fn to<P: Params>(&self) -> Result<P, ParamError> {
        let all = self.determining.iter().chain(&self.incidental);
        let object = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        parse(&object)
    }
}

/// A param that cannot be used: which one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParamError {
    /// Path of keys from the stage's `params`, e.g. `["columns", "customer"]`; empty for the params as a whole.
    pub path: Vec<String>,
    /// What is wrong with it and what would be right.
    pub message: String,
}

impl ParamError {
    /// An error about the param at `path` (keys separated by dots).
    pub fn new(path: &str, message: impl Into<String>) -> Self {
        let path = path.split('.').filter(|key| !key.is_empty()).map(String::from).collect();
        Self { path, message: message.into() }
    }
}

/// Deserializes, checks and splits raw params; what [`Stage::check_params`] does for a stage whose params are a `P`.
///
/// # Errors
/// A [`ParamError`] with the path of the value that has the wrong type or is out of range.
pub fn check<P: Params>(raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
    let params: P = parse(raw)?;
    params.check()?;
    let value = serde_json::to_value(&params).map_err(|error| ParamError::new("", error.to_string()))?;
    let Value::Object(object) = value else {
        return Err(ParamError::new("", "params must be a mapping"));
    };
    let (incidental, determining) =
        object.into_iter().partition(|(name, _): &(String, Value)| P::INCIDENTAL.contains(&name.as_str()));
    Ok(CheckedParams { determining, incidental })
}

fn parse<P: Params>(raw: &Map<String, Value>) -> Result<P, ParamError> {
    serde_path_to_error::deserialize(Value::Object(raw.clone())).map_err(|error| {
        let path = error.path().iter().map(ToString::to_string).filter(|segment| segment != "?").collect();
        ParamError { path, message: error.into_inner().to_string() }
    })
}

/// JSON Schema of a params type, as a JSON value.
pub fn schema_of<P: Params>() -> Value {
    schemars::schema_for!(P).to_value()
}

/// Which outside files a stage reads, and what may be done where they are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRequest {
    /// Which files.
    pub selection: SourceSelection,
    /// Where they may be fetched from when missing.
    pub download: Option<Download>,
    /// Whether simulated data may stand in when they are missing and cannot be fetched.
    pub may_simulate: bool,
}

/// Paths are relative to the pipeline file's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSelection {
    /// All of these paths or glob patterns; each must match something.
    All(Vec<String>),
    /// Exactly one of these paths; two present is an error.
    OneOf(Vec<String>),
}

/// A file on the web that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Address of the file or of a zip archive.
    pub url: String,
    /// Name of the one file wanted from the zip archive; none where the address is the file itself.
    pub member: Option<String>,
    /// Where it is placed, relative to the pipeline file's folder.
    pub to: String,
    /// Licence of the data, printed when it is fetched.
    pub licence: Option<String>,
    /// Nothing larger than this is fetched or unpacked, in bytes.
    pub max_bytes: u64,
}

/// Where a source file came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceOrigin {
    /// It was there (downloaded now or earlier, or put there by its owner).
    File,
    /// segpipe generated it.
    Simulated,
}

impl SourceOrigin {
    /// The word used in tables and facts: `file` or `simulated`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Simulated => "simulated",
        }
    }
}

/// A source file that is there now, before its content is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSource {
    /// Where it is.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: SourceOrigin,
}

/// A source file with its content's digest, as handed to a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where to read it.
    pub path: PathBuf,
    /// Its base name; together with the digest it is all of the file that may influence an output.
    pub name: String,
    /// blake3 of its content, hexadecimal.
    pub digest: String,
    /// Where it came from.
    pub origin: SourceOrigin,
}

/// Port: finds, fetches or simulates the files a [`SourceRequest`] asks for.
pub trait SourceResolver: Send + Sync {
    /// The files, in the order in which they are to be read. Blocking.
    ///
    /// # Errors
    /// A [`StageError`] with [`Fault::Data`] where a file is missing and may be neither fetched nor simulated.
    fn resolve(&self, request: &SourceRequest, observer: &dyn Observer) -> Result<Vec<ResolvedSource>, StageError>;

    /// The same files where they are there already; none where they would have to be fetched or simulated first.
    /// Touches nothing.
    ///
    /// # Errors
    /// As [`SourceResolver::resolve`], where a file is missing and may be neither fetched nor simulated.
    fn peek(&self, request: &SourceRequest) -> Result<Option<Vec<ResolvedSource>>, StageError>;
}

/// Port: hears what a stage has to say while it works.
pub trait Observer: Send + Sync {
    /// `done` of `total` units are finished (`total` 0: unknown).
    fn progress(&self, done: u64, total: u64);

    /// Something a reader of the run should know, once.
    fn note(&self, note: Note);

    /// A line that a program said which the stage runs.
    fn said(&self, _stream: Stream, _line: &str) {}

    /// Whether the run was interrupted; long loops ask now and then and stop with [`StageError::cancelled`].
    fn is_cancelled(&self) -> bool;
}

/// Where a program said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Its standard output.
    Stdout,
    /// Its standard error.
    Stderr,
}

/// An [`Observer`] that hears nothing, for tests and for callers with nobody to tell.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _done: u64, _total: u64) {}
    fn note(&self, _note: Note) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// One remark of a stage. Remarks are stored with the result and repeated when it comes from the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Note {
    /// How much it matters.
    pub level: NoteLevel,
    /// One sentence fragment, lower case.
    pub text: String,
}

/// How much a [`Note`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteLevel {
    /// A decision that was taken, e.g. the detected date format.
    Info,
    /// Something that would mislead a reader who does not know it.
    Warning,
}

/// What a stage hands back besides its files.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, serde::Deserialize)]
pub struct StageReport {
    /// The result in a few words, e.g. `k=5, 4 338 customers`. Shown for cached results too.
    pub headline: String,
}

/// One file or directory given to a stage as input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputFile {
    /// Where to read it.
    pub path: PathBuf,
    /// blake3 of its content, hexadecimal.
    pub digest: String,
}

/// Everything a stage has while it runs.
pub struct StageContext<'a> {
    /// The checked params.
    pub params: &'a CheckedParams,
    /// The inputs by port name.
    pub inputs: BTreeMap<String, InputFile>,
    /// File names of the inputs where their ending matters, by port name; as [`Output::path`] of whoever wrote them.
    pub names: BTreeMap<String, String>,
    /// The outside files, in order, for a stage with [`Stage::sources`].
    pub sources: Vec<Source>,
    /// An empty directory of its own; output `o` is written to `directory.join(o.path)`.
    pub directory: PathBuf,
    /// The stage's output ports.
    pub outputs: &'a [Output],
    /// Who listens.
    pub observer: &'a dyn Observer,
    /// Who remembers parts of the stage's work for its later runs; [`Forgetful`] unless set.
    pub keeper: &'a dyn Keeper,
    rows: Mutex<BTreeMap<String, u64>>,
}

impl<'a> StageContext<'a> {
    /// A context that writes the outputs of `stage` into `directory`.
    pub fn new(
        stage: &'a dyn Stage,
        params: &'a CheckedParams,
        inputs: BTreeMap<String, InputFile>,
        sources: Vec<Source>,
        directory: PathBuf,
        observer: &'a dyn Observer,
    ) -> Self {
        let outputs = stage.outputs();
        let names = BTreeMap::new();
        let (keeper, rows) = (&Forgetful, Mutex::default());
        Self { params, inputs, names, sources, directory, outputs, observer, keeper, rows }
    }

    /// The params as the stage's own type.
    ///
    /// # Errors
    /// Only where `P` is not the type the stage checks its params with.
    pub fn params<P: Params>(&self) -> Result<P, StageError> {
        self.params.to().map_err(|error| StageError::bug(format!("params changed their shape: {error}")))
    }

    /// The input connected to port `name`.
    ///
    /// # Errors
    /// [`Fault::Bug`] where the stage asks for a port it did not declare.
    pub fn input(&self, name: &str) -> Result<&InputFile, StageError> {
        self.inputs.get(name).ok_or_else(|| StageError::bug(format!("no input `{name}` was declared")))
    }

    /// Where output `name` is to be written.
    ///
    /// # Errors
    /// [`Fault::Bug`] where the stage asks for an output it did not declare.
    pub fn output(&self, name: &str) -> Result<PathBuf, StageError> {
        Ok(self.directory.join(&*self.port(name)?.path))
    }

    /// Notes how many rows output `name` has, for reports.
    ///
    /// # Errors
    /// [`Fault::Bug`] where the output is not declared.
    pub fn set_rows(&self, name: &str, rows: u64) -> Result<(), StageError> {
        let port = self.port(name)?;
        self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(port.name.to_string(), rows);
        Ok(())
    }

    /// The rows noted so far, by output.
    pub fn rows(&self) -> BTreeMap<String, u64> {
        self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// What an earlier run kept as `part`, where its inputs, its implementation and the part's facts were the same.
    pub fn recall<T: DeserializeOwned>(&self, part: &Part<'_>) -> Option<T> {
        serde_json::from_slice(&self.keeper.recall(part)?).ok()
    }

    /// Keeps `value` as `part` for later runs. Whatever determines it beside the stage's inputs must be among the
    /// part's facts.
    pub fn keep<T: Serialize>(&self, part: &Part<'_>, value: &T) {
        if let Ok(bytes) = serde_json::to_vec(value) {
            self.keeper.keep(part, &bytes);
        }
    }

    /// Says something a reader of the run should know.
    pub fn info(&self, text: impl Into<String>) {
        self.observer.note(Note { level: NoteLevel::Info, text: text.into() });
    }

    /// Says something that would mislead a reader who does not know it.
    pub fn warn(&self, text: impl Into<String>) {
        self.observer.note(Note { level: NoteLevel::Warning, text: text.into() });
    }

    /// Stops a stage whose run was interrupted; long loops call it now and then.
    ///
    /// # Errors
    /// [`Fault::Cancelled`] after an interruption.
    pub fn check_cancelled(&self) -> Result<(), StageError> {
        if self.observer.is_cancelled() { Err(StageError::cancelled()) } else { Ok(()) }
    }

    fn port(&self, name: &str) -> Result<&'a Output, StageError> {
        let found = self.outputs.iter().find(|output| output.name == name);
        found.ok_or_else(|| StageError::bug(format!("no output `{name}` was declared")))
    }
}

/// A part of a stage's work that does not depend on all of its params, so that several of its results share it.
#[derive(Debug, Clone, PartialEq)]
pub struct Part<'a> {
    /// What it is, among the parts of its stage; one word.
    pub name: &'a str,
    /// Everything that determines it beside the stage's implementation and inputs.
    pub facts: Value,
}

/// Remembers parts of a stage's work by what determines them. It may forget any of them at any time.
pub trait Keeper: Send + Sync {
    /// What was kept, for the same stage, implementation and inputs.
    fn recall(&self, part: &Part<'_>) -> Option<Vec<u8>>;

    /// Keeps it, if possible.
    fn keep(&self, part: &Part<'_>, bytes: &[u8]);
}

/// A [`Keeper`] that remembers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgetful;

impl Keeper for Forgetful {
    fn recall(&self, _part: &Part<'_>) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _part: &Part<'_>, _bytes: &[u8]) {}
}

/// Whose fault a failure is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The data cannot be used: missing, unreadable, rejected (exit code 3).
    Data,
    /// The params fit each other but not this data or this stage (exit code 2).
    Params,
    /// Reading or writing segpipe's own files failed (exit code 4).
    Disk,
    /// The stage could not do its work for a reason of its own (exit code 1).
    Stage,
    /// The run was interrupted (exit code 130).
    Cancelled,
    /// Something that cannot happen did (exit code 70).
    Bug,
}

/// Why a stage failed: one sentence fragment, what to do about it, and details worth a table.
#[derive(Debug)]
pub struct StageError {
    /// Whose fault it is.
    pub fault: Fault,
    /// Lower-case fragment with backticked names and the path where there is one.
    pub message: String,
    /// What the reader can do about it.
    pub hint: Option<String>,
    /// Several lines to print below, e.g. a table of broken rules.
    pub details: Option<String>,
    /// What caused it.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl StageError {
    /// An error with nothing but a fault and a message.
    pub fn new(fault: Fault, message: impl Into<String>) -> Self {
        Self { fault, message: message.into(), hint: None, details: None, cause: None }
    }

    /// Something that cannot happen.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Fault::Bug, message)
    }

    /// The run was interrupted.
    pub fn cancelled() -> Self {
        Self::new(Fault::Cancelled, "interrupted")
    }

    /// Reading or writing `path` failed.
    pub fn disk(action: &str, path: &Path, cause: std::io::Error) -> Self {
        let message = format!("cannot {action} `{}`", path.display());
        Self { cause: Some(Box::new(cause)), ..Self::new(Fault::Disk, message) }
    }

    /// The same error with a hint.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for StageError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

// `StageError` is deliberately not an `Error` itself, so that every stage's own error type converts into it below.

/// A stage's own error type: says whose fault each of its cases is, and what to do about it.
pub trait StageFault: Error + Send + Sync + 'static {
    /// Whose fault it is.
    fn fault(&self) -> Fault;

    /// What the reader can do about it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Several lines to print below the message.
    fn details(&self) -> Option<String> {
        None
    }
}

impl<E: StageFault> From<E> for StageError {
    fn from(error: E) -> Self {
        let (fault, hint, details) = (error.fault(), error.hint(), error.details());
        let cause = error.source().map(|source| source.to_string().into());
        Self { fault, message: error.to_string(), hint, details, cause }
    }
}

/// Port: seals what is known of a finished run so that it can be delivered to a tracking server now or later.
pub trait Tracker: Send + Sync {
    /// Writes one complete outbox entry (fsync, rename) and returns where it is.
    ///
    /// # Errors
    /// [`Fault::Disk`] where it cannot be written.
    fn seal(&self, run: &FinishedRun) -> Result<PathBuf, StageError>;

    /// The same for a run that executed nothing and put an earlier result back. None where that is the result which was
    /// sealed last, so that nothing needs to be told.
    ///
    /// # Errors
    /// [`Fault::Disk`] where it cannot be written.
    fn seal_return(&self, run: &FinishedRun) -> Result<Option<PathBuf>, StageError>;
}

/// A run that executed or restored something, as its runner saw it.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedRun {
    /// How it ended.
    pub status: RunStatus,
    /// When it started, in milliseconds since 1970-01-01 UTC.
    pub started_ms: i64,
    /// When it ended, likewise.
    pub ended_ms: i64,
    /// The pipeline's name.
    pub pipeline: String,
    /// Folder of the pipeline file.
    pub directory: PathBuf,
    /// The pipeline file.
    pub file: PathBuf,
    /// Whether it went on from stages that were left out and not up to date.
    pub stale_upstream: bool,
    /// Every planned stage, in order.
    pub stages: Vec<FinishedStage>,
}

/// How a run ended, in MLflow's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// Well.
    Finished,
    /// A stage failed.
    Failed,
    /// It was interrupted.
    Killed,
}

/// One stage of a [`FinishedRun`].
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedStage {
    /// The stage's name in the pipeline.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// `ran`, `cached`, `restored`, `failed` or `skipped`.
    pub outcome: &'static str,
    /// Why, where there is a reason.
    pub reason: Option<String>,
    /// Wall-clock seconds.
    pub seconds: f64,
    /// The fingerprint of its result, hexadecimal, where known.
    pub fingerprint: Option<String>,
    /// Its checked params, determining and incidental.
    pub params: CheckedParams,
    /// Its outputs' digests and paths (in the project) by name, where it has a result.
    pub outputs: BTreeMap<String, InputFile>,
}
