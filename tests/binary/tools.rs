//! The commands beside `run`.

use std::collections::BTreeSet;

use arrow_array::{Float64Array, Int64Array, StringArray};
use segpipe_stages::customers::Customers;
use segpipe_stages::schema;
use segpipe_stages::table::column;
use serde_json::Value;

use super::support::{Project, STAGES};

/// The rows of a CSV without quoted cells in the columns that are asked for.
fn cells(csv: &str, name: &str) -> Vec<String> {
    let mut lines = csv.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let position = header.iter().position(|cell| *cell == name).unwrap_or_else(|| panic!("no {name} in {header:?}"));
    lines.map(|line| line.split(',').nth(position).unwrap().to_owned()).collect()
}

#[test]
fn status_gives_one_object_with_each_stages_state_and_reason() {
    let project = Project::finished();
    let status = |arguments: &[&str]| {
        let text = project.call_well(&[&["status", "--json"], arguments].concat());
        serde_json::from_str::<Value>(&text).unwrap()["stages"].as_array().unwrap().clone()
    };
    let stages = status(&[]);
    assert_eq!(stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect::<Vec<_>>(), STAGES);
    assert!(stages.iter().all(|stage| stage["state"] == "fresh"), "{stages:?}");
    let stages = status(&["--set", "train.k=5"]);
    assert_eq!(stages[3]["state"], "fresh");
    assert_eq!(stages[4]["state"], "stale");
    assert_eq!(stages[4]["reason"], "param `k`: 4 → 5");
    assert_eq!(stages[5]["state"], "pending");
    std::fs::remove_file(project.path("artifacts/rfm/customers.parquet")).unwrap();
    assert_eq!(status(&[])[3]["state"], "restore");
    assert!(project.call_well(&["status"]).contains("rfm"));
}

#[test]
fn graph_draws_every_stage_in_every_format() {
    let project = Project::new();
    for (format, opening) in
        [("text", "load"), ("mermaid", "flowchart"), ("dot", "digraph"), ("html", "<!DOCTYPE html>")]
    {
        let graph = project.call_well(&["graph", "--format", format, "--bare"]);
        assert!(graph.starts_with(opening), "{graph}");
        assert!(STAGES.iter().all(|stage| graph.contains(stage)), "{graph}");
        assert!(!graph.contains("stale<") && !graph.contains("pending\n"), "{graph}");
    }
    assert!(project.call_well(&["graph"]).contains("rfm.customers"));
}

#[test]
fn graph_marks_what_is_fresh_and_what_is_not() {
    let project = Project::finished();
    let graph = |format: &str| project.call_well(&["graph", "--format", format, "--set", "train.k=5"]);
    let text = graph("text");
    assert!(
        text.contains("fresh  rfm") && text.contains("stale  train") && text.contains("pending  evaluate"),
        "{text}"
    );
    assert!(graph("mermaid").contains("train<br/>stale\"]:::stale"));
    assert!(graph("dot").contains("\"train\" [label=\"train\\nstale\", style=filled"));
    let page = graph("html");
    assert!(page.contains("train: stale, param `k`: 4 → 5") && page.contains("9 stages: 4 fresh, 1 stale, 4 pending"));
    assert!(
        !page.contains("http://www.w3.org/1999") && !page.contains("<script") && !page.contains("https:"),
        "{page}"
    );
}

#[test]
fn a_graph_is_drawn_without_marks_where_the_source_is_missing_for_good() {
    let project = Project::new();
    std::fs::remove_file(project.path("data/shop.csv")).unwrap();
    let graph = project.call(&["graph"]);
    assert_eq!(graph.code, 0, "{graph:?}");
    assert!(graph.out.starts_with("load"), "{graph:?}");
    assert!(graph.errors.contains("warning: which stages are up to date is not known"), "{graph:?}");
}

#[test]
fn explain_tells_of_a_hit_what_was_compared_with_what_and_since_when() {
    let project = Project::finished();
    let text = project.call_well(&["explain", "train"]);
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(lines[0], "train: fresh", "{text}");
    assert!(lines.iter().any(|line| line.starts_with("last result  ")), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("at its place") && line.contains("since 2")), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("compared") && line.ends_with("facts, all equal")), "{text}");
    assert!(lines.contains(&"outputs       5 outputs at their places as recorded"), "{text}");
    assert!(lines.contains(&"param k 4") && lines.iter().any(|line| line.starts_with("input customers ")), "{text}");
    let object: Value = serde_json::from_str(&project.call_well(&["explain", "train", "--json"])).unwrap();
    assert_eq!((&object["state"], &object["reason"]), (&"fresh".into(), &Value::Null));
    assert_eq!(object["fingerprint"], object["last"]["fingerprint"]);
    assert_eq!(object["document"], object["last"]["document"]);
    assert_eq!(object["differences"], Value::Array(Vec::new()));
    assert!(object["outputs"].as_array().unwrap().iter().all(|output| output["present"] == output["recorded"]));
}

#[test]
fn explain_sets_what_changed_beside_what_was_there() {
    let project = Project::finished();
    let text = project.call_well(&["explain", "train", "--set", "train.k=5"]);
    assert!(text.starts_with("train: stale, param `k`: 4 → 5\n"), "{text}");
    assert!(text.contains("\n- param k 4\n+ param k 5\n"), "{text}");
    let text = project.call_well(&["explain", "evaluate", "--set", "train.k=5"]);
    assert!(text.starts_with("evaluate: pending, waits for `train`\n"), "{text}");
    assert!(text.contains("all equal, with the inputs that are there now"), "{text}");
    std::fs::write(project.path("artifacts/rfm/customers.parquet"), "mine").unwrap();
    let text = project.call_well(&["explain", "rfm"]);
    assert!(text.starts_with("rfm: restore, output `customers` was edited\n"), "{text}");
    assert!(text.contains("`artifacts/rfm/customers.parquet` was edited"), "{text}");
}

#[test]
fn explain_of_what_never_ran_and_of_what_does_not_exist() {
    let project = Project::new();
    let text = project.call_well(&["explain", "load"]);
    assert!(text.starts_with("load: stale, never run here\n") && text.contains("none here"), "{text}");
    assert!(project.call_well(&["explain", "train"]).starts_with("train: pending, waits for"));
    let errors = project.fail(2, &["explain", "trian"]);
    assert!(errors.contains("there is no stage `trian`") && errors.contains("did you mean `train`?"), "{errors}");
    assert!(!project.path("artifacts").exists());
}

#[test]
fn a_trace_is_written_of_runs_that_end_well_and_badly() {
    let project = Project::new();
    project.run_well(&["--trace", "run.json"]);
    let trace: Value = serde_json::from_str(&project.read("run.json")).unwrap();
    let events = trace["traceEvents"].as_array().unwrap();
    let named = |name: &str| events.iter().filter(|event| event["ph"] == "X" && event["name"] == name).count();
    assert_eq!(STAGES.map(named), [1; 9]);
    assert_eq!(named("execute"), 9);
    let ran = project.run(&["--set", "train.k=700", "--trace", "run.html"]);
    assert_ne!(ran.said.code, 0);
    let page = project.read("run.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("failed") && page.contains("param `k`: 4 → 700"));
    let ran = project.run(&["--trace", "nowhere/run.json"]);
    assert_eq!(ran.said.code, 4);
    assert!(ran.said.errors.contains("cannot write `nowhere/run.json`"), "{}", ran.said.errors);
}

#[test]
fn stages_are_selected_by_expressions_and_tags() {
    let project = Project::finished();
    project.edit("  track:\n", "  track:\n    tags: [weekly]\n");
    let ran = |arguments: &[&str]| {
        let ran = project.run_well(&[arguments, &["--force"]].concat());
        let ran = ran
            .finished()
            .filter(|event| event["outcome"] == "ran")
            .map(|event| event["stage"].as_str().unwrap().to_owned());
        ran.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(ran(&["+rfm"]), "load preprocess rfm validate");
    assert_eq!(ran(&["visualize+", "load"]), "deploy load track visualize");
    assert_eq!(ran(&["tag:weekly", "*rocess"]), "preprocess track");
    assert_eq!(
        project.run_well(&[]).finished().filter(|event| event["outcome"] == "cached").count(),
        9,
        "a tag is no fact"
    );
    let errors = project.run(&["tag:wekly"]).said.errors;
    assert!(errors.contains("no stage has the tag `wekly`") && errors.contains("did you mean `weekly`?"), "{errors}");
    project.edit("    tags: [weekly]\n", "");
    let ran = project.run(&["train", "--strict", "--set", "rfm.snapshot=2030-01-01"]);
    assert_eq!(ran.said.code, 1, "{}", ran.said.errors);
    assert!(ran.said.errors.contains("`rfm` (param `snapshot`"), "{}", ran.said.errors);
}

#[test]
fn check_reads_the_file_and_nothing_else() {
    let project = Project::new();
    project.call_well(&["check"]);
    project.call_well(&["check", "--profile", "robust", "--set", "train.k=auto"]);
    assert!(!project.path("artifacts").exists());
    project.edit("scaling: log", "scaling: logg");
    let errors = project.fail(2, &["check", "--profile", "robust"]);
    assert!(errors.starts_with("error: pipeline.yaml:4:22: unknown value `logg` of param `scaling`"), "{errors}");
    assert!(errors.contains("\n4 |     train: {scaling: logg}\n"), "{errors}");
    assert!(errors.contains("hint: did you mean `log`?"), "{errors}");
}

#[test]
fn the_projects_own_pipeline_file_is_right_with_and_without_its_profile() {
    let project = Project::empty();
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/pipeline.yaml");
    project.call_well(&["check", "--file", own]);
    project.call_well(&["check", "--file", own, "--profile", "robust"]);
}

#[test]
fn schema_is_the_json_schema_of_all_nine_kinds() {
    let project = Project::empty();
    let schema: Value = serde_json::from_str(&project.call_well(&["schema"])).unwrap();
    let stages = schema["properties"]["stages"]["properties"].as_object().unwrap();
    assert_eq!(stages.keys().map(String::as_str).collect::<Vec<_>>(), STAGES);
    assert!(schema["$defs"]["params.train"]["properties"]["scaling"]["description"].is_string());
}

#[test]
fn completions_are_printed_for_the_usual_shells() {
    let project = Project::empty();
    for shell in ["bash", "zsh", "fish"] {
        assert!(project.call_well(&["completions", shell]).contains("segpipe"));
    }
}

#[test]
fn help_has_examples_and_usage_errors_end_with_2() {
    let project = Project::empty();
    for command in ["run", "status", "explain", "graph", "init", "export", "predict", "simulate"] {
        let help = project.call_well(&[command, "--help"]);
        assert!(help.contains("Examples:\n  segpipe"), "{help}");
    }
    for arguments in
        [&["rum"][..], &["run", "--jobs", "0"], &["run", "--only", "rfm", "--from", "rfm"], &["predict"], &[]]
    {
        project.fail(2, arguments);
    }
}

#[test]
fn export_writes_one_row_per_customer() {
    let project = Project::finished();
    let customers = Customers::read(&project.path("artifacts/rfm/customers.parquet")).unwrap().0;
    let on_stdout = project.call_well(&["export"]);
    project.call_well(&["export", "-o", "out.csv"]);
    assert_eq!(project.read("out.csv"), on_stdout);
    let header = on_stdout.lines().next().unwrap();
    for name in ["customer_id", "recency", "frequency", "monetary", "segment", "segment_name", "action"] {
        assert!(header.split(',').any(|cell| cell == name), "{header}");
    }
    assert_eq!(cells(&on_stdout, "customer_id"), customers.ids);
    project.call_well(&["export", "-o", "out.xlsx"]);
    assert!(std::fs::read(project.path("out.xlsx")).unwrap().starts_with(b"PK"));
    let errors = project.fail(2, &["export", "-o", "out.pdf"]);
    assert!(errors.contains("csv"), "{errors}");
}

#[test]
fn export_and_predict_before_a_run_say_what_to_do() {
    let project = Project::new();
    assert!(project.call(&["export"]).errors.contains("segpipe run"));
    assert!(project.call(&["predict", "data/shop.csv", "-o", "out.csv"]).errors.contains("segpipe run"));
    assert!(!project.path("out.csv").exists());
}

/// Customer and segment of every customer, as `train` assigned them.
fn assigned(project: &Project) -> Vec<(String, i64)> {
    let assignments = project.table("train/assignments", &schema::assignments());
    let ids = column::<StringArray>(&assignments, "customer_id").iter().map(|id| id.unwrap().to_owned());
    ids.zip(column::<Int64Array>(&assignments, "segment").values().iter().copied()).collect()
}

#[test]
fn predict_gives_a_row_per_row_of_rfm_values_in_their_order() {
    let project = Project::finished();
    let customers = Customers::read(&project.path("artifacts/rfm/customers.parquet")).unwrap().0;
    let mut rows: Vec<String> = (0..customers.len())
        .map(|row| {
            let (r, f, m) = (customers.recency[row], customers.frequency[row], customers.monetary[row]);
            format!("{},{m},{r},{f}", customers.ids[row])
        })
        .collect();
    rows.reverse();
    project.write("in.csv", format!("Who,Monetary,RECENCY,frequency\n{}\n", rows.join("\n")));
    project.call_well(&["predict", "in.csv", "-o", "out.csv"]);
    let scored = project.read("out.csv");
    let mut expected = assigned(&project);
    expected.reverse();
    assert_eq!(cells(&scored, "Who"), expected.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    assert_eq!(cells(&scored, "segment"), expected.iter().map(|(_, segment)| segment.to_string()).collect::<Vec<_>>());
}

#[test]
fn predict_gives_a_row_per_customer_of_transactions() {
    let project = Project::finished();
    project.call_well(&["predict", "data/shop.csv", "-o", "out.csv"]);
    let scored = project.read("out.csv");
    let expected = assigned(&project);
    assert_eq!(cells(&scored, "customer_id"), expected.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>());
    assert_eq!(cells(&scored, "segment"), expected.iter().map(|(_, segment)| segment.to_string()).collect::<Vec<_>>());
}

#[test]
fn predict_refuses_what_is_neither() {
    let project = Project::finished();
    project.write("in.csv", "a,b\n1,2\n");
    let errors = project.fail(3, &["predict", "in.csv", "-o", "out.csv"]);
    assert!(errors.contains("in.csv"), "{errors}");
    project.fail(3, &["predict", "nowhere.csv", "-o", "out.csv"]);
    assert!(!project.path("out.csv").exists());
}

#[test]
fn simulate_writes_the_same_bytes_for_the_same_seed() {
    let project = Project::empty();
    let simulate = |seed: &str, out: &str| {
        project.call_well(&["simulate", "--customers", "40", "--seed", seed, "--out", out]);
        std::fs::read(project.path(out)).unwrap()
    };
    assert!(simulate("1", "a.csv") == simulate("1", "b.csv"));
    assert!(simulate("1", "c.csv") != simulate("2", "d.csv"));
    assert!(simulate("1", "a.parquet") == simulate("1", "b.parquet"));
    assert!(project.read("a.csv").starts_with("InvoiceNo,StockCode,Description,"));
    let errors = project.fail(2, &["simulate", "--customers", "40", "--seed", "1", "--out", "a.doc"]);
    assert!(errors.contains("a.doc"), "{errors}");
}

#[test]
fn a_pipeline_file_elsewhere_is_run_in_its_own_folder() {
    let project = Project::finished();
    let elsewhere = Project::empty();
    let file = project.path("pipeline.yaml");
    let status = elsewhere.call_well(&["status", "--json", "--file", file.to_str().unwrap()]);
    assert_eq!(status.matches("\"fresh\"").count(), 9, "{status}");
    assert_eq!(std::fs::read_dir(&elsewhere.directory).unwrap().count(), 0);
}

#[test]
fn what_was_spent_adds_up_from_the_source_to_the_segments() {
    let project = Project::finished();
    let customers = Customers::read(&project.path("artifacts/rfm/customers.parquet")).unwrap().0;
    let segments = project.table("evaluate/segments", &schema::segments());
    let revenue: f64 = column::<Float64Array>(&segments, "revenue").values().iter().sum();
    let monetary: f64 = customers.monetary.iter().sum();
    assert!((revenue - monetary).abs() < 1e-6 * monetary, "{revenue} {monetary}");
    let counted: i64 = column::<Int64Array>(&segments, "customers").values().iter().sum();
    assert_eq!(counted as usize, customers.len());
}
