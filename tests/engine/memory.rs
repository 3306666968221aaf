//! What stages have in memory of their outputs, handed to those that take it.

use std::sync::Arc;

use crate::fakes::{Fake, Project};

/// Whether the stage found in memory what `load` handed on, as it says in every run.
fn tells(stage: &Fake) {
    stage.before(|ctx| {
        let found = ctx.take_handed("lines").and_then(|content| content.downcast::<&str>().ok());
        ctx.info(found.map_or("nothing in memory".to_owned(), |text| format!("in memory: {text}")));
        Ok(())
    });
}

/// A project in which two stages read what `load` hands on.
fn project() -> Project {
    let mut project = Project::new();
    project.add_audit();
    project.load.before(|ctx| {
        ctx.hand_on("lines", Arc::new("the lines"));
        Ok(())
    });
    tells(project.count);
    tells(project.audit.unwrap());
    project
}

/// What those that read it said, in a run that must end well.
fn said(project: &Project) -> Vec<String> {
    let ran = project.run();
    assert_eq!(ran.report.finished.exit_code, 0, "{:?}", ran.report.failures);
    ran.notes().into_iter().filter(|note| note.contains("in memory")).collect()
}

#[test]
fn what_a_stage_hands_on_is_there_for_all_that_read_it_in_the_same_run() {
    assert_eq!(said(&project()), ["in memory: the lines", "in memory: the lines"]);
}

#[test]
fn whoever_reads_the_output_of_an_earlier_run_reads_the_file() {
    let mut project = project();
    said(&project);
    project.k = 5;
    project.audit.unwrap().set_implementation("2");
    assert_eq!(said(&project), ["nothing in memory", "nothing in memory"]);
}

#[test]
fn one_that_runs_again_hands_on_again() {
    let project = project();
    said(&project);
    project.write_source("another\n");
    assert_eq!(said(&project), ["in memory: the lines", "in memory: the lines"]);
}
