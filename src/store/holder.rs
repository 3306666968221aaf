//! One run at a time per project: a lock of the operating system that dies with its process.
//!
//! For: taking the project, waiting for it, naming who holds it. Not for: readers, which need no lock.
//! Called by: the engine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Store, StoreError};

/// The project is held while this value lives.
#[derive(Debug)]
pub struct Holding {
    _file: File,
}

/// Who holds a project, as far as its lock file tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holder {
    /// Process id.
    pub pid: Option<u32>,
    /// Since when, ISO 8601 in UTC.
    pub since: Option<String>,
}

impl Store {
    /// Takes the project. Where another run holds it, tells `on_wait` who, and waits, or refuses.
    ///
    /// # Errors
    /// [`StoreError::Held`] where another run holds it and `may_wait` is false; or where the disk refuses.
    pub fn hold(&self, may_wait: bool, on_wait: impl FnOnce(&Holder)) -> Result<Holding, StoreError> {
        let path = self.state().join("lock");
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if may_wait => {
                on_wait(&read_holder(&mut file));
                file.lock().map_err(StoreError::file("lock", &path))?;
            }
            Err(TryLockError::WouldBlock) => return Err(held(&read_holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(StoreError::file("lock", &path)(error)),
        }
        write_holder(&mut file).map_err(StoreError::file("write", &path))?;
        Ok(Holding { _file: file })
    }
}

fn open(path: &PathBuf) -> Result<File, StoreError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    opened.map_err(StoreError::file("open", Path::new(path)))
}

fn held(holder: &Holder) -> StoreError {
    let unknown = || "unknown".to_owned();
    let pid = holder.pid.map_or_else(unknown, |pid| pid.to_string());
    StoreError::Held { pid, since: holder.since.clone().unwrap_or_else(unknown) }
}

fn read_holder(file: &mut File) -> Holder {
    let mut text = String::new();
    if file.rewind().and_then(|()| file.read_to_string(&mut text)).is_err() {
        return Holder::default();
    }
    let mut words = text.split_whitespace();
    Holder { pid: words.next().and_then(|word| word.parse().ok()), since: words.next().map(String::from) }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let since = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{} {since}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_second_run_is_told_who_holds_the_project_and_may_refuse_to_wait() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let first = store.hold(false, |_| {}).unwrap();
        let error = store.hold(false, |_| {}).unwrap_err();
        assert!(matches!(&error, StoreError::Held { pid, .. } if *pid == std::process::id().to_string()), "{error}");
        drop(first);
        store.hold(false, |_| {}).unwrap();
    }

    #[test]
    fn a_waiting_run_gets_the_project_when_the_first_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let first = store.hold(false, |_| {}).unwrap();
        let (waiting, is_waiting) = mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| store.hold(true, |holder| waiting.send(holder.clone()).unwrap()).unwrap());
            let holder = is_waiting.recv_timeout(Duration::from_secs(10)).unwrap();
            assert_eq!(holder.pid, Some(std::process::id()));
            assert!(holder.since.is_some());
            assert!(!second.is_finished());
            drop(first);
            second.join().unwrap();
        });
    }
}
