//! Tables that stages of one run hand to each other in memory, beside the file that holds the same rows.
//!
//! For: sparing the reader of a large table the file that was written a moment ago. Not for: deciding who reads what
//! (whoever runs the stages does), or tables that do not fit: those are read from their files.
//! Called by: [`super::TableWriter`], [`super::TableReader`], and the stages that name their tables with it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef};
use arrow_schema::{Field, Schema, SchemaRef};

use super::Facts;
use crate::contract::{StageContext, StageError};

/// Bytes of a table that is handed on, at most. 700,000 transactions have about as many.
const MOST: usize = 128 << 20;

/// A table in memory, in the chunks in which it was written.
#[derive(Debug)]
pub(super) struct TableRows {
    pub(super) schema: SchemaRef,
    pub(super) chunks: Vec<Vec<ArrayRef>>,
    pub(super) facts: Facts,
}

impl TableRows {
    /// Number of rows.
    pub(super) fn count(&self) -> u64 {
        self.chunks.iter().filter_map(|chunk| chunk.first()).map(|column| column.len() as u64).sum()
    }

    /// The columns at these positions, chunk by chunk.
    pub(super) fn columns(&self, positions: &[usize]) -> Vec<Vec<ArrayRef>> {
        let chosen = |chunk: &Vec<ArrayRef>| positions.iter().map(|position| Arc::clone(&chunk[*position])).collect();
        self.chunks.iter().map(chosen).collect()
    }

    fn with_columns_of(&self, schema: &Schema) -> Self {
        let is_chosen = |position: &usize| schema.index_of(self.schema.field(*position).name()).is_ok();
        let positions: Vec<usize> = (0..self.schema.fields().len()).filter(is_chosen).collect();
        let fields: Vec<Field> = positions.iter().map(|position| self.schema.field(*position).clone()).collect();
        let (schema, chunks) = (Arc::new(Schema::new(fields)), self.columns(&positions));
        Self { schema, chunks, facts: self.facts.clone() }
    }
}

/// A table to read: its file, and what is in memory of it. Whoever reads the last copy of this frees the rows on the way.
#[derive(Debug, Clone)]
pub struct TableInput<'a> {
    pub(super) path: &'a Path,
    pub(super) rows: Option<Arc<TableRows>>,
}

impl<'a> TableInput<'a> {
    /// What a stage has at an input port.
    ///
    /// # Errors
    /// Where it declared no such port.
    pub fn of(ctx: &'a StageContext<'_>, port: &str) -> Result<Self, StageError> {
        let path = &ctx.input(port)?.path;
        Ok(Self { path, rows: ctx.take_handed(port).and_then(|handed| handed.downcast().ok()) })
    }

    /// The same for whoever reads no other columns than these, so that the others can be freed without them.
    #[must_use]
    pub fn columns(&self, schema: &Schema) -> Self {
        let rows = self.rows.as_ref().map(|rows| Arc::new(rows.with_columns_of(schema)));
        Self { path: self.path, rows }
    }
}

impl<'a> From<&'a Path> for TableInput<'a> {
    fn from(path: &'a Path) -> Self {
        Self { path, rows: None }
    }
}

impl<'a> From<&'a PathBuf> for TableInput<'a> {
    fn from(path: &'a PathBuf) -> Self {
        path.as_path().into()
    }
}

/// Where a table is written, and whether its rows are handed on in memory as well.
#[derive(Clone, Copy)]
pub struct TableOutput<'a> {
    pub(super) path: &'a Path,
    handed_on: Option<(&'a StageContext<'a>, &'a str)>,
}

impl<'a> TableOutput<'a> {
    /// The output `name` of a stage, which is to be written to `path`, and handed on.
    pub fn handed_on(ctx: &'a StageContext<'_>, name: &'a str, path: &'a Path) -> Self {
        Self { path, handed_on: Some((ctx, name)) }
    }

    /// Begins to gather the rows, where they are handed on.
    pub(super) fn gather(self, schema: &SchemaRef, facts: &Facts) -> Option<Gathered<'a>> {
        let (ctx, name) = self.handed_on?;
        let rows = TableRows { schema: Arc::clone(schema), chunks: Vec::new(), facts: facts.clone() };
        Some(Gathered { ctx, name, rows, room: MOST })
    }
}

impl<'a> From<&'a Path> for TableOutput<'a> {
    fn from(path: &'a Path) -> Self {
        Self { path, handed_on: None }
    }
}

impl<'a> From<&'a PathBuf> for TableOutput<'a> {
    fn from(path: &'a PathBuf) -> Self {
        path.as_path().into()
    }
}

impl fmt::Debug for TableOutput<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("TableOutput").field(&self.path).finish()
    }
}

/// The rows written so far.
pub(super) struct Gathered<'a> {
    ctx: &'a StageContext<'a>,
    name: &'a str,
    rows: TableRows,
    /// Bytes that there is room for.
    room: usize,
}

impl Gathered<'_> {
    /// These and one more chunk; none where that is too much to hand on.
    pub(super) fn and(mut self, chunk: Vec<ArrayRef>) -> Option<Self> {
        let size = chunk.iter().map(|column| column.get_array_memory_size()).sum();
        self.room = self.room.checked_sub(size)?;
        self.rows.chunks.push(chunk);
        Some(self)
    }

    pub(super) fn add_facts(&mut self, facts: &Facts) {
        self.rows.facts.extend(facts.clone());
    }

    /// Hands them on, once the file is complete.
    pub(super) fn hand_on(self) {
        self.ctx.hand_on(self.name, Arc::new(self.rows));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow_array::RecordBatch;
    use arrow_schema::DataType;

    use super::super::tests::sample;
    use super::super::{CHUNK_ROWS, TableReader, TableWriter};
    use super::*;
    use crate::contract::{CheckedParams, InputFile, Silent};
    use crate::validate::Validate;

    fn fact(name: &str) -> Facts {
        [(name.to_owned(), format!("the {name}"))].into()
    }

    /// A context of `validate` in `folder` that has this as its input.
    fn context<'a>(folder: &Path, params: &'a CheckedParams, path: &Path) -> StageContext<'a> {
        let input = InputFile { path: path.to_owned(), digest: String::new() };
        let inputs = BTreeMap::from([("transactions".to_owned(), input)]);
        StageContext::new(&Validate, params, inputs, Vec::new(), folder.to_owned(), &Silent)
    }

    fn all(table: TableInput<'_>, schema: &SchemaRef) -> (Vec<RecordBatch>, Facts, u64) {
        let reader = TableReader::open(table, schema).unwrap();
        let (facts, rows) = (reader.facts().clone(), reader.rows());
        (reader.collect::<Result<_, _>>().unwrap(), facts, rows)
    }

    #[test]
    fn what_is_read_from_memory_is_what_is_read_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let (path, params) = (folder.path().join("table.parquet"), CheckedParams::default());
        let ctx = context(folder.path(), &params, &path);
        let batch = sample(2 * CHUNK_ROWS as i64 + 70);
        let to = TableOutput::handed_on(&ctx, "valid", &path);
        let mut writer = TableWriter::create(to, &batch.schema(), &fact("first")).unwrap();
        for start in (0..batch.num_rows()).step_by(1000) {
            writer.write(&batch.slice(start, 1000.min(batch.num_rows() - start))).unwrap();
        }
        writer.add_facts(&fact("last"));
        assert!(ctx.take_handed_on().is_empty(), "nothing is handed on before the file is complete");
        writer.finish().unwrap();
        let content = ctx.take_handed_on().remove("valid").unwrap();
        ctx.hand([("transactions".to_owned(), content)].into());
        let table = TableInput::of(&ctx, "transactions").unwrap();
        assert!(table.rows.is_some());
        let counts = Arc::new(Schema::new(vec![Field::new("count", DataType::Int64, true)]));
        for schema in [&batch.schema(), &counts] {
            assert_eq!(all(table.clone(), schema), all((&path).into(), schema));
        }
        assert_eq!(all(table.columns(&counts), &counts), all((&path).into(), &counts));
        let missing = Arc::new(Schema::new(vec![Field::new("amount", DataType::Int64, true)]));
        let errors = [table, (&path).into()].map(|table| TableReader::open(table, &missing).err().unwrap().to_string());
        assert_eq!(errors[0], errors[1]);
        assert!(TableInput::of(&ctx, "transactions").unwrap().rows.is_none(), "it is there once");
    }

    #[test]
    fn a_table_for_which_there_is_no_room_is_not_handed_on() {
        let folder = tempfile::tempdir().unwrap();
        let (path, params) = (folder.path().join("table.parquet"), CheckedParams::default());
        let ctx = context(folder.path(), &params, &path);
        let chunk = sample(100).columns().to_vec();
        let size: usize = chunk.iter().map(|column| column.get_array_memory_size()).sum();
        for (room, chunks) in [(size, 1), (2 * size, 2), (2 * size, 3)] {
            let to = TableOutput::handed_on(&ctx, "valid", &path);
            let gathered = to.gather(&sample(0).schema(), &Facts::new()).map(|gathered| Gathered { room, ..gathered });
            let gathered = (0..chunks).fold(gathered, |gathered, _| gathered.and_then(|rows| rows.and(chunk.clone())));
            assert_eq!(gathered.is_some(), chunks * size <= room);
        }
    }
}
