//! One's own data in three steps: `init`, a look at the file, `run`. With the faces that the same log has elsewhere.

use std::fmt::Write;

use arrow_array::StringArray;
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;
use segpipe_stages::customers::Customers;
use segpipe_stages::schema;
use segpipe_stages::table::{self, column};

use super::support::{CUSTOMERS, Project, all, date, lines, shop};

/// The shop's log as another program would write it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Face {
    /// Latin-1, `12/31/2023 8:26`, CRLF.
    Kaggle,
    /// Columns of Online Retail II, with a byte order mark.
    Second,
    /// `;`, decimal commas, `31.12.2023`, Latin-1.
    European,
    /// Tabs, a line amount instead of a price, no invoice.
    Amounts,
}

fn face(face: Face) -> Vec<u8> {
    let mut text = match face {
        Face::Kaggle => "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\r\n",
        Face::Second => "\u{feff}Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n",
        Face::European => "Invoice;StockCode;Description;Quantity;InvoiceDate;Price;Customer ID;Country\r\n",
        Face::Amounts => "household_id\tdate\tamount\n",
    }
    .to_owned();
    for line in lines(CUSTOMERS) {
        let (year, month, day) = date(line.day);
        let (hour, minute) = (line.minute / 60, line.minute % 60);
        let cancelled = if line.quantity < 0 { "C" } else { "" };
        let customer = line.customer.map(|id| id.to_string()).unwrap_or_default();
        let description = format!("\"{}\"", line.description.replace('"', "\"\""));
        let (invoice, product, quantity) = (line.invoice, &line.product, line.quantity);
        let (units, cents) = (line.price / 100, line.price % 100);
        let written = match face {
            Face::Kaggle => write!(
                text,
                "{cancelled}{invoice},{product},{description},{quantity},{month}/{day}/{year} {hour}:{minute:02},\
                 {units}.{cents:02},{customer},Atlantis\r\n"
            ),
            Face::Second => writeln!(
                text,
                "{cancelled}{invoice},{product},{description},{quantity},{year}-{month:02}-{day:02} \
                 {hour:02}:{minute:02}:00,{units}.{cents:02},{},Atlantis",
                line.customer.map(|id| format!("{id}.0")).unwrap_or_default()
            ),
            Face::European => write!(
                text,
                "{cancelled}{invoice};{product};{description};{quantity};{day:02}.{month:02}.{year} \
                 {hour:02}:{minute:02};{units},{cents:02};{customer};Atlantis\r\n"
            ),
            Face::Amounts => {
                let amount = quantity * line.price as i64;
                let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
                writeln!(text, "{customer}\t{year}-{month:02}-{day:02}\t{sign}{}.{:02}", amount / 100, amount % 100)
            }
        };
        written.unwrap();
    }
    match face {
        Face::Kaggle | Face::European => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        Face::Second | Face::Amounts => text.into_bytes(),
    }
}

/// The customers that the shop's plain log gives.
fn expected() -> Customers {
    Customers::read(&Project::finished().path("artifacts/rfm/customers.parquet")).unwrap().0
}

fn customers(project: &Project) -> Customers {
    Customers::read(&project.path("artifacts/rfm/customers.parquet")).unwrap().0
}

#[test]
fn three_steps_lead_from_a_file_to_segments() {
    let project = Project::empty();
    project.write("sales.csv", shop(CUSTOMERS));
    project.call_well(&["init", "sales.csv"]);
    let text = project.read("pipeline.yaml");
    assert!(text.starts_with("# yaml-language-server: $schema="), "{text}");
    assert!(text.contains("source: sales.csv"), "{text}");
    project.call_well(&["check"]);
    assert_eq!(project.run_well(&[]).outcomes(), all("ran", 9));
    assert_eq!(customers(&project), expected());
    assert!(project.call_well(&["export"]).lines().count() > 500);
}

#[rstest]
#[case::kaggle("kaggle.csv", Face::Kaggle)]
#[case::second("second.csv", Face::Second)]
#[case::european("export.csv", Face::European)]
fn init_finds_out_how_a_file_is_written_and_the_customers_are_the_same(#[case] name: &str, #[case] kind: Face) {
    let project = Project::empty();
    project.write(name, face(kind));
    project.call_well(&["init", name]);
    project.run_well(&["--to", "rfm"]);
    assert_eq!(customers(&project), expected());
}

#[test]
fn headers_that_nobody_knows_are_named_in_the_file() {
    let project = Project::new();
    let text = shop(CUSTOMERS).replacen("CustomerID", "Kunde Nr.", 1).replacen("InvoiceDate", "Wann", 1);
    project.write("data/shop.csv", text);
    let errors = project.fail(3, &["run"]);
    assert!(errors.contains("columns: {customer: Kunde Nr., date: "), "{errors}");
    project.edit("source: data/shop.csv", "source: data/shop.csv, columns: {customer: kunde nr., date: Wann}");
    project.run_well(&["--to", "rfm"]);
    assert_eq!(customers(&project), expected());
}

#[test]
fn a_log_of_amounts_without_invoices_counts_days_and_says_so() {
    let project = Project::empty();
    project.write("amounts.tsv", face(Face::Amounts));
    project.call_well(&["init", "amounts.tsv"]);
    let ran = project.run_well(&["--to", "rfm"]);
    assert!(ran.texts().contains("days"), "{}", ran.texts());
    let (_, facts) = Customers::read(&project.path("artifacts/rfm/customers.parquet")).unwrap();
    assert_eq!(facts["frequency_unit"], "purchase_days");
}

#[test]
fn a_gzip_a_list_and_a_pattern_give_the_rows_of_the_file() {
    let text = shop(CUSTOMERS);
    let rows: Vec<&str> = text.lines().collect();
    let (first, second) = rows[1..].split_at(rows.len() / 2);
    let part = |rows: &[&str]| format!("{}\n{}\n", rows_header(&text), rows.join("\n"));
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    std::io::Write::write_all(&mut gzip, text.as_bytes()).unwrap();
    let project = Project::new();
    project.write("data/whole.csv.gz", gzip.finish().unwrap());
    project.write("data/parts/1.csv", part(first));
    project.write("data/parts/2.csv", part(second));
    let transactions = |source: &str| {
        project.run_well(&["--to", "rfm", "--set", &format!("load.source={source}")]);
        (std::fs::read(project.path("artifacts/load/transactions.parquet")).unwrap(), customers(&project))
    };
    let (plain, customers) = transactions("data/shop.csv");
    assert!(transactions("data/whole.csv.gz").0 == plain, "gzip makes no difference to the bytes");
    assert_eq!(transactions("[data/parts/1.csv, data/parts/2.csv]").1, customers);
    assert_eq!(transactions("data/parts/*.csv").1, customers);
}

fn rows_header(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn init_overwrites_nothing_and_refuses_what_is_no_log() {
    let project = Project::new();
    let before = project.read("pipeline.yaml");
    let errors = project.fail(2, &["init", "data/shop.csv"]);
    assert!(errors.contains("pipeline.yaml"), "{errors}");
    assert_eq!(project.read("pipeline.yaml"), before);
    let empty = Project::empty();
    empty.write("bad.csv", "a,b\n1,2\n");
    empty.fail(3, &["init", "bad.csv"]);
    empty.fail(3, &["init", "nowhere.csv"]);
    assert!(!empty.path("pipeline.yaml").exists());
}

const WITH_FALLBACK: &str = "\
{source: {one_of: [data/real.csv], fallback: simulate, \
 download: {url: 'http://127.0.0.1:9/real.csv', to: data/real.csv, max_bytes: 1000000}}}";

#[test]
fn simulated_data_stand_in_with_a_warning_until_the_real_file_is_there() {
    let project = Project::new();
    project.edit("{source: data/shop.csv}", WITH_FALLBACK);
    let ran = project.run_well(&["--to", "load"]);
    assert!(ran.texts().contains("SIMULATED DATA"), "{}", ran.texts());
    let source = |project: &Project| {
        let sources = project.table("load/sources", &schema::sources());
        column::<StringArray>(&sources, "origin").value(0).to_owned()
    };
    assert_eq!(source(&project), "simulated");
    let path = project.path("artifacts/load/transactions.parquet");
    assert_eq!(table::TableReader::open(&path, &schema::transactions()).unwrap().facts()["data_source"], "simulated");
    let errors = project.fail(1, &["run", "--to", "load", "--locked"]);
    assert!(errors.to_lowercase().contains("simulated"), "{errors}");
    project.write("data/real.csv", shop(CUSTOMERS));
    project.run_well(&["--to", "rfm"]);
    assert_eq!(source(&project), "file");
    assert_eq!(customers(&project), expected());
}
