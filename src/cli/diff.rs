//! `segpipe diff`: two local runs side by side.
//!
//! For: tables for people, an object for programs. Not for: comparing (`history`).

use segpipe_stages::numerals::{aligned, counted};
use serde_json::{Value, json};

use super::Ending;
use super::args::{DiffArguments, Overriding};
use super::failure::{self, Failure};
use super::printer::Printer;
use super::project::Surroundings;
use super::runs::{self, when};
use super::tracking::Tracking;
use crate::history::{
    self, Changes, Committed, Customers, Diff, Fingerprint, History, HistoryError, LocalRun, SegmentSizes, SideBySide,
    Sides,
};
use crate::spec::pipeline::Pipeline;

/// The run of pipeline.lock.
const HEAD: &str = "HEAD";

/// Longest value that stands in a table, in characters.
const SHOWN: usize = 48;

const NONE: &str = "—";

/// Compares the two runs that the arguments name.
pub(super) fn diff(around: &Surroundings, arguments: &DiffArguments) -> Ending {
    let pipeline = around.open(&Overriding::default())?;
    let history = runs::read(&Tracking::of(&pipeline))?;
    let first = find(&history, &pipeline, &arguments.first)?;
    let second = find(&history, &pipeline, &arguments.second)?;
    let diff = history::diff(first.run, second.run, &pipeline);
    if arguments.json {
        let mut object = json!({ "first": first.object(), "second": second.object() });
        let differences = serde_json::to_value(&diff).unwrap_or_default();
        if let (Some(object), Value::Object(differences)) = (object.as_object_mut(), differences) {
            object.extend(differences);
        }
        Printer::lines(&[object.to_string()])?;
    } else {
        let mut lines = vec![first.line("A"), second.line("B")];
        lines.extend(text(&diff));
        Printer::lines(&lines)?;
    }
    Ok(0)
}

/// A run, and what its name stood for where that is not plain.
struct Named<'a> {
    run: &'a LocalRun,
    origin: Option<String>,
}

impl Named<'_> {
    fn line(&self, letter: &str) -> String {
        let run = self.run;
        let origin = self.origin.as_ref().map(|origin| format!(", of {origin}")).unwrap_or_default();
        format!("{letter}: {} ({}){origin}", run.short_key(), when(run.entry.started_ms))
    }

    fn object(&self) -> Value {
        json!({ "key": self.run.entry.key, "name": self.run.name(), "of": self.origin })
    }
}

fn find<'a>(history: &'a History, pipeline: &Pipeline, name: &str) -> Result<Named<'a>, Failure> {
    if name != HEAD {
        return history.find(name).map(|run| Named { run, origin: None }).map_err(unknown);
    }
    let committed = Committed::read(&pipeline.file).map_err(|error| failure::of_fault(&error))?;
    let committed = committed.ok_or(HistoryError::NoLock).map_err(unknown)?;
    let run = committed.run(history).map_err(unknown)?;
    Ok(Named { run, origin: Some(committed.origin.to_string()) })
}

/// A name that stands for no run, or for several.
#[expect(clippy::needless_pass_by_value, reason = "handed over by `map_err`")]
pub(super) fn unknown(error: HistoryError) -> Failure {
    let hint = match &error {
        HistoryError::NoLock | HistoryError::NotOfLock { .. } => {
            "a complete `segpipe run` writes pipeline.lock and keeps the run; `segpipe runs` lists what is kept"
        }
        HistoryError::Ambiguous { .. } => "name more digits of its key",
        _ => "`segpipe runs` lists them",
    };
    Failure::usage(error.to_string()).with_hint(hint)
}

fn text(diff: &Diff) -> Vec<String> {
    let params = sides("params", &diff.params, |value| shown(value));
    let metrics = sides("metrics", &diff.metrics, |value| number(*value));
    let mut lines = [params, metrics, segments(&diff.segments)].concat();
    lines.extend(customers(&diff.customers));
    lines.extend(stages(diff));
    lines
}

fn sides<T>(what: &str, sides: &Sides<T>, show: impl Fn(&T) -> String) -> Vec<String> {
    let equal = sides.equal;
    if sides.different.is_empty() {
        return vec![String::new(), format!("{what}: all {equal} are equal")];
    }
    let cell = |value: &Option<T>| value.as_ref().map_or_else(|| NONE.to_owned(), &show);
    let row = |fact: &SideBySide<T>| vec![indented(&fact.name), cell(&fact.first), cell(&fact.second)];
    let head = format!("{what}: {} differ, {equal} are equal", sides.different.len());
    let rows = sides.different.iter().map(row);
    vec![String::new(), head, table(["", "A", "B"], rows, [false, true, true])]
}

fn segments(sizes: &[SegmentSizes]) -> Vec<String> {
    if sizes.is_empty() {
        return Vec::new();
    }
    let cells = |segment: &Option<(String, u64)>| match segment {
        Some((name, customers)) => [name.clone(), customers.to_string()],
        None => [NONE.to_owned(), String::new()],
    };
    let row = |size: &SegmentSizes| {
        let number = vec![indented(&size.segment.to_string())];
        [number, cells(&size.first).to_vec(), cells(&size.second).to_vec()].concat()
    };
    let rows = sizes.iter().map(row);
    let table = table(["", "A", "customers", "B", "customers"], rows, [false, false, true, false, true]);
    vec![String::new(), "segments".to_owned(), table]
}

fn customers(customers: &Customers) -> Vec<String> {
    let said = match customers {
        Customers::Same { customers: Some(count) } => {
            format!("customers: all {} are in the segments they were in", counted(*count as u64, "customer"))
        }
        Customers::Same { customers: None } => "customers: all are in the segments they were in".to_owned(),
        Customers::Unknown { reason } => format!("customers: who changed segment is not known, {reason}"),
        Customers::Compared(changes) => return changed(changes),
    };
    vec![String::new(), said]
}

fn changed(changes: &Changes) -> Vec<String> {
    let both = counted(changes.in_both as u64, "customer");
    let head = format!(
        "customers: of {both} in both, {} changed segment by name, {} by number; {} only in A, {} only in B",
        changes.changed_name, changes.changed_number, changes.only_in_first, changes.only_in_second
    );
    let left = changes.moves.iter().filter(|way| way.from != way.to);
    let rows: Vec<_> = left.map(|way| vec![indented(&way.from), way.to.clone(), way.customers.to_string()]).collect();
    if rows.is_empty() {
        return vec![String::new(), head];
    }
    vec![String::new(), head, table(["  from", "to", "customers"], rows.into_iter(), [false, false, true])]
}

fn stages(diff: &Diff) -> Vec<String> {
    let mut lines = vec![String::new(), "fingerprints".to_owned()];
    let rows = diff.stages.iter().map(|stage| {
        let word = match stage.fingerprint {
            Fingerprint::Same => "same",
            Fingerprint::Different => "different",
            Fingerprint::Unknown => "not in both",
        };
        vec![indented(&stage.stage), word.to_owned(), stage.differences.join(", ")]
    });
    lines.push(aligned(&rows.collect::<Vec<_>>(), &[false; 3]));
    lines
}

fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = Vec<String>>, is_right: [bool; N]) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(head.map(String::from).to_vec()).chain(rows).collect();
    aligned(&rows, &is_right)
}

fn indented(text: &str) -> String {
    format!("  {text}")
}

/// A value on one line, cut with a mark.
fn shown(value: &str) -> String {
    let line = value.replace('\n', " ");
    if line.chars().count() <= SHOWN {
        return line;
    }
    line.chars().take(SHOWN - 1).chain(['…']).collect()
}

/// Whole numbers as they are, others with six digits that count.
pub(super) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value}");
    }
    let before = value.abs().log10().floor().max(-20.0) as i32 + 1;
    let decimals = usize::try_from(6 - before).unwrap_or(0);
    format!("{value:.decimals$}")
}
