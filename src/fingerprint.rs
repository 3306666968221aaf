//! What determines a stage's outputs, as one printable document and its digest.
//!
//! For: building the document, and telling in words how two of them differ. Not for: looking results up (`plan`).
//! Called by: `plan`, the engine.
//!
//! The document holds: its format version, the stage's kind and implementation, embedded assets, what else the kind names
//! (of a program its command, its outputs, digests of variables), checked params, the content digest of every input, name
//! and content digest of every source. Nothing else: no time, path, host, thread
//! count or address.

use std::collections::BTreeMap;
use std::fmt::Write;

use segpipe_stages::contract::{Determinant, Part, Source, SourceOrigin};
use serde_json::Value;

use crate::digest::Digest;
use crate::spec::pipeline::PipelineStage;

/// Raised whenever the meaning of a line changes; every stage is stale then.
const FORMAT: u32 = 1;
/// How many differences a reason names before it counts the rest.
const NAMED_DIFFERENCES: usize = 3;
/// Longest param value shown in a reason, in characters.
const SHOWN_VALUE: usize = 40;

/// The document of one stage: one fact a line, `kind key value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document(String);

impl Document {
    /// The document of `stage` for inputs and sources of these contents.
    pub fn new(stage: &PipelineStage, inputs: &BTreeMap<String, Digest>, sources: &[Source]) -> Self {
        let mut text = head(stage);
        for Determinant { kind, name, value } in stage.stage.determinants() {
            let _ = writeln!(text, "{kind} {name} {value}");
        }
        for (name, value) in &stage.params.determining {
            let _ = writeln!(text, "param {name} {}", canonical(value));
        }
        text += &input_lines(inputs);
        for (ordinal, source) in sources.iter().enumerate() {
            let name = Value::from(source.name.as_str());
            let _ = writeln!(text, "source {ordinal} {name} {} {}", source.digest, source.origin.as_str());
        }
        Self(text)
    }

    /// The document of a part of the work of `stage`, which reads no sources, for inputs of these contents.
    pub fn of_part(stage: &PipelineStage, inputs: &BTreeMap<String, Digest>, part: &Part<'_>) -> Self {
        let facts = canonical(&part.facts);
        Self(format!("{}part {} {facts}\n{}", head(stage), part.name, input_lines(inputs)))
    }

    /// The document's text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The digest of the document.
    pub fn fingerprint(&self) -> Digest {
        Digest::of_bytes(self.0.as_bytes())
    }
}

/// The format, and what is compiled into the stage.
fn head(stage: &PipelineStage) -> String {
    let kind = &stage.stage;
    let mut text = format!("segpipe-fingerprint format {FORMAT}\n");
    let _ = writeln!(text, "stage kind {}", kind.name());
    let _ = writeln!(text, "stage implementation {}", kind.implementation());
    for asset in kind.assets() {
        let _ = writeln!(text, "asset {} {}", asset.name, Digest::of_bytes(asset.bytes));
    }
    text
}

fn input_lines(inputs: &BTreeMap<String, Digest>) -> String {
    let mut text = String::new();
    for (port, digest) in inputs {
        let _ = writeln!(text, "input {port} {digest}");
    }
    text
}

/// JSON with sorted keys at every depth, so that the order in which a mapping was written does not matter.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().collect();
            let entries =
                sorted.iter().map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), canonical(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

/// Name, digest and origin of the sources that a document names, in order.
pub fn sources(document: &str) -> Vec<(String, Digest, SourceOrigin)> {
    let source = |line: &str| {
        let mut words = line.strip_prefix("source ")?.split_once(' ')?.1.rsplitn(3, ' ');
        let (origin, digest, name) = (words.next()?, words.next()?, words.next()?);
        let simulated = SourceOrigin::Simulated;
        let origin = if origin == simulated.as_str() { simulated } else { SourceOrigin::File };
        Some((serde_json::from_str(name).ok()?, digest.parse().ok()?, origin))
    };
    document.lines().filter_map(source).collect()
}

/// The params that a document names, by name.
pub fn params(document: &str) -> BTreeMap<String, Value> {
    let param = |line: &str| {
        let (name, value) = line.strip_prefix("param ")?.split_once(' ')?;
        Some((name.to_owned(), serde_json::from_str(value).ok()?))
    };
    document.lines().filter_map(param).collect()
}

/// How the document `new` of `stage` differs from `old`, in words a person can act on; none where it does not.
pub fn difference(old: &str, new: &str, stage: &PipelineStage) -> Option<String> {
    let all = differences(old, new, |port| stage.inputs.get(port).map(ToString::to_string));
    let mut text = all.iter().take(NAMED_DIFFERENCES).map(String::as_str).collect::<Vec<_>>().join(", ");
    if all.len() > NAMED_DIFFERENCES {
        let _ = write!(text, " and {} more", all.len() - NAMED_DIFFERENCES);
    }
    (!all.is_empty()).then_some(text)
}

/// Everything in which the document `new` differs from `old`, most deliberate first; `connected` says what an input is
/// connected to, where it still is.
pub fn differences(old: &str, new: &str, connected: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let (old, new) = (facts(old), facts(new));
    let mut keys: Vec<_> = old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).collect();
    keys.sort_by_key(|(kind, name)| (rank(kind), *name));
    keys.dedup();
    keys.iter().map(|key| describe(key, old.get(*key), new.get(*key), &connected)).collect()
}

/// Where a line of one of two documents stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In both.
    Both,
    /// Only in the old one.
    Old,
    /// Only in the new one.
    New,
}

/// The lines of two documents: those of `new` in order, each after what `old` says in its place, then what `new` does not
/// speak of.
pub fn side_by_side<'a>(old: &'a str, new: &'a str) -> Vec<(Side, &'a str)> {
    let (olds, news) = (keyed(old), keyed(new));
    let mut lines = Vec::new();
    for line in new.lines() {
        let before = key(line).and_then(|key| olds.get(&key)).copied();
        match before {
            Some(before) if before == line => lines.push((Side::Both, line)),
            before => {
                lines.extend(before.map(|before| (Side::Old, before)));
                lines.push((Side::New, line));
            }
        }
    }
    let gone = old.lines().filter(|line| key(line).is_some_and(|key| !news.contains_key(&key)));
    lines.extend(gone.map(|line| (Side::Old, line)));
    lines
}

fn keyed(document: &str) -> BTreeMap<Key<'_>, &str> {
    document.lines().filter_map(|line| Some((key(line)?, line))).collect()
}

/// What a line speaks of.
fn key(line: &str) -> Option<Key<'_>> {
    let (kind, rest) = line.split_once(' ')?;
    Some((kind, rest.split_once(' ')?.0))
}

type Key<'a> = (&'a str, &'a str);

fn facts(document: &str) -> BTreeMap<Key<'_>, &str> {
    let fact = |line| {
        let (kind, rest) = str::split_once(line, ' ')?;
        let (name, value) = rest.split_once(' ')?;
        Some(((kind, name), value))
    };
    document.lines().filter_map(fact).collect()
}

/// What a person changed comes before what changed as a consequence.
fn rank(kind: &str) -> usize {
    const RANKS: [&str; 9] =
        ["segpipe-fingerprint", "param", "command", "env", "output", "source", "stage", "asset", "input"];
    RANKS.iter().position(|known| *known == kind).unwrap_or(RANKS.len())
}

fn describe(
    (kind, name): &Key<'_>,
    old: Option<&&str>,
    new: Option<&&str>,
    connected: impl Fn(&str) -> Option<String>,
) -> String {
    match (*kind, *name) {
        ("param", _) => format!("param `{name}`: {} → {}", shown(old), shown(new)),
        ("input", _) => match connected(name) {
            Some(reference) => format!("input `{reference}` changed"),
            None => format!("input `{name}` is no longer there"),
        },
        ("source", _) => describe_source(old, new),
        ("command", "stage") => format!("renamed: {} → {}", shown_text(old), shown_text(new)),
        ("command", _) => format!("command: {} → {}", shown_text(old), shown_text(new)),
        ("env", _) => format!("environment variable `{name}` {}", changed(old, new)),
        ("output", _) => format!("output `{name}` is declared otherwise"),
        ("asset", _) => format!("embedded `{name}` changed"),
        ("stage", "kind") => format!("kind: {} → {}", shown(old), shown(new)),
        ("stage", _) => "stage implementation changed".to_owned(),
        _ => "fingerprint format changed".to_owned(),
    }
}

/// What became of a variable, whose value nobody needs to see.
fn changed(old: Option<&&str>, new: Option<&&str>) -> &'static str {
    const UNSET: Option<&&str> = Some(&"unset");
    match (old, new) {
        (None, _) => "is declared now",
        (_, None) => "is no longer declared",
        (_, new) if new == UNSET => "is no longer set",
        (old, _) if old == UNSET => "is set now",
        _ => "changed",
    }
}

fn describe_source(old: Option<&&str>, new: Option<&&str>) -> String {
    let name = |fact: &&str| fact.rsplitn(3, ' ').last().unwrap_or_default().trim_matches('"').to_owned();
    match (old.map(name), new.map(name)) {
        (Some(old), Some(new)) if old == new => format!("source `{new}` changed"),
        (Some(old), Some(new)) => format!("source: `{old}` → `{new}`"),
        (None, Some(new)) => format!("source `{new}` is new"),
        (Some(old), None) => format!("source `{old}` is gone"),
        (None, None) => "sources changed".to_owned(),
    }
}

/// A text of JSON as it was written, without its escapes.
fn shown_text(value: Option<&&str>) -> String {
    let text = value.and_then(|value| serde_json::from_str::<String>(value).ok());
    let line = text.as_ref().map(|text| text.trim().replace('\n', "⏎"));
    line.as_ref().map_or_else(|| shown(value), |line| shown(Some(&line.as_str())))
}

fn shown(value: Option<&&str>) -> String {
    let Some(value) = value else { return "unset".to_owned() };
    let value = value.trim_matches('"');
    if value.chars().count() <= SHOWN_VALUE {
        return value.to_owned();
    }
    value.chars().take(SHOWN_VALUE - 1).chain(['…']).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use segpipe_stages::contract::{CheckedParams, Input, Output, ParamError, Stage, StageContext, StageError};
    use segpipe_stages::contract::{SourceOrigin, StageReport};
    use serde_json::{Map, json};

    use super::*;
    use crate::spec::pipeline::{Kind, OutputReference, Terms};

    /// A stage of which nothing but its name and params is asked.
    pub(crate) struct OnlyLookedAt;

    impl Stage for OnlyLookedAt {
        fn name(&self) -> &'static str {
            "rfm"
        }

        fn summary(&self) -> &'static str {
            "a fake"
        }

        fn inputs(&self) -> &'static [Input] {
            &[]
        }

        fn outputs(&self) -> &'static [Output] {
            &[]
        }

        fn implementation(&self) -> &'static str {
            "abc"
        }

        fn params_schema(&self) -> Value {
            json!({})
        }

        fn check_params(&self, _raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
            Ok(CheckedParams::default())
        }

        fn run(&self, _ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
            Ok(StageReport::default())
        }
    }

    fn stage(params: Value) -> PipelineStage {
        let Value::Object(params) = params else { panic!("params are a mapping") };
        let orders = OutputReference { stage: "preprocess".to_owned(), output: "orders".to_owned() };
        let mut checked = CheckedParams { determining: params.into_iter().collect(), ..CheckedParams::default() };
        checked.incidental.insert("address".to_owned(), json!("elsewhere"));
        PipelineStage {
            name: "rfm".to_owned(),
            stage: Kind::from(&OnlyLookedAt),
            inputs: [("orders".to_owned(), orders)].into(),
            outputs: BTreeMap::new(),
            params: checked,
            tags: ["weekly".to_owned()].into(),
            terms: Terms::default(),
        }
    }

    fn document(params: Value, input: &str, source: &str) -> Document {
        let digest = Digest::of_bytes(input.as_bytes());
        let source = Source {
            path: "/somewhere/else".into(),
            name: source.to_owned(),
            digest: "d1".to_owned(),
            origin: SourceOrigin::File,
        };
        Document::new(&stage(params), &[("orders".to_owned(), digest)].into(), &[source])
    }

    fn difference_of(old: &Document, new: &Document) -> Option<String> {
        difference(old.text(), new.text(), &stage(json!({})))
    }

    #[test]
    fn the_document_is_a_fact_a_line_and_holds_no_path_and_no_incidental_param() {
        let text = document(json!({ "snapshot": "2011-12-10", "b": { "z": 1, "a": [2.5] } }), "x", "a b.csv").0;
        let expected = format!(
            "segpipe-fingerprint format 1\nstage kind rfm\nstage implementation abc\n\
             param b {{\"a\":[2.5],\"z\":1}}\nparam snapshot \"2011-12-10\"\ninput orders {}\n\
             source 0 \"a b.csv\" d1 file\n",
            Digest::of_bytes(b"x")
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_document_of_a_part_holds_its_facts_and_no_params() {
        let part = Part { name: "study", facts: json!({ "seed": 1, "k": [2, 3] }) };
        let digest = Digest::of_bytes(b"x");
        let text = Document::of_part(&stage(json!({ "k": 4 })), &[("orders".to_owned(), digest)].into(), &part).0;
        let expected = format!(
            "segpipe-fingerprint format 1\nstage kind rfm\nstage implementation abc\n\
             part study {{\"k\":[2,3],\"seed\":1}}\ninput orders {digest}\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn the_sources_and_params_that_a_document_names_are_read_back() {
        let digest = Digest::of_bytes(b"data");
        let text = format!("source 0 \"a b.csv\" {digest} file\nparam k 1\nsource 1 \"c.csv\" {digest} simulated\n");
        assert_eq!(params(&text), [("k".to_owned(), json!(1))].into());
        let expected = [("a b.csv", SourceOrigin::File), ("c.csv", SourceOrigin::Simulated)];
        assert_eq!(sources(&text), expected.map(|(name, origin)| (name.to_owned(), digest, origin)));
    }

    #[test]
    fn the_order_of_keys_in_a_param_does_not_matter() {
        let one = document(json!({ "columns": { "a": 1, "b": 2 } }), "x", "s");
        let other = document(json!({ "columns": { "b": 2, "a": 1 } }), "x", "s");
        assert_eq!(one.fingerprint(), other.fingerprint());
    }

    #[test]
    fn differences_are_named_in_words_most_deliberate_first() {
        let old = document(json!({ "k": 4, "scaling": "standard" }), "x", "old.csv");
        assert_eq!(difference_of(&old, &old), None);
        let changed = document(json!({ "k": 5, "scaling": "standard" }), "x", "old.csv");
        assert_eq!(difference_of(&old, &changed).unwrap(), "param `k`: 4 → 5");
        let changed = document(json!({ "k": 4, "scaling": "log", "seed": 1 }), "y", "new.csv");
        let expected =
            "param `scaling`: standard → log, param `seed`: unset → 1, source: `old.csv` → `new.csv` and 1 more";
        assert_eq!(difference_of(&old, &changed).unwrap(), expected);
        let changed = document(json!({ "k": 4, "scaling": "standard" }), "y", "old.csv");
        assert_eq!(difference_of(&old, &changed).unwrap(), "input `preprocess.orders` changed");
    }

    #[test]
    fn documents_side_by_side_show_what_stood_before_what_stands_now() {
        let old = "f format 1\nparam k 4\nparam old 1\ninput a 1\n";
        let new = "f format 1\nparam k 5\nparam new 2\ninput a 1\n";
        let expected = [
            (Side::Both, "f format 1"),
            (Side::Old, "param k 4"),
            (Side::New, "param k 5"),
            (Side::New, "param new 2"),
            (Side::Both, "input a 1"),
            (Side::Old, "param old 1"),
        ];
        assert_eq!(side_by_side(old, new), expected);
        assert!(side_by_side(new, new).iter().all(|(side, _)| *side == Side::Both));
    }

    #[test]
    fn a_long_value_is_cut_with_a_mark() {
        let old = document(json!({ "codes": "a" }), "x", "s");
        let new = document(json!({ "codes": "b".repeat(100) }), "x", "s");
        assert_eq!(difference_of(&old, &new).unwrap(), format!("param `codes`: a → {}…", "b".repeat(39)));
    }
}
