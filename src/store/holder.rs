//! One run at a time per project: a lock of the operating system that dies with its process.
//!
//! For: taking the project, waiting for it, naming who holds it. Not for: readers, which need no lock.
//! Called by: the engine.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::{Store, StoreError, files};

/// How often, and after how long, it is looked again who holds a project that was taken just now.
const LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// The project is held while this value lives.
#[derive(Debug)]
pub struct Holding {
    file: File,
}

impl Drop for Holding {
    /// Whoever takes the project next has not said so at once, and nobody is to be named in its place.
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
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
                on_wait(&find_holder(&mut file));
                file.lock().map_err(StoreError::file("lock", &path))?;
            }
            Err(TryLockError::WouldBlock) => return Err(held(&find_holder(&mut file))),
            Err(TryLockError::Error(error)) => return Err(StoreError::file("lock", &path)(error)),
        }
        write_holder(&mut file).map_err(StoreError::file("write", &path))?;
        files::pass("project.held", &path)?;
        Ok(Holding { file })
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

/// Who holds the project, where it says so before long. What a run that was killed left there is not taken for it, unless
/// nobody else says anything.
fn find_holder(file: &mut File) -> Holder {
    for _ in 0..LOOKS {
        let holder = read_holder(file);
        if holder.pid.is_some_and(is_alive) {
            return holder;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    read_holder(file)
}

fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
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
    /// No process has this number.
    const DEAD: u32 = i32::MAX.cast_unsigned();

    #[test]
    fn a_run_that_was_killed_is_not_taken_for_the_one_that_took_the_project_just_now() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        let mut taken = open(&store.state().join("lock")).unwrap();
        writeln!(taken, "{DEAD} 2026-01-01T00:00:00Z").unwrap();
        taken.lock().unwrap();
        std::thread::scope(|scope| {
            let refused = scope.spawn(|| store.hold(false, |_| {}).unwrap_err());
            std::thread::sleep(3 * BETWEEN_LOOKS);
            write_holder(&mut taken).unwrap();
            let error = refused.join().unwrap();
            assert!(
                matches!(&error, StoreError::Held { pid, .. } if *pid == std::process::id().to_string()),
                "{error}"
            );
        });
        taken.set_len(0).unwrap();
        assert!(store.hold(false, |_| {}).unwrap_err().to_string().contains("process unknown"));
    }

    #[test]
    fn a_project_that_nobody_holds_names_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.prepare().unwrap();
        drop(store.hold(false, |_| {}).unwrap());
        assert_eq!(std::fs::read_to_string(store.state().join("lock")).unwrap(), "");
    }
}
