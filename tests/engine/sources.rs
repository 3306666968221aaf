//! Files from outside that change before, between and during runs.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::fakes::Project;

#[test]
fn a_touched_source_is_read_again_but_nothing_runs() {
    let project = Project::new();
    project.run();
    std::thread::sleep(Duration::from_millis(60));
    project.write_source("one\ntwo\n");
    assert_eq!(project.run_well(), "load:cached count:cached draw:cached");
}

#[test]
fn a_source_edited_while_its_stage_runs_is_never_recorded_as_the_input_of_that_result() {
    let project = Project::new();
    let source = project.path("source.txt");
    let edits = AtomicUsize::new(0);
    project.load.before(move |_| {
        if edits.fetch_add(1, Ordering::SeqCst) == 0 {
            fs::write(&source, "one\ntwo\nthree\n").unwrap();
        }
        Ok(())
    });
    let ran = project.run();
    assert_eq!(project.load.runs(), 2);
    assert!(ran.notes().iter().any(|note| note.contains("changed while the stage ran")), "{:?}", ran.notes());
    assert_eq!(project.read("artifacts/count/number.parquet"), "30");
    project.write_source("one\ntwo\n");
    let ran = project.run();
    assert!(ran.has_run("load"), "the first attempt's result must not be known: {}", ran.outcomes());
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
}

#[test]
fn a_source_changed_and_changed_back_while_its_stage_runs_is_read_again() {
    let project = Project::new();
    let source = project.path("source.txt");
    let edits = AtomicUsize::new(0);
    project.load.before(move |_| {
        if edits.fetch_add(1, Ordering::SeqCst) == 0 {
            fs::write(&source, "one\n").unwrap();
            fs::write(&source, "one\ntwo\n").unwrap();
        }
        Ok(())
    });
    project.run();
    assert_eq!(project.load.runs(), 2);
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
}

#[test]
fn a_source_that_keeps_changing_is_an_error_that_says_so() {
    let project = Project::new();
    let source = project.path("source.txt");
    let edits = AtomicUsize::new(0);
    project.load.before(move |_| {
        fs::write(&source, format!("{}\n", edits.fetch_add(1, Ordering::SeqCst))).unwrap();
        Ok(())
    });
    let ran = project.run();
    assert_eq!(ran.report.finished.exit_code, 3);
    assert_eq!(ran.reason("load"), "a source of `load` keeps changing while it is read");
}

#[test]
fn an_output_edited_while_a_stage_reads_it_does_not_reach_that_stage() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    let output = project.path("artifacts/load/lines.parquet");
    project.count.before(move |_| {
        fs::write(&output, "one\ntwo\nthree\n").unwrap();
        Ok(())
    });
    project.run();
    assert_eq!(project.read("artifacts/count/number.parquet"), "10");
    project.count.as_usual();
    assert_eq!(project.run_well(), "load:restored count:cached draw:cached");
}

#[test]
fn a_missing_source_fails_its_stage_with_the_exit_code_for_data() {
    let project = Project::new();
    fs::remove_file(project.path("source.txt")).unwrap();
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:failed count:skipped draw:skipped");
    assert_eq!((ran.report.finished.exit_code, ran.reason("count").as_str()), (3, "needs `load`"));
}
