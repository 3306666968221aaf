//! The disk refuses at any write, folders are read-only, ten runs meet: a clear message and a documented exit code, and
//! the next plain run ends with the bytes of an undisturbed one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use segpipe::crash;

use crate::process::Ended;
use crate::project::{Project, Ran, wait_until};

const STAGES: &str = "
  make:
    run: echo $SEGPIPE_PARAM_WORD > \"$SEGPIPE_OUTPUT_LINES\"; echo made >> made.log
    params: {word: old}
    outputs: [lines.txt]
  split:
    run: cp \"$SEGPIPE_INPUT_LINES\" \"$SEGPIPE_OUTPUT_PARTS/a\"; echo split >> made.log
    inputs: [make.lines]
    outputs: [parts/]
";

/// No space left on device, read-only file system, permission denied; with a word of the hint for each.
const ERRORS: [(i32, &str); 3] = [(28, "make room"), (30, "able to write"), (13, "able to write")];

/// Points at which a run is sealed for tracking, which fails no run.
const OF_TRACKING: [&str; 3] = ["entry.written", "entry.stored", "run.sealed"];

/// A project that has been run and then changed, so that old and new outputs are both at stake.
fn changed() -> Project {
    let project = Project::new(STAGES);
    project.run_well();
    project.set_stages(&STAGES.replace("old", "new"));
    project
}

/// Every output and pipeline.lock.
fn results(project: &Project) -> BTreeMap<&'static str, String> {
    let paths = ["artifacts/make/lines.txt", "artifacts/split/parts/a", "pipeline.lock"];
    paths.into_iter().map(|path| (path, project.read(path))).collect()
}

fn undisturbed() -> &'static BTreeMap<&'static str, String> {
    static UNDISTURBED: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let project = changed();
        project.run_well();
        results(&project)
    })
}

/// That a plain run ends as if nothing had been in its way, and that the one after it finds nothing to do.
fn goes_on(project: &Project, what: &str) {
    let ran = project.run(&[]);
    assert_eq!(ran.ended.code, Some(0), "{what}: {}", ran.ended.err);
    assert_eq!(&results(project), undisturbed(), "{what}");
    assert_eq!(project.run_well(), "make:cached split:cached", "{what}");
}

/// The words in backticks of a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn wherever_the_disk_refuses_the_run_says_where_and_the_next_one_goes_on() {
    for point in crash::POINTS {
        for (number, hint) in ERRORS {
            let what = format!("{point}={number}");
            let project = changed();
            let ran = Ran::of(project.command(&["run", "--json"]).env(crash::FAILURE, &what));
            let said = &ran.ended.err;
            let is_of_tracking = OF_TRACKING.contains(point);
            assert_eq!(ran.ended.code, Some(if is_of_tracking { 0 } else { 4 }), "{what}: {said}");
            if is_of_tracking {
                let notes = ran.notes().join("\n");
                assert!(notes.contains("the run could not be sealed for tracking: cannot "), "{what}: {notes}");
            } else {
                assert!(said.contains("error: ") && said.contains("caused by: "), "{what}: {said}");
                assert!(said.lines().any(|line| line.starts_with("hint: ") && line.contains(hint)), "{what}: {said}");
                let names_path = |word: &str| Path::new(word).is_absolute() || word.starts_with("artifacts/");
                assert!(quoted(said).any(names_path), "{what} names no path: {said}");
            }
            goes_on(&project, &what);
        }
    }
}

/// Whether this process may write wherever it likes.
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:")).unwrap();
    line.split_whitespace().nth(1) == Some("0")
}

/// Somebody without any rights.
const NOBODY: u32 = 65_534;

/// A project that belongs to somebody whom permissions bind, and a binary that they may run.
struct Bound {
    project: Project,
    binary: PathBuf,
}

impl Bound {
    fn new() -> Self {
        let project = changed();
        let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_segpipe"));
        if is_root() {
            let own = project.path("segpipe");
            fs::copy(&binary, &own).unwrap();
            binary = own;
            give_away(&project.path(""));
        }
        Self { project, binary }
    }

    fn run(&self) -> Ran {
        let plain = self.project.command(&["run", "--json"]);
        let mut command = Command::new(&self.binary);
        command
            .args(plain.get_args())
            .current_dir(self.project.path(""))
            .env("MLFLOW_TRACKING_URI", "http://127.0.0.1:9");
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Ran::of(&mut command)
    }

    fn set_mode(&self, folder: &str, mode: u32) {
        fs::set_permissions(self.project.path(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
}

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            give_away(&entry.unwrap().path());
        }
    }
}

#[test]
fn a_read_only_folder_is_named_and_the_next_run_goes_on_once_it_is_writable() {
    let folders = [
        ".",
        "artifacts/.segpipe/objects",
        "artifacts/.segpipe/records",
        "artifacts/.segpipe/current",
        "artifacts/.segpipe/temporary",
        "artifacts/make",
        "artifacts/split",
    ];
    for folder in folders {
        let bound = Bound::new();
        bound.set_mode(folder, 0o555);
        let ran = bound.run();
        bound.set_mode(folder, 0o755);
        let said = &ran.ended.err;
        assert_eq!(ran.ended.code, Some(4), "{folder}: {said}");
        assert!(said.contains("caused by: Permission denied"), "{folder}: {said}");
        assert!(said.contains("hint: segpipe must be able to write there"), "{folder}: {said}");
        let ran = bound.run();
        assert_eq!(ran.ended.code, Some(0), "{folder}: {}", ran.ended.err);
        assert_eq!(&results(&bound.project), undisturbed(), "{folder}");
    }
}

fn spawn(project: &Project, arguments: &[&str]) -> Child {
    let mut command = project.command(&[&["run", "--json"], arguments].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> Ended {
    Ended::of(&child.wait_with_output().unwrap())
}

#[test]
fn of_ten_runs_at_once_all_end_well_and_every_stage_is_executed_once() {
    let project = Project::new(STAGES);
    let children: Vec<Child> = (0..10).map(|_| spawn(&project, &[])).collect();
    for child in children {
        let ended = end(child);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
    }
    assert_eq!(project.read("made.log"), "made\nsplit\n");
    assert_eq!(project.run_well(), "make:cached split:cached");
}

#[test]
fn of_ten_runs_that_do_not_wait_one_wins_and_the_others_name_it() {
    let project = Project::new(&STAGES.replace("run: echo", "run: until [ -e go ]; do sleep 0.02; done; echo"));
    let mut children: Vec<Child> = (0..10).map(|_| spawn(&project, &["--no-wait"])).collect();
    let mut over = BTreeSet::new();
    let began = std::time::Instant::now();
    while over.len() < 9 && began.elapsed() < crate::project::PATIENCE {
        for (number, child) in children.iter_mut().enumerate() {
            if child.try_wait().unwrap().is_some() {
                over.insert(number);
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let winner: Vec<usize> = (0..10).filter(|number| !over.contains(number)).collect();
    assert_eq!(winner.len(), 1);
    let holder = format!("another run holds this project (process {}, since ", children[winner[0]].id());
    project.write("go", "");
    for (number, child) in children.into_iter().enumerate() {
        let ended = end(child);
        if number == winner[0] {
            assert_eq!(ended.code, Some(0), "{}", ended.err);
        } else {
            assert_eq!(ended.code, Some(4), "{}", ended.err);
            assert!(ended.err.contains(&holder), "{holder}: {}", ended.err);
            assert!(ended.err.contains("hint: leave out `--no-wait` to wait for it"), "{}", ended.err);
        }
    }
    wait_until("the log", || project.read("made.log") == "made\nsplit\n");
}
