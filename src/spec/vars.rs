//! Variables: `${name}` in values, taken from the file's `vars`.
//!
//! For: replacing them. A value that is one variable and nothing else takes its type too; inside a longer text it must
//! be a text, a number or a boolean. `$${` stands for `${`. Not for: keys, or the process's environment.
//! Called by: [`super::read`].

use std::collections::BTreeMap;

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::node::{Content, Entry, MAX_DEPTH, MAX_NODES, Node, Place, find};
use super::raw::Raw;

/// The variable that stands for the item of a repeated stage.
const ITEM: &str = "item";
/// What variables may add up to, in bytes of text.
const MAX_TEXT: usize = 1 << 20;

/// Replaces every variable in the pipeline, and checks those that nothing uses.
pub(super) fn expand(raw: &mut Raw) -> Result<(), Refused> {
    let vars = std::mem::take(&mut raw.vars);
    let mut scope = Scope::new(&vars);
    for entry in &vars {
        scope.resolve(&entry.key, entry.key_place)?;
    }
    if let Some(name) = &mut raw.name {
        *name = scope.expand(name)?;
    }
    for node in raw.cache.iter_mut().chain(&mut raw.resources) {
        *node = scope.expand(node)?;
    }
    for stage in &mut raw.stages {
        scope.item = stage.item.take();
        for node in stage.uses.iter_mut().chain(&mut stage.resources) {
            scope.expand_in_place(node)?;
        }
        let own = stage.own.iter_mut().flatten();
        for entry in stage.inputs.iter_mut().chain(&mut stage.params).chain(&mut stage.outputs).chain(own) {
            scope.expand_in_place(&mut entry.value)?;
        }
    }
    Ok(())
}

/// The variables, those already resolved, those being resolved, and what they have added up to.
pub(super) struct Scope<'a> {
    vars: BTreeMap<&'a str, &'a Entry>,
    known: BTreeMap<&'a str, Node>,
    open: Vec<&'a str>,
    /// What `${item}` stands for in the stage at hand; in no variable's own value.
    item: Option<Node>,
    nodes: usize,
    text: usize,
}

/// Whether a text of the value names a variable.
fn has_variables(node: &Node) -> bool {
    match &node.content {
        Content::Scalar(value) => value.as_str().is_some_and(|text| text.contains("${")),
        Content::List(items) => items.iter().any(has_variables),
        Content::Mapping(entries) => entries.iter().any(|entry| has_variables(&entry.value)),
    }
}

/// A piece of a text with variables.
#[derive(Debug, PartialEq)]
enum Piece<'t> {
    Text(&'t str),
    Variable(&'t str),
}

impl<'a> Scope<'a> {
    pub(super) fn new(vars: &'a [Entry]) -> Self {
        let vars = vars.iter().map(|entry| (entry.key.as_str(), entry)).collect();
        Self { vars, known: BTreeMap::new(), open: Vec::new(), item: None, nodes: 0, text: 0 }
    }

    /// The same as [`Self::expand`], without a copy of what has no variables.
    fn expand_in_place(&mut self, node: &mut Node) -> Result<(), Refused> {
        if has_variables(node) {
            *node = self.expand(node)?;
        }
        Ok(())
    }

    pub(super) fn expand(&mut self, node: &Node) -> Result<Node, Refused> {
        let content = match &node.content {
            Content::Scalar(Value::String(text)) if text.contains("${") => return self.expand_text(text, node.place),
            Content::Scalar(value) => Content::Scalar(value.clone()),
            Content::List(items) => {
                Content::List(items.iter().map(|item| self.expand(item)).collect::<Result<_, _>>()?)
            }
            Content::Mapping(entries) => {
                let expanded = |entry: &Entry| {
                    let value = self.expand(&entry.value)?;
                    Ok(Entry { key: entry.key.clone(), key_place: entry.key_place, value })
                };
                Content::Mapping(entries.iter().map(expanded).collect::<Result<_, Refused>>()?)
            }
        };
        Ok(Node { place: node.place, content })
    }

    fn expand_text(&mut self, text: &str, place: Place) -> Result<Node, Refused> {
        let pieces = split(text).ok_or_else(|| Refusal::Unclosed.at(place))?;
        if let [Piece::Variable(name)] = pieces[..] {
            let value = self.resolve(name, place)?.placed(place);
            self.spend(value.count(), 0, place)?;
            return Ok(value);
        }
        let mut whole = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(text) => whole.push_str(text),
                Piece::Variable(name) => whole.push_str(&self.in_text(name, place)?),
            }
        }
        self.spend(1, whole.len(), place)?;
        Ok(Node { place, content: Content::Scalar(whole.into()) })
    }

    /// The value of a variable as part of a text.
    fn in_text(&mut self, name: &str, place: Place) -> Result<String, Refused> {
        let value = self.resolve(name, place)?;
        let text = match &value.content {
            Content::Scalar(Value::String(text)) => text.clone(),
            Content::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            _ => return Err(Refusal::VariableInText { name: name.to_owned(), found: value.kind() }.at(place)),
        };
        self.spend(0, text.len(), place)?;
        Ok(text)
    }

    fn resolve(&mut self, name: &str, place: Place) -> Result<Node, Refused> {
        if let Some(value) = self.known.get(name) {
            return Ok(value.clone());
        }
        if let Some((whole, part)) = name.rsplit_once('.') {
            let whole = self.resolve(whole, place)?;
            let entries = whole.as_mapping().unwrap_or_default();
            let found = find(entries, part).map(|entry| entry.value.clone());
            let known = entries.iter().map(|entry| entry.key.as_str());
            return found
                .ok_or_else(|| Refusal::unknown("key", part, known).of(&format!("variable `{name}`")).at(place));
        }
        if let Some(item) = self.item.as_ref().filter(|_| name == ITEM && self.open.is_empty()) {
            return Ok(item.clone());
        }
        let Some(entry) = self.vars.get(name).copied() else {
            return Err(Refusal::unknown("variable", name, self.vars.keys().copied()).at(place));
        };
        if let Some(start) = self.open.iter().position(|open| *open == name) {
            let circle = self.open[start..].iter().chain([&name]).map(|name| format!("`{name}`"));
            return Err(Refusal::VariableCycle { path: circle.collect::<Vec<_>>().join(" → ") }.at(place));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Refusal::TooMuch { what: "more variables inside each other" }.at(place));
        }
        self.open.push(&entry.key);
        let value = self.expand(&entry.value)?;
        self.open.pop();
        self.known.insert(&entry.key, value.clone());
        Ok(value)
    }

    /// Notes what was copied, so that variables made of variables cannot grow without end.
    fn spend(&mut self, nodes: usize, text: usize, place: Place) -> Result<(), Refused> {
        self.nodes += nodes;
        self.text += text;
        if self.nodes > MAX_NODES || self.text > MAX_TEXT {
            return Err(Refusal::TooMuch { what: "variables that grow larger" }.at(place));
        }
        Ok(())
    }
}

/// The pieces of a text; none where a variable is not closed.
fn split(text: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            pieces.push(Piece::Text(&rest[..start - 1]));
            pieces.push(Piece::Text("${"));
            rest = &rest[start + 2..];
            continue;
        }
        let length = rest[start..].find('}')?;
        pieces.push(Piece::Text(&rest[..start]));
        pieces.push(Piece::Variable(rest[start + 2..start + length].trim()));
        rest = &rest[start + length + 1..];
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    Some(pieces)
}

#[cfg(test)]
mod tests {
    use super::Piece::{Text, Variable};
    use super::*;

    #[test]
    fn a_text_is_split_at_its_variables() {
        assert_eq!(split("${a}"), Some(vec![Variable("a")]));
        assert_eq!(split("x ${ a }/${b}y"), Some(vec![Text("x "), Variable("a"), Text("/"), Variable("b"), Text("y")]));
        assert_eq!(split("costs $5"), Some(vec![Text("costs $5")]));
        assert_eq!(split("$${a}"), Some(vec![Text("${"), Text("a}")]));
        assert_eq!(split("${a"), None);
        assert_eq!(split("${}"), Some(vec![Variable("")]));
    }
}
