//! The results of the stages as plain rows: what reports, records, plots and the bundle say is read here, once.
//!
//! For: one reader a table, by the input port of the same name, and [`Results`], the set that pictures and bundles are
//! made of, checked to fit together. Not for: computing any of them. Called by: `visualize`, `track`, `deploy`.

use arrow_array::types::Int64Type;
use arrow_array::{
    Array, BooleanArray, Decimal128Array, Float64Array, Int64Array, ListArray, PrimitiveArray, RecordBatch,
    StringArray, StructArray,
};
use arrow_schema::SchemaRef;

use crate::contract::{Fault, SourceOrigin, StageContext, StageError, StageFault};
use crate::customers::{Customers, FEATURES};
use crate::model::Model;
use crate::schema;
use crate::table::{self, Facts, column};

/// One source file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SourceFact {
    /// Base name.
    pub name: String,
    /// blake3 of its content.
    pub digest: String,
    /// Size.
    pub bytes: i64,
    /// `file` or `simulated`.
    pub origin: String,
    /// `csv`, `xlsx` or `parquet`.
    pub format: String,
    /// What was given or detected of a text file: encoding, delimiter, decimal mark, date format, where they apply.
    pub detected: Vec<(&'static str, String)>,
    /// Data rows.
    pub rows: i64,
    /// Rows with a cell that could not be used.
    pub problem_rows: i64,
    /// Our column and the header it was found under.
    pub columns: Vec<(String, String)>,
}

/// One rule of `validate`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RuleFact {
    /// Its name.
    pub rule: String,
    /// `error`, `quarantine` or `warn`.
    pub severity: String,
    /// `ok`, `warning`, `quarantined` or `error`.
    pub status: String,
    /// Rows concerned.
    pub rows: i64,
    /// Their share of all rows.
    pub share: f64,
    /// Their money.
    pub amount: f64,
    /// What was found, in words.
    pub message: String,
}

/// One step of the waterfall: what is left after it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WaterfallFact {
    /// Its name.
    pub step: String,
    /// Rows, customers and invoices left.
    pub counts: [i64; 3],
    /// Money left.
    pub amount: f64,
    /// Rows it removed.
    pub rows_removed: i64,
    /// Money it removed.
    pub amount_removed: f64,
    /// What it did, in words.
    pub note: String,
}

/// Mean and quartiles of one feature of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Profile {
    /// Arithmetic mean.
    pub mean: f64,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SegmentFact {
    /// Its number.
    pub segment: i64,
    /// Its name.
    pub name: String,
    /// Its customers.
    pub customers: i64,
    /// Its share of customers, its revenue and its share of revenue.
    pub shares: [f64; 3],
    /// Recency, frequency and monetary of its customers.
    pub profiles: [Profile; 3],
    /// Its mean silhouette, where it is defined.
    pub silhouette: Option<f64>,
    /// What its customers are like.
    pub description: String,
    /// What to do about it.
    pub action: String,
}

impl SegmentFact {
    /// Its share of customers, 0 to 1.
    pub fn customer_share(&self) -> f64 {
        self.shares[0]
    }

    /// Its money.
    pub fn revenue(&self) -> f64 {
        self.shares[1]
    }

    /// Its share of all money, 0 to 1.
    pub fn revenue_share(&self) -> f64 {
        self.shares[2]
    }

    /// Medians of recency, frequency and monetary.
    pub fn medians(&self) -> [f64; 3] {
        self.profiles.map(|profile| profile.median)
    }
}

/// One k of the study.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StudyFact {
    /// The number of segments.
    pub k: i64,
    /// The measures that are defined: name and value.
    pub measures: Vec<(&'static str, f64)>,
    /// Whether the model has this k.
    pub is_selected: bool,
}

impl StudyFact {
    /// The measure of this name, where it is defined.
    pub fn measure(&self, name: &str) -> Option<f64> {
        self.measures.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// Who belongs where.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assignments {
    /// Customer ids, in the order of `customers`.
    pub ids: Vec<String>,
    /// Segments.
    pub segments: Vec<usize>,
    /// Names of the segments.
    pub names: Vec<String>,
}

/// Everything pictures, report and bundle are made of. Assignments, model and segments fit the customers.
#[derive(Debug, Clone, PartialEq)]
pub struct Results {
    /// The source files.
    pub sources: Vec<SourceFact>,
    /// The waterfall.
    pub waterfall: Vec<WaterfallFact>,
    /// The customers.
    pub customers: Customers,
    /// The facts of the customers' table.
    pub facts: Facts,
    /// The segment of each customer.
    pub labels: Vec<usize>,
    /// The model.
    pub model: Model,
    /// The study of k.
    pub study: Vec<StudyFact>,
    /// Metrics by name.
    pub metrics: Vec<(String, f64)>,
    /// The segments, by number.
    pub segments: Vec<SegmentFact>,
    /// Codes and messages of the warnings.
    pub warnings: Vec<(String, String)>,
}

/// Tables that do not belong together.
#[derive(Debug, thiserror::Error)]
#[error("the inputs `{left}` and `{right}` do not belong together: {problem}")]
pub struct MismatchError {
    /// One input.
    pub left: &'static str,
    /// The other.
    pub right: &'static str,
    /// How they differ.
    pub problem: String,
}

impl StageFault for MismatchError {
    fn fault(&self) -> Fault {
        Fault::Stage
    }

    fn hint(&self) -> Option<String> {
        Some("connect both to stages that worked on the same customers".to_owned())
    }
}

impl Results {
    /// Reads the inputs `sources`, `waterfall`, `customers`, `assignments`, `model_json`, `k_selection`, `metrics`,
    /// `segments` and `warnings`.
    ///
    /// # Errors
    /// Where a table cannot be read, is another one, or does not belong to the others ([`MismatchError`]).
    pub fn read(ctx: &StageContext<'_>) -> Result<Self, StageError> {
        let (customers, facts) = Customers::read(&ctx.input("customers")?.path)?;
        let assignments = assignments(ctx)?;
        let model = Model::read(&ctx.input("model_json")?.path)?;
        let segments = segments(ctx)?;
        check(&customers, &assignments, &model, &segments)?;
        Ok(Self {
            sources: sources(ctx)?,
            waterfall: waterfall(ctx)?,
            customers,
            facts,
            labels: assignments.segments,
            model,
            study: study(ctx)?,
            metrics: metrics(ctx)?,
            segments,
            warnings: warnings(ctx)?,
        })
    }

    /// Whether generated data stand in for real ones, by anything that says so.
    pub fn is_simulated(&self) -> bool {
        let simulated = SourceOrigin::Simulated.as_str();
        self.model.data_source == simulated
            || self.facts.get("data_source").is_some_and(|source| source == simulated)
            || self.sources.iter().any(|source| source.origin == simulated)
    }

    /// The customers in scaled space.
    pub fn points(&self) -> Vec<[f64; 3]> {
        self.customers.features().into_iter().map(|raw| self.model.scaler.transform(raw)).collect()
    }

    /// The metric of this name.
    pub fn metric(&self, name: &str) -> Option<f64> {
        self.metrics.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// The money of all segments.
    pub fn revenue(&self) -> f64 {
        self.segments.iter().map(SegmentFact::revenue).sum()
    }

    /// A fact of the customers' table; nothing where it is not known.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.get(name).map(String::as_str)
    }

    /// What one unit of frequency is, in words.
    pub fn frequency_unit(&self) -> &'static str {
        if self.model.frequency_unit == "purchase_days" { "purchase days" } else { "orders" }
    }
}

fn check(
    customers: &Customers,
    assignments: &Assignments,
    model: &Model,
    segments: &[SegmentFact],
) -> Result<(), MismatchError> {
    let differ = |left, right, problem: &str| Err(MismatchError { left, right, problem: problem.to_owned() });
    if customers.ids != assignments.ids {
        return differ("customers", "assignments", "the customer ids differ");
    }
    if assignments.segments.iter().any(|segment| *segment >= model.segments.len()) {
        return differ("assignments", "model_json", "a customer has a segment that the model does not have");
    }
    let is_same = |(fact, segment): (&SegmentFact, &crate::model::ModelSegment)| {
        fact.segment == segment.segment as i64 && fact.name == segment.name
    };
    if segments.len() != model.segments.len() || !segments.iter().zip(&model.segments).all(is_same) {
        return differ("segments", "model_json", "the segments differ");
    }
    Ok(())
}

fn read(ctx: &StageContext<'_>, input: &str, schema: &SchemaRef) -> Result<RecordBatch, StageError> {
    Ok(table::read(&ctx.input(input)?.path, schema)?.0)
}

fn rows<T>(batch: &RecordBatch, row: impl Fn(usize) -> T) -> Vec<T> {
    (0..batch.num_rows()).map(row).collect()
}

fn text(batch: &RecordBatch, name: &str, row: usize) -> String {
    column::<StringArray>(batch, name).value(row).to_owned()
}

fn text_if_any(batch: &RecordBatch, name: &str, row: usize) -> Option<String> {
    column::<StringArray>(batch, name).is_valid(row).then(|| text(batch, name, row))
}

fn integer(batch: &RecordBatch, name: &str, row: usize) -> i64 {
    column::<PrimitiveArray<Int64Type>>(batch, name).value(row)
}

fn number(batch: &RecordBatch, name: &str, row: usize) -> f64 {
    column::<Float64Array>(batch, name).value(row)
}

fn number_if_any(batch: &RecordBatch, name: &str, row: usize) -> Option<f64> {
    let column = column::<Float64Array>(batch, name);
    column.is_valid(row).then(|| column.value(row))
}

/// Exact money as the nearest float, by way of its text.
fn money(batch: &RecordBatch, name: &str, row: usize) -> f64 {
    column::<Decimal128Array>(batch, name).value_as_string(row).parse().unwrap_or(f64::NAN)
}

/// The input `sources`.
///
/// # Errors
/// Where the table cannot be read or is another one; so for all readers below.
pub fn sources(ctx: &StageContext<'_>) -> Result<Vec<SourceFact>, StageError> {
    let batch = read(ctx, "sources", &schema::sources())?;
    let detected = |row| {
        let names = ["encoding", "delimiter", "decimal_mark", "date_format"];
        names.into_iter().filter_map(|name| Some((name, text_if_any(&batch, name, row)?))).collect()
    };
    let source = |row| SourceFact {
        name: text(&batch, "name", row),
        digest: text(&batch, "digest", row),
        bytes: integer(&batch, "bytes", row),
        origin: text(&batch, "origin", row),
        format: text(&batch, "format", row),
        detected: detected(row),
        rows: integer(&batch, "rows", row),
        problem_rows: integer(&batch, "problem_rows", row),
        columns: columns(&batch, row),
    };
    Ok(rows(&batch, source))
}

fn columns(batch: &RecordBatch, row: usize) -> Vec<(String, String)> {
    let pairs = column::<ListArray>(batch, "columns").value(row);
    let Some(pairs) = pairs.as_any().downcast_ref::<StructArray>() else { return Vec::new() };
    let strings = |index: usize| pairs.column(index).as_any().downcast_ref::<StringArray>();
    let (Some(columns), Some(headers)) = (strings(0), strings(1)) else { return Vec::new() };
    (0..pairs.len()).map(|index| (columns.value(index).to_owned(), headers.value(index).to_owned())).collect()
}

/// The input `validation`.
///
/// # Errors
/// As [`sources`].
pub fn rules(ctx: &StageContext<'_>) -> Result<Vec<RuleFact>, StageError> {
    let batch = read(ctx, "validation", &schema::report())?;
    let rule = |row| RuleFact {
        rule: text(&batch, "rule", row),
        severity: text(&batch, "severity", row),
        status: text(&batch, "status", row),
        rows: integer(&batch, "rows", row),
        share: number(&batch, "share", row),
        amount: money(&batch, "amount", row),
        message: text(&batch, "message", row),
    };
    Ok(rows(&batch, rule))
}

/// The input `waterfall`.
///
/// # Errors
/// As [`sources`].
pub fn waterfall(ctx: &StageContext<'_>) -> Result<Vec<WaterfallFact>, StageError> {
    let batch = read(ctx, "waterfall", &schema::waterfall())?;
    let step = |row| WaterfallFact {
        step: text(&batch, "step", row),
        counts: ["rows", "customers", "invoices"].map(|name| integer(&batch, name, row)),
        amount: money(&batch, "amount", row),
        rows_removed: integer(&batch, "rows_removed", row),
        amount_removed: money(&batch, "amount_removed", row),
        note: text(&batch, "note", row),
    };
    Ok(rows(&batch, step))
}

/// The input `k_selection`.
///
/// # Errors
/// As [`sources`].
pub fn study(ctx: &StageContext<'_>) -> Result<Vec<StudyFact>, StageError> {
    let batch = read(ctx, "k_selection", &schema::k_selection())?;
    let names = ["silhouette", "calinski_harabasz", "davies_bouldin", "inertia", "smallest_share"];
    let k = column::<Int64Array>(&batch, "k");
    let is_selected = column::<BooleanArray>(&batch, "is_selected");
    let fact = |row| StudyFact {
        k: k.value(row),
        measures: names.into_iter().filter_map(|name| Some((name, number_if_any(&batch, name, row)?))).collect(),
        is_selected: is_selected.value(row),
    };
    Ok(rows(&batch, fact))
}

/// The input `metrics`.
///
/// # Errors
/// As [`sources`].
pub fn metrics(ctx: &StageContext<'_>) -> Result<Vec<(String, f64)>, StageError> {
    let batch = read(ctx, "metrics", &schema::metrics())?;
    Ok(rows(&batch, |row| (text(&batch, "metric", row), number(&batch, "value", row))))
}

/// The input `segments`.
///
/// # Errors
/// As [`sources`].
pub fn segments(ctx: &StageContext<'_>) -> Result<Vec<SegmentFact>, StageError> {
    Ok(segments_of(&read(ctx, "segments", &schema::segments())?))
}

/// The rows of a batch with the schema [`schema::segments`].
pub fn segments_of(batch: &RecordBatch) -> Vec<SegmentFact> {
    let profile = |feature: &str, row| {
        let value = |statistic: &str| number(batch, &format!("{feature}_{statistic}"), row);
        Profile { mean: value("mean"), q1: value("q1"), median: value("median"), q3: value("q3") }
    };
    let segment = |row| SegmentFact {
        segment: integer(batch, "segment", row),
        name: text(batch, "segment_name", row),
        customers: integer(batch, "customers", row),
        shares: ["customer_share", "revenue", "revenue_share"].map(|name| number(batch, name, row)),
        profiles: FEATURES.map(|feature| profile(feature, row)),
        silhouette: number_if_any(batch, "silhouette", row),
        description: text(batch, "description", row),
        action: text(batch, "action", row),
    };
    rows(batch, segment)
}

/// The input `warnings`: codes and messages.
///
/// # Errors
/// As [`sources`].
pub fn warnings(ctx: &StageContext<'_>) -> Result<Vec<(String, String)>, StageError> {
    let batch = read(ctx, "warnings", &schema::warnings())?;
    Ok(rows(&batch, |row| (text(&batch, "code", row), text(&batch, "message", row))))
}

/// The input `silhouettes`: segment and silhouette of each customer whose silhouette was computed.
///
/// # Errors
/// As [`sources`].
pub fn silhouettes(ctx: &StageContext<'_>) -> Result<Vec<(i64, f64)>, StageError> {
    let batch = read(ctx, "silhouettes", &schema::silhouettes())?;
    Ok(rows(&batch, |row| (integer(&batch, "segment", row), number(&batch, "silhouette", row))))
}

/// The input `assignments`.
///
/// # Errors
/// As [`sources`].
pub fn assignments(ctx: &StageContext<'_>) -> Result<Assignments, StageError> {
    Ok(assignments_of(&read(ctx, "assignments", &schema::assignments())?))
}

/// The rows of a batch with the schema [`schema::assignments`]. A negative segment becomes one that no model has.
pub fn assignments_of(batch: &RecordBatch) -> Assignments {
    let segment = |row| usize::try_from(integer(batch, "segment", row)).unwrap_or(usize::MAX);
    Assignments {
        ids: rows(batch, |row| text(batch, "customer_id", row)),
        segments: rows(batch, segment),
        names: rows(batch, |row| text(batch, "segment_name", row)),
    }
}
