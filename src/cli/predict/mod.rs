//! `segpipe predict`: gives customers or transactions that the model has not seen its segments.
//!
//! For: recognising what INPUT is, scoring it row by row, all or nothing. Not for: training, or what a segment means.

mod columnar;
mod input;
mod output;
mod transactions;

use std::io::Write;
use std::path::Path;

use segpipe_stages::contract::SourceOrigin;
use segpipe_stages::customers::FEATURES;
use segpipe_stages::deploy::bundle::Bundle;
use segpipe_stages::model::{Model, Scorer};
use segpipe_stages::numerals::{count, counted};
use segpipe_stages::table::Facts;

use super::Ending;
use super::args::PredictArguments;
use super::failure::Failure;
use super::project::Surroundings;
use super::{bundle, place, signals};
use crate::event::SIMULATED;
use crate::features;
use crate::report::Task;

use input::{Cells, DATA, Table};
use output::{DATA_SOURCE, Scored};

/// Scores INPUT.
pub(super) fn predict(around: &Surroundings, arguments: &PredictArguments) -> Ending {
    let bundle = bundle::open(around, arguments.bundle.as_deref())?;
    let (table, facts) = match Table::open(&arguments.input)? {
        Some(table) => (table, Facts::new()),
        None => of_transactions(around, arguments, &bundle)?,
    };
    score(around, arguments, &bundle.model, table, &facts)
}

/// One row per customer of the transactions in INPUT, with the facts about them.
fn of_transactions(
    around: &Surroundings,
    arguments: &PredictArguments,
    bundle: &Bundle,
) -> Result<(Table, Facts), Failure> {
    let printer = around.printer;
    let is_cancelled = signals::listen(move || printer.say(signals::FINISHING));
    let task = Task::new("predict", printer.look, is_cancelled);
    let (customers, facts) = transactions::customers(around, &arguments.input, bundle, &task)?;
    drop(task);
    if let Some(snapshot) = facts.get("snapshot") {
        printer.say(&format!("recency is counted back from {snapshot}"));
    }
    let unit = facts.get("frequency_unit").filter(|unit| **unit != bundle.model.frequency_unit);
    if let Some(unit) = unit {
        let of_model = &bundle.model.frequency_unit;
        printer.warn(&format!("frequency counts {unit} here, and {of_model} in what the model was trained on"));
    }
    Ok((Table::of_customers(customers), facts))
}

/// Scores a table of R, F and M, about which `facts` are known: one row out per row in, in order.
fn score(around: &Surroundings, arguments: &PredictArguments, model: &Model, table: Table, facts: &Facts) -> Ending {
    let printer = around.printer;
    let names = |source: &str| source == SourceOrigin::Simulated.as_str();
    let is_simulated = names(&model.data_source) || facts.get(DATA_SOURCE).is_some_and(|source| names(source));
    if is_simulated {
        printer.banner(&format!("{SIMULATED}: the model or the input is of customers who never existed"));
    }
    let replaced: Vec<&str> = output::COLUMNS.into_iter().filter(|name| has_column(&table.header, name)).collect();
    if !replaced.is_empty() {
        let text = "columns of the input that scoring writes itself are replaced";
        printer.warn(&format!("{text}: {}", replaced.join(", ")));
    }
    let mut told = Told::default();
    place::write(&arguments.output, |out| {
        told = write_scores(out, table, model, arguments, is_simulated)?;
        Ok(())
    })?;
    let rows = count(told.rows);
    if told.outside > 0 {
        let outside = count(told.outside);
        printer.warn(&format!("{outside} of {rows} rows lie outside the values that the model was trained on"));
    }
    printer.say(&format!("wrote `{}`: {}", arguments.output.display(), counted(told.rows, "row")));
    Ok(0)
}

/// What there is to say about scored rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Told {
    rows: u64,
    /// Rows with a value beyond the smallest or largest of training.
    outside: u64,
}

fn write_scores(
    out: &mut dyn Write,
    table: Table,
    model: &Model,
    arguments: &PredictArguments,
    is_simulated: bool,
) -> Result<Told, Failure> {
    let kept: Vec<usize> = (0..table.header.len()).filter(|index| !is_written_anew(&table.header[*index])).collect();
    let kept_of = |cells: &Cells| kept.iter().map(|index| cells[*index].clone()).collect::<Cells>();
    let header = kept_of(&table.header);
    let mut scored = Scored::begin(out, &arguments.output, model, &header, is_simulated)?;
    let scorer = model.scorer();
    let mut told = Told::default();
    for cells in table.rows {
        let cells = cells?;
        told.rows += 1;
        let raw = values(&cells, table.features, told.rows, &arguments.input)?;
        told.outside += u64::from(is_outside(model, raw));
        let score = score_row(&scorer, raw, told.rows, &arguments.input)?;
        scored.row(kept.iter().map(|index| &cells[*index]), &score)?;
    }
    scored.finish()?;
    Ok(told)
}

fn has_column(header: &Cells, name: &str) -> bool {
    header.iter().any(|cell| cell.trim_ascii() == name.as_bytes())
}

fn is_written_anew(header: &[u8]) -> bool {
    output::COLUMNS.iter().any(|name| header.trim_ascii() == name.as_bytes())
}

/// The three values of a row, each a finite number.
fn values(cells: &Cells, features: [usize; 3], row: u64, path: &Path) -> Result<[f64; 3], Failure> {
    let mut values = [0.0; 3];
    for (value, (position, feature)) in values.iter_mut().zip(features.into_iter().zip(FEATURES)) {
        *value = features::number(&cells[position]).map_err(|problem| {
            let text = format!("row {row} of `{}`: `{feature}` {problem}", path.display());
            Failure::new(DATA, text).with_hint("every row needs three finite numbers; nothing was written")
        })?;
    }
    Ok(values)
}

fn score_row(
    scorer: &Scorer<'_>,
    raw: [f64; 3],
    row: u64,
    path: &Path,
) -> Result<segpipe_stages::model::Score, Failure> {
    scorer.score(raw).map_err(|error| Failure::new(DATA, format!("row {row} of `{}`: {error}", path.display())))
}

fn is_outside(model: &Model, raw: [f64; 3]) -> bool {
    raw.iter().zip(model.ranges).any(|(value, [least, most])| *value < least || *value > most)
}

#[cfg(test)]
mod tests;
