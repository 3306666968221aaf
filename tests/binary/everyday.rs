//! What people do all day: run, change something, run again.

use segpipe::mlflow::Entry;
use segpipe_stages::customers::Customers;
use segpipe_stages::table;

use super::support::{Project, Ran, STAGES, all, until_train};

#[test]
fn a_first_run_runs_everything_and_a_second_run_nothing() {
    let project = Project::new();
    let first = project.run_well(&[]);
    assert_eq!(first.outcomes(), all("ran", 9));
    let second = project.run_well(&[]);
    assert_eq!(second.outcomes(), all("cached", 9));
    assert_eq!(second.digests(), first.digests());
    assert_eq!(
        second.events.last().unwrap()["outbox"],
        serde_json::Value::Null,
        "a run that ran nothing is not sealed"
    );
}

#[test]
fn another_k_runs_train_and_what_follows_and_going_back_restores() {
    let project = Project::finished();
    let before = project.run_well(&[]);
    let changed = project.run_well(&["--set", "train.k=5"]);
    assert_eq!(changed.outcomes(), until_train("cached", "ran"));
    assert_eq!(changed.reason("train"), "param `k`: 4 → 5");
    assert_ne!(changed.digests()["train.model"], before.digests()["train.model"]);
    let back = project.run_well(&[]);
    assert_eq!(back.outcomes(), until_train("cached", "restored"));
    assert_eq!(back.digests(), before.digests());
    project.edit("k: 4", "k: 5");
    assert_eq!(project.run_well(&[]).outcomes(), until_train("cached", "restored"));
}

#[test]
fn a_comment_an_order_of_keys_and_a_default_written_out_change_nothing() {
    let project = Project::finished();
    project.edit("  rfm:", "  # scores\n  rfm: {uses: rfm, params: {snapshot: null}}");
    project
        .edit("      k: 4\n      study: [2, 6]", "      study: [2, 6]\n      scaling: standard # z-scores\n      k: 4");
    project.edit("  preprocess:", "  preprocess: {params: {duplicates: keep, returns: gross}}");
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}

#[test]
fn a_profile_lies_over_the_file_and_a_set_over_the_profile() {
    let project = Project::finished();
    let robust = project.run_well(&["--profile", "robust", "--to", "train"]);
    assert_eq!(robust.reason("train"), "param `scaling`: standard → log");
    let back = project.run_well(&["--profile", "robust", "--set", "train.scaling=standard", "--to", "train"]);
    assert_eq!(back.stage("train")["outcome"], "restored");
}

#[test]
fn a_deleted_and_an_edited_output_are_put_back_and_nothing_below_runs() {
    let project = Project::finished();
    std::fs::remove_file(project.path("artifacts/train/model.json")).unwrap();
    project.write("artifacts/visualize/report.html", "<p>mine");
    let ran = project.run_well(&[]);
    let expected = "cached cached cached cached restored cached restored cached cached";
    assert_eq!(ran.outcomes(), expected);
    assert!(project.read("artifacts/visualize/report.html").len() > 1000);
}

#[test]
fn a_changed_source_runs_everything_and_the_old_one_restores_it() {
    let project = Project::finished();
    let old = project.read("data/shop.csv");
    let new: Vec<&str> = old.lines().filter(|line| !line.contains(",12000.0,")).collect();
    project.write("data/shop.csv", new.join("\n"));
    let changed = project.run_well(&["--to", "rfm"]);
    assert_eq!(changed.reason("load"), "source `shop.csv` changed");
    assert_eq!(&changed.outcomes()[..15], "ran ran ran ran");
    project.write("data/shop.csv", old);
    assert_eq!(project.run_well(&[]).outcomes(), format!("{} {}", all("restored", 4), all("cached", 5)));
}

/// Leaves out the last customer in the table that `rfm` wrote.
fn drop_a_customer(project: &Project) {
    let path = project.path("artifacts/rfm/customers.parquet");
    let (customers, facts) = Customers::read(&path).unwrap();
    let batch = customers.to_batch().unwrap();
    std::fs::remove_file(&path).unwrap();
    table::write(&path, &batch.slice(0, batch.num_rows() - 1), &facts).unwrap();
}

#[test]
fn from_train_goes_on_with_the_upstream_that_is_there_even_if_it_was_edited() {
    let project = Project::finished();
    let before = project.run_well(&[]);
    drop_a_customer(&project);
    let ran = project.run_well(&["--from", "train"]);
    assert_eq!(ran.outcomes(), until_train("skipped", "ran"));
    let rows = |ran: &Ran| ran.stage("train")["outputs"]["assignments"]["rows"].as_u64().unwrap();
    assert_eq!(rows(&ran), rows(&before) - 1);
    assert!(ran.texts().contains("rfm"), "it is said that `rfm` was edited: {}", ran.texts());
    let after = project.run_well(&[]);
    assert_eq!(after.outcomes(), "cached cached cached restored restored restored restored restored restored");
    assert_eq!(after.digests(), before.digests());
}

#[test]
fn from_train_restores_upstream_outputs_that_are_missing() {
    let project = Project::finished();
    std::fs::remove_file(project.path("artifacts/rfm/customers.parquet")).unwrap();
    assert_eq!(project.run_well(&["--from", "train"]).outcomes(), until_train("skipped", "cached"));
    assert!(project.path("artifacts/rfm/customers.parquet").exists());
    let forced = project.run_well(&["--from", "train", "--force"]);
    assert_eq!(forced.outcomes(), until_train("skipped", "ran"));
}

#[test]
fn from_train_without_upstream_names_the_stage_to_run_first() {
    let errors = Project::new().fail(2, &["run", "--from", "train"]);
    assert!(errors.contains("error: `artifacts/rfm/customers.parquet` is not there"), "{errors}");
    assert!(errors.contains("hint: run `segpipe run --to rfm` first"), "{errors}");
}

#[test]
fn to_and_only_take_in_no_more_than_they_say() {
    let project = Project::new();
    let ran = project.run_well(&["--to", "rfm"]);
    assert_eq!(&ran.outcomes()[..15], "ran ran ran ran");
    assert!(!project.path("artifacts/train").exists());
    assert!(!project.path("pipeline.lock").exists());
    let only = project.run_well(&["--only", "rfm", "--force"]);
    assert_eq!(only.stage("rfm")["outcome"], "ran");
    assert_eq!(only.finished().filter(|event| event["outcome"] == "ran").count(), 1);
    assert_eq!(only.stage("rfm")["outputs"], ran.stage("rfm")["outputs"]);
}

#[test]
fn a_dry_run_shows_the_plan_with_reasons_and_touches_nothing() {
    let fresh = Project::new();
    let plan = fresh.call_well(&["run", "--dry-run"]);
    for stage in STAGES {
        assert!(plan.contains(stage), "{plan}");
    }
    assert!(!fresh.path("artifacts").exists());
    let project = Project::finished();
    let plan = project.call_well(&["run", "--dry-run", "--set", "train.k=5"]);
    let line = |stage: &str| plan.lines().find(|line| line.contains(stage)).unwrap().to_owned();
    assert!(line("load").contains("fresh"), "{plan}");
    assert!(line("train").contains("stale") && line("train").contains("param `k`: 4 → 5"), "{plan}");
    assert!(line("evaluate").contains("pending"), "{plan}");
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}

#[test]
fn locked_ends_well_where_nothing_differs_and_lists_what_does() {
    let project = Project::finished();
    let lock = project.read("pipeline.lock");
    assert!(lock.contains("\nsource load \"shop.csv\" ") && lock.contains("\noutput train.model "), "{lock}");
    project.run_well(&["--locked"]);
    let errors = project.fail(1, &["run", "--locked", "--set", "train.k=5"]);
    assert!(errors.contains("train.model") && !errors.contains("rfm.customers"), "{errors}");
    assert_eq!(project.read("pipeline.lock"), lock);
    project.edit("k: 4", "k: 5");
    assert_eq!(project.run(&["--locked"]).said.code, 1);
    assert_eq!(project.read("pipeline.lock"), lock);
    project.run_well(&[]);
    assert_ne!(project.read("pipeline.lock"), lock);
}

#[test]
fn overrides_and_parts_of_a_run_never_write_the_lock() {
    let project = Project::finished();
    let lock = project.read("pipeline.lock");
    for arguments in [&["--set", "train.k=3"][..], &["--profile", "robust"], &["--from", "train"], &["--to", "rfm"]] {
        project.run_well(arguments);
        assert_eq!(project.read("pipeline.lock"), lock, "{arguments:?}");
    }
}

#[test]
fn a_failed_stage_skips_what_needs_it_and_keeps_what_was_done() {
    let project = Project::new();
    let failed = project.run(&["--set", "train.k=700"]);
    assert_eq!(failed.said.code, 3, "{}", failed.said.errors);
    assert_eq!(&failed.outcomes()[..22], "ran ran ran ran failed");
    assert_eq!(failed.stage("deploy")["outcome"], "skipped");
    assert_eq!(failed.events.last().unwrap()["ok"], false);
    assert_eq!(project.run_well(&[]).outcomes(), until_train("cached", "ran"));
}

#[test]
fn a_frozen_model_is_used_as_it_is_while_everything_else_goes_on() {
    let project = Project::finished();
    let before = project.run_well(&[]).digests();
    project.edit("  train:\n", "  train:\n    frozen: true\n");
    project.edit("k: 4", "k: 5");
    let ran = project.run_well(&[]);
    assert_eq!(ran.outcomes(), "cached cached cached cached skipped cached cached cached cached");
    assert_eq!((ran.reason("train"), ran.digests()), ("frozen", before));
    let said = "used as it is although not up to date: `train` (frozen, param `k`: 4 → 5)";
    assert!(ran.texts().contains(said), "{}", ran.texts());
    let locked = project.run_well(&["--locked"]);
    assert_eq!(locked.stage("train")["headline"], ran.stage("train")["headline"]);
    assert!(ran.stage("train")["headline"].as_str().is_some_and(|text| text.contains("k=4")));
    let forced = project.run_well(&["--force"]);
    let entry = Entry::read(&project.path(forced.events.last().unwrap()["outbox"].as_str().unwrap())).unwrap();
    let k: Vec<String> = entry.params().filter(|(name, _)| name == "train.k").map(|(_, value)| value).collect();
    assert_eq!(
        (k.as_slice(), entry.has_stale_upstream),
        (["4".to_owned()].as_slice(), true),
        "what the model was made with"
    );
}

#[test]
fn every_built_in_stage_writes_the_same_with_one_thread_and_with_several() {
    let project = Project::finished();
    for stage in STAGES {
        let said = project.call(&["run", "--check-determinism", stage, "--threads", "3"]);
        assert_eq!(said.code, 0, "{}", said.errors);
        let expected = format!("`{stage}` was run twice with 1 and 3 threads: every byte of ");
        assert!(
            said.errors.contains(&expected) && said.errors.contains("as in the result that is known"),
            "{}",
            said.errors
        );
    }
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}
