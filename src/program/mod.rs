//! A stage of the user's: any program, between the built-in stages.
//!
//! For: [`Program`], which fulfils the contract of a stage with what pipeline.yaml says of it. Not for: reading
//! pipeline.yaml (`spec`), deciding when it runs (the engine), or printing. Called by: `spec`, which makes it; the engine,
//! which runs it as any other stage; `cli`, whose process becomes the guard of a program ([`guard`]).
//!
//! [`launch`] makes the program's surroundings, [`process`] starts it and hears it out, [`guard`] stands between the two
//! and ends the program and all it started, whatever becomes of segpipe. [`kept`] looks at what it wrote, and
//! [`promise`] holds tables against what pipeline.yaml promises of them.

mod error;
pub mod guard;
mod kept;
mod launch;
mod lines;
mod process;
pub mod promise;

use std::collections::{BTreeMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use segpipe_stages::contract::{
    CheckedParams, Determinant, Input, Output, OutputKind, ParamError, SourceRequest, SourceSelection, Stage,
    StageContext, StageError, StageReport,
};
use serde_json::{Map, Value, json};

use crate::digest::Digest;
use promise::Promise;

pub use launch::is_reserved;

/// The kind's name.
pub const KIND: &str = "run";

/// Changes when what a program is handed, or what is done with what it wrote, changes its meaning.
const IMPLEMENTATION: &str = "program-1";

/// Characters of a command that are shown.
const SHOWN: usize = 60;
/// Entries of a folder that take longer to list than to ask for one by one.
const MANY: usize = 20_000;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A text that `sh -e -c` runs.
    Shell(String),
    /// A program and its arguments, without a shell.
    Words(Vec<String>),
}

/// The folder of a project, of which many commands' words are asked whether they name a file in it.
#[derive(Debug)]
pub struct Project {
    folder: PathBuf,
    /// What is in it; none where that is too much to list.
    names: OnceLock<Option<HashSet<OsString>>>,
}

impl Project {
    /// The project in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), names: OnceLock::new() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether `word` is the path of a file in the folder, and of none below `artifacts`, which is nobody's source.
    fn has_source(&self, word: &str) -> bool {
        // Most words are no paths, which is seen at their first part.
        let path = without_dots(word);
        let first = path.find('/').map_or(path, |end| &path[..end]);
        let names = self.names.get_or_init(|| names(&self.folder));
        let may_be_there = first == "." || names.as_ref().is_none_or(|names| names.contains(OsStr::new(first)));
        may_be_there && self.is_source(Path::new(word))
    }

    fn is_source(&self, path: &Path) -> bool {
        let mut parts = path.components().filter(|part| *part != Component::CurDir).peekable();
        let is_result = parts.peek().is_some_and(|part| part.as_os_str() == "artifacts");
        let is_inside = parts.all(|part| matches!(part, Component::Normal(_)));
        is_inside && !is_result && self.folder.join(path).is_file()
    }
}

/// A path as it is without `./` in front of it.
fn without_dots(mut path: &str) -> &str {
    while let Some(rest) = path.strip_prefix("./") {
        path = rest;
    }
    path
}

/// What is in a folder; none where that cannot be told, or is much.
fn names(folder: &Path) -> Option<HashSet<OsString>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let names: HashSet<OsString> =
        entries.map(|entry| Some(entry.ok()?.file_name())).take(MANY).collect::<Option<_>>()?;
    (names.len() < MANY).then_some(names)
}

/// A variable of the environment that is handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value where pipeline.yaml gives one; else that of segpipe's own environment.
    pub value: Option<String>,
}

/// A stage of the user's, as pipeline.yaml describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// The stage's name in the pipeline.
    pub name: String,
    /// The folder of the pipeline file, in which the program runs.
    pub project: PathBuf,
    /// What is run.
    pub command: Command,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// What it writes.
    pub outputs: Vec<Output>,
    /// What is promised of tables that it writes, by output.
    pub promises: BTreeMap<String, Promise>,
    /// Names of the params that the file gives it.
    pub params: Vec<String>,
    /// Files and patterns that determine its outputs as its inputs do, relative to the project.
    pub deps: Vec<String>,
    /// Variables that determine its outputs.
    pub env: Vec<Variable>,
    /// Names of variables that it is handed and that nobody else may see.
    pub secret_env: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

impl Command {
    /// The program and its arguments.
    fn words(&self) -> Vec<&str> {
        match self {
            Self::Shell(text) => vec!["/bin/sh", "-e", "-c", text],
            Self::Words(words) => words.iter().map(String::as_str).collect(),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Shell(text) => json!(text),
            Self::Words(words) => json!(words),
        }
    }

    /// As messages show it: the first line, cut where it is long.
    fn shown(&self) -> String {
        let text = match self {
            Self::Shell(text) => text.trim().to_owned(),
            Self::Words(words) => words.join(" "),
        };
        let line = text.lines().next().unwrap_or_default();
        let is_whole = line.chars().count() <= SHOWN && text.lines().count() <= 1;
        let kept: String = line.chars().take(SHOWN).collect();
        if is_whole { kept } else { format!("{kept}…") }
    }

    /// What may name files: words outside of redirections.
    fn candidates(&self) -> Vec<&str> {
        match self {
            Self::Words(words) => words.iter().map(String::as_str).collect(),
            Self::Shell(text) => {
                let is_border =
                    |c: char| matches!(c, ';' | '|' | '&' | '(' | ')' | '"' | '\'' | '`' | '=') || c.is_whitespace();
                let written = |word: &&str| !word.contains('>');
                let mut is_target = false;
                let words = text.split(is_border).filter(|word| !word.is_empty()).filter(|word| {
                    let was_target = std::mem::replace(&mut is_target, word.ends_with('>'));
                    !was_target && written(word)
                });
                words.map(|word| word.trim_start_matches('<')).collect()
            }
        }
    }

    /// The first file of the project that the command names, which is its script and changes the result as its inputs
    /// do. What else it names may be written by it.
    pub fn script(&self, project: &Project) -> Option<String> {
        let script = self.candidates().into_iter().find(|word| project.has_source(word));
        script.map(|word| without_dots(word).to_owned())
    }
}

impl Variable {
    /// The value that the program gets.
    fn value(&self) -> Option<OsString> {
        self.value.as_ref().map(Into::into).or_else(|| std::env::var_os(&self.name))
    }
}

impl Stage for Program {
    fn name(&self) -> &'static str {
        KIND
    }

    fn summary(&self) -> &'static str {
        "runs a program of one's own"
    }

    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    fn implementation(&self) -> &'static str {
        IMPLEMENTATION
    }

    /// The command, the name it is told, what it is to write, and the digest of every declared variable.
    fn determinants(&self) -> Vec<Determinant> {
        let fact = |kind, name: &str, value: String| Determinant { kind, name: name.to_owned(), value };
        let mut facts = vec![
            fact("command", "line", self.command.to_value().to_string()),
            fact("command", "stage", Value::from(self.name.as_str()).to_string()),
        ];
        for output in &self.outputs {
            let promise = self.promises.get(&*output.name).map(|promise| format!(" {}", promise.to_value()));
            let value = format!("{} {}{}", word(output.kind), output.path, promise.unwrap_or_default());
            facts.push(fact("output", &output.name, value));
        }
        for variable in &self.env {
            let value = variable.value();
            let digest = value.map(|value| Digest::of_bytes(value.as_encoded_bytes()).to_string());
            facts.push(fact("env", &variable.name, digest.unwrap_or_else(|| "unset".to_owned())));
        }
        facts
    }

    fn params_schema(&self) -> Value {
        let properties: Map<String, Value> = self.params.iter().map(|name| (name.clone(), json!({}))).collect();
        json!({ "type": "object", "properties": properties })
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        // A name is one word of a fingerprint's line.
        let is_word = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        if let Some(name) = raw.keys().find(|name| !is_word(name)) {
            let message = "a param's name is one word, without spaces".to_owned();
            return Err(ParamError { path: vec![name.clone()], message });
        }
        let determining = raw.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(CheckedParams { determining, incidental: BTreeMap::new() })
    }

    /// Its dependencies: they enter by content, and a result is not kept where one changed meanwhile.
    fn sources(&self, _params: &CheckedParams) -> Result<Option<SourceRequest>, ParamError> {
        let selection = SourceSelection::All(self.deps.clone());
        let request = SourceRequest { selection, download: None, may_simulate: false };
        Ok((!self.deps.is_empty()).then_some(request))
    }

    fn computes(&self) -> bool {
        false
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let launch = launch::prepare(self, ctx)?;
        let run = process::run(&launch, self.timeout, ctx.observer)?;
        if run.is_cancelled {
            return Err(StageError::cancelled());
        }
        run.verdict(self)?;
        let rows = kept::check(self, ctx)?;
        let headline = rows.iter().map(|(name, rows)| format!("{name}: {rows} rows")).collect::<Vec<_>>().join(", ");
        Ok(StageReport { headline })
    }
}

const fn word(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Table => "table",
        OutputKind::File => "file",
        OutputKind::Directory => "directory",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(text: &str) -> Command {
        Command::Shell(text.to_owned())
    }

    #[test]
    fn the_script_that_a_command_names_is_found_and_nothing_that_it_writes() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["stages/churn.py", "lib.sql", "out.txt", "artifacts/a.csv"] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let project = Project::new(folder.path());
        let script = |command: &Command| command.script(&project);
        assert_eq!(script(&shell("python ./stages/churn.py --sql lib.sql > out.txt")).unwrap(), "stages/churn.py");
        assert_eq!(
            script(&shell("echo >out.txt; cat artifacts/a.csv > out.txt | sqlite3 <'lib.sql'")).unwrap(),
            "lib.sql"
        );
        assert_eq!(script(&shell("/bin/cat ../x missing.py stages")), None);
        let words = ["python", "stages/churn.py", "-k"].map(String::from).to_vec();
        assert_eq!(script(&Command::Words(words)).unwrap(), "stages/churn.py");
    }

    #[test]
    fn a_long_command_is_shown_by_its_beginning() {
        assert_eq!(shell("python a.py\n").shown(), "python a.py");
        assert_eq!(shell("one\ntwo").shown(), "one…");
        assert_eq!(shell(&"x".repeat(100)).shown(), format!("{}…", "x".repeat(60)));
    }
}
