//! Data and files that cannot be used: a clear message, the documented exit code, no panic, nothing lost.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;

use super::support::{Project, all, shop, until_train};

const HEADER: &str = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// A project whose source is `name` with this content.
fn project(name: &str, content: impl AsRef<[u8]>) -> Project {
    let project = Project::new();
    project.edit("data/shop.csv", &format!("data/{name}"));
    project.write(&format!("data/{name}"), content);
    project
}

/// What a run says that ends with `code`: an error first, and a word that helps.
fn refused(project: &Project, code: i32, word: &str) {
    let errors = project.fail(code, &["run", "--quiet"]);
    assert!(errors.lines().any(|line| line.starts_with("error: ")), "{errors}");
    assert!(errors.to_lowercase().contains(word), "no `{word}` in\n{errors}");
    assert!(!project.path("pipeline.lock").exists());
}

fn gzipped(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// `count` orders of one line each, one customer per order.
fn rows(count: usize, row: impl Fn(usize) -> String) -> String {
    let rows: Vec<String> = (0..count).map(row).collect();
    format!("{HEADER}{}\n", rows.join("\n"))
}

fn good_row(n: usize) -> String {
    format!("{n},A,MUG,{},2023-{:02}-{:02} 10:00:00,{}.50,C{n},Atlantis", 1 + n % 7, 1 + n % 12, 1 + n % 28, 1 + n % 31)
}

#[rstest]
#[case::empty_file("", "empty")]
#[case::header_only(HEADER, "row")]
#[case::only_line_ends("\n\n\n", "")]
#[case::git_lfs_pointer(
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 45580638\n",
    "lfs"
)]
#[case::missing_column("InvoiceNo,Quantity,InvoiceDate,UnitPrice\n1,2,2023-01-01,3.5\n", "customer")]
#[case::missing_date("InvoiceNo,Quantity,UnitPrice,CustomerID\n1,2,3.5,7\n", "date")]
#[case::rfm_table("customer_id,recency,frequency,monetary\n1,2,3,4.5\n2,5,1,7.0\n", "predict")]
#[case::one_customer(
    "InvoiceNo,Quantity,InvoiceDate,UnitPrice,CustomerID\n1,2,2023-01-01,3.5,7\n2,2,2023-02-01,3.5,7\n",
    "customer"
)]
fn a_text_that_is_no_log_is_refused(#[case] content: &str, #[case] word: &str) {
    refused(&project("bad.csv", content), 3, word);
}

#[test]
fn a_log_without_customers_is_refused() {
    let content = rows(800, |n| good_row(n).replace(&format!(",C{n},"), ",,"));
    refused(&project("guests.csv", content), 3, "customer");
}

#[test]
fn a_truncated_gzip_is_refused() {
    let whole = gzipped(&shop(200));
    let project = project("bad.csv.gz", &whole[..whole.len() / 2]);
    refused(&project, 3, "bad.csv.gz");
    project.write("data/bad.csv.gz", gzipped(&shop(200)));
    project.run_well(&["--to", "rfm"]);
}

#[test]
fn a_truncated_workbook_is_refused() {
    let finished = Project::finished();
    finished.call_well(&["export", "-o", "whole.xlsx"]);
    let whole = std::fs::read(finished.path("whole.xlsx")).unwrap();
    refused(&project("bad.xlsx", &whole[..whole.len() / 2]), 3, "bad.xlsx");
}

#[test]
fn a_truncated_parquet_file_is_refused() {
    let finished = Project::finished();
    let whole = std::fs::read(finished.path("artifacts/load/transactions.parquet")).unwrap();
    refused(&project("bad.parquet", &whole[..whole.len() / 2]), 3, "bad.parquet");
    refused(&project("bad.parquet", [&b"PAR1"[..], &[0xff; 200], b"PAR1"].concat()), 3, "bad.parquet");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let noise: Vec<u8> = (0..20_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    refused(&project("noise.csv", noise), 3, "noise.csv");
}

#[test]
fn text_that_is_not_in_the_encoding_given_is_refused() {
    let content: Vec<u8> = shop(200).chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let project = project("latin.csv", &content);
    project.run_well(&["--to", "load"]);
    let errors = project.fail(3, &["run", "--to", "load", "--set", "load.encoding=utf-8"]);
    assert!(errors.contains("latin.csv"), "{errors}");
}

#[test]
fn a_single_line_of_ten_megabytes_is_refused() {
    refused(&project("line.csv", "x".repeat(10_000_000)), 3, "line.csv");
    refused(&project("cells.csv", "1,".repeat(5_000_000)), 3, "cells.csv");
}

#[test]
fn a_missing_source_a_folder_and_a_typo_are_refused_with_what_is_there() {
    let project = Project::finished();
    let errors = project.fail(3, &["run", "--set", "load.source=data/shpo.csv"]);
    assert!(errors.contains("`data/shpo.csv`") && errors.contains("`data/shop.csv`"), "{errors}");
    let errors = project.fail(3, &["run", "--set", "load.source=data"]);
    assert!(errors.contains("directory"), "{errors}");
    let errors = project.fail(3, &["run", "--set", "load.source=data/*.tsv"]);
    assert!(errors.contains("data/*.tsv"), "{errors}");
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}

#[test]
fn two_of_one_source_are_refused() {
    let project = Project::new();
    project.edit("{source: data/shop.csv}", "{source: {one_of: [data/shop.csv, data/shop.csv.gz]}}");
    project.run_well(&["--to", "load"]);
    project.write("data/shop.csv.gz", gzipped(&shop(100)));
    let errors = project.fail(3, &["run", "--to", "load"]);
    assert!(errors.contains("`data/shop.csv`") && errors.contains("`data/shop.csv.gz`"), "{errors}");
}

#[test]
fn dates_whose_order_the_data_cannot_settle_are_not_guessed() {
    let content = rows(700, |n| {
        good_row(n).replace(
            &format!("2023-{:02}-{:02}", 1 + n % 12, 1 + n % 28),
            &format!("{}/{}/2023", 1 + n % 12, 1 + n % 11),
        )
    });
    let project = project("dates.csv", content);
    refused(&project, 3, "date_format");
    project.run_well(&["--to", "load", "--set", "load.date_format=day_first"]);
}

#[test]
fn customers_who_are_all_alike_cannot_be_segmented() {
    let content = rows(700, |n| format!("{n},A,MUG,1,2023-05-01 10:00:00,2.50,C{n},Atlantis"));
    refused(&project("alike.csv", content), 3, "differ");
}

#[test]
fn numbers_that_are_none_are_set_aside_and_counted() {
    let odd = ["NaN", "inf", "-Infinity", "1e308", "abc", "1e999", "12.5.6", "--3"];
    let content = rows(800, |n| {
        let row = good_row(n);
        if n < 400 { row } else { row.replace(&format!(",{}.50,", 1 + n % 31), &format!(",{},", odd[n % 40 % 8])) }
    });
    let project = project("odd.csv", content);
    let ran = project.run_well(&["--to", "preprocess", "--set", "validate.rules.most_quarantined.severity=warn"]);
    let validate = ran.stage("validate");
    let rows = |output: &str| validate["outputs"][output]["rows"].as_u64().unwrap();
    assert_eq!(rows("valid") + rows("quarantine"), 800);
    assert_eq!(rows("quarantine"), 400);
}

#[test]
fn more_segments_than_customers_are_refused() {
    let errors = Project::finished().fail(3, &["run", "--set", "train.k=700", "--set", "train.study=[2, 3]"]);
    assert!(errors.contains("700"), "{errors}");
}

#[test]
fn broken_data_lose_nothing_that_was_there() {
    let project = Project::finished();
    let good = project.read("data/shop.csv");
    for broken in ["", HEADER, "a,b\n1,2\n"] {
        project.write("data/shop.csv", broken);
        assert_eq!(project.run(&[]).said.code, 3);
        assert!(project.path("artifacts/train/model.json").exists());
    }
    project.write("data/shop.csv", good);
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}

#[rstest]
#[case::unknown_stage(&["run", "--from", "trian"], "did you mean `train`?")]
#[case::unknown_stage_in_only(&["run", "--only", "x"], "error: ")]
#[case::unknown_param(&["run", "--set", "train.kk=5"], "unknown param `kk` of stage `train`")]
#[case::wrong_value(&["run", "--set", "train.k=many"], "`train`")]
#[case::negative_value(&["run", "--set", "train.k=0"], "`k`")]
#[case::no_value(&["run", "--set", "train.k"], "STAGE.PARAM=VALUE")]
#[case::unknown_profile(&["run", "--profile", "robots"], "did you mean `robust`?")]
#[case::missing_file(&["run", "--file", "nowhere.yaml"], "segpipe init")]
#[case::folder_as_file(&["run", "--file", "data"], "is a directory")]
fn a_command_line_that_cannot_be_meant_is_refused(#[case] arguments: &[&str], #[case] word: &str) {
    let project = Project::new();
    let errors = project.fail(2, arguments);
    assert!(errors.contains(word), "{errors}");
    assert!(!project.path("artifacts").exists());
}

#[rstest]
#[case::empty("", "the file is empty")]
#[case::unknown_key("stages: {load: {param: {}}}", "pipeline.yaml:1:17: unknown key `param` of stage `load`")]
#[case::unknown_kind("stages: {loaf: {}}", "did you mean `load`?")]
#[case::bomb(
    "a: &a [x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a]\nc: &c [*b, *b, *b, *b, *b, *b, *b, *b]\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c]\ne: &e [*d, *d, *d, *d, *d, *d, *d, *d]\nf: [*e, *e, *e, *e, *e, *e, *e, *e]\n",
    "than any pipeline needs"
)]
#[case::not_yaml("stages: {load: [}", "not valid YAML")]
#[case::outside("stages: {load: {params: {source: a}, outputs: {transactions: ../x.parquet}}}", "outside the project")]
fn a_pipeline_file_that_cannot_be_meant_is_refused(#[case] text: &str, #[case] word: &str) {
    let project = Project::new();
    project.write("pipeline.yaml", text);
    let errors = project.fail(2, &["run"]);
    assert!(errors.starts_with("error: pipeline.yaml") && errors.contains(word), "{errors}");
}

#[test]
fn a_circle_of_stages_is_refused() {
    let project = Project::new();
    project.edit("  rfm:", "  rfm: {inputs: {orders: again.orders}}\n  again: {uses: preprocess, inputs: {transactions: back.valid}}\n  back: {uses: validate, inputs: {transactions: again.orders}}");
    let errors = project.fail(2, &["run"]);
    assert!(errors.contains("the stages go round in a circle: `again` → `back` → `again`"), "{errors}");
}

#[test]
fn a_file_in_place_of_the_artifacts_folder_is_refused() {
    let project = Project::new();
    project.write("artifacts", "a note to myself");
    let errors = project.fail(4, &["run"]);
    assert!(errors.contains("artifacts"), "{errors}");
    assert_eq!(project.read("artifacts"), "a note to myself");
}

#[test]
fn artifacts_that_may_not_be_written_are_refused() {
    let project = Project::new();
    std::fs::create_dir_all(project.path("artifacts")).unwrap();
    std::fs::write(project.path("artifacts/.segpipe"), "in the way").unwrap();
    project.fail(4, &["run"]);
    std::fs::remove_file(project.path("artifacts/.segpipe")).unwrap();
    project.run_well(&["--to", "load"]);
}

#[test]
fn damaged_state_is_made_again() {
    let project = Project::finished();
    for entry in std::fs::read_dir(project.path("artifacts/.segpipe")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::write(entry.path(), [0xff; 100]).unwrap();
        }
    }
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
    for folder in ["records", "current"] {
        for entry in std::fs::read_dir(project.path("artifacts/.segpipe").join(folder)).unwrap().map(Result::unwrap) {
            std::fs::write(entry.path(), "nonsense").unwrap();
        }
    }
    assert_eq!(project.run_well(&[]).outcomes(), until_train("ran", "ran"));
    assert_eq!(project.run_well(&[]).outcomes(), all("cached", 9));
}
