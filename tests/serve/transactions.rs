//! Raw transactions over HTTP.

use std::io::Write;

use serde_json::Value;

use super::support::{Project, shop};
use super::wire::{Service, project, wait};

const PATH: &str = "/v1/transactions";

/// New transactions of a smaller shop.
fn text() -> String {
    shop(80)
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// The columns that the service gives, of what `segpipe predict` writes for the same transactions.
fn predicted(text: &str, name: &str) -> String {
    let project: &Project = project();
    let (input, output) = (format!("{name}.csv"), format!("{name}-scored.csv"));
    project.write(&input, text);
    project.call_well(&["predict", &input, "-o", &output]);
    project.read(&output)
}

#[test]
fn transactions_are_scored_as_predict_scores_them() {
    let service = Service::new();
    let expected = predicted(&text(), "parity");
    let csv = [("content-type", "text/csv"), ("accept", "text/csv")];
    let answer = service.ask("POST", PATH, &csv, text().as_bytes());
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (200, Some("text/csv; charset=utf-8")),
        "{}",
        answer.text()
    );
    assert_eq!(answer.text(), expected);
    let answer = service.post(PATH, "text/csv", text()).json();
    let (predictions, mut rows) =
        (answer["predictions"].as_array().unwrap(), csv::Reader::from_reader(expected.as_bytes()));
    let header = rows.headers().unwrap().clone();
    let mut count = 0;
    for (prediction, row) in predictions.iter().zip(rows.records().map(Result::unwrap)) {
        for (name, cell) in header.iter().zip(&row) {
            match &prediction[name] {
                Value::String(text) => assert_eq!(text, cell, "{name}"),
                Value::Null => assert_eq!("", cell, "{name}"),
                number => {
                    let expected: f64 = cell.parse().unwrap();
                    assert_eq!(number.as_f64().unwrap().to_bits(), expected.to_bits(), "{name}");
                }
            }
        }
        count += 1;
    }
    assert_eq!((answer["customers"].as_u64(), predictions.len()), (Some(count), count as usize));
    assert_eq!(answer["rows"].as_u64().unwrap() as usize, text().lines().count() - 1);
    assert!(answer["quarantined"].as_u64().unwrap() > 0, "guests are set aside");
    assert!(answer["snapshot"].as_str().unwrap().starts_with("202"));
}

#[test]
fn gzip_and_parquet_give_the_same_as_text() {
    let service = Service::new();
    let small = text();
    let plain = service.post(PATH, "text/csv", &small);
    assert_eq!(plain.status, 200, "{}", plain.text());
    assert_eq!(service.post(PATH, "application/gzip", gzipped(&small)).body, plain.body);
    let headers = [("content-type", "text/csv"), ("content-encoding", "gzip")];
    assert_eq!(service.ask("POST", PATH, &headers, &gzipped(&small)).body, plain.body);
    let project = Project::empty();
    project.call_well(&["simulate", "--customers", "20", "--seed", "3", "--out", "a.csv"]);
    project.call_well(&["simulate", "--customers", "20", "--seed", "3", "--out", "a.parquet"]);
    let [text, parquet] = ["a.csv", "a.parquet"].map(|name| std::fs::read(project.path(name)).unwrap());
    let text = service.post(PATH, "text/csv", text).json();
    let parquet = service.post(PATH, "application/vnd.apache.parquet", parquet).json();
    assert!(!text["predictions"].as_array().unwrap().is_empty());
    assert_eq!(text["predictions"], parquet["predictions"]);
}

#[test]
fn columns_are_named_by_the_query() {
    let service = Service::new();
    let text = "who;the day;worth\na b;13.02.2023;5,50\nc;01.03.2023;7,25\n";
    let refused = service.post(PATH, "text/csv", text);
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.error()["message"].as_str().unwrap().starts_with("the body has no column"), "{}", refused.text());
    let path = format!("{PATH}?customer=who&date=the%20day&amount=worth&date_format=%25d.%25m.%25Y");
    let answer = service.post(&path, "text/csv", text).json();
    let ids: Vec<&str> =
        answer["predictions"].as_array().unwrap().iter().map(|row| row["customer_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a b", "c"]);
    assert_eq!(answer["predictions"][0]["monetary"], 5.5);
}

#[test]
fn what_cannot_be_used_is_refused_without_the_name_of_a_file() {
    let service = Service::new();
    let packed = gzipped(&text());
    let parquet = [b"PAR1".as_slice(), &[0x15; 400], b"PAR1"].concat();
    let cases: [(&str, Vec<u8>, u16, &str); 12] = [
        ("", Vec::new(), 422, "empty"),
        ("", b"InvoiceNo,CustomerID\n".to_vec(), 422, "the body"),
        ("", packed[..packed.len() / 2].to_vec(), 400, "gzip"),
        ("", b"\x1f\x8b and nothing of it".to_vec(), 400, "gzip"),
        ("", parquet, 422, "Parquet"),
        ("", b"PK\x03\x04 a workbook".to_vec(), 415, "workbook"),
        ("", b"%PDF-1.4".to_vec(), 422, "PDF"),
        ("", b"recency,frequency,monetary\n1,2,3\n".to_vec(), 422, "recency"),
        ("?colour=red", text().into_bytes(), 400, "colour"),
        ("?customer=a&customer=b", text().into_bytes(), 400, "twice"),
        ("?date_format=whenever", text().into_bytes(), 400, "date_format"),
        ("?customer=nobody", text().into_bytes(), 422, "nobody"),
    ];
    for (query, body, status, word) in cases {
        let answer = service.post(&format!("{PATH}{query}"), "application/octet-stream", &body);
        assert_eq!(answer.status, status, "{query} {}", answer.text());
        let error = answer.error();
        assert!(error["message"].as_str().unwrap().contains(word), "{error}");
        assert!(!answer.text().contains("/tmp") && !answer.text().contains("/body"), "{error}");
    }
}

#[test]
fn what_unpacks_to_far_more_than_it_is_is_refused() {
    let mut options = super::wire::options();
    options.max_upload = 64 << 10;
    let service = Service::with(options);
    let bomb = gzipped(&format!("InvoiceNo,CustomerID\n{}", "a,b\n".repeat(1 << 20)));
    assert!(bomb.len() < 64 << 10);
    let answer = service.post(PATH, "application/gzip", bomb);
    assert_eq!((answer.status, answer.error()["code"].as_str()), (413, Some("too_large")));
}

#[test]
fn nothing_of_an_upload_is_left() {
    let service = Service::new();
    service.post(PATH, "text/csv", text());
    service.post(PATH, "text/csv", "no table");
    // The name of every folder of an upload begins like this one's.
    let begun = tempfile::tempdir().unwrap();
    let prefix = begun.path().file_name().unwrap().to_str().unwrap()[..4].to_owned();
    // Those of other tests go when they are answered.
    wait("the end of every upload", || {
        let left = std::fs::read_dir(std::env::temp_dir()).unwrap().map(Result::unwrap);
        let mut left = left.filter(|entry| entry.file_name().to_str().is_some_and(|name| name.starts_with(&prefix)));
        !left.any(|entry| entry.path().join("body").exists())
    });
}
