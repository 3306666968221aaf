//! pipeline.yaml as it is written: its parts, each with the shape it must have, names not yet resolved.
//!
//! For: from [`Node`] to [`Raw`], with unknown keys refused. Not for: variables, overlays, or whether a name means
//! anything. Called by: [`super::read`].

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::many::each;
use super::node::{Content, Entry, Node, Place, find};
use super::own;
use super::pipeline::Terms;
use crate::program::Program;

const TOP: [&str; 6] = ["name", "vars", "cache", "resources", "profiles", "stages"];
const STAGE: [&str; 10] =
    ["uses", "run", "foreach", "matrix", "inputs", "params", "outputs", "resources", "tags", FROZEN];
/// The key by which a stage is kept as it is.
pub(super) const FROZEN: &str = "frozen";
pub(super) const MAX_NAME: usize = 64;

/// A pipeline as written.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) name: Option<Node>,
    pub(super) vars: Vec<Entry>,
    pub(super) cache: Option<Node>,
    pub(super) resources: Option<Node>,
    pub(super) profiles: Vec<Profile>,
    pub(super) stages: Vec<RawStage>,
}

/// A named overlay: params by stage.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) stages: Vec<Entry>,
}

/// A stage as written.
#[derive(Debug, Clone)]
pub(super) struct RawStage {
    pub(super) name: String,
    /// Where its name stands.
    pub(super) place: Place,
    /// The name of the stage that it is one of several of, where it is.
    pub(super) template: Option<String>,
    /// What `${item}` stands for.
    pub(super) item: Option<Node>,
    pub(super) foreach: Option<Node>,
    pub(super) matrix: Option<Node>,
    pub(super) uses: Option<Node>,
    /// Everything of a stage that runs a program of the user's; none for built-in kinds.
    pub(super) own: Option<Vec<Entry>>,
    /// That program, once it is known.
    pub(super) program: Option<Arc<Program>>,
    /// Names of the params that the file gives, without those of overlays.
    pub(super) declared_params: Vec<String>,
    pub(super) terms: Terms,
    pub(super) resources: Option<Node>,
    pub(super) inputs: Vec<Entry>,
    pub(super) params: Vec<Entry>,
    pub(super) outputs: Vec<Entry>,
    pub(super) tags: BTreeSet<String>,
}

impl Raw {
    /// The parts of a pipeline file.
    pub(super) fn read(root: Node) -> Result<Self, Refused> {
        if root.is_null() {
            return Err(Refusal::Empty.into());
        }
        let place = root.place;
        let mut entries = into_mapping(root, "the pipeline")?;
        known_keys(&entries, &TOP, "a pipeline")?;
        let (stages, stages_place) = match take(&mut entries, "stages") {
            Some(entry) => (into_mapping(entry.value, "`stages`")?, entry.key_place),
            None => (Vec::new(), place),
        };
        let part = |key| find(&entries, key).map(|entry| &entry.value);
        let vars = part("vars").map_or(Ok(&[][..]), |node| mapping(node, "`vars`"))?;
        let profiles = part("profiles").map_or(Ok(&[][..]), |node| mapping(node, "`profiles`"))?;
        if stages.is_empty() {
            return Err(Refusal::NoStages.at(stages_place));
        }
        Ok(Self {
            name: part("name").filter(|node| !node.is_null()).cloned(),
            vars: vars.iter().map(|entry| named(entry, "a variable").cloned()).collect::<Result<_, _>>()?,
            cache: part("cache").filter(|node| !node.is_null()).cloned(),
            resources: part("resources").filter(|node| !node.is_null()).cloned(),
            profiles: profiles.iter().map(Profile::read).collect::<Result<_, _>>()?,
            stages: each(stages, RawStage::read)?,
        })
    }

    /// Where the stages called `name` are: one, or the several that were written as one.
    pub(super) fn positions(&self, name: &str) -> Vec<usize> {
        let is_meant = |stage: &RawStage| stage.name == name || stage.template.as_deref() == Some(name);
        (0..self.stages.len()).filter(|position| is_meant(&self.stages[*position])).collect()
    }

    /// The stages' names, in the order written.
    pub(super) fn stage_names(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().map(|stage| stage.name.as_str())
    }
}

impl Profile {
    fn read(entry: &Entry) -> Result<Self, Refused> {
        named(entry, "a profile")?;
        let stages = mapping(&entry.value, &format!("profile `{}`", entry.key))?;
        for stage in stages {
            mapping(&stage.value, &format!("`{}` in profile `{}`", stage.key, entry.key))?;
        }
        Ok(Self { name: entry.key.clone(), stages: stages.to_vec() })
    }
}

impl RawStage {
    fn read(entry: Entry) -> Result<Self, Refused> {
        named(&entry, "a stage")?;
        let (name, place) = (entry.key, entry.key_place);
        let what = format!("stage `{name}`");
        let mut entries = into_mapping(entry.value, &what)?;
        let own = find(&entries, "run").is_some();
        if let Some(uses) = find(&entries, "uses").filter(|_| own) {
            return Err(Refusal::Both { stage: name }.at(uses.key_place));
        }
        known_keys(&entries, if own { &own::KEYS } else { &STAGE }, &what)?;
        let part = |entries: &mut Vec<Entry>, key: &str| match take(entries, key) {
            Some(entry) => into_mapping(entry.value, &format!("`{key}` of stage `{name}`")),
            None => Ok(Vec::new()),
        };
        let params = part(&mut entries, "params")?;
        // What stands beside `run` has short forms, which are read when variables are known.
        let mut ports = |key: &str| if own { Ok(Vec::new()) } else { part(&mut entries, key) };
        let (inputs, outputs) = (ports("inputs")?, ports("outputs")?);
        let node = |key: &str| find(&entries, key).map(|entry| entry.value.clone()).filter(|node| !node.is_null());
        Ok(Self {
            place,
            template: None,
            item: None,
            foreach: node("foreach"),
            matrix: node("matrix"),
            uses: find(&entries, "uses").map(|entry| entry.value.clone()),
            program: None,
            declared_params: params.iter().map(|entry| entry.key.clone()).collect(),
            terms: Terms { is_frozen: frozen(&entries, &what)?, ..Terms::default() },
            resources: node("resources"),
            inputs,
            params,
            outputs,
            tags: find(&entries, "tags").map_or(Ok(BTreeSet::new()), |entry| tags(&entry.value, &what))?,
            own: own.then_some(entries),
            name,
        })
    }
}

/// Whether the stage is to be kept as it is.
fn frozen(entries: &[Entry], what: &str) -> Result<bool, Refused> {
    match find(entries, FROZEN).map(|entry| &entry.value) {
        None | Some(Node { content: Content::Scalar(Value::Null), .. }) => Ok(false),
        Some(Node { content: Content::Scalar(Value::Bool(is_frozen)), .. }) => Ok(*is_frozen),
        Some(other) => {
            Err(Refusal::shape(format!("`{FROZEN}` of {what}"), "`true` or `false`", other.kind()).at(other.place))
        }
    }
}

/// One tag, or a list of them.
fn tags(node: &Node, what: &str) -> Result<BTreeSet<String>, Refused> {
    let nodes = match &node.content {
        Content::List(nodes) => nodes.as_slice(),
        _ if node.is_null() => &[],
        _ => std::slice::from_ref(node),
    };
    let tag = |node: &Node| {
        let tag = text(node, || format!("a tag of {what}"))?;
        if is_plain(tag) {
            Ok(tag.to_owned())
        } else {
            Err(Refusal::Name { name: tag.to_owned(), what: "a tag" }.at(node.place))
        }
    };
    nodes.iter().map(tag).collect()
}

/// Takes the entry called `key` out of some.
fn take(entries: &mut Vec<Entry>, key: &str) -> Option<Entry> {
    let position = entries.iter().position(|entry| entry.key == key)?;
    Some(entries.remove(position))
}

/// The entries of a node that must be a mapping, and belong to nobody else.
fn into_mapping(node: Node, what: &str) -> Result<Vec<Entry>, Refused> {
    match node.content {
        Content::Mapping(entries) => Ok(entries),
        Content::Scalar(Value::Null) => Ok(Vec::new()),
        _ => Err(Refusal::shape(what, "a mapping", node.kind()).at(node.place)),
    }
}

/// The entries of a node that must be a mapping.
pub(super) fn mapping<'a>(node: &'a Node, what: &str) -> Result<&'a [Entry], Refused> {
    node.as_mapping().ok_or_else(|| Refusal::shape(what, "a mapping", node.kind()).at(node.place))
}

/// The text of a node that must be one.
pub(super) fn text(node: &Node, what: impl FnOnce() -> String) -> Result<&str, Refused> {
    node.as_text().ok_or_else(|| Refusal::shape(what(), "a text", node.kind()).at(node.place))
}

pub(super) fn known_keys(entries: &[Entry], known: &[&str], whole: &str) -> Result<(), Refused> {
    match entries.iter().find(|entry| !known.contains(&entry.key.as_str())) {
        Some(entry) => Err(Refusal::unknown("key", &entry.key, known.iter().copied()).of(whole).at(entry.key_place)),
        None => Ok(()),
    }
}

/// Names become folders, arguments and parts of `stage.output`, so they are plain.
fn named<'a>(entry: &'a Entry, what: &'static str) -> Result<&'a Entry, Refused> {
    let name = &entry.key;
    if is_plain(name) { Ok(entry) } else { Err(Refusal::Name { name: name.clone(), what }.at(entry.key_place)) }
}

/// Whether a name may become a folder, an argument, a part of `stage.output`.
pub(super) fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c))
        && name.len() <= MAX_NAME
}

/// `upper` laid over `lower`: mappings are merged key by key, everything else is replaced.
pub(super) fn merge(lower: &mut Vec<Entry>, upper: Vec<Entry>) {
    for entry in upper {
        match lower.iter_mut().find(|known| known.key == entry.key) {
            Some(known) => {
                known.key_place = entry.key_place;
                merge_value(&mut known.value, entry.value);
            }
            None => lower.push(entry),
        }
    }
}

fn merge_value(lower: &mut Node, upper: Node) {
    match (&mut lower.content, upper.content) {
        (Content::Mapping(lower), Content::Mapping(upper)) => merge(lower, upper),
        (content, upper_content) => {
            *content = upper_content;
            lower.place = upper.place;
        }
    }
}
