//! A realistic retailer that never existed: transactions to try segpipe on, to test it with and to measure it by.
//!
//! For: writing any number of rows with the columns, formats, shares and traps of UCI's Online Retail. Not for:
//! statistics about real customers; nothing made here may be mistaken for data, so whoever uses it says so.
//! Called by: `segpipe simulate`, the source resolver (as the last resort), and benchmarks.
//!
//! Customers follow the BG/NBD story (Fader, Hardie and Lee 2005): each buys at a rate of their own (gamma) on a clock
//! that runs with the season, and after every purchase drops out with a probability of their own (beta). Baskets are
//! log-normal, a few customers buy wholesale. Customers come in blocks of fixed size, each with its own random stream;
//! the shop is played day by day, so that memory grows with the customers and the busiest day, never with the rows,
//! and the bytes do not depend on the number of threads. About [`ROWS_PER_CUSTOMER`] rows come of each customer.

mod calendar;
mod catalogue;
mod csv;
mod customer;
mod day;
mod distributions;
mod guests;
mod order;
mod parquet;
mod shop;

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use arrow_schema::ArrowError;

use crate::contract::{Fault, Observer, StageFault};
use crate::table::TableError;

/// Version of the generator: raised whenever equal arguments give other rows than before.
pub const VERSION: u32 = 1;

/// Rows that come of one customer on average, guests' rows and everything else included, for a thousand customers and
/// more; the real file has 541,909 / 4,372 = 124. So N rows take about N / 121 customers: 50 million rows, 413,000 customers.
pub const ROWS_PER_CUSTOMER: u64 = 121;

/// Customers of the real file, and of the data that stands in for it.
pub const REAL_CUSTOMERS: u64 = 4_372;

/// The most customers that can be simulated: their ids fit in 32 bits with room to spare.
pub const MAX_CUSTOMERS: u64 = 1_000_000_000;

/// Simulated data that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The file's ending names no format.
    #[error("`{}` ends in no format that can be simulated", path.display())]
    Ending {
        /// The file asked for.
        path: PathBuf,
    },
    /// The number of customers is out of range.
    #[error("{customers} customers cannot be simulated")]
    Customers {
        /// The number asked for.
        customers: u64,
    },
    /// The disk refuses.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The table cannot be written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The rows do not fit the columns, which cannot happen.
    #[error("the simulated rows do not fit their columns")]
    Batch(#[source] ArrowError),
    /// The run was interrupted.
    #[error("interrupted")]
    Cancelled,
}

impl StageFault for SimulateError {
    fn fault(&self) -> Fault {
        match self {
            Self::Ending { .. } | Self::Customers { .. } => Fault::Params,
            Self::File { .. } | Self::Table(_) => Fault::Disk,
            Self::Batch(_) => Fault::Bug,
            Self::Cancelled => Fault::Cancelled,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Ending { .. } => Some("name a file that ends in `.csv` or `.parquet`".to_owned()),
            Self::Customers { .. } => Some(format!("choose between 1 and {MAX_CUSTOMERS} customers")),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Format {
    Csv,
    Parquet,
}

impl Format {
    fn of(path: &Path) -> Result<Self, SimulateError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(SimulateError::Ending { path: path.to_owned() }),
        }
    }
}

/// Where rows go: the two formats.
trait Sink: Send {
    /// Appends the orders of one day.
    fn write(&mut self, day: &day::Day) -> Result<(), SimulateError>;
    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<(), SimulateError>;
}

/// Writes the transactions of `customers` simulated customers over 374 days to `path`, as CSV or Parquet by its ending,
/// ordered by time; returns the number of rows. The file appears when it is complete and not before.
/// Equal customers and seeds give equal bytes. Progress is told in days.
///
/// # Errors
/// [`SimulateError`] where the ending or the number of customers is none of ours, or the disk refuses.
pub fn write(path: &Path, customers: u64, seed: u64, observer: &dyn Observer) -> Result<u64, SimulateError> {
    if !(1..=MAX_CUSTOMERS).contains(&customers) {
        return Err(SimulateError::Customers { customers });
    }
    let format = Format::of(path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = |source| SimulateError::File { path: path.to_owned(), source };
    let open = || {
        let mode = Permissions::from_mode(0o666);
        tempfile::Builder::new().prefix(".simulated-").permissions(mode).tempfile_in(folder).map_err(disk)
    };
    let catalogue = catalogue::Catalogue::new(seed);
    let shop = shop::Shop::new(customers, seed, &catalogue);
    let file = open()?;
    let sink: Box<dyn Sink + '_> = match format {
        Format::Csv => Box::new(csv::CsvSink::new(file.reopen().map_err(disk)?, path, &catalogue)?),
        Format::Parquet => Box::new(parquet::ParquetSink::new(file.path(), &catalogue, (customers, seed))?),
    };
    let rows = play(shop, sink, observer)?;
    file.as_file().sync_all().map_err(disk)?;
    file.persist(path).map_err(|error| disk(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk)?;
    Ok(rows)
}

/// Plays the shop day by day, writing one day while the next is being made up.
fn play(mut shop: shop::Shop<'_>, mut sink: Box<dyn Sink + '_>, observer: &dyn Observer) -> Result<u64, SimulateError> {
    let mut rows = 0;
    let mut today = shop.next_day();
    while let Some(day) = today {
        if observer.is_cancelled() {
            return Err(SimulateError::Cancelled);
        }
        let (written, tomorrow) = rayon::join(|| sink.write(&day), || shop.next_day());
        written?;
        rows += day.rows();
        observer.progress(u64::from(day.index()) + 1, u64::from(calendar::DAYS));
        today = tomorrow;
    }
    sink.finish()?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::contract::{Note, Silent};

    use super::*;

    fn csv_of(customers: u64, seed: u64, threads: usize) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.csv");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| write(&path, customers, seed, &Silent)).unwrap();
        std::fs::read_to_string(path).unwrap()
    }

    fn rows_of(text: &str) -> Vec<::csv::StringRecord> {
        ::csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect()
    }

    #[test]
    fn equal_arguments_give_equal_bytes_on_any_number_of_threads() {
        let one = csv_of(3_000, 42, 1);
        assert!(one == csv_of(3_000, 42, 2) && one == csv_of(3_000, 42, 8));
        assert!(one != csv_of(3_000, 43, 2));
    }

    #[test]
    fn the_rows_of_this_version_are_these() {
        // Whoever changes this digest raises `VERSION`, so that no old file is taken for a new one.
        let digest = blake3::hash(csv_of(50, 42, 2).as_bytes()).to_hex();
        assert_eq!((VERSION, &digest[..16]), (1, "0c843f3780e6438a"));
    }

    #[test]
    fn parquet_holds_the_rows_of_the_csv() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.parquet");
        let rows = write(&path, 60, 7, &Silent).unwrap();
        let reader = crate::table::TableReader::open(&path, &parquet::columns()).unwrap();
        assert_eq!(reader.facts().get("data_source").map(String::as_str), Some("simulated"));
        assert_eq!(reader.rows(), rows);
        let table = reader.read_all().unwrap();
        let shown = |name: &str, row: usize| {
            let column = table.column_by_name(name).unwrap();
            shown_cell(column, row)
        };
        for (index, record) in rows_of(&csv_of(60, 7, 1)).iter().enumerate() {
            let names = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "CustomerID", "Country"];
            for (name, column) in names.into_iter().zip([0, 1, 2, 3, 4, 6, 7]) {
                assert_eq!(shown(name, index), record[column], "row {index}, {name}");
            }
            let price = crate::table::column::<arrow_array::Float64Array>(&table, "UnitPrice").value(index);
            assert_eq!(record[5].parse::<f64>().unwrap().to_bits(), price.to_bits());
        }
    }

    fn shown_cell(column: &arrow_array::ArrayRef, row: usize) -> String {
        use arrow_array::cast::AsArray;
        use arrow_array::types::{Int64Type, TimestampMicrosecondType};
        if column.is_null(row) {
            return String::new();
        }
        match column.data_type() {
            arrow_schema::DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
            arrow_schema::DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
            _ => {
                let micros = column.as_primitive::<TimestampMicrosecondType>().value(row);
                let time = jiff::Timestamp::from_microsecond(micros).unwrap();
                time.to_string().replace('T', " ").replace('Z', "")
            }
        }
    }

    #[test]
    fn the_shares_are_those_of_the_real_file() {
        let text = csv_of(4_372, 42, 2);
        let rows = rows_of(&text);
        let share = |count: usize| count as f64 / rows.len() as f64;
        let guests = share(rows.iter().filter(|row| row[6].is_empty()).count());
        let cancelled = share(rows.iter().filter(|row| row[0].starts_with('C')).count());
        let free = share(rows.iter().filter(|row| &row[5] == "0.0").count());
        let distinct: BTreeSet<Vec<&str>> = rows.iter().map(|row| row.iter().collect()).collect();
        let duplicates = share(rows.len() - distinct.len());
        let facts = format!("{} rows, {guests:.4} {cancelled:.4} {free:.4} {duplicates:.4}", rows.len());
        assert!((500_000..590_000).contains(&rows.len()), "{facts}");
        // In the real file: 541,909 rows, 0.2493, 0.0171, 0.0046, 0.0097.
        assert!((0.22..0.28).contains(&guests) && (0.014..0.021).contains(&cancelled), "{facts}");
        assert!((0.0038..0.0060).contains(&free) && (0.008..0.013).contains(&duplicates), "{facts}");
    }

    #[test]
    fn rows_come_in_the_order_of_time_and_cancellations_are_negative() {
        let rows = rows_of(&csv_of(500, 1, 2));
        assert!(rows.windows(2).all(|pair| pair[0][4] <= pair[1][4]));
        let quantity = |row: &::csv::StringRecord| row[3].parse::<i64>().unwrap();
        assert!(rows.iter().filter(|row| row[0].starts_with('C')).all(|row| quantity(row) < 0));
        assert!(rows.iter().filter(|row| !row[6].is_empty() && !row[0].starts_with('C')).all(|row| quantity(row) > 0));
        let codes: BTreeSet<&str> = rows.iter().map(|row| &row[1]).collect();
        assert!(["POST", "M", "DOT"].iter().all(|code| codes.contains(code)));
    }

    #[test]
    fn one_customer_is_enough() {
        assert!(csv_of(1, 42, 1).starts_with("InvoiceNo,StockCode,"));
    }

    #[test]
    fn endings_and_numbers_that_are_not_offered_are_refused_and_leave_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("rows.xlsx"), 5, 42, &Silent).unwrap_err();
        assert!(matches!(error, SimulateError::Ending { .. }) && error.fault() == Fault::Params);
        let error = write(&folder.path().join("rows.csv"), 0, 42, &Silent).unwrap_err();
        assert_eq!(error.to_string(), "0 customers cannot be simulated");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_interruption_leaves_nothing() {
        struct Interrupted;
        impl Observer for Interrupted {
            fn progress(&self, _done: u64, _total: u64) {}
            fn note(&self, _note: Note) {}
            fn is_cancelled(&self) -> bool {
                true
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let error = write(&folder.path().join("rows.csv"), 5, 42, &Interrupted).unwrap_err();
        assert_eq!(error.fault(), Fault::Cancelled);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
