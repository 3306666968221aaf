//! The run's description: the segments as a Markdown table, with the warnings below.
//!
//! For: `track`. Shown by MLflow at the top of the run's page.

use std::fmt::Write;

use super::results::Results;
use crate::document::numbers::{count, counted, fixed, percent, short};

/// Markdown about a result.
pub(super) fn markdown(results: &Results) -> String {
    let model = &results.model;
    let mut text = String::new();
    if model.data_source == "simulated" {
        text.push_str("**SIMULATED DATA: these customers never existed.**\n\n");
    }
    let silhouette = results.metrics.iter().find(|(name, _)| name == "silhouette");
    let silhouette = silhouette.map(|(_, value)| format!(", silhouette {value:.3}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "{} of {}: {}, {} scaling{silhouette}; recency counted at {}.\n",
        counted(model.segments.len() as i64, "segment", "segments"),
        counted(model.customers as i64, "customer", "customers"),
        model.algorithm,
        model.scaler.method,
        model.snapshot,
    );
    text.push_str("| segment | name | customers | share | revenue share | recency | frequency | monetary | action |\n");
    text.push_str("|---:|---|---:|---:|---:|---:|---:|---:|---|\n");
    for segment in &results.segments {
        let [customer_share, _, revenue_share] = segment.shares;
        let [recency, frequency, monetary] = segment.medians();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            segment.segment,
            cell(&segment.name),
            count(segment.customers),
            percent(customer_share),
            percent(revenue_share),
            short(recency),
            short(frequency),
            fixed(monetary, 2),
            cell(&segment.action),
        );
    }
    text.push_str("\nRecency (days), frequency and monetary are medians.\n");
    if !results.warnings.is_empty() {
        text.push_str("\n**Warnings**\n\n");
        for (_, message) in &results.warnings {
            let _ = writeln!(text, "- {}", message.replace('\n', " "));
        }
    }
    text
}

/// Text as it may stand in a cell of a Markdown table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
