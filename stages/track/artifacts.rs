//! Which outputs go to the tracking server as files, and under which path.
//!
//! For: `track` (lists them in the record) and the outbox (keeps copies of them). Not for: tables of customers, which
//! are personal data and stay where they are.

/// Path of the artifact, and the output it is, as `kind.output`. A directory goes there with everything in it.
pub const ARTIFACTS: [(&str, &str); 10] = [
    ("plots", "visualize.images"),
    ("report.html", "visualize.report"),
    ("tables/metrics.parquet", "evaluate.metrics"),
    ("tables/segments.parquet", "evaluate.segments"),
    ("tables/k_selection.parquet", "train.k_selection"),
    ("tables/waterfall.parquet", "preprocess.waterfall"),
    ("tables/validation.parquet", "validate.report"),
    ("model/model.onnx", "train.onnx"),
    ("model/model.json", "train.model_json"),
    ("bundle", "deploy.bundle"),
];
