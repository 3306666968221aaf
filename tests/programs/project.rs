//! A folder with a pipeline of programs, run there, and what was said.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Ended, Folder};

/// Nothing here takes longer.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Project(Folder);

impl Project {
    /// A project whose stages are these, two spaces in front.
    pub(crate) fn new(stages: &str) -> Self {
        let project = Self(Folder::new());
        project.set_stages(stages);
        project
    }

    pub(crate) fn set_stages(&self, stages: &str) {
        self.write("pipeline.yaml", &format!("name: programs\nstages:\n{stages}"));
    }

    pub(crate) fn path(&self, path: &str) -> std::path::PathBuf {
        self.0.path(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.0.command(arguments)
    }

    /// `segpipe run --json`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(&mut self.command(&[&["run", "--json"], arguments].concat()))
    }

    /// The outcomes of a run that must end well, e.g. `make:ran count:cached`.
    pub(crate) fn run_well(&self) -> String {
        self.run(&[]).well()
    }

    /// Starts a run and waits until `file` is there and has a whole line.
    pub(crate) fn start_until(&self, file: &str) -> Child {
        let mut command = self.command(&["run"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        self.wait_for(file);
        child
    }

    pub(crate) fn wait_for(&self, file: &str) {
        wait_until(file, || fs::read_to_string(self.path(file)).is_ok_and(|text| text.ends_with('\n')));
    }

    /// The process ids that the program wrote into a file, separated by whitespace.
    pub(crate) fn pids(&self, file: &str) -> Vec<u32> {
        self.read(file).split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    /// Every file below `folder` that holds `text`.
    pub(crate) fn files_with(&self, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let kind = entry.file_type().unwrap();
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() && contains(&fs::read(&path).unwrap(), text) {
                    found.push(path.display().to_string());
                }
            }
        }
        found
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

pub(crate) fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what} is waited for in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process is there and not just waiting to be buried.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with(['Z', 'X']))
}

/// Waits until all of them are dead.
pub(crate) fn all_die(pids: &[u32]) {
    assert!(!pids.is_empty());
    wait_until("the death of all processes", || !pids.iter().any(|pid| is_alive(*pid)));
}

pub(crate) fn send(signal: &str, pid: u32) {
    assert!(Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status().unwrap().success());
}

/// A run with `--json`.
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    pub(crate) events: Vec<Value>,
}

impl Ran {
    pub(crate) fn of(command: &mut Command) -> Self {
        let began = Instant::now();
        let ended = Ended::of(&command.output().unwrap());
        assert!(began.elapsed() < PATIENCE, "{}", ended.err);
        assert!(!ended.err.contains("panicked"), "{}", ended.err);
        let events = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        Self { ended, events }
    }

    pub(crate) fn well(&self) -> String {
        assert_eq!(self.ended.code, Some(0), "{}", self.ended.err);
        self.outcomes()
    }

    /// What was said of a run that must fail with `code`.
    pub(crate) fn badly(&self, code: i32) -> &str {
        assert_eq!(self.ended.code, Some(code), "{}", self.ended.err);
        &self.ended.err
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |event| event["event"] == kind)
    }

    pub(crate) fn outcomes(&self) -> String {
        let word = |event: &Value| format!("{}:{}", text(&event["stage"]), text(&event["outcome"]));
        let mut words: Vec<String> = self.of_kind("stage_finished").map(word).collect();
        words.sort();
        words.join(" ")
    }

    pub(crate) fn reason(&self, stage: &str) -> String {
        let found = self.of_kind("stage_finished").find(|event| event["stage"] == stage);
        found.map(|event| text(&event["reason"])).unwrap_or_default()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        self.of_kind("note").map(|event| text(&event["text"])).collect()
    }

    /// What the program of a stage said, as `stream: line`.
    pub(crate) fn said(&self, stage: &str) -> Vec<String> {
        let of_stage = self.of_kind("output").filter(|event| event["stage"] == stage);
        of_stage.map(|event| format!("{}: {}", text(&event["stream"]), text(&event["text"]))).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The name of the folder of an absolute path that a test made.
pub(crate) fn is_below(path: &str, folder: &Path) -> bool {
    Path::new(path).starts_with(folder)
}
