//! What was read: the table `sources`, the facts about the whole, and remarks for the reader.
//!
//! For: `load` and whoever loads files through the library. Not for: reading.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field};

use crate::contract::SourceOrigin;
use crate::schema;
use crate::table::Facts;

use super::names::Column;

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSummary {
    /// Base name.
    pub name: String,
    /// blake3 of its content.
    pub digest: String,
    /// Size.
    pub bytes: u64,
    /// Where it came from.
    pub origin: SourceOrigin,
    /// `csv`, `xlsx` or `parquet`.
    pub format: &'static str,
    /// Character encoding, for text.
    pub encoding: Option<String>,
    /// What separates cells, for text.
    pub delimiter: Option<char>,
    /// Decimal mark, for text.
    pub decimal_mark: Option<&'static str>,
    /// How dates are written, where they are text.
    pub date_format: Option<String>,
    /// Data rows.
    pub rows: u64,
    /// Rows with a cell that could not be used.
    pub problem_rows: u64,
    /// Decimals that lost digits.
    pub rounded_cells: u64,
    /// Columns and their headers.
    pub columns: Vec<(Column, String)>,
}

/// All files that were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadSummary {
    /// The files, in order.
    pub sources: Vec<SourceSummary>,
    /// Facts about all of them: `data_source`, `frequency_unit`.
    pub facts: Facts,
}

impl LoadSummary {
    /// Rows of all files.
    pub fn rows(&self) -> u64 {
        self.sources.iter().map(|source| source.rows).sum()
    }

    /// The table `sources`.
    ///
    /// # Errors
    /// Never for a summary; arrow's signature asks for it.
    pub fn to_batch(&self) -> Result<RecordBatch, ArrowError> {
        let sources = &self.sources;
        let text = |get: &dyn Fn(&SourceSummary) -> Option<String>| -> ArrayRef {
            Arc::new(sources.iter().map(get).collect::<StringArray>())
        };
        let count = |get: &dyn Fn(&SourceSummary) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(sources.iter().map(|source| get(source) as i64)))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from_iter_values(0..sources.len() as i32)),
            text(&|source| Some(source.name.clone())),
            text(&|source| Some(source.digest.clone())),
            count(&|source| source.bytes),
            text(&|source| Some(source.origin.as_str().to_owned())),
            text(&|source| Some(source.format.to_owned())),
            text(&|source| source.encoding.clone()),
            text(&|source| source.delimiter.map(String::from)),
            text(&|source| source.decimal_mark.map(String::from)),
            text(&|source| source.date_format.clone()),
            count(&|source| source.rows),
            count(&|source| source.problem_rows),
            count(&|source| source.rounded_cells),
            self.columns(),
        ];
        RecordBatch::try_new(schema::sources(), columns)
    }

    fn columns(&self) -> ArrayRef {
        let fields = schema::column_fields();
        let item = Field::new("item", DataType::Struct(fields.clone()), false);
        let pair = StructBuilder::new(fields, vec![Box::new(StringBuilder::new()), Box::new(StringBuilder::new())]);
        let mut lists = ListBuilder::new(pair).with_field(item);
        for source in &self.sources {
            for (column, header) in &source.columns {
                let entry = lists.values();
                for (index, text) in [column.name(), header].into_iter().enumerate() {
                    if let Some(builder) = entry.field_builder::<StringBuilder>(index) {
                        builder.append_value(text);
                    }
                }
                entry.append(true);
            }
            lists.append(true);
        }
        Arc::new(lists.finish())
    }
}

impl SourceSummary {
    /// How the file was read, in words: what was given or detected.
    pub fn described(&self) -> String {
        let mut words = vec![self.format.to_owned()];
        words.extend(self.encoding.clone());
        words.extend(self.delimiter.map(|delimiter| format!("cells separated by {}", delimiter_name(delimiter))));
        words.extend(self.decimal_mark.map(|mark| format!("decimal mark `{mark}`")));
        words.extend(self.date_format.as_ref().map(|format| format!("dates {}", date_words(format))));
        format!("`{}`: {}", self.name, words.join(", "))
    }
}

fn delimiter_name(delimiter: char) -> String {
    match delimiter {
        '\t' => "tab".to_owned(),
        other => format!("`{other}`"),
    }
}

fn date_words(format: &str) -> String {
    match format {
        "iso" => "year first (`iso`)".to_owned(),
        "month_first" => "month first (`month_first`)".to_owned(),
        "day_first" => "day first (`day_first`)".to_owned(),
        pattern => format!("as `{pattern}`"),
    }
}
