//! The end of a run: pipeline.lock, the sealed entry for tracking, what was remembered, the last event.
//!
//! For: everything that is about the run as a whole. Not for: any one stage. Called by: the engine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use rayon::prelude::*;
use segpipe_stages::contract::{
    CheckedParams, Fault, FinishedRun, FinishedStage, InputFile, NoteLevel, RunStatus, SourceOrigin, StageError,
};

use super::progress::Results;
use super::session::{Reach, Session};
use super::update::StageResult;
use super::{Computed, Failure, RunReport, exit_code, shared};
use crate::event::{Event, Outcome, RunFinished};
use crate::fingerprint;
use crate::lock::Lock;
use crate::spec::pipeline::PipelineStage;
use crate::store::files;

/// Closes a run whose stages are all done with.
pub(super) fn close(session: &Session, mut results: Results) -> RunReport {
    let mut failures = take_failures(session, &mut results);
    let is_complete = session.pipeline.stages.iter().all(|stage| has_result(stage, &results));
    let lock_differences = settle_lock(session, &results, is_complete, &mut failures);
    let outbox = seal(session, &results, &failures);
    shared::finish(session, &results);
    remember(session, &results);
    tidy(session);
    let code = run_exit_code(session, &failures, &lock_differences);
    for difference in &lock_differences {
        session.emit(Event::LockDiffers { difference: difference.clone() });
    }
    let finished = RunFinished {
        ok: code == 0,
        seconds: session.began.elapsed().as_secs_f64(),
        outcomes: count(&results),
        outbox,
        exit_code: code,
    };
    session.emit(Event::RunFinished(finished.clone()));
    RunReport { finished, failures, lock_differences }
}

/// Ends a run that reaches no further than the store.
pub(super) fn hand_over(session: &Session, mut results: Results) -> Computed {
    let failures = take_failures(session, &mut results);
    shared::finish(session, &results);
    tidy(session);
    Computed { stages: finished_stages(session, &results), failures, is_interrupted: session.is_cancelled() }
}

/// Stages whose outputs the next run would take long to read all at once.
const MANY: usize = 100;
/// Bytes of an output that is read once more for it, at the most.
const SMALL: u64 = 1 << 16;

/// Remembers the digests of many small outputs that were too young for it when they were placed, so that the next run
/// finds them known.
fn remember(session: &Session, results: &Results) {
    let is_new = |stage: &&PipelineStage| {
        let outcome = results.get(&stage.name).map(|result| result.outcome);
        matches!(outcome, Some(Outcome::Ran | Outcome::Restored))
    };
    let new: Vec<&PipelineStage> = session.pipeline.stages.iter().filter(is_new).collect();
    if new.len() < MANY {
        return;
    }
    new.par_iter().for_each(|stage| {
        for path in stage.outputs.values().map(|path| session.store.project().join(path)) {
            if path.symlink_metadata().is_ok_and(|found| found.is_file() && found.len() <= SMALL) {
                // What cannot be read now is told of by whoever needs it.
                let _ = session.remembered.digest(&path);
            }
        }
    });
}

/// Keeps what was remembered, and nothing temporary.
fn tidy(session: &Session) {
    session.remembered.save(&session.store.temporary_path("remembered"));
    if let Err(error) = session.store.clean() {
        session.note(None, NoteLevel::Warning, format!("temporary files are left behind: {error}"));
    }
}

fn take_failures(session: &Session, results: &mut Results) -> Vec<Failure> {
    let mut failures = Vec::new();
    for stage in &session.pipeline.stages {
        let error = results.get_mut(&stage.name).and_then(|result| result.error.take());
        failures.extend(error.map(|error| Failure { stage: stage.name.clone(), error }));
    }
    failures
}

fn run_exit_code(session: &Session, failures: &[Failure], lock_differences: &[String]) -> u8 {
    let interrupted = session.is_cancelled().then_some(exit_code(Fault::Cancelled));
    let failed = failures.first().map(|failure| exit_code(failure.error.fault));
    let differs = (!lock_differences.is_empty()).then_some(exit_code(Fault::Stage));
    interrupted.or(failed).or(differs).unwrap_or(0)
}

fn count(results: &Results) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for result in results.values() {
        *counts.entry(result.outcome.as_str()).or_default() += 1;
    }
    counts
}

/// Compares with pipeline.lock where asked to, else writes it where the run may.
fn settle_lock(session: &Session, results: &Results, is_complete: bool, failures: &mut Vec<Failure>) -> Vec<String> {
    let path = Lock::path(&session.pipeline.file);
    let facts = lock_facts(session, results);
    let settled = if session.options.is_locked {
        Lock::read(&path).map(|locked| compare(session, results, &facts, locked.as_ref()))
    } else if may_write_lock(session, results, is_complete) {
        facts.write(&path, &session.store).map(|_| Vec::new())
    } else {
        Ok(Vec::new())
    };
    settled.unwrap_or_else(|error| {
        failures.push(Failure { stage: "pipeline.lock".to_owned(), error: error.into() });
        Vec::new()
    })
}

fn compare(session: &Session, results: &Results, facts: &Lock, locked: Option<&Lock>) -> Vec<String> {
    let mut differences = Vec::new();
    if is_simulated(results) {
        differences.push("the data is simulated; pipeline.lock never names simulated data".to_owned());
    }
    let Some(locked) = locked else {
        differences.push("there is no pipeline.lock; a complete `segpipe run` writes it".to_owned());
        return differences;
    };
    let is_covered = |stage: &str| {
        let has_outputs = || results.get(stage).is_some_and(|result| !result.outputs.is_empty());
        session.pipeline.stage(stage).is_none_or(|stage| has_result(stage, results) && has_outputs())
    };
    differences.extend(facts.differences(locked, is_covered));
    differences
}

/// Whether a stage has the result that it is to have after this run: one that is frozen has what is there.
fn has_result(stage: &PipelineStage, results: &Results) -> bool {
    results.get(&stage.name).is_some_and(|result| match result.outcome {
        Outcome::Failed => false,
        Outcome::Skipped => stage.terms.is_frozen,
        Outcome::Ran | Outcome::Cached | Outcome::Restored => true,
    })
}

fn may_write_lock(session: &Session, results: &Results, is_complete: bool) -> bool {
    is_complete
        && session.options.selection.is_everything()
        && !session.pipeline.is_overridden
        && !session.is_cancelled()
        && !is_simulated(results)
}

fn is_simulated(results: &Results) -> bool {
    let mut sources = results.values().flat_map(|result| &result.sources);
    sources.any(|(_, _, origin)| *origin == SourceOrigin::Simulated)
}

fn lock_facts(session: &Session, results: &Results) -> Lock {
    let mut lock = Lock::default();
    for stage in &session.pipeline.stages {
        let Some(result) = results.get(&stage.name).filter(|_| has_result(stage, results)) else { continue };
        for (name, digest, _) in &result.sources {
            lock.add_source(&stage.name, name, *digest);
        }
        for output in stage.stage.outputs().iter().filter(|output| output.is_locked) {
            let Some(recorded) = result.outputs.get(&*output.name) else { continue };
            if stage.terms.is_frozen {
                lock.add_frozen(&stage.name, &output.name, recorded.digest);
            } else {
                lock.add_output(&stage.name, &output.name, recorded.digest);
            }
        }
    }
    lock
}

/// Seals the run for tracking where it executed anything, or went back to an earlier result. Failing to is said and
/// does not fail the run.
fn seal(session: &Session, results: &Results, failures: &[Failure]) -> Option<PathBuf> {
    let has = |wanted: Outcome| results.values().any(|result| result.outcome == wanted);
    let tracker = session.ports.tracker.as_ref();
    let run = || finished_run(session, results, failures);
    let sealed = if has(Outcome::Ran) || has(Outcome::Failed) {
        tracker.seal(&run()).map(Some)
    } else if has(Outcome::Restored) && failures.is_empty() && !session.is_cancelled() {
        tracker.seal_return(&run())
    } else {
        return None;
    };
    let passed = |path: Option<PathBuf>| {
        files::pass("run.sealed", path.as_deref().unwrap_or(session.store.project()))?;
        Ok(path)
    };
    match sealed.and_then(passed) {
        Ok(path) => path,
        Err(error) => {
            session.note(None, NoteLevel::Warning, format!("the run could not be sealed for tracking: {error}"));
            None
        }
    }
}

fn finished_run(session: &Session, results: &Results, failures: &[Failure]) -> FinishedRun {
    let is_interrupted = |failure: &Failure| matches!(failure.error, StageError { fault: Fault::Cancelled, .. });
    let status = if session.is_cancelled() || failures.iter().any(is_interrupted) {
        RunStatus::Killed
    } else if failures.is_empty() {
        RunStatus::Finished
    } else {
        RunStatus::Failed
    };
    FinishedRun {
        status,
        started_ms: session.began_at.as_millisecond(),
        ended_ms: Timestamp::now().as_millisecond(),
        pipeline: session.pipeline.name.clone(),
        directory: session.pipeline.directory.clone(),
        file: session.pipeline.file.clone(),
        stale_upstream: session.has_stale_upstream,
        stages: finished_stages(session, results),
    }
}

fn finished_stages(session: &Session, results: &Results) -> Vec<FinishedStage> {
    let finished = |stage: &PipelineStage| Some(finished_stage(session, stage, results.get(&stage.name)?));
    session.pipeline.stages.iter().filter_map(finished).collect()
}

fn finished_stage(session: &Session, stage: &PipelineStage, result: &StageResult) -> FinishedStage {
    let output = |(name, recorded): (&String, &crate::store::records::RecordedOutput)| {
        let path = match session.reach {
            Reach::Project => session.store.project().join(stage.outputs.get(name.as_str())?),
            Reach::Store => session.store.object_path(recorded.digest),
        };
        Some((name.clone(), InputFile { path, digest: recorded.digest.to_string() }))
    };
    FinishedStage {
        name: stage.name.clone(),
        kind: stage.stage.name().to_owned(),
        outcome: result.outcome.as_str(),
        reason: result.reason.clone(),
        seconds: result.seconds,
        fingerprint: result.fingerprint.map(|fingerprint| fingerprint.to_string()),
        params: params(session, stage, result),
        outputs: result.outputs.iter().filter_map(output).collect(),
    }
}

/// The params that the stage's result was made with: of a frozen one those of its last result, where that is what is
/// there, whatever the pipeline says now.
fn params(session: &Session, stage: &PipelineStage, result: &StageResult) -> CheckedParams {
    if !stage.terms.is_frozen {
        return stage.params.clone();
    }
    let record = result.fingerprint.and_then(|fingerprint| session.store.record(fingerprint).ok().flatten());
    let determining = record.map(|record| fingerprint::params(&record.document)).unwrap_or_default();
    CheckedParams { determining, incidental: stage.params.incidental.clone() }
}
