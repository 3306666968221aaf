//! The record: everything a tracking server is told about a result, one fact a row.
//!
//! For: building, writing and reading `track.record`. Not for: where it is sent. Called by: `track`, the outbox.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;

use crate::schema;
use crate::table::{self, Facts, TableError, column};

/// One fact. See [`schema::record`] for what each kind holds where.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordRow {
    /// `param`, `metric`, `tag`, `dataset`, `artifact` or `model`.
    pub kind: String,
    /// Its name, of letters, digits and `_ - . space /`.
    pub key: String,
    /// Its text, for all kinds but metrics.
    pub text: Option<String>,
    /// A metric's number, which may be no finite one.
    pub value: Option<f64>,
    /// A metric's step, e.g. k in the study of k.
    pub step: Option<i64>,
}

/// All facts, in the order in which they were stated.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// The facts.
    pub rows: Vec<RecordRow>,
}

impl Record {
    /// States a fact in words.
    pub fn text(&mut self, kind: &str, key: &str, text: impl Into<String>) {
        let (kind, text) = (kind.to_owned(), Some(text.into()));
        self.rows.push(RecordRow { kind, key: key_of(key), text, value: None, step: None });
    }

    /// States a metric.
    pub fn metric(&mut self, key: &str, value: f64) {
        self.push_metric(key, value, None);
    }

    /// States a metric at a step.
    pub fn metric_at(&mut self, key: &str, step: i64, value: f64) {
        self.push_metric(key, value, Some(step));
    }

    fn push_metric(&mut self, key: &str, value: f64, step: Option<i64>) {
        let kind = "metric".to_owned();
        self.rows.push(RecordRow { kind, key: key_of(key), text: None, value: Some(value), step });
    }

    /// Number of facts of one kind.
    pub fn count(&self, kind: &str) -> usize {
        self.rows.iter().filter(|row| row.kind == kind).count()
    }

    /// The text of a fact.
    pub fn text_of(&self, kind: &str, key: &str) -> Option<&str> {
        self.rows.iter().find(|row| row.kind == kind && row.key == key)?.text.as_deref()
    }

    /// The number of a metric, at its first step.
    pub fn value_of(&self, key: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.kind == "metric" && row.key == key)?.value
    }

    /// The table `track.record`.
    ///
    /// # Errors
    /// Never for a record; arrow's signature asks for it.
    pub fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(self.rows.iter().map(|row| &row.kind))),
            Arc::new(StringArray::from_iter_values(self.rows.iter().map(|row| &row.key))),
            Arc::new(self.rows.iter().map(|row| row.text.as_deref()).collect::<StringArray>()),
            Arc::new(self.rows.iter().map(|row| row.value).collect::<Float64Array>()),
            Arc::new(self.rows.iter().map(|row| row.step).collect::<Int64Array>()),
        ];
        RecordBatch::try_new(schema::record(), columns)
    }

    /// Reads `track.record` with its facts.
    ///
    /// # Errors
    /// [`TableError`] where the file cannot be read or is another table.
    pub fn read(path: &Path) -> Result<(Self, Facts), TableError> {
        let (batch, facts) = table::read(path, &schema::record())?;
        let strings = |name: &str| column::<StringArray>(&batch, name).clone();
        let (kinds, keys, texts) = (strings("kind"), strings("key"), strings("text"));
        let values = column::<Float64Array>(&batch, "value");
        let steps = column::<Int64Array>(&batch, "step");
        let row = |index: usize| RecordRow {
            kind: kinds.value(index).to_owned(),
            key: keys.value(index).to_owned(),
            text: texts.is_valid(index).then(|| texts.value(index).to_owned()),
            value: values.is_valid(index).then(|| values.value(index)),
            step: steps.is_valid(index).then(|| steps.value(index)),
        };
        Ok((Self { rows: (0..batch.num_rows()).map(row).collect() }, facts))
    }
}

/// A name as MLflow takes it: at most 250 characters, the ones it does not take replaced by `_`.
fn key_of(name: &str) -> String {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "_-. /".contains(c);
    let key: String = name.chars().map(|c| if is_taken(c) { c } else { '_' }).take(250).collect();
    key.replace("//", "/_").replace("..", "._")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_a_trip_through_its_table() {
        let mut record = Record::default();
        record.text("param", "k", "4");
        record.metric("silhouette", 0.616);
        record.metric_at("k_study/inertia", 3, f64::INFINITY);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.parquet");
        table::write(&path, &record.to_batch().unwrap(), &Facts::new()).unwrap();
        assert_eq!(Record::read(&path).unwrap().0, record);
        assert_eq!((record.count("metric"), record.text_of("param", "k")), (2, Some("4")));
    }

    #[test]
    fn names_are_made_such_that_mlflow_takes_them() {
        assert_eq!(key_of("validation/price ≤ 0/rows"), "validation/price _ 0/rows");
        assert_eq!(key_of("a//b..c"), "a/_b._c");
        assert_eq!(key_of(&"x".repeat(300)).len(), 250);
    }
}
