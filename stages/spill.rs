//! Many small entries, sorted into parts by their keys, in memory up to a limit and in one file beyond it.
//!
//! For: counting and joining by key what would not fit in memory: every part holds all entries of its keys and is small
//! enough to be looked at as a whole. Not for: keeping anything; the file has no name and dies with the [`Spill`].
//! Called by: `duplicates`, `reached`, `rfm`.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::contract::{Fault, StageFault};
use crate::key::Key;

/// Bytes of entries held in memory before they go to the file.
const HELD: usize = 24 << 20;

/// Parts; 50 million entries make parts of 5 MB.
const PARTS: usize = 256;

const KEY_BYTES: usize = size_of::<Key>();

/// The scratch file cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("cannot use a scratch file in `{}`", folder.display())]
pub struct SpillError {
    /// Where the file is.
    folder: PathBuf,
    /// Why.
    source: io::Error,
}

impl StageFault for SpillError {
    fn fault(&self) -> Fault {
        Fault::Disk
    }
}

/// A number that belongs to a key.
pub trait Number: Copy + Send + Sync {
    /// How many it takes.
    const BYTES: usize;

    /// Appends its bytes.
    fn write(self, bytes: &mut Vec<u8>);

    /// The number of these bytes, of which there are [`Self::BYTES`].
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($type:ty) => {
        impl Number for $type {
            const BYTES: usize = size_of::<Self>();

            fn write(self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or(0, |bytes| Self::from_le_bytes(*bytes))
            }
        }
    };
}

number!(u64);
number!(i128);
number!(u128);

/// A key with a number that belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<N = u64> {
    high: u64,
    low: u64,
    /// The number.
    pub value: N,
}

impl<N: Number> Entry<N> {
    const BYTES: usize = KEY_BYTES + N::BYTES;

    /// A key with its number.
    pub fn new(key: Key, value: N) -> Self {
        Self { high: (key >> 64) as u64, low: key as u64, value }
    }

    /// The key.
    pub fn key(&self) -> Key {
        (u128::from(self.high) << 64) | u128::from(self.low)
    }

    fn part(&self) -> usize {
        (self.high >> 56) as usize % PARTS
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        self.key().write(bytes);
        self.value.write(bytes);
    }

    fn read(bytes: &[u8]) -> Self {
        Self::new(Key::read(bytes), N::read(&bytes[KEY_BYTES..]))
    }
}

#[derive(Debug)]
struct Part<N> {
    held: Vec<Entry<N>>,
    /// Where in the file earlier entries are: offset and bytes.
    written: Vec<(u64, usize)>,
}

/// The entries on their way into parts.
#[derive(Debug)]
pub struct Spill<N = u64> {
    folder: PathBuf,
    limit: usize,
    held: usize,
    parts: Vec<Part<N>>,
    file: Option<File>,
    end: u64,
}

impl<N: Number> Spill<N> {
    /// No entries yet. The file, where one is needed, is made in `folder` without a name.
    pub fn new(folder: &Path) -> Self {
        Self::for_entries(folder, 0)
    }

    /// No entries yet, with room for about as many as are said to come.
    pub fn for_entries(folder: &Path, expected: u64) -> Self {
        Self::with_limit(folder, HELD / size_of::<Entry<N>>(), expected)
    }

    fn with_limit(folder: &Path, limit: usize, expected: u64) -> Self {
        let share = usize::try_from(expected).unwrap_or(limit).min(limit) / PARTS;
        // Keys are spread evenly, give or take.
        let room = share + share / 8;
        let parts = (0..PARTS).map(|_| Part { held: Vec::with_capacity(room), written: Vec::new() }).collect();
        Self { folder: folder.to_owned(), limit, held: 0, parts, file: None, end: 0 }
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// [`SpillError`] where the disk refuses.
    pub fn push(&mut self, entry: Entry<N>) -> Result<(), SpillError> {
        self.parts[entry.part()].held.push(entry);
        self.held += 1;
        if self.held < self.limit {
            return Ok(());
        }
        self.held = 0;
        self.write().map_err(|source| SpillError { folder: self.folder.clone(), source })
    }

    fn write(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile_in(&self.folder)?),
        };
        let mut bytes = Vec::new();
        for part in self.parts.iter_mut().filter(|part| !part.held.is_empty()) {
            bytes.clear();
            part.held.drain(..).for_each(|entry| entry.write(&mut bytes));
            file.write_all(&bytes)?;
            part.written.push((self.end, bytes.len()));
            self.end += bytes.len() as u64;
        }
        Ok(())
    }

    /// What `work` makes of each part, in a fixed order of parts. A part's entries come in the order of [`Self::push`];
    /// entries of equal keys are in one part.
    ///
    /// # Errors
    /// [`SpillError`] where the file cannot be read back.
    pub fn map_parts<T: Send>(self, work: impl Fn(Vec<Entry<N>>) -> T + Sync) -> Result<Vec<T>, SpillError> {
        let Self { folder, parts, file, .. } = self;
        let read = |part: Part<N>| part.read(file.as_ref()).map(&work);
        let results: io::Result<Vec<T>> = parts.into_par_iter().map(read).collect();
        results.map_err(|source| SpillError { folder, source })
    }
}

impl<N: Number> Part<N> {
    fn read(self, file: Option<&File>) -> io::Result<Vec<Entry<N>>> {
        let Some(file) = file else { return Ok(self.held) };
        let total: usize = self.written.iter().map(|(_, bytes)| bytes / Entry::<N>::BYTES).sum();
        let mut entries = Vec::with_capacity(total + self.held.len());
        let mut bytes = Vec::new();
        for (offset, length) in self.written {
            bytes.resize(length, 0);
            file.read_exact_at(&mut bytes, offset)?;
            entries.extend(bytes.chunks_exact(Entry::<N>::BYTES).map(Entry::read));
        }
        entries.extend(self.held);
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use crate::key::of_text;

    use super::*;

    fn spilled<N: Number>(limit: usize, number: impl Fn(u64) -> N) -> Vec<Vec<Entry<N>>> {
        let folder = tempfile::tempdir().unwrap();
        let mut spill = Spill::with_limit(folder.path(), limit, 100);
        for value in 0..5_000 {
            spill.push(Entry::new(of_text(&(value % 1_000).to_string()), number(value))).unwrap();
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
        spill.map_parts(|entries| entries).unwrap()
    }

    #[test]
    fn parts_are_the_same_whether_they_were_written_or_held() {
        let held = spilled(HELD, |value| value);
        assert_eq!(held.iter().map(Vec::len).sum::<usize>(), 5_000);
        assert_eq!(spilled(300, |value| value), held);
        assert_eq!(spilled(1, |value| value), held);
        let large = |value: u64| (i128::from(value) - 2_500) << 90;
        assert_eq!(spilled(300, large), spilled(HELD, large));
    }

    #[test]
    fn equal_keys_are_in_one_part_in_the_order_they_came() {
        let parts = spilled(700, |value| value);
        let key = of_text("42");
        let found: Vec<Vec<u64>> = parts
            .iter()
            .map(|part| part.iter().filter(|entry| entry.key() == key).map(|entry| entry.value).collect())
            .filter(|values: &Vec<u64>| !values.is_empty())
            .collect();
        assert_eq!(found, [[42, 1_042, 2_042, 3_042, 4_042]]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_with_its_name() {
        let mut spill = Spill::with_limit(Path::new("nowhere/at/all"), 1, 0);
        let error = spill.push(Entry::new(1, 1_u64)).unwrap_err();
        assert_eq!(error.to_string(), "cannot use a scratch file in `nowhere/at/all`");
        assert_eq!(error.fault(), Fault::Disk);
    }
}
