//! Tables of results as people read them: the same in the report and in the model card.
//!
//! For: wording, units and digits. Not for: where they stand. Called by: `visualize`, `deploy`.

use super::Table;
use super::numbers::{count, fixed, percent, short};
use crate::results::{Results, SourceFact};

/// The waterfall, one row a step.
pub fn waterfall(results: &Results) -> Table {
    let head = ["step", "#rows", "#customers", "#invoices", "#money", "#rows removed", "#money removed", "what it did"];
    let rows = results.waterfall.iter().map(|step| {
        let [rows, customers, invoices] = step.counts.map(count);
        vec![
            step.step.clone(),
            rows,
            customers,
            invoices,
            fixed(step.amount, 2),
            count(step.rows_removed),
            fixed(step.amount_removed, 2),
            step.note.clone(),
        ]
    });
    Table::new(&head).with_rows(rows)
}

/// The study of k, one row a k.
pub fn study(results: &Results) -> Table {
    let head =
        ["#k", "#inertia", "#silhouette", "#Calinski-Harabasz", "#Davies-Bouldin", "#smallest segment", "chosen"];
    let rows = results.study.iter().map(|fact| {
        let measure =
            |name: &str, decimals| fact.measure(name).map_or_else(|| "n/a".to_owned(), |value| fixed(value, decimals));
        vec![
            count(fact.k),
            measure("inertia", 1),
            measure("silhouette", 3),
            measure("calinski_harabasz", 1),
            measure("davies_bouldin", 3),
            fact.measure("smallest_share").map_or_else(String::new, percent),
            if fact.is_selected { "chosen" } else { "" }.to_owned(),
        ]
    });
    Table::new(&head).with_rows(rows)
}

/// The metrics, and the stability of names where it was measured.
pub fn metrics(results: &Results) -> Table {
    let metrics = results.metrics.iter().map(|(name, value)| vec![name.replace('_', " "), fixed(*value, 4)]);
    let has_stability = results.metric("name_stability").is_some();
    let stability = results.model.name_stability.filter(|_| !has_stability);
    let stability = stability.map(|share| vec!["name stability".to_owned(), fixed(share, 4)]);
    Table::new(&["metric", "#value"]).with_rows(metrics.chain(stability))
}

/// The source files, one row a file.
pub fn sources(results: &Results) -> Table {
    let head = ["file", "origin", "format", "#rows", "#rows with problems", "#bytes", "given or detected", "columns"];
    let rows = results.sources.iter().map(|source| {
        vec![
            source.name.clone(),
            source.origin.clone(),
            source.format.clone(),
            count(source.rows),
            count(source.problem_rows),
            count(source.bytes),
            detected(source),
            source.columns.iter().map(|(column, header)| format!("{column} ← {header}")).collect::<Vec<_>>().join(", "),
        ]
    });
    Table::new(&head).with_rows(rows)
}

fn detected(source: &SourceFact) -> String {
    let visible = |value: &str| if value == "\t" { "tab".to_owned() } else { format!("“{value}”") };
    let fact = |(name, value): &(&str, String)| format!("{}: {}", name.replace('_', " "), visible(value));
    source.detected.iter().map(fact).collect::<Vec<_>>().join(", ")
}

/// The segments, one row a segment.
pub fn segments(results: &Results) -> Table {
    let head = [
        "segment",
        "#customers",
        "#of all",
        "#of revenue",
        "#median recency (days)",
        "#median frequency",
        "#median monetary",
        "what to do",
    ];
    let rows = results.segments.iter().map(|segment| {
        let [recency, frequency, monetary] = segment.medians().map(short);
        vec![
            segment.name.clone(),
            count(segment.customers),
            percent(segment.customer_share()),
            percent(segment.revenue_share()),
            recency,
            frequency,
            monetary,
            segment.action.clone(),
        ]
    });
    Table::new(&head).with_rows(rows)
}

/// What determines the result: method, policy and digests. `files` adds names and digests of files.
pub fn provenance(results: &Results, files: &[(&str, &str)]) -> Table {
    let model = &results.model;
    let mut rows = vec![
        vec!["segpipe".to_owned(), model.segpipe_version.clone()],
        vec!["algorithm".to_owned(), model.algorithm.clone()],
        vec!["scaling".to_owned(), model.scaler.method.clone()],
        vec!["k".to_owned(), model.segments.len().to_string()],
        vec!["seed".to_owned(), model.seed.to_string()],
    ];
    rows.extend(results.facts.iter().map(|(name, value)| vec![name.replace('_', " "), value.clone()]));
    rows.push(vec!["digest of customers".to_owned(), model.data_digest.clone()]);
    rows.extend(files.iter().map(|(name, digest)| vec![format!("digest of {name}"), (*digest).to_owned()]));
    rows.extend(results.sources.iter().map(|source| vec![format!("digest of {}", source.name), source.digest.clone()]));
    Table::new(&["what", "value"]).with_rows(rows)
}
