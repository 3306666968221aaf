//! A stage of the user's as written: `run` and what stands beside it, made into a [`Program`].
//!
//! For: the keys that only such a stage has, and the short forms of its inputs and outputs, which become the long ones
//! here. What all stages have is checked where it is for all of them. Not for: running. Called by: [`super::read`].

use std::collections::BTreeSet;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Duration;

use segpipe_stages::contract::{Input, Output, OutputKind};
use serde_json::Value;

use super::error::{Refusal, Refused};
use super::many::each;
use super::node::{Content, Entry, Node, Place, find};
use super::pipeline::Retries;
use super::raw::{FROZEN, Raw, RawStage, is_plain, known_keys, mapping, text};
use super::repeat::MARK;
use super::{duration, promises};
use crate::program::promise::Promise;
use crate::program::{Command, Program, Project, Variable, is_reserved};

/// The keys of a stage that runs a program.
pub(super) const KEYS: [&str; 14] = [
    "run",
    "foreach",
    "matrix",
    "inputs",
    "params",
    "outputs",
    "deps",
    "env",
    "secret_env",
    "timeout",
    "retries",
    "resources",
    "tags",
    FROZEN,
];
/// What stands for all of several stages, behind the name of the one that was written.
const ALL: &str = "@*";
/// Ending of tables.
const TABLE: &str = ".parquet";
/// Folder of outputs, which nobody depends on but as inputs.
const ARTIFACTS: &str = "artifacts";
/// A pipeline that tries more often hides something.
const MAX_RETRIES: u64 = 100;

/// Makes the program of every stage that has one.
pub(super) fn settle(raw: &mut Raw, directory: &Path) -> Result<(), Refused> {
    let several: Vec<(String, String)> =
        raw.stages.iter().filter_map(|stage| Some((stage.template.clone()?, stage.name.clone()))).collect();
    let project = Project::new(directory);
    let stages = raw.stages.iter_mut().filter(|stage| stage.own.is_some()).collect();
    each(stages, |stage| settle_one(stage, &several, &project)).map(drop)
}

fn settle_one(stage: &mut RawStage, several: &[(String, String)], project: &Project) -> Result<(), Refused> {
    let own = Own { stage, project };
    let (inputs, outputs) = (own.inputs(several)?, own.outputs()?);
    let program = own.program(&inputs, &outputs)?;
    stage.terms.retries = own.retries()?;
    stage.inputs = inputs;
    stage.outputs = outputs.into_iter().map(|output| output.place).collect();
    stage.program = Some(Arc::new(program));
    Ok(())
}

/// An output as declared.
struct Declared {
    output: Output,
    promise: Option<Promise>,
    /// Its name, and where it is placed.
    place: Entry,
}

struct Own<'a> {
    stage: &'a RawStage,
    project: &'a Project,
}

impl Own<'_> {
    fn part(&self, key: &str) -> Option<&Node> {
        let entries = self.stage.own.as_ref()?;
        find(entries, key).map(|entry| &entry.value).filter(|node| !node.is_null())
    }

    fn what(&self, key: &str) -> String {
        format!("`{key}` of stage `{}`", self.stage.name)
    }

    fn refuse(&self, key: &str, message: impl Into<String>, place: Place) -> Refused {
        Refusal::Param { what: self.what(key), message: message.into() }.at(place)
    }

    fn program(&self, inputs: &[Entry], outputs: &[Declared]) -> Result<Program, Refused> {
        let command = self.command()?;
        let mut deps = self.deps()?;
        if let Some(script) = command.script(self.project).filter(|script| !deps.contains(script)) {
            deps.insert(0, script);
        }
        let (env, secret_env) = self.variables()?;
        let promises = outputs.iter().filter_map(|output| {
            let promise = output.promise.clone()?;
            Some((output.output.name.to_string(), promise))
        });
        Ok(Program {
            name: self.stage.name.clone(),
            project: self.project.folder().to_owned(),
            command,
            inputs: inputs.iter().map(|entry| Input::open(entry.key.clone())).collect(),
            outputs: outputs.iter().map(|declared| declared.output.clone()).collect(),
            promises: promises.collect(),
            params: self.stage.declared_params.clone(),
            deps,
            env,
            secret_env,
            timeout: self.part("timeout").map(|node| duration::read(node, || self.what("timeout"))).transpose()?,
        })
    }

    fn command(&self) -> Result<Command, Refused> {
        let Some(node) = self.part("run") else {
            return Err(Refusal::shape(self.what("run"), "a command", "nothing").at(self.stage.place));
        };
        let is_usable = |word: &str| !word.contains('\0');
        let command = match &node.content {
            Content::List(items) => {
                let words = items.iter().map(|item| self.word(item).map(std::borrow::Cow::into_owned));
                Command::Words(words.collect::<Result<_, _>>()?)
            }
            _ => Command::Shell(text(node, || self.what("run"))?.to_owned()),
        };
        let is_empty = match &command {
            Command::Shell(text) => text.trim().is_empty() || !is_usable(text),
            Command::Words(words) => {
                words.first().is_none_or(|word| word.trim().is_empty()) || !words.iter().all(|word| is_usable(word))
            }
        };
        if is_empty { Err(Refusal::shape(self.what("run"), "a command", "this").at(node.place)) } else { Ok(command) }
    }

    /// A word of a command: a text, or a number as it was written.
    fn word<'n>(&self, node: &'n Node) -> Result<std::borrow::Cow<'n, str>, Refused> {
        match &node.content {
            Content::Scalar(Value::String(text)) => Ok(text.as_str().into()),
            Content::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => Ok(value.to_string().into()),
            _ => Err(Refusal::shape(format!("a word in {}", self.what("run")), "a text", node.kind()).at(node.place)),
        }
    }

    /// A text, or a list of texts, with their places.
    fn texts(&self, key: &str) -> Result<Vec<(&str, Place)>, Refused> {
        let Some(node) = self.part(key) else { return Ok(Vec::new()) };
        let one = |node| text(node, || format!("an entry in {}", self.what(key))).map(|text| (text, node.place));
        match &node.content {
            Content::List(items) => items.iter().map(one).collect(),
            Content::Scalar(Value::String(_)) => Ok(vec![one(node)?]),
            _ => Err(Refusal::shape(self.what(key), "a list", node.kind()).at(node.place)),
        }
    }

    /// Inputs as `name: stage.output`; in a list they are called as the outputs are.
    fn inputs(&self, several: &[(String, String)]) -> Result<Vec<Entry>, Refused> {
        let Some(node) = self.part("inputs") else { return Ok(Vec::new()) };
        let Content::List(items) = &node.content else {
            let entries = mapping(node, &self.what("inputs"))?;
            return self.distinct("inputs", entries.to_vec()).map(|entries| all_of(entries, several));
        };
        let entry = |item: &Node| {
            let reference = text(item, || format!("an entry in {}", self.what("inputs")))?;
            let name = reference.trim().rsplit('.').next().unwrap_or_default().to_owned();
            Ok(Entry { key: name, key_place: item.place, value: item.clone() })
        };
        let entries = self.distinct("inputs", items.iter().map(entry).collect::<Result<_, Refused>>()?)?;
        Ok(all_of(entries, several))
    }

    /// Names that become folders and variables are plain, and differ as variables too.
    fn distinct(&self, key: &str, entries: Vec<Entry>) -> Result<Vec<Entry>, Refused> {
        let mut seen = BTreeSet::new();
        for entry in &entries {
            if !is_plain(&entry.key) {
                let what = if key == "inputs" { "an input" } else { "an output" };
                return Err(Refusal::Name { name: entry.key.clone(), what }.at(entry.key_place));
            }
            if !seen.insert(entry.key.replace('-', "_")) {
                let message = format!("`{}` is there twice; write `name: …` to tell them apart", entry.key);
                return Err(self.refuse(key, message, entry.key_place));
            }
        }
        Ok(entries)
    }

    /// Outputs as `name: path`; in a list they are names of files in the stage's folder.
    fn outputs(&self) -> Result<Vec<Declared>, Refused> {
        let Some(node) = self.part("outputs") else { return Ok(Vec::new()) };
        let declared: Vec<Declared> = if let Content::List(items) = &node.content {
            items.iter().map(|item| self.listed(item)).collect::<Result<_, _>>()?
        } else {
            let entries = mapping(node, &self.what("outputs"))?;
            entries.iter().map(|entry| self.declared(entry)).collect::<Result<_, _>>()?
        };
        self.distinct("outputs", declared.iter().map(|declared| declared.place.clone()).collect())?;
        Ok(declared)
    }

    /// `scores` (a table), `scores.parquet`, `report.html`, `plots/`.
    fn listed(&self, item: &Node) -> Result<Declared, Refused> {
        let written = text(item, || format!("an entry in {}", self.what("outputs")))?;
        let name = written.trim_end_matches('/').split('.').next().unwrap_or_default();
        if written.trim_end_matches('/').contains('/') {
            let message = format!("`{written}` has folders; write `name: path` for another place");
            return Err(self.refuse("outputs", message, item.place));
        }
        let is_name = name == written;
        let file = if is_name { format!("{name}{TABLE}") } else { written.to_owned() };
        let path = format!("{ARTIFACTS}/{}/{file}", self.stage.name);
        Ok(Self::output(name, item.place, &path, item.place, None))
    }

    /// `name: path`, `name:` (a table), or `name: {path, columns, rows}`.
    fn declared(&self, entry: &Entry) -> Result<Declared, Refused> {
        let what = format!("output `{}` of stage `{}`", entry.key, self.stage.name);
        let (path, promise) = match &entry.value.content {
            Content::Mapping(entries) => {
                known_keys(entries, &promises::KEYS, &what)?;
                let path = find(entries, "path").map(|entry| &entry.value).filter(|node| !node.is_null());
                (path, promises::read(entries, &what)?)
            }
            Content::Scalar(Value::Null) => (None, None),
            _ => (Some(&entry.value), None),
        };
        let default = format!("{ARTIFACTS}/{}/{}{TABLE}", self.stage.name, entry.key);
        let written = path.map_or(Ok(default.as_str()), |node| text(node, || what.clone()))?;
        let place = path.map_or(entry.key_place, |node| node.place);
        let declared = Self::output(&entry.key, entry.key_place, written, place, promise);
        if declared.promise.is_some() && declared.output.kind != OutputKind::Table {
            return Err(
                Refusal::Param { what, message: "only a table (`.parquet`) has columns and rows".to_owned() }.at(place)
            );
        }
        Ok(declared)
    }

    fn output(name: &str, key_place: Place, path: &str, place: Place, promise: Option<Promise>) -> Declared {
        let file = path.rsplit('/').next().unwrap_or_default();
        let ending = file.split_once('.').map(|(_, ending)| format!(".{ending}")).unwrap_or_default();
        let (kind, ending) = match ending {
            _ if path.ends_with('/') => (OutputKind::Directory, String::new()),
            ending if file.ends_with(TABLE) => (OutputKind::Table, ending),
            ending => (OutputKind::File, ending),
        };
        let output =
            Output { name: name.to_owned().into(), path: format!("{name}{ending}").into(), kind, is_locked: true };
        let value = Node { place, content: Content::Scalar(path.trim_end_matches('/').into()) };
        Declared { output, promise, place: Entry { key: name.to_owned(), key_place, value } }
    }

    /// Files and patterns inside the project. A file that is not there now is a mistake.
    fn deps(&self) -> Result<Vec<String>, Refused> {
        let mut deps = Vec::new();
        for (written, place) in self.texts("deps")? {
            let path = Path::new(written);
            let parts: Vec<Component<'_>> = path.components().filter(|part| *part != Component::CurDir).collect();
            let refuse = |message: String| Err(self.refuse("deps", message, place));
            if parts.is_empty() || !parts.iter().all(|part| matches!(part, Component::Normal(_))) {
                return refuse(format!("`{written}` leads outside the project"));
            }
            if parts[0].as_os_str() == ARTIFACTS {
                return refuse(format!("`{written}` is a result; what another stage writes is one of the `inputs`"));
            }
            let file = self.project.folder().join(path);
            if file.is_dir() {
                return refuse(format!(
                    "`{written}` is a folder; `{}/**` is all files in it",
                    written.trim_end_matches('/')
                ));
            }
            if !written.contains(['*', '?', '[', '{']) && file.symlink_metadata().is_err() {
                return Err(self.missing(written, &file).at(place));
            }
            let dep = parts.iter().collect::<std::path::PathBuf>().to_string_lossy().into_owned();
            if !deps.contains(&dep) {
                deps.push(dep);
            }
        }
        Ok(deps)
    }

    /// There is no such file, and what is beside it.
    fn missing(&self, written: &str, file: &Path) -> Refusal {
        let beside = file.parent().and_then(|folder| std::fs::read_dir(folder).ok());
        let folder = Path::new(written).parent().unwrap_or(Path::new(""));
        let names = beside.into_iter().flatten().flatten().filter(|entry| entry.path().is_file());
        let names = names.map(|entry| folder.join(entry.file_name()).to_string_lossy().into_owned());
        let mut known: Vec<String> = names.collect();
        known.sort();
        let of = format!(" in {}", self.what("deps"));
        Refusal::Unknown { what: "file", name: written.to_owned(), of, known }
    }

    fn variables(&self) -> Result<(Vec<Variable>, Vec<String>), Refused> {
        let mut seen = BTreeSet::new();
        let mut fresh = |key: &str, name: &str, place: Place| {
            let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !starts_well || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                return Err(self.refuse(key, format!("`{name}` is no name of a variable"), place));
            }
            if is_reserved(name) {
                return Err(self.refuse(key, format!("`{name}` is set by segpipe"), place));
            }
            if !seen.insert(name.to_owned()) {
                return Err(self.refuse(key, format!("`{name}` is declared twice"), place));
            }
            Ok(name.to_owned())
        };
        let mut env = Vec::new();
        match self.part("env").map(|node| (&node.content, node)) {
            Some((Content::Mapping(entries), _)) => {
                for entry in entries {
                    let name = fresh("env", &entry.key, entry.key_place)?;
                    env.push(Variable { name, value: self.value(entry)? });
                }
            }
            _ => {
                for (name, place) in self.texts("env")? {
                    env.push(Variable { name: fresh("env", name, place)?, value: None });
                }
            }
        }
        let secrets = self.texts("secret_env")?.into_iter().map(|(name, place)| fresh("secret_env", name, place));
        Ok((env, secrets.collect::<Result<_, _>>()?))
    }

    /// The value of a variable; none where it is that of segpipe's own environment.
    fn value(&self, entry: &Entry) -> Result<Option<String>, Refused> {
        match &entry.value.content {
            Content::Scalar(Value::Null) => Ok(None),
            Content::Scalar(Value::String(text)) if !text.contains('\0') => Ok(Some(text.clone())),
            Content::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            _ => {
                let what = format!("`{}` in {}", entry.key, self.what("env"));
                Err(Refusal::shape(what, "a text", entry.value.kind()).at(entry.value.place))
            }
        }
    }

    /// `3`, or `{times: 3, delay: 10s}`.
    fn retries(&self) -> Result<Retries, Refused> {
        let Some(node) = self.part("retries") else { return Ok(Retries::default()) };
        let (times, delay) = match &node.content {
            Content::Mapping(entries) => {
                known_keys(entries, &["times", "delay"], &self.what("retries"))?;
                let part = |key| find(entries, key).map(|entry| &entry.value).filter(|node| !node.is_null());
                (part("times").unwrap_or(node), part("delay"))
            }
            _ => (node, None),
        };
        let count = match &times.content {
            Content::Scalar(Value::Number(number)) => number.as_u64().filter(|count| *count <= MAX_RETRIES),
            _ => None,
        };
        let Some(count) = count else {
            return Err(self.refuse("retries", format!("is a number from 0 to {MAX_RETRIES}"), times.place));
        };
        let delay = delay.map(|node| duration::read(node, || format!("`delay` in {}", self.what("retries"))));
        let delay = delay.transpose()?.unwrap_or(Duration::from_secs(1));
        Ok(Retries { times: count as u32, delay })
    }
}

/// The inputs in which `stage@*.output` became an input from each of the several stages, with its item in the name.
fn all_of(entries: Vec<Entry>, several: &[(String, String)]) -> Vec<Entry> {
    let mut inputs = Vec::new();
    for entry in entries {
        let reference = entry.value.as_text().and_then(|text| text.trim().split_once('.'));
        let parts = reference.and_then(|(stage, output)| Some((stage.strip_suffix(ALL)?, output)));
        let found = several.iter().filter(|(template, _)| parts.is_some_and(|(stage, _)| stage == template));
        let one = |(_, name): &(String, String)| {
            let item = name.split_once(MARK).map_or("", |(_, item)| item);
            let text = format!("{name}.{}", parts.map_or("", |(_, output)| output));
            let value = Node { place: entry.value.place, content: Content::Scalar(text.into()) };
            Entry { key: format!("{}-{item}", entry.key), key_place: entry.key_place, value }
        };
        let each: Vec<Entry> = found.map(one).collect();
        if each.is_empty() { inputs.push(entry) } else { inputs.extend(each) }
    }
    inputs
}
