//! The schemas of all tables that stages hand to each other, one function a table, in the order of the stages.
//!
//! For: column names, types and what a null means. `stages/README.md` documents the same columns in words.
//! Not for: reading, writing or computing. Called by: every stage, scoring, and tests.
//!
//! Money and quantities are exact decimals up to `orders`; from `customers` on they are float64.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Exact quantity: decimal(18,3).
pub const QUANTITY: DataType = DataType::Decimal128(18, 3);
/// Exact price: decimal(18,6).
pub const PRICE: DataType = DataType::Decimal128(18, 6);
/// Exact money: decimal(38,9), the scale of quantity × price.
pub const MONEY: DataType = DataType::Decimal128(38, 9);
/// Wall-clock time in microseconds, without a zone.
pub const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

fn table(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn nullable(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

/// Texts that recur from row to row, held by a dictionary; in a file they are texts like all others.
pub fn recurring() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The struct of one entry of `transactions.problems`.
pub fn problem_fields() -> Fields {
    let names = ["column", "text", "reason"];
    names.into_iter().map(|name| required(name, DataType::Utf8)).collect()
}

/// The struct of one entry of `sources.columns`.
pub fn column_fields() -> Fields {
    ["column", "header"].into_iter().map(|name| required(name, DataType::Utf8)).collect()
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, false)))
}

fn transaction_fields() -> Vec<Field> {
    vec![
        required("source", DataType::Int32),
        required("row", DataType::Int64),
        nullable("invoice", recurring()),
        nullable("product", recurring()),
        nullable("description", recurring()),
        nullable("quantity", QUANTITY),
        nullable("invoice_date", TIMESTAMP),
        nullable("unit_price", PRICE),
        nullable("amount", MONEY),
        nullable("customer_id", recurring()),
        nullable("country", recurring()),
        required("problems", list_of(DataType::Struct(problem_fields()))),
    ]
}

/// `load.transactions` and `validate.valid`: one row per source row, in source order. `row` counts data rows from 1.
/// A cell is null where the source's was empty, or where it could not be used and `problems` says why.
pub fn transactions() -> SchemaRef {
    table(transaction_fields())
}

/// `load.sources`: one row per source file, with what was detected or given.
pub fn sources() -> SchemaRef {
    table(vec![
        required("source", DataType::Int32),
        required("name", DataType::Utf8),
        required("digest", DataType::Utf8),
        required("bytes", DataType::Int64),
        required("origin", DataType::Utf8),
        required("format", DataType::Utf8),
        nullable("encoding", DataType::Utf8),
        nullable("delimiter", DataType::Utf8),
        nullable("decimal_mark", DataType::Utf8),
        nullable("date_format", DataType::Utf8),
        required("rows", DataType::Int64),
        required("problem_rows", DataType::Int64),
        required("rounded_cells", DataType::Int64),
        required("columns", list_of(DataType::Struct(column_fields()))),
    ])
}

/// `validate.quarantine`: the rows that may not go on, as they were, with the first broken rule and all of them.
pub fn quarantine() -> SchemaRef {
    let mut fields = transaction_fields();
    fields.push(required("reason", recurring()));
    fields.push(required("reasons", list_of(DataType::Utf8)));
    table(fields)
}

/// `validate.report`: one row per rule, in declared order. `status` is `ok`, `warning`, `quarantined` or `error`;
/// `amount` is the money of the rows concerned where it can be computed.
pub fn report() -> SchemaRef {
    table(vec![
        required("rule", DataType::Utf8),
        required("severity", DataType::Utf8),
        required("status", DataType::Utf8),
        required("rows", DataType::Int64),
        required("share", DataType::Float64),
        required("amount", MONEY),
        required("rows_without_amount", DataType::Int64),
        required("message", DataType::Utf8),
    ])
}

/// `preprocess.orders`: the lines that count, in source order. `kind` is `purchase` or `return`
/// (the latter only under `returns: net`).
pub fn orders() -> SchemaRef {
    table(vec![
        required("source", DataType::Int32),
        required("row", DataType::Int64),
        nullable("invoice", recurring()),
        nullable("product", recurring()),
        nullable("quantity", QUANTITY),
        required("invoice_date", TIMESTAMP),
        nullable("unit_price", PRICE),
        required("amount", MONEY),
        required("customer_id", recurring()),
        nullable("country", recurring()),
        required("kind", recurring()),
    ])
}

/// `preprocess.orphans`: returns whose purchase was not found, or not all of it, under `returns: matched`.
pub fn orphans() -> SchemaRef {
    table(vec![
        required("source", DataType::Int32),
        required("row", DataType::Int64),
        nullable("invoice", recurring()),
        nullable("product", recurring()),
        nullable("quantity", QUANTITY),
        required("invoice_date", TIMESTAMP),
        nullable("unit_price", PRICE),
        required("amount", MONEY),
        required("customer_id", recurring()),
        nullable("country", recurring()),
        nullable("unmatched_quantity", QUANTITY),
        required("unmatched_amount", MONEY),
    ])
}

/// `preprocess.waterfall`: one row per step, with what is left after it and what it removed.
pub fn waterfall() -> SchemaRef {
    table(vec![
        required("step", DataType::Utf8),
        required("rows", DataType::Int64),
        required("customers", DataType::Int64),
        required("invoices", DataType::Int64),
        required("amount", MONEY),
        required("rows_removed", DataType::Int64),
        required("amount_removed", MONEY),
        required("note", DataType::Utf8),
    ])
}

/// `rfm.customers`: one row per customer, sorted by id (bytewise).
pub fn customers() -> SchemaRef {
    table(vec![
        required("customer_id", DataType::Utf8),
        required("recency", DataType::Int64),
        required("frequency", DataType::Int64),
        required("monetary", DataType::Float64),
        required("recency_score", DataType::Int64),
        required("frequency_score", DataType::Int64),
        required("monetary_score", DataType::Int64),
        required("rfm_segment", DataType::Utf8),
    ])
}

/// `train.model`: one row per segment. Centres are in scaled space; the raw means are what they stand for.
pub fn model() -> SchemaRef {
    table(vec![
        required("segment", DataType::Int64),
        required("segment_name", DataType::Utf8),
        required("customers", DataType::Int64),
        required("centroid_recency", DataType::Float64),
        required("centroid_frequency", DataType::Float64),
        required("centroid_monetary", DataType::Float64),
        required("mean_recency", DataType::Float64),
        required("mean_frequency", DataType::Float64),
        required("mean_monetary", DataType::Float64),
    ])
}

/// `train.assignments`: one row per customer, in the order of `customers`. `distance` is Euclidean in scaled space;
/// `runner_up` is the second nearest segment (null for k = 1) and `margin` = (its distance − distance) / its distance.
pub fn assignments() -> SchemaRef {
    table(vec![
        required("customer_id", DataType::Utf8),
        required("segment", DataType::Int64),
        required("segment_name", DataType::Utf8),
        required("distance", DataType::Float64),
        nullable("runner_up", DataType::Int64),
        nullable("margin", DataType::Float64),
    ])
}

/// `train.k_selection`: one row per k of the study. Scores are null where they are not defined.
pub fn k_selection() -> SchemaRef {
    table(vec![
        required("k", DataType::Int64),
        required("inertia", DataType::Float64),
        nullable("silhouette", DataType::Float64),
        nullable("calinski_harabasz", DataType::Float64),
        nullable("davies_bouldin", DataType::Float64),
        required("smallest_share", DataType::Float64),
        required("iterations", DataType::Int64),
        required("is_selected", DataType::Boolean),
    ])
}

/// `evaluate.metrics`: long form, `silhouette`, `calinski_harabasz`, `davies_bouldin`, `inertia` first.
pub fn metrics() -> SchemaRef {
    table(vec![required("metric", DataType::Utf8), required("value", DataType::Float64)])
}

/// `evaluate.segments`: one row per segment with its profile. Quartiles by linear interpolation.
pub fn segments() -> SchemaRef {
    let mut fields = vec![
        required("segment", DataType::Int64),
        required("segment_name", DataType::Utf8),
        required("customers", DataType::Int64),
        required("customer_share", DataType::Float64),
        required("revenue", DataType::Float64),
        required("revenue_share", DataType::Float64),
    ];
    for feature in ["recency", "frequency", "monetary"] {
        for statistic in ["mean", "q1", "median", "q3"] {
            fields.push(required(&format!("{feature}_{statistic}"), DataType::Float64));
        }
    }
    fields.push(nullable("silhouette", DataType::Float64));
    fields.push(required("description", DataType::Utf8));
    fields.push(required("action", DataType::Utf8));
    table(fields)
}

/// `evaluate.silhouettes`: the customers whose silhouettes were computed, in the order of `customers`.
pub fn silhouettes() -> SchemaRef {
    table(vec![
        required("customer_id", DataType::Utf8),
        required("segment", DataType::Int64),
        required("silhouette", DataType::Float64),
    ])
}

/// `evaluate.warnings`: what would mislead a reader who does not know it.
pub fn warnings() -> SchemaRef {
    table(vec![required("code", DataType::Utf8), required("message", DataType::Utf8)])
}

/// `visualize.plots`: one row per plot; paths are relative to `images`.
pub fn plots() -> SchemaRef {
    let names = ["plot", "title", "description", "png", "svg"];
    table(names.into_iter().map(|name| required(name, DataType::Utf8)).collect())
}

/// `track.record`: everything a tracking server is told, long form. `kind` is `param`, `metric`, `tag`, `dataset`,
/// `artifact` or `model`; a metric's number is in `value` and its step in `step`, everything else is in `text`.
pub fn record() -> SchemaRef {
    table(vec![
        required("kind", DataType::Utf8),
        required("key", DataType::Utf8),
        nullable("text", DataType::Utf8),
        nullable("value", DataType::Float64),
        nullable("step", DataType::Int64),
    ])
}

/// `deploy.manifest`: one row per file of the bundle, sorted by path.
pub fn manifest() -> SchemaRef {
    table(vec![
        required("path", DataType::Utf8),
        required("digest", DataType::Utf8),
        required("bytes", DataType::Int64),
    ])
}
