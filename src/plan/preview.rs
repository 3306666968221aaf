//! Plans a whole pipeline without running or writing anything.
//!
//! For: `segpipe status`, `segpipe run --dry-run`, and the line about stale upstream of a partial run.
//! Not for: running. Called by: `cli`, the engine.

use std::collections::{BTreeMap, BTreeSet};

use segpipe_stages::contract::{SourceResolver, StageError};

use super::judge::{Judge, Judgement};
use super::sources::{self, Peeked, WitnessedSources};
use super::{FROZEN, Plan, PlannedStage, State};
use crate::digest::Digest;
use crate::fingerprint::Document;
use crate::graph::{self, Selection};
use crate::spec::pipeline::{Pipeline, PipelineStage};

/// A pipeline, what is to be done with it, and what is known about it.
pub struct Preview<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// The names of the stages that are asked for; those among them that are frozen are not brought up to date.
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

/// The digests of a stage's outputs, by name.
pub(super) type Outputs = BTreeMap<String, Digest>;

impl Preview<'_> {
    /// What a run would do about every stage.
    ///
    /// # Errors
    /// Where a source is missing for good, or something cannot be read.
    pub fn plan(&self) -> Result<Plan, StageError> {
        Ok(Plan { stages: self.planned()?, upstream: self.stale_upstream()? })
    }

    fn planned(&self) -> Result<Vec<PlannedStage>, StageError> {
        let (mut stages, mut outputs) = (Vec::new(), BTreeMap::new());
        for stage in &self.pipeline.stages {
            let planned = if self.is_run(stage) || stage.terms.is_frozen {
                self.plan_selected(stage, &mut outputs)?
            } else {
                outputs.insert(stage.name.as_str(), self.outputs_as_they_are(stage)?);
                (State::Skipped, Some(format!("left out by `{}`", self.selection.arguments())))
            };
            stages.push(PlannedStage { stage: stage.name.clone(), state: planned.0, reason: planned.1 });
        }
        Ok(stages)
    }

    /// Whether a stage is asked for and may run.
    fn is_run(&self, stage: &PipelineStage) -> bool {
        self.selected.contains(stage.name.as_str()) && !stage.terms.is_frozen
    }

    /// The stages that are asked for and may run.
    fn run(&self) -> BTreeSet<&str> {
        let run = self.pipeline.stages.iter().filter(|stage| self.is_run(stage));
        run.map(|stage| stage.name.as_str()).collect()
    }

    /// A line for every stage that the selection leaves out, whose outputs it uses, and that is not fresh; and for every
    /// frozen one that is asked for and would not be fresh.
    ///
    /// # Errors
    /// Where something cannot be read.
    pub fn stale_upstream(&self) -> Result<Vec<String>, StageError> {
        let run = self.run();
        if run.len() == self.pipeline.stages.len() {
            return Ok(Vec::new());
        }
        let needed = graph::upstream_of_all(self.pipeline, run);
        let is_used = |stage: &&PipelineStage| {
            let name = stage.name.as_str();
            !self.is_run(stage) && (needed.contains(name) || self.selected.contains(name))
        };
        let used: Vec<_> = self.pipeline.stages.iter().filter(is_used).collect();
        let overtaken = self.overtaken(&used)?;
        let mut lines = Vec::new();
        for stage in used {
            let frozen = if stage.terms.is_frozen { "frozen, " } else { "" };
            let reason = self.staleness(stage)?.or_else(|| overtaken.get(stage.name.as_str()).cloned());
            lines.extend(reason.map(|reason| format!("`{}` ({frozen}{reason})", stage.name)));
        }
        Ok(lines)
    }

    /// Of stages that are left out between selected ones, those that the run itself will make stale, with the reason.
    fn overtaken<'p>(&self, left_out: &[&'p PipelineStage]) -> Result<BTreeMap<&'p str, String>, StageError> {
        let after = graph::downstream_of_all(self.pipeline, self.run());
        let between: Vec<_> = left_out.iter().filter(|stage| after.contains(stage.name.as_str())).collect();
        if between.is_empty() {
            return Ok(BTreeMap::new());
        }
        let is_worked_on = |stage: &PlannedStage| matches!(stage.state, State::Stale | State::Pending);
        let worked_on: Vec<_> = self.planned()?.into_iter().filter(is_worked_on).collect();
        let reason = |stage: &&&'p PipelineStage| {
            let needs = graph::upstream(self.pipeline, &stage.name);
            let first = worked_on.iter().find(|other| needs.contains(other.stage.as_str()))?;
            Some((stage.name.as_str(), format!("`{}` is run without it", first.stage)))
        };
        Ok(between.iter().filter_map(reason).collect())
    }

    /// What a run would do about a stage that is asked for.
    pub(super) fn plan_selected<'p>(
        &self,
        stage: &'p PipelineStage,
        outputs: &mut BTreeMap<&'p str, Outputs>,
    ) -> Result<(State, Option<String>), StageError> {
        if stage.terms.is_frozen {
            outputs.insert(&stage.name, self.outputs_as_they_are(stage)?);
            return Ok((State::Skipped, Some(FROZEN.to_owned())));
        }
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
            Judgement::Fresh { record, .. } => (State::Fresh, None, Some(record)),
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
            Judgement::Fresh { .. } => None,
            Judgement::Restore { reason, .. } | Judgement::Stale { reason } => Some(reason),
        })
    }

    /// The outputs of a stage that is left out: what is at their places, else what was last known to belong there.
    pub(super) fn outputs_as_they_are(&self, stage: &PipelineStage) -> Result<Outputs, StageError> {
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
