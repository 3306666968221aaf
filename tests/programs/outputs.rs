//! What a program wrote, or failed to: every way in which a result is not kept.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rstest::rstest;

use crate::project::Project;

fn stage(run: &str, outputs: &str) -> String {
    format!("  make:\n    run: {run}\n    outputs: {outputs}\n")
}

#[rstest]
#[case::by_its_status("[sh, -c, 'echo why >&2; exit 3']", "ended with exit status 3", "| why")]
#[case::by_a_signal("[sh, -c, 'kill -SEGV $$']", "was ended by SIGSEGV", "")]
#[case::not_found("[no-such-program-anywhere]", "was not found (exit status 127)", "it is looked for in PATH")]
#[case::not_found_by_the_shell("no-such-program-anywhere", "was not found (exit status 127)", "| /bin/sh")]
#[case::not_executable("[./data.txt]", "cannot be executed (exit status 126)", "chmod +x")]
#[case::in_the_first_of_two_lines("\"false\\ntouch $SEGPIPE_OUTPUT_A\"", "`false…` ended with exit status 1", "")]
fn a_program_that_fails_fails_its_stage(#[case] run: &str, #[case] message: &str, #[case] more: &str) {
    let project = Project::new(&stage(run, "[a.txt]"));
    project.write("data.txt", "");
    let ran = project.run(&[]);
    let said = ran.badly(1);
    assert!(said.contains(message) && said.contains(more), "{said}");
    assert_eq!(ran.outcomes(), "make:failed");
    assert!(!project.path("artifacts/make").exists());
    assert_eq!(project.run(&[]).outcomes(), "make:failed", "nothing was kept");
}

#[rstest]
#[case::none("'true'", "[a.txt]", "`true` did not write its output `a`", "the variable SEGPIPE_OUTPUT_A says where")]
#[case::a_folder("mkdir $SEGPIPE_OUTPUT_A", "[a.txt]", "output `a` is a folder, not a file", "with a `/` at the end")]
#[case::a_file("rmdir $SEGPIPE_OUTPUT_A; touch $SEGPIPE_OUTPUT_A", "[a/]", "output `a` is a file, not a folder", "")]
#[case::a_link(
    "ln -s /etc/passwd $SEGPIPE_OUTPUT_A",
    "[a.txt]",
    "output `a` is a link, not a file of its own",
    "a copy"
)]
#[case::a_link_in_a_folder(
    "ln -s /etc/passwd $SEGPIPE_OUTPUT_A/b",
    "[a/]",
    "output `a/b` is a link, not a file",
    "a copy"
)]
#[case::no_table("echo 1,2 > $SEGPIPE_OUTPUT_A", "[a]", "output `a` is no Parquet file that can be read", "`.parquet`")]
fn an_output_that_is_not_as_declared_is_not_kept(
    #[case] run: &str,
    #[case] outputs: &str,
    #[case] message: &str,
    #[case] hint: &str,
) {
    let project = Project::new(&stage(run, outputs));
    let ran = project.run(&[]);
    let said = ran.badly(1);
    assert!(said.contains(message) && said.contains(hint), "{said}");
    assert!(!project.path("artifacts/make").exists());
}

#[test]
fn outputs_are_placed_whole_and_restored_without_running() {
    let run = "mkdir $SEGPIPE_OUTPUT_PLOTS/deep; echo 1 > $SEGPIPE_OUTPUT_PLOTS/deep/a; echo 2 > $SEGPIPE_OUTPUT_B; date > ran";
    let project = Project::new(&stage(run, "[plots/, b.txt]"));
    assert_eq!(project.run_well(), "make:ran");
    let when = project.read("ran");
    std::fs::remove_dir_all(project.path("artifacts/make")).unwrap();
    assert_eq!(project.run_well(), "make:restored");
    assert_eq!(project.read("artifacts/make/plots/deep/a"), "1\n");
    project.write("artifacts/make/b.txt", "edited");
    assert_eq!(project.run_well(), "make:restored");
    assert_eq!((project.read("artifacts/make/b.txt").as_str(), project.read("ran")), ("2\n", when));
}

#[test]
fn a_stage_without_outputs_runs_once() {
    let project = Project::new(&stage("echo done", "[]"));
    assert_eq!(project.run_well(), "make:ran");
    assert_eq!(project.run_well(), "make:cached");
}

#[test]
fn a_hard_link_as_an_output_leaves_the_store_its_own_copy() {
    let project = Project::new(&stage("ln $SEGPIPE_PROJECT/words.txt $SEGPIPE_OUTPUT_A", "[a.txt]"));
    project.write("words.txt", "one\n");
    project.run_well();
    std::fs::write(project.path("words.txt"), "two\n").unwrap();
    assert_eq!(project.read("artifacts/make/a.txt"), "one\n");
    assert_eq!(project.files_with("one\n").len(), 2, "the object and the output");
}

#[test]
fn a_directory_of_more_files_than_may_be_open_is_kept() {
    let write = "for i in $(seq 300); do echo $i > $SEGPIPE_OUTPUT_MANY/$i; done";
    let project = Project::new(&stage(write, "{many: artifacts/make/many/}"));
    let plain = project.command(&["run"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(plain.get_program()).args(plain.get_args());
    limited.current_dir(project.path(""));
    let ran = limited.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(std::fs::read_dir(project.path("artifacts/make/many")).unwrap().count(), 300);
}

#[test]
fn an_interrupted_or_failed_program_leaves_no_file_behind() {
    let project = Project::new(&stage("echo half > $SEGPIPE_OUTPUT_A; exit 1", "[a.txt]"));
    project.run(&[]).badly(1);
    assert_eq!(project.files_with("half\n"), [""; 0]);
    assert_eq!(std::fs::read_dir(project.path("artifacts/.segpipe/temporary")).unwrap().count(), 0);
}

#[test]
fn outputs_that_are_linked_take_no_room_of_their_own_and_are_replaced_as_a_whole() {
    let project = Project::new("");
    let pipeline = |k: u32| {
        let stage = format!("run: echo {k} > $SEGPIPE_OUTPUT_O\n    outputs: {{o: out.txt}}");
        project.write("pipeline.yaml", &format!("cache: {{outputs: link}}\nstages:\n  one:\n    {stage}\n"));
    };
    pipeline(1);
    assert_eq!(project.run_well(), "one:ran");
    let metadata = std::fs::metadata(project.path("out.txt")).unwrap();
    assert!(metadata.nlink() == 2 && metadata.permissions().readonly());
    assert_eq!(project.run_well(), "one:cached");
    pipeline(2);
    assert_eq!(project.run_well(), "one:ran");
    assert_eq!(project.read("out.txt"), "2\n");
    pipeline(1);
    assert_eq!(project.run_well(), "one:restored");
    assert_eq!(project.read("out.txt"), "1\n");
}
