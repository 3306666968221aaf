//! `--from`, `--to`, `--only`.

use std::fs;

use crate::fakes::{Project, damage};

#[test]
fn from_runs_nothing_upstream_and_brings_the_rest_up_to_date() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    project.select(Some("count"), None, None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:skipped count:ran draw:ran");
    assert_eq!(ran.reason("load"), "left out by `--from count`");
    assert_eq!(project.run_well(), "load:skipped count:cached draw:cached");
    project.options.is_forced = true;
    assert_eq!(project.run_well(), "load:skipped count:ran draw:ran");
}

#[test]
fn from_uses_an_edited_upstream_output_under_its_true_digest_and_says_so() {
    let mut project = Project::new();
    project.run();
    fs::write(project.path("artifacts/load/lines.parquet"), "one\ntwo\nthree\n").unwrap();
    project.select(Some("count"), None, None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:skipped count:ran draw:ran");
    let expected = "used as it is although not up to date: `load` (output `lines` was edited)";
    assert!(ran.notes().iter().any(|note| note == expected), "{:?}", ran.notes());
    assert_eq!(project.read("artifacts/count/number.parquet"), "30");
    assert_eq!(project.read("artifacts/load/lines.parquet"), "one\ntwo\nthree\n");
}

#[test]
fn a_plain_run_after_from_judges_everything_again() {
    let mut project = Project::new();
    project.run();
    fs::write(project.path("artifacts/load/lines.parquet"), "one\ntwo\nthree\n").unwrap();
    project.select(Some("count"), None, None);
    project.run();
    project.select(None, None, None);
    assert_eq!(project.run_well(), "load:restored count:restored draw:restored");
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
}

#[test]
fn from_says_that_a_source_changed_although_it_does_not_read_it() {
    let mut project = Project::new();
    project.run();
    project.write_source("one\n");
    project.select(Some("count"), None, None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:skipped count:cached draw:cached");
    assert!(ran.notes()[0].ends_with("`load` (source `source.txt` changed)"), "{:?}", ran.notes());
}

#[test]
fn from_restores_missing_upstream_outputs_from_their_last_record() {
    let mut project = Project::new();
    project.run();
    fs::remove_dir_all(project.path("artifacts/load")).unwrap();
    project.k = 5;
    project.select(Some("count"), None, None);
    assert_eq!(project.run_well(), "load:skipped count:ran draw:ran");
    assert_eq!(project.read("artifacts/load/lines.parquet"), "one\ntwo\n");
}

#[test]
fn from_without_upstream_outputs_names_the_stage_to_run_first() {
    let mut project = Project::new();
    project.select(Some("count"), None, None);
    let error = project.try_run().map(|_| ()).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert_eq!(
        error.to_string(),
        "`artifacts/load/lines.parquet` is not there, and `load` is left out by `--from count`"
    );
    assert_eq!(error.hint().as_deref(), Some("run `segpipe run --to load` first"));
}

#[test]
fn from_with_a_damaged_object_and_no_output_names_the_stage_to_run_first() {
    let mut project = Project::new();
    project.run();
    fs::remove_dir_all(project.path("artifacts/load")).unwrap();
    damage(&project.object("one\ntwo\n"), "damaged");
    project.select(Some("count"), None, None);
    assert_eq!(project.try_run().map(|_| ()).unwrap_err().exit_code(), 2);
}

#[test]
fn to_stops_after_the_stage_and_what_it_needs() {
    let mut project = Project::new();
    project.select(None, Some("count"), None);
    let ran = project.run();
    assert_eq!(ran.outcomes(), "draw:skipped load:ran count:ran");
    assert!(!project.path("artifacts/draw").exists());
}

#[test]
fn only_runs_one_stage_on_what_is_there() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    project.select(None, None, Some("count"));
    assert_eq!(project.run_well(), "load:skipped draw:skipped count:ran");
    assert_eq!(project.read("artifacts/draw/report.html"), "report on 20");
}

#[test]
fn from_and_to_together_select_what_lies_between() {
    let mut project = Project::new();
    project.run();
    project.select(Some("count"), Some("count"), None);
    assert_eq!(project.run_well(), "load:skipped draw:skipped count:cached");
}

#[test]
fn an_unknown_stage_is_refused_with_the_nearest_name() {
    let mut project = Project::new();
    project.select(Some("coutn"), None, None);
    let error = project.try_run().map(|_| ()).unwrap_err();
    assert_eq!((error.exit_code(), error.hint().as_deref()), (2, Some("did you mean `count`?")));
}
