//! Stages that fail, and disks that refuse.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use segpipe_stages::contract::{Fault, RunStatus, StageError};

use crate::fakes::Project;

#[test]
fn what_needs_a_failed_stage_is_skipped_with_its_name() {
    let project = Project::new();
    project.count.before(|_| Err(StageError::new(Fault::Data, "the data is no good").with_hint("bring better data")));
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:failed draw:skipped");
    assert_eq!((ran.reason("count").as_str(), ran.reason("draw").as_str()), ("the data is no good", "needs `count`"));
    assert_eq!(ran.report.finished.exit_code, 3);
    assert_eq!(ran.report.failures[0].error.hint.as_deref(), Some("bring better data"));
}

#[test]
fn every_fault_has_its_exit_code() {
    let codes = [
        (Fault::Stage, 1),
        (Fault::Params, 2),
        (Fault::Data, 3),
        (Fault::Disk, 4),
        (Fault::Bug, 70),
        (Fault::Cancelled, 130),
    ];
    for (fault, code) in codes {
        let project = Project::new();
        project.load.before(move |_| Err(StageError::new(fault, "no")));
        assert_eq!(project.run().report.finished.exit_code, code, "{fault:?}");
    }
}

#[test]
fn a_panic_in_a_stage_is_a_bug_and_not_a_crash() {
    let project = Project::new();
    project.count.before(|_| panic!("index out of bounds"));
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:failed draw:skipped");
    assert_eq!(ran.report.finished.exit_code, 70);
    assert_eq!(ran.reason("count"), "stage `count` panicked: index out of bounds");
}

#[test]
fn a_stage_that_does_not_write_what_it_declared_is_a_bug() {
    let project = Project::new();
    project.draw.before(|ctx| {
        fs::create_dir(ctx.output("report")?).unwrap();
        Ok(())
    });
    assert_eq!(project.run().report.finished.exit_code, 70);
}

#[test]
fn an_interruption_stops_the_run_leaves_a_clean_state_and_is_sealed_as_killed() {
    let project = Project::new();
    let cancel = Arc::clone(&project.is_cancelled);
    project.count.before(move |ctx| {
        cancel.store(true, Ordering::SeqCst);
        ctx.check_cancelled()
    });
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:failed draw:skipped");
    assert_eq!(ran.report.finished.exit_code, 130);
    assert_eq!(project.sealed.lock().unwrap()[0].status, RunStatus::Killed);
    project.is_cancelled.store(false, Ordering::SeqCst);
    project.count.as_usual();
    assert_eq!(project.run_well(), "load:cached count:ran draw:ran");
}

#[test]
fn a_file_in_place_of_the_artifacts_folder_is_named() {
    let project = Project::new();
    fs::write(project.path("artifacts"), "in the way").unwrap();
    let error = project.try_run().map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 4);
    assert!(error.to_string().ends_with("artifacts` is not a folder"), "{error}");
    assert_eq!(fs::read_to_string(project.path("artifacts")).unwrap(), "in the way");
}

#[test]
fn only_runs_that_executed_something_are_sealed_with_what_became_of_every_stage() {
    let project = Project::new();
    project.run();
    project.run();
    let sealed = project.sealed.lock().unwrap();
    assert_eq!(sealed.len(), 1);
    assert_eq!(sealed[0].status, RunStatus::Finished);
    assert!(sealed[0].started_ms <= sealed[0].ended_ms);
    let outcomes: Vec<_> = sealed[0].stages.iter().map(|stage| (stage.name.as_str(), stage.outcome)).collect();
    assert_eq!(outcomes, [("load", "ran"), ("count", "ran"), ("draw", "ran")]);
    assert_eq!(fs::read_to_string(&sealed[0].stages[1].outputs["number"].path).unwrap(), "20");
}

#[test]
fn a_failed_run_is_sealed_as_failed() {
    let project = Project::new();
    project.count.before(|_| Err(StageError::new(Fault::Stage, "no")));
    project.run();
    assert_eq!(project.sealed.lock().unwrap()[0].status, RunStatus::Failed);
}

#[test]
fn going_back_to_an_earlier_result_is_sealed_as_a_return() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    project.run();
    project.k = 10;
    let back = project.run();
    assert_eq!(back.outcomes(), "load:cached count:restored draw:restored");
    assert_eq!(back.report.finished.outbox.as_deref(), Some(Path::new("returned")));
    let sealed = project.sealed.lock().unwrap().clone();
    assert_eq!(sealed.len(), 3);
    assert_eq!(fs::read_to_string(&sealed[2].stages[1].outputs["number"].path).unwrap(), "20");
    assert_eq!(project.run().report.finished.outbox, None, "with nothing to do there is nothing to tell");
}

#[test]
fn a_run_on_a_stale_upstream_is_sealed_as_such() {
    let mut project = Project::new();
    project.run();
    fs::write(project.path("artifacts/load/lines.parquet"), "one\ntwo\nthree\n").unwrap();
    project.select(Some("count"), None, None);
    project.run();
    let stale: Vec<bool> = project.sealed.lock().unwrap().iter().map(|run| run.stale_upstream).collect();
    assert_eq!(stale, [false, true]);
}
