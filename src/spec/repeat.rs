//! Stages that are written once and are there several times: `foreach` and `matrix`.
//!
//! For: one stage per item, each under a name of its own (`score@uk`), with `${item}` still to be replaced. Not for:
//! replacing it (`vars`). Called by: [`super::read`], before overlays, which may change all of them or one.

use std::collections::BTreeSet;

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::node::{Content, Entry, Node, Place};
use super::raw::{MAX_NAME, Raw, RawStage, is_plain, mapping};
use super::vars::Scope;

/// Stands between the name of a stage as written and its item.
pub(super) const MARK: char = '@';
/// More stages than this make no pipeline that anybody could follow.
const MOST: usize = 10_000;

/// One of the several.
struct Item {
    /// What its name ends with.
    label: String,
    value: Node,
    place: Place,
}

/// Puts the several stages in place of each stage that is repeated.
pub(super) fn expand(raw: &mut Raw) -> Result<(), Refused> {
    let vars = raw.vars.clone();
    let mut scope = Scope::new(&vars);
    let mut stages = Vec::new();
    for stage in std::mem::take(&mut raw.stages) {
        let place = stage.place;
        match (&stage.foreach, &stage.matrix) {
            (Some(_), Some(matrix)) => {
                let message = "stands beside `foreach`; a stage is repeated in one way".to_owned();
                return Err(Refusal::Param { what: what(&stage, "matrix"), message }.at(matrix.place));
            }
            (Some(node), None) => repeat(&stage, &foreach(&stage, &scope.expand(node)?)?, &mut stages)?,
            (None, Some(node)) => repeat(&stage, &matrix(&stage, &scope.expand(node)?)?, &mut stages)?,
            (None, None) => stages.push(stage),
        }
        if stages.len() > MOST {
            return Err(Refusal::TooMuch { what: "more stages" }.at(place));
        }
    }
    raw.stages = stages;
    Ok(())
}

fn what(stage: &RawStage, key: &str) -> String {
    format!("`{key}` of stage `{}`", stage.name)
}

fn refuse(stage: &RawStage, key: &str, message: impl Into<String>, place: Place) -> Refused {
    Refusal::Param { what: what(stage, key), message: message.into() }.at(place)
}

fn repeat(stage: &RawStage, items: &[Item], stages: &mut Vec<RawStage>) -> Result<(), Refused> {
    let key = if stage.foreach.is_some() { "foreach" } else { "matrix" };
    let mut seen = BTreeSet::new();
    if items.len() > MOST {
        return Err(Refusal::TooMuch { what: "more stages" }.at(stage.place));
    }
    for item in items {
        let name = format!("{}{MARK}{}", stage.name, item.label);
        if item.label.is_empty() || name.len() > MAX_NAME {
            let message = format!("`{}` makes no name of a stage; write a mapping `name: value`", item.label);
            return Err(refuse(stage, key, message, item.place));
        }
        if !seen.insert(&item.label) {
            return Err(refuse(stage, key, format!("two items make a stage `{name}`"), item.place));
        }
        stages.push(RawStage {
            name,
            template: Some(stage.name.clone()),
            item: Some(item.value.clone()),
            ..stage.clone()
        });
    }
    Ok(())
}

/// A list of single values, or values by name.
fn foreach(stage: &RawStage, node: &Node) -> Result<Vec<Item>, Refused> {
    let items: Vec<Item> = match &node.content {
        Content::List(values) => {
            let item = |value: &Node| {
                let label = label(value).ok_or_else(|| {
                    let message = format!("an item is {}; write a mapping `name: value`", value.kind());
                    refuse(stage, "foreach", message, value.place)
                })?;
                Ok(Item { label, value: value.clone(), place: value.place })
            };
            values.iter().map(item).collect::<Result<_, Refused>>()?
        }
        _ => {
            let item = |entry: &Entry| {
                if !is_plain(&entry.key) {
                    return Err(Refusal::Name { name: entry.key.clone(), what: "an item" }.at(entry.key_place));
                }
                Ok(Item { label: entry.key.clone(), value: entry.value.clone(), place: entry.key_place })
            };
            mapping(node, &what(stage, "foreach"))?.iter().map(item).collect::<Result<_, _>>()?
        }
    };
    if items.is_empty() { Err(refuse(stage, "foreach", "has no items", node.place)) } else { Ok(items) }
}

/// Every combination of the lists, the last changing fastest.
fn matrix(stage: &RawStage, node: &Node) -> Result<Vec<Item>, Refused> {
    let axes = mapping(node, &what(stage, "matrix"))?;
    let mut items = vec![Item {
        label: String::new(),
        value: Node { place: node.place, content: Content::Mapping(Vec::new()) },
        place: node.place,
    }];
    for axis in axes {
        let Content::List(values) = &axis.value.content else {
            let what = format!("`{}` in {}", axis.key, what(stage, "matrix"));
            return Err(Refusal::shape(what, "a list", axis.value.kind()).at(axis.value.place));
        };
        if items.len().saturating_mul(values.len()) > MOST {
            return Err(Refusal::TooMuch { what: "more stages" }.at(axis.key_place));
        }
        let mut longer = Vec::new();
        for item in &items {
            for value in values {
                longer.push(item.with(stage, axis, value)?);
            }
        }
        items = longer;
    }
    if axes.is_empty() || items.is_empty() {
        return Err(refuse(stage, "matrix", "has no combinations", node.place));
    }
    Ok(items)
}

impl Item {
    fn with(&self, stage: &RawStage, axis: &Entry, value: &Node) -> Result<Self, Refused> {
        let own = label(value).ok_or_else(|| {
            let message = format!("a value of `{}` is {}, and not a single one", axis.key, value.kind());
            refuse(stage, "matrix", message, value.place)
        })?;
        let entry = Entry { key: axis.key.clone(), key_place: axis.key_place, value: value.clone() };
        let mut entries = self.value.as_mapping().unwrap_or_default().to_vec();
        entries.push(entry);
        Ok(Self {
            label: if self.label.is_empty() { own } else { format!("{}-{own}", self.label) },
            value: Node { place: value.place, content: Content::Mapping(entries) },
            place: value.place,
        })
    }
}

/// A single value as a part of a name: small letters, digits, `_` and `-`.
fn label(node: &Node) -> Option<String> {
    let text = match &node.content {
        Content::Scalar(Value::String(text)) => text.clone(),
        Content::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => return None,
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    Some(text.chars().map(plain).collect())
}
