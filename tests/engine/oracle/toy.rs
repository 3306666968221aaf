//! Stages drawn at random that are pure functions of what determines them, and that ignore some of it.
//!
//! Every output looks at some of the params, inputs and sources and not at others, so that a stage that runs again often
//! gives some or all of its outputs as before. Each execution is noted, under a key made of everything that may matter.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use segpipe::digest::Digest;
use segpipe_stages::contract::{
    CheckedParams, Input, Output, OutputKind, ParamError, SourceRequest, SourceSelection, Stage, StageContext,
    StageError, StageReport,
};
use serde_json::{Map, Value, json};

use super::content::Content;
use super::random::Random;

/// Digests of implementations, by version.
pub(super) const VERSIONS: [&str; 3] = ["first", "second", "third"];
/// Params that determine a result, with what they are where the file does not say.
const DEFAULTS: [(&str, u64); 2] = [("a", 0), ("b", 0)];

/// What a result is known by: the digest of everything that determines it.
pub(super) type Key = String;

/// Everything that determines a result.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) version: usize,
    pub(super) a: u64,
    pub(super) b: u64,
    pub(super) mix: [u64; 2],
    pub(super) inputs: Vec<Content>,
    /// Base name and content.
    pub(super) sources: Vec<(String, Content)>,
}

/// How much of an input or a source an output depends on.
#[derive(Debug, Clone, Copy)]
enum Reach {
    All,
    /// One bit of it, so that half of all changes change nothing.
    Little,
    Nothing,
}

impl Reach {
    fn of(self, content: &Content) -> String {
        let digest = content.digest().to_string();
        match self {
            Self::All => digest,
            Self::Little => digest.ends_with(|end: char| end.is_ascii_digit()).to_string(),
            Self::Nothing => String::new(),
        }
    }
}

/// What an output depends on.
#[derive(Debug)]
struct Mask {
    version: bool,
    a: bool,
    mix: bool,
    inputs: Vec<Reach>,
    sources: Vec<Reach>,
}

/// A kind of stage.
#[derive(Debug)]
pub(super) struct Toy {
    name: String,
    inputs: Vec<Input>,
    outputs: Vec<Output>,
    masks: Vec<Mask>,
    pub(super) sources: usize,
    version: AtomicUsize,
    executed: Mutex<Vec<Key>>,
}

impl Toy {
    /// A kind with so many inputs.
    pub(super) fn draw(name: String, inputs: usize, random: &mut Random) -> &'static Self {
        let sources = if inputs == 0 { 1 + random.below(2) } else { random.below(5) / 4 };
        let kinds: Vec<OutputKind> = (0..=random.below(3))
            .map(|_| random.pick(&[OutputKind::Table, OutputKind::File, OutputKind::Directory]))
            .collect();
        let masks = kinds.iter().map(|_| Mask::draw(inputs, sources, random)).collect();
        Box::leak(Box::new(Self {
            name,
            inputs: (0..inputs).map(|number| Input::open(format!("in{number}"))).collect(),
            outputs: kinds.into_iter().enumerate().map(output).collect(),
            masks,
            sources,
            version: AtomicUsize::new(0),
            executed: Mutex::default(),
        }))
    }

    pub(super) fn version(&self) -> usize {
        self.version.load(Ordering::SeqCst)
    }

    pub(super) fn set_version(&self, version: usize) {
        self.version.store(version % VERSIONS.len(), Ordering::SeqCst);
    }

    /// The keys of what was executed since this was last asked, sorted.
    pub(super) fn take_executed(&self) -> Vec<Key> {
        let mut executed = std::mem::take(&mut *self.executed.lock().unwrap());
        executed.sort();
        executed
    }

    pub(super) fn key(&self, facts: &Facts) -> Key {
        let content = |content: &Content| content.digest().to_string();
        let inputs: Vec<String> = facts.inputs.iter().map(content).collect();
        let sources: Vec<_> = facts.sources.iter().map(|(name, bytes)| (name.clone(), content(bytes))).collect();
        let Facts { version, a, b, mix, .. } = facts;
        let text = format!("{} {version} {a} {b} {mix:?} {inputs:?} {sources:?}", self.name);
        Digest::of_bytes(text.as_bytes()).to_string()
    }

    /// The outputs, in order.
    pub(super) fn compute(&self, facts: &Facts) -> Vec<Content> {
        let output = |(output, mask): (&Output, &Mask)| {
            let seen = Digest::of_bytes(mask.seen(facts).as_bytes()).to_string();
            let text = format!("{}.{}: {seen}", self.name, output.name);
            if output.kind != OutputKind::Directory {
                return Content::File(text.into_bytes());
            }
            let number = seen.bytes().next().unwrap_or_default() % 3;
            let file = |number: u8| (format!("{}{number}", ["", "deep/", "deep/er/"][number as usize]), text.clone());
            let files =
                (0..=number).map(file).map(|(name, text)| (name.clone(), format!("{name} {text}").into_bytes()));
            Content::Directory(files.collect())
        };
        self.outputs.iter().zip(&self.masks).map(output).collect()
    }

    fn facts(&self, ctx: &StageContext<'_>) -> Result<Facts, StageError> {
        let number = |name: &str| ctx.params.determining[name].as_u64().unwrap();
        let mix = &ctx.params.determining["mix"];
        let read = |path: &Path| Content::at(path).unwrap();
        let inputs = self.inputs.iter().map(|input| Ok(read(&ctx.input(&input.name)?.path)));
        Ok(Facts {
            version: self.version(),
            a: number("a"),
            b: number("b"),
            mix: ["x", "y"].map(|key| mix[key].as_u64().unwrap()),
            inputs: inputs.collect::<Result<_, StageError>>()?,
            sources: ctx.sources.iter().map(|source| (source.name.clone(), read(&source.path))).collect(),
        })
    }
}

impl Mask {
    fn draw(inputs: usize, sources: usize, random: &mut Random) -> Self {
        let reaches = [Reach::All, Reach::All, Reach::Little, Reach::Little, Reach::Nothing];
        let mut draw = |count: usize| (0..count).map(|_| random.pick(&reaches)).collect();
        let (inputs, sources) = (draw(inputs), draw(sources));
        Self { version: random.once_in(2), a: !random.once_in(4), mix: random.once_in(2), inputs, sources }
    }

    fn seen(&self, facts: &Facts) -> String {
        let inputs: Vec<_> = self.inputs.iter().zip(&facts.inputs).map(|(reach, input)| reach.of(input)).collect();
        let sources = self.sources.iter().zip(&facts.sources).map(|(reach, (_, source))| reach.of(source));
        let version = self.version.then_some(facts.version);
        let params = (self.a.then_some(facts.a), self.mix.then_some(facts.mix));
        format!("{version:?} {params:?} {inputs:?} {:?}", sources.collect::<Vec<_>>())
    }
}

fn output((number, kind): (usize, OutputKind)) -> Output {
    let ending = match kind {
        OutputKind::Table => ".parquet",
        OutputKind::File => ".txt",
        OutputKind::Directory => "",
    };
    let name = format!("out{number}");
    Output { path: format!("{name}{ending}").into(), name: name.into(), kind, is_locked: number < 2 }
}

impl Stage for Toy {
    fn name(&self) -> &str {
        &self.name
    }

    fn summary(&self) -> &'static str {
        "a toy"
    }

    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn implementation(&self) -> &'static str {
        VERSIONS[self.version()]
    }

    fn params_schema(&self) -> Value {
        json!({})
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        let mut determining: BTreeMap<String, Value> =
            DEFAULTS.iter().map(|(name, default)| ((*name).to_owned(), json!(default))).collect();
        determining.insert("mix".to_owned(), json!({ "x": 0, "y": 0 }));
        let mut incidental = BTreeMap::from([("note".to_owned(), json!("")), ("sources".to_owned(), json!([]))]);
        for (name, value) in raw {
            let known = if incidental.contains_key(name) { &mut incidental } else { &mut determining };
            known.insert(name.clone(), value.clone());
        }
        Ok(CheckedParams { determining, incidental })
    }

    fn sources(&self, params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        let paths = params.incidental["sources"].as_array().unwrap();
        let paths: Vec<String> = paths.iter().map(|path| path.as_str().unwrap().to_owned()).collect();
        let selection = SourceSelection::All(paths);
        Ok((self.sources > 0).then_some(SourceRequest { selection, download: None, may_simulate: false }))
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let facts = self.facts(ctx)?;
        let key = self.key(&facts);
        self.executed.lock().unwrap().push(key.clone());
        for (output, content) in self.outputs.iter().zip(self.compute(&facts)) {
            let path = ctx.output(&output.name)?;
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            content.write(&path);
        }
        Ok(StageReport { headline: key })
    }
}
