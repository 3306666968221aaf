//! Parquet files of other programs: types of every sensible kind, categories, damage.

use std::fs::File;
use std::sync::Arc;

use arrow_array::types::{Int8Type, TimestampNanosecondType};
use arrow_array::{
    ArrayRef, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    LargeStringArray, ListArray, PrimitiveArray, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    UInt64Array,
};
use parquet::arrow::ArrowWriter;
use serde_json::json;

use super::*;

const CSV: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C536379,22139,,-1,2010-12-13 09:41:30,27.5,,France
";

const FIRST: i64 = 1_291_191_960;
const SECOND: i64 = 1_292_233_290;

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    std::fs::read(file.path()).unwrap()
}

fn reference(date: ArrayRef, quantity: ArrayRef, price: ArrayRef, customer: ArrayRef) -> Vec<u8> {
    let text = |values: [Option<&str>; 2]| Arc::new(StringArray::from(values.to_vec())) as ArrayRef;
    parquet(vec![
        ("InvoiceNo", text([Some("536365"), Some("C536379")])),
        ("StockCode", Arc::new(LargeStringArray::from(vec!["85123A", "22139"]))),
        ("Description", text([Some("HEART "), None])),
        ("Quantity", quantity),
        ("InvoiceDate", date),
        ("UnitPrice", price),
        ("CustomerID", customer),
        ("Country", Arc::new(DictionaryArray::<Int8Type>::from_iter(["United Kingdom", "France"]))),
    ])
}

fn load_parquet(bytes: &[u8]) -> Result<Loaded, LoadError> {
    load_all(&[("sales.parquet", bytes)], &json!({}))
}

#[test]
fn every_sensible_type_gives_the_bytes_of_the_csv() {
    let nanoseconds: PrimitiveArray<TimestampNanosecondType> =
        vec![FIRST * 1_000_000_000, SECOND * 1_000_000_000].into();
    let dates: [ArrayRef; 4] = [
        Arc::new(TimestampMicrosecondArray::from(vec![FIRST * 1_000_000, SECOND * 1_000_000])),
        Arc::new(TimestampMillisecondArray::from(vec![FIRST * 1000, SECOND * 1000])),
        Arc::new(nanoseconds),
        Arc::new(StringArray::from(vec!["12/1/2010 8:26", "12/13/2010 9:41:30"])),
    ];
    let quantities: [ArrayRef; 4] = [
        Arc::new(Int64Array::from(vec![6, -1])),
        Arc::new(Int32Array::from(vec![6, -1])),
        Arc::new(Float64Array::from(vec![6.0, -1.0])),
        Arc::new(StringArray::from(vec!["6", "-1"])),
    ];
    let decimal = Decimal128Array::from(vec![25_500, 275_000]).with_precision_and_scale(12, 4).unwrap();
    let prices: [ArrayRef; 4] = [
        Arc::new(Float64Array::from(vec![2.55, 27.5])),
        Arc::new(Float32Array::from(vec![2.55, 27.5])),
        Arc::new(decimal),
        Arc::new(StringArray::from(vec!["2.55", "27.50"])),
    ];
    let customers: [ArrayRef; 4] = [
        Arc::new(Float64Array::from(vec![17_850.0, f64::NAN])),
        Arc::new(Int64Array::from(vec![Some(17_850), None])),
        Arc::new(UInt64Array::from(vec![Some(17_850), None])),
        Arc::new(StringArray::from(vec![Some("17850.0"), None])),
    ];
    let expected = load(CSV).bytes;
    for kind in 0..4 {
        let [date, quantity, price, customer] =
            [&dates, &quantities, &prices, &customers].map(|all| Arc::clone(&all[kind]));
        let loaded = load_parquet(&reference(date, quantity, price, customer)).unwrap();
        assert!(loaded.bytes == expected, "{kind}: {:?}", loaded.table);
    }
}

#[test]
fn days_instants_and_numbers_that_are_none_are_understood() {
    let instants = TimestampMicrosecondArray::from(vec![FIRST * 1_000_000]).with_timezone("+00:00");
    let columns = |date: ArrayRef| -> Vec<(&str, ArrayRef)> {
        let amount = Arc::new(Float64Array::from(vec![f64::INFINITY]));
        vec![("customer", Arc::new(Int64Array::from(vec![7]))), ("date", date), ("amount", amount)]
    };
    let loaded = load_parquet(&parquet(columns(Arc::new(instants)))).unwrap();
    assert_eq!(loaded.column("invoice_date"), ["2010-12-01 08:26:00"]);
    assert_eq!(loaded.problems(), ["1 amount `inf` not finite"]);
    assert!(loaded.notes.iter().any(|note| note.contains("read as UTC")), "{:?}", loaded.notes);
    let loaded = load_parquet(&parquet(columns(Arc::new(Date32Array::from(vec![14_944]))))).unwrap();
    assert_eq!(loaded.column("invoice_date"), ["2010-12-01 00:00:00"]);
}

#[test]
fn columns_that_hold_no_single_values_are_refused() {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>(vec![Some(vec![Some(1)])]);
    let date: ArrayRef = Arc::new(Date32Array::from(vec![14_944]));
    let amount: ArrayRef = Arc::new(Float64Array::from(vec![1.0]));
    let error = load_parquet(&parquet(vec![("customer", Arc::new(list)), ("date", date), ("amount", amount)]));
    assert!(matches!(error, Err(LoadError::ColumnType { .. })));
}

#[test]
fn simulated_rows_say_so_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    let rows = crate::simulate::write(&path, 40, 7, &crate::contract::Silent).unwrap();
    let loaded = load_paths(std::slice::from_ref(&path), &json!({})).unwrap();
    assert_eq!(loaded.summary.rows(), rows);
    assert_eq!(loaded.summary.facts["data_source"], "simulated");
    let text = folder.path().join("rows.csv");
    crate::simulate::write(&text, 40, 7, &crate::contract::Silent).unwrap();
    assert_eq!(load_paths(&[text], &json!({})).unwrap().table, loaded.table);
}

#[test]
fn damaged_parquet_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.parquet");
    crate::simulate::write(&path, 5, 7, &crate::contract::Silent).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    for length in (4..bytes.len()).step_by(101) {
        assert!(matches!(load_parquet(&bytes[..length]), Err(LoadError::Damaged { .. })), "{length}");
    }
    for position in (0..bytes.len()).step_by(37) {
        let mut flipped = bytes.clone();
        flipped[position] ^= 0x55;
        drop(load_parquet(&flipped));
    }
    assert!(File::open(&path).is_ok());
}
