//! What is wrong with a pipeline file or with what the command line makes of it, where, and what would be right.
//!
//! For: every refusal of this module, with its words in one place. Not for: finding them (`raw`, `overlay`, `vars`,
//! `check`) or drawing the line concerned (`snippet`). Called by: all of `spec`; `cli` prints it.

use std::error::Error;
use std::fmt;
use std::path::Path;

use super::node::{Place, Span};
use super::shared::SharedCacheError;
use super::snippet;
use crate::address;
use crate::signing::KeyError;

/// How alike two names must be for one to be offered in place of the other, from 0 to 1.
const LIKENESS: f64 = 0.7;
/// How many names are listed where none is like the one written.
const MAX_OFFERED: usize = 12;

/// What is wrong. Texts are complete but for the place, which comes before them.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("there is no such file")]
    Missing,
    #[error("is a directory, not a file")]
    Directory,
    #[error("is not a file")]
    NotAFile,
    #[error("cannot be read")]
    Unreadable(#[source] std::io::Error),
    #[error("is larger than {limit} bytes, which no pipeline needs")]
    TooLarge { limit: u64 },
    #[error("the file is not valid UTF-8")]
    NotUtf8,
    #[error("the file is empty")]
    Empty,
    #[error("not valid YAML: {message}")]
    Yaml { message: String },
    #[error("key `{key}` is given twice")]
    Duplicate { key: String },
    #[error("{what} than any pipeline needs")]
    TooMuch { what: &'static str },
    #[error("{what} must be {expected}, not {found}")]
    Shape { what: String, expected: &'static str, found: &'static str },
    #[error("unknown {what} `{name}`{of}")]
    Unknown { what: &'static str, name: String, of: String, known: Vec<String> },
    #[error("the pipeline has no stages")]
    NoStages,
    #[error("`{name}` cannot be the name of {what}")]
    Name { name: String, what: &'static str },
    #[error("`${{` is not closed by `}}`")]
    Unclosed,
    #[error("the variables go round in a circle: {path}")]
    VariableCycle { path: String },
    #[error("variable `{name}` is {found} and cannot stand inside a text")]
    VariableInText { name: String, found: &'static str },
    #[error("`{text}` does not name an output of a stage")]
    Reference { text: String },
    #[error(
        "input `{input}` of stage `{stage}` reads `{reference}` unless told otherwise, and there is no `{missing}`"
    )]
    Unconnected { input: String, stage: String, reference: String, missing: String, offer: Option<String> },
    #[error("input `{input}` of stage `{stage}` needs {expected}, and `{reference}` is {found}")]
    Mismatch { input: String, stage: String, expected: &'static str, reference: String, found: &'static str },
    #[error("the stages go round in a circle: {path}")]
    Cycle { path: String },
    #[error("output path `{path}` {why}")]
    OutputPath { path: String, why: &'static str },
    #[error("`{path}` is {how} already")]
    Taken { path: String, how: String },
    #[error("stage `{stage}` says both `uses` and `run`")]
    Both { stage: String },
    #[error("{what}: {message}")]
    Param { what: String, message: String },
    #[error("stage `{stage}` needs the param `{param}`")]
    MissingParam { stage: String, param: String },
    #[error("unknown value `{value}` of {what}")]
    Choice { what: String, value: String, known: Vec<String> },
    #[error("is not `STAGE.PARAM=VALUE`")]
    SetSyntax,
    #[error("`remote` of `cache`: {0}")]
    Remote(SharedCacheError),
    #[error("{what} {error}")]
    Key { what: &'static str, error: KeyError },
    #[error("a key in `trust` of `cache` is a private key; only public ones belong here")]
    SecretKey,
}

impl Refusal {
    /// Something with a name that is none of `known`.
    pub(super) fn unknown<'a>(what: &'static str, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known = known.into_iter().map(String::from).collect();
        Self::Unknown { what, name: name.to_owned(), of: String::new(), known }
    }

    /// The same, as a part of something.
    #[must_use]
    pub(super) fn of(mut self, whole: &str) -> Self {
        if let Self::Unknown { of, .. } = &mut self {
            *of = format!(" of {whole}");
        }
        self
    }

    /// Something that should have another shape.
    pub(super) fn shape(what: impl Into<String>, expected: &'static str, found: &'static str) -> Self {
        Self::Shape { what: what.into(), expected, found }
    }

    /// The same refusal at a place in the file or on the command line.
    pub(super) fn at(self, place: Place) -> Refused {
        Refused { place: Some(place), refusal: Box::new(self) }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing | Self::Empty => {
                Some("`segpipe init SOURCE` writes a pipeline.yaml for your data".to_owned())
            }
            Self::Directory => Some("name the file in it, e.g. `--file DIRECTORY/pipeline.yaml`".to_owned()),
            Self::NotUtf8 => Some("save the file as UTF-8".to_owned()),
            Self::Unknown { name, known, .. } | Self::Choice { value: name, known, .. } => offer(name, known),
            Self::Yaml { message } if message.starts_with("tabs") => Some("indent with spaces".to_owned()),
            Self::Name { .. } => {
                Some("begin with a letter a-z, go on with a-z, 0-9, `_` or `-`, at most 64".to_owned())
            }
            Self::Unclosed => Some("write `$${` where no variable is meant".to_owned()),
            Self::Reference { .. } => Some("write `stage.output`, e.g. `rfm.customers`".to_owned()),
            Self::Unconnected { input, offer, .. } => {
                let offer = offer.as_deref().unwrap_or("STAGE.OUTPUT");
                Some(format!("connect it: `inputs: {{{input}: {offer}}}`"))
            }
            Self::Both { .. } => {
                Some("`uses` names a kind that segpipe brings, `run` a program of your own".to_owned())
            }
            Self::OutputPath { .. } => Some("an output is a path below the folder of the pipeline file".to_owned()),
            Self::Param { message, .. } if message.starts_with("must be a text, not the number") => {
                Some("put quotes around it".to_owned())
            }
            Self::Remote(error) => error.hint().map(String::from),
            Self::SecretKey => Some(
                "whoever saw it can sign; make a new pair with `segpipe cache keygen` and forget this one".to_owned(),
            ),
            Self::SetSyntax => Some("e.g. `--set train.k=5` or `--set load.source=data/mine.csv`".to_owned()),
            _ => None,
        }
    }
}

/// The known name most like `name`, else all of them where they are few.
fn offer(name: &str, known: &[String]) -> Option<String> {
    match nearest(name, known.iter().map(String::as_str)) {
        Some(name) => Some(format!("did you mean `{name}`?")),
        None if known.is_empty() || known.len() > MAX_OFFERED => None,
        None => Some(format!("known are {}", listed(known))),
    }
}

fn listed(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// The name most like `name`, where one is like it at all.
fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    let rated = known.into_iter().map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known));
    let alike = rated.filter(|(likeness, _)| *likeness >= LIKENESS);
    alike.max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1))).map(|(_, known)| known)
}

/// A refusal on its way up, before the text and the arguments are at hand to show its place.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) place: Option<Place>,
    pub(super) refusal: Box<Refusal>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { place: None, refusal: Box::new(refusal) }
    }
}

/// Why a pipeline file cannot be used. Ends the process with exit code 2.
#[derive(Debug)]
pub struct SpecError {
    place: String,
    message: String,
    snippet: Option<String>,
    refusal: Box<Refusal>,
}

impl SpecError {
    /// The exit code of a process that ends with this error.
    pub const EXIT_CODE: u8 = 2;

    /// An error in `text`, the content of `file`, or in one of the arguments `sets`.
    pub(super) fn new(file: &Path, text: &str, sets: &[String], refused: Refused) -> Self {
        let file = file.display();
        let (place, snippet) = match refused.place {
            Some(Place::File(Span { line: 0, .. })) | None => (file.to_string(), None),
            Some(Place::File(span)) => {
                // A line with a secret is not shown once more.
                let snippet =
                    if matches!(*refused.refusal, Refusal::SecretKey) { None } else { snippet::draw(text, span) };
                (format!("{file}:{}:{}", span.line, span.column), snippet)
            }
            Some(Place::Set(ordinal)) => (format!("`--set {}`", sets.get(ordinal).map_or("", String::as_str)), None),
            Some(Place::Profile) => ("`--profile`".to_owned(), None),
        };
        let place = printable(&place);
        let message = printable(&refused.refusal.to_string());
        Self { place, message, snippet, refusal: refused.refusal }
    }

    /// What the reader can do about it.
    pub fn hint(&self) -> Option<String> {
        self.refusal.hint().map(|hint| printable(&hint))
    }
}

impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)?;
        self.snippet.as_ref().map_or(Ok(()), |snippet| write!(formatter, "\n{snippet}"))
    }
}

impl Error for SpecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.refusal.source()
    }
}

/// The text without secrets in addresses and without characters that would confuse a terminal.
fn printable(text: &str) -> String {
    let text = address::without_user_info(text);
    text.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect()
}
