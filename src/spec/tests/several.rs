//! Stages that are there several times, and what stages take of the machine.

use insta::assert_snapshot;

use super::*;

const SEVERAL: &str = "\
vars: {countries: [UK, 'United Kingdom']}
resources: {gpu: 2, memory: 8GB}
profiles:
  strict:
    score: {threshold: 0.9}
stages:
  load: {params: {source: a.csv}}
  rfm:
  score:
    foreach: ${countries}
    run: [score, '${item}']
    inputs: [rfm.customers]
    params: {threshold: 0.5, label: 'of ${item}'}
    outputs: [scores]
    resources: {gpu: 1, memory: 1.5GB, cpu: 3, mutex: [database, disk]}
  all:
    run: collect
    inputs: {scores: score@*.scores, customers: rfm.customers}
    outputs: [all]
  best:
    matrix: {k: [3, 4], scaling: [log, standard]}
    uses: train
    params: {k: '${item.k}', scaling: '${item.scaling}'}
";

/// The refusal of `SEVERAL` with `old` written as `new`.
fn changed(old: &str, new: &str) -> String {
    assert!(SEVERAL.contains(old));
    refusal(SEVERAL.replace(old, new))
}

#[test]
fn a_stage_is_there_once_for_every_item_with_the_item_in_its_place() {
    let pipeline = checked(SEVERAL, None, &[]);
    let expected = [
        "load",
        "rfm",
        "score@uk",
        "score@united-kingdom",
        "all",
        "best@3-log",
        "best@3-standard",
        "best@4-log",
        "best@4-standard",
    ];
    assert_eq!(names(&pipeline), expected);
    assert_eq!(param(&pipeline, "score@uk", "label"), "of UK");
    let score = pipeline.stage("score@united-kingdom").unwrap();
    assert_eq!(score.stage.determinants()[0].value, r#"["score","United Kingdom"]"#);
    assert_eq!(score.outputs["scores"], PathBuf::from("artifacts/score@united-kingdom/scores.parquet"));
    assert_eq!(param(&pipeline, "best@4-log", "k"), 4);
    assert_eq!(param(&pipeline, "best@4-log", "scaling"), "log");
}

#[test]
fn an_input_may_be_that_of_all_of_them() {
    let pipeline = checked(SEVERAL, None, &[]);
    let inputs = pipeline.stage("all").unwrap().inputs.iter().map(|(port, from)| format!("{port} {from}"));
    let expected =
        ["customers rfm.customers", "scores-uk score@uk.scores", "scores-united-kingdom score@united-kingdom.scores"];
    assert_eq!(inputs.collect::<Vec<_>>(), expected);
}

#[test]
fn overlays_change_all_of_them_or_one() {
    let pipeline = checked(SEVERAL, Some("strict"), &["score@uk.threshold=0.7"]);
    assert_eq!(param(&pipeline, "score@uk", "threshold"), 0.7);
    assert_eq!(param(&pipeline, "score@united-kingdom", "threshold"), 0.9);
}

#[test]
fn items_may_be_mappings_by_name() {
    let text = SEVERAL.replace("${countries}", "{uk: {code: GB, rate: 2}, de: {code: DE, rate: 3}}");
    let pipeline = checked(&text.replace("'${item}'", "'${item.code}'"), None, &["score.label=x"]);
    assert_eq!(pipeline.stage("score@de").unwrap().stage.determinants()[0].value, r#"["score","DE"]"#);
}

#[test]
fn resources_are_read_with_their_units() {
    let pipeline = checked(SEVERAL, None, &[]);
    assert_eq!((pipeline.capacity.memory, pipeline.capacity.named["gpu"]), (Some(8_000_000_000), 2));
    let resources = &pipeline.stage("score@uk").unwrap().terms.resources;
    assert_eq!((resources.cpu, resources.memory, resources.named["gpu"]), (3, 1_500_000_000, 1));
    assert_eq!(resources.mutexes.iter().collect::<Vec<_>>(), ["database", "disk"]);
    assert_eq!(pipeline.stage("rfm").unwrap().terms.resources.cpu, 1);
}

#[test]
fn a_resource_that_nobody_declared_is_refused_with_the_nearest() {
    assert_snapshot!(changed("resources: {gpu: 1,", "resources: {gpus: 1,"), @r#"
    pipeline.yaml:15:17: unknown resource `gpus` of stage `score@uk`
       |
    15 |     resources: {gpus: 1, memory: 1.5GB, cpu: 3, mutex: [database, disk]}
       |                 ^^^^
    hint: did you mean `gpu`?
    "#);
}

#[test]
fn more_of_a_resource_than_there_is_is_refused() {
    assert_snapshot!(changed("resources: {gpu: 1,", "resources: {gpu: 3,"), @r#"
    pipeline.yaml:15:22: `gpu` in `resources` of stage `score@uk`: wants 3, and the pipeline's `resources` have 2
       |
    15 |     resources: {gpu: 3, memory: 1.5GB, cpu: 3, mutex: [database, disk]}
       |                      ^
    "#);
}

#[test]
fn an_amount_of_memory_that_is_none_is_refused() {
    assert_snapshot!(changed("1.5GB", "much"), @r#"
    pipeline.yaml:15:33: `memory` in `resources` of stage `score@uk`: is an amount of memory, e.g. `500MB` or `4GiB`
       |
    15 |     resources: {gpu: 1, memory: much, cpu: 3, mutex: [database, disk]}
       |                                 ^^^^
    "#);
}

#[test]
fn two_ways_of_being_several_are_refused() {
    assert_snapshot!(changed("    foreach: ${countries}", "    foreach: ${countries}\n    matrix: {a: [1]}"), @r#"
    pipeline.yaml:11:13: `matrix` of stage `score`: stands beside `foreach`; a stage is repeated in one way
       |
    11 |     matrix: {a: [1]}
       |             ^
    "#);
}

#[test]
fn items_that_make_one_name_are_refused() {
    assert_snapshot!(changed("[UK, 'United Kingdom']", "[UK, uk]"), @r#"
    pipeline.yaml:10:14: `foreach` of stage `score`: two items make a stage `score@uk`
       |
    10 |     foreach: ${countries}
       |              ^^^^^^^^^^^^
    "#);
}

#[test]
fn an_item_without_a_name_is_refused() {
    assert_snapshot!(changed("${countries}", "[{code: UK}]"), @r#"
    pipeline.yaml:10:15: `foreach` of stage `score`: an item of a list is a single value, not a mapping; others are written `name: value`
       |
    10 |     foreach: [{code: UK}]
       |               ^
    "#);
}

#[test]
fn a_key_that_the_item_does_not_have_is_refused_with_the_nearest() {
    assert_snapshot!(changed("${item.scaling}", "${item.scalign}"), @r#"
    pipeline.yaml:23:39: unknown key `scalign` of variable `item.scalign`
       |
    23 |     params: {k: '${item.k}', scaling: '${item.scalign}'}
       |                                       ^^^^^^^^^^^^^^^^^
    hint: did you mean `scaling`?
    "#);
}

#[test]
fn an_item_outside_of_several_stages_is_an_unknown_variable() {
    assert_snapshot!(changed("source: a.csv", "source: '${item}'"), @r#"
    pipeline.yaml:7:27: unknown variable `item`
      |
    7 |   load: {params: {source: '${item}'}}
      |                           ^^^^^^^^^
    hint: known are `countries`
    "#);
}
