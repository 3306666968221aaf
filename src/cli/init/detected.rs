//! What `load` finds in a source, in the words of a pipeline file.

use segpipe_stages::contract::Params;
use segpipe_stages::load::{self, Column, Detection, LoadError, LoadParams, SourceParam};
use segpipe_stages::numerals::{count, counted};

use super::super::args::InitArguments;
use super::super::failure::{self, Failure};
use super::super::printer::Printer;
use super::template::Found;

/// Looks at the source as `load` would.
pub(super) fn look(arguments: &InitArguments, printer: Printer) -> Result<Found, Failure> {
    let params = LoadParams {
        source: Some(SourceParam::Path(arguments.source.display().to_string())),
        date_format: arguments.date_format.clone(),
        ..LoadParams::default()
    };
    params.check().map_err(|error| Failure::usage(error.to_string()))?;
    let detection = load::detect(&arguments.source, &params).map_err(|error| refused(arguments, &error))?;
    let rows = counted(detection.rows, "row");
    printer.say(&format!("read `{}`: {rows}", arguments.source.display()));
    if detection.problem_rows > 0 {
        let rows = count(detection.problem_rows);
        printer.warn(&format!("{rows} rows have a cell that could not be used; a run puts them into a quarantine"));
    }
    Ok(found(&detection))
}

/// The failure; where the data cannot tell day from month, with the arguments that can.
fn refused(arguments: &InitArguments, error: &LoadError) -> Failure {
    let failure = failure::of_fault(error);
    match error {
        LoadError::DateOrderUnsettled { .. } | LoadError::DateOrderMixed { .. } => {
            let command = format!("segpipe init {} --date-format", arguments.source.display());
            failure.with_hint(format!("say which date_format it is: `{command} day_first` or `{command} month_first`"))
        }
        _ => failure,
    }
}

fn found(detection: &Detection) -> Found {
    let has = |column: &Column| detection.columns.iter().any(|(found, _)| found == column);
    Found {
        source: String::new(),
        columns: detection.columns.iter().map(|(column, header)| (column.key().to_owned(), header.clone())).collect(),
        absent: Column::ALL.iter().filter(|column| !has(column)).map(|column| column.key().to_owned()).collect(),
        unmapped: detection.unmapped.clone(),
        date_format: detection.date_format.clone(),
        delimiter: detection
            .delimiter
            .map(|delimiter| if delimiter == '\t' { "tab".to_owned() } else { delimiter.to_string() }),
        encoding: detection.encoding.clone(),
        decimal_mark: detection.decimal_mark.map(|mark| mark.as_str().to_owned()),
    }
}
