//! A bundle made ready to answer: everything that can be computed before the first request is.
//!
//! For: scoring, segment cards, customers. Never changed; a new bundle is a new one of these, swapped in whole.

use std::collections::HashMap;

use axum::body::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::RowAccessor;
use segpipe_stages::deploy::bundle::Bundle;
use segpipe_stages::model::{Centres, Score};

/// Where a bundle keeps customers' segments, where it does.
pub(super) const ASSIGNMENTS: &str = "assignments.parquet";

/// A bundle made ready.
pub(super) struct Served {
    pub(super) bundle: Bundle,
    /// segments.json.
    pub(super) cards: Bytes,
    centres: Centres,
    /// The beginning of each segment's answer, up to its distance.
    openings: Vec<Vec<u8>>,
    customers: Option<HashMap<Box<str>, Score>>,
}

impl Served {
    /// Makes a bundle ready.
    ///
    /// # Errors
    /// Where the table of assignments is none.
    pub(super) fn of(bundle: Bundle) -> Result<Self, ParquetError> {
        let model = &bundle.model;
        let centroids = model.segments.iter().map(|segment| segment.centroid).collect();
        let centres = Centres::new(centroids, model.mixture.as_ref());
        let openings = model.segments.iter().map(|segment| opening(segment.segment, &segment.name)).collect();
        let customers = bundle.file(ASSIGNMENTS).map(assignments).transpose()?;
        let cards = Bytes::copy_from_slice(bundle.file("segments.json").unwrap_or_default());
        Ok(Self { bundle, cards, centres, openings, customers })
    }

    /// Scores raw values, which are finite.
    pub(super) fn score(&self, raw: [f64; 3]) -> Score {
        self.centres.score(self.bundle.model.scaler.transform(raw))
    }

    /// The segments of customers; none where the bundle holds no assignments.
    pub(super) fn customers(&self) -> Option<&HashMap<Box<str>, Score>> {
        self.customers.as_ref()
    }

    /// The answer for one customer without its braces.
    pub(super) fn write(&self, out: &mut Vec<u8>, score: &Score) {
        out.extend_from_slice(self.openings.get(score.segment).map_or(b"".as_slice(), Vec::as_slice));
        write_number(out, Some(score.distance));
        out.extend_from_slice(b",\"runner_up\":");
        match score.runner_up {
            Some(segment) => write_json(out, &segment),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"margin\":");
        write_number(out, score.margin);
    }

    /// The answer of the scoring protocol.
    pub(super) fn predictions(&self, rows: &[[f64; 3]]) -> Vec<u8> {
        let mut out = Vec::with_capacity(32 + rows.len() * 128);
        out.extend_from_slice(b"{\"predictions\":[");
        for (index, row) in rows.iter().enumerate() {
            out.extend_from_slice(if index > 0 { b",{" } else { b"{" });
            self.write(&mut out, &self.score(*row));
            out.push(b'}');
        }
        out.extend_from_slice(b"]}");
        out
    }
}

fn opening(segment: usize, name: &str) -> Vec<u8> {
    let mut out = b"\"segment\":".to_vec();
    write_json(&mut out, &segment);
    out.extend_from_slice(b",\"segment_name\":");
    write_json(&mut out, name);
    out.extend_from_slice(b",\"distance\":");
    out
}

/// The shortest number that reads back exactly.
pub(super) fn write_number(out: &mut Vec<u8>, number: Option<f64>) {
    write_json(out, &number);
}

/// Writing to memory fails for no value that is written here.
pub(super) fn write_json(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    let _ = serde_json::to_writer(out, value);
}

/// The table of assignments by customer.
fn assignments(bytes: &[u8]) -> Result<HashMap<Box<str>, Score>, ParquetError> {
    let reader = SerializedFileReader::new(Bytes::copy_from_slice(bytes))?;
    let mut customers = HashMap::new();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        let segment = |column| row.get_long(column).map(|segment| usize::try_from(segment).unwrap_or_default());
        let score = Score {
            segment: segment(1)?,
            distance: row.get_double(3)?,
            runner_up: segment(4).ok(),
            margin: row.get_double(5).ok(),
        };
        customers.insert(row.get_string(0)?.as_str().into(), score);
    }
    Ok(customers)
}
