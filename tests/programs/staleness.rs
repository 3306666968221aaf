//! What makes a program's stage run again, and what does not.

use std::process::Command;

use crate::project::{Project, Ran};

const STAGES: &str = "
  make:
    run: printf '%s\\n' one two > \"$SEGPIPE_OUTPUT_LINES\"
    outputs: [lines.txt]
  count:
    run: sh scripts/count.sh
    inputs: [make.lines]
    params: {times: 2}
    deps: [lib/*.sh]
    env: [REGION]
    secret_env: [TOKEN]
    outputs: [number.txt]
";

fn project() -> Project {
    let project = Project::new(STAGES);
    project.write("scripts/count.sh", ". lib/sum.sh\nsum > \"$SEGPIPE_OUTPUT_NUMBER\"\n");
    project.write("lib/sum.sh", "sum() { echo $(( $(wc -l < \"$SEGPIPE_INPUT_LINES\") * SEGPIPE_PARAM_TIMES )); }\n");
    assert_eq!(run(&project, |_| {}).well(), "count:ran make:ran");
    assert_eq!(project.read("artifacts/count/number.txt"), "4\n");
    project
}

/// A run with a region and a token, and what `around` changes.
fn run(project: &Project, around: impl FnOnce(&mut Command)) -> Ran {
    let mut command = project.command(&["run", "--json"]);
    command.env("REGION", "north").env("TOKEN", "one");
    around(&mut command);
    Ran::of(&mut command)
}

fn edit(project: &Project, old: &str, new: &str) {
    let text = project.read("pipeline.yaml");
    assert!(text.contains(old));
    project.write("pipeline.yaml", &text.replace(old, new));
}

/// The reason why `count` alone ran.
fn reason(ran: &Ran) -> String {
    assert_eq!(ran.well(), "count:ran make:cached");
    ran.reason("count")
}

#[test]
fn nothing_changed_is_nothing_run() {
    let project = project();
    assert_eq!(run(&project, |_| {}).well(), "count:cached make:cached");
}

#[test]
fn a_secrets_value_an_unrelated_variable_and_the_path_make_nothing_stale() {
    let project = project();
    let around = |command: &mut Command| {
        let path = format!("/nowhere:{}", std::env::var("PATH").unwrap());
        command.env("TOKEN", "two").env("UNRELATED", "1").env("PATH", path).env("HOME", "/").env("LANG", "C");
    };
    assert_eq!(run(&project, around).well(), "count:cached make:cached");
    assert_eq!(
        run(&project, |command| {
            command.env_remove("TOKEN");
        })
        .well(),
        "count:cached make:cached"
    );
}

#[test]
fn a_declared_variable_makes_it_stale_when_it_changes_or_is_unset() {
    let project = project();
    let ran = run(&project, |command| {
        command.env("REGION", "south");
    });
    assert_eq!(reason(&ran), "environment variable `REGION` changed");
    let ran = run(&project, |command| {
        command.env_remove("REGION");
    });
    assert_eq!(reason(&ran), "environment variable `REGION` is no longer set");
    assert_eq!(run(&project, |_| {}).well(), "count:cached make:cached", "back to what was known");
}

#[test]
fn a_dependency_makes_it_stale_by_content_and_not_by_time() {
    let project = project();
    let text = project.read("lib/sum.sh");
    project.write("lib/sum.sh", &text);
    assert_eq!(run(&project, |_| {}).well(), "count:cached make:cached", "touched");
    project.write("lib/sum.sh", &text.replace("TIMES", "TIMES * 10"));
    assert_eq!(reason(&run(&project, |_| {})), "source `sum.sh` changed");
    assert_eq!(project.read("artifacts/count/number.txt"), "40\n");
    project.write("lib/more.sh", "");
    assert_eq!(reason(&run(&project, |_| {})), "source: `sum.sh` → `more.sh`, source `sum.sh` is new");
}

#[test]
fn the_script_that_the_command_names_is_a_dependency_without_being_declared() {
    let project = project();
    project.write("scripts/count.sh", "echo 7 > \"$SEGPIPE_OUTPUT_NUMBER\"\n");
    assert_eq!(reason(&run(&project, |_| {})), "source `count.sh` changed");
    assert_eq!(project.read("artifacts/count/number.txt"), "7\n");
}

#[test]
fn params_the_command_and_what_is_declared_of_outputs_make_it_stale() {
    let project = project();
    edit(&project, "times: 2", "times: 3");
    assert_eq!(reason(&run(&project, |_| {})), "param `times`: 2 → 3");
    edit(&project, "run: sh scripts/count.sh", "run: sh -u scripts/count.sh");
    assert_eq!(reason(&run(&project, |_| {})), "command: sh scripts/count.sh → sh -u scripts/count.sh");
    edit(&project, "[number.txt]", "[number.log]");
    assert_eq!(reason(&run(&project, |_| {})), "output `number` is declared otherwise");
}

#[test]
fn where_an_output_is_placed_a_timeout_and_retries_make_nothing_stale() {
    let project = project();
    edit(&project, "outputs: [number.txt]", "outputs: {number: results/total.txt}\n    timeout: 5m\n    retries: 2");
    assert_eq!(run(&project, |_| {}).well(), "count:restored make:cached");
    assert_eq!(project.read("results/total.txt"), "4\n");
}

#[test]
fn an_input_with_other_bytes_makes_it_stale_and_one_with_equal_bytes_does_not() {
    let project = project();
    edit(&project, "one two", "two one");
    let ran = run(&project, |_| {});
    assert_eq!(ran.well(), "count:ran make:ran");
    assert_eq!(ran.reason("count"), "input `make.lines` changed");
    edit(&project, "printf '%s\\n' two one", "printf 'two\\none\\n'");
    assert_eq!(run(&project, |_| {}).well(), "count:cached make:ran", "early cutoff");
}

#[test]
fn set_overrides_a_param_and_an_unknown_one_is_refused() {
    let project = project();
    let ran = project.run(&["--set", "count.times=5", "--to", "count"]);
    ran.well();
    assert_eq!(project.read("artifacts/count/number.txt"), "10\n");
    let refused = project.run(&["--set", "count.tmies=5"]);
    let said = refused.badly(2);
    assert!(said.contains("unknown param `tmies` of stage `count`"), "{said}");
    assert!(said.contains("did you mean `times`?"), "{said}");
}

#[test]
fn a_dependency_that_changes_while_the_stage_runs_is_never_the_input_of_that_result() {
    let stages = "
  copy:
    run: |
      cat words.txt > \"$SEGPIPE_OUTPUT_COPY\"
      if [ ! -e once ]; then touch once; echo later >> words.txt; fi
    deps: [words.txt]
    outputs: [copy.txt]
";
    let project = Project::new(stages);
    project.write("words.txt", "first\n");
    let ran = project.run(&[]);
    ran.well();
    assert_eq!(ran.notes(), ["a source changed while the stage ran; it runs again"]);
    assert_eq!(project.read("artifacts/copy/copy.txt"), "first\nlater\n");
    assert_eq!(project.run_well(), "copy:cached");
    project.write("words.txt", "first\n");
    assert_eq!(project.run_well(), "copy:ran", "what was read before the change was not kept for it");
    assert_eq!(project.read("artifacts/copy/copy.txt"), "first\n");
}

#[test]
fn a_file_that_joins_a_pattern_while_the_stage_runs_is_noticed() {
    let stages = "
  copy:
    run: cat words/*.txt > \"$SEGPIPE_OUTPUT_COPY\"; if [ ! -e words/b.txt ]; then echo b > words/b.txt; fi
    deps: ['words/*.txt']
    outputs: [copy.txt]
";
    let project = Project::new(stages);
    project.write("words/a.txt", "a\n");
    project.run(&[]).well();
    assert_eq!(project.read("artifacts/copy/copy.txt"), "a\nb\n");
}

#[test]
fn a_dependency_that_never_rests_fails_the_stage() {
    let project = Project::new("  grow:\n    run: date +%N >> log.txt\n    deps: [log.txt]\n    outputs: []\n");
    project.write("log.txt", "");
    let ran = project.run(&[]);
    let said = ran.badly(3);
    assert!(said.contains("a source of `grow` keeps changing"), "{said}");
}

#[test]
fn pipeline_lock_holds_the_results_of_programs_and_locked_keeps_to_them() {
    let project = project();
    let lock = project.read("pipeline.lock");
    for line in ["output count.number ", "output make.lines ", "source count \"count.sh\" ", "source count \"sum.sh\" "]
    {
        assert!(lock.contains(line), "{lock}");
    }
    let ran = Ran::of(project.command(&["run", "--json", "--locked"]).env("REGION", "north"));
    assert_eq!(ran.well(), "count:cached make:cached");
    edit(&project, "times: 2", "times: 3");
    let ran = Ran::of(project.command(&["run", "--json", "--locked"]).env("REGION", "north"));
    assert!(ran.badly(1).contains("output count.number"), "{}", ran.ended.err);
}
