//! What is promised of a table, as written: `columns` and `rows` of an output.
//!
//! For: reading it. Not for: holding a table against it (`program`). Called by: `own`.

use serde_json::Value;

use super::error::{Refusal, Refused};
use super::node::{Content, Entry, Node, find};
use super::raw::{known_keys, mapping, text};
use crate::program::promise::{Column, Promise, TYPES};

/// The keys of an output that is written at length.
pub(super) const KEYS: [&str; 3] = ["path", "columns", "rows"];

/// The promise among the entries of an output; none where there is none.
pub(super) fn read(entries: &[Entry], what: &str) -> Result<Option<Promise>, Refused> {
    let part = |key| find(entries, key).map(|entry| &entry.value).filter(|node| !node.is_null());
    let (columns, rows) = (part("columns"), part("rows"));
    if columns.is_none() && rows.is_none() {
        return Ok(None);
    }
    let columns = columns.map_or(Ok(&[][..]), |node| mapping(node, &format!("`columns` of {what}")))?;
    let (min_rows, max_rows) = rows.map_or(Ok((None, None)), |node| bounds(node, what))?;
    let columns = columns.iter().map(|entry| column(entry, what)).collect::<Result<_, _>>()?;
    Ok(Some(Promise { columns, min_rows, max_rows }))
}

/// `name: type`, or `name: {type, max_null_share}`.
fn column(entry: &Entry, what: &str) -> Result<Column, Refused> {
    let what = format!("column `{}` of {what}", entry.key);
    let Content::Mapping(parts) = &entry.value.content else {
        let kind = kind(&entry.value, &what)?;
        return Ok(Column { name: entry.key.clone(), kind, max_null_share: None });
    };
    known_keys(parts, &["type", "max_null_share"], &what)?;
    let part = |key| find(parts, key).map(|entry| &entry.value).filter(|node| !node.is_null());
    let kind = part("type").map_or(Ok("any".to_owned()), |node| kind(node, &what))?;
    let max_null_share = part("max_null_share").map(|node| share(node, &what)).transpose()?;
    Ok(Column { name: entry.key.clone(), kind, max_null_share })
}

fn kind(node: &Node, what: &str) -> Result<String, Refused> {
    let written = text(node, || format!("the type of {what}"))?.trim();
    if TYPES.contains(&written) {
        return Ok(written.to_owned());
    }
    Err(Refusal::unknown("type", written, TYPES).of(what).at(node.place))
}

fn share(node: &Node, what: &str) -> Result<f64, Refused> {
    let share = match &node.content {
        Content::Scalar(Value::Number(number)) => number.as_f64(),
        _ => None,
    };
    share.filter(|share| (0.0..=1.0).contains(share)).ok_or_else(|| {
        let message = "is a share from 0 (no nulls) to 1".to_owned();
        Refusal::Param { what: format!("`max_null_share` of {what}"), message }.at(node.place)
    })
}

/// `100`, or `{min: 1, max: 100}`.
fn bounds(node: &Node, what: &str) -> Result<(Option<u64>, Option<u64>), Refused> {
    let what = format!("`rows` of {what}");
    let Content::Mapping(parts) = &node.content else {
        let rows = count(node, &what)?;
        return Ok((Some(rows), Some(rows)));
    };
    known_keys(parts, &["min", "max"], &what)?;
    let part = |key| find(parts, key).map(|entry| &entry.value).filter(|node| !node.is_null());
    let bound = |key| part(key).map(|node| count(node, &what)).transpose();
    let (min, max) = (bound("min")?, bound("max")?);
    if min.zip(max).is_some_and(|(min, max)| min > max) {
        return Err(Refusal::Param { what, message: "`min` is above `max`".to_owned() }.at(node.place));
    }
    Ok((min, max))
}

fn count(node: &Node, what: &str) -> Result<u64, Refused> {
    let count = match &node.content {
        Content::Scalar(Value::Number(number)) => number.as_u64(),
        _ => None,
    };
    count.ok_or_else(|| {
        Refusal::Param { what: what.to_owned(), message: "is a whole number that is not negative".to_owned() }
            .at(node.place)
    })
}
