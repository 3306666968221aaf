//! A small table of text and numbers as CSV or as a workbook, the same bytes for the same rows.
//!
//! For: `export`. A workbook has one sheet with a bold, frozen header and a fixed date of creation.
//! Not for: tables between stages.

use std::io::Write;
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

use super::failure::Failure;
use super::place;

/// Rows that one sheet of a workbook can hold below its header.
const SHEET_ROWS: usize = 1_048_575;
const WIDTH: f64 = 18.0;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// Text; in a workbook it stays text, whatever it looks like.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any number.
    Number(f64),
}

/// Rows under names.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Sheet {
    /// The columns' names.
    pub(super) columns: Vec<&'static str>,
    /// The rows, each as long as `columns`.
    pub(super) rows: Vec<Vec<Cell>>,
}

impl Sheet {
    /// The table as CSV.
    pub(super) fn to_csv(&self) -> Result<Vec<u8>, Failure> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let memory = |error: csv::Error| Failure::new(70, format!("the rows cannot be written as CSV: {error}"));
        writer.write_record(&self.columns).map_err(memory)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(text)).map_err(memory)?;
        }
        writer.into_inner().map_err(|error| Failure::new(70, error.to_string()))
    }

    /// The table as a workbook.
    pub(super) fn to_xlsx(&self) -> Result<Vec<u8>, Failure> {
        if self.rows.len() > SHEET_ROWS {
            let text = format!("{} rows are more than a worksheet can hold", self.rows.len());
            return Err(Failure::usage(text).with_hint("name a file that ends in `.csv`"));
        }
        self.workbook().map_err(|error| Failure::new(1, "the workbook cannot be made").caused_by(&error))
    }

    fn workbook(&self) -> Result<Vec<u8>, XlsxError> {
        let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
        let mut workbook = Workbook::new();
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        let sheet = workbook.add_worksheet().set_name("customers")?;
        let bold = Format::new().set_bold();
        for (column, name) in (0_u16..).zip(&self.columns) {
            sheet.write_string_with_format(0, column, *name, &bold)?;
            sheet.set_column_width(column, WIDTH)?;
        }
        sheet.set_freeze_panes(1, 0)?;
        for (line, row) in (1_u32..).zip(&self.rows) {
            for (column, cell) in (0_u16..).zip(row) {
                match cell {
                    Cell::Text(text) => sheet.write_string(line, column, text)?,
                    Cell::Integer(number) => sheet.write_number(line, column, *number as f64)?,
                    Cell::Number(number) => sheet.write_number(line, column, *number)?,
                };
            }
        }
        workbook.save_to_buffer()
    }

    /// Writes the table to `path`, as its ending says.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let ending = path.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        let bytes = match ending.as_deref() {
            Some("csv") => self.to_csv()?,
            Some("xlsx") => self.to_xlsx()?,
            _ => {
                let text = format!("`{}` ends in no format that can be exported", path.display());
                return Err(Failure::usage(text).with_hint("name a file that ends in `.csv` or `.xlsx`"));
            }
        };
        place::write(path, |out: &mut dyn Write| out.write_all(&bytes).map_err(place::failed(path)))
    }
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Text(text) => text.clone(),
        Cell::Integer(number) => number.to_string(),
        Cell::Number(number) => number.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn sample() -> Sheet {
        Sheet {
            columns: vec!["customer_id", "frequency", "monetary", "action"],
            rows: vec![
                vec![
                    Cell::Text("017850".into()),
                    Cell::Integer(34),
                    Cell::Number(5391.21),
                    Cell::Text("thank, \"often\"".into()),
                ],
                vec![Cell::Text("=1+1".into()), Cell::Integer(1), Cell::Number(-0.5), Cell::Text("two\nlines".into())],
            ],
        }
    }

    #[test]
    fn csv_is_quoted_where_it_must_be() {
        let text = String::from_utf8(sample().to_csv().unwrap()).unwrap();
        let expected = "customer_id,frequency,monetary,action\n017850,34,5391.21,\"thank, \"\"often\"\"\"\n\
                        =1+1,1,-0.5,\"two\nlines\"\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_workbook_is_the_same_bytes_every_time_and_keeps_text_as_text() {
        let bytes = sample().to_xlsx().unwrap();
        assert!(bytes == sample().to_xlsx().unwrap());
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
        let mut part = |name: &str| {
            let mut text = String::new();
            archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
            text
        };
        assert!(part("xl/sharedStrings.xml").contains("<t>017850</t>"));
        assert!(part("xl/sharedStrings.xml").contains("<t>=1+1</t>"));
        assert!(part("xl/worksheets/sheet1.xml").contains("<v>5391.21</v>"));
        assert!(part("docProps/core.xml").contains("2000-01-01T00:00:00Z"));
    }

    #[test]
    fn the_ending_decides_and_others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        sample().write(&folder.path().join("a.CSV")).unwrap();
        sample().write(&folder.path().join("a.xlsx")).unwrap();
        let failure = sample().write(&folder.path().join("a.pdf")).unwrap_err();
        assert_eq!(failure.exit_code, 2);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
