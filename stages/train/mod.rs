//! Training: customers are scaled and partitioned, the segments are put in order and named, the model is written.
//!
//! For: the study of the number of segments, the model with everything needed to score raw recency, frequency and
//! monetary values (model.json, model.onnx), and every customer's segment. Not for: judging the result (`evaluate`) or
//! scoring (`model`). Called by: the orchestrator.

mod fitting;
mod naming;
mod onnx;
mod order;
mod params;
mod scaling;
mod stability;
mod study;
mod tables;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde_json::{Map, Value};

use self::study::study;
use crate::bands::bands;
use crate::contract::{
    self, CheckedParams, Fault, Input, Output, ParamError, Part, Stage, StageContext, StageError, StageFault,
    StageReport,
};
use crate::customers::{Customers, FEATURES};
use crate::implementation;
use crate::kernels::kmeans::KMeansError;
use crate::kernels::mixture::MixtureError;
use crate::kernels::sum;
use crate::model::{self, Model, ModelSegment, Scaler, Score};
use crate::numerals::counted;
use crate::table::{self, Facts};

pub use fitting::Partition;
pub use params::{Algorithm, K, Scaling, TrainParams, Winsorise};
pub use scaling::fit as fit_scaler;
pub use stability::{REFIT_CUSTOMERS, REFIT_STARTS};
pub use study::{Candidate, EXACT_UP_TO, SMALLEST_SHARE, Study};

/// The stage `train`.
#[derive(Debug, Clone, Copy)]
pub struct Train;

/// Why no model could be trained.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// There are not more customers than segments.
    #[error("k = {k} needs at least {} customers, and there {}", k + 1, are(*customers))]
    TooFewCustomers {
        /// Segments asked for, or the fewest of the range to search.
        k: usize,
        /// Customers there are.
        customers: usize,
    },
    /// Too many customers are alike.
    #[error("k = {k} needs at least {k} customers who differ, and there {}", are(*distinct))]
    TooFewDistinct {
        /// Segments asked for, or the fewest of the range to search.
        k: usize,
        /// Customers who differ in scaled recency, frequency or monetary.
        distinct: usize,
    },
    /// No k of the range could be fitted.
    #[error("no k of {low} to {high} could be fitted")]
    NoCandidate {
        /// First k.
        low: usize,
        /// Last k.
        high: usize,
    },
    /// No mixture was found.
    #[error("no Gaussian mixture was found")]
    Mixture(#[source] MixtureError),
    /// KMeans refuses points that were checked before.
    #[error("the scaled customers cannot be partitioned")]
    KMeans(#[from] KMeansError),
    /// The results do not fit their tables, which cannot happen.
    #[error("the results do not fit their tables")]
    Batch(#[from] arrow_schema::ArrowError),
    /// model.onnx cannot be written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn are(count: usize) -> String {
    if count == 1 { "is 1".to_owned() } else { format!("are {count}") }
}

impl StageFault for TrainError {
    fn fault(&self) -> Fault {
        match self {
            Self::TooFewCustomers { .. } | Self::TooFewDistinct { .. } => Fault::Data,
            Self::NoCandidate { .. } | Self::Mixture(_) => Fault::Stage,
            Self::KMeans(_) | Self::Batch(_) => Fault::Bug,
            Self::File { .. } => Fault::Disk,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::TooFewCustomers { .. } => "lower `train.k`, or bring more data",
            Self::TooFewDistinct { .. } => "lower `train.k`, or check whether the data are what they should be",
            Self::NoCandidate { .. } | Self::Mixture(_) => {
                "lower `train.k`, raise `train.max_iter`, set `train.scaling: log`, or use `algorithm: kmeans`"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// Where the customers come from, as the model records it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origin {
    /// The moment from which recency is counted.
    pub snapshot: String,
    /// `invoices` or `purchase_days`.
    pub frequency_unit: String,
    /// `file` or `simulated`.
    pub data_source: String,
    /// blake3 of the customers' table.
    pub data_digest: String,
}

impl Origin {
    fn new(facts: &Facts, digest: &str) -> Self {
        let fact = |name: &str, default: &str| facts.get(name).map_or(default, String::as_str).to_owned();
        Self {
            snapshot: fact("snapshot", ""),
            frequency_unit: fact("frequency_unit", "invoices"),
            data_source: fact("data_source", "file"),
            data_digest: digest.to_owned(),
        }
    }
}

/// What training gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model.
    pub model: Model,
    /// Every customer's score, in their order.
    pub scores: Vec<Score>,
    /// The study of k.
    pub study: Study,
    /// What a reader of the run should know.
    pub remarks: Vec<String>,
}

/// Trains a model of customers with these raw features.
///
/// # Errors
/// [`TrainError`] where there are too few customers for the segments asked for, or no mixture is found.
pub fn train(raw: &[[f64; 3]], origin: Origin, params: &TrainParams) -> Result<Trained, TrainError> {
    train_from(raw, origin, params, None)
}

/// The same, with the study's candidates where they are known.
fn train_from(
    raw: &[[f64; 3]],
    origin: Origin,
    params: &TrainParams,
    known: Option<Vec<Candidate>>,
) -> Result<Trained, TrainError> {
    if raw.is_empty() {
        return Err(TrainError::TooFewCustomers { k: params.least_k(), customers: 0 });
    }
    let scaler = scaling::fit(raw, params.scaling, params.winsorise);
    let points: Vec<[f64; 3]> = raw.iter().map(|row| scaler.transform(*row)).collect();
    let mut study = study(&points, params, known)?;
    let mut remarks = std::mem::take(&mut study.remarks);
    let partition = order::order(study.candidates[study.selected].partition.clone(), raw);
    let k = partition.centres.len();
    remarks.extend(remarks_on(&partition, raw, &scaler, params));
    let names = naming::names(&bands(&points, &partition.centres));
    let mut model = blank(raw, scaler, origin, params);
    model.segments = segments(&partition, names);
    model.mixture = partition.mixture;
    let scores: Vec<Score> = {
        let scorer = model.scorer();
        points.iter().map(|point| scorer.score_scaled(*point)).collect()
    };
    fill_in(&mut model.segments, &scores, raw);
    let kept: Vec<&str> = scores.iter().map(|score| model.segments[score.segment].name.as_str()).collect();
    let name_stability = stability::name_stability(raw, &kept, k, params);
    remarks.extend(name_stability.map(|share| {
        format!("{:.1} % of customers keep their segment's name over {} refits", 100.0 * share, params.stability_refits)
    }));
    model.name_stability = name_stability;
    Ok(Trained { model, scores, study, remarks })
}

/// What to know about the numbers that went in and the fit that came out.
fn remarks_on(partition: &Partition, raw: &[[f64; 3]], scaler: &Scaler, params: &TrainParams) -> Vec<String> {
    let mut remarks = Vec::new();
    let negative = raw.iter().filter(|row| row.iter().any(|value| *value < 0.0)).count();
    if scaler.is_log && negative > 0 {
        let who = if negative == 1 { "1 customer has".to_owned() } else { format!("{negative} customers have") };
        remarks.push(format!("{who} a negative value, which `scaling: log` counts as 0"));
    }
    if !partition.is_stable {
        remarks
            .push(format!("the fit had not come to rest after {} iterations: raise `train.max_iter`", params.max_iter));
    }
    remarks
}

/// A model without segments.
fn blank(raw: &[[f64; 3]], scaler: Scaler, origin: Origin, params: &TrainParams) -> Model {
    let range = |feature: usize| {
        let values = raw.iter().map(|row| row[feature]);
        [values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max)]
    };
    let algorithm = match params.algorithm {
        Algorithm::Kmeans => model::KMEANS,
        Algorithm::GaussianMixture => model::GAUSSIAN_MIXTURE,
    };
    Model {
        version: model::VERSION,
        segpipe_version: env!("CARGO_PKG_VERSION").to_owned(),
        algorithm: algorithm.to_owned(),
        features: FEATURES.map(String::from),
        scaler,
        segments: Vec::new(),
        mixture: None,
        snapshot: origin.snapshot,
        frequency_unit: origin.frequency_unit,
        data_digest: origin.data_digest,
        data_source: origin.data_source,
        customers: raw.len() as u64,
        seed: params.seed,
        ranges: std::array::from_fn(range),
        name_stability: None,
    }
}

/// The segments before anybody is in them.
fn segments(partition: &Partition, names: Vec<String>) -> Vec<ModelSegment> {
    let pairs = names.into_iter().zip(&partition.centres).enumerate();
    pairs
        .map(|(segment, (name, &centroid))| ModelSegment { segment, name, customers: 0, centroid, mean: [0.0; 3] })
        .collect()
}

/// Counts and means of the customers in each segment.
fn fill_in(segments: &mut [ModelSegment], scores: &[Score], raw: &[[f64; 3]]) {
    for (index, segment) in segments.iter_mut().enumerate() {
        let members: Vec<[f64; 3]> =
            scores.iter().zip(raw).filter(|(score, _)| score.segment == index).map(|(_, row)| *row).collect();
        let mean = |feature: usize| sum::mean(&members.iter().map(|row| row[feature]).collect::<Vec<_>>());
        segment.customers = members.len() as u64;
        segment.mean = if members.is_empty() { [0.0; 3] } else { std::array::from_fn(mean) };
    }
}

static INPUTS: [Input; 1] = [Input::new("customers", "rfm.customers")];

static OUTPUTS: [Output; 5] = [
    Output::table("model", "model.parquet"),
    Output::table("assignments", "assignments.parquet"),
    Output::table("k_selection", "k_selection.parquet"),
    Output::file("onnx", "model.onnx"),
    Output::file("model_json", "model.json"),
];

impl Stage for Train {
    fn name(&self) -> &'static str {
        "train"
    }

    fn summary(&self) -> &'static str {
        "scales customers, studies k, fits, names and exports the segments"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("train")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<TrainParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<TrainParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let input = ctx.input("customers")?;
        let (customers, facts) = Customers::read(&input.path)?;
        ctx.check_cancelled()?;
        let (raw, params): (_, TrainParams) = (customers.features(), ctx.params()?);
        let part = Part { name: "study", facts: params.of_study() };
        let known: Option<Vec<Candidate>> = ctx.recall(&part);
        let is_known = known.is_some();
        let trained = train_from(&raw, Origin::new(&facts, &input.digest), &params, known)?;
        ctx.check_cancelled()?;
        if !is_known && study::is_complete(&trained.study.candidates, &raw, &params) {
            ctx.keep(&part, &trained.study.candidates);
        }
        for remark in &trained.remarks {
            ctx.info(remark);
        }
        write(ctx, &customers.ids, &trained, &facts)?;
        let k = trained.model.segments.len();
        Ok(StageReport { headline: format!("k={k}, {}", counted(customers.len() as u64, "customer")) })
    }
}

fn write(ctx: &StageContext<'_>, ids: &[String], trained: &Trained, facts: &Facts) -> Result<(), StageError> {
    let Trained { model, scores, study, .. } = trained;
    table::write_output(ctx, "model", &tables::model(model).map_err(TrainError::Batch)?, facts)?;
    let assignments = tables::assignments(ids, scores, model).map_err(TrainError::Batch)?;
    table::write_output(ctx, "assignments", &assignments, facts)?;
    table::write_output(ctx, "k_selection", &tables::k_selection(study).map_err(TrainError::Batch)?, facts)?;
    let path = ctx.output("onnx")?;
    std::fs::write(&path, onnx::encode(model)).map_err(|source| TrainError::File { path, source })?;
    model.write(&ctx.output("model_json")?)?;
    Ok(())
}
