//! Text cut into records and fields, and a stream of text cut into blocks of whole records.
//!
//! For: delimited files. Not for: what the fields mean. Called by: `delimited`.
//!
//! A quote opens only at the beginning of a field, is doubled inside and belongs to the text anywhere else; line ends
//! are LF, CRLF or CR. Blank lines are no records.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;

use memchr::{memchr, memrchr};

use super::content::read_full;
use super::ends::Ends;
use super::error::LoadError;

/// Bytes read at a time.
const STEP: usize = 1 << 18;

/// The most bytes a record may have.
pub(super) const LONGEST_RECORD: usize = 4 << 20;

/// What separates cells and lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks {
    /// Between cells.
    pub(super) delimiter: u8,
    /// Between lines: LF (CRLF included) or CR.
    pub(super) line_end: u8,
}

/// The records of a text that begins with a record.
pub(super) struct Records<'a> {
    text: &'a str,
    ends: Ends<'a>,
    position: usize,
    marks: Marks,
}

impl<'a> Records<'a> {
    /// The records of `text`.
    pub(super) fn new(text: &'a str, marks: Marks) -> Self {
        Self { text, ends: Ends::new(text.as_bytes(), [marks.delimiter, marks.line_end]), position: 0, marks }
    }

    /// Reads the next record into `fields` and returns its line; none at the end.
    pub(super) fn next(&mut self, fields: &mut Vec<Cow<'a, str>>) -> Option<&'a str> {
        loop {
            let start = self.position;
            if start >= self.text.len() {
                return None;
            }
            fields.clear();
            while self.field(fields) {}
            let line = self.line(start);
            let is_blank_between = self.marks.delimiter.is_ascii_whitespace() && self.marks.delimiter != b'\t';
            if fields.len() > 1 && !is_blank_between || !line.trim_ascii().is_empty() {
                return Some(line);
            }
        }
    }

    /// What was read from `start` on, without the end of its last line.
    fn line(&self, start: usize) -> &'a str {
        let bytes = self.text.as_bytes();
        let mut end = self.position.min(bytes.len());
        while end > start && matches!(bytes[end - 1], b'\r' | b'\n') {
            end -= 1;
        }
        &self.text[start..end]
    }

    /// Reads one field; says whether another one follows in this record.
    fn field(&mut self, fields: &mut Vec<Cow<'a, str>>) -> bool {
        let bytes = self.text.as_bytes();
        let start = self.position;
        if bytes.get(start) == Some(&b'"') {
            return self.quoted_field(fields);
        }
        let end = self.end_of_plain(start);
        fields.push(Cow::Borrowed(self.without_return(start, end)));
        self.pass(end)
    }

    fn quoted_field(&mut self, fields: &mut Vec<Cow<'a, str>>) -> bool {
        let bytes = self.text.as_bytes();
        let start = self.position + 1;
        let (mut at, mut has_doubled) = (start, false);
        let close = loop {
            match memchr(b'"', &bytes[at..]) {
                None => break bytes.len(),
                Some(offset) if bytes.get(at + offset + 1) == Some(&b'"') => {
                    has_doubled = true;
                    at += offset + 2;
                }
                Some(offset) => break at + offset,
            }
        };
        let inside = &self.text[start..close];
        let after = (close + 1).min(bytes.len());
        let end = self.end_of_plain(after);
        let tail = self.without_return(after, end);
        let inside = if has_doubled { Cow::Owned(inside.replace("\"\"", "\"")) } else { Cow::Borrowed(inside) };
        fields.push(if tail.is_empty() { inside } else { Cow::Owned(inside.into_owned() + tail) });
        self.pass(end)
    }

    fn end_of_plain(&mut self, start: usize) -> usize {
        self.ends.find(start).unwrap_or(self.text.len())
    }

    fn without_return(&self, start: usize, end: usize) -> &'a str {
        let text = &self.text[start..end];
        let is_line_end = self.text.as_bytes().get(end) != Some(&self.marks.delimiter);
        if is_line_end { text.strip_suffix('\r').unwrap_or(text) } else { text }
    }

    /// Goes beyond what ends a field; says whether that was a delimiter.
    fn pass(&mut self, end: usize) -> bool {
        self.position = end + 1;
        self.text.as_bytes().get(end) == Some(&self.marks.delimiter)
    }
}

/// Blocks of whole records from a stream of text.
pub(super) struct Blocks<'p, R> {
    path: &'p Path,
    format: &'static str,
    reader: R,
    marks: Marks,
    /// The beginning of a record whose end was not read yet.
    carried: Vec<u8>,
    /// Lines handed on so far.
    lines: u64,
    is_at_end: bool,
}

impl<'p, R: Read> Blocks<'p, R> {
    /// The blocks of `reader`, which reads the file at `path`, called `format` in errors.
    pub(super) fn new(path: &'p Path, format: &'static str, reader: R, marks: Marks) -> Self {
        Self { path, format, reader, marks, carried: Vec::new(), lines: 0, is_at_end: false }
    }

    /// The next block and how many lines end in it; none at the end.
    ///
    /// # Errors
    /// [`LoadError`] where the file is damaged, a record is too long, or a quote is never closed.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<u8>, usize)>, LoadError> {
        let mut block = std::mem::take(&mut self.carried);
        while !self.is_at_end {
            self.extend(&mut block)?;
            if self.is_at_end {
                break;
            }
            if let (Some(end), _) = last_record_end(&block, self.marks) {
                self.carried = block.split_off(end);
                let lines = self.count_lines(&block);
                self.lines += lines as u64;
                return Ok(Some((block, lines)));
            }
            if block.len() > LONGEST_RECORD {
                let path = self.path.to_owned();
                return Err(LoadError::LineTooLong { path, line: self.lines + 1, limit: LONGEST_RECORD });
            }
        }
        match last_record_end(&block, self.marks) {
            _ if block.is_empty() => Ok(None),
            (last, true) => {
                let before = self.lines + self.count_lines(&block[..last.unwrap_or(0)]) as u64;
                Err(LoadError::UnclosedQuote { path: self.path.to_owned(), line: before + 1 })
            }
            _ => {
                let lines = self.count_lines(&block);
                Ok(Some((block, lines)))
            }
        }
    }

    fn count_lines(&self, bytes: &[u8]) -> usize {
        memchr::memchr_iter(self.marks.line_end, bytes).count()
    }

    fn extend(&mut self, block: &mut Vec<u8>) -> Result<(), LoadError> {
        let length = block.len();
        block.resize(length + STEP, 0);
        let read = read_full(&mut self.reader, &mut block[length..]);
        let read = read.map_err(|cause| LoadError::reading(self.path, self.format, cause))?;
        block.truncate(length + read);
        self.is_at_end = read < STEP;
        Ok(())
    }
}

/// Where the last complete record of `bytes` ends, and whether a quote is open at the end of `bytes`.
pub(super) fn last_record_end(bytes: &[u8], marks: Marks) -> (Option<usize>, bool) {
    let (mut outside, mut search, mut last) = (0, 0, None);
    loop {
        let quote = memchr(b'"', &bytes[search..]).map(|offset| search + offset);
        let is_opening = |at: usize| at == 0 || bytes[at - 1] == marks.delimiter || bytes[at - 1] == marks.line_end;
        if let Some(at) = quote
            && !is_opening(at)
        {
            search = at + 1;
            continue;
        }
        let plain = &bytes[outside..quote.unwrap_or(bytes.len())];
        last = memrchr(marks.line_end, plain).map_or(last, |offset| Some(outside + offset + 1));
        let Some(opening) = quote else { return (last, false) };
        match after_quote(bytes, opening + 1) {
            Some(after) => (outside, search) = (after, after),
            None => return (last, true),
        }
    }
}

/// Where the quote that is open at `at` has been closed.
fn after_quote(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let close = at + memchr(b'"', &bytes[at..])?;
        if bytes.get(close + 1) != Some(&b'"') {
            return Some(close + 1);
        }
        at = close + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Marks = Marks { delimiter: b',', line_end: b'\n' };

    fn records(text: &str, marks: Marks) -> Vec<Vec<String>> {
        let mut records = Records::new(text, marks);
        let (mut fields, mut found) = (Vec::new(), Vec::new());
        while records.next(&mut fields).is_some() {
            found.push(fields.iter().map(ToString::to_string).collect());
        }
        found
    }

    #[test]
    fn fields_are_cut_at_delimiters_and_lines() {
        assert_eq!(records("a,b\nc,d\n", COMMA), [["a", "b"], ["c", "d"]]);
        assert_eq!(records("a,b\r\nc,\r\n", COMMA), [["a", "b"], ["c", ""]]);
        assert_eq!(records("a,b", COMMA), [["a", "b"]]);
        assert_eq!(records(",\n", COMMA), [["", ""]]);
        assert_eq!(records("a;b\rc;d", Marks { delimiter: b';', line_end: b'\r' }), [["a", "b"], ["c", "d"]]);
    }

    #[test]
    fn quotes_hold_delimiters_lines_and_doubled_quotes() {
        assert_eq!(records("\"a,b\",\"c\nd\"\r\n\"e\"\"f\",g\n", COMMA), [["a,b", "c\nd"], ["e\"f", "g"]]);
        assert_eq!(records("12\" RULER,\"x\"y\n", COMMA), [["12\" RULER", "xy"]]);
        assert_eq!(records("\"\",\"\"\"\"\n", COMMA), [["", "\""]]);
    }

    #[test]
    fn blank_lines_are_no_records() {
        assert_eq!(records("\n\na,b\n\r\n  \nc,d\n\n", COMMA), [["a", "b"], ["c", "d"]]);
        assert_eq!(records("\t\n", Marks { delimiter: b'\t', line_end: b'\n' }), [["", ""]]);
    }

    #[test]
    fn the_last_record_ends_outside_of_quotes() {
        let end = |text: &str| last_record_end(text.as_bytes(), COMMA);
        assert_eq!(end("a,b\nc"), (Some(4), false));
        assert_eq!(end("a,\"b\nc\"\nd"), (Some(8), false));
        assert_eq!(end("a,\"b\nc"), (None, true));
        assert_eq!(end("a\n\"b\"\"\nc"), (Some(2), true));
        assert_eq!(end("12\" RULER,1\nx"), (Some(12), false));
        assert_eq!(end("abc"), (None, false));
    }

    #[test]
    fn blocks_put_together_are_the_text() {
        let lines = (0..100_000).map(|row| format!("{row},\"some, \"\"text\"\"\n{row}\",12\" x\n"));
        let text = lines.collect::<Vec<_>>().concat();
        let mut blocks = Blocks::new(Path::new("x.csv"), "text", text.as_bytes(), COMMA);
        let mut joined = Vec::new();
        let mut rows = 0;
        while let Some((block, lines)) = blocks.next().unwrap() {
            assert_eq!(lines, std::str::from_utf8(&block).unwrap().matches('\n').count());
            rows += records(std::str::from_utf8(&block).unwrap(), COMMA).len();
            joined.extend(block);
        }
        assert_eq!(rows, 100_000);
        assert!(joined == text.as_bytes());
    }

    #[test]
    fn endless_lines_and_open_quotes_are_errors() {
        let line = "x".repeat(10 << 20);
        let mut blocks = Blocks::new(Path::new("x.csv"), "text", line.as_bytes(), COMMA);
        assert!(matches!(blocks.next(), Err(LoadError::LineTooLong { line: 1, .. })));
        let mut blocks = Blocks::new(Path::new("x.csv"), "text", "a,b\nc,\"d\n".as_bytes(), COMMA);
        assert!(matches!(blocks.next(), Err(LoadError::UnclosedQuote { line: 2, .. })));
    }
}
