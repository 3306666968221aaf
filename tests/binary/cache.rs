//! `segpipe cache`: what it tells, what it removes, and that the next run finds or makes everything it needs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::Value;

use super::support::{Project, all};

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A project in which k = 4 was computed, then k = 5, which is current and locked.
fn with_two_results() -> Project {
    let project = Project::finished();
    project.edit("k: 4", "k: 5");
    project.run_well(&[]);
    project
}

/// The object with most bytes.
fn largest_object(project: &Project) -> PathBuf {
    let folders = fs::read_dir(project.path("artifacts/.segpipe/objects")).unwrap().map(|entry| entry.unwrap().path());
    let objects = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    objects.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn a_collection_keeps_what_is_current_and_what_went_is_computed_again() {
    let project = with_two_results();
    let before = object(&project.call_well(&["cache", "stats", "--json"]));
    let told = object(&project.call_well(&["cache", "gc", "--at-most", "0", "--dry-run", "--json"]));
    assert_eq!(object(&project.call_well(&["cache", "stats", "--json"])), before, "a dry run removes nothing");
    let text = project.call_well(&["cache", "gc", "--at-most", "0"]);
    assert!(text.starts_with("removed 6 results and "), "five of stages, and the study of k that two share: {text}");
    let after = object(&project.call_well(&["cache", "stats", "--json"]));
    assert_eq!((&after["records"], &after["bytes"]), (&Value::from(9), &told["bytes_left"]));
    assert_eq!(after["bytes"], before["current"]["bytes"]);
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
    project.edit("k: 5", "k: 4");
    assert_eq!(project.run_well(&[]).outcomes(), format!("{} {}", all("cached", 4), all("ran", 5)));
}

#[test]
fn a_run_that_is_to_be_kept_keeps_its_results() {
    let project = with_two_results();
    project.call_well(&["cache", "gc", "--at-most", "0", "--keep", "latest~1"]);
    project.edit("k: 5", "k: 4");
    assert_eq!(project.run_well(&[]).outcomes(), format!("{} {}", all("cached", 4), all("restored", 5)));
    let errors = project.fail(2, &["cache", "gc", "--keep", "nobody"]);
    assert!(errors.contains("no local run is called `nobody`") && errors.contains("segpipe runs"), "{errors}");
}

#[test]
fn a_damaged_object_is_told_and_after_a_repair_made_anew() {
    let project = Project::finished();
    assert!(project.call_well(&["cache", "verify"]).ends_with("all of it is intact\n"));
    let damaged = largest_object(&project);
    let mut bytes = fs::read(&damaged).unwrap();
    bytes[100] ^= 1;
    fs::set_permissions(&damaged, Permissions::from_mode(0o644)).unwrap();
    fs::write(&damaged, bytes).unwrap();
    let errors = project.fail(4, &["cache", "verify"]);
    assert!(errors.contains("the cache is damaged") && errors.contains("--repair"), "{errors}");
    let told = object(&project.call(&["cache", "verify", "--repair", "--json"]).out);
    assert_eq!((&told["ok"], told["damaged"].as_array().unwrap().len()), (&Value::from(false), 1));
    assert!(!damaged.exists());
    let ran = project.run_well(&[]);
    assert_eq!(ran.digests(), Project::finished().run_well(&[]).digests());
    assert!(ran.outcomes().contains("ran"), "{}", ran.outcomes());
    project.call_well(&["cache", "verify"]);
}

#[test]
fn a_collection_that_dies_in_between_leaves_a_cache_that_is_well() {
    for point in segpipe::crash::POINTS_OF_COLLECTION {
        let project = with_two_results();
        let mut command = project.command(&["cache", "gc", "--at-most", "0"]);
        let output = command.env(segpipe::crash::VARIABLE, point).output().unwrap();
        assert_eq!(output.status.code(), None, "`{point}` is passed");
        project.call_well(&["cache", "verify"]);
        assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
        project.call_well(&["cache", "gc", "--at-most", "0"]);
        let stats = object(&project.call_well(&["cache", "stats", "--json"]));
        assert_eq!((&stats["records"], &stats["unneeded"]["objects"]), (&Value::from(9), &Value::from(0)));
    }
}

#[test]
fn beside_a_run_the_cache_is_left_alone() {
    let project = Project::finished();
    let lock = File::options().write(true).open(project.path("artifacts/.segpipe/lock")).unwrap();
    lock.lock().unwrap();
    for command in ["gc", "verify"] {
        let errors = project.fail(4, &["cache", command, "--no-wait"]);
        assert!(errors.contains("another run holds this project"), "{errors}");
    }
    project.call_well(&["cache", "stats"]);
}

#[test]
fn an_age_or_a_size_that_is_none_is_refused_with_an_example() {
    let project = Project::finished();
    let errors = project.fail(2, &["cache", "gc", "--older-than", "soon"]);
    assert!(errors.contains("`soon` is no age like `12h`, `30d` or `8w`"), "{errors}");
    let errors = project.fail(2, &["cache", "gc", "--at-most", "little"]);
    assert!(errors.contains("`little` is no size like `500MB`, `2GB` or `1GiB`"), "{errors}");
}
