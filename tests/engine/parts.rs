//! Parts of stages' work that several of their results have in common.

use std::fs;

use segpipe_stages::contract::{Part, StageContext};
use serde_json::json;

use crate::fakes::{Project, damage};

/// What `count` keeps: how many lines it was given.
fn part() -> Part<'static> {
    Part { name: "lines", facts: json!({ "trimmed": false }) }
}

/// A project whose stage `count` says whether it found its part, and keeps it where it did not.
fn project() -> Project {
    let project = Project::new();
    project.count.before(|ctx: &StageContext<'_>| {
        let known: Option<String> = ctx.recall(&part());
        ctx.info(known.as_ref().map_or("not known".to_owned(), |text| format!("known: {text:?}")));
        if known.is_none() {
            ctx.keep(&part(), &fs::read_to_string(&ctx.input("lines")?.path).unwrap());
        }
        Ok(())
    });
    project
}

/// What `count` said in a run that must end well.
fn said(project: &Project) -> String {
    let ran = project.run();
    assert_eq!(ran.report.finished.exit_code, 0, "{:?}", ran.report.failures);
    assert!(ran.has_run("count"));
    ran.notes().pop().unwrap()
}

#[test]
fn a_part_is_recalled_for_another_param_and_another_part_or_input_is_not() {
    let mut project = project();
    assert_eq!(said(&project), "not known");
    project.k = 5;
    assert_eq!(said(&project), "known: \"one\\ntwo\\n\"");
    project.write_source("one\ntwo\nthree\n");
    assert_eq!(said(&project), "not known");
    project.k = 6;
    project.count.before(|ctx| {
        let other = Part { name: "lines", facts: json!({ "trimmed": true }) };
        let known: Option<String> = ctx.recall(&other);
        ctx.info(format!("{}", known.is_some()));
        Ok(())
    });
    assert_eq!(said(&project), "false");
}

#[test]
fn a_part_of_another_implementation_is_not_recalled() {
    let project = project();
    said(&project);
    project.count.set_implementation("2");
    assert_eq!(said(&project), "not known");
}

#[test]
fn a_forced_run_computes_its_parts_too() {
    let mut project = project();
    said(&project);
    project.options.is_forced = true;
    assert_eq!(said(&project), "not known");
}

#[test]
fn a_damaged_part_is_computed_again() {
    let mut project = project();
    said(&project);
    let kept = serde_json::to_string("one\ntwo\n").unwrap();
    damage(&project.object(&kept), "\"one\\ntwx\\n\"");
    project.k = 5;
    assert_eq!(said(&project), "not known");
    project.k = 6;
    assert_eq!(said(&project), "known: \"one\\ntwo\\n\"");
}

#[test]
fn a_stage_that_reads_sources_keeps_no_parts_because_those_may_change_while_it_reads() {
    let project = Project::new();
    project.load.before(|ctx| {
        ctx.keep(&part(), &"kept");
        Ok(())
    });
    project.run();
    let records = fs::read_dir(project.path("artifacts/.segpipe/records")).unwrap().count();
    assert_eq!(records, 3, "one of each stage");
}
