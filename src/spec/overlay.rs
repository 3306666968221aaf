//! What lies over the file: a profile, and above it what `--set` says.
//!
//! For: changing the raw params of stages, so that precedence is `--set`, profile, file, default. Not for: whether the
//! params mean anything (`check`). Called by: [`super::read`].

use super::Overrides;
use super::error::{Refusal, Refused};
use super::node::{Content, Entry, Node, Place};
use super::raw::{Profile, Raw, merge};

/// Lays the chosen profile and the `--set` arguments over the stages' params.
pub(super) fn apply(raw: &mut Raw, overrides: &Overrides) -> Result<(), Refused> {
    if let Some(name) = &overrides.profile {
        let profile = find_profile(raw, name)?.clone();
        for entry in profile.stages {
            if let Content::Mapping(params) = entry.value.content {
                lay(raw, &entry.key, entry.key_place, &params)?;
            }
        }
    }
    for (ordinal, argument) in overrides.sets.iter().enumerate() {
        let place = Place::Set(ordinal);
        let (stage, params) = read_set(argument, place)?;
        lay(raw, stage, place, &[params])?;
    }
    Ok(())
}

fn find_profile<'a>(raw: &'a Raw, name: &str) -> Result<&'a Profile, Refused> {
    let found = raw.profiles.iter().find(|profile| profile.name == name);
    found.ok_or_else(|| {
        let known = raw.profiles.iter().map(|profile| profile.name.as_str());
        Refusal::unknown("profile", name, known).at(Place::Profile)
    })
}

/// Lays params over those of a stage, or of all that were written as one.
fn lay(raw: &mut Raw, name: &str, place: Place, params: &[Entry]) -> Result<(), Refused> {
    let positions = raw.positions(name);
    if positions.is_empty() {
        return Err(Refusal::unknown("stage", name, raw.stage_names()).at(place));
    }
    for position in positions {
        merge(&mut raw.stages[position].params, params.to_vec());
    }
    Ok(())
}

/// `STAGE.PARAM[.KEY]…=VALUE` as the stage's name and the params to lay over its own.
fn read_set(argument: &str, place: Place) -> Result<(&str, Entry), Refused> {
    let syntax = || Refusal::SetSyntax.at(place);
    let (target, value) = argument.split_once('=').ok_or_else(syntax)?;
    let mut keys = target.split('.').map(str::trim);
    let (stage, param) = keys.next().zip(keys.next()).ok_or_else(syntax)?;
    let keys: Vec<&str> = std::iter::once(param).chain(keys).collect();
    if stage.is_empty() || keys.iter().any(|key| key.is_empty()) {
        return Err(syntax());
    }
    let value = Node::parse(value).map_err(|refused| refused.refusal.at(place))?.placed(place);
    Ok((stage, nested(&keys, value, place)))
}

fn nested(keys: &[&str], value: Node, place: Place) -> Entry {
    let entry = |key: &str, value| Entry { key: key.to_owned(), key_place: place, value };
    let wrap = |value, key: &&str| Node { place, content: Content::Mapping(vec![entry(key, value)]) };
    let inner = keys[1..].iter().rev().fold(value, wrap);
    entry(keys[0], inner)
}
