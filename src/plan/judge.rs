//! Judges one stage whose inputs are known against what the store knows.
//!
//! For: fresh, restore or stale, with a reason. Not for: pending or skipped, which are about other stages.
//! Called by: `preview`, the engine.

use std::collections::BTreeMap;

use segpipe_stages::contract::Output;

use crate::digest::Digest;
use crate::fingerprint::{self, Document};
use crate::spec::pipeline::PipelineStage;
use crate::store::records::Record;
use crate::store::remembered::Remembered;
use crate::store::{Store, StoreError};

/// The judgement of one stage whose inputs are known.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// The outputs at their places are those of this record.
    Fresh {
        /// The result.
        record: Record,
        /// Whether it is noted to be the one that they were last brought to.
        is_current: bool,
    },
    /// This record is the result, but the places show something else.
    Restore {
        /// The result.
        record: Record,
        /// What changed, or what is wrong with the places.
        reason: String,
    },
    /// No result is known.
    Stale {
        /// Why the last result does not serve.
        reason: String,
    },
}

/// The digests of a stage's outputs at their places, by output; none for what is missing.
pub type Present = BTreeMap<String, Option<Digest>>;

/// Judges stages against what a store knows and what is at the outputs' places.
#[derive(Debug, Clone, Copy)]
pub struct Judge<'a> {
    /// The store.
    pub store: &'a Store,
    /// Remembered digests of files.
    pub remembered: &'a Remembered,
}

impl Judge<'_> {
    /// Judges `stage`, whose fingerprint document for the present inputs is `document`.
    ///
    /// # Errors
    /// Where something in the store or at an output's place cannot be read.
    pub fn judge(&self, stage: &PipelineStage, document: &Document) -> Result<Judgement, StoreError> {
        self.judge_showing(stage, document, || self.present(stage))
    }

    /// The same, where `present` tells what is at the outputs' places.
    ///
    /// # Errors
    /// Where something in the store cannot be read, and those of `present`.
    pub fn judge_showing(
        &self,
        stage: &PipelineStage,
        document: &Document,
        present: impl FnOnce() -> Result<Present, StoreError>,
    ) -> Result<Judgement, StoreError> {
        let fingerprint = document.fingerprint();
        // The note of what is current is the record itself, which in most cases is all that has to be read. It holds as
        // long as the record has not been taken away.
        let is_kept = self.store.has_record(fingerprint);
        let (record, before) = match self.store.current(&stage.name)? {
            Some(current) if is_kept && current.fingerprint == fingerprint => (Some(current), None),
            other => (self.store.record(fingerprint)?, Some(other)),
        };
        let is_current = before.is_none();
        let before = before.flatten();
        let Some(record) = record else {
            return Ok(Judgement::Stale { reason: stale_reason(stage, document, before.as_ref()) });
        };
        let Some(problem) = problem(&record, present()?) else {
            return Ok(Judgement::Fresh { record, is_current });
        };
        let change = before.and_then(|before| fingerprint::difference(&before.document, document.text(), stage));
        Ok(Judgement::Restore { record, reason: change.unwrap_or(problem) })
    }

    /// Judges by what the store holds alone, whatever is at the places: fresh where the result is known and intact.
    ///
    /// # Errors
    /// Where something in the store cannot be read.
    pub fn judge_kept(&self, stage: &PipelineStage, document: &Document) -> Result<Judgement, StoreError> {
        let Some(record) = self.store.record(document.fingerprint())? else {
            return Ok(Judgement::Stale { reason: "never computed here".to_owned() });
        };
        for port in stage.stage.outputs() {
            let output = record.outputs.get(&*port.name);
            let is_intact = output.map(|output| self.store.has_intact(output.digest, port.kind, self.remembered));
            if !is_intact.transpose()?.unwrap_or(false) {
                return Ok(Judgement::Stale {
                    reason: format!("its kept output `{}` is missing or damaged", port.name),
                });
            }
        }
        Ok(Judgement::Fresh { record, is_current: false })
    }

    /// The digests of the stage's outputs at their places.
    ///
    /// # Errors
    /// Where one is there and cannot be read.
    pub fn present(&self, stage: &PipelineStage) -> Result<Present, StoreError> {
        let digest = |output: &Output| {
            let path = self.store.project().join(&stage.outputs[&*output.name]);
            Ok((output.name.to_string(), self.store.present_digest(&path, output.kind, self.remembered)?))
        };
        stage.stage.outputs().iter().map(digest).collect()
    }
}

/// The first output whose place does not show this record, in words.
fn problem(record: &Record, present: Present) -> Option<String> {
    let problem = |(output, present): (String, Option<Digest>)| {
        let expected = record.outputs.get(&output).map(|output| output.digest);
        match present {
            None => Some(format!("output `{output}` is missing")),
            found if found != expected => Some(format!("output `{output}` was edited")),
            Some(_) => None,
        }
    };
    present.into_iter().find_map(problem)
}

fn stale_reason(stage: &PipelineStage, document: &Document, current: Option<&Record>) -> String {
    let Some(current) = current else { return "never run here".to_owned() };
    let difference = fingerprint::difference(&current.document, document.text(), stage);
    difference.unwrap_or_else(|| "its result is no longer known".to_owned())
}
