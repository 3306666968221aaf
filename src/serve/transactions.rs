//! `POST /v1/transactions`: a file of transactions in, a scored row per customer out.
//!
//! For: the same reading, cleaning and counting as in a pipeline, by the bundle's policy. Blocking; not for the threads
//! that serve requests.

use std::collections::HashSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use flate2::read::MultiGzDecoder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use reqwest::Url;
use segpipe_stages::contract::{Fault, Note, Observer, Params, Source, SourceOrigin, StageError};
use segpipe_stages::customers::Customers;
use segpipe_stages::load::{self, LoadError, LoadParams, SourceParam};
use segpipe_stages::transactions::{self, CustomerParams};

use super::problem::Problem;
use super::served::{Served, write_json, write_number};

/// Names of the query by which columns are named, and the date format.
const NAMES: [&str; 9] =
    ["customer", "date", "quantity", "unit_price", "amount", "invoice", "product", "country", "date_format"];

/// The header of the answer in CSV.
const HEADER: &[u8] = b"customer_id,recency,frequency,monetary,segment,segment_name,distance,runner_up,margin\n";

const GZIP: &[u8] = &[0x1f, 0x8b];
const PARQUET: &[u8] = b"PAR1";
/// Archives and workbooks, which unpack to far more than they are.
const ZIP: &[u8] = b"PK\x03\x04";

/// How many times larger than what may be sent its content may be.
const EXPANSION: u64 = 16;

/// Rows that a table may have, whatever size it is packed to.
const MAX_ROWS: i64 = 50_000_000;

/// Reads the query: which header is which column, and how dates are written.
pub(super) fn params(query: Option<&str>) -> Result<LoadParams, Problem> {
    let mut params = LoadParams { source: Some(SourceParam::Path("body".to_owned())), ..LoadParams::default() };
    let mut seen = HashSet::new();
    let url = format!("http://query/?{}", query.unwrap_or_default());
    let url = Url::parse(&url).map_err(|_| Problem::malformed("the query cannot be read"))?;
    for (name, value) in url.query_pairs() {
        if !seen.insert(name.clone().into_owned()) {
            return Err(Problem::malformed(format!("the query has `{}` twice", shortened(&name))).last());
        }
        let columns = &mut params.columns;
        let place = match name.as_ref() {
            "customer" => &mut columns.customer,
            "date" => &mut columns.date,
            "quantity" => &mut columns.quantity,
            "unit_price" => &mut columns.unit_price,
            "amount" => &mut columns.amount,
            "invoice" => &mut columns.invoice,
            "product" => &mut columns.product,
            "country" => &mut columns.country,
            "date_format" => &mut params.date_format,
            _ => return Err(unknown(&name)),
        };
        *place = Some(value.into_owned());
    }
    params.check().map_err(|error| {
        let name = error.path.last().cloned().unwrap_or_default();
        Problem::malformed(format!("`{name}` of the query cannot be used: {}", error.message)).at_column(name).last()
    })?;
    Ok(params)
}

fn unknown(name: &str) -> Problem {
    let text = format!("the query has `{}`, which is not known", shortened(name));
    Problem::malformed(text).with_hint(format!("known are `{}`", NAMES.join("`, `"))).last()
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// Tells work that nobody waits for its result any more.
#[derive(Debug, Default)]
pub(super) struct Watch {
    is_given_up: AtomicBool,
    notes: Mutex<Vec<String>>,
}

impl Observer for Watch {
    fn progress(&self, _done: u64, _total: u64) {}

    fn note(&self, note: Note) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note.text);
    }

    fn is_cancelled(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }
}

/// Whoever waits for work; when this goes, the work is to stop.
pub(super) struct Waiting(pub(super) Arc<Watch>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.is_given_up.store(true, Ordering::Relaxed);
    }
}

/// What is to be scored, and how.
pub(super) struct Upload {
    /// A folder of its own, removed with this.
    pub(super) folder: tempfile::TempDir,
    pub(super) params: LoadParams,
    pub(super) is_csv_wanted: bool,
    /// Bytes that might have been sent.
    pub(super) limit: u64,
}

/// An answer, and how many customers are in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scored {
    pub(super) body: Vec<u8>,
    pub(super) customers: usize,
}

impl Upload {
    /// # Errors
    /// A [`Problem`] where there is no room.
    pub(super) fn new(params: LoadParams, is_csv_wanted: bool, limit: u64) -> Result<Self, Problem> {
        let folder = tempfile::tempdir().map_err(|_| {
            Problem::internal("there is no folder for temporary files")
                .with_hint("set `TMPDIR` to one that can be written")
        })?;
        Ok(Self { folder, params, is_csv_wanted, limit })
    }

    /// Where the body goes.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("body")
    }

    /// Scores the customers of the transactions.
    ///
    /// # Errors
    /// A [`Problem`] that says what is wrong with the file.
    pub(super) fn score(&self, served: &Served, watch: &Watch) -> Result<Scored, Problem> {
        let path = self.path();
        self.check(&path)?;
        let table = self.folder.path().join("transactions.parquet");
        let source =
            Source { path: path.clone(), name: "body".to_owned(), digest: String::new(), origin: SourceOrigin::File };
        let loaded = load::load_files(&[source], &self.params, &table, watch);
        let rows = loaded.map_err(|error| unreadable(error, &path))?.rows();
        let params = CustomerParams::of_bundle(served.bundle.policy.preprocess.as_ref());
        let params = params.map_err(|_| Problem::internal("the bundle's policy cannot be used"))?;
        let found = transactions::customers_of_transactions(&table, &params, self.folder.path(), watch);
        let found = found.map_err(|error| unusable(&error, &path))?;
        let customers = found.customers.len();
        let body = if self.is_csv_wanted {
            csv(served, &found.customers)
        } else {
            let snapshot = found.facts.get("snapshot").map_or("", String::as_str);
            json(served, &found.customers, &Counts { rows, quarantined: found.quarantined, snapshot }, watch)
        };
        Ok(Scored { body, customers })
    }

    /// Refuses what unpacks to more than can be read, before it is.
    fn check(&self, path: &Path) -> Result<(), Problem> {
        let mut magic = [0; 4];
        let mut file = File::open(path).map_err(|_| Problem::internal("the body cannot be read again"))?;
        let length = file.read(&mut magic).unwrap_or_default();
        let magic = &magic[..length];
        if magic == ZIP {
            return Err(super::content::unsupported("a workbook or an archive is not read here")
                .with_hint("send it as CSV, gzipped CSV or Parquet"));
        }
        if magic.starts_with(GZIP) {
            return self.check_gzip(path);
        }
        if magic == PARQUET {
            return check_parquet(path);
        }
        Ok(())
    }

    fn check_gzip(&self, path: &Path) -> Result<(), Problem> {
        let limit = self.limit.saturating_mul(EXPANSION);
        let file = File::open(path).map_err(|_| Problem::internal("the body cannot be read again"))?;
        let mut unpacked = MultiGzDecoder::new(file).take(limit + 1);
        match std::io::copy(&mut unpacked, &mut std::io::sink()) {
            Ok(bytes) if bytes > limit => Err(too_much(format!("the body unpacks to more than {limit} bytes"))),
            Ok(_) => Ok(()),
            Err(_) => Err(Problem::malformed("the body is no intact gzip file")),
        }
    }
}

/// A damaged file is left to `load`, which says what is wrong with it.
fn check_parquet(path: &Path) -> Result<(), Problem> {
    let rows = || {
        let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
        Some(reader.metadata().file_metadata().num_rows())
    };
    let rows = std::panic::catch_unwind(rows).ok().flatten();
    match rows {
        Some(rows) if rows > MAX_ROWS => Err(too_much(format!("the body has more than {MAX_ROWS} rows"))),
        _ => Ok(()),
    }
}

fn too_much(message: String) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message).with_hint("send it in pieces")
}

fn unreadable(error: LoadError, path: &Path) -> Problem {
    let hint = match &error {
        LoadError::RfmTable { .. } => Some("send it to `/invocations` as `text/csv`"),
        LoadError::MissingColumns { .. } | LoadError::NoSuchHeader { .. } | LoadError::AmbiguousColumn { .. } => {
            Some("name the headers in the query, e.g. `?customer=Client&date=Day&amount=Sum`")
        }
        LoadError::DateOrderUnsettled { .. } | LoadError::DateOrderMixed { .. } | LoadError::DatesUnreadable { .. } => {
            Some("say in the query how dates are written, e.g. `?date_format=day_first`")
        }
        _ => None,
    };
    let problem = unusable(&StageError::from(error), path);
    match hint {
        Some(hint) => problem.with_hint(hint),
        None => problem,
    }
}

/// What a stage says of the file, which has no name here.
fn unusable(error: &StageError, path: &Path) -> Problem {
    let anonymous = |text: &str| text.replace(&format!("`{}`", path.display()), "the body");
    let status = match error.fault {
        Fault::Data | Fault::Params => StatusCode::UNPROCESSABLE_ENTITY,
        Fault::Cancelled => return too_long(),
        Fault::Disk | Fault::Stage | Fault::Bug => return Problem::internal("the transactions could not be worked on"),
    };
    let problem = Problem::new(status, "unusable_transactions", anonymous(&error.message));
    match &error.hint {
        Some(hint) => problem.with_hint(anonymous(hint)),
        None => problem,
    }
}

/// Work that was given up.
pub(super) fn too_long() -> Problem {
    let text = "the transactions could not be worked on in the time there is";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_long", text).with_hint("send less, or raise `--time-out`")
}

struct Counts<'a> {
    rows: u64,
    quarantined: u64,
    snapshot: &'a str,
}

fn json(served: &Served, customers: &Customers, counts: &Counts<'_>, watch: &Watch) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + customers.len() * 224);
    let mut fact = |name: &str, value: &dyn Fn(&mut Vec<u8>)| {
        out.push(if out.is_empty() { b'{' } else { b',' });
        write_json(&mut out, name);
        out.push(b':');
        value(&mut out);
    };
    fact("customers", &|out| write_json(out, &customers.len()));
    fact("rows", &|out| write_json(out, &counts.rows));
    fact("quarantined", &|out| write_json(out, &counts.quarantined));
    fact("snapshot", &|out| write_json(out, counts.snapshot));
    let notes = watch.notes.lock().unwrap_or_else(PoisonError::into_inner);
    fact("notes", &|out| write_json(out, &*notes));
    fact("predictions", &|_| ());
    out.push(b'[');
    for (index, raw) in customers.features().into_iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{\"customer_id\":" } else { b"{\"customer_id\":" });
        write_json(&mut out, &customers.ids[index]);
        out.extend_from_slice(b",\"recency\":");
        write_json(&mut out, &customers.recency[index]);
        out.extend_from_slice(b",\"frequency\":");
        write_json(&mut out, &customers.frequency[index]);
        out.extend_from_slice(b",\"monetary\":");
        write_number(&mut out, Some(customers.monetary[index]));
        out.push(b',');
        served.write(&mut out, &served.score(raw));
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    out
}

fn csv(served: &Served, customers: &Customers) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(HEADER.to_vec());
    for (index, raw) in customers.features().into_iter().enumerate() {
        let score = served.score(raw);
        let name = served.bundle.card(score.segment).map_or("", |card| card.name.as_str());
        let cells = [
            customers.ids[index].clone(),
            customers.recency[index].to_string(),
            customers.frequency[index].to_string(),
            customers.monetary[index].to_string(),
            score.segment.to_string(),
            name.to_owned(),
            score.distance.to_string(),
            score.runner_up.map(|segment| segment.to_string()).unwrap_or_default(),
            score.margin.map(|margin| margin.to_string()).unwrap_or_default(),
        ];
        // Writing to memory does not fail.
        let _ = writer.write_record(&cells);
    }
    writer.into_inner().unwrap_or_default()
}
