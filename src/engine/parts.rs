//! Parts of stages' work that several of their results have in common, kept in the store as results of their own.
//!
//! For: the [`Keeper`] handed to stages. Not for: results themselves (`execute`). Called by: `execute`.
//!
//! What cannot be kept or read is forgotten: the stage computes it again.

use std::collections::BTreeMap;
use std::fs;

use segpipe_stages::contract::{Keeper, Part};

use super::session::Session;
use crate::digest::Digest;
use crate::fingerprint::Document;
use crate::spec::pipeline::PipelineStage;
use crate::store::StoreError;
use crate::store::records::{Record, RecordedOutput};

/// The parts of one stage's work for inputs of these contents.
pub(super) struct Parts<'a> {
    pub(super) session: &'a Session,
    pub(super) stage: &'a PipelineStage,
    pub(super) inputs: &'a BTreeMap<String, Digest>,
}

impl Parts<'_> {
    fn document(&self, part: &Part<'_>) -> Document {
        Document::of_part(self.stage, self.inputs, part)
    }

    fn store(&self, part: &Part<'_>, bytes: &[u8]) -> Result<(), StoreError> {
        let store = &self.session.store;
        let path = store.temporary_path("part");
        fs::write(&path, bytes).map_err(StoreError::file("write", &path))?;
        let output = RecordedOutput { digest: store.keep_file(&path)?, rows: None };
        let document = self.document(part);
        store.keep_record(&Record {
            fingerprint: document.fingerprint(),
            document: document.text().to_owned(),
            headline: format!("a part of `{}`", self.stage.name),
            notes: Vec::new(),
            seconds: 0.0,
            outputs: [(part.name.to_owned(), output)].into(),
        })
    }
}

impl Keeper for Parts<'_> {
    fn recall(&self, part: &Part<'_>) -> Option<Vec<u8>> {
        if self.session.options.is_forced {
            return None;
        }
        let record = self.session.store.record(self.document(part).fingerprint()).ok()??;
        let digest = record.outputs.get(part.name)?.digest;
        let bytes = fs::read(self.session.store.object_path(digest)).ok()?;
        (Digest::of_bytes(&bytes) == digest).then_some(bytes)
    }

    fn keep(&self, part: &Part<'_>, bytes: &[u8]) {
        // A disk that refuses refuses the stage's outputs too, and is told of there.
        let _ = self.store(part, bytes);
    }
}
