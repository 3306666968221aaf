//! A pipeline of three fake stages over one source file, in a folder of its own.
//!
//! `load` copies the source's lines, `count` writes their number times its param `k`, `draw` writes a directory and a
//! file from that number. Each counts how often it ran, and a test may put work of its own in front.
#![expect(clippy::unwrap_used, reason = "a fake that cannot do its work fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use segpipe::engine::{self, Computed, EngineError, Ports, RunOptions, RunReport};
use segpipe::event::{Event, Outcome, StageFinished};
use segpipe::graph::Selection;
use segpipe::plan::Plan;
use segpipe::remote::{Remote, Settings};
use segpipe::spec::pipeline::{Capacity, Kind, OutputReference, Pipeline, PipelineStage, Terms};
use segpipe::spec::shared::{RemoteAddress, SharedCache};
use segpipe_stages::contract::{
    CheckedParams, Fault, FinishedRun, Input, Observer, Output, ParamError, ResolvedSource, SourceOrigin,
    SourceRequest, SourceResolver, SourceSelection, Stage, StageContext, StageError, StageReport, Tracker,
};
use serde_json::{Map, Value, json};

type Work = dyn Fn(&StageContext<'_>) -> Result<(), StageError> + Send + Sync;

/// A stage whose implementation and work a test can change.
pub(crate) struct Fake {
    name: &'static str,
    inputs: &'static [Input],
    outputs: &'static [Output],
    reads_source: bool,
    compute: fn(&StageContext<'_>) -> Result<StageReport, StageError>,
    implementation: Mutex<&'static str>,
    before: Mutex<Option<Box<Work>>>,
    runs: AtomicUsize,
}

impl Fake {
    pub(crate) fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }

    pub(crate) fn set_implementation(&self, digest: &'static str) {
        *self.implementation.lock().unwrap() = digest;
    }

    /// Does `work` before each following run of the stage.
    pub(crate) fn before(&self, work: impl Fn(&StageContext<'_>) -> Result<(), StageError> + Send + Sync + 'static) {
        *self.before.lock().unwrap() = Some(Box::new(work));
    }

    pub(crate) fn as_usual(&self) {
        *self.before.lock().unwrap() = None;
    }
}

impl Stage for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn summary(&self) -> &'static str {
        "a fake"
    }

    fn inputs(&self) -> &'static [Input] {
        self.inputs
    }

    fn outputs(&self) -> &'static [Output] {
        self.outputs
    }

    fn implementation(&self) -> &'static str {
        *self.implementation.lock().unwrap()
    }

    fn params_schema(&self) -> Value {
        json!({})
    }

    fn check_params(&self, _raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        Ok(CheckedParams::default())
    }

    fn sources(&self, _params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        let selection = SourceSelection::All(vec!["source.txt".to_owned()]);
        Ok(self.reads_source.then_some(SourceRequest { selection, download: None, may_simulate: false }))
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let work = self.before.lock().unwrap().take();
        let done = work.as_ref().map_or(Ok(()), |work| work(ctx));
        *self.before.lock().unwrap() = work;
        done?;
        (self.compute)(ctx)
    }
}

fn load(ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
    let text = fs::read_to_string(&ctx.sources[0].path).unwrap();
    fs::write(ctx.output("lines")?, &text).unwrap();
    ctx.set_rows("lines", text.lines().count() as u64)?;
    ctx.info("read the source");
    Ok(StageReport { headline: format!("{} lines", text.lines().count()) })
}

fn count(ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
    let lines = fs::read_to_string(&ctx.input("lines")?.path).unwrap().lines().count() as u64;
    let number = lines * ctx.params.determining["k"].as_u64().unwrap();
    fs::write(ctx.output("number")?, number.to_string()).unwrap();
    Ok(StageReport { headline: format!("number {number}") })
}

fn draw(ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
    let number = fs::read_to_string(&ctx.input("number")?.path).unwrap();
    let images = ctx.output("images")?;
    fs::create_dir_all(images.join("svg")).unwrap();
    fs::write(images.join("a.png"), format!("picture of {number}")).unwrap();
    fs::write(images.join("svg/a.svg"), format!("drawing of {number}")).unwrap();
    fs::write(ctx.output("report")?, format!("report on {number}")).unwrap();
    Ok(StageReport { headline: "2 images".to_owned() })
}

fn leak(
    name: &'static str,
    inputs: &'static [Input],
    outputs: &'static [Output],
    compute: fn(&StageContext<'_>) -> Result<StageReport, StageError>,
) -> &'static Fake {
    Box::leak(Box::new(Fake {
        name,
        inputs,
        outputs,
        reads_source: inputs.is_empty(),
        compute,
        implementation: Mutex::new("1"),
        before: Mutex::default(),
        runs: AtomicUsize::new(0),
    }))
}

static OF_LOAD: [Input; 1] = [Input::new("lines", "load.lines")];
static OF_COUNT: [Input; 1] = [Input::new("number", "count.number")];
static LINES: [Output; 1] = [Output::table("lines", "lines.parquet")];
static NUMBER: [Output; 1] = [Output::table("number", "number.parquet")];
static PICTURES: [Output; 2] =
    [Output::directory("images", "images"), Output::file("report", "report.html").unlocked()];

/// The project, its fakes, and what the run was told to do.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) directory: PathBuf,
    pub(crate) load: &'static Fake,
    pub(crate) count: &'static Fake,
    pub(crate) draw: &'static Fake,
    /// A fourth stage, beside `count`, where a test wants one.
    pub(crate) audit: Option<&'static Fake>,
    pub(crate) k: u64,
    pub(crate) options: RunOptions,
    pub(crate) is_overridden: bool,
    pub(crate) is_cancelled: Arc<AtomicBool>,
    pub(crate) origin: SourceOrigin,
    pub(crate) sealed: Arc<Mutex<Vec<FinishedRun>>>,
    /// The folder that results are shared in, where a test wants one.
    pub(crate) shared: Option<PathBuf>,
    /// Hears of every event before it is kept.
    pub(crate) on_event: Arc<dyn Fn(&Event) + Send + Sync>,
}

/// A run that took place, with what it said.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) report: RunReport,
    pub(crate) events: Vec<Event>,
}

impl Project {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("project");
        fs::create_dir(&directory).unwrap();
        let project = Self {
            folder,
            directory,
            load: leak("load", &[], &LINES, load),
            count: leak("count", &OF_LOAD, &NUMBER, count),
            draw: leak("draw", &OF_COUNT, &PICTURES, draw),
            audit: None,
            k: 10,
            options: RunOptions::default(),
            is_overridden: false,
            is_cancelled: Arc::default(),
            origin: SourceOrigin::File,
            sealed: Arc::default(),
            shared: None,
            on_event: Arc::new(|_| {}),
        };
        project.write_source("one\ntwo\n");
        project
    }

    /// Adds a stage that reads what `load` writes and that nothing depends on.
    pub(crate) fn add_audit(&mut self) {
        self.audit = Some(leak("audit", &OF_LOAD, &NUMBER, |ctx| {
            fs::write(ctx.output("number")?, "audited").unwrap();
            Ok(StageReport::default())
        }));
    }

    pub(crate) fn pipeline(&self) -> Pipeline {
        let fakes = [self.load, self.count, self.draw].into_iter().chain(self.audit);
        Pipeline {
            name: "fakes".to_owned(),
            file: self.directory.join("pipeline.yaml"),
            directory: self.directory.clone(),
            stages: fakes.map(|fake| self.stage(fake)).collect(),
            capacity: Capacity::default(),
            cache: SharedCache::default(),
            is_overridden: self.is_overridden,
        }
    }

    fn stage(&self, fake: &'static Fake) -> PipelineStage {
        let reference = |input: &Input| {
            let (stage, output) = input.default.as_ref().unwrap().split_once('.').unwrap();
            (input.name.to_string(), OutputReference { stage: stage.to_owned(), output: output.to_owned() })
        };
        let place =
            |output: &Output| (output.name.to_string(), PathBuf::from("artifacts").join(fake.name).join(&*output.path));
        let mut params = CheckedParams::default();
        if fake.name == "count" {
            params.determining.insert("k".to_owned(), json!(self.k));
        }
        PipelineStage {
            name: fake.name.to_owned(),
            stage: Kind::BuiltIn(fake),
            inputs: fake.inputs.iter().map(reference).collect(),
            outputs: fake.outputs.iter().map(place).collect(),
            params,
            tags: if fake.name == "load" { BTreeSet::new() } else { ["light".to_owned()].into() },
            terms: Terms::default(),
        }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.join(relative)
    }

    pub(crate) fn read(&self, relative: &str) -> String {
        fs::read_to_string(self.path(relative)).unwrap()
    }

    pub(crate) fn write_source(&self, text: &str) {
        fs::write(self.path("source.txt"), text).unwrap();
    }

    fn ports(&self, events: &Arc<Mutex<Vec<Event>>>) -> Ports {
        let (events, on_event) = (Arc::clone(events), Arc::clone(&self.on_event));
        Ports {
            sources: Arc::new(Files { directory: self.directory.clone(), origin: self.origin }),
            tracker: Arc::new(Sealer(Arc::clone(&self.sealed))),
            sink: Arc::new(move |event| {
                on_event(&event);
                events.lock().unwrap().push(event);
            }),
            remote: self.shared.as_ref().map(|folder| Arc::new(self.remote(folder))),
            is_cancelled: Arc::clone(&self.is_cancelled),
        }
    }

    fn remote(&self, folder: &Path) -> Remote {
        let address = RemoteAddress::Folder(folder.to_owned());
        let settings = Settings { address, may_write: true, trust: Vec::new(), key: None };
        Remote::new(settings, Arc::clone(&self.is_cancelled))
    }

    pub(crate) fn try_run(&self) -> Result<Ran, EngineError> {
        let events = Arc::default();
        let report = engine::run(self.pipeline(), self.options.clone(), self.ports(&events))?;
        let events = events.lock().unwrap().clone();
        Ok(Ran { report, events })
    }

    /// Computes `pipeline` in the store alone; with the stages that do not depend on one that failed.
    pub(crate) fn compute(&self, pipeline: Pipeline) -> Computed {
        let options = RunOptions { keeps_going: true, ..self.options.clone() };
        engine::compute(pipeline, &options, self.ports(&Arc::default())).unwrap()
    }

    pub(crate) fn run(&self) -> Ran {
        self.try_run().unwrap()
    }

    /// A run that must end well, as `load:ran count:cached …`.
    pub(crate) fn run_well(&self) -> String {
        let ran = self.run();
        assert_eq!(ran.report.finished.exit_code, 0, "{:?}", ran.report.failures);
        ran.outcomes()
    }

    pub(crate) fn select(&mut self, from: Option<&str>, to: Option<&str>, only: Option<&str>) {
        let own = |name: Option<&str>| name.map(String::from);
        self.options.selection = Selection { from: own(from), to: own(to), only: own(only), ..Selection::default() };
    }

    pub(crate) fn select_by(&mut self, expressions: &[&str]) {
        let expressions = expressions.iter().map(|expression| (*expression).to_owned()).collect();
        self.options.selection = Selection { expressions, ..Selection::default() };
    }

    pub(crate) fn plan(&self) -> Plan {
        let files = Files { directory: self.directory.clone(), origin: self.origin };
        engine::plan(&self.pipeline(), &self.options, &files).unwrap()
    }

    /// Every output's content, by path.
    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        let paths = [
            "artifacts/load/lines.parquet",
            "artifacts/count/number.parquet",
            "artifacts/draw/images/a.png",
            "artifacts/draw/images/svg/a.svg",
            "artifacts/draw/report.html",
        ];
        paths.into_iter().map(|path| (path.to_owned(), self.read(path))).collect()
    }

    /// The stored object whose content is `content`.
    pub(crate) fn object(&self, content: &str) -> PathBuf {
        let digest = segpipe::digest::Digest::of_bytes(content.as_bytes()).to_string();
        self.path("artifacts/.segpipe/objects").join(&digest[..2]).join(&digest[2..])
    }
}

impl Ran {
    pub(crate) fn stages(&self) -> Vec<StageFinished> {
        let finished = |event: &Event| match event {
            Event::StageFinished(stage) => Some(stage.clone()),
            _ => None,
        };
        self.events.iter().filter_map(finished).collect()
    }

    pub(crate) fn stage(&self, name: &str) -> StageFinished {
        self.stages().into_iter().find(|stage| stage.stage == name).unwrap()
    }

    pub(crate) fn outcomes(&self) -> String {
        let words: Vec<_> =
            self.stages().iter().map(|stage| format!("{}:{}", stage.stage, stage.outcome.as_str())).collect();
        words.join(" ")
    }

    pub(crate) fn reason(&self, name: &str) -> String {
        self.stage(name).reason.unwrap_or_default()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        let note = |event: &Event| match event {
            Event::Noted { note, .. } => Some(note.text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(note).collect()
    }

    pub(crate) fn has_run(&self, name: &str) -> bool {
        self.stage(name).outcome == Outcome::Ran
    }
}

/// Overwrites a file whatever its permissions, as a careless tool or a bad disk would.
pub(crate) fn damage(path: &Path, content: &str) {
    fs::remove_file(path).unwrap();
    fs::write(path, content).unwrap();
}

struct Files {
    directory: PathBuf,
    origin: SourceOrigin,
}

impl SourceResolver for Files {
    fn resolve(&self, request: &SourceRequest, _observer: &dyn Observer) -> Result<Vec<ResolvedSource>, StageError> {
        let missing = || StageError::new(Fault::Data, "source `source.txt` is missing");
        self.peek(request)?.ok_or_else(missing)
    }

    fn peek(&self, _request: &SourceRequest) -> Result<Option<Vec<ResolvedSource>>, StageError> {
        let path = self.directory.join("source.txt");
        let found = path.exists().then(|| vec![ResolvedSource { path, origin: self.origin }]);
        Ok(found)
    }
}

struct Sealer(Arc<Mutex<Vec<FinishedRun>>>);

impl Tracker for Sealer {
    fn seal(&self, run: &FinishedRun) -> Result<PathBuf, StageError> {
        self.0.lock().unwrap().push(run.clone());
        Ok(PathBuf::from("sealed"))
    }

    fn seal_return(&self, run: &FinishedRun) -> Result<Option<PathBuf>, StageError> {
        self.0.lock().unwrap().push(run.clone());
        Ok(Some(PathBuf::from("returned")))
    }
}
