//! The findings as the table `report` and as text for an error.
//!
//! For: showing what [`super::verdict`] found. Called by: `validate`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;

use crate::numerals::{aligned, count, percent};
use crate::schema;

use super::verdict::{Finding, Status};

/// The table `report`.
///
/// # Errors
/// Where the columns do not fit the schema, which cannot happen.
pub fn to_batch(findings: &[Finding]) -> Result<RecordBatch, ArrowError> {
    let strings = |text: fn(&Finding) -> &str| Arc::new(StringArray::from_iter_values(findings.iter().map(text)));
    let numbers = |number: fn(&Finding) -> u64| {
        Arc::new(Int64Array::from_iter_values(findings.iter().map(|finding| number(finding) as i64)))
    };
    let amounts = Decimal128Array::from_iter_values(findings.iter().map(|finding| finding.amount));
    let columns: Vec<ArrayRef> = vec![
        strings(|finding| finding.rule),
        strings(|finding| finding.severity.as_str()),
        strings(|finding| finding.status.as_str()),
        numbers(|finding| finding.rows),
        Arc::new(Float64Array::from_iter_values(findings.iter().map(|finding| finding.share))),
        Arc::new(amounts.with_precision_and_scale(38, 9)?),
        numbers(|finding| finding.rows_without_amount),
        strings(|finding| &finding.message),
    ];
    RecordBatch::try_new(schema::report(), columns)
}

/// The rules that do not hold, as a table to print below an error; those that stop the run first.
pub fn to_text(findings: &[Finding]) -> String {
    let mut broken: Vec<&Finding> = findings.iter().filter(|finding| finding.status != Status::Ok).collect();
    broken.sort_by_key(|finding| finding.status != Status::Error);
    let heading = ["rule", "status", "rows", "share", "found"].map(str::to_owned).to_vec();
    let line = |finding: &&Finding| {
        let (rows, share) = (count(finding.rows), percent(finding.share));
        vec![finding.rule.to_owned(), finding.status.as_str().to_owned(), rows, share, finding.message.clone()]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(broken.iter().map(line)).collect();
    aligned(&rows, &[false, false, true, true, false])
}
