//! pipeline.lock merged by git, with `segpipe lock merge` as its driver and without.

use std::process::{Command, Output};

use crate::project::Project;

const STAGES: &str = "
  left:
    run: echo $SEGPIPE_PARAM_L > \"$SEGPIPE_OUTPUT_ONE\"
    params: {l: 1}
    outputs: [one.txt]
  middle:
    run: echo same > \"$SEGPIPE_OUTPUT_ONE\"
    outputs: [one.txt]
  right:
    run: echo $SEGPIPE_PARAM_R > \"$SEGPIPE_OUTPUT_TWO\"
    params: {r: 1}
    outputs: [two.txt]
";
/// A stage that reads from both.
const BOTH: &str = "
  both:
    run: cat \"$SEGPIPE_INPUT_ONE\" \"$SEGPIPE_INPUT_TWO\" > \"$SEGPIPE_OUTPUT_ALL\"
    inputs: [left.one, right.two]
    outputs: [all.txt]
";

fn git(project: &Project, arguments: &[&str]) -> Output {
    let mut command = Command::new("git");
    command.current_dir(project.path("")).args(["-c", "user.name=Someone", "-c", "user.email=someone@example.org"]);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null").env("LC_ALL", "C");
    command.args(arguments).output().unwrap()
}

fn git_well(project: &Project, arguments: &[&str]) {
    let output = git(project, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A repository in which these stages have run and everything is committed, with the driver set up as the help says.
fn repository(stages: &str, has_driver: bool) -> Project {
    let project = Project::new(stages);
    git_well(&project, &["init", "-q", "-b", "main"]);
    project.write(".gitignore", "artifacts/\n");
    if has_driver {
        project.write(".gitattributes", "pipeline.lock merge=segpipe\n");
        let driver = format!("'{}' lock merge %O %A %B", env!("CARGO_BIN_EXE_segpipe"));
        git_well(&project, &["config", "merge.segpipe.driver", &driver]);
    }
    commit(&project, "first");
    project
}

fn commit(project: &Project, message: &str) {
    project.run(&[]).well();
    git_well(project, &["add", "-A"]);
    git_well(project, &["commit", "-q", "-m", message]);
}

fn edit(project: &Project, old: &str, new: &str) {
    let text = project.read("pipeline.yaml");
    assert!(text.contains(old), "{old}");
    project.write("pipeline.yaml", &text.replace(old, new));
}

/// Changes `l` on one branch and `r` on the other, runs on both, and merges; what git says of it.
fn merge_both(project: &Project) -> Output {
    git_well(project, &["switch", "-q", "-c", "other"]);
    edit(project, "r: 1", "r: 2");
    commit(project, "right");
    git_well(project, &["switch", "-q", "main"]);
    edit(project, "l: 1", "l: 2");
    commit(project, "left");
    git(project, &["merge", "-q", "-m", "both", "other"])
}

#[test]
fn what_each_branch_changed_alone_is_merged_and_is_what_a_run_gives() {
    let project = repository(STAGES, true);
    let merged = merge_both(&project);
    assert!(merged.status.success(), "{}", String::from_utf8_lossy(&merged.stderr));
    let lock = project.read("pipeline.lock");
    assert_eq!(lock.lines().filter(|line| line.starts_with("output ")).count(), 3, "{lock}");
    project.run(&["--locked"]).well();
    project.run(&[]).well();
    assert_eq!(project.read("pipeline.lock"), lock, "the merged lock is the one that a run writes");
}

#[test]
fn what_both_changed_is_a_conflict_that_locked_refuses_and_the_next_run_settles() {
    let project = repository(&format!("{STAGES}{BOTH}"), true);
    let merged = merge_both(&project);
    let said = String::from_utf8_lossy(&merged.stderr).into_owned() + &String::from_utf8_lossy(&merged.stdout);
    assert_eq!(merged.status.code(), Some(1), "{said}");
    assert!(said.contains("error: both sides changed pipeline.lock, and 1 fact of it only a run can tell"), "{said}");
    assert!(said.contains("  output both.all: ours says ") && said.contains("hint: merge pipeline.yaml"), "{said}");
    let lock = project.read("pipeline.lock");
    assert!(lock.contains("\nconflict output both.all ") && !lock.contains("<<<<<<<"), "{lock}");
    assert!(project.read("pipeline.yaml").contains("l: 2") && project.read("pipeline.yaml").contains("r: 2"));

    let refused = project.run(&["--locked"]);
    let said = refused.badly(1);
    assert!(said.contains("the results are not those of pipeline.lock"), "{said}");
    assert!(said.contains("output both.all: ours says ") && said.contains("a merge that no run has settled"), "{said}");
    assert!(!said.contains("output left.one"), "what is settled is right: {said}");
    assert_eq!(project.read("pipeline.lock"), lock);

    project.run(&[]).well();
    assert!(!project.read("pipeline.lock").contains("conflict"), "{}", project.read("pipeline.lock"));
    project.run(&["--locked"]).well();
    git_well(&project, &["add", "-A"]);
    git_well(&project, &["commit", "-q", "-m", "both"]);
}

#[test]
fn marks_that_git_leaves_without_the_driver_are_refused_by_locked_and_settled_by_a_run() {
    let project = repository(&format!("{STAGES}{BOTH}"), false);
    assert_eq!(merge_both(&project).status.code(), Some(1));
    assert!(project.read("pipeline.lock").contains("<<<<<<<"));
    let refused = project.run(&["--locked"]);
    assert!(refused.badly(1).contains("a merge that no run has settled"), "{}", refused.ended.err);
    project.run(&[]).well();
    assert!(!project.read("pipeline.lock").contains("<<<<<<<"));
    project.run(&["--locked"]).well();
}

#[test]
fn a_file_that_is_no_lock_is_refused_and_ours_stays_as_it_was() {
    let project = repository(STAGES, true);
    let ours = project.read("pipeline.lock");
    for theirs in ["name: shop\n", &ours.replace("version 1", "version 2")] {
        project.write("theirs.lock", theirs);
        let output = project.command(&["lock", "merge", "pipeline.lock", "pipeline.lock", "theirs.lock"]);
        let output = { output }.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("`theirs.lock` is no pipeline.lock that this segpipe can read"), "{said}");
        assert_eq!(project.read("pipeline.lock"), ours);
    }
    let output = project.command(&["lock", "merge", "nowhere", "pipeline.lock", "theirs.lock"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_help_says_how_to_make_git_use_it() {
    let project = Project::new(STAGES);
    let output = project.command(&["lock", "merge", "--help"]).output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("pipeline.lock merge=segpipe") && help.contains("segpipe lock merge %O %A %B"), "{help}");
}
