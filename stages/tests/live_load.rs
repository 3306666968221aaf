//! The real transactions in every format give one and the same table, byte by byte.
//!
//! Needs the reference data: `SEGPIPE_SHARED`, else `../shared` beside the workspace.

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
    use parquet::arrow::ArrowWriter;
    use segpipe_stages::contract::{Silent, Source, SourceOrigin};
    use segpipe_stages::load::{LoadParams, LoadSummary, load_files};

    const ROWS: u64 = 541_909;

    fn reference(name: &str) -> PathBuf {
        let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
        let shared = std::env::var_os("SEGPIPE_SHARED").map_or_else(beside, PathBuf::from);
        shared.join("data/online-retail").join(name)
    }

    fn load(path: &Path) -> (Vec<u8>, LoadSummary) {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let source = Source { path: path.to_owned(), name, digest: String::new(), origin: SourceOrigin::File };
        let out = tempfile::NamedTempFile::new().unwrap();
        let summary = load_files(&[source], &LoadParams::default(), out.path(), &Silent).unwrap();
        assert_eq!(summary.rows(), ROWS);
        assert_eq!(summary.sources[0].problem_rows, 0);
        (std::fs::read(out.path()).unwrap(), summary)
    }

    fn unpacked() -> String {
        let mut text = String::new();
        let file = std::fs::File::open(reference("online_retail.csv.gz")).unwrap();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    }

    fn micros(text: &str) -> i64 {
        let time: jiff::civil::DateTime = text.parse().unwrap();
        time.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_microsecond()
    }

    /// The rows as other programs keep them: real times, floats, ids as floats.
    fn as_parquet(text: &str) -> RecordBatch {
        let records: Vec<csv::StringRecord> =
            csv::Reader::from_reader(text.as_bytes()).records().map(Result::unwrap).collect();
        let texts = |column: usize| -> ArrayRef {
            let cells = records.iter().map(|record| Some(&record[column]).filter(|cell| !cell.is_empty()));
            Arc::new(cells.collect::<StringArray>())
        };
        let floats = |column: usize| -> ArrayRef {
            Arc::new(records.iter().map(|record| record[column].parse::<f64>().ok()).collect::<Float64Array>())
        };
        let quantities = records.iter().map(|record| record[3].parse::<i64>().unwrap());
        let times = records.iter().map(|record| micros(&record[4]));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("InvoiceNo", texts(0)),
            ("StockCode", texts(1)),
            ("Description", texts(2)),
            ("Quantity", Arc::new(Int64Array::from_iter_values(quantities))),
            ("InvoiceDate", Arc::new(TimestampMicrosecondArray::from_iter_values(times))),
            ("UnitPrice", floats(5)),
            ("CustomerID", floats(6)),
            ("Country", texts(7)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn the_real_transactions_are_equal_in_every_format() {
        let folder = tempfile::tempdir().unwrap();
        let (expected, summary) = load(&reference("online_retail.csv.gz"));
        assert_eq!(summary.sources[0].rounded_cells, 0);
        assert!(load(&reference("Online Retail.xlsx")).0 == expected, "xlsx differs");
        let text = unpacked();
        let plain = folder.path().join("plain.csv");
        std::fs::write(&plain, &text).unwrap();
        assert!(load(&plain).0 == expected, "csv differs");
        let parquet = folder.path().join("rows.parquet");
        let batch = as_parquet(&text);
        let file = std::fs::File::create(&parquet).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        assert!(load(&parquet).0 == expected, "parquet differs");
    }

    #[test]
    fn the_real_transactions_in_latin_1_with_american_dates_are_equal() {
        let (expected, _) = load(&reference("online_retail.csv.gz"));
        let american = |cell: &str| {
            let time: jiff::civil::DateTime = cell.parse().unwrap();
            format!("{}/{}/{} {}:{:02}", time.month(), time.day(), time.year(), time.hour(), time.minute())
        };
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let text = unpacked();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        writer.write_record(reader.headers().unwrap()).unwrap();
        for record in reader.records().map(Result::unwrap) {
            let cell = |(index, cell): (usize, &str)| if index == 4 { american(cell) } else { cell.to_owned() };
            writer.write_record(record.iter().enumerate().map(cell)).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kaggle.csv");
        std::fs::write(&path, bytes).unwrap();
        let (found, summary) = load(&path);
        assert!(found == expected, "{:?}", summary.sources[0]);
    }
}
