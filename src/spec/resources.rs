//! What a stage takes of the machine while it runs, and what there is to be taken, as written.
//!
//! For: `resources` of a stage and of the pipeline. Not for: keeping to them (the engine). Called by: `raw`, `check`.

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::node::{Content, Entry, Node};
use super::pipeline::{Capacity, Resources};
use super::raw::{is_plain, mapping, text};

/// Units of memory and their size in bytes; a number alone counts bytes.
const UNITS: [(&str, f64); 9] = [
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("", 1.0),
];
/// More than any machine has.
const MOST: u64 = 1 << 50;

/// What the pipeline may take at once.
pub(super) fn capacity(node: &Node) -> Result<Capacity, Refused> {
    let mut capacity = Capacity::default();
    for entry in mapping(node, "`resources`")? {
        let what = format!("`{}` of `resources`", entry.key);
        match entry.key.as_str() {
            "cpu" => capacity.cpu = Some(at_least_one(entry, &what)?),
            "memory" => capacity.memory = Some(memory(&entry.value, &what)?),
            "mutex" => {
                let message = "is declared by the stages that exclude each other".to_owned();
                return Err(Refusal::Param { what, message }.at(entry.key_place));
            }
            _ => drop(capacity.named.insert(named(entry)?, at_least_one(entry, &what)?)),
        }
    }
    Ok(capacity)
}

/// What a stage takes, none of it more than there is of a named resource.
pub(super) fn needs(stage: &str, node: &Node, capacity: &Capacity) -> Result<Resources, Refused> {
    let mut needs = Resources::default();
    for entry in mapping(node, &format!("`resources` of stage `{stage}`"))? {
        let what = format!("`{}` in `resources` of stage `{stage}`", entry.key);
        match entry.key.as_str() {
            "cpu" => needs.cpu = count(entry, &what)?,
            "memory" => needs.memory = memory(&entry.value, &what)?,
            "mutex" => needs.mutexes = mutexes(&entry.value, &what)?.into_iter().collect(),
            name => {
                let Some(there) = capacity.named.get(name) else {
                    let known = ["cpu", "memory", "mutex"].into_iter().chain(capacity.named.keys().map(String::as_str));
                    let unknown = Refusal::unknown("resource", name, known).of(&format!("stage `{stage}`"));
                    return Err(unknown.at(entry.key_place));
                };
                let wanted = count(entry, &what)?;
                if wanted > *there {
                    let message = format!("wants {wanted}, and the pipeline's `resources` have {there}");
                    return Err(Refusal::Param { what, message }.at(entry.value.place));
                }
                needs.named.insert(name.to_owned(), wanted);
            }
        }
    }
    Ok(needs)
}

fn named(entry: &Entry) -> Result<String, Refused> {
    if is_plain(&entry.key) {
        return Ok(entry.key.clone());
    }
    Err(Refusal::Name { name: entry.key.clone(), what: "a resource" }.at(entry.key_place))
}

fn count(entry: &Entry, what: &str) -> Result<u64, Refused> {
    let count = match &entry.value.content {
        Content::Scalar(Value::Number(number)) => number.as_u64().filter(|count| *count <= MOST),
        _ => None,
    };
    count.ok_or_else(|| {
        let message = "is a whole number that is not negative".to_owned();
        Refusal::Param { what: what.to_owned(), message }.at(entry.value.place)
    })
}

fn at_least_one(entry: &Entry, what: &str) -> Result<u64, Refused> {
    let count = count(entry, what)?;
    if count > 0 {
        return Ok(count);
    }
    Err(Refusal::Param { what: what.to_owned(), message: "is at least 1".to_owned() }.at(entry.value.place))
}

fn memory(node: &Node, what: &str) -> Result<u64, Refused> {
    let bytes = match &node.content {
        Content::Scalar(Value::Number(number)) => number.as_f64(),
        Content::Scalar(Value::String(text)) => parse(text.trim()),
        _ => None,
    };
    let usable = bytes.filter(|bytes| *bytes >= 1.0 && *bytes <= MOST as f64).map(|bytes| bytes as u64);
    usable.ok_or_else(|| {
        let message = "is an amount of memory, e.g. `500MB` or `4GiB`".to_owned();
        Refusal::Param { what: what.to_owned(), message }.at(node.place)
    })
}

fn parse(text: &str) -> Option<f64> {
    let (unit, factor) = UNITS.iter().find(|(unit, _)| text.ends_with(unit))?;
    let number = text.strip_suffix(unit)?.trim_end();
    let is_plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
    number.parse::<f64>().ok().filter(|_| is_plain).map(|number| number * factor)
}

/// One name, or a list of them.
fn mutexes(node: &Node, what: &str) -> Result<Vec<String>, Refused> {
    let one = |node: &Node| text(node, || what.to_owned()).map(String::from);
    match &node.content {
        Content::List(items) => items.iter().map(one).collect(),
        _ => Ok(vec![one(node)?]),
    }
}


#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_memory_are_told_apart() {
        let bytes = |text: &str| parse(text).map(|bytes| bytes as u64);
        assert_eq!(bytes("1024"), Some(1024));
        assert_eq!(bytes("1.5 GB"), Some(1_500_000_000));
        assert_eq!(bytes("2MiB"), Some(2_097_152));
        assert_eq!(bytes("4gb"), None);
        assert_eq!(bytes("GB"), None);
    }
}
