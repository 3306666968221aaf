//! The run's description: the segments as a Markdown table, with the warnings below.
//!
//! For: `track`. Shown by MLflow at the top of the run's page.

use std::fmt::Write;

use super::results::Results;

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
        "{} segments of {} customers: {}, {} scaling{silhouette}; recency counted at {}.\n",
        model.segments.len(),
        model.customers,
        model.algorithm,
        model.scaler.method,
        model.snapshot,
    );
    text.push_str("| segment | name | customers | share | revenue share | recency | frequency | monetary | action |\n");
    text.push_str("|---:|---|---:|---:|---:|---:|---:|---:|---|\n");
    for segment in &results.segments {
        let [customer_share, _, revenue_share] = segment.shares.map(|share| share * 100.0);
        let [recency, frequency, monetary] = segment.medians();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {customer_share:.1} % | {revenue_share:.1} % | {recency:.0} | {frequency:.0} | {monetary:.2} | {} |",
            segment.segment,
            cell(&segment.name),
            segment.customers,
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
