//! Files of every kind, read through the stage's own functions, against numbers worked out by hand.

mod faces;
mod hostile;
mod parquet_files;
mod stage;
mod workbooks;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use serde_json::{Value, json};

use crate::contract::{Note, Observer, Source, SourceOrigin};
use crate::schema;
use crate::table;
use crate::texts::Texts;

use super::{LoadError, LoadParams, LoadSummary, dates, load_files};

/// An observer that remembers what it hears.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Observer for Listener {
    fn progress(&self, done: u64, total: u64) {
        assert!(done <= total);
    }

    fn note(&self, note: Note) {
        self.0.lock().unwrap().push(note.text);
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// What came of loading.
struct Loaded {
    table: RecordBatch,
    bytes: Vec<u8>,
    summary: LoadSummary,
    notes: Vec<String>,
}

fn params(value: &Value) -> LoadParams {
    serde_json::from_value(value.clone()).unwrap()
}

/// Writes files, by name and content, and loads them in this order.
fn load_all(files: &[(&str, &[u8])], given: &Value) -> Result<Loaded, LoadError> {
    let folder = tempfile::tempdir().unwrap();
    let paths = files.iter().map(|(name, content)| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    });
    load_paths(&paths.collect::<Vec<PathBuf>>(), given)
}

fn load_paths(paths: &[PathBuf], given: &Value) -> Result<Loaded, LoadError> {
    let source = |path: &PathBuf| Source {
        path: path.clone(),
        name: path.file_name().unwrap().to_str().unwrap().to_owned(),
        digest: "d1".to_owned(),
        origin: SourceOrigin::File,
    };
    let sources: Vec<Source> = paths.iter().map(source).collect();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("transactions.parquet");
    let listener = Listener::default();
    let summary = load_files(&sources, &params(given), &out, &listener)?;
    let (table, facts) = table::read(&out, &schema::transactions()).unwrap();
    assert_eq!(facts, summary.facts);
    assert_eq!(table.num_rows() as u64, summary.rows());
    let notes = listener.0.into_inner().unwrap();
    Ok(Loaded { table, bytes: std::fs::read(&out).unwrap(), summary, notes })
}

/// A header and as many rows as asked for.
fn lines(header: &str, rows: usize, row: impl Fn(usize) -> String) -> String {
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!("{header}\n{}\n", rows.join("\n"))
}

fn load_text(text: &str, given: &Value) -> Result<Loaded, LoadError> {
    load_all(&[("sales.csv", text.as_bytes())], given)
}

fn load(text: &str) -> Loaded {
    load_text(text, &json!({})).unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

impl Loaded {
    /// A column as text: decimals in units of their scale, moments as `2011-12-09 12:50:00`, nulls as `-`.
    fn column(&self, name: &str) -> Vec<String> {
        let array = self.table.column_by_name(name).unwrap();
        let cell = |row: usize| match name {
            _ if array.is_null(row) => "-".to_owned(),
            "source" => array.as_primitive::<Int32Type>().value(row).to_string(),
            "row" => array.as_primitive::<Int64Type>().value(row).to_string(),
            "quantity" | "unit_price" | "amount" => array.as_primitive::<Decimal128Type>().value(row).to_string(),
            "invoice_date" => dates::written(array.as_primitive::<TimestampMicrosecondType>().value(row)),
            _ => Texts::of(array.as_dictionary()).value(row).to_owned(),
        };
        (0..array.len()).map(cell).collect()
    }

    /// The problems of all rows as `row column text reason`.
    fn problems(&self) -> Vec<String> {
        let lists = self.table.column_by_name("problems").unwrap().as_list::<i32>();
        let mut found = Vec::new();
        for row in 0..lists.len() {
            let entries = lists.value(row);
            let entries = entries.as_struct();
            let part = |index: usize, entry: usize| entries.column(index).as_string::<i32>().value(entry).to_owned();
            for entry in 0..entries.len() {
                found.push(format!("{} {} `{}` {}", row + 1, part(0, entry), part(1, entry), part(2, entry)));
            }
        }
        found
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}
