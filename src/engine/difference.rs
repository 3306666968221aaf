//! The first place at which two outputs that should be equal are not.
//!
//! For: files, directories, and the column of a Parquet file that a place in it belongs to. Not for: making the outputs.
//! Called by: `twice`.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use segpipe_stages::contract::OutputKind;

use crate::digest::Digest;
use crate::store::StoreError;

/// Where two outputs differ first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file in a directory; none for an output that is a file itself.
    pub file: Option<String>,
    /// How the two differ there.
    pub how: How,
}

/// How two files differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// One of them is not there.
    Missing,
    /// They have other bytes, or an other end, from here on.
    Bytes {
        /// The first byte, counted from 0.
        offset: u64,
        /// The size of each.
        sizes: [u64; 2],
        /// The digest of each.
        digests: [Digest; 2],
        /// The column of a table that the place belongs to.
        column: Option<String>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(formatter, "file `{file}`: ")?;
        }
        match &self.how {
            How::Missing => formatter.write_str("is written by one of them and not by the other"),
            How::Bytes { offset, sizes: [one, other], digests, column } => {
                write!(formatter, "differs from byte {offset} on")?;
                if let Some(column) = column {
                    write!(formatter, ", in column `{column}`")?;
                }
                let [first, second] = digests.map(|digest| digest.to_string().chars().take(12).collect::<String>());
                write!(formatter, " ({one} bytes with digest {first}, {other} with {second})")
            }
        }
    }
}

/// The first difference between two outputs of this kind; none where they are equal.
///
/// # Errors
/// Where something cannot be read.
pub(super) fn first(kind: OutputKind, one: &Path, other: &Path) -> Result<Option<Difference>, StoreError> {
    if kind != OutputKind::Directory {
        return Ok(bytes(one, other)?.map(|how| Difference { file: None, how }));
    }
    let (ones, others) = (names(one)?, names(other)?);
    for name in ones.union(&others) {
        let is_in_both = ones.contains(name) && others.contains(name);
        let how = if is_in_both { bytes(&one.join(name), &other.join(name))? } else { Some(How::Missing) };
        if let Some(how) = how {
            return Ok(Some(Difference { file: Some(name.display().to_string()), how }));
        }
    }
    Ok(None)
}

/// Relative paths of the files below a folder.
fn names(folder: &Path) -> Result<BTreeSet<PathBuf>, StoreError> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).map_err(StoreError::file("read", &next))? {
            let entry = entry.map_err(StoreError::file("read", &next))?;
            if entry.file_type().map_err(StoreError::file("read", &next))?.is_dir() {
                folders.push(entry.path());
            } else {
                found.extend(entry.path().strip_prefix(folder).map(Path::to_owned));
            }
        }
    }
    Ok(found)
}

fn bytes(one: &Path, other: &Path) -> Result<Option<How>, StoreError> {
    let digest = |path: &Path| Digest::of_file(path).map_err(StoreError::file("read", path));
    let digests = [digest(one)?, digest(other)?];
    if digests[0] == digests[1] {
        // Much quicker than to look at every byte.
        return Ok(None);
    }
    let open = |path: &Path| File::open(path).map_err(StoreError::file("read", path));
    let offset = offset(open(one)?, open(other)?).map_err(StoreError::file("read", one))?;
    let Some(offset) = offset else { return Ok(None) };
    let size = |path: &Path| fs::metadata(path).map(|found| found.len()).map_err(StoreError::file("read", path));
    Ok(Some(How::Bytes { offset, sizes: [size(one)?, size(other)?], digests, column: column(one, offset) }))
}

/// The first byte that differs; where one goes on, its first byte after the end of the other.
fn offset(one: File, other: File) -> io::Result<Option<u64>> {
    let (mut one, mut other) = (BufReader::new(one).bytes(), BufReader::new(other).bytes());
    for offset in 0.. {
        match (one.next().transpose()?, other.next().transpose()?) {
            (None, None) => break,
            (one, other) if one != other => return Ok(Some(offset)),
            _ => {}
        }
    }
    Ok(None)
}

/// The column that a place in a Parquet file belongs to; none where the file is none, or the place is not a column's.
fn column(path: &Path, offset: u64) -> Option<String> {
    let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    let groups = reader.metadata().row_groups().iter();
    let mut columns = groups.flat_map(RowGroupMetaData::columns);
    let found = columns.find(|column| {
        let (start, length) = column.byte_range();
        (start..start + length).contains(&offset)
    });
    found.map(|column| column.column_path().string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn written(folder: &Path, files: &[(&str, &str)]) -> PathBuf {
        for (name, content) in files {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder.to_owned()
    }

    #[test]
    fn of_two_files_the_first_byte_that_differs_is_told_or_where_one_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let folder = written(folder.path(), &[("a", "same"), ("b", "same"), ("c", "sane"), ("d", "same and more")]);
        let offset = |one: &str, other: &str| {
            let found = first(OutputKind::File, &folder.join(one), &folder.join(other)).unwrap()?;
            match found.how {
                How::Bytes { offset, sizes, .. } => Some((offset, sizes)),
                How::Missing => None,
            }
        };
        assert_eq!(offset("a", "b"), None);
        assert_eq!(offset("a", "c"), Some((2, [4, 4])));
        assert_eq!(offset("d", "a"), Some((4, [13, 4])));
    }

    #[test]
    fn of_two_directories_the_first_file_that_differs_or_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let one = written(&folder.path().join("one"), &[("a", "1"), ("b/c", "2"), ("d", "3")]);
        let same = written(&folder.path().join("same"), &[("a", "1"), ("b/c", "2"), ("d", "3")]);
        let other = written(&folder.path().join("other"), &[("a", "1"), ("b/c", "4"), ("d", "3")]);
        let fewer = written(&folder.path().join("fewer"), &[("a", "1"), ("d", "3")]);
        let first = |other: &Path| first(OutputKind::Directory, &one, other).unwrap();
        assert_eq!(first(&same), None);
        assert_eq!(first(&other).unwrap().file.as_deref(), Some("b/c"));
        assert_eq!(first(&fewer).unwrap(), Difference { file: Some("b/c".to_owned()), how: How::Missing });
    }

    /// A table with these columns of one row each.
    fn table(path: &Path, columns: &[(&str, i64)]) -> PathBuf {
        let arrays = columns.iter().map(|(name, value)| (*name, Arc::new(Int64Array::from(vec![*value])) as ArrayRef));
        let batch = RecordBatch::try_from_iter(arrays).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path.to_owned()
    }

    #[test]
    fn of_two_tables_the_column_that_differs_first_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let one = table(&folder.path().join("one"), &[("a", 1), ("b", 2), ("c", 3)]);
        let other = table(&folder.path().join("other"), &[("a", 1), ("b", 7), ("c", 8)]);
        let found = first(OutputKind::Table, &one, &other).unwrap().unwrap();
        let How::Bytes { column, digests, .. } = &found.how else { panic!("{found:?}") };
        assert_eq!(column.as_deref(), Some("b"));
        assert_eq!(digests[0], Digest::of_file(&one).unwrap());
        assert!(found.to_string().contains(" on, in column `b` ("), "{found}");
        let renamed = table(&folder.path().join("renamed"), &[("a", 1), ("b", 2), ("d", 3)]);
        assert!(first(OutputKind::Table, &one, &renamed).unwrap().is_some());
    }
}
