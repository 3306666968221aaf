//! The model card: what the model is, what it was made of, how good it is, and where it must not be trusted.
//!
//! For: `model_card.md` and `model_card.html`, from one list of blocks. Not for: plots (the report has them).

use crate::document::numbers::{counted, fixed, moment, percent};
use crate::document::{Block, html, markdown, tables};
use crate::results::Results;

const TITLE: &str = "Model card: customer segments";

/// Digests of the model's files.
pub(super) struct ModelDigests<'a> {
    pub(super) json: &'a str,
    pub(super) onnx: &'a str,
}

/// The card as Markdown and as a page of HTML.
pub(super) fn write(results: &Results, digests: &ModelDigests<'_>) -> (String, String) {
    let blocks = blocks(results, digests);
    (markdown::blocks(&blocks), html::page(TITLE, "", &html::blocks(&blocks)))
}

fn blocks(results: &Results, digests: &ModelDigests<'_>) -> Vec<Block> {
    let mut blocks = vec![Block::heading(1, TITLE)];
    if results.is_simulated() {
        let text = "SIMULATED DATA: these customers never existed. Do not act on this model.";
        blocks.push(Block::Alert(text.to_owned()));
    }
    blocks.extend(results.warnings.iter().map(|(_, message)| Block::Alert(message.clone())));
    blocks.push(Block::paragraph(summary(results)));
    blocks.extend([
        Block::heading(2, "The segments"),
        Block::Table(tables::segments(results)),
        Block::heading(2, "What it is for"),
        Block::List(uses()),
        Block::heading(2, "Data"),
        Block::paragraph(period(results)),
        Block::Table(tables::sources(results)),
        Block::heading(2, "How the data was reduced"),
        Block::paragraph(policy(results)),
        Block::Table(tables::waterfall(results)),
        Block::heading(2, "Method"),
        Block::paragraph(method(results)),
        Block::heading(2, "How many segments"),
        Block::Table(tables::study(results)),
        Block::heading(2, "Quality"),
        Block::Table(tables::metrics(results)),
        Block::heading(2, "Limits"),
        Block::List(limits(results)),
        Block::heading(2, "Origin and digests"),
        Block::Table(tables::provenance(results, &[("model.json", digests.json), ("model.onnx", digests.onnx)])),
    ]);
    blocks
}

fn summary(results: &Results) -> String {
    let silhouette = results.metric("silhouette").filter(|value| value.is_finite());
    let quality = silhouette.map(|value| format!(", mean silhouette {}", fixed(value, 3))).unwrap_or_default();
    format!(
        "{} of {} with a revenue of {}{quality}.",
        counted(results.model.segments.len() as i64, "segment", "segments"),
        counted(results.customers.len() as i64, "customer", "customers"),
        fixed(results.revenue(), 2),
    )
}

fn uses() -> Vec<String> {
    [
        "It tells how a customer buys, by recency, frequency and spend, so that campaigns can differ by segment.",
        "It scores customers of the same shop from their recency, frequency and monetary values, or from their \
         transactions under the policy in policy.json.",
        "It must not decide on prices, credit or service for a single person, and says nothing about why people buy.",
    ]
    .map(String::from)
    .to_vec()
}

fn period(results: &Results) -> String {
    let snapshot = moment(&results.model.snapshot);
    match (results.fact("period_start"), results.fact("period_end")) {
        (Some(start), Some(end)) => {
            format!("Purchases from {} to {}; recency is counted at {snapshot}.", moment(start), moment(end))
        }
        _ => format!("Recency is counted at {snapshot}."),
    }
}

fn policy(results: &Results) -> String {
    let returns = match results.fact("returns") {
        Some("gross") => "Cancellations and returns were left out.",
        Some("net") => "Cancellations and returns reduce what a customer spent.",
        Some("matched") => "Purchases and their cancellations were paired and both left out.",
        _ => "What happened to cancellations and returns is not recorded.",
    };
    let unit = match results.frequency_unit() {
        "purchase days" => "Frequency counts days with a purchase, since the source has no invoices.",
        _ => "Frequency counts distinct invoices.",
    };
    format!("{returns} {unit}")
}

fn method(results: &Results) -> String {
    let model = &results.model;
    let clipped = if model.scaler.clip.is_some() { "clipped at quantiles and " } else { "" };
    let scaling = match model.scaler.method.as_str() {
        "standard" => "scaled to mean 0 and standard deviation 1",
        "log" => "put on a logarithmic scale, then scaled to mean 0 and standard deviation 1",
        "robust" => "scaled by median and quartiles",
        "minmax" => "scaled to the range from 0 to 1",
        _ => "used as they are",
    };
    let algorithm = match model.algorithm.as_str() {
        crate::model::GAUSSIAN_MIXTURE => "a Gaussian mixture (each customer to the most probable component)",
        _ => "k-means (each customer to the nearest centre, Euclidean distance)",
    };
    format!(
        "Recency in days, frequency and monetary of each customer were {clipped}{scaling}; segments come from \
         {algorithm} with k = {} and seed {}. Segment 0 has the highest median monetary value.",
        model.segments.len(),
        model.seed
    )
}

fn limits(results: &Results) -> Vec<String> {
    let model = &results.model;
    let [recency, frequency, monetary] =
        model.ranges.map(|[low, high]| format!("{} to {}", fixed(low, 0), fixed(high, 0)));
    let mut limits = vec![
        format!(
            "It has seen recency of {recency} days, frequency of {frequency} and monetary of {monetary}; beyond these \
             an answer is an extrapolation."
        ),
        "Recency ages: a customer scored against another snapshot than the model's is compared with other days."
            .to_owned(),
        "Segments are a summary. Customers near a border could as well belong to the neighbour: see their margin."
            .to_owned(),
    ];
    if let Some(smallest) = results.segments.iter().min_by_key(|segment| segment.customers) {
        let share = percent(smallest.customer_share());
        limits.push(format!("The smallest segment, {}, holds {share} of the customers.", smallest.name));
    }
    if let Some(stability) = model.name_stability {
        let share = percent(stability);
        limits.push(format!("On resampled customers, {share} kept the name of their segment."));
    }
    limits
}
