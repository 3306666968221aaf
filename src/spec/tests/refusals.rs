//! Every refusal that has a place, word for word.

use insta::assert_snapshot;

use super::*;
use crate::signing::SigningKey;

const GOOD: &str = "\
vars:
  clusters: 5
profiles:
  robust:
    train: {scaling: log}
stages:
  load:
    params: {source: a.csv}
  rfm:
  train:
    params:
      k: 4
  report:
";

/// The refusal of `GOOD` with `old` written as `new`.
fn changed(old: &str, new: &str) -> String {
    assert!(GOOD.contains(old));
    refusal(GOOD.replace(old, new))
}

#[test]
fn the_text_that_the_others_change_is_good() {
    checked(GOOD, Some("robust"), &["train.k=5"]);
}

#[test]
fn an_unknown_key_at_the_top_is_refused() {
    assert_snapshot!(changed("vars:", "vasr:"), @r#"
    pipeline.yaml:1:1: unknown key `vasr` of a pipeline
      |
    1 | vasr:
      | ^^^^
    hint: did you mean `vars`?
    "#);
}

#[test]
fn an_unknown_key_of_a_stage_is_refused() {
    assert_snapshot!(changed("  report:", "  report: {rum: python report.py}"), @r#"
    pipeline.yaml:13:12: unknown key `rum` of stage `report`
       |
    13 |   report: {rum: python report.py}
       |            ^^^
    hint: did you mean `run`?
    "#);
}

#[test]
fn an_unknown_stage_kind_is_refused() {
    assert_snapshot!(changed("  train:\n    params", "  trian:\n    params"), @r#"
    pipeline.yaml:10:3: unknown stage kind `trian`
       |
    10 |   trian:
       |   ^^^^^
    hint: did you mean `train`?
    "#);
}

#[test]
fn an_unknown_kind_in_uses_is_refused() {
    assert_snapshot!(changed("  report:", "  last: {uses: raport}"), @r#"
    pipeline.yaml:13:16: unknown stage kind `raport`
       |
    13 |   last: {uses: raport}
       |                ^^^^^^
    hint: did you mean `report`?
    "#);
}

#[test]
fn an_unknown_param_is_refused() {
    assert_snapshot!(changed("k: 4", "kk: 4"), @r#"
    pipeline.yaml:12:7: unknown param `kk` of stage `train`
       |
    12 |       kk: 4
       |       ^^
    hint: did you mean `k`?
    "#);
}

#[test]
fn a_shared_cache_that_is_none_is_refused_where_it_is_written() {
    let with = |cache: &str| changed("stages:", &format!("cache: {cache}\nstages:"));
    assert_snapshot!(with("{remot: /mnt/cache}"), @r#"
    pipeline.yaml:6:9: unknown key `remot` of `cache`
      |
    6 | cache: {remot: /mnt/cache}
      |         ^^^^^
    hint: did you mean `remote`?
    "#);
    assert_snapshot!(with("{remote: http://ana:pw@host/x}"), @r#"
    pipeline.yaml:6:17: `remote` of `cache`: `http://` is no storage that results can be shared on
      |
    6 | cache: {remote: http://host/x}
      |                 ^^^^^^^^^^^^^^
    hint: write `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX` or a folder
    "#);
    assert_snapshot!(with("{remote: s3://results, mode: readonly}"), @r#"
    pipeline.yaml:6:37: unknown value `readonly` of `mode` of `cache`
      |
    6 | cache: {remote: s3://results, mode: readonly}
      |                                     ^^^^^^^^
    hint: did you mean `read`?
    "#);
    assert_snapshot!(with("{remote: s3://results, trust: [abc]}"), @r#"
    pipeline.yaml:6:39: a key in `trust` of `cache` is no public key: 32 bytes in base64, as `segpipe cache keygen` prints them
      |
    6 | cache: {remote: s3://results, trust: [abc]}
      |                                       ^^^
    "#);
    assert_snapshot!(with("{remote: s3://results, trust: []}"), @r#"
    pipeline.yaml:6:38: `trust` of `cache` must be at least one key, not an empty list
      |
    6 | cache: {remote: s3://results, trust: []}
      |                                      ^
    "#);
}

#[test]
fn a_private_key_in_the_file_is_refused_and_not_shown_again() {
    let (secret, _) = SigningKey::generate().unwrap();
    let refusal = changed("stages:", &format!("cache: {{trust: [{secret}]}}\nstages:"));
    assert!(refusal.starts_with("pipeline.yaml:") && refusal.contains("is a private key"), "{refusal}");
    assert!(!refusal.contains(&secret[..20]) && refusal.contains("hint: whoever saw it can sign"), "{refusal}");
}

#[test]
fn an_unknown_key_inside_a_param_is_refused() {
    assert_snapshot!(changed("source: a.csv", "source: a.csv, columns: {custmer: Who}"), @r#"
    pipeline.yaml:8:39: unknown key `custmer` of param `columns` of stage `load`
      |
    8 |     params: {source: a.csv, columns: {custmer: Who}}
      |                                       ^^^^^^^
    hint: did you mean `customer`?
    "#);
}

#[test]
fn an_unknown_value_of_a_param_is_refused() {
    assert_snapshot!(changed("k: 4", "scaling: standart"), @r#"
    pipeline.yaml:12:16: unknown value `standart` of param `scaling` of stage `train`
       |
    12 |       scaling: standart
       |                ^^^^^^^^
    hint: did you mean `standard`?
    "#);
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    assert_snapshot!(changed("k: 4", "k: four"), @r#"
    pipeline.yaml:12:10: param `k` of stage `train`: must be a whole number that is not negative, not the text `four`
       |
    12 |       k: four
       |          ^^^^
    "#);
}

#[test]
fn a_value_inside_a_list_of_the_wrong_type_is_refused() {
    assert_snapshot!(changed("k: 4", "study: [2, x]"), @r#"
    pipeline.yaml:12:18: param `study[1]` of stage `train`: must be a whole number that is not negative, not the text `x`
       |
    12 |       study: [2, x]
       |                  ^
    "#);
}

#[test]
fn a_number_where_a_text_is_wanted_is_refused() {
    assert_snapshot!(changed("source: a.csv", "source: 2011"), @r#"
    pipeline.yaml:8:22: param `source` of stage `load`: must be a text, not the number `2011`
      |
    8 |     params: {source: 2011}
      |                      ^^^^
    hint: put quotes around it
    "#);
}

#[test]
fn a_value_out_of_range_is_refused() {
    assert_snapshot!(changed("k: 4", "k: 0"), @r#"
    pipeline.yaml:12:10: param `k` of stage `train`: at least one segment is needed
       |
    12 |       k: 0
       |          ^
    "#);
}

#[test]
fn a_missing_param_is_refused() {
    assert_snapshot!(changed("\n    params: {source: a.csv}", ""), @r#"
    pipeline.yaml:7:3: stage `load` needs the param `source`
      |
    7 |   load:
      |   ^^^^
    "#);
}

#[test]
fn a_list_where_params_belong_is_refused() {
    assert_snapshot!(changed("    params:\n      k: 4", "    params: [k, 4]"), @r#"
    pipeline.yaml:11:13: `params` of stage `train` must be a mapping, not a list
       |
    11 |     params: [k, 4]
       |             ^
    "#);
}

#[test]
fn an_unknown_input_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    inputs: {modell: train.model}"), @r#"
    pipeline.yaml:14:14: unknown input `modell` of stage `report`
       |
    14 |     inputs: {modell: train.model}
       |              ^^^^^^
    hint: did you mean `model`?
    "#);
}

#[test]
fn an_input_from_an_unknown_stage_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    inputs: {model: tarin.model}"), @r#"
    pipeline.yaml:14:21: unknown stage `tarin`
       |
    14 |     inputs: {model: tarin.model}
       |                     ^^^^^^^^^^^
    hint: did you mean `train`?
    "#);
}

#[test]
fn an_input_from_an_unknown_output_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    inputs: {model: train.modell}"), @r#"
    pipeline.yaml:14:21: unknown output `modell` of stage `train`
       |
    14 |     inputs: {model: train.modell}
       |                     ^^^^^^^^^^^^
    hint: did you mean `model`?
    "#);
}

#[test]
fn an_input_that_names_no_output_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    inputs: {model: train}"), @r#"
    pipeline.yaml:14:21: `train` does not name an output of a stage
       |
    14 |     inputs: {model: train}
       |                     ^^^^^
    hint: write `stage.output`, e.g. `rfm.customers`
    "#);
}

#[test]
fn a_file_where_a_table_is_read_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    inputs: {model: train.onnx}"), @r#"
    pipeline.yaml:14:21: input `model` of stage `report` needs a table, and `train.onnx` is a file
       |
    14 |     inputs: {model: train.onnx}
       |                     ^^^^^^^^^^
    "#);
}

#[test]
fn a_default_input_whose_stage_is_not_there_is_refused() {
    assert_snapshot!(changed("  rfm:", "  scores: {uses: rfm}"), @r#"
    pipeline.yaml:10:3: input `customers` of stage `train` reads `rfm.customers` unless told otherwise, and there is no `rfm`
       |
    10 |   train:
       |   ^^^^^
    hint: connect it: `inputs: {customers: scores.customers}`
    "#);
}

#[test]
fn an_unknown_output_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {htm: a.html}"), @r#"
    pipeline.yaml:14:15: unknown output `htm` of stage `report`
       |
    14 |     outputs: {htm: a.html}
       |               ^^^
    hint: did you mean `html`?
    "#);
}

#[test]
fn a_stage_that_reads_from_itself_is_refused() {
    assert_snapshot!(changed("  rfm:", "  rfm: {inputs: {transactions: rfm.customers}}"), @r#"
    pipeline.yaml:9:32: the stages go round in a circle: `rfm` → `rfm`
      |
    9 |   rfm: {inputs: {transactions: rfm.customers}}
      |                                ^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_circle_of_stages_is_refused() {
    assert_snapshot!(refusal("stages:\n  a: {uses: train, inputs: {customers: c.customers}}\n  b: {uses: rfm, inputs: {transactions: a.model}}\n  c: {uses: rfm, inputs: {transactions: b.customers}}\n  d: {uses: rfm, inputs: {transactions: c.customers}}\n"), @r#"
    pipeline.yaml:2:40: the stages go round in a circle: `a` → `b` → `c` → `a`
      |
    2 |   a: {uses: train, inputs: {customers: c.customers}}
      |                                        ^^^^^^^^^^^
    "#);
}

#[test]
fn two_outputs_at_one_place_are_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: artifacts/train/model.onnx}"), @r#"
    pipeline.yaml:14:21: `artifacts/train/model.onnx` is written by `train.onnx` already
       |
    14 |     outputs: {html: artifacts/train/model.onnx}
       |                     ^^^^^^^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn an_output_inside_another_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: artifacts/report/images/a.html}"), @r#"
    pipeline.yaml:13:3: `artifacts/report/images/a.html` is written by `report.html` already
       |
    13 |   report:
       |   ^^^^^^
    "#);
}

#[test]
fn an_output_around_another_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {images: artifacts/train}"), @r#"
    pipeline.yaml:14:23: `artifacts/train/model.parquet` is written by `train.model` already
       |
    14 |     outputs: {images: artifacts/train}
       |                       ^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn an_output_over_the_source_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: ./a.csv}"), @r#"
    pipeline.yaml:14:21: `a.csv` is read by stage `load` already
       |
    14 |     outputs: {html: ./a.csv}
       |                     ^^^^^^^
    "#);
}

#[test]
fn an_output_above_the_project_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: a/../../x.html}"), @r#"
    pipeline.yaml:14:21: output path `a/../../x.html` leads outside the project
       |
    14 |     outputs: {html: a/../../x.html}
       |                     ^^^^^^^^^^^^^^
    hint: an output is a path below the folder of the pipeline file
    "#);
}

#[test]
fn an_absolute_output_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: /tmp/x.html}"), @r#"
    pipeline.yaml:14:21: output path `/tmp/x.html` is absolute
       |
    14 |     outputs: {html: /tmp/x.html}
       |                     ^^^^^^^^^^^
    hint: an output is a path below the folder of the pipeline file
    "#);
}

#[test]
fn an_output_without_a_name_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: ./}"), @r#"
    pipeline.yaml:14:21: output path `./` names no file
       |
    14 |     outputs: {html: ./}
       |                     ^^
    hint: an output is a path below the folder of the pipeline file
    "#);
}

#[test]
fn an_output_over_the_pipeline_file_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: ./pipeline.yaml}"), @r#"
    pipeline.yaml:14:21: `./pipeline.yaml` is used by segpipe or git already
       |
    14 |     outputs: {html: ./pipeline.yaml}
       |                     ^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn an_output_inside_the_store_is_refused() {
    assert_snapshot!(changed("  report:", "  report:\n    outputs: {html: artifacts/.segpipe/x}"), @r#"
    pipeline.yaml:14:21: `artifacts/.segpipe/x` is used by segpipe or git already
       |
    14 |     outputs: {html: artifacts/.segpipe/x}
       |                     ^^^^^^^^^^^^^^^^^^^^
    "#);
}

#[test]
fn a_key_given_twice_is_refused() {
    assert_snapshot!(changed("      k: 4", "      k: 4\n      k: 5"), @r#"
    pipeline.yaml:13:7: key `k` is given twice
       |
    13 |       k: 5
       |       ^
    "#);
}

#[test]
fn a_stage_given_twice_is_refused() {
    assert_snapshot!(changed("  report:", "  rfm: {}"), @r#"
    pipeline.yaml:13:3: key `rfm` is given twice
       |
    13 |   rfm: {}
       |   ^^^
    "#);
}

#[test]
fn a_name_that_is_none_is_refused() {
    assert_snapshot!(changed("  report:", "  My Report: {uses: report}"), @r#"
    pipeline.yaml:13:3: `My Report` cannot be the name of a stage
       |
    13 |   My Report: {uses: report}
       |   ^^^^^^^^^
    hint: begin with a letter a-z, go on with a-z, 0-9, `_` or `-`, at most 64
    "#);
}

#[test]
fn an_unknown_variable_is_refused() {
    assert_snapshot!(changed("k: 4", "k: ${cluster}"), @r#"
    pipeline.yaml:12:10: unknown variable `cluster`
       |
    12 |       k: ${cluster}
       |          ^^^^^^^^^^
    hint: did you mean `clusters`?
    "#);
}

#[test]
fn an_unknown_variable_where_there_are_none_is_refused() {
    assert_snapshot!(refusal("stages: {load: {params: {source: '${x}'}}}\n"), @r#"
    pipeline.yaml:1:34: unknown variable `x`
      |
    1 | stages: {load: {params: {source: '${x}'}}}
      |                                  ^^^^^^
    "#);
}

#[test]
fn a_variable_that_is_not_closed_is_refused() {
    assert_snapshot!(changed("k: 4", "k: \"${clusters\""), @r#"
    pipeline.yaml:12:10: `${` is not closed by `}`
       |
    12 |       k: "${clusters"
       |          ^^^^^^^^^^^^
    hint: write `$${` where no variable is meant
    "#);
}

#[test]
fn variables_in_a_circle_are_refused() {
    assert_snapshot!(changed("  clusters: 5", "  clusters: ${a}\n  a: x${b}\n  b: ${a}"), @r#"
    pipeline.yaml:4:6: the variables go round in a circle: `a` → `b` → `a`
      |
    4 |   b: ${a}
      |      ^^^^
    "#);
}

#[test]
fn a_list_inside_a_text_is_refused() {
    assert_snapshot!(changed("  clusters: 5", "  clusters: [5]\n  a: x${clusters}"), @r#"
    pipeline.yaml:3:6: variable `clusters` is a list and cannot stand inside a text
      |
    3 |   a: x${clusters}
      |      ^^^^^^^^^^^^
    "#);
}

#[test]
fn a_wrong_value_by_a_variable_is_refused() {
    assert_snapshot!(changed("k: 4", "scaling: ${clusters}"), @r#"
    pipeline.yaml:12:16: param `scaling` of stage `train`: must be a word, not the number `5`
       |
    12 |       scaling: ${clusters}
       |                ^^^^^^^^^^^
    "#);
}

#[test]
fn an_unknown_stage_in_a_profile_is_refused() {
    assert_snapshot!(changed("    train: {scaling", "    tarin: {scaling"), @r#"
    pipeline.yaml:5:5: unknown stage `tarin`
      |
    5 |     tarin: {scaling: log}
      |     ^^^^^
    hint: did you mean `train`?
    "#);
}

#[test]
fn an_unknown_param_in_a_profile_that_is_not_chosen_is_refused() {
    assert_snapshot!(changed("scaling: log", "skaling: log"), @r#"
    pipeline.yaml:5:13: unknown param `skaling` of stage `train`
      |
    5 |     train: {skaling: log}
      |             ^^^^^^^
    hint: did you mean `scaling`?
    "#);
}

#[test]
fn a_wrong_value_in_the_chosen_profile_is_refused() {
    assert_snapshot!(refusal_of(&GOOD.replace("scaling: log", "scaling: lok"), Some("robust"), &[]), @r#"
    pipeline.yaml:5:22: unknown value `lok` of param `scaling` of stage `train`
      |
    5 |     train: {scaling: lok}
      |                      ^^^
    hint: did you mean `log`?
    "#);
}

#[test]
fn an_unknown_profile_is_refused() {
    assert_snapshot!(refusal_of(GOOD, Some("robusst"), &[]), @r#"
    `--profile`: unknown profile `robusst`
    hint: did you mean `robust`?
    "#);
}

#[test]
fn an_unknown_param_in_a_set_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["train.k=5", "train.kk=6"]), @r#"
    `--set train.kk=6`: unknown param `kk` of stage `train`
    hint: did you mean `k`?
    "#);
}

#[test]
fn a_wrong_value_in_a_set_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["train.k=few"]), @r#"
    `--set train.k=few`: param `k` of stage `train`: must be a whole number that is not negative, not the text `few`
    "#);
}

#[test]
fn an_unknown_stage_in_a_set_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["trian.k=5"]), @r#"
    `--set trian.k=5`: unknown stage `trian`
    hint: did you mean `train`?
    "#);
}

#[test]
fn a_set_without_a_value_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["train.k"]), @r#"
    `--set train.k`: is not `STAGE.PARAM=VALUE`
    hint: e.g. `--set train.k=5` or `--set load.source=data/mine.csv`
    "#);
}

#[test]
fn a_set_without_a_param_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["train=5"]), @r#"
    `--set train=5`: is not `STAGE.PARAM=VALUE`
    hint: e.g. `--set train.k=5` or `--set load.source=data/mine.csv`
    "#);
}

#[test]
fn a_set_with_an_empty_key_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["load.columns..x=5"]), @r#"
    `--set load.columns..x=5`: is not `STAGE.PARAM=VALUE`
    hint: e.g. `--set train.k=5` or `--set load.source=data/mine.csv`
    "#);
}

#[test]
fn a_set_with_broken_yaml_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["train.k=[1"]), @r#"
    `--set train.k=[1`: not valid YAML: unclosed bracket '['
    "#);
}

#[test]
fn a_set_with_a_secret_is_refused() {
    assert_snapshot!(refusal_of(GOOD, None, &["load.sources=http://ana:pw@host/x"]), @r#"
    `--set load.sources=http://host/x`: unknown param `sources` of stage `load`
    hint: did you mean `source`?
    "#);
}

#[test]
fn an_empty_pipeline_is_refused() {
    assert_snapshot!(refusal("# nothing but this\n"), @r#"
    pipeline.yaml: the file is empty
    hint: `segpipe init SOURCE` writes a pipeline.yaml for your data
    "#);
}

#[test]
fn a_pipeline_without_stages_is_refused() {
    assert_snapshot!(refusal("name: x\n"), @r#"
    pipeline.yaml:1:1: the pipeline has no stages
      |
    1 | name: x
      | ^
    "#);
}

#[test]
fn a_pipeline_with_empty_stages_is_refused() {
    assert_snapshot!(refusal("name: x\nstages:\n"), @r#"
    pipeline.yaml:2:1: the pipeline has no stages
      |
    2 | stages:
      | ^^^^^^
    "#);
}

#[test]
fn a_pipeline_that_is_a_list_is_refused() {
    assert_snapshot!(refusal("- load\n- rfm\n"), @r#"
    pipeline.yaml:1:1: the pipeline must be a mapping, not a list
      |
    1 | - load
      | ^
    "#);
}

#[test]
fn a_pipeline_that_is_a_word_is_refused() {
    assert_snapshot!(refusal("stages"), @r#"
    pipeline.yaml:1:1: the pipeline must be a mapping, not a text
      |
    1 | stages
      | ^^^^^^
    "#);
}

#[test]
fn a_name_that_is_a_number_is_refused() {
    assert_snapshot!(refusal("name: 7\nstages: {load: {params: {source: a}}}\n"), @r#"
    pipeline.yaml:1:7: `name` must be a text, not a number
      |
    1 | name: 7
      |       ^
    "#);
}

#[test]
fn a_stage_that_is_a_word_is_refused() {
    assert_snapshot!(changed("  rfm:", "  rfm: yes please"), @r#"
    pipeline.yaml:9:8: stage `rfm` must be a mapping, not a text
      |
    9 |   rfm: yes please
      |        ^^^^^^^^^^
    "#);
}

#[test]
fn a_tab_is_refused() {
    assert_snapshot!(refusal("stages:\n\tload:\n"), @r#"
    pipeline.yaml:2:2: not valid YAML: tabs disallowed within this context (block indentation)
      |
    2 |  load:
      |  ^
    hint: indent with spaces
    "#);
}

#[test]
fn an_unclosed_bracket_is_refused() {
    assert_snapshot!(refusal("stages: {load: {params: {source: [a}}}\n"), @r#"
    pipeline.yaml:1:34: not valid YAML: mismatched bracket '[' closed by '}'
      |
    1 | stages: {load: {params: {source: [a}}}
      |                                  ^
    "#);
}

#[test]
fn two_documents_are_refused() {
    assert_snapshot!(refusal("stages: {rfm: }\n---\nstages: {rfm: }\n"), @r#"
    pipeline.yaml:2:1: not valid YAML: the file holds more than one document (`---`)
      |
    2 | ---
      | ^^^
    "#);
}

#[test]
fn a_tag_is_refused() {
    assert_snapshot!(refusal("stages: !!python/object:os.system {x: y}\n"), @r#"
    pipeline.yaml:1:35: not valid YAML: unsupported tag `!!python/object:os.system`
      |
    1 | stages: !!python/object:os.system {x: y}
      |                                   ^
    "#);
}

#[test]
fn an_unknown_anchor_is_refused() {
    assert_snapshot!(changed("k: 4", "k: *four"), @r#"
    pipeline.yaml:12:10: not valid YAML: alias references unknown anchor
       |
    12 |       k: *four
       |          ^
    "#);
}

#[test]
fn an_infinite_number_is_refused() {
    assert_snapshot!(changed("k: 4", "tolerance: .inf"), @r#"
    pipeline.yaml:12:18: not valid YAML: `.inf` is not a finite number
       |
    12 |       tolerance: .inf
       |                  ^^^^
    "#);
}

#[test]
fn a_fraction_where_a_whole_number_is_wanted_is_refused() {
    assert_snapshot!(changed("k: 4", "k: 4.5"), @r#"
    pipeline.yaml:12:10: param `k` of stage `train`: must be a whole number that is not negative, not the number `4.5`
       |
    12 |       k: 4.5
       |          ^^^
    "#);
}

#[test]
fn nothing_where_a_number_is_wanted_is_refused() {
    assert_snapshot!(changed("k: 4", "k:"), @r#"
    pipeline.yaml:12:8: param `k` of stage `train`: must be a whole number that is not negative, and nothing is written
       |
    12 |       k:
       |        ^
    "#);
}

#[test]
fn a_negative_number_of_segments_is_refused() {
    assert_snapshot!(changed("k: 4", "k: -4"), @r#"
    pipeline.yaml:12:10: param `k` of stage `train`: must be a whole number that is not negative, not the number `-4`
       |
    12 |       k: -4
       |          ^^
    "#);
}

#[test]
fn a_word_where_a_mapping_is_wanted_is_refused() {
    assert_snapshot!(changed("source: a.csv", "source: a.csv, columns: all"), @r#"
    pipeline.yaml:8:38: param `columns` of stage `load`: must be a mapping, not the text `all`
      |
    8 |     params: {source: a.csv, columns: all}
      |                                      ^^^
    "#);
}

#[test]
fn a_mapping_where_a_list_is_wanted_is_refused() {
    assert_snapshot!(changed("k: 4", "study: {from: 2}"), @r#"
    pipeline.yaml:12:7: param `study` of stage `train`: must be a list, not a mapping
       |
    12 |       study: {from: 2}
       |       ^^^^^
    "#);
}
