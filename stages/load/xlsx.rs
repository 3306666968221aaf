//! Workbooks: sheets with headers that name the columns needed, their cells in a stream.
//!
//! For: [`super::opened`]. Not for: what cells mean (`rows`).
//!
//! Without `sheet`, all sheets with the same columns are read one after the other, as if they were one. Rows without
//! any cell are no rows.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use calamine::{DataRef, ExcelDateTime, ExcelDateTimeType, Reader, SheetType, Xlsx, XlsxCellReader, XlsxError};

use super::cell::Cell;
use super::columns::Mapping;
use super::content::Format;
use super::dates;
use super::dialect::Dialect;
use super::error::LoadError;
use super::guard::guard;
use super::overlap::overlap;
use super::params::{ColumnHeaders, LoadParams};
use super::rows::{Block, RowsBuilder};

/// Rows that are built at a time.
const GROUP_ROWS: u64 = 16_384;

/// Bytes of a cell's text, for which room is made beforehand.
const USUAL_CELL: usize = 16;

const SHOWN: &str = Format::Xlsx.shown();

type Book = Xlsx<BufReader<File>>;

/// A workbook whose headers are known.
pub(super) struct Workbook {
    path: PathBuf,
    /// Sheets with their headers, in order; at least one.
    sheets: Vec<(String, Vec<String>)>,
}

/// The sheets of a workbook that are read, and the ones that are not.
pub(super) struct Chosen {
    /// Columns of the first sheet.
    pub(super) mapping: Mapping,
    sheets: Vec<(String, Mapping)>,
    /// Names of the sheets that have other columns.
    pub(super) left_out: Vec<String>,
}

impl Workbook {
    /// Reads the headers of the sheets of the workbook at `path`: of all of them, or of the one the params name.
    ///
    /// # Errors
    /// [`LoadError`] where it is no intact workbook, has no such sheet, or nothing in it.
    pub(super) fn open(path: &Path, params: &LoadParams) -> Result<Self, LoadError> {
        let sheets = guard(path, SHOWN, || {
            let mut book = open(path)?;
            let names = sheet_names(path, &book, params.sheet.as_deref())?;
            let mut sheets = Vec::new();
            for name in names {
                let mut cells = book.worksheet_cells_reader(&name).map_err(|error| damaged(path, error))?;
                let headers = headers_of(&mut Rows::new(&mut cells), path)?;
                sheets.push((name, headers));
            }
            Ok(sheets)
        })?;
        let sheets: Vec<_> = sheets.into_iter().filter(|(_, headers)| !headers.is_empty()).collect();
        if sheets.is_empty() {
            Err(LoadError::Empty { path: path.to_owned() })
        } else {
            Ok(Self { path: path.to_owned(), sheets })
        }
    }

    /// The headers of the first sheet that has columns of ours, else of the first.
    pub(super) fn headers(&self, columns: &ColumnHeaders) -> &[String] {
        let count = |sheet: &&(String, Vec<String>)| Mapping::count(&sheet.1, columns);
        let best = self.sheets.iter().rev().max_by_key(count);
        best.map_or(&[], |(_, headers)| headers.as_slice())
    }

    /// Chooses the sheets to be read.
    ///
    /// # Errors
    /// [`LoadError`] where no sheet has the columns needed.
    pub(super) fn choose(&self, columns: &ColumnHeaders) -> Result<Chosen, LoadError> {
        let mapping = Mapping::find(&self.path, self.headers(columns), columns)?;
        let keys = |mapping: &Mapping| mapping.found().into_iter().map(|(column, _)| column).collect::<Vec<_>>();
        let (mut sheets, mut left_out) = (Vec::new(), Vec::new());
        for (name, headers) in &self.sheets {
            match Mapping::find(&self.path, headers, columns) {
                Ok(found) if keys(&found) == keys(&mapping) => sheets.push((name.clone(), found)),
                _ => left_out.push(name.clone()),
            }
        }
        Ok(Chosen { mapping, sheets, left_out })
    }

    /// Reads all rows and hands them to `write`, in order.
    ///
    /// # Errors
    /// [`LoadError`] where the file is damaged, or `write` fails.
    pub(super) fn stream(
        &self,
        (chosen, dialect): (&Chosen, &Dialect),
        write: &mut (dyn FnMut(Vec<Block>) -> Result<(), LoadError> + Send),
    ) -> Result<(), LoadError> {
        let mut book = guard(&self.path, SHOWN, || open(&self.path))?;
        for (name, mapping) in &chosen.sheets {
            let cells = guard(&self.path, SHOWN, || {
                book.worksheet_cells_reader(name).map_err(|error| damaged(&self.path, error))
            });
            let mut cells = cells?;
            let mut rows = Rows::new(&mut cells);
            guard(&self.path, SHOWN, || headers_of(&mut rows, &self.path))?;
            let read = || guard(&self.path, SHOWN, || self.block(&mut rows, mapping, dialect));
            overlap(read, |block| Ok(vec![block]), &mut *write)?;
        }
        Ok(())
    }

    fn block(&self, rows: &mut Rows<'_, '_>, mapping: &Mapping, dialect: &Dialect) -> Result<Option<Block>, LoadError> {
        let rows_wanted = GROUP_ROWS as usize;
        let bytes = rows_wanted * mapping.width() * USUAL_CELL;
        let mut builder = RowsBuilder::new(mapping, dialect, rows_wanted, bytes);
        let mut cells = Vec::with_capacity(mapping.width());
        while builder.rows() < GROUP_ROWS && rows.next(&mut cells).map_err(|error| damaged(&self.path, error))? {
            builder.push(|position| cells.get(position).cloned().unwrap_or(Cell::Empty));
        }
        if builder.rows() == 0 { Ok(None) } else { Ok(Some(builder.finish()?)) }
    }
}

fn open(path: &Path) -> Result<Book, LoadError> {
    let file = File::open(path).map_err(|source| LoadError::File { path: path.to_owned(), source })?;
    Xlsx::new(BufReader::new(file)).map_err(|error| match error {
        XlsxError::FileNotFound(_) | XlsxError::RelationshipNotFound => LoadError::Unsupported {
            path: path.to_owned(),
            kind: "a zip archive and no workbook",
            advice: "unpack it and name the file in it",
        },
        XlsxError::Password => LoadError::Unsupported {
            path: path.to_owned(),
            kind: "a workbook with a password",
            advice: "save it without one",
        },
        error => damaged(path, error),
    })
}

fn damaged(path: &Path, error: XlsxError) -> LoadError {
    LoadError::damaged(path, SHOWN, error)
}

/// The worksheets, or the one asked for.
fn sheet_names(path: &Path, book: &Book, wanted: Option<&str>) -> Result<Vec<String>, LoadError> {
    let sheets = book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
    let names: Vec<String> = sheets.map(|sheet| sheet.name.clone()).collect();
    match wanted {
        None => Ok(names),
        Some(wanted) if names.iter().any(|name| name == wanted) => Ok(vec![wanted.to_owned()]),
        Some(wanted) => Err(LoadError::NoSuchSheet { path: path.to_owned(), sheet: wanted.to_owned(), sheets: names }),
    }
}

/// The first row of a sheet that holds anything.
fn headers_of(rows: &mut Rows<'_, '_>, path: &Path) -> Result<Vec<String>, LoadError> {
    let mut cells = Vec::new();
    rows.next(&mut cells).map_err(|error| damaged(path, error))?;
    Ok(cells.iter().map(|cell| cell.text().unwrap_or_default().trim().to_owned()).collect())
}

/// The rows of a sheet, put together from its cells.
struct Rows<'r, 'a> {
    cells: &'r mut XlsxCellReader<'a, BufReader<File>>,
    /// The first cell of the next row: its row, its column, what it holds.
    pending: Option<(u32, u32, Cell<'a>)>,
    /// Whether the sheet has ended; asked again, its reader would take that for damage.
    is_at_end: bool,
}

impl<'r, 'a> Rows<'r, 'a> {
    fn new(cells: &'r mut XlsxCellReader<'a, BufReader<File>>) -> Self {
        Self { cells, pending: None, is_at_end: false }
    }

    /// Reads the next row that is not blank; false at the end, with no cells.
    fn next(&mut self, row: &mut Vec<Cell<'a>>) -> Result<bool, XlsxError> {
        loop {
            row.clear();
            let Some((number, column, cell)) = self.take()? else { return Ok(false) };
            place(row, column, cell);
            while let Some((next, column, cell)) = self.take()? {
                if next != number {
                    self.pending = Some((next, column, cell));
                    break;
                }
                place(row, column, cell);
            }
            if row.iter().any(|cell| !cell.is_blank()) {
                return Ok(true);
            }
        }
    }

    fn take(&mut self) -> Result<Option<(u32, u32, Cell<'a>)>, XlsxError> {
        if let Some(pending) = self.pending.take() {
            return Ok(Some(pending));
        }
        let next = if self.is_at_end { None } else { self.cells.next_cell()? };
        let Some(cell) = next else {
            self.is_at_end = true;
            return Ok(None);
        };
        let (row, column) = cell.get_position();
        Ok(Some((row, column, cell_of(cell.get_value().clone()))))
    }
}

/// Puts a cell where it belongs; the columns between are empty. A sheet has at most 16,384 columns.
fn place<'a>(row: &mut Vec<Cell<'a>>, column: u32, cell: Cell<'a>) {
    let position = column as usize;
    if position < 16_384 {
        if row.len() <= position {
            row.resize(position + 1, Cell::Empty);
        }
        row[position] = cell;
    }
}

fn cell_of(value: DataRef<'_>) -> Cell<'_> {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::Int(value) => Cell::Integer(value),
        DataRef::Float(value) => Cell::Float(value),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Cell::Text(Cow::Owned(text)),
        DataRef::SharedString(text) => Cell::Text(Cow::Borrowed(text)),
        DataRef::Bool(value) => Cell::Text(Cow::Borrowed(if value { "TRUE" } else { "FALSE" })),
        DataRef::Error(error) => Cell::Text(Cow::Owned(error.to_string())),
        DataRef::DateTime(time) if time.is_datetime() => {
            let is_1904 = time == ExcelDateTime::new(time.as_f64(), ExcelDateTimeType::DateTime, true);
            match dates::from_excel(time.as_f64(), is_1904) {
                Some(micros) => Cell::Time(micros),
                None => Cell::BadTime(time.as_f64().to_string()),
            }
        }
        DataRef::DateTime(duration) => Cell::Float(duration.as_f64()),
    }
}
