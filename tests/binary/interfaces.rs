//! What others build on: the lines of `run --json`, the tables, and results that do not depend on how they were made.

use std::collections::BTreeSet;

use segpipe_stages::{schema, table};

use super::support::{CUSTOMERS, Project, Ran, STAGES, all, until_train};

/// Every stage's outputs and their files below `artifacts/<stage>`; what has no ending is a folder.
const OUTPUTS: [(&str, &[(&str, &str)]); 9] = [
    ("load", &[("transactions", "transactions.parquet"), ("sources", "sources.parquet")]),
    ("validate", &[("valid", "valid.parquet"), ("quarantine", "quarantine.parquet"), ("report", "report.parquet")]),
    ("preprocess", &[("orders", "orders.parquet"), ("waterfall", "waterfall.parquet"), ("orphans", "orphans.parquet")]),
    ("rfm", &[("customers", "customers.parquet")]),
    (
        "train",
        &[
            ("model", "model.parquet"),
            ("assignments", "assignments.parquet"),
            ("k_selection", "k_selection.parquet"),
            ("onnx", "model.onnx"),
            ("model_json", "model.json"),
        ],
    ),
    (
        "evaluate",
        &[
            ("metrics", "metrics.parquet"),
            ("segments", "segments.parquet"),
            ("silhouettes", "silhouettes.parquet"),
            ("warnings", "warnings.parquet"),
        ],
    ),
    ("visualize", &[("plots", "plots.parquet"), ("images", "images"), ("report", "report.html")]),
    ("track", &[("record", "record.parquet")]),
    ("deploy", &[("bundle", "bundle"), ("manifest", "manifest.parquet")]),
];

#[test]
fn stdout_is_one_object_a_line_and_the_last_one_says_how_it_ended() {
    let project = Project::finished();
    for (arguments, ok) in [(&[][..], true), (&["--set", "train.k=5"], true), (&["--set", "train.k=700"], false)] {
        let ran = project.run(arguments);
        assert!(ran.events.iter().all(|event| event["event"].is_string()), "{:?}", ran.events);
        let last = ran.events.last().unwrap();
        assert_eq!((&last["event"], &last["ok"]), (&"run_finished".into(), &ok.into()));
        assert_eq!(last["exit_code"], ran.said.code);
        assert_eq!(ran.events.iter().filter(|event| event["event"] == "run_finished").count(), 1);
        let stages: Vec<_> = ran.finished().map(|event| event["stage"].as_str().unwrap()).collect();
        assert_eq!(stages.iter().collect::<BTreeSet<_>>(), STAGES.iter().collect(), "every stage ends once");
        assert_eq!(stages.len(), 9);
    }
}

#[test]
fn a_run_that_cannot_begin_still_ends_its_lines() {
    let ran = Project::new().run(&["--set", "train.kk=5"]);
    assert_eq!(ran.said.code, 2);
    assert_eq!(ran.events.last().unwrap()["event"], "run_finished");
    assert_eq!(ran.events.last().unwrap()["ok"], false);
}

#[test]
fn every_finished_stage_names_its_outputs_with_path_digest_and_rows() {
    let project = Project::finished();
    for arguments in [&[][..], &["--set", "train.k=5"], &[]] {
        let ran = project.run_well(arguments);
        for (stage, outputs) in OUTPUTS {
            let event = ran.stage(stage);
            assert!(event["seconds"].as_f64().unwrap() >= 0.0);
            let said = event["outputs"].as_object().unwrap();
            assert_eq!(said.keys().collect::<BTreeSet<_>>().len(), outputs.len(), "{event}");
            for (name, file) in outputs {
                let fact = &said[*name];
                assert_eq!(fact["path"], format!("artifacts/{stage}/{file}"));
                assert_eq!(fact["digest"].as_str().unwrap().len(), 64);
                let path = project.path(fact["path"].as_str().unwrap());
                assert_eq!(path.is_dir(), !file.contains('.'), "{stage}.{name}");
                assert_eq!(fact["rows"].is_u64(), file.ends_with(".parquet"), "{stage}.{name}");
                if path.is_file() {
                    let digest = blake3::hash(&std::fs::read(path).unwrap()).to_hex().to_string();
                    assert_eq!(fact["digest"], digest);
                }
            }
        }
    }
}

#[test]
fn stages_left_out_by_from_are_skipped() {
    let ran = Project::finished().run_well(&["--from", "train"]);
    assert_eq!(ran.outcomes(), until_train("skipped", "cached"));
}

#[test]
fn tables_lie_where_they_should_with_the_columns_documented() {
    let project = Project::finished();
    let tables = [
        ("load/transactions", schema::transactions()),
        ("load/sources", schema::sources()),
        ("validate/valid", schema::transactions()),
        ("validate/quarantine", schema::quarantine()),
        ("validate/report", schema::report()),
        ("preprocess/orders", schema::orders()),
        ("preprocess/waterfall", schema::waterfall()),
        ("preprocess/orphans", schema::orphans()),
        ("rfm/customers", schema::customers()),
        ("train/model", schema::model()),
        ("train/assignments", schema::assignments()),
        ("train/k_selection", schema::k_selection()),
        ("evaluate/metrics", schema::metrics()),
        ("evaluate/segments", schema::segments()),
        ("evaluate/silhouettes", schema::silhouettes()),
        ("evaluate/warnings", schema::warnings()),
        ("visualize/plots", schema::plots()),
        ("track/record", schema::record()),
        ("deploy/manifest", schema::manifest()),
    ];
    for (name, schema) in tables {
        let path = project.path(&format!("artifacts/{name}.parquet"));
        let (batch, facts) = table::read(&path, &schema).unwrap();
        assert_eq!(facts.get("data_source").map(String::as_str), Some("file"), "{name}");
        let may_be_empty = ["evaluate/warnings", "preprocess/orphans"].contains(&name);
        assert!(batch.num_rows() > 0 || may_be_empty, "{name}");
    }
    let customers = project.table("rfm/customers", &schema::customers()).num_rows() as u64;
    assert!(customers > CUSTOMERS * 9 / 10 && customers <= CUSTOMERS, "{customers}");
}

#[test]
fn outputs_are_the_same_bytes_however_many_jobs_and_threads_made_them() {
    let project = Project::finished();
    let first = project.run_well(&[]).digests();
    for arguments in [&["--jobs", "1", "--threads", "1"][..], &["--jobs", "8", "--threads", "2"]] {
        let other = Project::new();
        let ran = other.run_well(arguments);
        assert_eq!(ran.outcomes(), all("ran", 9));
        assert_eq!(ran.digests(), first, "{arguments:?}");
        assert_eq!(other.read("pipeline.lock"), project.read("pipeline.lock"));
    }
    let mut command = project.command(&["run", "--json", "--force"]);
    let forced = Ran::of(command.env("RAYON_NUM_THREADS", "3").env("TZ", "Asia/Tokyo").env("LC_ALL", "tr_TR.UTF-8"));
    assert_eq!(forced.outcomes(), all("ran", 9));
    assert_eq!(forced.digests(), first);
}

#[test]
fn a_project_that_was_moved_is_still_fresh() {
    let project = Project::finished();
    let moved = project.directory.with_file_name("moved");
    std::fs::rename(&project.directory, &moved).unwrap();
    let ran = Ran::of(project.command(&["run", "--json"]).current_dir(&moved));
    assert_eq!(ran.outcomes(), all("cached", 9));
    std::fs::rename(moved, &project.directory).unwrap();
}

#[test]
fn a_folder_with_nothing_but_pipeline_and_source_is_enough() {
    let project = Project::new();
    project.run_well(&["--to", "load"]);
    let names = std::fs::read_dir(&project.directory).unwrap().map(|entry| entry.unwrap().file_name());
    let names: BTreeSet<_> = names.map(|name| name.into_string().unwrap()).collect();
    assert_eq!(names, ["artifacts", "data", "pipeline.yaml"].map(String::from).into());
}

#[test]
fn a_reader_that_goes_away_ends_the_lines_and_not_the_run() {
    let project = Project::finished();
    let mut child = project
        .command(&["run", "--json", "--set", "train.k=3"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
    assert_eq!(project.run_well(&["--set", "train.k=3"]).outcomes(), all("cached", 9));
}
