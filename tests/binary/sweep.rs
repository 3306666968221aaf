//! `segpipe sweep`: ranked, kept apart from the project, sealed once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use segpipe::mlflow::{ENTRY, Entry, SweepPart};
use serde_json::Value;

use super::support::Project;

const SWEEP: [&str; 5] = ["sweep", "--set", "train.k=3..5", "--set", "train.scaling=standard,log"];

/// Everything below `artifacts` that is the project's own, and pipeline.lock.
fn own_files(project: &Project) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let is_own = !name.starts_with(".outbox") && (!name.contains(".segpipe/") || name.contains("/current"));
            if path.is_dir() {
                walk(root, &path, found);
            } else if is_own {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let (root, mut found) = (project.path("artifacts"), BTreeMap::new());
    walk(&root, &root, &mut found);
    found.extend(fs::read(project.path("pipeline.lock")).ok().map(|lock| ("pipeline.lock".to_owned(), lock)));
    found
}

/// The entries of sweeps, parents first.
fn parts(project: &Project) -> Vec<(std::path::PathBuf, Entry)> {
    let folders =
        fs::read_dir(project.path("artifacts/.outbox")).into_iter().flatten().map(|entry| entry.unwrap().path());
    let entries =
        folders.filter(|path| path.join(ENTRY).exists()).map(|path| (path.clone(), Entry::read(&path).unwrap()));
    let mut parts: Vec<_> = entries.filter(|(_, entry)| entry.sweep.is_some()).collect();
    parts.sort_by(|(one, _), (other, _)| one.cmp(other));
    parts
}

#[test]
fn a_sweep_ranks_every_combination_and_leaves_the_project_as_it_was() {
    let project = Project::finished();
    let before = own_files(&project);
    let said = project.call(&[&SWEEP[..], &["-o", "ranking.csv"]].concat());
    assert_eq!(said.code, 0, "{}", said.errors);
    assert_eq!(own_files(&project), before);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 7, "{}", said.out);
    assert!(lines[0].starts_with("rank  train.k  train.scaling  silhouette"), "{}", said.out);
    assert!(said.errors.contains("compare them among combinations of one scaling"), "{}", said.errors);
    let table = project.read("ranking.csv");
    let rows: Vec<Vec<&str>> = table.lines().skip(1).map(|line| line.split(',').collect()).collect();
    let silhouettes: Vec<f64> = rows.iter().map(|row| row[3].parse().unwrap()).collect();
    assert!(silhouettes.is_sorted_by(|a, b| a >= b), "{table}");
    let mut combinations: Vec<_> = rows.iter().map(|row| (row[1], row[2])).collect();
    combinations.sort_unstable();
    let expected = [("3", "log"), ("3", "standard"), ("4", "log"), ("4", "standard"), ("5", "log"), ("5", "standard")];
    assert_eq!(combinations, expected);
    // A run of one of them finds its result, which is the one that was ranked.
    let ran = project.run_well(&["--set", "train.k=3", "--set", "train.scaling=log", "--to", "track"]);
    assert_eq!(ran.stage("train")["outcome"], "restored");
}

#[test]
fn its_run_and_a_run_a_combination_are_sealed_once_the_whole_first() {
    let project = Project::finished();
    project.call_well(&SWEEP);
    let sealed = parts(&project);
    assert_eq!(sealed.len(), 7);
    let parent = &sealed[0].1;
    assert!(matches!(&parent.sweep, Some(SweepPart::Parent { combinations: 6, .. })), "{:?}", parent.sweep);
    assert!(parent.artifact("sweep/ranking.csv").is_some() && parent.metric("silhouette").is_none());
    assert!(!parent.stage_of_kind("train").unwrap().params.contains_key("k"), "only what all have in common");
    for (_, child) in &sealed[1..] {
        let Some(SweepPart::Child { parent: of, sets, .. }) = &child.sweep else { panic!("{:?}", child.sweep) };
        let k = child.stage_of_kind("train").unwrap().params["k"].to_string();
        assert_eq!((of, &sets[0]), (&parent.key, &format!("train.k={k}")));
        assert!(child.metric("silhouette").is_some() && child.artifact("tables/metrics.parquet").is_some());
        assert!(!child.artifacts.iter().any(|file| file.path.starts_with("model/")), "a study has no model files");
        assert!(child.stages.iter().all(|stage| stage.name != "deploy"));
    }
    let ran = |stage: &str| {
        let stages = sealed[1..].iter().filter_map(|(_, child)| child.stage_of_kind(stage));
        stages.filter(|stage| stage.outcome == "ran").count()
    };
    assert_eq!((ran("rfm"), ran("train")), (0, 5), "k = 4 was there already, and upstream of train is shared");
    // Again: nothing to compute, nothing to tell; and what a crash left out is added.
    assert!(project.call(&SWEEP).errors.contains("this sweep waits already"));
    assert_eq!(parts(&project).len(), 7);
    fs::remove_dir_all(&sealed[3].0).unwrap();
    project.call_well(&SWEEP);
    let again = parts(&project);
    assert_eq!((again.len(), &again[0].1.key), (7, &parent.key));
}

#[test]
fn combinations_that_fail_are_named_and_the_others_are_ranked() {
    let project = Project::finished();
    let said = project.call(&["sweep", "--set", "train.k=4,5000", "--json"]);
    assert_eq!(said.code, 1, "{}", said.errors);
    assert!(said.errors.contains("`train.k=5000` failed: "), "{}", said.errors);
    let study: Value = serde_json::from_str(&said.out).unwrap();
    let facts: Vec<_> =
        study["combinations"].as_array().unwrap().iter().map(|one| (&one["rank"], &one["status"])).collect();
    assert_eq!(facts, [(&1.into(), &"FINISHED".into()), (&Value::Null, &"FAILED".into())]);
    let statuses: Vec<_> = parts(&project).into_iter().map(|(_, entry)| format!("{:?}", entry.status)).collect();
    assert_eq!(statuses[0], "Failed");
    assert_eq!(statuses.iter().filter(|status| *status == "Finished").count(), 1);
}

#[test]
fn a_sweep_does_not_become_the_latest_run_or_the_result_that_a_run_goes_back_from() {
    let project = Project::finished();
    let latest = || project.call_well(&["diff", "latest", "HEAD"]);
    let before = latest();
    project.call_well(&["sweep", "--set", "train.k=3"]);
    assert_eq!(latest(), before);
    let table = project.call_well(&["runs"]);
    assert!(table.contains("sweep of 1") && table.contains("1 of "), "{table}");
    assert_eq!(project.run_well(&[]).outcomes(), super::support::all("cached", 9));
    assert!(!project.call(&["run"]).errors.contains("tracked"), "nothing was gone back to");
}

#[test]
fn what_makes_no_sweep_is_refused_before_anything_is_computed() {
    let project = Project::new();
    let refused = |arguments: &[&str]| project.fail(2, &[&["sweep"], arguments].concat());
    assert!(refused(&["--set", "train.k=10..2"]).contains("the range `10..2` is empty"));
    assert!(refused(&["--set", "train.k=1..5000"]).contains("more than 1000 combinations"));
    assert!(refused(&["--set", "train.kk=2..3"]).contains("`kk`"));
    assert!(refused(&["--set", "trian.k=2..3"]).contains("`train`"));
    assert!(refused(&["--set", "train.k=4,many"]).contains("many"));
    assert!(refused(&["--set", "track.experiment=a,b"]).contains("`track.experiment` cannot have several values"));
    assert!(refused(&["--set", "train.k=2..3", "-o", "a.pdf"]).contains("does not end in `.csv`"));
    assert!(!project.path("artifacts").exists());
    let project = Project::finished();
    let errors = project.fail(2, &["sweep", "--set", "train.k=4", "--by", "beauty"]);
    assert!(errors.contains("`beauty`") && errors.contains("hint: metrics are: calinski_harabasz"), "{errors}");
}

#[test]
fn a_sweep_over_what_comes_before_a_frozen_stage_is_refused_and_one_after_it_is_not() {
    let project = Project::finished();
    project.edit("  rfm:", "  rfm: {frozen: true}");
    let said = project.fail(2, &["sweep", "--set", "preprocess.returns=gross,net"]);
    assert!(said.contains("`rfm` is frozen, and would be another one for each combination"), "{said}");
    project.call_well(&["sweep", "--set", "train.k=3,4"]);
}
