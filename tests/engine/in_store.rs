//! Computing in the store alone: results for studies, and nothing of the project touched.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::Ordering;

use segpipe::engine::Computed;
use segpipe::spec::pipeline::Pipeline;
use segpipe_stages::contract::{Fault, StageError};
use serde_json::json;

use crate::fakes::{Project, damage};

/// `load`, then `count` and `draw` for every `k`: those of the first under their own names, the others as `count#2`, ….
fn variants(project: &Project, ks: &[u64]) -> Pipeline {
    let mut pipeline = project.pipeline();
    let (count, draw) = (pipeline.stages[1].clone(), pipeline.stages[2].clone());
    pipeline.stages.truncate(1);
    for (number, k) in (1..).zip(ks) {
        let suffix = if number == 1 { String::new() } else { format!("#{number}") };
        let (mut count, mut draw) = (count.clone(), draw.clone());
        count.params.determining.insert("k".to_owned(), json!(k));
        draw.inputs.get_mut("number").unwrap().stage = format!("count{suffix}");
        count.name.push_str(&suffix);
        draw.name.push_str(&suffix);
        pipeline.stages.extend([count, draw]);
    }
    pipeline
}

fn outcomes(computed: &Computed) -> String {
    let words = computed.stages.iter().map(|stage| format!("{}:{}", stage.name, stage.outcome));
    words.collect::<Vec<_>>().join(" ")
}

/// Content of every file below `artifacts` but in the store's own folder, and what is current.
fn places(project: &Project) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.path().strip_prefix(root).unwrap().display().to_string());
            let is_state = name.starts_with(".segpipe") && !name.starts_with(".segpipe/current");
            if path.is_dir() {
                walk(root, &path, found);
            } else if !is_state {
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    let (root, mut found) = (project.path("artifacts"), BTreeMap::new());
    walk(&root, &root, &mut found);
    found.extend(fs::read(project.path("pipeline.lock")).ok().map(|lock| ("pipeline.lock".to_owned(), lock)));
    found
}

#[test]
fn what_is_shared_is_computed_once_and_nothing_of_the_project_changes() {
    let project = Project::new();
    project.run();
    let before = places(&project);
    assert!(before.contains_key("count/number.parquet") && before.contains_key(".segpipe/current/count"));
    let computed = project.compute(variants(&project, &[3, 10, 4]));
    let expected = "load:cached count:ran draw:ran count#2:cached draw#2:cached count#3:ran draw#3:ran";
    assert_eq!(outcomes(&computed), expected);
    assert_eq!(places(&project), before);
    assert_eq!(project.sealed.lock().unwrap().len(), 1, "only the run was sealed");
    let numbers: Vec<String> = computed
        .stages
        .iter()
        .filter_map(|stage| fs::read_to_string(&stage.outputs.get("number")?.path).ok())
        .collect();
    assert_eq!(numbers, ["6", "20", "8"]);
}

#[test]
fn a_first_study_leaves_no_output_at_its_place_and_the_next_run_restores_what_it_computed() {
    let mut project = Project::new();
    project.compute(variants(&project, &[3, 4]));
    assert_eq!(places(&project), BTreeMap::new());
    project.k = 4;
    assert_eq!(project.run_well(), "load:restored count:restored draw:restored");
    assert_eq!(project.read("artifacts/count/number.parquet"), "8");
}

#[test]
fn a_study_goes_on_where_it_was_interrupted() {
    let mut project = Project::new();
    project.options.jobs = NonZeroUsize::new(1);
    let is_cancelled = project.is_cancelled.clone();
    project.count.before(move |_| {
        is_cancelled.store(true, Ordering::Relaxed);
        Ok(())
    });
    assert!(project.compute(variants(&project, &[3, 4, 5])).is_interrupted);
    project.count.as_usual();
    let done = project.count.runs();
    assert!(done < 4);
    project.is_cancelled.store(false, Ordering::Relaxed);
    let computed = project.compute(variants(&project, &[3, 4, 5]));
    assert!(!computed.is_interrupted && computed.failures.is_empty());
    assert_eq!((project.load.runs(), project.count.runs()), (1, 3));
}

#[test]
fn a_variant_that_fails_does_not_lose_the_others() {
    let mut project = Project::new();
    project.options.jobs = NonZeroUsize::new(1);
    project.count.before(|ctx| {
        let is_four = ctx.params.determining["k"] == 4;
        if is_four { Err(StageError::new(Fault::Stage, "no fours")) } else { Ok(()) }
    });
    let computed = project.compute(variants(&project, &[3, 4, 5]));
    let expected = "load:ran count:ran draw:ran count#2:failed draw#2:skipped count#3:ran draw#3:ran";
    assert_eq!(outcomes(&computed), expected);
    assert_eq!(computed.failures.len(), 1);
    assert_eq!(
        (computed.failures[0].stage.as_str(), computed.failures[0].error.message.as_str()),
        ("count#2", "no fours")
    );
}

#[test]
fn a_result_that_is_damaged_in_the_store_is_computed_again() {
    let project = Project::new();
    project.compute(variants(&project, &[3]));
    damage(&project.object("6"), "7");
    assert_eq!(outcomes(&project.compute(variants(&project, &[3]))), "load:cached count:ran draw:cached");
    assert_eq!(fs::read_to_string(project.object("6")).unwrap(), "6");
}
