//! pipeline.lock.

use std::fs;

use segpipe_stages::contract::{Fault, SourceOrigin, StageError};

use crate::fakes::Project;

fn lock(project: &Project) -> Option<String> {
    fs::read_to_string(project.path("pipeline.lock")).ok()
}

#[test]
fn a_complete_run_writes_the_lock_and_leaves_it_alone_while_nothing_differs() {
    let project = Project::new();
    project.run();
    let text = lock(&project).unwrap();
    let facts: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(facts.len(), 5, "{text}");
    assert!(facts[1].starts_with("output count.number ") && facts[4].starts_with("source load \"source.txt\" "));
    assert!(!text.contains("draw.report"), "unlocked outputs stay out: {text}");
    let written = fs::metadata(project.path("pipeline.lock")).unwrap().modified().unwrap();
    project.run();
    assert_eq!(fs::metadata(project.path("pipeline.lock")).unwrap().modified().unwrap(), written);
}

#[test]
fn partial_overridden_failed_and_simulated_runs_do_not_write_the_lock() {
    let mut project = Project::new();
    project.select(None, Some("count"), None);
    project.run();
    assert_eq!(lock(&project), None);
    project.select(None, None, None);
    project.is_overridden = true;
    project.run();
    assert_eq!(lock(&project), None);
    project.is_overridden = false;
    project.origin = SourceOrigin::Simulated;
    project.run();
    assert_eq!(lock(&project), None);
    project.origin = SourceOrigin::File;
    project.k = 3;
    project.draw.before(|_| Err(StageError::new(Fault::Stage, "no")));
    project.run();
    assert_eq!(lock(&project), None);
}

#[test]
fn a_locked_run_that_gives_the_same_passes() {
    let mut project = Project::new();
    project.run();
    fs::remove_dir_all(project.path("artifacts")).unwrap();
    project.options.is_locked = true;
    assert_eq!(project.run_well(), "load:ran count:ran draw:ran");
}

#[test]
fn a_locked_run_that_gives_anything_else_fails_lists_it_and_keeps_the_lock() {
    let mut project = Project::new();
    project.run();
    let before = lock(&project);
    project.write_source("one\ntwo\nthree\n");
    project.options.is_locked = true;
    let ran = project.run();
    assert_eq!((ran.report.finished.exit_code, ran.report.finished.ok), (1, false));
    let differences = ran.report.lock_differences;
    let starts = ["output count.number: locked ", "output draw.images: ", "output load.lines: ", "source load "];
    assert_eq!(differences.len(), starts.len(), "{differences:?}");
    assert!(differences.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{differences:?}");
    assert_eq!(lock(&project), before);
}

#[test]
fn a_locked_run_fails_without_a_lock_and_with_simulated_data() {
    let mut project = Project::new();
    project.options.is_locked = true;
    assert_eq!(project.run().report.finished.exit_code, 1);
    project.options.is_locked = false;
    project.run();
    project.options.is_locked = true;
    project.origin = SourceOrigin::Simulated;
    let ran = project.run();
    assert_eq!(ran.report.finished.exit_code, 1);
    assert!(ran.report.lock_differences[0].contains("simulated"));
}
