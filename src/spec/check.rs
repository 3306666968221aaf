//! From the raw pipeline to the checked one: every name resolved, every default filled in, every value in range.
//!
//! For: kinds, inputs, profiles' names, and putting the parts together. Params are checked in `params`, output paths in
//! `outputs`, the order in `order`. Called by: [`super::read`].

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use segpipe_stages::contract::{Input, Output, OutputKind, Stage};

use super::error::{Refusal, Refused};
use super::many::each;
use super::node::{Entry, Place, find};
use super::pipeline::{Kind, OutputReference, Pipeline, PipelineStage, Terms};
use super::raw::{Raw, RawStage, text};
use super::{order, outputs, params, resources, shared};

/// A stage as written with its kind.
pub(super) struct Known<'a> {
    pub(super) raw: &'a RawStage,
    pub(super) kind: Kind,
}

impl Known<'_> {
    /// The stage as messages name it.
    pub(super) fn shown(&self) -> String {
        format!("stage `{}`", self.raw.name)
    }
}

/// The checked pipeline of `raw`, which has its overlays and variables applied.
pub(super) fn check(
    raw: &Raw,
    kinds: &[&'static dyn Stage],
    file: &Path,
    is_overridden: bool,
) -> Result<Pipeline, Refused> {
    let directory = file.parent().unwrap_or(Path::new("/"));
    let known: Vec<Known<'_>> = raw.stages.iter().map(|stage| know(stage, kinds)).collect::<Result<_, _>>()?;
    profiles(raw, &known)?;
    let by_name = known.iter().map(|known| (known.raw.name.as_str(), known)).collect();
    let graph = Graph { stages: &known, by_name, kinds };
    let capacity = raw.resources.as_ref().map(resources::capacity).transpose()?.unwrap_or_default();
    let stages = each(known.iter().collect(), |stage| {
        let params = params::check(stage)?;
        let resources = stage.raw.resources.as_ref().map(|node| resources::needs(&stage.raw.name, node, &capacity));
        let resources = resources.transpose()?.unwrap_or_default();
        Ok(PipelineStage {
            name: stage.raw.name.clone(),
            stage: stage.kind.clone(),
            inputs: graph.inputs(stage)?,
            outputs: outputs::paths(stage, directory, file)?,
            params,
            tags: stage.raw.tags.clone(),
            terms: Terms { resources, ..stage.raw.terms.clone() },
        })
    })?;
    outputs::check_apart(&known, &stages)?;
    let stages = order::sort(&known, stages)?;
    let name = pipeline_name(raw, directory)?;
    let cache = raw.cache.as_ref().map(|node| shared::shared_cache(node, directory)).transpose()?.unwrap_or_default();
    let (file, directory) = (file.to_owned(), directory.to_owned());
    Ok(Pipeline { name, file, directory, stages, capacity, cache, is_overridden })
}

fn pipeline_name(raw: &Raw, directory: &Path) -> Result<String, Refused> {
    let Some(node) = &raw.name else {
        let folder = directory.file_name().map(|name| name.to_string_lossy().into_owned());
        return Ok(folder.unwrap_or_else(|| "pipeline".to_owned()));
    };
    let name = text(node, || "`name`".to_owned())?.trim();
    if name.is_empty() || name.contains(char::is_control) {
        return Err(Refusal::shape("`name`", "a text of one line", "this").at(node.place));
    }
    Ok(name.to_owned())
}

fn know<'a>(raw: &'a RawStage, kinds: &[&'static dyn Stage]) -> Result<Known<'a>, Refused> {
    if let Some(program) = &raw.program {
        let program: Arc<dyn Stage> = Arc::clone(program) as Arc<dyn Stage>;
        return Ok(Known { raw, kind: Kind::Own(program) });
    }
    let (name, place) = match &raw.uses {
        Some(node) => (text(node, || format!("`uses` of stage `{}`", raw.name))?, node.place),
        None => (raw.name.as_str(), raw.place),
    };
    let found = kinds.iter().find(|kind| kind.name() == name);
    let unknown = || Refusal::unknown("stage kind", name, kinds.iter().map(|kind| kind.name())).at(place);
    found.map(|kind| Known { raw, kind: Kind::BuiltIn(*kind) }).ok_or_else(unknown)
}

/// Profiles that are not chosen may still name only what exists.
fn profiles(raw: &Raw, known: &[Known<'_>]) -> Result<(), Refused> {
    for entry in raw.profiles.iter().flat_map(|profile| &profile.stages) {
        let positions = raw.positions(&entry.key);
        if positions.is_empty() {
            return Err(Refusal::unknown("stage", &entry.key, raw.stage_names()).at(entry.key_place));
        }
        for position in positions {
            params::check_names(&known[position], entry.value.as_mapping().unwrap_or_default())?;
        }
    }
    Ok(())
}

struct Graph<'a> {
    stages: &'a [Known<'a>],
    by_name: BTreeMap<&'a str, &'a Known<'a>>,
    kinds: &'a [&'static dyn Stage],
}

impl Graph<'_> {
    fn inputs(&self, stage: &Known<'_>) -> Result<BTreeMap<String, OutputReference>, Refused> {
        let ports = stage.kind.inputs();
        let is_port = |entry: &&Entry| ports.iter().any(|port| port.name == entry.key);
        if let Some(entry) = stage.raw.inputs.iter().find(|entry| !is_port(entry)) {
            let names = ports.iter().map(|port| &*port.name);
            return Err(Refusal::unknown("input", &entry.key, names).of(&stage.shown()).at(entry.key_place));
        }
        ports.iter().map(|port| Ok((port.name.to_string(), self.connect(stage, port)?))).collect()
    }

    fn connect(&self, stage: &Known<'_>, port: &Input) -> Result<OutputReference, Refused> {
        let written = find(&stage.raw.inputs, &port.name).filter(|entry| !entry.value.is_null());
        let default = port.default.as_deref().unwrap_or_default();
        let (reference, place) = match written {
            Some(entry) => {
                let what = || format!("input `{}` of stage `{}`", port.name, stage.raw.name);
                (text(&entry.value, what)?, entry.value.place)
            }
            None => (default, stage.raw.place),
        };
        let Some((name, output)) = reference.trim().split_once('.') else {
            return Err(Refusal::Reference { text: reference.to_owned() }.at(place));
        };
        let Some(upstream) = self.by_name.get(name) else {
            return Err(match written {
                Some(_) => Refusal::unknown("stage", name, self.stages.iter().map(|known| known.raw.name.as_str())),
                None => self.unconnected(stage, port, name, output),
            }
            .at(place));
        };
        let outputs = upstream.kind.outputs();
        let Some(found) = outputs.iter().find(|known| known.name == output) else {
            let names = outputs.iter().map(|output| &*output.name);
            return Err(Refusal::unknown("output", output, names).of(&upstream.shown()).at(place));
        };
        self.check_kind(stage, port, reference, found, place)?;
        Ok(OutputReference { stage: name.to_owned(), output: found.name.to_string() })
    }

    fn unconnected(&self, stage: &Known<'_>, port: &Input, name: &str, output: &str) -> Refusal {
        let alike = self.stages.iter().find(|known| known.kind.name() == name);
        Refusal::Unconnected {
            input: port.name.to_string(),
            stage: stage.raw.name.clone(),
            reference: port.default.as_deref().unwrap_or_default().to_owned(),
            missing: name.to_owned(),
            offer: alike.map(|known| format!("{}.{output}", known.raw.name)),
        }
    }

    /// An input takes what the output it is connected to by default is: a table, a file or a folder.
    fn check_kind(
        &self,
        stage: &Known<'_>,
        port: &Input,
        reference: &str,
        found: &Output,
        place: Place,
    ) -> Result<(), Refused> {
        let default = port.default.as_ref().and_then(|default| default.split_once('.'));
        let default = default.and_then(|(kind, output)| {
            let kind = self.kinds.iter().find(|known| known.name() == kind)?;
            kind.outputs().iter().find(|known| known.name == output)
        });
        match default {
            Some(expected) if expected.kind != found.kind => Err(Refusal::Mismatch {
                input: port.name.to_string(),
                stage: stage.raw.name.clone(),
                expected: word(expected.kind),
                reference: reference.to_owned(),
                found: word(found.kind),
            }
            .at(place)),
            _ => Ok(()),
        }
    }
}

const fn word(kind: OutputKind) -> &'static str {
    match kind {
        OutputKind::Table => "a table",
        OutputKind::File => "a file",
        OutputKind::Directory => "a folder",
    }
}
