//! Simulated rows as Parquet, with the columns of the CSV and real types.
//!
//! For: [`super::write`] with a path that ends in `.parquet`. Not for: the stages' own tables, though the writer is
//! the same. The footer says that the rows are simulated.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, builder::StringBuilder,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use rayon::prelude::*;

use crate::schema;
use crate::table::{Facts, TableWriter};

use super::calendar::date_of;
use super::catalogue::{Catalogue, REMARKS};
use super::customer::COUNTRIES;
use super::day::{Day, Piece};
use super::order::Wording;
use super::{SimulateError, Sink, VERSION};

/// Columns of the Parquet form: times without a zone, prices as float64 with two decimals, ids as int64.
pub(super) fn columns() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("InvoiceNo", DataType::Utf8, false),
        Field::new("StockCode", DataType::Utf8, false),
        Field::new("Description", DataType::Utf8, true),
        Field::new("Quantity", DataType::Int64, false),
        Field::new("InvoiceDate", schema::TIMESTAMP, false),
        Field::new("UnitPrice", DataType::Float64, false),
        Field::new("CustomerID", DataType::Int64, true),
        Field::new("Country", DataType::Utf8, false),
    ]))
}

/// Writes Parquet.
pub(super) struct ParquetSink<'a> {
    catalogue: &'a Catalogue,
    schema: SchemaRef,
    writer: TableWriter,
}

impl<'a> ParquetSink<'a> {
    /// Begins the file at `path`.
    pub(super) fn new(path: &Path, catalogue: &'a Catalogue, arguments: (u64, u64)) -> Result<Self, SimulateError> {
        let (customers, seed) = arguments;
        let fact = |(name, value): (&str, String)| (name.to_owned(), value);
        let generator = format!("simulate {VERSION}, {customers} customers, seed {seed}");
        let facts: Facts =
            [("data_source", "simulated".to_owned()), ("generator", generator)].into_iter().map(fact).collect();
        let schema = columns();
        let writer = TableWriter::create(path, &schema, &facts)?;
        Ok(Self { catalogue, schema, writer })
    }
}

impl Sink for ParquetSink<'_> {
    fn write(&mut self, day: &Day) -> Result<(), SimulateError> {
        let midnight = date_of(day.index()).to_datetime(jiff::civil::Time::midnight());
        let since = midnight.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0));
        let midnight = since.as_secs() * 1_000_000;
        let (catalogue, schema) = (self.catalogue, &self.schema);
        let batches = day.pieces().into_par_iter().map(|piece| batch(catalogue, schema, midnight, piece));
        let batches = batches.collect::<Result<Vec<_>, _>>()?;
        batches.iter().try_for_each(|batch| self.writer.write(batch).map_err(SimulateError::from))
    }

    fn finish(self: Box<Self>) -> Result<(), SimulateError> {
        self.writer.finish()?;
        Ok(())
    }
}

fn batch(
    catalogue: &Catalogue,
    schema: &SchemaRef,
    midnight: i64,
    piece: Piece<'_>,
) -> Result<RecordBatch, SimulateError> {
    let rows = piece.rows();
    let (mut invoices, mut codes, mut words) = (StringBuilder::new(), StringBuilder::new(), StringBuilder::new());
    let (mut quantities, mut times, mut prices) =
        (Vec::with_capacity(rows), Vec::with_capacity(rows), Vec::with_capacity(rows));
    let (mut customers, mut countries) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for (number, order, lines) in piece.invoices() {
        let time = midnight + i64::from(order.minute) * 60_000_000;
        for line in lines {
            let entry = catalogue.entry(line.item);
            invoices.append_value(&number);
            codes.append_value(&entry.code);
            words.append_option(match line.wording {
                Wording::Catalogue => Some(entry.description.as_str()),
                Wording::Empty => None,
                Wording::Remark(index) => Some(REMARKS[usize::from(index)]),
            });
            quantities.push(i64::from(line.quantity));
            times.push(time);
            prices.push(f64::from(line.price) / 100.0);
            customers.push(order.customer.map(i64::from));
            countries.push(COUNTRIES[usize::from(order.country)]);
        }
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(invoices.finish()),
        Arc::new(codes.finish()),
        Arc::new(words.finish()),
        Arc::new(Int64Array::from(quantities)),
        Arc::new(TimestampMicrosecondArray::from(times)),
        Arc::new(Float64Array::from(prices)),
        Arc::new(Int64Array::from(customers)),
        Arc::new(StringArray::from(countries)),
    ];
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(SimulateError::Batch)
}
