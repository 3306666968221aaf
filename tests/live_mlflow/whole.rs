//! A whole pipeline, from `segpipe simulate` to a model served by MLflow.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::servers::Server;
use crate::serving;

const PIPELINE: &str = "\
name: shop
stages:
  load:
    params: {source: data/shop.csv}
  validate:
  preprocess:
  rfm:
  train:
    params: {k: 4, study: [2, 5], n_init: 2, stability_refits: 2}
  evaluate:
  visualize:
  track:
    params: {experiment: whole, registered_model: whole}
  deploy:
";

/// A shop with transactions, in a folder of its own.
pub(crate) struct Project {
    pub(crate) folder: tempfile::TempDir,
}

impl Project {
    /// `name` is that of its experiment and of its registered model.
    pub(crate) fn new(name: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(project.path("pipeline.yaml"), PIPELINE.replace("whole", name)).unwrap();
        std::fs::create_dir(project.path("data")).unwrap();
        project
            .well("http://127.0.0.1:9", &["simulate", "--customers", "300", "--seed", "7", "--out", "data/shop.csv"]);
        project
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn call(&self, url: &str, arguments: &[&str]) -> Output {
        let binary = std::env::var_os("SEGPIPE_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_segpipe").into());
        let mut command = Command::new(binary);
        command.current_dir(self.folder.path()).args(arguments).env("MLFLOW_TRACKING_URI", url);
        command.env_remove("MLFLOW_EXPERIMENT_NAME").env("NO_COLOR", "1").output().unwrap()
    }

    /// A command that must end well; its stderr.
    pub(crate) fn well(&self, url: &str, arguments: &[&str]) -> String {
        let output = self.call(url, arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{arguments:?}\n{errors}");
        errors
    }

    /// What a command that must end well prints.
    pub(crate) fn listed(&self, arguments: &[&str]) -> String {
        let output = self.call("http://127.0.0.1:9", arguments);
        assert!(output.status.success(), "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The entries that were sealed so far, oldest first.
    fn entries(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("artifacts/.outbox")).unwrap().map(|entry| entry.unwrap().path());
        let mut entries: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
        entries.sort();
        entries
    }
}

/// Whether any file below `folder` holds `text`.
fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
        if path.is_dir() {
            holds(&path, text)
        } else {
            let bytes = std::fs::read(&path).unwrap();
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        }
    })
}

#[test]
fn a_run_arrives_whole_its_model_is_served_and_the_champion_follows_the_project() {
    let server = Server::shared();
    let project = Project::new("whole");
    // Nobody is there: the run goes well, says so in one line, and waits.
    let errors = project.well("http://ana:s3cret@127.0.0.1:9", &["run"]);
    let lines: Vec<&str> = errors.lines().filter(|line| line.contains("not tracked yet")).collect();
    assert_eq!(lines.len(), 1, "{errors}");
    assert!(lines[0].contains("no answer from http://127.0.0.1:9") && lines[0].contains("1 run waits"), "{errors}");
    assert!(!errors.contains("s3cret") && !holds(&project.path("artifacts"), "s3cret"));
    assert_eq!(project.call("http://127.0.0.1:9", &["push"]).status.code(), Some(5));
    let required = ["run", "--json", "--set", "track.required=true", "--set", "train.k=5"];
    let output = project.call("http://127.0.0.1:9", &required);
    assert_eq!(output.status.code(), Some(5));
    let last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
    assert!(
        last.starts_with("{\"event\":\"run_finished\",\"ok\":false") && last.ends_with("\"exit_code\":5}"),
        "{last}"
    );

    // The second run that executes something delivers both, oldest first.
    let errors = project.well(&server.url, &["run", "--set", "train.k=3"]);
    assert!(
        errors.contains("tracked: http://127.0.0.1:") && errors.contains("whole version 3, champion: "),
        "{errors}"
    );
    assert!(project.well(&server.url, &["push"]).contains("nothing waits"));
    let entries = project.entries();
    let paths: Vec<&str> = entries.iter().map(|path| path.to_str().unwrap()).collect();
    let folder = project.folder.path().to_str().unwrap().to_owned();
    assert_eq!(paths.len(), 3);
    server.read_back(&["whole", paths[2], &folder, "3"]);

    // Back to the first result: its files are restored, and the champion follows without a run.
    let errors = project.well(&server.url, &["run"]);
    assert!(errors.contains("whole version 1, champion: "), "{errors}");
    assert_eq!(project.well(&server.url, &["run"]).matches("tracked").count(), 0, "nothing to do, nothing to tell");
    server.read_back(&["whole", paths[0], &folder, "1"]);
    server.read_back(&["complete", "whole"]);
    server.read_back(&["serve", "whole", &folder]);
    serving::check(&server.url, "whole", "1", &project.path("artifacts/deploy/bundle"));

    // What is deleted on the server is delivered again, and the champion stays.
    server.read_back(&["delete-run", paths[1]]);
    assert!(project.well(&server.url, &["push"]).contains("nothing waits"));
    assert!(project.well(&server.url, &["push", "--verify"]).contains("delivered "));
    server.read_back(&["complete", "whole"]);
    server.read_back(&["champion", "whole", "1"]);
}
