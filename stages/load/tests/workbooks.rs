//! Workbooks: real dates, numbers as ids, several sheets, and dates that are text after all.

use rust_xlsxwriter::{ExcelDateTime, Format as CellFormat, Workbook as Book, Worksheet};
use serde_json::json;

use super::*;

const HEADERS: [&str; 8] =
    ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"];

const CSV: &str = "\
InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,HEART ,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom
C536379,22139,,-1,2010-12-13 09:41:30,27.5,,France
";

fn fill(sheet: &mut Worksheet) {
    let dates = CellFormat::new().set_num_format("m/d/yyyy h:mm");
    let time = |text: &str| ExcelDateTime::parse_from_str(text).unwrap();
    sheet.write_row(0, 0, HEADERS).unwrap();
    sheet.write_number(1, 0, 536_365).unwrap();
    sheet.write_row(1, 1, ["85123A", "HEART "]).unwrap();
    sheet.write_number(1, 3, 6).unwrap();
    sheet.write_datetime_with_format(1, 4, time("2010-12-01 08:26:00"), &dates).unwrap();
    sheet.write_number(1, 5, 2.55).unwrap();
    sheet.write_number(1, 6, 17_850).unwrap();
    sheet.write_string(1, 7, "United Kingdom").unwrap();
    sheet.write_string(3, 0, "C536379").unwrap();
    sheet.write_number(3, 1, 22_139).unwrap();
    sheet.write_number(3, 3, -1).unwrap();
    sheet.write_datetime_with_format(3, 4, time("2010-12-13 09:41:30"), &dates).unwrap();
    sheet.write_number(3, 5, 27.5).unwrap();
    sheet.write_string(3, 7, "France").unwrap();
    sheet.write_blank(9, 2, &dates).unwrap();
}

fn workbook(fill: impl FnOnce(&mut Book)) -> Vec<u8> {
    let mut book = Book::new();
    fill(&mut book);
    book.save_to_buffer().unwrap()
}

fn load_book(bytes: &[u8], given: &Value) -> Result<Loaded, LoadError> {
    load_all(&[("book.xlsx", bytes)], given)
}

#[test]
fn a_workbook_gives_the_bytes_of_the_csv() {
    let bytes = workbook(|book| fill(book.add_worksheet()));
    let loaded = load_book(&bytes, &json!({})).unwrap();
    assert!(loaded.bytes == load(CSV).bytes, "{:?}", loaded.table);
    let source = &loaded.summary.sources[0];
    assert_eq!((source.format, source.encoding.clone(), source.date_format.clone()), ("xlsx", None, None));
}

#[test]
fn all_sheets_with_the_columns_are_read_and_others_are_named() {
    let bytes = workbook(|book| {
        book.add_worksheet().set_name("Notes").unwrap().write_string(0, 0, "made by hand").unwrap();
        fill(book.add_worksheet().set_name("2009").unwrap());
        fill(book.add_worksheet().set_name("2010").unwrap());
        book.add_worksheet().set_name("Empty").unwrap();
    });
    let loaded = load_book(&bytes, &json!({})).unwrap();
    assert_eq!(loaded.column("row"), ["1", "2", "3", "4"]);
    assert_eq!(loaded.column("invoice"), ["536365", "C536379", "536365", "C536379"]);
    assert!(loaded.notes.iter().any(|note| note.contains("`Notes` has other columns")), "{:?}", loaded.notes);
    assert_eq!(load_book(&bytes, &json!({"sheet": "2010"})).unwrap().table.num_rows(), 2);
    let error = load_book(&bytes, &json!({"sheet": "2011"})).err().unwrap().to_string();
    assert!(error.ends_with("no worksheet `2011`, only `Notes`, `2009`, `2010`, `Empty`"), "{error}");
}

#[test]
fn dates_and_numbers_that_are_text_are_detected_over_the_sheet() {
    let bytes = workbook(|book| {
        let sheet = book.add_worksheet();
        sheet.write_row(0, 0, ["customer", "date", "amount"]).unwrap();
        sheet.write_row(1, 0, ["17850.0", "2/1/2011", "2,50"]).unwrap();
        sheet.write_row(2, 0, ["17851", "31/1/2011", "#N/A"]).unwrap();
        sheet.write_boolean(3, 2, true).unwrap();
    });
    let loaded = load_book(&bytes, &json!({})).unwrap();
    assert_eq!(loaded.column("customer_id"), ["17850", "17851", "-"]);
    assert_eq!(loaded.column("invoice_date"), ["2011-01-02 00:00:00", "2011-01-31 00:00:00", "-"]);
    assert_eq!(loaded.column("amount"), ["2500000000", "-", "-"]);
    assert_eq!(loaded.problems(), ["2 amount `#N/A` not a number", "3 amount `TRUE` not a number"]);
    assert_eq!(loaded.summary.sources[0].date_format.as_deref(), Some("day_first"));
}

#[test]
fn damaged_workbooks_are_errors() {
    let bytes = workbook(|book| {
        let sheet = book.add_worksheet();
        sheet.write_row(0, 0, ["customer", "date", "amount"]).unwrap();
        for row in 1..2000 {
            sheet.write_row(row, 0, [row * 7919 % 1009, row * 31 % 977, row]).unwrap();
        }
    });
    for length in (4..bytes.len()).step_by(97) {
        let error = load_book(&bytes[..length], &json!({})).err().expect("it is truncated");
        assert!(matches!(error, LoadError::Damaged { .. } | LoadError::Unsupported { .. }), "{length}: {error}");
    }
    for position in (0..bytes.len()).step_by(211) {
        let mut flipped = bytes.clone();
        flipped[position] ^= 0x55;
        drop(load_book(&flipped, &json!({})));
    }
    assert!(matches!(load_book(&workbook(|_| {}), &json!({})), Err(LoadError::Empty { .. })));
}
