//! The shared cache: two machines with a folder between them, what arrives, whom they believe, and what goes wrong.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::support::{PIPELINE, Project, Ran, Said, all, shop};

/// Customers of the shop; few, because most tests compute everything.
const CUSTOMERS: u64 = 200;

/// What several machines share.
struct Shared {
    folder: tempfile::TempDir,
}

impl Shared {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// A project like that of every other machine, whose file says `more` of the cache.
    fn machine(&self, more: &str) -> Project {
        let project = Project::empty();
        project.write("pipeline.yaml", format!("cache:\n  remote: {}\n{more}{PIPELINE}", self.path().display()));
        project.write("data/shop.csv", shop(CUSTOMERS));
        project
    }

    /// Every file, by path.
    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        collect(&self.path(), &mut files);
        files.sort();
        files
    }

    fn records(&self) -> Vec<PathBuf> {
        self.files().into_iter().filter(|path| path.starts_with(self.path().join("v1/records"))).collect()
    }

    fn largest(&self) -> PathBuf {
        self.files().into_iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

fn json(project: &Project, arguments: &[&str]) -> Command {
    project.command(&[&["run", "--json"], arguments].concat())
}

/// A run that must end well.
fn well(command: &mut Command) -> Ran {
    let ran = Ran::of(command);
    assert_eq!(ran.said.code, 0, "{}", ran.said.errors);
    ran
}

/// A new pair: private and public key.
fn keys(project: &Project) -> (String, String) {
    let text = project.call_well(&["cache", "keygen"]);
    let key = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    (key("private "), key("public "))
}

/// Whether any file below `folder` holds `text`.
fn holds(folder: &Path, text: &str) -> bool {
    let mut files = Vec::new();
    collect(folder, &mut files);
    files.iter().any(|path| fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes()))
}

#[test]
fn a_second_machine_restores_the_whole_pipeline_without_running_a_stage() {
    let shared = Shared::new();
    let (one, other) = (shared.machine(""), shared.machine(""));
    let first = one.run_well(&[]);
    assert_eq!(first.outcomes(), all("ran", 9));
    assert!(first.texts().contains("9 results sent"), "{}", first.texts());
    let second = other.run_well(&[]);
    assert_eq!(second.outcomes(), all("restored", 9), "{}", second.texts());
    assert_eq!(second.digests(), first.digests());
    assert_eq!(second.reason("load"), "never run here; taken from the shared cache");
    assert!(second.texts().contains("9 results taken"), "{}", second.texts());
    assert_eq!(other.read("pipeline.lock"), one.read("pipeline.lock"));
    let report = |project: &Project| fs::read(project.path("artifacts/visualize/report.html")).unwrap();
    assert!(report(&one) == report(&other));
    let third = other.run_well(&[]);
    assert_eq!(third.outcomes(), all("cached", 9));
    assert!(!third.texts().contains("shared cache"), "{}", third.texts());
}

#[test]
fn what_was_computed_without_it_is_sent_by_push_and_that_once() {
    let shared = Shared::new();
    let one = Project::finished();
    let remote = shared.path();
    let push = || {
        let mut command = one.command(&["cache", "push"]);
        Said::of(command.env("SEGPIPE_CACHE_REMOTE", &remote))
    };
    let first = push();
    assert!(first.code == 0 && first.errors.contains("sent 9 results"), "{}", first.errors);
    let files = shared.files();
    assert_eq!(push().errors, format!("`{}` has all of it: 9 results\n", remote.display()));
    assert_eq!(shared.files(), files);
    let other = Project::new();
    let ran = well(json(&other, &[]).env("SEGPIPE_CACHE_REMOTE", &remote));
    assert_eq!(ran.outcomes(), all("restored", 9), "{}", ran.texts());
    assert_eq!(one.run_well(&[]).outcomes(), all("cached", 9));
}

#[test]
fn push_without_anywhere_to_send_to_or_leave_to_write_says_what_to_do() {
    let project = Project::new();
    assert!(project.fail(2, &["cache", "push"]).contains("hint: name one: `cache: {remote: s3://"));
    let reader = Shared::new().machine("  mode: read\n");
    assert!(reader.fail(2, &["cache", "push"]).contains("is to be `read-write`"));
    let absent = Shared::new().machine("");
    let said = Said::of(absent.command(&["cache", "push"]).env("SEGPIPE_CACHE_REMOTE", "/nowhere/at/all"));
    assert_eq!(said.code, 0, "there is nothing to send yet: {}", said.errors);
    absent.run_well(&["--to", "load"]);
    let said = Said::of(absent.command(&["cache", "push"]).env("SEGPIPE_CACHE_REMOTE", "/nowhere/at/all"));
    assert!(said.code == 4 && said.errors.contains("does not exist"), "{}", said.errors);
}

#[test]
fn a_reader_takes_and_writes_nothing() {
    let shared = Shared::new();
    let reader = shared.machine("  mode: read\n");
    fs::create_dir(shared.path()).unwrap();
    assert_eq!(reader.run_well(&["--to", "rfm"]).outcomes(), format!("{} {}", all("ran", 4), all("skipped", 5)));
    assert_eq!(shared.files(), Vec::<PathBuf>::new());
    let writer = shared.machine("");
    writer.run_well(&["--to", "rfm"]);
    let files = shared.files();
    fs::remove_dir_all(reader.path("artifacts")).unwrap();
    let ran = reader.run_well(&["--to", "train"]);
    let expected = format!("{} ran {}", all("restored", 4), all("skipped", 4));
    assert_eq!(ran.outcomes(), expected, "{}", ran.texts());
    assert_eq!(shared.files(), files);
}

#[test]
fn only_what_a_trusted_key_signed_is_taken() {
    let shared = Shared::new();
    let plain = shared.machine("");
    let ((secret, public), (others, stranger)) = (keys(&plain), keys(&plain));
    let trusting = |key: Option<&str>| {
        let project = shared.machine(&format!("  trust: [{public}]\n"));
        let mut command = json(&project, &["--to", "load"]);
        command.envs(key.map(|key| ("SEGPIPE_CACHE_KEY", key)));
        (well(&mut command), project)
    };
    plain.run_well(&["--to", "load"]);
    let (ran, _) = trusting(None);
    assert!(ran.outcomes().starts_with("ran ") && ran.texts().contains("is not signed"), "{}", ran.texts());
    assert!(ran.texts().contains("nothing is sent to the shared cache: SEGPIPE_CACHE_KEY is not set"));
    let (ran, _) = trusting(Some(&others));
    assert!(ran.outcomes().starts_with("ran ") && ran.texts().contains("does not list the public key"));
    // Who is trusted puts a signed record in the place of the other.
    let (ran, writer) = trusting(Some(&secret));
    assert!(ran.texts().contains("1 result sent"), "{}", ran.texts());
    assert!(!holds(&writer.directory, &secret) && !holds(&shared.path(), &secret) && !ran.said.out.contains(&secret));
    let (ran, _) = trusting(None);
    assert!(ran.outcomes().starts_with("restored "), "{}", ran.texts());
    // Altered by who can write but not sign.
    let record = &shared.records()[0];
    let text = fs::read_to_string(record).unwrap();
    let (head, body) = text.split_at(text.find("\n{").unwrap());
    let forged = body.trim().replace("\"seconds\":", "\"seconds\":1");
    let seal = segpipe::digest::Digest::of_bytes(forged.as_bytes()).to_string();
    let lines: Vec<&str> = head.lines().collect();
    fs::write(record, format!("{}\n{seal}\n{}\n{forged}\n", lines[0], lines[2])).unwrap();
    let (ran, _) = trusting(None);
    let expected = format!("is not what `{public}` signed");
    assert!(ran.outcomes().starts_with("ran ") && ran.texts().contains(&expected), "{}", ran.texts());
    fs::write(record, text.replace(&public, &stranger)).unwrap();
    let (ran, _) = trusting(None);
    let expected = format!("signed by `{stranger}`, which `cache.trust` does not list");
    assert!(ran.outcomes().starts_with("ran ") && ran.texts().contains(&expected), "{}", ran.texts());
}

#[test]
fn a_damaged_object_costs_a_run_and_is_healed_by_it() {
    let shared = Shared::new();
    let first = shared.machine("").run_well(&["--to", "load"]);
    let object = shared.largest();
    let intact = fs::read(&object).unwrap();
    fs::set_permissions(&object, Permissions::from_mode(0o644)).unwrap();
    let mut damaged = intact.clone();
    damaged[1000] ^= 1;
    fs::write(&object, damaged).unwrap();
    let ran = shared.machine("").run_well(&["--to", "load"]);
    assert!(ran.outcomes().starts_with("ran ") && ran.texts().contains("there is damaged"), "{}", ran.texts());
    assert_eq!(ran.digests(), first.digests());
    assert!(fs::read(&object).unwrap() == intact);
    assert!(shared.machine("").run_well(&["--to", "load"]).outcomes().starts_with("restored "));
}

#[test]
fn two_machines_at_once_leave_whole_results() {
    let shared = Shared::new();
    let machines = [shared.machine(""), shared.machine("")];
    let children = machines.each_ref().map(|machine| {
        let mut command = json(machine, &[]);
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
    });
    let digests = children.map(|child| {
        let ran = Ran::read(Said::read(&child.wait_with_output().unwrap()));
        assert_eq!(ran.said.code, 0, "{}", ran.said.errors);
        ran.digests()
    });
    assert_eq!(digests[0], digests[1]);
    let ran = shared.machine("").run_well(&[]);
    assert_eq!(ran.outcomes(), all("restored", 9), "{}", ran.texts());
    assert_eq!(ran.digests(), digests[0]);
}

#[test]
fn a_cache_that_is_gone_is_one_warning_and_no_failure() {
    let project = Shared::new().machine("");
    project.edit("cache:\n  remote: ", "cache:\n  remote: /nowhere/at/all # ");
    let said = project.call(&["run", "--to", "rfm"]);
    assert_eq!(said.code, 0, "{}", said.errors);
    assert_eq!(said.errors.matches("warning: the shared cache").count(), 1, "{}", said.errors);
    assert!(said.errors.contains("4 results not sent; `segpipe cache push`"), "{}", said.errors);
    assert!(said.errors.contains("`/nowhere/at/all` does not exist; the run goes on without it"), "{}", said.errors);
}

#[test]
fn nobody_is_asked_where_nothing_is_to_do_or_everything_is_to_run() {
    let project = Project::finished();
    let with_nowhere = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        Said::of(command.env("SEGPIPE_CACHE_REMOTE", "/nowhere/at/all"))
    };
    for arguments in [&["run"][..], &["status"], &["run", "--dry-run", "--set", "train.k=5"], &["explain", "train"]] {
        let said = with_nowhere(arguments);
        assert!(said.code == 0 && !said.errors.contains("nowhere"), "{arguments:?}: {}", said.errors);
    }
    let shared = Shared::new();
    let (one, other) = (shared.machine(""), shared.machine(""));
    one.run_well(&["--to", "load"]);
    assert!(other.run_well(&["--to", "load", "--force"]).outcomes().starts_with("ran "));
}

#[test]
fn settings_that_cannot_be_used_are_refused_before_anything_is_done() {
    let project = Project::new();
    let refused = |name: &str, value: &str| {
        let said = Said::of(project.command(&["run"]).env("SEGPIPE_CACHE_REMOTE", "/tmp").env(name, value));
        assert_eq!(said.code, 2, "{}", said.errors);
        said.errors
    };
    assert!(refused("SEGPIPE_CACHE_MODE", "rw").contains("`rw` is none of `read-write`, `read`, `off`"));
    assert!(refused("SEGPIPE_CACHE_REMOTE", "http://h/x").contains("hint: write `s3://BUCKET/PREFIX`"));
    let errors = refused("SEGPIPE_CACHE_KEY", "hunter2");
    assert!(errors.contains("`SEGPIPE_CACHE_KEY` is no private key") && !errors.contains("hunter2"), "{errors}");
    assert!(!project.path("artifacts").exists());
}

#[test]
fn programs_of_ones_own_are_shared_and_never_see_the_key() {
    let shared = Shared::new();
    let machine = || {
        let project = Project::empty();
        let remote = shared.path();
        let text = format!(
            "cache: {{remote: {}}}\nstages:\n  list:\n    run: mkdir -p $SEGPIPE_OUTPUT_FILES/a && env > \
             $SEGPIPE_OUTPUT_FILES/a/env.txt\n    outputs: {{files: artifacts/files/}}\n",
            remote.display()
        );
        project.write("pipeline.yaml", text);
        project
    };
    let (one, other) = (machine(), machine());
    let (secret, _) = keys(&one);
    let ran = well(json(&one, &[]).env("SEGPIPE_CACHE_KEY", &secret));
    assert_eq!(ran.stage("list")["outcome"], "ran");
    let env = one.read("artifacts/files/a/env.txt");
    assert!(!env.contains("SEGPIPE_CACHE") && !env.contains(&secret), "{env}");
    let ran = other.run_well(&[]);
    assert_eq!(ran.stage("list")["outcome"], "restored", "{}", ran.texts());
    assert_eq!(other.read("artifacts/files/a/env.txt"), env);
}

#[test]
fn a_sweep_takes_what_another_machine_computed() {
    let shared = Shared::new();
    let (one, other) = (shared.machine(""), shared.machine(""));
    one.run_well(&["--to", "rfm"]);
    let before = shared.records().len();
    other.call_well(&["sweep", "--set", "train.k=3,4"]);
    // They hold how long it took, so that equal ones are the same.
    let kept = one.path("artifacts/.segpipe/records");
    for record in fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()) {
        let theirs = other.path("artifacts/.segpipe/records").join(record.file_name().unwrap());
        assert!(fs::read(&record).unwrap() == fs::read(theirs).unwrap());
    }
    assert!(shared.records().len() > before, "what it computes is there for others");
}
