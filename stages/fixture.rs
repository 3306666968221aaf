//! Small tables of transactions for tests, written as people would write them.
//!
//! For: the tests of `validate`, `preprocess`, `rfm` and what they share. Not for: anything that is compiled in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use arrow_array::builder::{ListBuilder, StringBuilder, StructBuilder};
use arrow_array::{ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{DataType, Field};
use serde_json::Value;

use crate::contract::{InputFile, Note, Observer, Stage, StageContext, StageError, StageReport};
use crate::moment::Moment;
use crate::schema;
use crate::table::{self, Facts};
use crate::texts::TextColumn;

/// One transaction line. The default is a purchase of six for 2.55 each by customer 12346 on 2011-01-01.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) source: i32,
    pub(crate) invoice: Option<&'static str>,
    pub(crate) product: Option<&'static str>,
    pub(crate) description: Option<&'static str>,
    pub(crate) quantity: Option<&'static str>,
    pub(crate) date: Option<&'static str>,
    pub(crate) price: Option<&'static str>,
    /// Where not given: quantity × price, where there are both.
    pub(crate) amount: Option<&'static str>,
    pub(crate) customer: Option<&'static str>,
    pub(crate) country: Option<&'static str>,
    pub(crate) problems: Vec<(&'static str, &'static str, &'static str)>,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            source: 0,
            invoice: Some("536365"),
            product: Some("85123A"),
            description: None,
            quantity: Some("6"),
            date: Some("2011-01-01T10:00:00"),
            price: Some("2.55"),
            amount: None,
            customer: Some("12346"),
            country: Some("United Kingdom"),
            problems: Vec::new(),
        }
    }
}

impl Line {
    /// `invoice customer date product quantity price`, separated by blanks.
    pub(crate) fn new(text: &'static str) -> Self {
        let cells: Vec<&'static str> = text.split_whitespace().collect();
        let cell = |index: usize| Some(cells[index]).filter(|cell| *cell != "-");
        Self {
            invoice: cell(0),
            customer: cell(1),
            date: cell(2),
            product: cell(3),
            quantity: cell(4),
            price: cell(5),
            ..Self::default()
        }
    }

    fn amount(&self) -> Option<i128> {
        let product = || Some(decimal(self.quantity?, 3) * decimal(self.price?, 6));
        self.amount.map(|amount| decimal(amount, 9)).or_else(product)
    }
}

/// A decimal as an integer of its last digit.
pub(crate) fn decimal(text: &str, scale: usize) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<scale$}").parse().unwrap()
}

/// Microseconds of a date or a time.
pub(crate) fn micros(text: &str) -> i64 {
    Moment::try_from(text.to_owned()).unwrap().start()
}

fn decimals(values: impl Iterator<Item = Option<i128>>, data_type: &DataType) -> ArrayRef {
    let DataType::Decimal128(precision, scale) = *data_type else { panic!("no decimal") };
    Arc::new(values.collect::<Decimal128Array>().with_precision_and_scale(precision, scale).unwrap())
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> ArrayRef {
    Arc::new(values.collect::<TextColumn>())
}

fn problems(lines: &[Line]) -> ArrayRef {
    let fields = schema::problem_fields();
    let entries = StructBuilder::from_fields(fields.clone(), lines.len());
    let item = Field::new("item", DataType::Struct(fields), false);
    let mut lists = ListBuilder::new(entries).with_field(item);
    for line in lines {
        for (column, text, reason) in &line.problems {
            for (index, cell) in [column, text, reason].into_iter().enumerate() {
                lists.values().field_builder::<StringBuilder>(index).unwrap().append_value(cell);
            }
            lists.values().append(true);
        }
        lists.append(true);
    }
    Arc::new(lists.finish())
}

/// The lines as a table of transactions; `row` counts them from 1.
pub(crate) fn transactions(lines: &[Line]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from_iter_values(lines.iter().map(|line| line.source))),
        Arc::new(Int64Array::from_iter_values(1..=lines.len() as i64)),
        texts(lines.iter().map(|line| line.invoice)),
        texts(lines.iter().map(|line| line.product)),
        texts(lines.iter().map(|line| line.description)),
        decimals(lines.iter().map(|line| line.quantity.map(|text| decimal(text, 3))), &schema::QUANTITY),
        Arc::new(lines.iter().map(|line| line.date.map(micros)).collect::<TimestampMicrosecondArray>()),
        decimals(lines.iter().map(|line| line.price.map(|text| decimal(text, 6))), &schema::PRICE),
        decimals(lines.iter().map(Line::amount), &schema::MONEY),
        texts(lines.iter().map(|line| line.customer)),
        texts(lines.iter().map(|line| line.country)),
        problems(lines),
    ];
    RecordBatch::try_new(schema::transactions(), columns).unwrap()
}

/// Keeps the remarks of a stage.
#[derive(Debug, Default)]
pub(crate) struct Listener(Mutex<Vec<Note>>);

impl Listener {
    /// What was said, in order.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|note| note.text.clone()).collect()
    }
}

impl Observer for Listener {
    fn progress(&self, _done: u64, _total: u64) {}

    fn note(&self, note: Note) {
        self.0.lock().unwrap().push(note);
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

/// A stage that was run in a folder of its own.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) listener: Listener,
    inputs: BTreeMap<String, InputFile>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), listener: Listener::default(), inputs: BTreeMap::new() }
    }

    /// Writes a table and connects it to input port `name`.
    pub(crate) fn input(&mut self, name: &'static str, batch: &RecordBatch, facts: &Facts) {
        let path = self.folder.path().join(format!("input-{name}.parquet"));
        table::write(&path, batch, facts).unwrap();
        self.connect(name, path);
    }

    /// Connects a file to input port `name`.
    pub(crate) fn connect(&mut self, name: &'static str, path: PathBuf) {
        self.inputs.insert(name.to_owned(), InputFile { path, digest: String::new() });
    }

    /// Where outputs are.
    pub(crate) fn outputs(&self) -> PathBuf {
        self.folder.path().join("outputs")
    }

    /// Runs a stage with params as pipeline.yaml would give them.
    pub(crate) fn run(&self, stage: &dyn Stage, params: &Value) -> Result<StageReport, StageError> {
        let checked = stage.check_params(params.as_object().unwrap()).unwrap();
        std::fs::create_dir_all(self.outputs()).unwrap();
        let (inputs, out) = (self.inputs.clone(), self.outputs());
        let ctx = StageContext::new(stage.outputs(), &checked, inputs, Vec::new(), out, &self.listener);
        let report = stage.run(&ctx)?;
        let files = std::fs::read_dir(self.outputs()).unwrap().count();
        assert_eq!(files, stage.outputs().len(), "nothing but the outputs is left");
        for output in stage.outputs() {
            assert!(ctx.rows().contains_key(&*output.name), "the rows of `{}` are noted", output.name);
        }
        Ok(report)
    }
}

/// Facts as `load` sets them.
pub(crate) fn facts() -> Facts {
    [("data_source", "file"), ("frequency_unit", "invoices")].map(|(k, v)| (k.to_owned(), v.to_owned())).into()
}

/// A table that was written.
pub(crate) fn read(folder: &Path, name: &str, schema: &arrow_schema::SchemaRef) -> (RecordBatch, Facts) {
    table::read(&folder.join(format!("{name}.parquet")), schema).unwrap()
}
