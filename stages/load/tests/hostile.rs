//! Files that are not what they should be: each an error that says what it is, whose fault, and what to do.

use serde_json::json;

use crate::contract::{Fault, Silent, StageFault};

use super::*;

fn refused(name: &str, bytes: &[u8]) -> LoadError {
    let error = load_all(&[(name, bytes)], &json!({})).err().expect("it should be refused");
    assert_eq!(error.fault(), Fault::Data, "{error}");
    assert!(error.to_string().contains(name), "{error}");
    error
}

#[test]
fn files_with_nothing_in_them_are_refused() {
    assert!(matches!(refused("a.csv", b""), LoadError::Empty { .. }));
    assert!(matches!(refused("a.csv", b" \r\n\n"), LoadError::Empty { .. }));
    assert!(matches!(refused("a.csv", b"\xef\xbb\xbf"), LoadError::Empty { .. }));
    assert!(matches!(refused("a.csv.gz", &gzip(b"")), LoadError::Empty { .. }));
    let error = refused("a.csv", b"customer,date,amount\n");
    assert_eq!(error.to_string().rsplit('/').next().unwrap(), "a.csv` has a header and no rows");
}

#[test]
fn a_directory_and_a_missing_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = load_paths(&[folder.path().to_owned()], &json!({})).err().unwrap();
    assert!(matches!(error, LoadError::Directory { .. }) && error.fault() == Fault::Data);
    let error = load_paths(&[folder.path().join("none.csv")], &json!({})).err().unwrap();
    assert!(matches!(error, LoadError::File { .. }) && error.fault() == Fault::Data);
    let error = load_files(&[], &LoadParams::default(), &folder.path().join("out"), &Silent).unwrap_err();
    assert!(matches!(error, LoadError::NoSource));
}

#[test]
fn missing_columns_are_named_with_what_is_there() {
    let error = refused("a.csv", b"id,Customer No.,Day,Qty,Item Prise\n1,2,3,4,5\n");
    let text = error.to_string();
    assert!(text.contains("no column for `date` and `unit_price`"), "{text}");
    assert!(text.contains("`id`, `Customer No.`, `Day`, `Qty`, `Item Prise`"), "{text}");
    let hint = error.hint().unwrap();
    assert!(hint.contains("columns: {date: <header>, unit_price: Item Prise}"), "{hint}");
}

#[test]
fn a_ready_made_rfm_table_is_recognised() {
    let error = refused("rfm.csv", b"customer_id;Recency;Frequency;Monetary\n1;2;3;4\n");
    assert!(matches!(error, LoadError::RfmTable { .. }));
    assert!(error.hint().unwrap().contains("segpipe predict"));
}

#[test]
fn a_git_lfs_pointer_is_recognised() {
    let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n";
    assert!(refused("a.csv", pointer).hint().unwrap().contains("git lfs pull"));
    assert!(matches!(refused("a.csv.gz", &gzip(pointer)), LoadError::LfsPointer { .. }));
}

#[test]
fn truncated_and_damaged_gzip_is_refused() {
    let text = lines("customer,date,amount", 50_000, |row| format!("{row},2011-01-01,{}", row * 7919 % 10_007));
    let packed = gzip(text.as_bytes());
    for length in [3, 12, packed.len() / 2, packed.len() - 4] {
        assert!(matches!(refused("a.csv.gz", &packed[..length]), LoadError::Damaged { .. }), "{length}");
    }
    let mut flipped = packed.clone();
    flipped[packed.len() / 2] ^= 0xff;
    assert!(matches!(refused("a.csv.gz", &flipped), LoadError::Damaged { .. }));
}

#[test]
fn truncated_workbooks_parquet_files_and_other_archives_are_refused() {
    refused("a.xlsx", b"PK\x03\x04");
    refused("a.xlsx", b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    refused("a.parquet", b"PAR1");
    refused("a.parquet", b"PAR1\xff\xff\xff\x7fPAR1");
    refused("a.parquet", &[b"PAR1".as_slice(), &[7; 5000], b"\x10\0\0\0PAR1"].concat());
    assert!(matches!(refused("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), LoadError::Unsupported { .. }));
    assert!(matches!(refused("a.html", b"<!DOCTYPE html><html></html>"), LoadError::Unsupported { .. }));
}

#[test]
fn endless_lines_are_refused() {
    let line = "x".repeat(10 << 20);
    assert!(matches!(refused("a.csv", line.as_bytes()), LoadError::LineTooLong { .. }));
    let text = format!("customer,date,amount\n1,2011-01-01,5\n2,2011-01-01,{line}\n");
    assert!(matches!(refused("a.csv", text.as_bytes()), LoadError::LineTooLong { line: 3, .. }));
    let open = "customer,date,amount\n1,2011-01-01,\"5\n2,2011-01-01,5\n";
    assert!(matches!(refused("a.csv", open.as_bytes()), LoadError::UnclosedQuote { line: 2, .. }));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let noise: Vec<u8> = (0..100_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    assert!(matches!(refused("a.csv", &noise), LoadError::Encoding { .. }));
    let late = [b"customer,date,amount\n1,2011-01-01,5\n".as_slice(), b"2,2011-01-01,\x81\x8d\n"].concat();
    assert!(matches!(refused("a.csv", &late), LoadError::Encoding { .. }));
    let zeros = [b"customer,date,amount\n".as_slice(), &[0; 1000]].concat();
    assert!(matches!(refused("a.csv", &zeros), LoadError::Encoding { .. }));
    let given = json!({"encoding": "utf-8"});
    let error =
        load_all(&[("a.csv", b"customer,date,amount,country\n1,2011-01-01,5,R\xe9union\n")], &given).err().unwrap();
    assert!(error.to_string().ends_with("no text in UTF-8"), "{error}");
}

#[test]
fn dates_and_decimals_that_nothing_settles_are_asked_for() {
    let error = refused("a.csv", b"customer,date,amount\n1,1/2/2011,5.5\n");
    assert!(matches!(&error, LoadError::DateOrderUnsettled { sample, .. } if sample == "1/2/2011"));
    assert!(error.hint().unwrap().contains("load.date_format"));
    let error = refused("a.csv", b"customer;date;amount\n1;2011-01-01;1.234\n");
    assert!(error.hint().unwrap().contains("load.decimal_mark"));
    let error = refused("a.csv", b"customer,date,amount\n1,first of May,5.5\n");
    assert!(error.to_string().contains("e.g. `first of May`"), "{error}");
}

#[test]
fn two_headers_for_one_column_are_refused() {
    let error = refused("a.csv", b"customer,date,amount,amount\n1,2011-01-01,5,6\n");
    assert!(matches!(error, LoadError::AmbiguousColumn { column: "amount", .. }));
}

#[test]
fn an_interruption_stops_the_reading() {
    struct Interrupted;
    impl Observer for Interrupted {
        fn progress(&self, _done: u64, _total: u64) {}
        fn note(&self, _note: Note) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "a.csv", b"customer,date,amount\n1,2011-01-01,5\n");
    let source = Source { path, name: "a.csv".into(), digest: String::new(), origin: SourceOrigin::File };
    let out = folder.path().join("out.parquet");
    let error = load_files(&[source], &LoadParams::default(), &out, &Interrupted).unwrap_err();
    assert_eq!(error.fault(), Fault::Cancelled);
}
