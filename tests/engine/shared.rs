//! Results of another machine in place of running, and when they are not to be used.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use segpipe::event::Event;

use crate::fakes::{Project, damage};

/// Two projects that share their results; the first has been run.
fn two() -> (Project, Project) {
    let (mut one, mut other) = (Project::new(), Project::new());
    let shared = one.folder.path().join("shared");
    one.shared = Some(shared.clone());
    other.shared = Some(shared);
    assert_eq!(one.run_well(), "load:ran count:ran draw:ran");
    (one, other)
}

#[test]
fn what_another_machine_computed_is_restored_and_nothing_runs() {
    let (one, other) = two();
    assert_eq!(other.run_well(), "load:restored count:restored draw:restored");
    assert_eq!((other.load.runs(), other.count.runs(), other.draw.runs()), (0, 0, 0));
    assert_eq!(other.outputs(), one.outputs());
    assert_eq!(other.read("pipeline.lock"), one.read("pipeline.lock"));
    assert_eq!(other.run_well(), "load:cached count:cached draw:cached");
}

#[test]
fn a_damaged_local_object_is_taken_from_the_shared_cache_before_it_is_computed_again() {
    let (one, _other) = two();
    damage(&one.object("20"), "21");
    damage(&one.path("artifacts/count/number.parquet"), "edited");
    let ran = one.run();
    assert_eq!(ran.outcomes(), "load:cached count:restored draw:cached");
    assert!(ran.reason("count").ends_with("taken from the shared cache"), "{}", ran.reason("count"));
    assert_eq!((one.count.runs(), one.read("artifacts/count/number.parquet").as_str()), (1, "20"));
}

#[test]
fn a_forced_run_computes_although_another_machine_has() {
    let (_one, mut other) = two();
    other.options.is_forced = true;
    assert_eq!(other.run_well(), "load:ran count:ran draw:ran");
}

#[test]
fn a_source_edited_while_its_result_is_fetched_is_looked_at_again() {
    let (_one, mut other) = two();
    let (source, is_edited) = (other.path("source.txt"), AtomicBool::new(false));
    other.on_event = Arc::new(move |event| {
        if matches!(event, Event::Progress { .. }) && !is_edited.swap(true, Ordering::Relaxed) {
            fs::write(&source, "one\ntwo\nthree\n").unwrap();
        }
    });
    let ran = other.run();
    assert_eq!(ran.outcomes(), "load:ran count:ran draw:ran");
    assert!(ran.notes().iter().any(|note| note.contains("changed while its result was fetched")), "{:?}", ran.notes());
    assert_eq!(other.read("artifacts/count/number.parquet"), "30");
    other.write_source("one\ntwo\n");
    assert_eq!(other.run_well(), "load:restored count:restored draw:restored");
    assert_eq!(other.read("artifacts/count/number.parquet"), "20");
}

#[test]
fn what_is_wrong_in_the_shared_cache_is_computed_here() {
    let (one, other) = two();
    let digest = segpipe::digest::Digest::of_bytes(b"20").to_string();
    let object = one.folder.path().join("shared/v1/objects").join(&digest[..2]).join(&digest[2..]);
    fs::write(&object, "21").unwrap();
    let ran = other.run();
    assert_eq!(ran.outcomes(), "load:restored count:ran draw:restored");
    assert!(ran.notes().iter().any(|note| note.contains("is not used: object ")), "{:?}", ran.notes());
    assert_eq!(other.outputs(), one.outputs());
    assert_eq!(fs::read_to_string(&object).unwrap(), "20", "and healed there");
}
