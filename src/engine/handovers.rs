//! What stages have in memory of what they wrote, for those that read it later in the same run.
//!
//! For: handing it over, and letting go of it once it was read. Not for: what it is (the stages know). Whoever does not
//! find it here reads the file. Called by: `execute`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use segpipe_stages::contract::InMemory;

use crate::digest::Digest;
use crate::spec::pipeline::Pipeline;

/// How many are held at once. Stages that read one mostly begin as soon as it is there.
const MOST: usize = 4;

/// What is in memory of some outputs, the latest last.
#[derive(Default)]
pub(super) struct Handovers(Mutex<Vec<Handover>>);

struct Handover {
    /// Digest of the output.
    digest: Digest,
    /// How many will still read it.
    readers: usize,
    content: InMemory,
}

impl Handovers {
    /// Holds what is in memory of an output for the stages of `pipeline` that read it so.
    pub(super) fn offer(&self, pipeline: &Pipeline, (stage, output): (&str, &str), digest: Digest, content: InMemory) {
        let readers = readers(pipeline, stage, output);
        if readers == 0 {
            return;
        }
        let mut held = self.lock();
        if held.len() == MOST {
            held.remove(0);
        }
        held.push(Handover { digest, readers, content });
    }

    /// What is in memory of the output with this digest, for one of those that read it; the last one takes it away.
    pub(super) fn take(&self, digest: Digest) -> Option<InMemory> {
        let mut held = self.lock();
        let position = held.iter().position(|handover| handover.digest == digest)?;
        held[position].readers -= 1;
        match held[position].readers {
            0 => Some(held.remove(position).content),
            _ => Some(held[position].content.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Handover>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many ports that take memory read an output.
fn readers(pipeline: &Pipeline, stage: &str, output: &str) -> usize {
    let reads = |(port, takes_memory): (&str, bool), reader: &crate::spec::pipeline::PipelineStage| {
        let reference = reader.inputs.get(port);
        takes_memory && reference.is_some_and(|reference| reference.stage == stage && reference.output == output)
    };
    let ports = pipeline.stages.iter().flat_map(|reader| reader.stage.inputs().iter().map(move |port| (reader, port)));
    ports.filter(|(reader, port)| reads((&port.name, port.takes_memory), reader)).count()
}
