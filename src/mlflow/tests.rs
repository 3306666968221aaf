//! The outbox on finished runs as the engine hands them over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use segpipe_stages::contract::{
    CheckedParams, Fault, FinishedRun, FinishedStage, InputFile, RunStatus, StageError, Tracker,
};
use segpipe_stages::table::{self, Facts};
use segpipe_stages::track::Record;
use serde_json::json;

use super::*;
use crate::digest::Digest;
use crate::store::tree::Tree;

/// 2011-12-09T12:50:00.250Z.
const STARTED: i64 = 1_323_435_000_250;

struct Project {
    folder: tempfile::TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        let yaml = "stages:\n  track:\n    tracking_uri: http://ana:s3cret@host:5000\n    token: s3cret\n";
        project.write("pipeline.yaml", yaml.as_bytes());
        project
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn write(&self, relative: &str, content: &[u8]) -> PathBuf {
        let path = self.path(relative);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.path("artifacts/.outbox"))
    }

    fn seal(&self, run: &FinishedRun) -> (PathBuf, Entry) {
        let path = self.outbox().seal(run).map_err(|error| error.message).unwrap();
        let entry = Entry::read(&path).unwrap();
        (path, entry)
    }

    /// A run in which every stage went well.
    fn finished(&self) -> FinishedRun {
        let mut record = Record::default();
        record.text("param", "k", "4");
        record.metric("silhouette", 0.616);
        record.metric_at("k_study/inertia", 2, f64::NAN);
        let path = self.path("artifacts/track/record.parquet");
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        table::write(&path, &record.to_batch().unwrap(), &Facts::new()).unwrap();
        let record = output("record", path.clone(), Digest::of_file(&path).unwrap());
        let (onnx, report) = (b"a model".as_slice(), b"<html>".as_slice());
        let onnx = output("onnx", self.write("artifacts/train/model.onnx", onnx), Digest::of_bytes(onnx));
        let report = output("report", self.write("artifacts/visualize/report.html", report), Digest::of_bytes(report));
        self.run(vec![
            stage("load", "cached", []),
            stage("train", "ran", [onnx]),
            stage("visualize", "ran", [report, self.images()]),
            stage("track", "ran", [record]),
        ])
    }

    fn images(&self) -> (String, InputFile) {
        self.write("artifacts/visualize/images/elbow.png", b"elbow");
        self.write("artifacts/visualize/images/svg/elbow.svg", b"<svg>");
        let file = |name: &str, content: &[u8]| (name.to_owned(), Digest::of_bytes(content));
        let tree = Tree { files: vec![file("elbow.png", b"elbow"), file("svg/elbow.svg", b"<svg>")] };
        output("images", self.path("artifacts/visualize/images"), tree.digest())
    }

    fn run(&self, stages: Vec<FinishedStage>) -> FinishedRun {
        FinishedRun {
            status: RunStatus::Finished,
            started_ms: STARTED,
            ended_ms: STARTED + 1_500,
            pipeline: "segments".to_owned(),
            directory: self.folder.path().to_owned(),
            file: self.path("pipeline.yaml"),
            stale_upstream: false,
            stages,
        }
    }
}

fn output(name: &str, path: PathBuf, digest: Digest) -> (String, InputFile) {
    (name.to_owned(), InputFile { path, digest: digest.to_string() })
}

fn stage<const N: usize>(
    kind: &'static str,
    outcome: &'static str,
    outputs: [(String, InputFile); N],
) -> FinishedStage {
    let determining = BTreeMap::from([("k".to_owned(), json!(4))]);
    let incidental = BTreeMap::from([
        ("tracking_uri".to_owned(), json!("https://ana:s3cret@host/mlflow?key=s3cret")),
        ("api_token".to_owned(), json!("s3cret")),
        ("download".to_owned(), json!({ "url": "https://s3cret@host/x.zip" })),
    ]);
    FinishedStage {
        name: format!("my_{kind}"),
        kind: kind.to_owned(),
        outcome,
        reason: Some("no answer from http://ana:s3cret@host".to_owned()),
        seconds: 0.25,
        fingerprint: Some("f".repeat(64)),
        params: CheckedParams { determining, incidental },
        outputs: outputs.into(),
    }
}

/// Relative paths of all files below `folder`, sorted, with their content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn visit(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in folder.read_dir().unwrap().flatten() {
            if entry.path().is_dir() {
                visit(root, &entry.path(), found);
            } else {
                let name = entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    visit(folder, folder, &mut found);
    found.sort();
    found
}

#[test]
fn a_finished_run_becomes_one_complete_entry() {
    let project = Project::new();
    project.write("pipeline.lock", b"locked");
    let (path, entry) = project.seal(&project.finished());
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    assert_eq!(name, format!("20111209T125000.250Z-{}", &entry.key[..8]));
    assert_eq!((entry.format, entry.status, entry.key.len()), (FORMAT, RunStatus::Finished, 32));
    assert_eq!((entry.started_ms, entry.ended_ms), (STARTED, STARTED + 1_500));
    assert_eq!((entry.pipeline.as_str(), entry.file.as_str()), ("segments", "pipeline.yaml"));
    assert_eq!(entry.git, None, "the project is no repository");
    let paths: Vec<&str> = entry.artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    let expected =
        ["model/model.onnx", "pipeline.lock", "pipeline.yaml", "plots/elbow.png", "plots/svg/elbow.svg", "report.html"];
    assert_eq!(paths, expected);
    assert_eq!(entry.missing, []);
    for artifact in &entry.artifacts {
        let content = std::fs::read(path.join(FILES).join(&artifact.path)).unwrap();
        assert_eq!(artifact.digest, Digest::of_bytes(&content).to_string(), "{}", artifact.path);
        assert_eq!(artifact.bytes, content.len() as u64);
    }
    let train = entry.stage_of_kind("train").unwrap();
    assert_eq!((train.name.as_str(), train.outcome.as_str(), &train.params["k"]), ("my_train", "ran", &json!(4)));
    assert_eq!(train.outputs["onnx"], Digest::of_bytes(b"a model").to_string());
}

#[test]
fn the_record_is_in_the_entry_with_every_number_it_has() {
    let project = Project::new();
    let record = project.seal(&project.finished()).1.record.unwrap();
    assert_eq!((record[0].key.as_str(), record[0].text.as_deref()), ("k", Some("4")));
    assert_eq!(record[1].value.map(f64::to_bits), Some(0.616_f64.to_bits()));
    assert!(record[2].value.unwrap().is_nan() && record[2].step == Some(2));
}

#[test]
fn nothing_written_holds_a_secret() {
    let project = Project::new();
    let (path, entry) = project.seal(&project.finished());
    for (name, content) in files(&path) {
        let text = String::from_utf8_lossy(&content);
        assert!(!text.contains("s3cret") && !text.contains("ana:"), "{name}: {text}");
    }
    let track = entry.stage_of_kind("track").unwrap();
    assert_eq!(track.params["tracking_uri"], "https://host/mlflow");
    assert_eq!(track.reason.as_deref(), Some("no answer from http://host"));
    let project_path = project.folder.path().to_string_lossy().into_owned();
    let json = std::fs::read_to_string(path.join(ENTRY)).unwrap();
    assert!(!json.contains(&project_path), "an entry names no absolute path");
}

#[test]
fn a_failed_run_is_sealed_without_a_record_and_with_what_there_is() {
    let project = Project::new();
    let mut run = project.finished();
    run.status = RunStatus::Failed;
    run.stages = vec![
        run.stages.remove(0),
        run.stages.remove(0),
        stage("evaluate", "failed", []),
        stage("track", "skipped", []),
    ];
    let (path, entry) = project.seal(&run);
    assert_eq!((entry.status, entry.record), (RunStatus::Failed, None));
    let paths: Vec<&str> = entry.artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(paths, ["model/model.onnx", "pipeline.yaml"]);
    let json = std::fs::read_to_string(path.join(ENTRY)).unwrap();
    assert!(json.contains("\"status\": \"FAILED\"") && json.contains("\"record\": null"), "{json}");
}

#[test]
fn what_changed_or_vanished_after_the_run_is_left_out_and_named() {
    let project = Project::new();
    let run = project.finished();
    project.write("artifacts/train/model.onnx", b"b model");
    project.write("artifacts/visualize/images/added.png", b"added");
    std::fs::remove_file(project.path("artifacts/visualize/report.html")).unwrap();
    project.write("artifacts/track/record.parquet", b"no table");
    let (path, entry) = project.seal(&run);
    let paths: Vec<&str> = entry.artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
    assert_eq!(paths, ["pipeline.yaml"]);
    let missing: Vec<&str> = entry.missing.iter().map(|missing| missing.path.as_str()).collect();
    assert_eq!(missing, ["plots", "report.html", "model/model.onnx", "record"]);
    assert_eq!(entry.missing[0].reason, "it was changed after the run");
    let names: Vec<String> = files(&path).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["entry.json", "files/pipeline.yaml"], "nothing is there that the entry does not name");
}

#[test]
fn an_entry_stays_what_it_is_when_the_project_moves_on() {
    let project = Project::new();
    let (path, entry) = project.seal(&project.finished());
    let before = files(&path);
    project.write("artifacts/train/model.onnx", b"another model");
    std::fs::remove_dir_all(project.path("artifacts/visualize")).unwrap();
    assert_eq!(files(&path), before);
    assert_eq!(Entry::read(&path).unwrap().artifacts, entry.artifacts);
}

#[test]
fn entries_wait_oldest_first_until_they_have_a_receipt() {
    let project = Project::new();
    assert_eq!(project.outbox().entries().unwrap(), []);
    let mut run = project.finished();
    run.started_ms += 1;
    let later = project.seal(&run).0;
    let (earlier, entry) = project.seal(&project.finished());
    let waiting = project.outbox().entries().unwrap();
    assert_eq!(waiting.iter().map(|entry| &entry.path).collect::<Vec<_>>(), [&earlier, &later]);
    let json = std::fs::metadata(earlier.join(ENTRY)).unwrap().len();
    assert_eq!(waiting[0].bytes, json + entry.artifacts.iter().map(|artifact| artifact.bytes).sum::<u64>());
    std::fs::write(earlier.join(RECEIPT), "{}").unwrap();
    assert_eq!(project.outbox().entries().unwrap().len(), 1);
}

#[test]
fn a_return_is_sealed_without_files_where_it_changes_the_model() {
    let project = Project::new();
    let with_model = |identity: &str| {
        let mut run = project.finished();
        let mut record = Record::default();
        record.text("model", "identity", identity);
        let path = project.path(&format!("artifacts/track/{identity}.parquet"));
        table::write(&path, &record.to_batch().unwrap(), &Facts::new()).unwrap();
        let (name, file) = output("record", path.clone(), Digest::of_file(&path).unwrap());
        run.stages[3].outputs.insert(name, file);
        run
    };
    let (mut one, mut two) = (with_model("one"), with_model("two"));
    let outbox = project.outbox();
    let back = |run: &FinishedRun| outbox.seal_return(run).map_err(|error| error.message).unwrap();
    project.seal(&one);
    assert_eq!(back(&one), None, "it is the last one");
    two.started_ms += 1;
    project.seal(&two);
    one.started_ms += 2;
    let path = back(&one).unwrap();
    let entry = Entry::read(&path).unwrap();
    assert!(entry.is_return && entry.artifacts.is_empty() && entry.model_identity() == Some("one"));
    assert_eq!(back(&one), None, "said already");
    assert_eq!(back(&project.finished()), None, "a run without a model goes nowhere");
}

#[test]
fn equal_runs_have_different_keys() {
    let project = Project::new();
    let run = project.finished();
    assert_ne!(project.seal(&run).1.key, project.seal(&run).1.key);
}

#[test]
fn what_a_crash_left_behind_is_no_entry_and_is_removed_by_the_next_seal() {
    let project = Project::new();
    project.write("artifacts/.outbox/.sealing-12345678/entry.json", b"{}");
    project.write("artifacts/.outbox/.sealing-12345678/files/x/y", b"half");
    assert_eq!(project.outbox().entries().unwrap(), []);
    project.seal(&project.finished());
    assert!(!project.path("artifacts/.outbox/.sealing-12345678").exists());
    assert_eq!(project.outbox().entries().unwrap().len(), 1);
}

#[test]
fn runs_that_end_at_once_are_all_sealed() {
    let project = Project::new();
    let run = project.finished();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| project.seal(&run));
        }
    });
    let waiting = project.outbox().entries().unwrap();
    assert_eq!(waiting.len(), 8);
    assert!(waiting.iter().all(|entry| Entry::read(&entry.path).unwrap().artifacts.len() == 5));
}

#[test]
fn a_seal_that_cannot_be_written_leaves_nothing_and_blames_the_disk() {
    let project = Project::new();
    project.write("artifacts/.outbox", b"a file in the way");
    let error: StageError = project.outbox().seal(&project.finished()).unwrap_err();
    assert_eq!(error.fault, Fault::Disk);
}

#[test]
fn entries_that_are_damaged_or_of_a_later_format_are_refused_by_name() {
    let project = Project::new();
    let (path, _) = project.seal(&project.finished());
    let json = std::fs::read_to_string(path.join(ENTRY)).unwrap();
    std::fs::write(path.join(ENTRY), json.replacen("\"format\": 1", "\"format\": 2", 1)).unwrap();
    assert!(
        Entry::read(&path).unwrap_err().to_string().ends_with("has format 2, and this segpipe reads formats up to 1")
    );
    std::fs::write(path.join(ENTRY), &json[..json.len() / 2]).unwrap();
    assert!(Entry::read(&path).unwrap_err().to_string().ends_with("entry.json` is no intact entry of the outbox"));
    std::fs::remove_file(path.join(ENTRY)).unwrap();
    assert!(matches!(Entry::read(&path).unwrap_err(), EntryError::File { .. }));
}
