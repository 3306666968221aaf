//! YAML as a tree in which every value knows where it was written.
//!
//! For: reading text into [`Node`]s within limits that no hostile file can pass. Not for: what the keys mean (`raw`).
//! Called by: `raw`, `overlay` (the values of `--set`), and everything that points at a place.

use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_yaml::budget::BudgetBreach;
use serde_yaml::options::{AliasLimits, NonFiniteFloatPolicy};
use serde_yaml::{Budget, DefaultMessageFormatter, Location, MessageFormatter, Options, Spanned};

use super::error::{Refusal, Refused};

/// Mappings and lists inside each other, at most.
pub(super) const MAX_DEPTH: usize = 24;
/// Values in one file, at most, with everything that anchors repeat.
pub(super) const MAX_NODES: usize = 120_000;
/// Values that anchors may repeat.
const MAX_REPEATED: usize = 40_000;
const MAX_ALIASES: usize = 256;

/// Where something was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the pipeline file.
    File(Span),
    /// In the `--set` argument with this ordinal.
    Set(usize),
    /// On the command line, elsewhere.
    Profile,
}

/// A stretch of one line, counted in characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) length: usize,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// Null, a boolean, a number or a text.
    Scalar(Value),
    /// Values in order.
    List(Vec<Node>),
    /// Values by key, in the order written.
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) value: Node,
}

impl Node {
    /// Reads YAML. The place of what is wrong is none where it is the text as a whole.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        serde_yaml::from_str_with_options::<Written>(text, limits()).map(Self::from).map_err(|error| {
            let location = error.location().filter(|location| *location != Location::UNKNOWN);
            let place = location.map(|location| Place::File(location.into()));
            Refused { place, refusal: Box::new(refusal(error.without_snippet())) }
        })
    }

    /// The same value as if it had been written at `place`.
    #[must_use]
    pub(super) fn placed(self, place: Place) -> Self {
        let content = match self.content {
            Content::Scalar(value) => Content::Scalar(value),
            Content::List(items) => Content::List(items.into_iter().map(|item| item.placed(place)).collect()),
            Content::Mapping(entries) => {
                let placed =
                    |entry: Entry| Entry { key: entry.key, key_place: place, value: entry.value.placed(place) };
                Content::Mapping(entries.into_iter().map(placed).collect())
            }
        };
        Self { place, content }
    }

    /// Whether nothing is written here.
    pub(super) fn is_null(&self) -> bool {
        self.content == Content::Scalar(Value::Null)
    }

    /// The text, where it is one.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// The entries, where it is a mapping; none where nothing is written.
    pub(super) fn as_mapping(&self) -> Option<&[Entry]> {
        match &self.content {
            Content::Mapping(entries) => Some(entries),
            Content::Scalar(Value::Null) => Some(&[]),
            _ => None,
        }
    }

    /// What it is, in a word.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Scalar(Value::Null) => "nothing",
            Content::Scalar(Value::Bool(_)) => "a boolean",
            Content::Scalar(Value::Number(_)) => "a number",
            Content::Scalar(_) => "a text",
            Content::List(_) => "a list",
            Content::Mapping(_) => "a mapping",
        }
    }

    /// The value without its places.
    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Mapping(entries) => Value::Object(to_object(entries)),
        }
    }

    /// Number of values in it, itself included.
    pub(super) fn count(&self) -> usize {
        1 + match &self.content {
            Content::Scalar(_) => 0,
            Content::List(items) => items.iter().map(Self::count).sum(),
            Content::Mapping(entries) => entries.iter().map(|entry| entry.value.count()).sum(),
        }
    }
}

/// Entries as a JSON object.
pub(super) fn to_object(entries: &[Entry]) -> Map<String, Value> {
    entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
}

/// The entry called `key`.
pub(super) fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|entry| entry.key == key)
}

impl From<Location> for Span {
    fn from(location: Location) -> Self {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        Self {
            line: count(location.line()),
            column: count(location.column()),
            length: usize::try_from(location.span().len()).unwrap_or(1).max(1),
        }
    }
}

/// A value as YAML gives it, with its place.
struct Written(Node);

/// A value as JSON gives it, written nowhere that is known.
pub(super) struct Unplaced(Node);

/// A form in which values are written.
trait Form: Into<Node> {
    /// Whether a key may be there twice, which is refused.
    const MAY_REPEAT: bool;
}

impl Form for Written {
    const MAY_REPEAT: bool = true;
}

impl Form for Unplaced {
    const MAY_REPEAT: bool = false;
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<WrittenContent>::deserialize(deserializer)?;
        Ok(Self(Node { place: Place::File(spanned.referenced.into()), content: spanned.value.0 }))
    }
}

impl<'de> Deserialize<'de> for Unplaced {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let content = deserializer.deserialize_any(ContentVisitor::<Self>(PhantomData))?;
        Ok(Self(Node { place: Place::File(Span { line: 1, column: 1, length: 1 }), content }))
    }
}

impl From<Written> for Node {
    fn from(written: Written) -> Self {
        written.0
    }
}

impl From<Unplaced> for Node {
    fn from(unplaced: Unplaced) -> Self {
        unplaced.0
    }
}

struct WrittenContent(Content);

impl<'de> Deserialize<'de> for WrittenContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor::<Written>(PhantomData)).map(Self)
    }
}

/// Takes a value whose keys and parts come as `N`.
struct ContentVisitor<N>(PhantomData<N>);

impl<'de, N: Deserialize<'de> + Form> Visitor<'de> for ContentVisitor<N> {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Content, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("a number must be finite"))?;
        Ok(Content::Scalar(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Content, E> {
        Ok(Content::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Scalar(Value::Null))
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Content, E> {
        self.visit_unit()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<N>()? {
            list.push(item.into());
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut entries = Vec::new();
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<N>()? {
            let (key, value): (Node, Node) = (key.into(), map.next_value::<N>()?.into());
            let Content::Scalar(name) = key.content else {
                return Err(A::Error::custom("a key must be a single word"));
            };
            let name = if let Value::String(name) = name { name } else { name.to_string() };
            if N::MAY_REPEAT && !seen.insert(name.clone()) {
                return Err(A::Error::custom(format!("key `{name}` is given twice")));
            }
            entries.push(Entry { key: name, key_place: key.place, value });
        }
        Ok(Content::Mapping(entries))
    }
}

/// Limits that a pipeline file never comes near and that a hostile one meets within milliseconds.
fn limits() -> Options {
    let mut budget = Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.flow_nesting_limit = MAX_DEPTH;
    budget.max_nodes = MAX_NODES;
    budget.max_events = 4 * MAX_NODES;
    budget.max_aliases = MAX_ALIASES;
    budget.max_anchors = MAX_ALIASES;
    budget.max_recorded_anchor_events = MAX_REPEATED;
    budget.max_merge_keys = MAX_ALIASES;
    budget.max_documents = 1;
    budget.enforce_alias_anchor_ratio = false;
    let mut aliases = AliasLimits::default();
    aliases.max_total_replayed_events = MAX_REPEATED;
    aliases.max_replay_stack_depth = MAX_DEPTH;
    aliases.max_alias_expansions_per_anchor = MAX_ALIASES;
    let mut options = Options::default();
    options.budget = Some(budget);
    options.alias_limits = aliases;
    options.strict_booleans = true;
    options.leading_zero_numbers_as_strings = true;
    options.underscored_numbers_as_strings = true;
    options.reject_unsupported_tags = true;
    options.non_finite_float_policy = NonFiniteFloatPolicy::Reject;
    options.with_snippet = false;
    options
}

fn refusal(error: &serde_yaml::Error) -> Refusal {
    use serde_yaml::Error;
    match error {
        Error::AliasError { error, .. } => refusal(error),
        Error::DuplicateMappingKey { key, .. } => Refusal::Duplicate { key: key.clone().unwrap_or_default() },
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_much("more levels inside each other"),
        Error::Budget { breach: BudgetBreach::Documents { .. }, .. } | Error::MultipleDocuments { .. } => {
            Refusal::Yaml { message: "the file holds more than one document (`---`)".to_owned() }
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => too_much("more values, or more repetitions by anchors,"),
        Error::NonFiniteFloat { value, .. } => Refusal::Yaml { message: format!("`{value}` is not a finite number") },
        other => Refusal::Yaml { message: DefaultMessageFormatter.format_message(other).into_owned() },
    }
}

fn too_much(what: &'static str) -> Refusal {
    Refusal::TooMuch { what }
}
