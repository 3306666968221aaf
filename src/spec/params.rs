//! The params of one stage: handed to its own check, whose errors get the place where the param was written.
//!
//! For: from raw entries to [`CheckedParams`]. Not for: knowing any param. Called by: `check`.

use segpipe_stages::contract::{CheckedParams, ParamError};
use serde_json::Value;

use super::check::Known;
use super::error::{Refusal, Refused};
use super::node::{Content, Entry, Place, find, to_object};

/// The checked params of a stage, with every default filled in.
pub(super) fn check(stage: &Known<'_>) -> Result<CheckedParams, Refused> {
    check_names(stage, &stage.raw.params)?;
    let checked = stage.kind.check_params(&to_object(&stage.raw.params));
    let checked = checked.map_err(|error| explain(stage, &error))?;
    stage.kind.sources(&checked).map_err(|error| explain(stage, &error))?;
    Ok(checked)
}

/// Refuses names that the stage's schema does not list, where it lists any.
pub(super) fn check_names(stage: &Known<'_>, params: &[Entry]) -> Result<(), Refused> {
    if params.is_empty() {
        return Ok(());
    }
    let schema = stage.kind.params_schema();
    let Some(known) = schema.get("properties").and_then(Value::as_object) else { return Ok(()) };
    match params.iter().find(|entry| !known.contains_key(&entry.key)) {
        Some(entry) => {
            let names = known.keys().map(String::as_str);
            Err(Refusal::unknown("param", &entry.key, names).of(&stage.shown()).at(entry.key_place))
        }
        None => Ok(()),
    }
}

/// A stage's error about a param, in words and with the place of what is wrong.
fn explain(stage: &Known<'_>, error: &ParamError) -> Refused {
    let found = locate(&stage.raw.params, &error.path);
    let names = quoted(&error.message);
    let message = &error.message;
    let subject = subject(stage, &error.path);
    if message.starts_with("unknown field ") && !names.is_empty() {
        let place = found.key.unwrap_or(stage.raw.place);
        let parent = error.path.split_last().map_or(&[][..], |(_, parent)| parent);
        let what = if parent.is_empty() { "param" } else { "key" };
        let known = names[1..].iter().copied();
        return Refusal::unknown(what, names[0], known).of(&whole(stage, parent)).at(place);
    }
    let place = found.value.unwrap_or(stage.raw.place);
    if message.starts_with("unknown variant ") && !names.is_empty() {
        let known = names[1..].iter().map(ToString::to_string).collect();
        return Refusal::Choice { what: subject, value: names[0].to_owned(), known }.at(place);
    }
    if message.starts_with("missing field ") && !names.is_empty() {
        let param = error.path.iter().map(String::as_str).chain([names[0]]).collect::<Vec<_>>().join(".");
        return Refusal::MissingParam { stage: stage.raw.name.clone(), param }.at(place);
    }
    Refusal::Param { what: subject, message: plain(message) }.at(place)
}

fn subject(stage: &Known<'_>, path: &[String]) -> String {
    if path.is_empty() { format!("params of {}", stage.shown()) } else { whole(stage, path) }
}

fn whole(stage: &Known<'_>, path: &[String]) -> String {
    if path.is_empty() {
        return stage.shown();
    }
    format!("param `{}` of {}", path.join(".").replace(".[", "["), stage.shown())
}

/// serde's words about types in words that people use; other messages as they are.
fn plain(message: &str) -> String {
    let mismatch = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some((found, expected)) = mismatch.and_then(|mismatch| mismatch.rsplit_once(", expected ")) else {
        return message.to_owned();
    };
    let expected = match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number that is not negative",
        "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a boolean" => "`true` or `false`",
        "a sequence" => "a list",
        "a map" => "a mapping",
        "string or map" => "a word",
        expected if expected.starts_with("struct ") => "a mapping",
        expected => expected,
    };
    match found {
        "null" | "unit value" => format!("must be {expected}, and nothing is written"),
        _ => format!("must be {expected}, not {}", found_in_words(found)),
    }
}

fn found_in_words(found: &str) -> String {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    match kind {
        "string" => format!("the text `{}`", value.trim_matches('"')),
        "integer" => format!("the number {value}"),
        "floating" => format!("the number {}", value.trim_start_matches("point ")),
        "boolean" => value.to_owned(),
        "sequence" => "a list".to_owned(),
        "map" => "a mapping".to_owned(),
        _ => found.to_owned(),
    }
}

/// What stands between backticks.
fn quoted(message: &str) -> Vec<&str> {
    message.split('`').skip(1).step_by(2).collect()
}

/// Where the last part of a path that is written stands: its key, and its value. A value with parts of its own is
/// shown by its key.
#[derive(Default)]
struct Found {
    key: Option<Place>,
    value: Option<Place>,
}

fn locate(params: &[Entry], path: &[String]) -> Found {
    let mut found = Found::default();
    let mut entries = params;
    let mut keys = path.iter();
    while let Some(entry) = keys.next().and_then(|key| find(entries, key)) {
        found.key = Some(entry.key_place);
        found.value = found.key;
        match &entry.value.content {
            Content::Scalar(_) => found.value = Some(entry.value.place),
            Content::Mapping(below) => entries = below,
            Content::List(items) => {
                let position = keys.next().and_then(|key| key.trim_matches(['[', ']']).parse::<usize>().ok());
                if let Some(item) = position.and_then(|position| items.get(position)) {
                    found.value = Some(item.place);
                }
            }
        }
        if !matches!(entry.value.content, Content::Mapping(_)) {
            break;
        }
    }
    found
}
