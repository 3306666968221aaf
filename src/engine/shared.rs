//! The shared cache in a run: asked where nothing is known here, sent what was executed.
//!
//! For: what is said of it, and its place in the course of a run. Not for: transfers (`remote`).
//! Called by: `update`, `execute`, `closing`.

use std::time::Duration;

use segpipe_stages::contract::{NoteLevel, OutputKind};

use super::listener::Listener;
use super::progress::Results;
use super::session::Session;
use crate::digest::Digest;
use crate::event::Outcome;
use crate::fingerprint::Document;
use crate::remote::{Fetched, Remote, Sent, Wanted};
use crate::spec::pipeline::PipelineStage;
use crate::store::StoreError;
use crate::store::records::Record;

/// How long the end of a run waits for what is being sent.
const PATIENCE: Duration = Duration::from_mins(10);

/// The result of `stage` that `document` determines, taken into the local store; none where there is none to be had.
///
/// # Errors
/// Where the local disk refuses.
pub(super) fn fetch(
    session: &Session,
    stage: &PipelineStage,
    document: &Document,
) -> Result<Option<Record>, StoreError> {
    let Some(remote) = session.ports.remote.as_ref().filter(|_| !session.options.is_forced) else { return Ok(None) };
    let outputs = stage.stage.outputs();
    let wanted = Wanted { fingerprint: document.fingerprint(), document: document.text(), outputs };
    let listener = Listener::new(session, &stage.name);
    let fetched = remote.fetch(&session.store, &session.remembered, &wanted, &listener)?;
    tell_failure(session, remote);
    match fetched {
        Fetched::Taken(record) => Ok(Some(record)),
        Fetched::Nothing => Ok(None),
        Fetched::Refused(problem) => {
            let text = format!("its result in the shared cache is not used: {problem}");
            session.note(Some(&stage.name), NoteLevel::Warning, text);
            Ok(None)
        }
    }
}

/// Takes one output that the local store lost; says whether it is there now.
///
/// # Errors
/// Where the local disk refuses.
pub(super) fn fetch_output(
    session: &Session,
    stage: &PipelineStage,
    output: (Digest, OutputKind),
) -> Result<bool, StoreError> {
    let Some(remote) = &session.ports.remote else { return Ok(false) };
    let listener = Listener::new(session, &stage.name);
    let is_there = remote.fetch_output(&session.store, &session.remembered, output, &listener)?;
    tell_failure(session, remote);
    Ok(is_there)
}

/// Begins to send what `stage` computed. Others can do without it, so that nothing is a failure here.
pub(super) fn send(session: &Session, stage: &PipelineStage, record: &Record) {
    let Some(remote) = &session.ports.remote else { return };
    if let Err(error) = remote.send(&session.store, record, stage.stage.outputs(), false) {
        let text = format!("its result is not sent to the shared cache: {error}");
        session.note(Some(&stage.name), NoteLevel::Warning, text);
    }
}

/// Waits for what is being sent, and sums up.
pub(super) fn finish(session: &Session, results: &Results) {
    let Some(remote) = &session.ports.remote else { return };
    let has_run = results.values().any(|result| result.outcome == Outcome::Ran);
    if let Some(why) = remote.silence().filter(|_| has_run) {
        session.note(None, NoteLevel::Info, format!("nothing is sent to the shared cache: {why}"));
    }
    let sent = remote.finish(Some(PATIENCE));
    tell_failure(session, remote);
    if let Some(text) = summary(remote.taken(), sent) {
        session.note(None, NoteLevel::Info, format!("shared cache `{}`: {text}", remote.address()));
    }
}

/// What was taken and sent, in a few words; none where there is nothing to tell.
fn summary((taken, taken_bytes): (usize, u64), sent: Sent) -> Option<String> {
    let results = |count: usize| if count == 1 { "1 result".to_owned() } else { format!("{count} results") };
    let mut parts = Vec::new();
    if taken > 0 {
        parts.push(format!("{} taken ({:.1} MB)", results(taken), taken_bytes as f64 / 1e6));
    }
    if sent.results > 0 {
        parts.push(format!("{} sent ({:.1} MB)", results(sent.results), sent.bytes as f64 / 1e6));
    }
    if sent.unsent > 0 {
        parts.push(format!("{} not sent; `segpipe cache push` sends what is missing there", results(sent.unsent)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Says once why the shared cache is no longer used.
fn tell_failure(session: &Session, remote: &Remote) {
    if let Some(error) = remote.take_failure() {
        let hint = error.hint().map(|hint| format!("; {hint}")).unwrap_or_default();
        session.note(None, NoteLevel::Warning, format!("{}; the run goes on without it{hint}", error.line()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_tells_what_there_is_to_tell() {
        assert_eq!(summary((0, 0), Sent { known: 3, ..Sent::default() }), None);
        assert_eq!(summary((9, 3_160_000), Sent::default()).unwrap(), "9 results taken (3.2 MB)");
        let sent = Sent { results: 1, bytes: 1_250_000, known: 0, unsent: 2 };
        let expected = "1 result sent (1.2 MB), 2 results not sent; `segpipe cache push` sends what is missing there";
        assert_eq!(summary((0, 0), sent).unwrap(), expected);
    }
}
