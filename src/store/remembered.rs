//! Digests of files, remembered so that unchanged files are not read again.
//!
//! For: deciding in microseconds that a file still has the content it had. Not for: anything whose answer may be
//! wrong; a remembered digest may save work, it never calls a changed file the same. Called by: `placement`,
//! `objects`, the engine (for sources).
//!
//! A digest is trusted only while device, inode, size, mtime and ctime are what they were when the file was hashed,
//! and only if ctime was then older than the file system's timestamp granularity: a younger file could be changed
//! again within the same tick and look unchanged.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::records::{read_sealed, sealed};
use crate::digest::Digest;

/// Two changes within this time may carry one timestamp, on local file systems.
const LOCAL_GRANULARITY: Duration = Duration::from_millis(50);
/// The same on network, FAT and user-space file systems.
const COARSE_GRANULARITY: Duration = Duration::from_secs(2);
/// `f_type` of NFS, SMB, CIFS, SMB2, FAT, exFAT, FUSE, 9P and Ceph (linux/magic.h and the drivers).
const COARSE_TYPES: [u32; 9] =
    [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x4d44, 0x2011_bab0, 0x6573_5546, 0x0102_1997, 0x00c3_6400];

/// What a file system says about a file; two equal witnesses of an old enough file mean unchanged content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Witness {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Witness {
    /// The witness of `path` now.
    ///
    /// # Errors
    /// Where there is no such file.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::from_metadata(&fs::metadata(path)?))
    }

    /// The witness of an open file now.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub(super) fn of_open(file: &File) -> io::Result<Self> {
        Ok(Self::from_metadata(&file.metadata()?))
    }

    /// Whether this is the file that `earlier` was of, by another name or with other permissions, but not written to.
    pub(super) fn shows_the_content_of(&self, earlier: &Self) -> bool {
        Self { changed: earlier.changed, ..*self } == *earlier
    }

    fn from_metadata(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// The file's size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How long ago the file was last changed; zero where that lies in the future.
    fn age(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let changed = Duration::new(self.changed.0.max(0).cast_unsigned(), self.changed.1 as u32);
        now.saturating_sub(changed)
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    witness: Witness,
    digest: Digest,
}

/// An entry as it is written, without names, which would be most of the file: path, device, inode, size, modified,
/// changed, digest.
type Row<P> = (P, u64, u64, u64, (i64, i64), (i64, i64), Digest);

impl Entry {
    fn from_row((path, device, inode, size, modified, changed, digest): Row<String>) -> (OsString, Self) {
        (path.into(), Self { witness: Witness { device, inode, size, modified, changed }, digest })
    }

    /// None where the path is no text, so that it cannot be written.
    fn to_row<'a>((path, entry): (&'a OsString, &Self)) -> Option<Row<&'a str>> {
        let Witness { device, inode, size, modified, changed } = entry.witness;
        Some((path.to_str()?, device, inode, size, modified, changed, entry.digest))
    }
}

/// The remembered digests of one project.
#[derive(Debug)]
pub struct Remembered {
    project: PathBuf,
    file: PathBuf,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    /// Paths are compared as they are written, which is always in the same way.
    by_path: HashMap<OsString, Entry>,
    is_changed: bool,
}

impl Remembered {
    /// Reads what earlier runs remembered, if it is readable.
    pub fn load(project: &Path, file: PathBuf) -> Self {
        // Sealed, because a digest that rotted would be taken for that of a file which is as it was.
        let rows: Vec<Row<String>> = read_sealed(&file).ok().flatten().unwrap_or_default();
        let entries = Entries { by_path: rows.into_iter().map(Entry::from_row).collect(), is_changed: false };
        Self { project: project.to_owned(), file, entries: Mutex::new(entries) }
    }

    /// The digest of a file, without reading it where that is safe.
    ///
    /// # Errors
    /// Where it does not exist or cannot be read.
    pub fn digest(&self, path: &Path) -> io::Result<Digest> {
        self.digest_with_witness(path).map(|(digest, _)| digest)
    }

    /// The digest of a file of which `metadata` was just read, without reading the file where that is safe.
    ///
    /// # Errors
    /// Where it does not exist or cannot be read.
    pub fn digest_of(&self, path: &Path, metadata: &Metadata) -> io::Result<Digest> {
        self.digest_as(path, Witness::from_metadata(metadata)).map(|(digest, _)| digest)
    }

    /// Whether the digest of a file is known without reading it.
    pub fn knows(&self, path: &Path) -> bool {
        let known = self.entry(path).map(|entry| entry.witness);
        known.is_some() && Witness::of(path).ok() == known
    }

    /// The digest of a file, and of no link, where it is known without reading it.
    pub fn known_digest(&self, path: &Path) -> Option<Digest> {
        let entry = self.entry(path)?;
        let metadata = fs::symlink_metadata(path).ok().filter(Metadata::is_file)?;
        (entry.witness == Witness::from_metadata(&metadata)).then_some(entry.digest)
    }

    /// The digest of a file together with the witness that the file had before and after it was read.
    ///
    /// # Errors
    /// Where it does not exist or cannot be read.
    pub fn digest_with_witness(&self, path: &Path) -> io::Result<(Digest, Witness)> {
        self.digest_as(path, Witness::of(path)?)
    }

    fn digest_as(&self, path: &Path, witness: Witness) -> io::Result<(Digest, Witness)> {
        match self.entry(path) {
            Some(entry) if entry.witness == witness => Ok((entry.digest, witness)),
            _ => self.hash(path),
        }
    }

    fn entry(&self, path: &Path) -> Option<Entry> {
        self.lock().by_path.get(self.key(path)).copied()
    }

    /// What a file is remembered by: its path in the project, where it is there.
    fn key<'p>(&self, path: &'p Path) -> &'p OsStr {
        path.strip_prefix(&self.project).unwrap_or(path).as_os_str()
    }

    /// The digest of a file whose content is certain to be that of the returned witness: waits until a file that was
    /// changed just now is old enough to be trusted.
    ///
    /// # Errors
    /// Where it does not exist or cannot be read.
    pub fn settled_digest(&self, path: &Path) -> io::Result<(Digest, Witness)> {
        let wait = granularity(path).saturating_sub(Witness::of(path)?.age());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        self.digest_with_witness(path)
    }

    fn hash(&self, path: &Path) -> io::Result<(Digest, Witness)> {
        loop {
            let file = File::open(path)?;
            let before = Witness::from_metadata(&file.metadata()?);
            let is_old_enough = before.age() >= granularity(path);
            let digest = Digest::of_open(&file)?;
            let after = Witness::of(path)?;
            if before != after {
                continue;
            }
            if is_old_enough {
                self.remember(self.key(path), Entry { witness: after, digest });
            }
            return Ok((digest, after));
        }
    }

    fn remember(&self, key: &OsStr, entry: Entry) {
        let mut entries = self.lock();
        entries.by_path.insert(key.to_owned(), entry);
        entries.is_changed = true;
    }

    /// Keeps what was learnt for the next run. Failing to is no error: the files are hashed once more then.
    pub fn save(&self, temporary: &Path) {
        let mut entries = self.lock();
        if !entries.is_changed {
            return;
        }
        let project = &self.project;
        entries.by_path.retain(|path, _| project.join(path).exists());
        let rows: Vec<Row<&str>> = entries.by_path.iter().filter_map(Entry::to_row).collect();
        if let Ok(body) = serde_json::to_string(&rows) {
            let saved = fs::write(temporary, sealed(&body)).and_then(|()| fs::rename(temporary, &self.file));
            entries.is_changed = saved.is_err();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn granularity(path: &Path) -> Duration {
    let is_coarse = rustix::fs::statfs(path).is_ok_and(|found| COARSE_TYPES.contains(&(found.f_type as u32)));
    if is_coarse { COARSE_GRANULARITY } else { LOCAL_GRANULARITY }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn remembered(folder: &Path) -> Remembered {
        Remembered::load(folder, folder.join("remembered.json"))
    }

    fn settle() {
        std::thread::sleep(LOCAL_GRANULARITY + Duration::from_millis(10));
    }

    #[test]
    fn an_edit_of_equal_size_and_restored_mtime_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        fs::write(&path, "before").unwrap();
        settle();
        let remembered = remembered(folder.path());
        let before = remembered.digest(&path).unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.rewind().unwrap();
        file.write_all(b"behind").unwrap();
        file.set_modified(modified).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
        assert_eq!(remembered.digest(&path).unwrap(), Digest::of_bytes(b"behind"));
        assert_ne!(remembered.digest(&path).unwrap(), before);
    }

    #[test]
    fn a_file_changed_just_now_is_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        let remembered = remembered(folder.path());
        fs::write(&path, "young").unwrap();
        remembered.digest(&path).unwrap();
        assert!(remembered.lock().by_path.is_empty());
        settle();
        remembered.digest(&path).unwrap();
        assert_eq!(remembered.lock().by_path.len(), 1);
    }

    #[test]
    fn a_file_is_known_from_when_it_was_hashed_until_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        fs::write(&path, "content").unwrap();
        let remembered = remembered(folder.path());
        let known = || (remembered.knows(&path), remembered.known_digest(&path));
        assert_eq!(known(), (false, None));
        remembered.settled_digest(&path).unwrap();
        assert_eq!(known(), (true, Some(Digest::of_bytes(b"content"))));
        fs::write(&path, "CONTENT").unwrap();
        assert_eq!(known(), (false, None));
        fs::remove_file(&path).unwrap();
        assert_eq!(known(), (false, None));
    }

    #[test]
    fn a_link_to_a_known_file_is_no_file_that_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("table"), folder.path().join("link"));
        fs::write(&path, "content").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let remembered = remembered(folder.path());
        remembered.settled_digest(&link).unwrap();
        assert!(remembered.knows(&link));
        assert_eq!(remembered.known_digest(&link), None);
    }

    #[test]
    fn a_settled_digest_is_always_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("source");
        fs::write(&path, "young").unwrap();
        let remembered = remembered(folder.path());
        let (digest, witness) = remembered.settled_digest(&path).unwrap();
        assert_eq!((digest, witness.size()), (Digest::of_bytes(b"young"), 5));
        assert_eq!(remembered.lock().by_path.len(), 1);
    }

    #[test]
    fn every_flipped_bit_of_what_was_remembered_makes_it_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        fs::write(&path, "content").unwrap();
        settle();
        let first = remembered(folder.path());
        first.digest(&path).unwrap();
        first.save(&folder.path().join("temporary"));
        let file = folder.path().join("remembered.json");
        let whole = fs::read(&file).unwrap();
        for bit in 0..8 * whole.len() {
            let mut rotten = whole.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, &rotten).unwrap();
            assert!(remembered(folder.path()).lock().by_path.is_empty(), "bit {bit}");
        }
    }

    #[test]
    fn what_was_remembered_survives_and_damage_to_it_is_harmless() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table");
        fs::write(&path, "content").unwrap();
        settle();
        let first = remembered(folder.path());
        first.digest(&path).unwrap();
        first.save(&folder.path().join("temporary"));
        assert_eq!(remembered(folder.path()).lock().by_path.len(), 1);
        fs::write(folder.path().join("remembered.json"), "{damaged").unwrap();
        assert_eq!(remembered(folder.path()).digest(&path).unwrap(), Digest::of_bytes(b"content"));
    }
}
