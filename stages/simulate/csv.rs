//! Simulated rows as the CSV that UCI's Online Retail circulates as.
//!
//! For: [`super::write`] with a path that ends in `.csv`. Not for: reading.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::calendar::date_of;
use super::catalogue::{Catalogue, REMARKS};
use super::customer::COUNTRIES;
use super::day::{Day, Piece};
use super::order::{Line, Wording};
use super::{SimulateError, Sink};

const HEADER: &[u8] = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n";

/// Writes CSV.
pub(super) struct CsvSink {
    path: PathBuf,
    file: BufWriter<File>,
    /// `code,` and the quoted description of every item.
    items: Vec<(String, String)>,
}

impl CsvSink {
    /// Begins the file; `path` is what errors call it.
    pub(super) fn new(file: File, path: &Path, catalogue: &Catalogue) -> Result<Self, SimulateError> {
        let items = catalogue.entries().iter();
        let items = items.map(|entry| (format!("{},", entry.code), quoted(&entry.description))).collect();
        let mut sink = Self { path: path.to_owned(), file: BufWriter::with_capacity(1 << 20, file), items };
        sink.append(HEADER)?;
        Ok(sink)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), SimulateError> {
        let path = &self.path;
        self.file.write_all(bytes).map_err(|source| SimulateError::File { path: path.clone(), source })
    }

    fn format(&self, date: &str, piece: Piece<'_>) -> Vec<u8> {
        let mut text = String::with_capacity(piece.rows() * 100);
        for (number, order, lines) in piece.invoices() {
            let (hour, minute) = (order.minute / 60, order.minute % 60);
            let date = format!(",{date} {hour:02}:{minute:02}:00,");
            let customer = order.customer.map(|id| id.to_string()).unwrap_or_default();
            let tail = format!(",{customer},{}\n", COUNTRIES[usize::from(order.country)]);
            for line in lines {
                text.push_str(&number);
                text.push(',');
                self.push_item(&mut text, line);
                text.push(',');
                push_integer(&mut text, i64::from(line.quantity));
                text.push_str(&date);
                push_price(&mut text, line.price);
                text.push_str(&tail);
            }
        }
        text.into_bytes()
    }

    fn push_item(&self, text: &mut String, line: &Line) {
        let (code, description) = &self.items[usize::from(line.item)];
        text.push_str(code);
        match line.wording {
            Wording::Catalogue => text.push_str(description),
            Wording::Empty => {}
            Wording::Remark(index) => text.push_str(REMARKS[usize::from(index)]),
        }
    }
}

impl Sink for CsvSink {
    fn write(&mut self, day: &Day) -> Result<(), SimulateError> {
        let date = date_of(day.index()).to_string();
        let pieces: Vec<Vec<u8>> = day.pieces().into_par_iter().map(|piece| self.format(&date, piece)).collect();
        pieces.iter().try_for_each(|piece| self.append(piece))
    }

    fn finish(mut self: Box<Self>) -> Result<(), SimulateError> {
        let path = self.path.clone();
        self.file.flush().map_err(|source| SimulateError::File { path, source })
    }
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

fn push_integer(text: &mut String, value: i64) {
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        text.push('-');
    }
    text.extend(digits[start..].iter().map(|&digit| char::from(digit)));
}

/// Pennies as pandas prints a price: `2.55`, `2.1`, `18.0`.
fn push_price(text: &mut String, pennies: i32) {
    if pennies < 0 {
        text.push('-');
    }
    let pennies = i64::from(pennies).abs();
    push_integer(text, pennies / 100);
    text.push('.');
    push_integer(text, pennies / 10 % 10);
    if pennies % 10 != 0 {
        push_integer(text, pennies % 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_printed_as_in_the_real_file() {
        let print = |pennies| {
            let mut text = String::new();
            push_price(&mut text, pennies);
            text
        };
        let printed = [255, 210, 1800, 5, 0, -1_106_206].map(print);
        assert_eq!(printed, ["2.55", "2.1", "18.0", "0.05", "0.0", "-11062.06"]);
    }

    #[test]
    fn descriptions_with_commas_and_quotes_are_quoted() {
        assert_eq!(quoted("MUG"), "MUG");
        assert_eq!(quoted("TISSUES, POCKET"), "\"TISSUES, POCKET\"");
        assert_eq!(quoted("6\" TILE"), "\"6\"\" TILE\"");
    }
}
