//! Why a stage would run, or would not: which facts were compared, and with those of which result.
//!
//! For: `segpipe explain`. Not for: judging (`judge`), which this repeats word for word. Called by: the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use segpipe_stages::contract::StageError;

use super::State;
use super::preview::{Outputs, Preview};
use super::sources::{self, Peeked};
use crate::digest::Digest;
use crate::fingerprint::{self, Document, Side};
use crate::spec::pipeline::PipelineStage;
use crate::store::records::Record;

/// Everything there is to say of why a stage is in its state.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Its name.
    pub stage: String,
    /// Its kind.
    pub kind: String,
    /// What has to be done about it.
    pub state: State,
    /// Why; none for a fresh stage.
    pub reason: Option<String>,
    /// What determines its result now; none where an input or a source is not there.
    pub document: Option<Document>,
    /// The result that its outputs were last brought to, with which the document is compared.
    pub last: Option<LastResult>,
    /// In words, how the document differs from that of the last result.
    pub differences: Vec<String>,
    /// Its outputs, and what is at their places.
    pub outputs: Vec<ExplainedOutput>,
}

/// A result that outputs were brought to.
#[derive(Debug, Clone, PartialEq)]
pub struct LastResult {
    /// What is recorded of it.
    pub record: Record,
    /// When it was made.
    pub made: Option<SystemTime>,
    /// Since when the outputs are its.
    pub since: Option<SystemTime>,
}

/// An output, and what is at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedOutput {
    /// Its name.
    pub name: String,
    /// Where it is, relative to the pipeline's folder.
    pub path: PathBuf,
    /// What the last result has recorded.
    pub recorded: Option<Digest>,
    /// What is there.
    pub present: Option<Digest>,
}

impl Explanation {
    /// The lines of the documents of the last result and of now.
    pub fn lines(&self) -> Vec<(Side, &str)> {
        let last = self.last.as_ref().map(|last| last.record.document.as_str());
        let now = self.document.as_ref().map(Document::text);
        match (last, now) {
            (Some(last), Some(now)) => fingerprint::side_by_side(last, now),
            (one, other) => {
                let lines = one.or(other).unwrap_or_default().lines();
                lines.map(|line| (if one.is_some() { Side::Old } else { Side::New }, line)).collect()
            }
        }
    }
}

impl Preview<'_> {
    /// Explains the stage called `name`; none where there is no such stage. All stages are taken as selected.
    ///
    /// # Errors
    /// Where a source is missing for good, or something cannot be read.
    pub fn explain(&self, name: &str) -> Result<Option<Explanation>, StageError> {
        let mut outputs = BTreeMap::new();
        for stage in &self.pipeline.stages {
            let (state, reason) = self.plan_selected(stage, &mut outputs)?;
            if stage.name == name {
                return self.explanation(stage, (state, reason), &outputs).map(Some);
            }
        }
        Ok(None)
    }

    fn explanation(
        &self,
        stage: &PipelineStage,
        (state, reason): (State, Option<String>),
        outputs: &BTreeMap<&str, Outputs>,
    ) -> Result<Explanation, StageError> {
        let store = self.judge.store;
        let document = self.document_now(stage, outputs)?;
        let last = store.current(&stage.name)?.map(|record| LastResult {
            made: store.recorded_at(record.fingerprint),
            since: store.current_since(&stage.name),
            record,
        });
        let differences = match (&last, &document) {
            (Some(last), Some(now)) => {
                let connected = |port: &str| stage.inputs.get(port).map(ToString::to_string);
                fingerprint::differences(&last.record.document, now.text(), connected)
            }
            _ => Vec::new(),
        };
        let present = self.judge.present(stage)?;
        let recorded = |name: &str| last.as_ref()?.record.outputs.get(name).map(|output| output.digest);
        let output = |(name, present): (String, Option<Digest>)| ExplainedOutput {
            path: stage.outputs[&name].clone(),
            recorded: recorded(&name),
            name,
            present,
        };
        let outputs = present.into_iter().map(output).collect();
        let (stage, kind) = (stage.name.clone(), stage.stage.name().to_owned());
        Ok(Explanation { stage, kind, state, reason, document, last, differences, outputs })
    }

    /// What determines the stage's result with its inputs as they are to be, or as they are where that is not known yet.
    fn document_now(
        &self,
        stage: &PipelineStage,
        outputs: &BTreeMap<&str, Outputs>,
    ) -> Result<Option<Document>, StageError> {
        let mut inputs = Outputs::new();
        for (port, from) in &stage.inputs {
            let planned = outputs.get(from.stage.as_str()).and_then(|known| known.get(&from.output)).copied();
            let digest = match (planned, self.pipeline.stage(&from.stage)) {
                (None, Some(upstream)) => self.outputs_as_they_are(upstream)?.get(&from.output).copied(),
                (planned, _) => planned,
            };
            let Some(digest) = digest else { return Ok(None) };
            inputs.insert(port.clone(), digest);
        }
        let Peeked::Known(sources) = sources::peek(stage, self.resolver, self.judge.remembered)? else {
            return Ok(None);
        };
        Ok(Some(Document::new(stage, &inputs, &sources.sources)))
    }
}
