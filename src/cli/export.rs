//! `segpipe export`: one row per customer with values, segment and recommended action.

use std::path::PathBuf;

use segpipe_stages::contract::SourceOrigin;
use segpipe_stages::deploy::export::{self, ExportRow};
use segpipe_stages::numerals::counted;
use segpipe_stages::schema;
use segpipe_stages::table::{TableError, TableReader};

use super::Ending;
use super::args::{ExportArguments, Overriding};
use super::failure::{self, Failure};
use super::printer::Printer;
use super::project::{self, Surroundings};
use super::sheet::{Cell, Sheet};
use crate::event::SIMULATED;

/// The tables that are joined, by the kind of stage that writes them.
const TABLES: [(&str, &str); 3] = [("rfm", "customers"), ("train", "assignments"), ("evaluate", "segments")];

const COLUMNS: [&str; 7] = ["customer_id", "recency", "frequency", "monetary", "segment", "segment_name", "action"];

/// Added where the data describe nobody.
const DATA_SOURCE: &str = "data_source";

/// Writes the rows to a file, or as CSV to stdout.
pub(super) fn export(around: &Surroundings, arguments: &ExportArguments) -> Ending {
    let [customers, assignments, segments] = tables(around)?;
    let is_simulated = is_simulated(&customers).map_err(|error| failure::of_fault(&error))?;
    let rows = export::read(&customers, &assignments, &segments).map_err(|error| failure::of_fault(&error))?;
    if is_simulated {
        around.printer.banner(&format!("{SIMULATED}: these customers never existed"));
    }
    let sheet = sheet(rows, is_simulated);
    match &arguments.output {
        None => Printer::data(&sheet.to_csv()?)?,
        Some(path) => {
            sheet.write(path)?;
            let rows = counted(sheet.rows.len() as u64, "customer");
            around.printer.say(&format!("wrote `{}`: {rows}", path.display()));
        }
    }
    Ok(0)
}

/// Where the tables are; all of them must be there.
fn tables(around: &Surroundings) -> Result<[PathBuf; 3], Failure> {
    let pipeline = around.open(&Overriding::default())?;
    let mut paths = [const { PathBuf::new() }; 3];
    for (path, (kind, output)) in paths.iter_mut().zip(TABLES) {
        let place = project::output(&pipeline, kind, output);
        *path = place.ok_or_else(|| Failure::usage(format!("this pipeline has no stage of kind `{kind}`")))?;
        if !path.is_file() {
            let text = format!("`{}` is not there yet", path.display());
            return Err(Failure::usage(text).with_hint("make it with `segpipe run`"));
        }
    }
    Ok(paths)
}

fn is_simulated(customers: &std::path::Path) -> Result<bool, TableError> {
    let reader = TableReader::open(customers, &schema::customers())?;
    Ok(reader.facts().get(DATA_SOURCE).is_some_and(|source| source == SourceOrigin::Simulated.as_str()))
}

fn sheet(rows: Vec<ExportRow>, is_simulated: bool) -> Sheet {
    let source = is_simulated.then_some(DATA_SOURCE);
    let cells = |row: ExportRow| {
        let mut cells = vec![
            Cell::Text(row.customer),
            Cell::Integer(row.recency),
            Cell::Integer(row.frequency),
            Cell::Number(row.monetary),
            Cell::Integer(row.segment),
            Cell::Text(row.segment_name),
            Cell::Text(row.action),
        ];
        cells.extend(source.map(|_| Cell::Text(SourceOrigin::Simulated.as_str().to_owned())));
        cells
    };
    Sheet { columns: COLUMNS.into_iter().chain(source).collect(), rows: rows.into_iter().map(cells).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> ExportRow {
        ExportRow {
            customer: "12347".to_owned(),
            recency: 2,
            frequency: 7,
            monetary: 4310.0,
            segment: 0,
            segment_name: "Champions".to_owned(),
            action: "thank them".to_owned(),
        }
    }

    #[test]
    fn a_row_has_the_customer_its_values_its_segment_and_what_to_do() {
        let csv = sheet(vec![row()], false).to_csv().unwrap();
        let expected = "customer_id,recency,frequency,monetary,segment,segment_name,action\n\
                        12347,2,7,4310,0,Champions,thank them\n";
        assert_eq!(String::from_utf8(csv).unwrap(), expected);
    }

    #[test]
    fn rows_of_customers_who_never_existed_say_so() {
        let csv = String::from_utf8(sheet(vec![row()], true).to_csv().unwrap()).unwrap();
        assert!(csv.lines().next().unwrap().ends_with(",action,data_source"), "{csv}");
        assert!(csv.lines().nth(1).unwrap().ends_with(",simulated"), "{csv}");
    }
}
