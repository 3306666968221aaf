//! A table of customers' recency, frequency and monetary values, whatever else it holds: read row by row as text.
//!
//! For: recognising such a table by its header names, in CSV with any usual delimiter, gzipped or not, and in Parquet.
//! Not for: transactions, which `load` reads. Called by: `predict`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use flate2::read::MultiGzDecoder;
use segpipe_stages::customers::{Customers, FEATURES};

use super::super::failure::Failure;
use super::columnar;
use crate::features::{self, Twice};

/// Bytes at the beginning of a file that may hold the header.
const HEADER: u64 = 1 << 20;
const GZIP: &[u8] = &[0x1f, 0x8b];
const PARQUET: &[u8] = b"PAR1";

/// Exit code for data that cannot be used.
pub(super) const DATA: u8 = 3;

/// Cells of one row, as bytes of text.
pub(super) type Cells = Vec<Vec<u8>>;

/// A table with the three features among its columns.
pub(super) struct Table {
    /// Names of the columns.
    pub(super) header: Cells,
    /// Positions of recency, frequency and monetary.
    pub(super) features: [usize; 3],
    /// The rows; a failure ends them.
    pub(super) rows: Box<dyn Iterator<Item = Result<Cells, Failure>>>,
}

impl Table {
    /// The table of customers that are known already.
    pub(super) fn of_customers(customers: Customers) -> Self {
        let header = [&["customer_id"][..], &FEATURES].concat();
        let row = |row: usize, customers: &Customers| {
            let (recency, frequency) = (customers.recency[row].to_string(), customers.frequency[row].to_string());
            vec![customers.ids[row].clone(), recency, frequency, customers.monetary[row].to_string()]
        };
        let bytes = |cells: Vec<String>| cells.into_iter().map(String::into_bytes).collect::<Cells>();
        let rows = (0..customers.len()).map(move |index| Ok(bytes(row(index, &customers))));
        let header = header.into_iter().map(|name| name.as_bytes().to_vec()).collect();
        Self { header, features: [1, 2, 3], rows: Box::new(rows) }
    }

    /// The table in `path`; none where its header names no such table.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let unreadable = |error: io::Error| unreadable(path, &error);
        let mut file = open(path)?;
        let mut magic = [0; 4];
        let length = file.read(&mut magic).map_err(unreadable)?;
        file.rewind().map_err(unreadable)?;
        if magic[..length] == *PARQUET {
            guarded(path, || columnar::open(path, file))
        } else if magic[..length].starts_with(GZIP) {
            let again = open(path)?;
            delimited(path, MultiGzDecoder::new(file), MultiGzDecoder::new(again))
        } else {
            let again = open(path)?;
            delimited(path, file, again)
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(DATA, format!("`{}` does not exist", path.display())),
        _ => unreadable(path, &error),
    })?;
    if file.metadata().is_ok_and(|found| found.is_dir()) {
        return Err(Failure::new(DATA, format!("`{}` is a directory, not a file", path.display())));
    }
    Ok(file)
}

pub(super) fn unreadable(path: &Path, cause: &dyn std::error::Error) -> Failure {
    Failure::new(DATA, format!("cannot read `{}`", path.display())).caused_by(cause)
}

/// Readers of damaged Parquet may panic; that is the file's fault.
pub(super) fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Failure::new(DATA, format!("`{}` is damaged and cannot be read", path.display()))))
}

/// Positions of the three features in a header, whatever their case; none where one is missing.
pub(super) fn features(header: &Cells, path: &Path) -> Result<Option<[usize; 3]>, Failure> {
    features::positions(header.iter().map(Vec::as_slice)).map_err(|error| twice(path, error))
}

fn twice(path: &Path, error: Twice) -> Failure {
    Failure::new(DATA, format!("`{}` has {error}", path.display())).with_hint("remove or rename one")
}

/// A table of delimited text. `text` is looked into for the header, `again` is read.
fn delimited(path: &Path, text: impl Read, again: impl Read + 'static) -> Result<Option<Table>, Failure> {
    let mut first = Vec::new();
    // Damaged or binary content is no such table; whoever reads it as transactions says what is wrong with it.
    if BufReader::new(text).take(HEADER).read_until(b'\n', &mut first).is_err() {
        return Ok(None);
    }
    match features::header(&first).map_err(|error| twice(path, error))? {
        Some((delimiter, _)) => rows(path, delimiter, again).map(Some),
        None => Ok(None),
    }
}

fn rows(path: &Path, delimiter: u8, text: impl Read + 'static) -> Result<Table, Failure> {
    let mut reader = ReaderBuilder::new().delimiter(delimiter).from_reader(BufReader::new(text));
    let header = without_mark(reader.byte_headers().map_err(|error| unreadable(path, &error))?);
    let missing = || Failure::new(DATA, format!("`{}` changed while it was read", path.display()));
    let features = features(&header, path)?.ok_or_else(missing)?;
    let path = path.to_owned();
    let rows = reader.into_byte_records().enumerate().map(move |(index, record)| {
        let cells = record.map(|record| cells(&record));
        cells.map_err(|error| of_csv(&path, index + 1, &error))
    });
    Ok(Table { header, features, rows: Box::new(rows) })
}

fn of_csv(path: &Path, row: usize, error: &csv::Error) -> Failure {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let text = format!("row {row} of `{}` has {len} cells, the header {expected_len}", path.display());
            Failure::new(DATA, text)
        }
        _ => unreadable(path, error),
    }
}

fn cells(record: &ByteRecord) -> Cells {
    record.iter().map(<[u8]>::to_vec).collect()
}

/// The cells of a header, without the mark that some programs put before the first.
fn without_mark(header: &ByteRecord) -> Cells {
    let mut cells = cells(header);
    if let Some(first) = cells.first_mut() {
        *first = features::without_mark(first).to_vec();
    }
    cells
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn table(name: &str, bytes: &[u8]) -> Result<Option<Table>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Table::open(&path)
    }

    fn texts(cells: &Cells) -> Vec<String> {
        cells.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
    }

    fn rows_of(name: &str, bytes: &[u8]) -> Vec<Vec<String>> {
        let table = table(name, bytes).unwrap().unwrap();
        table.rows.map(|row| texts(&row.unwrap())).collect()
    }

    #[test]
    fn the_three_features_are_found_by_name_in_any_case_and_order() {
        let found = table("a.csv", b"id,Monetary, RECENCY ,frequency\n1,2,3,4\n").unwrap().unwrap();
        assert_eq!(found.features, [2, 3, 1]);
        assert_eq!(texts(&found.header), ["id", "Monetary", " RECENCY ", "frequency"]);
    }

    #[test]
    fn any_usual_delimiter_a_mark_at_the_beginning_and_gzip_are_understood() {
        let expected = [["1", "2", "3"]];
        for delimiter in [",", ";", "\t", "|"] {
            let text =
                format!("\u{feff}recency{delimiter}frequency{delimiter}monetary\r\n1{delimiter}2{delimiter}3\r\n");
            assert_eq!(rows_of("a.txt", text.as_bytes()), expected, "{delimiter}");
            let mut gzipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            gzipped.write_all(text.as_bytes()).unwrap();
            assert_eq!(rows_of("a.gz", &gzipped.finish().unwrap()), expected);
        }
    }

    #[test]
    fn other_tables_are_none_of_ours() {
        assert!(table("a.csv", b"InvoiceNo,CustomerID\n1,2\n").unwrap().is_none());
        assert!(table("a.csv", b"").unwrap().is_none());
        assert!(table("a.csv", b"recency,frequency\n1,2\n").unwrap().is_none());
        assert!(table("a.gz", b"\x1f\x8b\x08 cut off").unwrap().is_none());
    }

    #[test]
    fn two_columns_of_one_name_are_refused() {
        let failure = table("a.csv", b"recency,Recency,frequency,monetary\n1,2,3,4\n").err().unwrap();
        assert_eq!(failure.exit_code, 3);
        assert!(failure.message.ends_with("has two columns called `recency`"), "{failure}");
    }

    #[test]
    fn a_row_of_another_width_is_named() {
        let table = table("a.csv", b"recency,frequency,monetary\n1,2,3\n1,2\n").unwrap().unwrap();
        let last = table.rows.last().unwrap().unwrap_err();
        assert!(last.message.starts_with("row 2 of `"), "{last}");
        assert!(last.message.ends_with("has 2 cells, the header 3"), "{last}");
    }

    #[test]
    fn a_missing_file_and_a_folder_are_data_that_cannot_be_used() {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("no.csv"), folder.path().to_owned()] {
            assert_eq!(Table::open(&path).err().unwrap().exit_code, 3);
        }
    }
}
