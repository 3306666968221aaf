//! Stages that run programs: what may be written, what becomes of it, and what is refused, word for word.

use std::time::Duration;

use insta::assert_snapshot;
use segpipe_stages::contract::{Determinant, OutputKind};

use super::*;

const GOOD: &str = "\
vars: {script: stages/churn.py}
profiles:
  strict:
    churn: {threshold: 0.9}
stages:
  load: {params: {source: a.csv}}
  rfm:
  churn:
    run: python ${script}
    inputs: [rfm.customers]
    params: {threshold: 0.5}
    outputs:
      scores:
      report: reports/churn.html
    deps: [lib.py]
    env: [REGION]
    secret_env: [TOKEN]
    timeout: 5m
    retries: 3
  train: {inputs: {customers: churn.scores}}
";

fn project(text: &str) -> Project {
    let project = Project::new(text);
    for file in ["stages/churn.py", "lib.py"] {
        let path = project.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    }
    project
}

fn good(old: &str, new: &str) -> Pipeline {
    assert!(GOOD.contains(old));
    project(&GOOD.replace(old, new)).read(&Overrides::default()).unwrap()
}

/// The refusal of `GOOD` with `old` written as `new`.
fn changed(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old));
    project(&GOOD.replace(old, new)).refusal(&Overrides::default())
}

fn determinants(pipeline: &Pipeline) -> Vec<String> {
    let line = |Determinant { kind, name, value }| format!("{kind} {name} {value}");
    pipeline.stage("churn").unwrap().stage.determinants().into_iter().map(line).collect()
}

#[test]
fn a_program_stands_between_built_in_stages() {
    let pipeline = good("rfm:", "rfm:");
    assert_eq!(names(&pipeline), ["load", "rfm", "churn", "train"]);
    let churn = pipeline.stage("churn").unwrap();
    assert_eq!(churn.inputs["customers"].to_string(), "rfm.customers");
    assert_eq!(churn.outputs["scores"], PathBuf::from("artifacts/churn/scores.parquet"));
    assert_eq!(churn.outputs["report"], PathBuf::from("reports/churn.html"));
    assert_eq!(param(&pipeline, "churn", "threshold"), 0.5);
    assert_eq!(pipeline.stage("train").unwrap().inputs["customers"].to_string(), "churn.scores");
    let request = churn.stage.sources(&churn.params).unwrap().unwrap();
    let expected = ["stages/churn.py", "lib.py"].map(String::from).to_vec();
    assert_eq!(request.selection, segpipe_stages::contract::SourceSelection::All(expected));
    let retries = churn.terms.retries;
    assert_eq!((retries.times, retries.delay), (3, Duration::from_secs(1)));
    let delays = [1, 2, 3, 100].map(|retry| retries.delay_before(retry).as_secs());
    assert_eq!(delays, [1, 2, 4, 300]);
}

#[test]
fn what_determines_its_result_is_a_fact_a_line() {
    let expected = [
        "command line \"python stages/churn.py\"",
        "command stage \"churn\"",
        "output scores table scores.parquet",
        "output report file report.html",
        "env REGION_THAT_NOBODY_SETS unset",
    ];
    assert_eq!(determinants(&good("REGION", "REGION_THAT_NOBODY_SETS")), expected);
}

#[test]
fn outputs_in_a_list_are_files_in_the_stages_folder() {
    let pipeline = good(
        "outputs:\n      scores:\n      report: reports/churn.html",
        "outputs: [scores, report.html, plots/, more.snappy.parquet]",
    );
    let churn = pipeline.stage("churn").unwrap();
    let outputs = churn.stage.outputs().iter().map(|output| (&*output.name, &*output.path, output.kind));
    let expected = [
        ("scores", "scores.parquet", OutputKind::Table),
        ("report", "report.html", OutputKind::File),
        ("plots", "plots", OutputKind::Directory),
        ("more", "more.snappy.parquet", OutputKind::Table),
    ];
    assert_eq!(outputs.collect::<Vec<_>>(), expected);
    assert_eq!(churn.outputs["plots"], PathBuf::from("artifacts/churn/plots"));
}

#[test]
fn a_profile_and_set_change_its_params() {
    let overridden = project(GOOD).read(&overrides(Some("strict"), &[])).unwrap();
    assert_eq!(param(&overridden, "churn", "threshold"), 0.9);
    let overridden = project(GOOD).read(&overrides(Some("strict"), &["churn.threshold=0.7"])).unwrap();
    assert_eq!(param(&overridden, "churn", "threshold"), 0.7);
}

#[test]
fn what_is_promised_of_a_table_is_a_fact_too() {
    let long = "scores: {columns: {id: string, score: {type: float64, max_null_share: 0.1}}, rows: {min: 1}}";
    let facts = determinants(&good("scores:", long));
    let expected = "output scores table scores.parquet \
                    {\"columns\":[[\"id\",\"string\",null],[\"score\",\"float64\",0.1]],\"min_rows\":1,\"max_rows\":null}";
    assert_eq!(facts[2], expected);
}

#[test]
fn a_built_in_stage_takes_a_table_of_a_program_and_nothing_else() {
    assert_snapshot!(changed("churn.scores", "churn.report"), @r#""#);
}

#[test]
fn uses_and_run_exclude_each_other() {
    assert_snapshot!(changed("    deps:", "    uses: rfm\n    deps:"), @r#""#);
}

#[test]
fn an_unknown_key_beside_run_is_refused() {
    assert_snapshot!(changed("deps:", "dpes:"), @r#""#);
}

#[test]
fn run_without_a_command_is_refused() {
    assert_snapshot!(changed("python ${script}", "' '"), @r#""#);
}

#[test]
fn an_input_that_does_not_exist_is_refused_with_the_nearest() {
    assert_snapshot!(changed("[rfm.customers]", "[rfm.custmers]"), @r#""#);
}

#[test]
fn two_inputs_of_one_name_are_refused() {
    assert_snapshot!(changed("[rfm.customers]", "[rfm.customers, rfm.customers]"), @r#""#);
}

#[test]
fn an_output_outside_the_project_is_refused() {
    assert_snapshot!(changed("reports/churn.html", "../churn.html"), @r#""#);
}

#[test]
fn an_output_that_another_stage_writes_is_refused() {
    assert_snapshot!(changed("reports/churn.html", "artifacts/rfm/customers.parquet"), @r#""#);
}

#[test]
fn an_output_over_a_dependency_is_refused() {
    assert_snapshot!(changed("reports/churn.html", "lib.py"), @r#""#);
}

#[test]
fn a_dependency_that_is_not_there_is_refused_with_the_nearest() {
    assert_snapshot!(changed("[lib.py]", "[libs.py]"), @r#""#);
}

#[test]
fn a_dependency_outside_the_project_is_refused() {
    assert_snapshot!(changed("[lib.py]", "[/etc/passwd]"), @r#""#);
}

#[test]
fn a_folder_as_a_dependency_is_refused_with_the_pattern_that_is_meant() {
    assert_snapshot!(changed("[lib.py]", "[stages/]"), @r#""#);
}

#[test]
fn a_result_as_a_dependency_is_refused() {
    assert_snapshot!(changed("[lib.py]", "[artifacts/rfm/customers.parquet]"), @r#""#);
}

#[test]
fn a_variable_of_segpipes_own_is_refused() {
    assert_snapshot!(changed("[REGION]", "[SEGPIPE_STAGE]"), @r#""#);
}

#[test]
fn a_variable_that_is_secret_and_not_is_refused() {
    assert_snapshot!(changed("[TOKEN]", "[REGION]"), @r#""#);
}

#[test]
fn a_timeout_that_is_no_time_is_refused() {
    assert_snapshot!(changed("5m", "soon"), @r#""#);
}

#[test]
fn retries_without_end_are_refused() {
    assert_snapshot!(changed("retries: 3", "retries: 1000"), @r#""#);
}

#[test]
fn a_promise_of_an_unknown_type_is_refused_with_the_nearest() {
    assert_snapshot!(changed("scores:", "scores: {columns: {id: strng}}"), @r#""#);
}

#[test]
fn a_promise_of_something_that_is_no_table_is_refused() {
    assert_snapshot!(changed("report: reports/churn.html", "report: {path: churn.html, rows: 5}"), @r#""#);
}

#[test]
fn a_share_that_is_none_is_refused() {
    assert_snapshot!(changed("scores:", "scores: {columns: {id: {type: string, max_null_share: 5}}}"), @r#""#);
}

#[test]
fn an_unknown_param_on_the_command_line_is_refused_with_the_nearest() {
    let said = project(GOOD).refusal(&overrides(None, &["churn.treshold=0.7"]));
    assert_snapshot!(said, @r#""#);
}
