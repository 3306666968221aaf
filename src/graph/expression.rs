//! Which stages an expression means: `train`, `seg*`, `tag:weekly`, with `+` for what they need or what needs them.
//!
//! For: the stages that `segpipe run` is given by name, as people know it from dbt. Called by: [`super::Selection`].

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};

use super::{SelectionError, downstream_of_all, find, nearest, upstream_of_all};
use crate::spec::pipeline::{Pipeline, PipelineStage};

/// What makes a name a pattern.
const WILDCARDS: [char; 5] = ['*', '?', '[', '{', '!'];

/// The stages that `expression` means.
///
/// # Errors
/// [`SelectionError`] where that is none.
pub(super) fn stages<'a>(pipeline: &'a Pipeline, expression: &str) -> Result<BTreeSet<&'a str>, SelectionError> {
    let (needs, rest) = expression.strip_prefix('+').map_or((false, expression), |rest| (true, rest));
    let (needed, name) = rest.strip_suffix('+').map_or((false, rest), |name| (true, name));
    let named = match name.strip_prefix("tag:") {
        Some("") => return Err(empty(expression)),
        Some(tag) => tagged(pipeline, tag)?,
        None if name.is_empty() => return Err(empty(expression)),
        None => called(pipeline, name)?,
    };
    let mut found = named.clone();
    if needs {
        found.extend(upstream_of_all(pipeline, named.clone()));
    }
    if needed {
        found.extend(downstream_of_all(pipeline, named));
    }
    Ok(found)
}

fn called<'a>(pipeline: &'a Pipeline, name: &str) -> Result<BTreeSet<&'a str>, SelectionError> {
    if !name.contains(WILDCARDS) {
        return Ok(BTreeSet::from([find(pipeline, name)?]));
    }
    let pattern = pattern(name)?;
    let found = matching(pipeline, |stage| pattern.is_match(&stage.name));
    if found.is_empty() { Err(SelectionError::NoMatch { pattern: name.to_owned() }) } else { Ok(found) }
}

fn tagged<'a>(pipeline: &'a Pipeline, tag: &str) -> Result<BTreeSet<&'a str>, SelectionError> {
    let pattern = pattern(tag)?;
    let found = matching(pipeline, |stage| stage.tags.iter().any(|known| pattern.is_match(known)));
    let tags = pipeline.stages.iter().flat_map(|stage| stage.tags.iter().map(String::as_str));
    let unknown = || SelectionError::UnknownTag { name: tag.to_owned(), nearest: nearest(tags, tag) };
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

fn matching(pipeline: &Pipeline, is_meant: impl Fn(&PipelineStage) -> bool) -> BTreeSet<&str> {
    pipeline.stages.iter().filter(|stage| is_meant(stage)).map(|stage| stage.name.as_str()).collect()
}

fn empty(expression: &str) -> SelectionError {
    SelectionError::Pattern { pattern: expression.to_owned(), problem: "it names nothing".to_owned() }
}

fn pattern(text: &str) -> Result<GlobMatcher, SelectionError> {
    let glob = GlobBuilder::new(text).build();
    glob.map(|glob| glob.compile_matcher())
        .map_err(|error| SelectionError::Pattern { pattern: text.to_owned(), problem: error.kind().to_string() })
}
