//! Runs named and compared, on entries made by hand.

use std::path::PathBuf;

use segpipe_stages::results::Assignments;
use serde_json::{Value, json};

use super::customers::compare;
use super::*;
use crate::digest::Digest;
use crate::lock::Lock;

fn run(key: &str, sweep: &Value, outputs: &Value) -> LocalRun {
    let entry = json!({
        "format": 1, "key": key, "status": "FINISHED", "started_ms": 0, "ended_ms": 1500, "pipeline": "shop",
        "file": "pipeline.yaml", "segpipe_version": "0.1.0", "user": null, "git": null, "sweep": sweep,
        "stages": [{
            "name": "rfm", "kind": "rfm", "outcome": "ran", "reason": null, "seconds": 1.0, "fingerprint": null,
            "params": {}, "outputs": outputs,
        }],
        "record": null, "artifacts": [], "missing": [],
    });
    let entry = serde_json::from_value(entry).unwrap();
    LocalRun { path: PathBuf::from(format!("artifacts/.outbox/2024-{key}")), entry, receipt: None }
}

fn plain(key: &str) -> LocalRun {
    run(key, &Value::Null, &json!({}))
}

fn history() -> History {
    let child = json!({ "role": "child", "parent": "ab00", "combination": 1, "sets": ["train.k=2"] });
    let parent = json!({ "role": "parent", "identity": "x", "combinations": 1 });
    let runs = vec![run("cd11", &child, &json!({})), run("ab00", &parent, &json!({})), plain("ab12"), plain("ef34")];
    History { runs, unreadable: Vec::new() }
}

#[test]
fn a_run_is_named_by_the_beginning_of_its_key_its_folder_or_how_late_it_is() {
    let history = history();
    let key = |name| history.find(name).map(|run| run.entry.key.clone());
    assert_eq!(key("e").unwrap(), "ef34");
    assert_eq!(key("AB1").unwrap(), "ab12");
    assert_eq!(key("2024-cd11").unwrap(), "cd11");
    assert_eq!(key("latest").unwrap(), "ab12", "parts of a sweep are passed over");
    assert_eq!(key("latest~1").unwrap(), "ef34");
    assert_eq!(
        key("latest~2").unwrap_err().to_string(),
        "`latest~2` goes further back than the 2 local runs that are no part of a sweep"
    );
    assert_eq!(key("ab").unwrap_err().to_string(), "`ab` may be any of ab00, ab12");
    assert_eq!(key("").unwrap_err(), HistoryError::Unknown { name: String::new() });
    assert_eq!(key("latest~x").unwrap_err(), HistoryError::Unknown { name: "latest~x".to_owned() });
}

#[test]
fn the_run_of_a_lock_made_everything_that_the_lock_names() {
    let digest = |text: &str| Digest::of_bytes(text.as_bytes());
    let outputs = |text: &str| json!({ "customers": digest(text).to_string(), "more": "1" });
    let mut lock = Lock::default();
    lock.add_output("rfm", "customers", digest("old"));
    lock.add_source("load", "a.csv", digest("source"));
    let runs = vec![run("new", &Value::Null, &outputs("new")), run("old", &Value::Null, &outputs("old"))];
    let mut history = History { runs, unreadable: Vec::new() };
    let committed = Committed { lock, origin: LockOrigin::Folder };
    assert_eq!(committed.run(&history).unwrap().entry.key, "old");
    history.runs.pop();
    assert_eq!(committed.run(&history).unwrap_err(), HistoryError::NotOfLock { origin: LockOrigin::Folder });
    let nothing = Committed { lock: Lock::default(), origin: LockOrigin::Head };
    assert!(nothing.run(&history).is_err(), "a lock that names nothing is nobody's");
}

#[test]
fn customers_are_compared_by_id_whatever_their_order() {
    let assignments = |rows: &[(&str, usize, &str)]| Assignments {
        ids: rows.iter().map(|(id, ..)| (*id).to_owned()).collect(),
        segments: rows.iter().map(|(_, segment, _)| *segment).collect(),
        names: rows.iter().map(|(.., name)| (*name).to_owned()).collect(),
    };
    let first = assignments(&[("a", 0, "Best"), ("b", 1, "Rest"), ("c", 1, "Rest"), ("d", 0, "Best")]);
    let second = assignments(&[("c", 1, "New"), ("e", 0, "Best"), ("a", 2, "Best"), ("b", 1, "New")]);
    let changes = compare(&first, &second);
    let way = |from: &str, to: &str, customers| Move { from: from.to_owned(), to: to.to_owned(), customers };
    let expected = Changes {
        in_both: 3,
        changed_number: 1,
        changed_name: 2,
        moves: vec![way("Rest", "New", 2), way("Best", "Best", 1)],
        only_in_first: 1,
        only_in_second: 1,
    };
    assert_eq!(changes, expected);
}
