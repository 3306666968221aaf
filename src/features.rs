//! Tables of customers as people send them: which columns are recency, frequency and monetary, and what a cell says.
//!
//! For: `segpipe predict` and the scoring service, which recognise the same tables. Not for: tables of stages.

use csv::{ByteRecord, ReaderBuilder};
use segpipe_stages::customers::FEATURES;

/// What may separate the cells of a table in text.
const DELIMITERS: [u8; 4] = *b",;\t|";

/// The mark that some programs put before the first cell of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Most characters of a cell that are shown.
const SHOWN: usize = 40;

/// A header that has a feature twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("two columns called `{feature}`")]
pub struct Twice {
    /// The feature.
    pub feature: &'static str,
}

/// Which feature a header names, whatever its case.
pub fn feature(header: &[u8]) -> Option<usize> {
    FEATURES.iter().position(|feature| header.trim_ascii().eq_ignore_ascii_case(feature.as_bytes()))
}

/// Positions of the three features in a header; none where one is missing.
///
/// # Errors
/// [`Twice`] where all are there and one is there twice.
pub fn positions<'a>(header: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<[usize; 3]>, Twice> {
    let mut found = [None; 3];
    let mut twice = None;
    for (position, cell) in header.into_iter().enumerate() {
        let Some(feature) = feature(cell) else { continue };
        if found[feature].replace(position).is_some() {
            twice = twice.or(Some(Twice { feature: FEATURES[feature] }));
        }
    }
    let [Some(recency), Some(frequency), Some(monetary)] = found else { return Ok(None) };
    twice.map_or(Ok(Some([recency, frequency, monetary])), Err)
}

/// The delimiter of a table of features, told by its first line, and the features' positions; none where the line
/// names no such table.
///
/// # Errors
/// [`Twice`] where a feature is named twice.
pub fn header(line: &[u8]) -> Result<Option<(u8, [usize; 3])>, Twice> {
    let line = without_mark(line);
    for delimiter in DELIMITERS {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(line);
        let mut header = ByteRecord::new();
        if reader.read_byte_record(&mut header).is_ok()
            && let Some(found) = positions(&header)?
        {
            return Ok(Some((delimiter, found)));
        }
    }
    Ok(None)
}

/// Text without the mark at its beginning.
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(MARK).unwrap_or(text)
}

/// The finite number in a cell.
///
/// # Errors
/// What is wrong with it, as the rest of a sentence.
pub fn number(cell: &[u8]) -> Result<f64, String> {
    let text = String::from_utf8_lossy(cell);
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let shown = || text.chars().take(SHOWN).collect::<String>();
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        Ok(_) => Err(format!("is `{}`, which is not a finite number", shown())),
        Err(_) => Err(format!("is `{}`, which is not a number", shown())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_tells_delimiter_and_positions_whatever_case_and_order() {
        assert_eq!(header(b"id,Monetary, RECENCY ,frequency"), Ok(Some((b',', [2, 3, 1]))));
        assert_eq!(header(b"\xef\xbb\xbfrecency;frequency;monetary\r\n"), Ok(Some((b';', [0, 1, 2]))));
        assert_eq!(header(b"recency,frequency"), Ok(None));
        assert_eq!(header(b"recency,Recency,frequency,monetary"), Err(Twice { feature: "recency" }));
    }

    #[test]
    fn a_cell_is_a_finite_number_or_says_what_is_wrong() {
        assert_eq!(number(b" 1e3 ").unwrap().to_bits(), 1000.0_f64.to_bits());
        assert_eq!(number(b"").unwrap_err(), "is empty");
        assert_eq!(number(b"NaN").unwrap_err(), "is `NaN`, which is not a finite number");
        assert_eq!(number(b"1,5").unwrap_err(), "is `1,5`, which is not a number");
        assert_eq!(number(b"\xff").unwrap_err(), "is `\u{fffd}`, which is not a number");
    }
}
