//! CSV, TSV and their kin, plain or packed by gzip: delimiter and headers from the beginning, rows in parallel blocks.
//!
//! For: [`super::opened`]. Not for: cutting text (`records`) or what cells mean (`rows`).

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use rayon::prelude::*;

use super::cell::Cell;
use super::columns::Mapping;
use super::content::{Consumed, Format, TextReader, read_full, refuse_unsupported};
use super::dialect::{Dialect, Evidence};
use super::error::LoadError;
use super::overlap::overlap;
use super::params::{ColumnHeaders, LoadParams};
use super::records::{Blocks, Marks, Records, last_record_end};
use super::rows::{Block, RowsBuilder};

/// Bytes from which delimiter, headers and the first suggestion are taken.
const HEAD: usize = 1 << 18;

/// Blocks that are built side by side. Whoever is done with a group first waits for the others, so groups are long and
/// blocks are small.
const GROUP: usize = 12;

/// The first group has so many, and each that follows twice as many as the one before: nothing can be built beside the
/// reading of the first one.
const FIRST_GROUP: usize = 3;

/// Delimiters that are recognised, the likeliest first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A delimited file whose headers are known.
pub(super) struct Delimited {
    path: PathBuf,
    format: Format,
    given: Option<&'static Encoding>,
    /// The encoding, where it was given or declared by a byte order mark.
    pub(super) declared: Option<&'static Encoding>,
    marks: Marks,
    /// Headers, without surrounding spaces.
    pub(super) headers: Vec<String>,
    head: Vec<u8>,
}

/// A block of raw lines; the first one begins with the headers.
struct Raw {
    bytes: Vec<u8>,
    /// How many end in them, as far as that was counted.
    lines: usize,
    is_first: bool,
}

impl Delimited {
    /// Reads the beginning of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError`] where it cannot be read or is no text.
    pub(super) fn open(path: &Path, format: Format, params: &LoadParams) -> Result<Self, LoadError> {
        let given = params.encoding()?;
        let mut reader = TextReader::open(path, format, given, Consumed::default())?;
        let mut head = vec![0; HEAD];
        let length = read_full(&mut reader, &mut head);
        let length = length.map_err(|cause| LoadError::reading(path, format.shown(), cause))?;
        head.truncate(length);
        check_head(path, &head, length == HEAD)?;
        let text = head_text(&head, reader.encoding);
        let line_end =
            if memchr::memchr2(b'\n', b'\r', &head).is_some() && !head.contains(&b'\n') { b'\r' } else { b'\n' };
        let delimiter = params.delimiter_byte()?.unwrap_or_else(|| best_delimiter(&text, line_end, &params.columns));
        let marks = Marks { delimiter, line_end };
        let headers = headers_of(&text, marks);
        Ok(Self { path: path.to_owned(), format, given, declared: reader.encoding, marks, headers, head })
    }

    /// The delimiter.
    pub(super) fn delimiter(&self) -> char {
        char::from(self.marks.delimiter)
    }

    /// What the beginning of the file gives away.
    pub(super) fn first_evidence(&self, mapping: &Mapping, dialect: &Dialect) -> Result<Evidence, LoadError> {
        let end = last_record_end(&self.head, self.marks).0.unwrap_or(self.head.len());
        let raw = Raw { bytes: self.head[..end].to_vec(), lines: 0, is_first: true };
        Ok(self.build(&raw, mapping, dialect)?.evidence)
    }

    /// Reads all rows and hands them to `write`, in order.
    ///
    /// # Errors
    /// [`LoadError`] where the file is damaged, or `write` fails.
    pub(super) fn stream(
        &self,
        (mapping, dialect): (&Mapping, &Dialect),
        consumed: Consumed,
        write: &mut (dyn FnMut(Vec<Block>) -> Result<(), LoadError> + Send),
    ) -> Result<(), LoadError> {
        let reader = TextReader::open(&self.path, self.format, self.given, consumed)?;
        let mut blocks = Blocks::new(&self.path, self.format.shown(), reader, self.marks);
        let mut is_first = true;
        let mut size = FIRST_GROUP;
        let read = || {
            let mut group = Vec::new();
            while group.len() < size
                && let Some((bytes, lines)) = blocks.next()?
            {
                group.push(Raw { bytes, lines, is_first: std::mem::take(&mut is_first) });
            }
            size = (2 * size).min(GROUP);
            Ok((!group.is_empty()).then_some(group))
        };
        let build = |group: Vec<Raw>| group.par_iter().map(|raw| self.build(raw, mapping, dialect)).collect();
        overlap(read, build, write)
    }

    fn build(&self, raw: &Raw, mapping: &Mapping, dialect: &Dialect) -> Result<Block, LoadError> {
        let mut rows = RowsBuilder::new(mapping, dialect, raw.lines + 1, raw.bytes.len());
        rows.see_bytes(&raw.bytes);
        let text = match std::str::from_utf8(&raw.bytes) {
            // Quicker than to replace what is not valid where everything is.
            Ok(text) if dialect.is_utf8 => Cow::Borrowed(text),
            Err(_) if dialect.is_utf8 => String::from_utf8_lossy(&raw.bytes),
            _ => WINDOWS_1252.decode_without_bom_handling(&raw.bytes).0,
        };
        let mut records = Records::new(&text, self.marks);
        let mut fields = Vec::with_capacity(mapping.width());
        if raw.is_first {
            records.next(&mut fields);
        }
        while let Some(line) = records.next(&mut fields) {
            if is_ragged(&fields, mapping.width()) {
                rows.note_width(line);
            }
            rows.push(|position| match fields.get(position) {
                Some(field) => Cell::Text(Cow::Borrowed(field)),
                None => Cell::Empty,
            });
        }
        Ok(rows.finish()?)
    }
}

/// Whether a row lacks cells or has more than the headers, empty ones at its end aside.
fn is_ragged(fields: &[Cow<'_, str>], width: usize) -> bool {
    fields.len() < width || fields[width..].iter().any(|field| !field.trim().is_empty())
}

fn check_head(path: &Path, head: &[u8], is_cut: bool) -> Result<(), LoadError> {
    refuse_unsupported(path, head)?;
    if head.trim_ascii().is_empty() {
        return Err(LoadError::Empty { path: path.to_owned() });
    }
    if memchr::memchr(0, head).is_some() {
        return Err(LoadError::Encoding { path: path.to_owned(), encoding: "UTF-8 or Windows-1252".to_owned() });
    }
    if is_cut && memchr::memchr2(b'\n', b'\r', head).is_none() {
        return Err(LoadError::LineTooLong { path: path.to_owned(), line: 1, limit: HEAD });
    }
    Ok(())
}

/// The beginning as text: headers may have letters of any alphabet.
fn head_text<'a>(head: &'a [u8], declared: Option<&'static Encoding>) -> Cow<'a, str> {
    let is_utf8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() || declared == Some(UTF_8),
    };
    if is_utf8 { String::from_utf8_lossy(head) } else { WINDOWS_1252.decode_without_bom_handling(head).0 }
}

fn headers_of(text: &str, marks: Marks) -> Vec<String> {
    let mut fields = Vec::new();
    Records::new(text, marks).next(&mut fields);
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

/// The delimiter by which the most columns are found; then the one by which the most rows are as wide as the headers.
fn best_delimiter(text: &str, line_end: u8, columns: &ColumnHeaders) -> u8 {
    let score = |delimiter: u8| {
        let marks = Marks { delimiter, line_end };
        let headers = headers_of(text, marks);
        let mut records = Records::new(text, marks);
        let mut fields = Vec::new();
        let mut even = 0_u32;
        while records.next(&mut fields).is_some() {
            even += u32::from(headers.len() > 1 && fields.len() == headers.len());
        }
        (Mapping::count(&headers, columns), even, headers.len())
    };
    DELIMITERS.into_iter().rev().max_by_key(|delimiter| score(*delimiter)).unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(text: &str) -> char {
        char::from(best_delimiter(text, b'\n', &ColumnHeaders::default()))
    }

    #[test]
    fn the_delimiter_is_the_one_that_gives_columns() {
        assert_eq!(best("customer,date,amount\n1,2011-01-01,5.00\n"), ',');
        assert_eq!(best("customer;date;amount\n1;2011-01-01;5,00\n2;2011-01-01;5,00\n"), ';');
        assert_eq!(best("customer\tdate\tamount\n1\t2\t3\n"), '\t');
        assert_eq!(best("customer|date|amount\n"), '|');
        assert_eq!(best("a;b;c\n1;2;3,5\n1;2;3,5\n"), ';');
        assert_eq!(best("recency;frequency;monetary\n1;2;3,5\n"), ';');
        assert_eq!(best("alone\n1\n"), ',');
    }

    #[test]
    fn headers_are_read_in_either_encoding() {
        let headers = |head: &[u8]| headers_of(&head_text(head, None), Marks { delimiter: b';', line_end: b'\n' });
        assert_eq!(headers("Stück; Preis ;\"Land\"\n".as_bytes()), ["Stück", "Preis", "Land"]);
        assert_eq!(headers(b"St\xfcck;Preis\n"), ["Stück", "Preis"]);
    }

    #[test]
    fn empty_cells_at_the_end_of_a_row_are_no_fault() {
        let fields = |texts: &[&'static str]| texts.iter().map(|text| Cow::Borrowed(*text)).collect::<Vec<_>>();
        assert!(!is_ragged(&fields(&["a", "b"]), 2));
        assert!(!is_ragged(&fields(&["a", "b", "", " "]), 2));
        assert!(is_ragged(&fields(&["a", "b", "c"]), 2));
        assert!(is_ragged(&fields(&["a"]), 2));
    }
}
