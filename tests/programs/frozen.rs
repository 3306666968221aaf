//! Stages that are kept as they are.

use std::fs;

use crate::project::Project;

const STAGES: &str = "
  make:
    run: cp in.txt \"$SEGPIPE_OUTPUT_LINES\"
    deps: [in.txt]
    outputs: [lines.txt]
  label:
    run: printf '%s by program\\n' \"$(cat \"$SEGPIPE_INPUT_LINES\")\" > \"$SEGPIPE_OUTPUT_LABELS\"; echo about > \"$SEGPIPE_OUTPUT_NOTES\"
    inputs: [make.lines]
    outputs: [labels.txt, notes.txt]
  count:
    run: wc -w < \"$SEGPIPE_INPUT_LABELS\" > \"$SEGPIPE_OUTPUT_NUMBER\"
    inputs: [label.labels]
    outputs: [number.txt]
";

/// A project that has run, and whose stage `label` is frozen since.
fn frozen() -> Project {
    let project = Project::new(STAGES);
    project.write("in.txt", "one");
    assert_eq!(project.run_well(), "count:ran label:ran make:ran");
    freeze(&project);
    project
}

fn freeze(project: &Project) {
    project.set_stages(&STAGES.replace("  label:\n", "  label:\n    frozen: true\n"));
}

#[test]
fn a_frozen_stage_is_skipped_and_what_comes_after_it_is_cached() {
    let project = frozen();
    let ran = project.run(&[]);
    assert_eq!(ran.well(), "count:cached label:skipped make:cached");
    assert_eq!(ran.reason("label"), "frozen");
    assert!(ran.notes().is_empty(), "where it would be fresh, nothing is to be said: {:?}", ran.notes());
}

#[test]
fn a_frozen_stage_that_would_be_stale_is_kept_and_that_is_said_in_one_line() {
    let project = frozen();
    project.write("in.txt", "one two three");
    let ran = project.run(&[]);
    assert_eq!(ran.well(), "count:cached label:skipped make:ran");
    let expected = "used as it is although not up to date: `label` (frozen, `make` is run without it)";
    assert_eq!(ran.notes(), [expected]);
    assert_eq!(project.read("artifacts/label/labels.txt"), "one by program\n");
    let again = project.run(&[]);
    assert_eq!(again.well(), "count:cached label:skipped make:cached");
    assert_eq!(again.notes(), [expected.replace("`make` is run without it", "input `make.lines` changed")]);
    project.set_stages(STAGES);
    assert_eq!(project.run_well(), "count:ran label:ran make:cached", "without `frozen` it is brought up to date");
    assert_eq!(project.read("artifacts/count/number.txt").trim(), "5");
}

#[test]
fn outputs_that_were_edited_by_hand_are_what_others_read_and_what_the_lock_names() {
    let project = frozen();
    project.write("artifacts/label/labels.txt", "by hand\n");
    let ran = project.run(&[]);
    assert_eq!(ran.well(), "count:ran label:skipped make:cached");
    assert_eq!(ran.notes(), ["used as it is although not up to date: `label` (frozen, output `labels` was edited)"]);
    assert_eq!(project.read("artifacts/label/labels.txt"), "by hand\n");
    assert_eq!(project.read("artifacts/count/number.txt").trim(), "2");
    let lock = project.read("pipeline.lock");
    assert!(lock.contains("\nfrozen label.labels ") && !lock.contains("output label."), "{lock}");
    assert_eq!(project.run(&["--locked"]).well(), "count:cached label:skipped make:cached");
    project.write("artifacts/label/labels.txt", "by another hand\n");
    let said = project.run(&["--locked"]);
    assert!(said.badly(1).contains("frozen label.labels: locked "), "{}", said.ended.err);
}

#[test]
fn a_frozen_output_that_is_missing_is_put_back_and_one_that_never_was_is_asked_for() {
    let project = frozen();
    fs::remove_file(project.path("artifacts/label/labels.txt")).unwrap();
    assert_eq!(project.run_well(), "count:cached label:skipped make:cached");
    assert_eq!(project.read("artifacts/label/labels.txt"), "one by program\n");

    let project = Project::new(STAGES);
    project.write("in.txt", "one");
    freeze(&project);
    let refused = project.run(&[]);
    let said = refused.badly(2);
    assert!(said.contains("`artifacts/label/labels.txt` is not there, and `label` is frozen"), "{said}");
    assert!(said.contains("hint: take `frozen` away and run it once, or put the file there"), "{said}");
    project.write("artifacts/label/labels.txt", "from elsewhere\n");
    project.write("artifacts/label/notes.txt", "from elsewhere too\n");
    assert_eq!(project.run_well(), "count:ran label:skipped make:ran");
    assert_eq!(project.read("artifacts/count/number.txt").trim(), "2");
}

#[test]
fn neither_force_nor_its_own_name_thaws_it() {
    let project = frozen();
    assert_eq!(project.run(&["--force"]).well(), "count:ran label:skipped make:ran");
    for arguments in [&["--only", "label"][..], &["label"], &["--only", "label", "--force"]] {
        let refused = project.run(arguments);
        let said = refused.badly(2);
        assert!(said.contains("means nothing but what is frozen: `label`"), "{said}");
        assert!(said.contains("take `frozen` away first"), "{said}");
    }
    assert_eq!(project.run(&["label", "count"]).well(), "count:cached label:skipped make:skipped");
    assert_eq!(project.run(&["--only", "count"]).well(), "count:cached label:skipped make:skipped");
}

#[test]
fn strict_does_not_go_on_from_what_is_frozen_and_stale() {
    let project = frozen();
    project.run(&["--strict"]).well();
    project.write("artifacts/label/labels.txt", "by hand\n");
    let refused = project.run(&["--strict"]);
    let said = refused.badly(1);
    let expected = "frozen, and not up to date: `label` (frozen, output `labels` was edited)";
    assert!(said.contains(expected), "{said}");
    assert_eq!(project.read("artifacts/count/number.txt").trim(), "3");
}

#[test]
fn status_graph_and_explain_say_so() {
    let project = frozen();
    let out = |arguments: &[&str]| String::from_utf8(project.command(arguments).output().unwrap().stdout).unwrap();
    let status = out(&["status"]);
    assert!(status.lines().any(|line| line.contains("skipped  label") && line.ends_with("frozen")), "{status}");
    assert!(out(&["status", "--json"]).contains("{\"stage\":\"label\",\"state\":\"skipped\",\"reason\":\"frozen\"}"));
    assert!(out(&["graph"]).contains("skipped  label"), "{}", out(&["graph"]));
    assert!(out(&["graph", "--format", "mermaid"]).contains("label<br/>skipped"));
    let explained = out(&["explain", "label"]);
    assert!(explained.starts_with("label: skipped, frozen\n") && explained.contains("all equal"), "{explained}");
    project.write("in.txt", "two");
    assert_eq!(project.run_well(), "count:cached label:skipped make:ran");
    let explained = out(&["explain", "label"]);
    assert!(explained.contains("input `make.lines` changed"), "{explained}");
}

#[test]
fn thawing_it_again_finds_the_result_that_was_there() {
    let project = frozen();
    project.run_well();
    project.set_stages(STAGES);
    assert_eq!(project.run_well(), "count:cached label:cached make:cached");
}
