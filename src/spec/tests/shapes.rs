//! What a pipeline may look like, and what becomes of it.

use serde_json::json;

use super::*;
use crate::signing::SigningKey;
use crate::spec::shared::{Mode, RemoteAddress, SharedCache};

const SHORT: &str = "stages:\n  load: {params: {source: a.csv}}\n  rfm:\n  train:\n  report:\n";

#[test]
fn a_stage_is_of_the_kind_it_is_named_after_and_connected_by_default() {
    let pipeline = checked(SHORT, None, &[]);
    assert_eq!(names(&pipeline), ["load", "rfm", "train", "report"]);
    let train = pipeline.stage("train").unwrap();
    assert_eq!(train.inputs["customers"].to_string(), "rfm.customers");
    assert_eq!(train.outputs["onnx"], PathBuf::from("artifacts/train/model.onnx"));
    assert_eq!(param(&pipeline, "train", "k"), 4);
    assert!(!pipeline.is_overridden);
}

#[test]
fn writing_out_every_default_changes_nothing() {
    let long = r"
        name: NAME
        vars:
        profiles:
        stages:
          load:
            uses: load
            params: {source: a.csv, columns: {customer: null, date: }, exclude: []}
          rfm: {uses: rfm, inputs: {transactions: load.transactions}, params: {}}
          train:
            inputs: {customers: rfm.customers}
            params: {tolerance: 0.5, study: [2, 10], scaling: standard, k: 4}
            outputs: {model: artifacts/train/model.parquet, onnx: ./artifacts//train/model.onnx}
          report:
            inputs:
            params:
            outputs:
    ";
    let short = Project::new(SHORT);
    let short = short.read(&Overrides::default()).unwrap();
    let long = checked(&long.replace("NAME", &short.name), None, &[]);
    assert_eq!(facts(&long), facts(&short));
}

#[test]
fn a_pipeline_is_named_after_its_folder_unless_it_says_otherwise() {
    let project = Project::new(SHORT);
    let folder = project.0.path().file_name().unwrap().to_str().unwrap().to_owned();
    let pipeline = project.read(&Overrides::default()).unwrap();
    assert_eq!(pipeline.name, folder);
    assert_eq!(pipeline.directory, project.0.path());
    assert_eq!(pipeline.file, project.file());
    assert_eq!(checked(&format!("name: Shop 1\n{SHORT}"), None, &[]).name, "Shop 1");
}

#[test]
fn the_shared_cache_is_where_the_file_says_and_determines_nothing() {
    let (_, public) = SigningKey::generate().unwrap();
    let cache = |text: &str| checked(&format!("vars: {{bucket: results}}\ncache: {text}\n{SHORT}"), None, &[]).cache;
    let whole = cache(&format!("{{remote: 's3://${{bucket}}/shop', mode: read, trust: [{public}]}}"));
    assert_eq!(whole.remote.unwrap().to_string(), "s3://results/shop");
    assert_eq!((whole.mode, whole.trust), (Mode::Read, vec![public]));
    assert_eq!(cache(&format!("{{trust: {public}}}")).trust, [public]);
    assert_eq!(cache("{mode: off}").mode, Mode::Off);
    assert_eq!(cache("{mode: false}").mode, Mode::Off);
    assert_eq!(cache(""), SharedCache::default());
    assert_eq!(cache("{remote: , mode: , trust: }"), SharedCache::default());
    let project = Project::new(format!("cache: {{remote: ../cache}}\n{SHORT}"));
    let remote = project.read(&Overrides::default()).unwrap().cache.remote;
    assert_eq!(remote, Some(RemoteAddress::Folder(project.0.path().join("../cache"))));
    let facts_with = |cache: &str| facts(&checked(&format!("name: shop\n{cache}{SHORT}"), None, &[]));
    assert_eq!(facts_with("cache: {mode: read}\n"), facts_with(""));
}

#[test]
fn stages_come_after_what_they_read_from_and_else_as_written() {
    let text =
        "stages:\n  report:\n  b: {uses: rfm}\n  train:\n  rfm:\n  load: {params: {source: a}}\n  a: {uses: rfm}\n";
    assert_eq!(names(&checked(text, None, &[])), ["load", "b", "rfm", "train", "report", "a"]);
}

#[test]
fn stages_of_one_kind_are_told_apart_by_name_and_read_from_where_they_are_told() {
    let text = "stages:\n  load: {params: {source: a}}\n  rfm:\n  train:\n  deep:\n    uses: train\n    params: {k: 8}\n  \
                report:\n    inputs: {model: deep.model}\n";
    let pipeline = checked(text, None, &[]);
    let report = pipeline.stage("report").unwrap();
    assert_eq!(report.inputs["model"].to_string(), "deep.model");
    assert_eq!(report.inputs["onnx"].to_string(), "train.onnx");
    assert_eq!(pipeline.stage("deep").unwrap().outputs["model"], PathBuf::from("artifacts/deep/model.parquet"));
}

#[test]
fn anchors_and_merge_keys_mean_what_they_mean_in_yaml() {
    let text = "vars: {base: &base {k: 5, scaling: log}}\nstages:\n  load: {params: {source: a}}\n  rfm:\n  train:\n    \
                params:\n      <<: *base\n      k: 6\n";
    let pipeline = checked(text, None, &[]);
    assert_eq!(param(&pipeline, "train", "k"), 6);
    assert_eq!(param(&pipeline, "train", "scaling"), "log");
}

#[test]
fn words_that_old_yaml_took_for_booleans_and_numbers_stay_texts() {
    let text = "stages:\n  load: {params: {source: a, exclude: [NO, on, 007, 1_000, 2011-12-10, 1:30, '5', =]}}\n";
    let expected = json!(["NO", "on", "007", "1_000", "2011-12-10", "1:30", "5", "="]);
    assert_eq!(param(&checked(text, None, &[]), "load", "exclude"), expected);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_no_harm() {
    let text = format!("\u{feff}{}", SHORT.replace('\n', "\r\n"));
    assert_eq!(names(&checked(&text, None, &[])).len(), 4);
}

#[test]
fn the_schema_describes_every_kind_and_refers_only_to_what_it_defines() {
    let schema = crate::spec::schema(KINDS);
    let definitions = schema["$defs"].as_object().unwrap();
    for kind in KINDS {
        assert!(schema["properties"]["stages"]["properties"].get(kind.name()).is_some());
        assert!(definitions.contains_key(&format!("params.{}", kind.name())));
    }
    let k = &definitions["params.train"]["properties"]["k"];
    assert_eq!(k["description"], "How many.");
    assert_eq!(k["anyOf"][0]["type"], "integer");
    let text = schema.to_string();
    let references = text.split("\"$ref\":\"#/$defs/").skip(1).map(|rest| rest.split('"').next().unwrap());
    let references: Vec<_> = references.collect();
    assert!(references.contains(&"train.Scaling") && references.contains(&"load.Columns"), "{references:?}");
    assert!(references.iter().all(|name| definitions.contains_key(*name)), "{references:?}");
    assert_eq!(text.matches("$schema").count(), 1);
}

#[test]
fn tags_are_one_word_or_a_list_and_change_nothing_else() {
    let plain = checked(SHORT, None, &[]);
    let tagged = SHORT.replace("  rfm:\n  train:\n", "  rfm: {tags: weekly}\n  train: {tags: [slow, weekly, slow]}\n");
    let tagged = checked(&tagged, None, &[]);
    let tags = |stage: &str| tagged.stage(stage).unwrap().tags.iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((tags("rfm"), tags("train"), tags("load")), (vec!["weekly"], vec!["slow", "weekly"], vec![]));
    let stages = |pipeline: &Pipeline| facts(pipeline)["stages"].clone();
    assert_eq!(stages(&tagged), stages(&plain));
    let own = checked(&format!("{SHORT}  own: {{run: \"true\", outputs: [x.txt], tags: nightly}}\n"), None, &[]);
    assert!(own.stage("own").unwrap().tags.contains("nightly"));
}

#[test]
fn a_tag_that_cannot_be_selected_is_refused_at_its_place() {
    let with = |tags: &str| refusal(SHORT.replace("  rfm:\n", &format!("  rfm: {{tags: {tags}}}\n")));
    let refused = with("[weekly, \"tag:x\"]");
    assert!(refused.starts_with("pipeline.yaml:3:24: `tag:x` cannot be the name of a tag"), "{refused}");
    let refused = with("{a: b}");
    assert!(refused.contains("a tag of stage `rfm` must be a text, not a mapping"), "{refused}");
}

#[test]
fn any_stage_may_be_frozen_and_nothing_else_changes() {
    let plain = checked(SHORT, None, &[]);
    let text = SHORT.replace("  rfm:\n  train:\n", "  rfm: {frozen: true}\n  train: {frozen: false}\n");
    let frozen = checked(&text, None, &[]);
    let is_frozen = |stage: &str| frozen.stage(stage).unwrap().terms.is_frozen;
    assert_eq!((is_frozen("rfm"), is_frozen("train"), is_frozen("load")), (true, false, false));
    assert_eq!(facts(&frozen)["stages"], facts(&plain)["stages"]);
    let own = checked(&format!("{SHORT}  own: {{run: \"true\", outputs: [x.txt], frozen: true}}\n"), None, &[]);
    assert!(own.stage("own").unwrap().terms.is_frozen);
}

#[test]
fn frozen_is_true_or_false_and_anything_else_is_refused_at_its_place() {
    let with = |value: &str| refusal(SHORT.replace("  rfm:\n", &format!("  rfm: {{frozen: {value}}}\n")));
    let refused = with("yes please");
    let expected = "pipeline.yaml:3:17: `frozen` of stage `rfm` must be `true` or `false`, not a text";
    assert!(refused.starts_with(expected), "{refused}");
    assert!(with("1").contains("must be `true` or `false`, not a number"), "{}", with("1"));
    let refused = refusal(SHORT.replace("  rfm:\n", "  rfm: {frosen: true}\n"));
    assert!(refused.contains("did you mean `frozen`?"), "{refused}");
}
