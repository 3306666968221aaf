//! `segpipe runs` and `segpipe diff`.

use std::fs;

use serde_json::Value;

use super::support::Project;

fn json(project: &Project, arguments: &[&str]) -> Value {
    serde_json::from_str(&project.call_well(arguments)).unwrap()
}

/// A project after a run with k = 4 and one with k = 5.
fn two_runs() -> Project {
    let project = Project::finished();
    project.run_well(&["--set", "train.k=5"]);
    project
}

fn git(project: &Project, arguments: &[&str]) {
    let settings = ["-c", "user.name=Ana", "-c", "user.email=ana@example.org"];
    let mut git = std::process::Command::new("git");
    assert!(git.arg("-C").arg(&project.directory).args(settings).args(arguments).status().unwrap().success());
}

#[test]
fn runs_are_listed_newest_first_with_their_result_and_whether_they_wait() {
    let project = two_runs();
    project.run(&["--set", "train.k=5000"]);
    let listed = json(&project, &["runs", "--json"]);
    let runs = listed["runs"].as_array().unwrap();
    let facts: Vec<_> = runs.iter().map(|run| (run["status"].as_str().unwrap(), run["k"].as_u64())).collect();
    assert_eq!(facts, [("FAILED", None), ("FINISHED", Some(5)), ("FINISHED", Some(4))]);
    assert_eq!(runs[1]["outcomes"], serde_json::json!({ "ran": 5, "cached": 4 }));
    assert!(runs[1]["silhouette"].as_f64().unwrap() > 0.0 && runs[1]["delivered"].is_null());
    let table = project.call_well(&["runs"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[0].starts_with("run "), "{table}");
    assert!(lines[2].starts_with(&runs[1]["key"].as_str().unwrap()[..8]), "{table}");
    assert!(lines[2].contains("ran 5, cached 4") && lines[2].ends_with("waiting"), "{table}");
}

#[test]
fn an_entry_that_cannot_be_read_is_named_and_does_not_hide_the_others() {
    let project = Project::finished();
    project.write("artifacts/.outbox/20990101T000000.000Z-bad/entry.json", "{");
    let said = project.call(&["runs"]);
    assert_eq!((said.code, said.out.lines().count()), (0, 2), "{}", said.out);
    assert!(said.errors.contains("20990101T000000.000Z-bad/entry.json` is no intact entry"), "{}", said.errors);
    assert!(Project::new().call(&["runs"]).errors.contains("no run is kept here yet"));
}

#[test]
fn a_diff_shows_params_metrics_segments_customers_and_fingerprints() {
    let project = two_runs();
    let text = project.call_well(&["diff", "latest~1", "latest"]);
    let has = |line: &[&str]| {
        let words = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        text.lines().any(|found| words(found) == line)
    };
    assert!(has(&["train.k", "4", "5"]) && !text.contains("train.n_init"), "{text}");
    assert!(text.lines().any(|line| line.trim_start().starts_with("silhouette ")), "{text}");
    assert!(text.contains("param `k`: 4 → 5") && has(&["rfm", "same"]), "{text}");
    let diff = json(&project, &["diff", "latest~1", "latest", "--json"]);
    let sizes = |side: &str| -> u64 {
        let segments = diff["segments"].as_array().unwrap();
        segments.iter().filter_map(|segment| segment[side][1].as_u64()).sum()
    };
    let customers = &diff["customers"];
    assert_eq!(customers["known"], "compared");
    assert_eq!(sizes("first"), customers["in_both"].as_u64().unwrap());
    assert_eq!(sizes("first"), sizes("second"));
    let moves = customers["moves"].as_array().unwrap();
    let moved = |is_wanted: &dyn Fn(&Value) -> bool| -> u64 {
        moves.iter().filter(|way| is_wanted(way)).map(|way| way["customers"].as_u64().unwrap()).sum()
    };
    assert_eq!(moved(&|_| true), customers["in_both"].as_u64().unwrap());
    assert_eq!(moved(&|way| way["from"] != way["to"]), customers["changed_name"].as_u64().unwrap());
    assert!(customers["changed_number"].as_u64().unwrap() > 0);
}

#[test]
fn a_run_does_not_differ_from_itself() {
    let project = Project::finished();
    let diff = json(&project, &["diff", "latest", "HEAD", "--json"]);
    assert_eq!(
        (&diff["params"]["different"], &diff["metrics"]["different"]),
        (&Value::Array(vec![]), &Value::Array(vec![]))
    );
    assert_eq!(diff["customers"]["known"], "same");
    assert!(diff["stages"].as_array().unwrap().iter().all(|stage| stage["fingerprint"] == "same"));
    assert_eq!(diff["second"]["of"], "the pipeline.lock in the folder (git has none in HEAD)");
}

#[test]
fn head_is_the_run_of_the_committed_lock_whatever_lies_in_the_folder() {
    let project = Project::finished();
    git(&project, &["init", "--quiet"]);
    git(&project, &["add", "pipeline.lock"]);
    git(&project, &["commit", "--quiet", "-m", "first"]);
    project.edit("k: 4", "k: 5");
    project.run_well(&[]);
    let diff = json(&project, &["diff", "HEAD", "latest", "--json"]);
    assert_eq!(diff["first"]["of"], "the pipeline.lock that is committed in git's HEAD");
    let k = diff["params"]["different"].as_array().unwrap().iter().find(|fact| fact["name"] == "train.k").unwrap();
    assert_eq!((k["first"].as_str(), k["second"].as_str()), (Some("4"), Some("5")));
}

#[test]
fn what_is_gone_from_the_store_is_said_in_a_sentence() {
    let project = two_runs();
    fs::remove_dir_all(project.path("artifacts/.segpipe/objects")).unwrap();
    fs::remove_dir_all(project.path("artifacts/.segpipe/records")).unwrap();
    let text = project.call_well(&["diff", "latest~1", "latest"]);
    assert!(
        text.contains("who changed segment is not known, the first run's assignments are no longer in the store"),
        "{text}"
    );
    assert!(text.contains("what determined it is no longer in the store") && text.contains("train.k"), "{text}");
}

#[test]
fn a_name_that_stands_for_no_run_is_wrong_usage() {
    let project = Project::finished();
    let errors = project.fail(2, &["diff", "latest", "nobody"]);
    assert!(errors.contains("no local run is called `nobody`") && errors.contains("hint: `segpipe runs`"), "{errors}");
    assert!(project.fail(2, &["diff", "latest~1", "latest"]).contains("goes further back than the 1 local run"));
    fs::remove_file(project.path("pipeline.lock")).unwrap();
    assert!(project.fail(2, &["diff", "HEAD", "latest"]).contains("pipeline.lock, and there is none"));
    project.write("pipeline.lock", "version 1\noutput rfm.customers 00\n");
    assert!(
        project.fail(2, &["diff", "HEAD", "latest"]).contains("no local run made what the pipeline.lock in the folder")
    );
}
