//! The process dies between any two writes, two runs meet, the disk is full: the next run ends well with the results of
//! an undisturbed one.

use std::fs::File;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rstest::rstest;
use segpipe::crash;

use super::support::{Project, Ran, Said, all};

/// The digests of the changed project when nothing disturbs its run.
fn undisturbed() -> &'static (Ran, String) {
    static UNDISTURBED: OnceLock<(Ran, String)> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let project = changed();
        let ran = project.run_well(&[]);
        (ran, project.read("pipeline.lock"))
    })
}

/// A project that has been run and then changed, so that old and new outputs are both at stake.
fn changed() -> Project {
    let project = Project::finished();
    project.edit("k: 4", "k: 5");
    project
}

fn crash(project: &Project, point: &str) {
    let output = project.command(&["run", "--json"]).env(crash::VARIABLE, point).output().unwrap();
    assert_eq!(output.status.code(), None, "`{point}` is passed: {}", String::from_utf8_lossy(&output.stderr));
}

const POINTS: [&str; 17] = [
    "project.held",
    "stage.began",
    "stage.computed",
    "object.synced",
    "object.stored",
    "record.written",
    "record.stored",
    "output.copied",
    "output.placed",
    "directory.copied",
    "directory.exchanged",
    "current.written",
    "lock.written",
    "lock.stored",
    "entry.written",
    "entry.stored",
    "run.sealed",
];

#[test]
fn every_point_at_which_the_process_can_be_made_to_die_is_tried() {
    assert_eq!(POINTS, crash::POINTS);
}

#[rstest]
fn a_run_after_a_crash_ends_with_the_results_of_an_undisturbed_one(
    #[values(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)] point: usize,
) {
    let project = changed();
    crash(&project, POINTS[point]);
    let ran = project.run_well(&[]);
    let (expected, lock) = undisturbed();
    assert_eq!(ran.digests(), expected.digests());
    assert_eq!(&project.read("pipeline.lock"), lock);
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}

#[test]
fn a_first_run_that_crashes_again_and_again_gets_there() {
    let project = Project::new();
    for point in ["stage.began", "object.stored", "record.written", "output.copied", "current.written"] {
        crash(&project, point);
    }
    let ran = project.run_well(&[]);
    assert_eq!(ran.digests(), Project::finished().run_well(&[]).digests());
}

fn spawn(project: &Project, arguments: &[&str]) -> std::process::Child {
    project.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: std::process::Child) -> Ran {
    Ran::read(Said::read(&child.wait_with_output().unwrap()))
}

#[test]
fn of_two_runs_at_once_one_waits_and_finds_everything_done() {
    let project = Project::new();
    let (first, second) = (spawn(&project, &["run", "--json"]), spawn(&project, &["run", "--json"]));
    let (first, second) = (end(first), end(second));
    let mut outcomes = [first.outcomes(), second.outcomes()];
    outcomes.sort();
    assert_eq!(outcomes, [all("cached", 9), all("ran", 9)], "{}{}", first.said.errors, second.said.errors);
    assert_eq!(first.digests(), second.digests());
}

#[test]
fn a_held_project_is_refused_by_no_wait_and_waited_for_otherwise() {
    let project = Project::finished();
    let lock = File::options().write(true).open(project.path("artifacts/.segpipe/lock")).unwrap();
    lock.lock().unwrap();
    let errors = project.fail(4, &["run", "--no-wait"]);
    assert!(errors.contains("another run"), "{errors}");
    project.call_well(&["status"]);
    let mut waiting = spawn(&project, &["run", "--json"]);
    std::thread::sleep(Duration::from_millis(500));
    assert!(waiting.try_wait().unwrap().is_none(), "it waits");
    drop(lock);
    let ran = end(waiting);
    assert_eq!(ran.outcomes(), all("cached", 9));
    assert!(ran.events.iter().any(|event| event["event"] == "waiting"));
}

/// The command under a limit on the size of the files it writes, in blocks of 512 or 1024 bytes.
fn limited(project: &Project, blocks: u32) -> Command {
    let plain = project.command(&["run", "--json"]);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -f {blocks} && exec \"$0\" \"$@\"")]).arg(plain.get_program());
    command.args(plain.get_args()).current_dir(&project.directory);
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[rstest]
#[case::nothing_fits(0)]
#[case::tables_do_not_fit(16)]
fn a_full_disk_ends_the_run_and_the_next_one_goes_on(#[case] blocks: u32) {
    let project = Project::new();
    let said = Said::of(&mut limited(&project, blocks));
    assert_eq!(said.code, 4, "{}", said.errors);
    assert!(said.errors.contains("error: "), "{}", said.errors);
    let ran = project.run_well(&[]);
    assert_eq!(ran.digests(), Project::finished().run_well(&[]).digests());
}

#[test]
fn ctrl_c_ends_the_run_with_130_and_keeps_what_was_done() {
    let project = Project::new();
    let child = spawn(&project, &["run", "--json"]);
    let begun = Instant::now();
    while !project.path("artifacts/.segpipe/records").is_dir() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let ran = end(child);
    assert_eq!(ran.said.code, 130, "{}", ran.said.errors);
    assert_eq!(ran.events.last().unwrap()["ok"], false);
    let again = project.run_well(&[]);
    assert_eq!(again.digests(), Project::finished().run_well(&[]).digests());
}
