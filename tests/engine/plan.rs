//! Plans: what a run would do, without doing it.

use std::fs;

use segpipe::plan::State;

use crate::fakes::Project;

fn states(project: &Project) -> Vec<(State, String)> {
    project.plan().stages.into_iter().map(|stage| (stage.state, stage.reason.unwrap_or_default())).collect()
}

#[test]
fn a_plan_needs_no_output_to_exist_and_writes_nothing() {
    let project = Project::new();
    let expected = [
        (State::Stale, "never run here".to_owned()),
        (State::Pending, "waits for `load`".to_owned()),
        (State::Pending, "waits for `count`".to_owned()),
    ];
    assert_eq!(states(&project), expected);
    assert!(!project.path("artifacts").exists());
}

#[test]
fn a_plan_tells_fresh_restore_stale_and_pending_apart() {
    let mut project = Project::new();
    project.run();
    assert!(states(&project).iter().all(|(state, _)| *state == State::Fresh));
    fs::remove_file(project.path("artifacts/load/lines.parquet")).unwrap();
    project.k = 5;
    let expected = [
        (State::Restore, "output `lines` is missing".to_owned()),
        (State::Stale, "param `k`: 10 → 5".to_owned()),
        (State::Pending, "waits for `count`".to_owned()),
    ];
    assert_eq!(states(&project), expected);
}

#[test]
fn a_plan_says_what_a_selection_leaves_out_and_what_of_it_is_stale() {
    let mut project = Project::new();
    project.run();
    project.write_source("one\n");
    project.select(Some("count"), None, None);
    let plan = project.plan();
    assert_eq!(plan.stages[0].state, State::Skipped);
    assert_eq!(plan.stages[1].state, State::Fresh);
    assert_eq!(plan.upstream, ["`load` (source `source.txt` changed)"]);
}

#[test]
fn a_forced_plan_runs_what_is_fresh() {
    let mut project = Project::new();
    project.run();
    project.options.is_forced = true;
    assert_eq!(states(&project)[0], (State::Stale, "forced".to_owned()));
}
