//! Every stage after those it reads from.
//!
//! For: an order that keeps to the file's where it can, and naming the circle where there is none. Called by: `check`.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Known;
use super::error::{Refusal, Refused};
use super::node::{Place, find};
use super::pipeline::PipelineStage;

/// `stages` (those of `known`, in the order written) so that each comes after those it reads from.
pub(super) fn sort(known: &[Known<'_>], stages: Vec<PipelineStage>) -> Result<Vec<PipelineStage>, Refused> {
    let names: BTreeMap<&str, usize> = stages.iter().enumerate().map(|(i, stage)| (stage.name.as_str(), i)).collect();
    let mut waits: Vec<BTreeSet<usize>> = Vec::new();
    let mut readers = vec![Vec::new(); stages.len()];
    for (reader, stage) in stages.iter().enumerate() {
        let parents: BTreeSet<usize> =
            stage.inputs.values().filter_map(|input| names.get(input.stage.as_str()).copied()).collect();
        for parent in &parents {
            readers[*parent].push(reader);
        }
        waits.push(parents);
    }
    let mut ready: BTreeSet<usize> = (0..stages.len()).filter(|stage| waits[*stage].is_empty()).collect();
    let mut order = Vec::new();
    while let Some(next) = ready.pop_first() {
        order.push(next);
        for reader in &readers[next] {
            waits[*reader].remove(&next);
            if waits[*reader].is_empty() {
                ready.insert(*reader);
            }
        }
    }
    if order.len() < stages.len() {
        return Err(circle(known, &stages, &waits));
    }
    let mut slots: Vec<Option<PipelineStage>> = stages.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|position| slots[position].take()).collect())
}

/// The circle that the first stage which could not be placed leads into.
fn circle(known: &[Known<'_>], stages: &[PipelineStage], waits: &[BTreeSet<usize>]) -> Refused {
    let mut path = Vec::new();
    let mut stage = waits.iter().position(|parents| !parents.is_empty()).unwrap_or_default();
    let start = loop {
        if let Some(start) = path.iter().position(|seen| *seen == stage) {
            break start;
        }
        path.push(stage);
        stage = waits[stage].first().copied().unwrap_or_default();
    };
    path.drain(..start);
    // Followed from reader to read; told in the direction of the data, from the stage that is written first.
    path.reverse();
    let first = path.iter().enumerate().min_by_key(|(_, stage)| **stage).map_or(0, |(position, _)| position);
    path.rotate_left(first);
    let names = path.iter().chain([&path[0]]).map(|stage| format!("`{}`", stages[*stage].name));
    let told = names.collect::<Vec<_>>().join(" → ");
    let (reader, read) = (path[0], path[path.len() - 1]);
    Refusal::Cycle { path: told }.at(place(&known[reader], &stages[reader], &stages[read].name))
}

/// Where it is written that a stage reads from `read`.
fn place(stage: &Known<'_>, checked: &PipelineStage, read: &str) -> Place {
    let port = checked.inputs.iter().find(|(_, input)| input.stage == read).map(|(port, _)| port.as_str());
    let written = port.and_then(|port| find(&stage.raw.inputs, port));
    written.map_or(stage.raw.place, |entry| entry.value.place)
}
