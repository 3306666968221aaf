//! What is counted, verified and removed of stores that are laid by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use segpipe_stages::contract::Silent;

use super::*;
use crate::digest::Digest;
use crate::store::Store;
use crate::store::records::{Record, RecordedOutput};

const DAY: Duration = Duration::from_hours(24);

struct Project {
    _folder: tempfile::TempDir,
    store: Store,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        Self { _folder: folder, store }
    }

    /// Keeps a file with this content.
    fn object(&self, content: &str) -> Digest {
        let path = self.store.temporary_path("test");
        fs::write(&path, content).unwrap();
        self.store.keep_file(&path).unwrap()
    }

    /// Keeps a folder with these files.
    fn folder(&self, files: &[(&str, &str)]) -> Digest {
        let directory = self.store.private_directory("test").unwrap();
        for (name, content) in files {
            fs::write(directory.join(name), content).unwrap();
        }
        self.store.keep_tree_copy(&directory).unwrap()
    }

    /// Keeps a result that was computed `days` ago.
    fn result(&self, name: &str, outputs: &[Digest], days: u32) -> Digest {
        let document = format!("segpipe-fingerprint format 1\nstage kind {name}\n");
        let outputs = outputs.iter().enumerate();
        let record = Record {
            fingerprint: Digest::of_bytes(document.as_bytes()),
            document,
            headline: String::new(),
            notes: Vec::new(),
            seconds: 0.0,
            outputs: outputs.map(|(n, &digest)| (n.to_string(), RecordedOutput { digest, rows: None })).collect(),
        };
        self.store.keep_record(&record).unwrap();
        let file = File::options().write(true).open(self.record_path(record.fingerprint)).unwrap();
        file.set_modified(SystemTime::now() - DAY * days).unwrap();
        record.fingerprint
    }

    fn set_current(&self, stage: &str, fingerprint: Digest) {
        let record = self.store.record(fingerprint).unwrap().unwrap();
        self.store.set_current(stage, &record).unwrap();
    }

    fn record_path(&self, fingerprint: Digest) -> std::path::PathBuf {
        self.store.state().join("records").join(fingerprint.to_string())
    }

    fn overwrite(&self, digest: Digest, content: &str) {
        let path = self.store.object_path(digest);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        fs::write(path, content).unwrap();
    }

    fn has(&self, digest: Digest) -> bool {
        self.store.object_path(digest).exists()
    }

    fn collect(&self, policy: &Policy, pinned: &Pinned) -> Collected {
        collect(&self.store, policy, pinned, false).unwrap()
    }
}

fn older_than(days: u32) -> Policy {
    Policy { older_than: Some(DAY * days), ..Policy::default() }
}

fn at_most(bytes: u64) -> Policy {
    Policy { at_most: Some(bytes), ..Policy::default() }
}

/// What a lock names of a stage with these outputs.
fn result(outputs: &[Digest]) -> BTreeMap<String, Digest> {
    outputs.iter().enumerate().map(|(n, &digest)| (n.to_string(), digest)).collect()
}

#[test]
fn a_record_that_shares_but_some_outputs_with_what_is_pinned_may_go() {
    let project = Project::new();
    let (shared, one, other) = (project.object("shared"), project.object("one"), project.object("other"));
    let kept = project.result("a", &[shared, one], 99);
    project.result("b", &[shared, other], 99);
    let pinned = Pinned { results: vec![result(&[shared, one])], ..Pinned::default() };
    let collected = project.collect(&at_most(0), &pinned);
    assert_eq!((collected.objects, collected.records_left), (vec![other], 1));
    assert!(project.store.record(kept).unwrap().is_some());
}

#[test]
fn without_a_policy_only_what_no_record_leads_to_goes() {
    let project = Project::new();
    let (needed, stray) = (project.object("needed"), project.object("stray"));
    let folder = project.folder(&[("a.png", "picture")]);
    project.result("train", &[needed, folder], 100);
    let collected = project.collect(&Policy::default(), &Pinned::default());
    assert_eq!((collected.objects, collected.records.len()), (vec![stray], 0));
    assert_eq!((collected.bytes, collected.records_left), (5, 1));
    assert!(project.has(needed) && project.has(folder) && project.has(Digest::of_bytes(b"picture")));
    assert!(!project.has(stray));
}

#[test]
fn old_results_go_with_the_objects_that_no_younger_one_shares() {
    let project = Project::new();
    let (shared, old, young) = (project.object("shared"), project.object("old"), project.object("young"));
    let gone = project.result("old", &[shared, old], 31);
    let kept = project.result("young", &[shared, young], 29);
    let collected = project.collect(&older_than(30), &Pinned::default());
    assert_eq!((collected.objects, collected.records), (vec![old], vec![project.record_path(gone)]));
    assert!(project.store.record(kept).unwrap().is_some() && project.has(shared) && project.has(young));
    assert!(project.store.record(gone).unwrap().is_none() && !project.has(old));
}

#[test]
fn the_oldest_results_go_until_the_rest_is_small_enough() {
    let project = Project::new();
    let objects = ["1".repeat(100), "2".repeat(100), "3".repeat(100)].map(|content| project.object(&content));
    for (days, object) in [30, 20, 10].into_iter().zip(objects) {
        project.result(&days.to_string(), &[object], days);
    }
    let collected = project.collect(&at_most(250), &Pinned::default());
    assert_eq!((collected.objects, collected.bytes_left), (vec![objects[0]], 200));
    assert_eq!(project.collect(&at_most(200), &Pinned::default()).objects, []);
    assert_eq!(project.collect(&at_most(0), &Pinned::default()).bytes_left, 0);
}

#[test]
fn what_is_current_or_pinned_stays_however_old_and_large_it_is() {
    let project = Project::new();
    let contents = ["current", "of the lock", "of a named run", "nobody's"];
    let [current, locked, named, nobodys] = contents.map(|content| project.object(content));
    let [first, second, third, fourth] = [("a", current), ("b", locked), ("c", named), ("d", nobodys)]
        .map(|(name, digest)| project.result(name, &[digest], 99));
    project.set_current("train", first);
    let pinned = Pinned { fingerprints: [third].into(), results: vec![result(&[locked])] };
    let policy = Policy { older_than: Some(DAY), at_most: Some(0) };
    let collected = project.collect(&policy, &pinned);
    assert_eq!((collected.records, collected.objects), (vec![project.record_path(fourth)], vec![nobodys]));
    assert!([first, second, third].into_iter().all(|kept| project.store.record(kept).unwrap().is_some()));
    assert!(project.has(current) && project.has(locked) && project.has(named));
}

#[test]
fn an_output_that_is_pinned_stays_without_any_record() {
    let project = Project::new();
    let folder = project.folder(&[("a.png", "picture")]);
    let pinned = Pinned { results: vec![result(&[folder])], ..Pinned::default() };
    assert_eq!(project.collect(&Policy::default(), &pinned).objects, []);
    assert_eq!(project.collect(&Policy::default(), &Pinned::default()).objects.len(), 2);
}

#[test]
fn a_dry_collection_tells_the_same_and_removes_nothing() {
    let project = Project::new();
    let object = project.object("old");
    let fingerprint = project.result("old", &[object], 31);
    let told = collect(&project.store, &older_than(30), &Pinned::default(), true).unwrap();
    assert!(project.has(object) && project.store.record(fingerprint).unwrap().is_some());
    assert_eq!(project.collect(&older_than(30), &Pinned::default()), told);
    assert!(!project.has(object));
}

#[test]
fn a_damaged_record_goes_and_so_does_what_only_it_could_lead_to() {
    let project = Project::new();
    let object = project.object("lost");
    let path = project.record_path(project.result("train", &[object], 0));
    fs::write(&path, "damaged").unwrap();
    let collected = project.collect(&Policy::default(), &Pinned::default());
    assert_eq!((collected.records, collected.objects), (vec![path], vec![object]));
}

#[test]
fn a_store_that_is_not_there_has_nothing_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path());
    assert_eq!(stats(&store).unwrap(), Stats::default());
    assert!(verify(&store, &Silent).unwrap().is_well());
    assert_eq!(collect(&store, &at_most(0), &Pinned::default(), false).unwrap(), Collected::default());
}

#[test]
fn the_numbers_tell_what_is_current_and_what_is_needed_by_nobody() {
    let project = Project::new();
    let (current, other) = (project.object("current"), project.object("other"));
    project.object("stray");
    project.set_current("train", project.result("train", &[current], 0));
    let damaged = project.record_path(project.result("rfm", &[other], 0));
    project.result("load", &[other], 0);
    fs::write(damaged, "damaged").unwrap();
    let expected = Stats {
        records: 2,
        damaged_records: 1,
        objects: 3,
        bytes: 17,
        current_objects: 1,
        current_bytes: 7,
        unreachable_objects: 1,
        unreachable_bytes: 5,
    };
    assert_eq!(stats(&project.store).unwrap(), expected);
}

#[test]
fn an_intact_store_is_well() {
    let project = Project::new();
    project.result("train", &[project.object("table"), project.folder(&[("a.png", "picture")])], 0);
    let verified = verify(&project.store, &Silent).unwrap();
    assert!(verified.is_well(), "{verified:?}");
    assert_eq!((verified.objects, verified.records), (3, 1));
}

#[test]
fn a_flipped_byte_is_found_with_the_result_that_it_spoils_and_repaired_by_forgetting_both() {
    let project = Project::new();
    let (table, other) = (project.object("table"), project.object("other"));
    let spoilt = project.result("train", &[table], 0);
    let kept = project.result("rfm", &[other], 0);
    project.overwrite(table, "tablE");
    let verified = verify(&project.store, &Silent).unwrap();
    assert_eq!(verified.damaged, [(table, Digest::of_bytes(b"tablE"))]);
    let incomplete = Incomplete { fingerprint: spoilt, kind: "train".to_owned(), lacking: vec![table] };
    assert_eq!(verified.incomplete, [incomplete]);
    verified.repair(&project.store).unwrap();
    assert!(verify(&project.store, &Silent).unwrap().is_well());
    assert_eq!(project.store.record(spoilt).unwrap(), None);
    assert!(project.store.record(kept).unwrap().is_some() && project.has(other) && !project.has(table));
}

#[test]
fn a_file_that_a_folder_of_a_result_lost_is_missed() {
    let project = Project::new();
    let folder = project.folder(&[("a.png", "picture"), ("b.png", "another")]);
    let fingerprint = project.result("visualize", &[folder], 0);
    let lost = Digest::of_bytes(b"another");
    project.store.remove_object(lost).unwrap();
    let verified = verify(&project.store, &Silent).unwrap();
    let incomplete = Incomplete { fingerprint, kind: "visualize".to_owned(), lacking: vec![lost] };
    assert_eq!((verified.damaged.len(), verified.incomplete), (0, vec![incomplete]));
}

#[test]
fn a_damaged_record_is_told_by_its_file() {
    let project = Project::new();
    let path = project.record_path(project.result("train", &[project.object("table")], 0));
    fs::write(&path, "damaged").unwrap();
    let verified = verify(&project.store, &Silent).unwrap();
    assert_eq!(verified.damaged_records, std::slice::from_ref(&path));
    verified.repair(&project.store).unwrap();
    assert!(!path.exists());
    let everything: BTreeSet<Digest> = project.store.objects().unwrap().into_keys().collect();
    assert_eq!(everything.len(), 1, "the object itself is intact and stays");
}
