//! The combinations in order of one of their metrics, best first, as a table.
//!
//! For: what `segpipe sweep` shows and the sweep's run keeps. Not for: which models become champions (`mlflow`).

use segpipe_stages::contract::RunStatus;

use super::Combination;
use crate::mlflow::LESS_IS_BETTER;

/// Said wherever combinations of several scalings are ranked.
pub const SCALINGS: &str = "silhouettes, and all other measures of distance, are taken in scaled space: compare them among combinations of one \
                            scaling, not between scalings";

/// Metrics that stand in the table whatever it is ranked by.
const SHOWN: [&str; 4] = ["silhouette", "calinski_harabasz", "davies_bouldin", "inertia"];

/// The combinations that have the metric, best first, then the others; as places in `combinations`.
pub(super) fn order(combinations: &[Combination], by: &str) -> Vec<usize> {
    let sign = if LESS_IS_BETTER.contains(&by) { 1.0 } else { -1.0 };
    let key = |place: &usize| combinations[*place].metric(by).map_or(f64::INFINITY, |value| value * sign);
    let mut order: Vec<usize> = (0..combinations.len()).collect();
    order.sort_by(|a, b| key(a).total_cmp(&key(b)).then(a.cmp(b)));
    order
}

/// Names of the columns, and the rows under them, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// `rank`, the params that are swept, outcome, metrics, `combination`.
    pub columns: Vec<String>,
    /// Text as CSV has it; numbers in full.
    pub rows: Vec<Vec<String>>,
}

/// The table of `combinations` whose params are `targets`.
pub(super) fn table(targets: &[String], combinations: &[Combination], by: &str) -> Table {
    let metrics: Vec<&str> = std::iter::once(by).chain(SHOWN.into_iter().filter(|metric| *metric != by)).collect();
    let mut columns = vec!["rank".to_owned()];
    columns.extend_from_slice(targets);
    columns.extend(metrics.iter().map(ToString::to_string));
    columns.extend(["outcome", "combination", "reason"].map(String::from));
    let row = |(rank, place): (usize, usize)| {
        let combination = &combinations[place];
        let has_rank = combination.metric(by).is_some();
        let mut row = vec![if has_rank { rank.to_string() } else { String::new() }];
        row.extend_from_slice(&combination.values);
        row.extend(
            metrics.iter().map(|metric| combination.metric(metric).map(|value| value.to_string()).unwrap_or_default()),
        );
        row.extend([outcome(combination).to_owned(), combination.number.to_string()]);
        row.push(combination.failure.clone().unwrap_or_default());
        row
    };
    Table { columns, rows: (1..).zip(order(combinations, by)).map(row).collect() }
}

fn outcome(combination: &Combination) -> &'static str {
    if combination.run.status == RunStatus::Finished { "finished" } else { "failed" }
}

impl Table {
    /// The table as CSV.
    pub fn to_csv(&self) -> String {
        let line = |cells: &[String]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
        line(&self.columns) + &self.rows.iter().map(|row| line(row)).collect::<String>()
    }

    /// The table as Markdown.
    pub fn to_markdown(&self) -> String {
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
            format!("| {} |\n", cells.join(" | "))
        };
        let rule = format!("|{}\n", "---|".repeat(self.columns.len()));
        line(&self.columns) + &rule + &self.rows.iter().map(|row| line(row)).collect::<String>()
    }
}

fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}
