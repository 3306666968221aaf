//! Plans a whole pipeline without running or writing anything.
//!
//! For: `segpipe status`, `segpipe run --dry-run`, and the line about stale upstream of a partial run.
//! Not for: running. Called by: `cli`, the engine.

use std::collections::{BTreeMap, BTreeSet};

use segpipe_stages::contract::{SourceResolver, StageError};

use super::judge::{Judge, Judgement};
use super::sources::{self, Peeked, WitnessedSources};
use super::{Plan, PlannedStage, State};
use crate::digest::Digest;
use crate::fingerprint::Document;
use crate::graph::{self, Selection};
use crate::spec::pipeline::{Pipeline, PipelineStage};

/// A pipeline, what is to be done with it, and what is known about it.
pub struct Preview<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The names of the stages that are to be brought up to date.
    pub selected: &'a BTreeSet<&'a str>,
    /// What made the selection.
    pub selection: &'a Selection,
    /// Whether selected stages are to run even if fresh.
    pub is_forced: bool,
    /// The judge.
    pub judge: Judge<'a>,
    /// Where sources are looked for.
    pub resolver: &'a dyn SourceResolver,
}

type Outputs = BTreeMap<String, Digest>;

impl Preview<'_> {
    /// What a run would do about every stage.
    ///
    /// # Errors
    /// Where a source is missing for good, or something cannot be read.
    pub fn plan(&self) -> Result<Plan, StageError> {
        let mut outputs = BTreeMap::new();
        let mut plan = Plan { stages: Vec::new(), upstream: self.stale_upstream()? };
        for stage in &self.pipeline.stages {
            let planned = if self.selected.contains(stage.name.as_str()) {
                self.plan_selected(stage, &mut outputs)?
            } else {
                outputs.insert(stage.name.as_str(), self.outputs_as_they_are(stage)?);
                (State::Skipped, Some(format!("left out by `{}`", self.selection.arguments())))
            };
            plan.stages.push(PlannedStage { stage: stage.name.clone(), state: planned.0, reason: planned.1 });
        }
        Ok(plan)
    }

    /// A line for every stage that the selection leaves out, whose outputs it uses, and that is not fresh.
    ///
    /// # Errors
    /// Where something cannot be read.
    pub fn stale_upstream(&self) -> Result<Vec<String>, StageError> {
        if self.selected.len() == self.pipeline.stages.len() {
            return Ok(Vec::new());
        }
        let mut needed = BTreeSet::new();
        for name in self.selected {
            needed.extend(graph::upstream(self.pipeline, name));
        }
        let mut lines = Vec::new();
        for stage in &self.pipeline.stages {
            let name = stage.name.as_str();
            if needed.contains(name)
                && !self.selected.contains(name)
                && let Some(reason) = self.staleness(stage)?
            {
                lines.push(format!("`{name}` ({reason})"));
            }
        }
        Ok(lines)
    }

    fn plan_selected<'p>(
        &self,
        stage: &'p PipelineStage,
        outputs: &mut BTreeMap<&'p str, Outputs>,
    ) -> Result<(State, Option<String>), StageError> {
        let mut inputs = Outputs::new();
        for (port, from) in &stage.inputs {
            let known = outputs.get(from.stage.as_str()).and_then(|known| known.get(&from.output));
            let Some(digest) = known else {
                return Ok((State::Pending, Some(format!("waits for `{}`", from.stage))));
            };
            inputs.insert(port.clone(), *digest);
        }
        let Peeked::Known(sources) = sources::peek(stage, self.resolver, self.judge.remembered)? else {
            return Ok((State::Stale, Some("its source is to be fetched or simulated".to_owned())));
        };
        let (state, reason, known) = match self.judge_with(stage, &inputs, &sources)? {
            Judgement::Stale { reason } => (State::Stale, Some(reason), None),
            _ if self.is_forced => (State::Stale, Some("forced".to_owned()), None),
            Judgement::Restore { record, reason } => (State::Restore, Some(reason), Some(record)),
            Judgement::Fresh(record) => (State::Fresh, None, Some(record)),
        };
        if let Some(record) = known {
            outputs.insert(&stage.name, known_outputs(stage, &record.outputs));
        }
        Ok((state, reason))
    }

    fn judge_with(
        &self,
        stage: &PipelineStage,
        inputs: &Outputs,
        sources: &WitnessedSources,
    ) -> Result<Judgement, StageError> {
        let document = Document::new(stage, inputs, &sources.sources);
        Ok(self.judge.judge(stage, &document)?)
    }

    /// Why a stage that is left out is not fresh; none where it is.
    fn staleness(&self, stage: &PipelineStage) -> Result<Option<String>, StageError> {
        let mut inputs = Outputs::new();
        for (port, reference) in &stage.inputs {
            let from = self.pipeline.stage(&reference.stage);
            let known = from.map(|from| self.outputs_as_they_are(from)).transpose()?;
            match known.and_then(|known| known.get(&reference.output).copied()) {
                Some(digest) => inputs.insert(port.clone(), digest),
                None => return Ok(Some(format!("input `{reference}` is missing"))),
            };
        }
        let sources = match sources::peek(stage, self.resolver, self.judge.remembered) {
            Ok(Peeked::Known(sources)) => sources,
            Ok(Peeked::ToBeFetched) => return Ok(Some("its source is not there".to_owned())),
            Err(error) => return Ok(Some(error.message)),
        };
        Ok(match self.judge_with(stage, &inputs, &sources)? {
            Judgement::Fresh(_) => None,
            Judgement::Restore { reason, .. } | Judgement::Stale { reason } => Some(reason),
        })
    }

    /// The outputs of a stage that is left out: what is at their places, else what was last known to belong there.
    fn outputs_as_they_are(&self, stage: &PipelineStage) -> Result<Outputs, StageError> {
        let last = self.judge.store.current(&stage.name)?;
        let present = self.judge.present(stage)?;
        let known = present.into_iter().filter_map(|(output, digest)| {
            let recorded = || last.as_ref().and_then(|record| record.outputs.get(&output)).map(|output| output.digest);
            let digest = digest.or_else(recorded)?;
            Some((output, digest))
        });
        Ok(known.collect())
    }
}

fn known_outputs(stage: &PipelineStage, recorded: &BTreeMap<String, crate::store::records::RecordedOutput>) -> Outputs {
    let ports = stage.stage.outputs().iter();
    ports.filter_map(|port| Some((port.name.to_string(), recorded.get(&*port.name)?.digest))).collect()
}
