//! What lies over what: `--set` over profile over file over default, and variables in all of them.

use serde_json::json;

use super::*;

const TEXT: &str = "
vars: {k: 6, folder: data, name: '${folder}/mine', codes: [POST, D]}
profiles:
  robust: {train: {scaling: log, study: [3]}, load: {columns: {date: When}}}
  wide: {train: {k: '${k}'}}
stages:
  load: {params: {source: '${name}.csv', columns: {customer: Who, date: Day}, exclude: '${codes}'}}
  rfm:
  train: {params: {k: 5, study: [4, 5]}}
";

#[test]
fn set_wins_over_profile_over_file_over_default() {
    let k = |profile, sets: &[&str]| param(&checked(TEXT, profile, sets), "train", "k");
    assert_eq!(k(None, &[]), 5);
    assert_eq!(k(Some("robust"), &[]), 5);
    assert_eq!(k(Some("wide"), &[]), 6);
    assert_eq!(k(Some("wide"), &["train.k=7"]), 7);
    assert_eq!(k(None, &["train.k=7", "train.k=8"]), 8);
    let pipeline = checked(TEXT, Some("robust"), &[]);
    assert_eq!(param(&pipeline, "train", "scaling"), "log");
    assert_eq!(param(&pipeline, "train", "tolerance"), 0.5);
}

#[test]
fn mappings_are_merged_and_lists_replaced() {
    let pipeline = checked(TEXT, Some("robust"), &["load.columns.customer=ID"]);
    assert_eq!(param(&pipeline, "load", "columns"), json!({ "customer": "ID", "date": "When" }));
    assert_eq!(param(&pipeline, "train", "study"), json!([3]));
    assert_eq!(param(&checked(TEXT, None, &["train.study=[9, 10]"]), "train", "study"), json!([9, 10]));
}

#[test]
fn a_set_value_is_yaml() {
    let param = |set: &str, stage: &str, name: &str| param(&checked(TEXT, None, &[set]), stage, name);
    assert_eq!(param("load.columns={customer: A}", "load", "columns"), json!({ "customer": "A", "date": "Day" }));
    assert_eq!(param("load.columns.date=", "load", "columns"), json!({ "customer": "Who", "date": null }));
    assert_eq!(param("load.exclude=['7', \"8\", a=b]", "load", "exclude"), json!(["7", "8", "a=b"]));
    assert_eq!(param("train.tolerance=1e-3", "train", "tolerance"), 0.001);
    assert_eq!(param("load.columns.date=${folder}", "load", "columns"), json!({ "customer": "Who", "date": "data" }));
}

#[test]
fn a_run_with_overrides_is_marked() {
    assert!(!checked(TEXT, None, &[]).is_overridden);
    assert!(checked(TEXT, Some("wide"), &[]).is_overridden);
    assert!(checked(TEXT, None, &["train.k=5"]).is_overridden);
}

#[test]
fn a_value_that_is_one_variable_takes_its_type_and_others_its_text() {
    let pipeline = checked(TEXT, Some("wide"), &[]);
    assert_eq!(pipeline.stage("load").unwrap().params.incidental["source"], "data/mine.csv");
    assert_eq!(param(&pipeline, "train", "k"), 6);
    assert_eq!(param(&pipeline, "load", "exclude"), json!(["POST", "D"]));
    let error = refusal(TEXT.replace("codes: [POST, D]", "codes: ['${k}']"));
    assert!(error.contains("param `exclude[0]` of stage `load`: must be a text, not the number `6`"), "{error}");
}

#[test]
fn a_doubled_dollar_is_no_variable() {
    let text = TEXT.replace("'${codes}'", "['$${k}', '$5', 'k=${k}']");
    assert_eq!(param(&checked(&text, None, &[]), "load", "exclude"), json!(["${k}", "$5", "k=6"]));
}
