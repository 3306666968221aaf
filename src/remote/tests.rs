//! Two machines and the storage between them, in memory: what arrives, what is refused, and what a failure costs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use object_store::memory::InMemory;
use object_store::path::Path as Name;
use object_store::throttle::{ThrottleConfig, ThrottledStore};
use object_store::{ObjectStore, ObjectStoreExt};
use segpipe_stages::contract::{Output, Silent};

use super::*;
use crate::store::Store;
use crate::store::records::{Record, RecordedOutput};
use crate::store::remembered::Remembered;

static OUTPUTS: [Output; 2] = [Output::table("customers", "customers.parquet"), Output::directory("images", "images")];

const DOCUMENT: &str = "segpipe-fingerprint format 1\nstage kind rfm\n";

/// A project on one machine.
struct Machine {
    _folder: tempfile::TempDir,
    store: Store,
    remembered: Remembered,
    remote: Remote,
}

fn settings(trust: &[PublicKey], key: Option<&str>) -> Settings {
    Settings {
        address: RemoteAddress::Folder("memory".into()),
        may_write: true,
        trust: trust.to_vec(),
        key: key.map(|key| key.parse().unwrap()),
    }
}

impl Machine {
    fn new(storage: &Arc<InMemory>, settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let remembered = Remembered::load(folder.path(), folder.path().join("remembered.json"));
        let remote = Remote::over(Arc::clone(storage) as Arc<dyn ObjectStore>, settings);
        Self { _folder: folder, store, remembered, remote }
    }

    fn plain(storage: &Arc<InMemory>) -> Self {
        Self::new(storage, settings(&[], None))
    }

    /// Computes the one result.
    fn compute(&self, table: &[u8]) -> Record {
        let path = self.store.temporary_path("test");
        fs::write(&path, table).unwrap();
        let images = self.store.private_directory("test").unwrap();
        fs::create_dir(images.join("svg")).unwrap();
        fs::write(images.join("a.png"), "picture").unwrap();
        fs::write(images.join("svg/a.svg"), "drawing").unwrap();
        let output = |digest, rows| RecordedOutput { digest, rows };
        let record = Record {
            fingerprint: Digest::of_bytes(DOCUMENT.as_bytes()),
            document: DOCUMENT.to_owned(),
            headline: "2 customers".to_owned(),
            notes: Vec::new(),
            seconds: 0.5,
            outputs: [
                ("customers".to_owned(), output(self.store.keep_file(&path).unwrap(), Some(2))),
                ("images".to_owned(), output(self.store.keep_tree_copy(&images).unwrap(), None)),
            ]
            .into(),
        };
        self.store.keep_record(&record).unwrap();
        record
    }

    fn send(&self, record: &Record) -> Sent {
        self.remote.send(&self.store, record, &OUTPUTS, false).unwrap();
        self.remote.finish(Some(Duration::from_secs(30)))
    }

    fn fetch(&self) -> Fetched {
        let fingerprint = Digest::of_bytes(DOCUMENT.as_bytes());
        let wanted = Wanted { fingerprint, document: DOCUMENT, outputs: &OUTPUTS };
        self.remote.fetch(&self.store, &self.remembered, &wanted, &Silent).unwrap()
    }

    fn refused(&self) -> String {
        match self.fetch() {
            Fetched::Refused(problem) => problem,
            other => panic!("{other:?}"),
        }
    }

    fn has_whole(&self, record: &Record) -> bool {
        self.store.record(record.fingerprint).unwrap().as_ref() == Some(record)
            && OUTPUTS.iter().all(|output| {
                let digest = record.outputs[&*output.name].digest;
                self.store.has_intact(digest, output.kind, &self.remembered).unwrap()
            })
    }
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn names(storage: &InMemory) -> Vec<String> {
    let list = storage.list(None).map(|meta| meta.unwrap().location.to_string());
    let mut names: Vec<String> = wait(list.collect());
    names.sort();
    names
}

fn object_name(digest: Digest) -> Name {
    let text = digest.to_string();
    Name::from(format!("prefix/v1/objects/{}/{}", &text[..2], &text[2..]))
}

fn record_name() -> Name {
    Name::from(format!("prefix/v1/records/{}", Digest::of_bytes(DOCUMENT.as_bytes())))
}

fn overwrite(storage: &InMemory, name: &Name, content: &[u8]) {
    wait(storage.put(name, content.to_vec().into())).unwrap();
}

#[test]
fn what_one_machine_sends_another_has_whole() {
    let storage = Arc::default();
    let (one, other) = (Machine::plain(&storage), Machine::plain(&storage));
    assert_eq!(other.fetch(), Fetched::Nothing);
    let record = one.compute(b"table");
    let sent = one.send(&record);
    assert_eq!((sent.results, sent.known, sent.unsent), (1, 0, 0));
    let names = names(&storage);
    assert_eq!(names.len(), 5, "a record, a table, a list of files and two files: {names:?}");
    assert!(names.contains(&record_name().to_string()));
    assert_eq!(other.fetch(), Fetched::Taken(record.clone()));
    assert!(other.has_whole(&record));
    assert_eq!(other.remote.taken().0, 1);
    assert!(fs::read_dir(other.store.state().join("temporary")).unwrap().next().is_none());
}

#[test]
fn a_result_that_is_there_is_not_sent_again_and_the_first_one_stays() {
    let storage = Arc::default();
    let (one, other) = (Machine::plain(&storage), Machine::plain(&storage));
    let record = one.compute(b"table");
    one.send(&record);
    let sent = other.send(&other.compute(b"another table"));
    assert_eq!(sent, Sent { results: 0, bytes: 0, known: 1, unsent: 0 });
    assert_eq!(Machine::plain(&storage).fetch(), Fetched::Taken(record));
}

#[test]
fn an_object_larger_than_a_part_arrives_whole() {
    let storage = Arc::default();
    let (one, other) = (Machine::plain(&storage), Machine::plain(&storage));
    let table: Vec<u8> = (0..20 << 20_u32).map(|byte: u32| (byte % 251) as u8).collect();
    let record = one.compute(&table);
    assert!(one.send(&record).bytes > 20 << 20);
    assert_eq!(other.fetch(), Fetched::Taken(record.clone()));
    assert!(other.has_whole(&record));
}

#[test]
fn a_damaged_object_is_a_miss_and_healed_by_who_computes_it() {
    let storage = Arc::default();
    let one = Machine::plain(&storage);
    let record = one.compute(b"table");
    one.send(&record);
    let table = record.outputs["customers"].digest;
    overwrite(&storage, &object_name(table), b"tablE");
    let other = Machine::plain(&storage);
    assert_eq!(other.refused(), format!("object {table} there is damaged"));
    assert_eq!(other.store.record(record.fingerprint).unwrap(), None);
    assert!(!other.store.object_path(table).exists() && !other.store.object_path(Digest::of_bytes(b"tablE")).exists());
    other.send(&other.compute(b"table"));
    assert_eq!(Machine::plain(&storage).fetch(), Fetched::Taken(record));
}

#[test]
fn a_missing_file_of_a_folder_is_a_miss() {
    let storage: Arc<InMemory> = Arc::default();
    let one = Machine::plain(&storage);
    one.send(&one.compute(b"table"));
    let picture = Digest::of_bytes(b"picture");
    wait(storage.delete(&object_name(picture))).unwrap();
    assert_eq!(Machine::plain(&storage).refused(), format!("object {picture} there is missing"));
}

#[test]
fn a_list_of_files_that_leads_elsewhere_is_a_miss() {
    let storage = Arc::default();
    let one = Machine::plain(&storage);
    let mut record = one.compute(b"table");
    let tree = format!("segpipe-tree 1\n{} ../../../escaped\n", Digest::of_bytes(b"picture"));
    let hostile = Digest::of_bytes(tree.as_bytes());
    overwrite(&storage, &object_name(hostile), tree.as_bytes());
    one.send(&record);
    record.outputs.get_mut("images").unwrap().digest = hostile;
    overwrite(&storage, &record_name(), &envelope::close(&record, None).unwrap());
    assert_eq!(Machine::plain(&storage).refused(), format!("object {hostile} there is no list of files"));
}

#[test]
fn a_damaged_record_is_a_miss_and_replaced_by_a_right_one() {
    let storage = Arc::default();
    overwrite(&storage, &record_name(), b"damaged");
    let machine = Machine::plain(&storage);
    assert_eq!(machine.refused(), "its record there is damaged");
    let record = machine.compute(b"table");
    assert_eq!(machine.send(&record).results, 1);
    assert_eq!(Machine::plain(&storage).fetch(), Fetched::Taken(record));
}

#[test]
fn a_record_without_all_outputs_is_a_miss() {
    let storage = Arc::default();
    let machine = Machine::plain(&storage);
    let mut record = machine.compute(b"table");
    record.outputs.remove("images");
    overwrite(&storage, &record_name(), &envelope::close(&record, None).unwrap());
    assert_eq!(machine.refused(), "its record there is of something else");
}

#[test]
fn only_who_is_trusted_is_believed_and_takes_the_place_of_others() {
    let storage = Arc::default();
    let (secret, public) = SigningKey::generate().unwrap();
    let (others, _) = SigningKey::generate().unwrap();
    let reader = || Machine::new(&storage, settings(&[public], None));
    let stranger = Machine::new(&storage, settings(&[], Some(&others)));
    let plain = Machine::plain(&storage);
    plain.send(&plain.compute(b"table"));
    assert!(reader().refused().starts_with("its record there is not signed"));
    wait(storage.delete(&record_name())).unwrap();
    stranger.send(&stranger.compute(b"table"));
    assert!(reader().refused().contains("which `cache.trust` does not list"));
    let writer = Machine::new(&storage, settings(&[public], Some(&secret)));
    let record = writer.compute(b"table");
    assert_eq!(writer.send(&record).results, 1);
    assert_eq!(reader().fetch(), Fetched::Taken(record));
}

#[test]
fn who_would_not_be_believed_sends_nothing() {
    let storage = Arc::default();
    let (_, public) = SigningKey::generate().unwrap();
    let (others, _) = SigningKey::generate().unwrap();
    for key in [None, Some(others.as_str())] {
        let machine = Machine::new(&storage, settings(&[public], key));
        assert_eq!(machine.send(&machine.compute(b"table")), Sent::default());
        assert!(machine.remote.silence().is_some() && !machine.remote.sends());
    }
    let reader = Machine::new(&storage, Settings { may_write: false, ..settings(&[], None) });
    assert_eq!(reader.send(&reader.compute(b"table")), Sent::default());
    assert!(names(&storage).is_empty());
}

#[test]
fn many_writers_at_once_leave_one_whole_result() {
    let storage = Arc::default();
    let machines: Vec<Machine> = (0..8).map(|_| Machine::plain(&storage)).collect();
    let sent: usize = std::thread::scope(|scope| {
        let threads: Vec<_> =
            machines.iter().map(|machine| scope.spawn(|| machine.send(&machine.compute(b"table")).results)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(sent, 1);
    assert!(matches!(Machine::plain(&storage).fetch(), Fetched::Taken(_)));
}

#[test]
fn nobody_at_the_other_end_is_told_once_and_asked_no_more() {
    let address = RemoteAddress::Folder("/nowhere/at/all".into());
    let remote = Remote::new(Settings { address, ..settings(&[], None) }, Arc::default());
    let machine = Machine { remote, ..Machine::plain(&Arc::default()) };
    assert_eq!(machine.fetch(), Fetched::Nothing);
    let error = machine.remote.take_failure().unwrap();
    assert_eq!(error.line(), "the shared cache `/nowhere/at/all` does not exist");
    assert_eq!(machine.fetch(), Fetched::Nothing);
    machine.send(&machine.compute(b"table"));
    assert!(machine.remote.take_failure().is_none(), "told once");
}

#[test]
fn after_an_interruption_nobody_is_asked_and_nothing_is_waited_for() {
    let storage = Arc::default();
    let machine = Machine::plain(&storage);
    let record = machine.compute(b"table");
    machine.send(&record);
    machine.remote.is_cancelled.store(true, Ordering::Relaxed);
    assert_eq!(machine.fetch(), Fetched::Nothing);
    assert!(machine.remote.take_failure().is_none());
}

#[test]
fn an_interruption_ends_whatever_is_under_way_at_once() {
    let slow = ThrottleConfig { wait_get_per_call: Duration::from_mins(1), ..ThrottleConfig::default() };
    let storage: Arc<dyn ObjectStore> = Arc::new(ThrottledStore::new(InMemory::new(), slow));
    let remote = Remote::over(storage, settings(&[], None));
    let machine = Machine { remote, ..Machine::plain(&Arc::default()) };
    let record = machine.compute(b"table");
    machine.remote.send(&machine.store, &record, &OUTPUTS, false).unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(200));
            machine.remote.is_cancelled.store(true, Ordering::Relaxed);
        });
        assert_eq!(machine.fetch(), Fetched::Nothing);
    });
    assert_eq!(machine.remote.finish(None).unsent, 1);
    assert!(machine.remote.take_failure().is_none(), "it is no failure");
    drop(machine);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn the_end_of_a_run_waits_no_longer_than_its_patience() {
    let slow = ThrottleConfig { wait_put_per_call: Duration::from_mins(1), ..ThrottleConfig::default() };
    let storage: Arc<dyn ObjectStore> = Arc::new(ThrottledStore::new(InMemory::new(), slow));
    let remote = Remote::over(storage, settings(&[], None));
    let machine = Machine { remote, ..Machine::plain(&Arc::default()) };
    let record = machine.compute(b"table");
    machine.remote.send(&machine.store, &record, &OUTPUTS, false).unwrap();
    let sent = machine.remote.finish(Some(Duration::from_millis(100)));
    assert_eq!(sent, Sent { unsent: 1, ..Sent::default() });
    assert_eq!(machine.remote.take_failure().unwrap().line(), "the shared cache `memory` takes too long");
}

#[test]
fn one_output_alone_can_be_taken() {
    let storage = Arc::default();
    let one = Machine::plain(&storage);
    let record = one.compute(b"table");
    one.send(&record);
    let other = Machine::plain(&storage);
    for output in &OUTPUTS {
        let wanted = (record.outputs[&*output.name].digest, output.kind);
        assert!(other.remote.fetch_output(&other.store, &other.remembered, wanted, &Silent).unwrap());
        assert!(other.store.has_intact(wanted.0, wanted.1, &other.remembered).unwrap());
    }
    let unknown = (Digest::of_bytes(b"never"), OUTPUTS[0].kind);
    assert!(!other.remote.fetch_output(&other.store, &other.remembered, unknown, &Silent).unwrap());
}
