//! Evaluation: how good the segments are, what their customers are like, and what would mislead a reader.
//!
//! For: the measures of the partition, each segment's profile with a recommended action, warnings. Not for: the study of
//! k (`train` makes it) or pictures (`visualize`). Called by: the orchestrator.

mod actions;
mod measures;
mod params;
mod profile;
#[cfg(test)]
mod tests;
mod warnings;

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;
use serde_json::{Map, Value};

use crate::bands::bands;
use crate::contract::{
    self, CheckedParams, Fault, Input, Output, ParamError, Stage, StageContext, StageError, StageFault, StageReport,
};
use crate::customers::Customers;
use crate::implementation;
use crate::model::Model;
use crate::schema;
use crate::table::{self, column};

pub use measures::Measures;
pub use params::EvaluateParams;
pub use profile::{Profile, Statistics};
pub use warnings::Warning;

/// The stage `evaluate`.
#[derive(Debug, Clone, Copy)]
pub struct Evaluate;

/// Why a result cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// There is nobody.
    #[error("there are no customers to evaluate")]
    NoCustomers,
    /// Assignments and customers are not of the same people.
    #[error("row {row} of `assignments` is not the customer in that row of `customers`")]
    OtherCustomers {
        /// The first row that differs, from 1.
        row: usize,
    },
    /// An assignment names a segment that the model does not have.
    #[error("row {row} of `assignments` is of segment {segment}, and the model has {segments}")]
    NoSuchSegment {
        /// The row, from 1.
        row: usize,
        /// The segment it names.
        segment: i64,
        /// The model's number of segments.
        segments: usize,
    },
    /// The results do not fit their tables, which cannot happen.
    #[error("the results do not fit their tables")]
    Batch(#[from] ArrowError),
}

impl StageFault for EvaluateError {
    fn fault(&self) -> Fault {
        match self {
            Self::NoCustomers | Self::OtherCustomers { .. } | Self::NoSuchSegment { .. } => Fault::Data,
            Self::Batch(_) => Fault::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::OtherCustomers { .. } | Self::NoSuchSegment { .. } => {
                Some("assignments, customers and model must come of one training: run `train` again".to_owned())
            }
            Self::NoCustomers | Self::Batch(_) => None,
        }
    }
}

/// What evaluation gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Names and values, in order.
    pub metrics: Vec<(&'static str, f64)>,
    /// One per segment.
    pub profiles: Vec<Profile>,
    /// Customers, ascending by row, whose silhouettes were computed, each with its own; none where it is not defined.
    pub silhouettes: Vec<(usize, f64)>,
    /// What would mislead a reader.
    pub warnings: Vec<Warning>,
    /// What a reader of the run should know besides.
    pub remarks: Vec<String>,
}

/// Evaluates the segments (`labels`, each one of the model's) of customers with these raw features. There must be
/// customers. `period_end` is the last time in the data, ISO 8601.
pub fn evaluate(
    raw: &[[f64; 3]],
    labels: &[usize],
    model: &Model,
    period_end: Option<&str>,
    params: &EvaluateParams,
) -> Evaluation {
    let points: Vec<[f64; 3]> = raw.iter().map(|row| model.scaler.transform(*row)).collect();
    let centres: Vec<[f64; 3]> = model.segments.iter().map(|segment| segment.centroid).collect();
    let measures = measures::measure(&points, labels, &centres, params);
    let silhouettes = measures.silhouette.as_ref().map_or(&[][..], |estimate| &estimate.by_cluster);
    let bands = bands(&points, &centres);
    let sampled = measures.silhouette.as_ref().and_then(|estimate| Some((estimate, estimate.standard_error?)));
    let remarks = sampled.map(|(estimate, error)| {
        let (mean, size) = (estimate.mean, estimate.samples.len());
        format!("the silhouette of {mean:.4} is estimated from {size} sampled customers, standard error {error:.4}")
    });
    Evaluation {
        metrics: measures.rows(model.name_stability),
        profiles: profile::profiles(raw, labels, &bands, silhouettes, &model.frequency_unit),
        warnings: warnings::warnings(model, &measures, &points, period_end),
        silhouettes: measures.silhouette.map(|estimate| estimate.samples).unwrap_or_default(),
        remarks: remarks.into_iter().collect(),
    }
}

/// The segment of every customer.
fn read_labels(ctx: &StageContext<'_>, customers: &Customers, segments: usize) -> Result<Vec<usize>, StageError> {
    let (batch, _) = table::read(&ctx.input("assignments")?.path, &schema::assignments())?;
    let ids = column::<StringArray>(&batch, "customer_id");
    let rows = customers.len().max(batch.num_rows());
    let is_other =
        |&row: &usize| row >= batch.num_rows() || customers.ids.get(row).is_none_or(|id| id != ids.value(row));
    if let Some(row) = (0..rows).find(is_other) {
        return Err(EvaluateError::OtherCustomers { row: row + 1 }.into());
    }
    let labels = column::<Int64Array>(&batch, "segment").values();
    let label = |(row, &segment): (usize, &i64)| match usize::try_from(segment) {
        Ok(label) if label < segments => Ok(label),
        _ => Err(EvaluateError::NoSuchSegment { row: row + 1, segment, segments }),
    };
    Ok(labels.iter().enumerate().map(label).collect::<Result<_, _>>()?)
}

fn strings<T: AsRef<str>>(values: impl Iterator<Item = T>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn numbers(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn metrics_table(evaluation: &Evaluation) -> Result<RecordBatch, ArrowError> {
    let rows = || evaluation.metrics.iter();
    RecordBatch::try_new(schema::metrics(), vec![strings(rows().map(|row| row.0)), numbers(rows().map(|row| row.1))])
}

fn warnings_table(evaluation: &Evaluation) -> Result<RecordBatch, ArrowError> {
    let rows = || evaluation.warnings.iter();
    let columns = vec![strings(rows().map(|row| row.code)), strings(rows().map(|row| row.message.as_str()))];
    RecordBatch::try_new(schema::warnings(), columns)
}

fn silhouettes_table(
    evaluation: &Evaluation,
    customers: &Customers,
    labels: &[usize],
) -> Result<RecordBatch, ArrowError> {
    let rows = || evaluation.silhouettes.iter();
    let columns: Vec<ArrayRef> = vec![
        strings(rows().map(|(row, _)| customers.ids[*row].as_str())),
        Arc::new(Int64Array::from_iter_values(rows().map(|(row, _)| labels[*row] as i64))),
        numbers(rows().map(|(_, silhouette)| *silhouette)),
    ];
    RecordBatch::try_new(schema::silhouettes(), columns)
}

fn segments_table(evaluation: &Evaluation, model: &Model) -> Result<RecordBatch, ArrowError> {
    let rows = || evaluation.profiles.iter();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(0..evaluation.profiles.len() as i64)),
        strings(model.segments.iter().map(|segment| segment.name.as_str())),
        Arc::new(Int64Array::from_iter_values(rows().map(|row| row.customers as i64))),
        numbers(rows().map(|row| row.customer_share)),
        numbers(rows().map(|row| row.revenue)),
        numbers(rows().map(|row| row.revenue_share)),
    ];
    let picks: [fn(&Statistics) -> f64; 4] = [|all| all.mean, |all| all.q1, |all| all.median, |all| all.q3];
    for index in 0..3 {
        columns.extend(picks.map(|pick| numbers(rows().map(move |row| pick(&row.features[index])))));
    }
    columns.push(Arc::new(rows().map(|row| row.silhouette).collect::<Float64Array>()));
    columns.push(strings(rows().map(|row| row.description.as_str())));
    columns.push(strings(rows().map(|row| row.action)));
    RecordBatch::try_new(schema::segments(), columns)
}

static INPUTS: [Input; 3] = [
    Input::new("customers", "rfm.customers"),
    Input::new("assignments", "train.assignments"),
    Input::new("model_json", "train.model_json"),
];

static OUTPUTS: [Output; 4] = [
    Output::table("metrics", "metrics.parquet"),
    Output::table("segments", "segments.parquet"),
    Output::table("silhouettes", "silhouettes.parquet"),
    Output::table("warnings", "warnings.parquet"),
];

impl Stage for Evaluate {
    fn name(&self) -> &'static str {
        "evaluate"
    }

    fn summary(&self) -> &'static str {
        "measures the segments, profiles them and warns of what would mislead"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("evaluate")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<EvaluateParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<EvaluateParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let (customers, facts) = Customers::read(&ctx.input("customers")?.path)?;
        if customers.is_empty() {
            return Err(EvaluateError::NoCustomers.into());
        }
        let model = Model::read(&ctx.input("model_json")?.path)?;
        let labels = read_labels(ctx, &customers, model.segments.len())?;
        ctx.check_cancelled()?;
        let period_end = facts.get("period_end").map(String::as_str);
        let evaluation = evaluate(&customers.features(), &labels, &model, period_end, &ctx.params()?);
        for remark in &evaluation.remarks {
            ctx.info(remark);
        }
        for warning in &evaluation.warnings {
            ctx.warn(&warning.message);
        }
        let batch = EvaluateError::Batch;
        table::write_output(ctx, "metrics", &metrics_table(&evaluation).map_err(batch)?, &facts)?;
        table::write_output(ctx, "segments", &segments_table(&evaluation, &model).map_err(batch)?, &facts)?;
        let silhouettes = silhouettes_table(&evaluation, &customers, &labels).map_err(batch)?;
        table::write_output(ctx, "silhouettes", &silhouettes, &facts)?;
        table::write_output(ctx, "warnings", &warnings_table(&evaluation).map_err(batch)?, &facts)?;
        Ok(StageReport { headline: headline(&evaluation) })
    }
}

fn headline(evaluation: &Evaluation) -> String {
    let silhouette = evaluation.metrics.iter().find(|(name, _)| *name == "silhouette");
    let silhouette =
        silhouette.map_or("silhouette undefined".to_owned(), |(_, value)| format!("silhouette {value:.3}"));
    match evaluation.warnings.len() {
        0 => silhouette,
        1 => format!("{silhouette}, 1 warning"),
        count => format!("{silhouette}, {count} warnings"),
    }
}
