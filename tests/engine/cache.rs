//! Hits and misses.

use std::fs;
use std::time::Duration;

use segpipe_stages::contract::{Fault, SourceOrigin, StageError};

use crate::fakes::{Project, damage};

const ALL_CACHED: &str = "load:cached count:cached draw:cached";

#[test]
fn the_first_run_runs_everything_and_the_second_nothing() {
    let project = Project::new();
    let first = project.run();
    assert_eq!(first.outcomes(), "load:ran count:ran draw:ran");
    assert_eq!(first.reason("load"), "never run here");
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
    assert_eq!(project.read("artifacts/draw/images/svg/a.svg"), "drawing of 20");
    assert_eq!(project.run_well(), ALL_CACHED);
    assert_eq!([project.load.runs(), project.count.runs(), project.draw.runs()], [1, 1, 1]);
}

#[test]
fn a_cached_stage_still_tells_its_outputs_headline_and_remarks() {
    let project = Project::new();
    let (ran, cached) = (project.run(), project.run());
    assert_eq!(cached.stage("load").outputs, ran.stage("load").outputs);
    assert_eq!(cached.stage("load").outputs["lines"].rows, Some(2));
    assert_eq!(cached.stage("load").headline.as_deref(), Some("2 lines"));
    assert_eq!(cached.notes(), ["read the source"]);
}

#[test]
fn a_changed_param_reruns_its_stage_and_what_depends_on_it() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:cached count:ran draw:ran");
    assert_eq!(ran.reason("count"), "param `k`: 10 → 5");
    assert_eq!(ran.reason("draw"), "input `count.number` changed");
    assert_eq!(project.read("artifacts/draw/report.html"), "report on 10");
}

#[test]
fn a_rerun_that_gives_the_same_bytes_leaves_everything_below_cached() {
    let project = Project::new();
    project.run();
    project.write_source("uno\ndos\n");
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:ran draw:cached");
    assert_eq!(ran.reason("load"), "source `source.txt` changed");
}

#[test]
fn going_back_to_an_earlier_param_restores_instead_of_running() {
    let mut project = Project::new();
    project.run();
    let before = project.outputs();
    project.k = 5;
    project.run();
    project.k = 10;
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:cached count:restored draw:restored");
    assert_eq!(ran.reason("count"), "param `k`: 5 → 10");
    assert_eq!(project.outputs(), before);
    assert_eq!(project.count.runs(), 2);
    assert_eq!(project.run_well(), ALL_CACHED);
}

#[test]
fn a_deleted_output_is_restored_and_downstream_stays_cached() {
    let project = Project::new();
    project.run();
    fs::remove_file(project.path("artifacts/load/lines.parquet")).unwrap();
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:restored count:cached draw:cached");
    assert_eq!(ran.reason("load"), "output `lines` is missing");
    assert_eq!(project.read("artifacts/load/lines.parquet"), "one\ntwo\n");
}

#[test]
fn an_output_edited_at_equal_size_and_mtime_is_restored() {
    let project = Project::new();
    project.run();
    project.run();
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(project.run_well(), ALL_CACHED);
    let path = project.path("artifacts/count/number.parquet");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "99").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:cached count:restored draw:cached");
    assert_eq!(ran.reason("count"), "output `number` was edited");
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
}

#[test]
fn a_directory_with_a_file_too_many_or_too_few_is_restored_whole() {
    let project = Project::new();
    project.run();
    fs::write(project.path("artifacts/draw/images/extra.png"), "extra").unwrap();
    assert_eq!(project.run_well(), "load:cached count:cached draw:restored");
    assert!(!project.path("artifacts/draw/images/extra.png").exists());
    fs::remove_file(project.path("artifacts/draw/images/svg/a.svg")).unwrap();
    assert_eq!(project.run_well(), "load:cached count:cached draw:restored");
    assert_eq!(project.read("artifacts/draw/images/svg/a.svg"), "drawing of 20");
}

#[test]
fn a_damaged_object_is_a_miss_and_is_made_again() {
    let project = Project::new();
    project.run();
    fs::remove_file(project.path("artifacts/count/number.parquet")).unwrap();
    damage(&project.object("20"), "21");
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:cached count:ran draw:cached");
    assert!(ran.reason("count").starts_with("its cached result is damaged"), "{}", ran.reason("count"));
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
    assert_eq!(fs::read_to_string(project.object("20")).unwrap(), "20");
}

#[test]
fn a_missing_object_is_a_miss_and_is_made_again() {
    let project = Project::new();
    project.run();
    fs::remove_file(project.path("artifacts/count/number.parquet")).unwrap();
    fs::remove_file(project.object("20")).unwrap();
    let ran = project.run();
    assert!(ran.has_run("count") && ran.reason("count").starts_with("its cached result is missing"));
}

#[test]
fn a_damaged_object_is_never_read_by_a_stage_while_the_output_at_its_place_is_right() {
    let mut project = Project::new();
    project.run();
    damage(&project.object("one\ntwo\n"), "one\ntwo\nthree\n");
    project.k = 5;
    assert_eq!(project.run_well(), "load:cached count:ran draw:ran");
    assert_eq!(project.read("artifacts/count/number.parquet"), "10");
    assert_eq!(fs::read_to_string(project.object("one\ntwo\n")).unwrap(), "one\ntwo\n");
}

/// Changes what is written down of `count` in every file of a folder of the store.
fn damage_notes(project: &Project, folder: &str) {
    for entry in fs::read_dir(project.path("artifacts/.segpipe").join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap().replace("number 20", "number 21");
        fs::write(path, text).unwrap();
    }
}

#[test]
fn a_damaged_record_is_a_miss() {
    let mut project = Project::new();
    project.run();
    damage_notes(&project, "records");
    assert_eq!(project.run_well(), ALL_CACHED, "the note of what is current is intact");
    project.k = 5;
    project.run();
    project.k = 10;
    assert_eq!(project.run_well(), "load:cached count:ran draw:restored");
}

#[test]
fn a_damaged_note_of_what_is_current_costs_nothing_where_the_record_is_intact() {
    let project = Project::new();
    project.run();
    damage_notes(&project, "current");
    assert_eq!(project.run_well(), ALL_CACHED);
    damage_notes(&project, "records");
    assert_eq!(project.run_well(), ALL_CACHED, "the note was written anew");
    damage_notes(&project, "current");
    assert_eq!(project.run_well(), "load:cached count:ran draw:cached");
}

#[test]
fn a_changed_implementation_makes_its_stage_stale() {
    let project = Project::new();
    project.run();
    project.count.set_implementation("2");
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:cached count:ran draw:cached");
    assert_eq!(ran.reason("count"), "stage implementation changed");
}

#[test]
fn a_moved_project_is_still_up_to_date() {
    let mut project = Project::new();
    project.run();
    let moved = project.folder.path().join("elsewhere");
    fs::rename(&project.directory, &moved).unwrap();
    project.directory = moved;
    assert_eq!(project.run_well(), ALL_CACHED);
}

#[test]
fn force_runs_everything_again_and_changes_nothing() {
    let mut project = Project::new();
    project.run();
    let before = project.outputs();
    project.options.is_forced = true;
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:ran count:ran draw:ran");
    assert_eq!(ran.reason("draw"), "forced");
    assert_eq!(project.outputs(), before);
}

#[test]
fn a_failed_stage_leaves_no_record_and_keeps_the_old_outputs() {
    let mut project = Project::new();
    project.run();
    project.k = 5;
    project.count.before(|ctx| {
        fs::write(ctx.output("number")?, "half a resu").unwrap();
        Err(StageError::new(Fault::Stage, "out of luck"))
    });
    let ran = project.run();
    assert_eq!(ran.outcomes(), "load:cached count:failed draw:skipped");
    assert_eq!(project.read("artifacts/count/number.parquet"), "20");
    project.count.as_usual();
    assert_eq!(project.run_well(), "load:cached count:ran draw:ran");
    assert_eq!(project.read("artifacts/count/number.parquet"), "10");
}

#[test]
fn the_same_content_simulated_instead_of_real_is_another_source() {
    let mut project = Project::new();
    project.run();
    project.origin = SourceOrigin::Simulated;
    assert!(project.run().has_run("load"));
}

#[test]
fn a_remembered_digest_that_rotted_makes_nothing_run_and_reaches_no_lock() {
    let project = Project::new();
    project.run();
    std::thread::sleep(Duration::from_millis(60));
    project.run();
    let lock = project.read("pipeline.lock");
    let digest = segpipe::digest::Digest::of_bytes(b"one\ntwo\n").to_string();
    let rotten = digest.replacen(&digest[..1], if digest.starts_with('a') { "b" } else { "a" }, 1);
    let remembered = project.read("artifacts/.segpipe/remembered.json");
    assert!(remembered.contains(&digest), "{remembered}");
    fs::write(project.path("artifacts/.segpipe/remembered.json"), remembered.replace(&digest, &rotten)).unwrap();
    assert_eq!(project.run_well(), ALL_CACHED);
    assert_eq!(project.read("pipeline.lock"), lock);
}

#[test]
fn without_any_remembered_digest_everything_is_still_cached() {
    let project = Project::new();
    project.run();
    std::thread::sleep(Duration::from_millis(60));
    project.run();
    fs::write(project.path("artifacts/.segpipe/remembered.json"), "not json").unwrap();
    assert_eq!(project.run_well(), ALL_CACHED);
}
