//! Which cell of a row is which column: headers matched by `load.columns` and by name.
//!
//! For: every format, once its headers are known. Not for: reading headers. Called by: `source`, `xlsx`, `parquet`.

use std::path::Path;

use super::error::{Lacking, LoadError};
use super::names::{Column, plain};
use super::params::ColumnHeaders;

/// The position of each column among a file's headers, and the headers themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Mapping {
    positions: [Option<usize>; Column::ALL.len()],
    headers: Vec<String>,
}

impl Mapping {
    /// Maps `headers` of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError`] where a required column is missing, two headers stand for one, or this is an RFM table.
    pub(super) fn find(path: &Path, headers: &[String], given: &ColumnHeaders) -> Result<Self, LoadError> {
        let mut mapping = Self { positions: [None; Column::ALL.len()], headers: headers.to_vec() };
        for column in Column::ALL {
            if let Some(header) = given.get(column) {
                mapping.positions[column as usize] = Some(position_of(path, headers, column, header)?);
            }
        }
        for column in Column::ALL.into_iter().filter(|column| given.get(*column).is_none()) {
            mapping.positions[column as usize] = mapping.recognise(path, column)?;
        }
        mapping.check(path)?;
        Ok(mapping)
    }

    /// How many columns `headers` name, those of an RFM table included; tells delimiters apart.
    pub(super) fn count(headers: &[String], given: &ColumnHeaders) -> usize {
        let is_there = |column: &Column| match given.get(*column) {
            Some(wanted) => headers.iter().any(|header| header.trim() == wanted.trim()),
            None => headers.iter().any(|header| column.is_named(header)),
        };
        Column::ALL.iter().filter(|column| is_there(column)).count() + usize::from(is_rfm_table(headers)) * 3
    }

    /// Where a column's cells stand.
    pub(super) fn position(&self, column: Column) -> Option<usize> {
        self.positions[column as usize]
    }

    /// Whether the file has a column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.position(column).is_some()
    }

    /// The header of a column.
    pub(super) fn header(&self, column: Column) -> Option<&str> {
        self.position(column).map(|position| self.headers[position].as_str())
    }

    /// Number of headers.
    pub(super) fn width(&self) -> usize {
        self.headers.len()
    }

    /// Columns found, with their headers.
    pub(super) fn found(&self) -> Vec<(Column, String)> {
        Column::ALL.into_iter().filter_map(|column| Some((column, self.header(column)?.to_owned()))).collect()
    }

    /// Headers that are no column of ours.
    pub(super) fn unmapped(&self) -> Vec<String> {
        let is_free = |position: &usize| !self.positions.contains(&Some(*position));
        (0..self.headers.len()).filter(is_free).map(|position| self.headers[position].clone()).collect()
    }

    fn recognise(&self, path: &Path, column: Column) -> Result<Option<usize>, LoadError> {
        let is_candidate =
            |position: &usize| !self.positions.contains(&Some(*position)) && column.is_named(&self.headers[*position]);
        let candidates: Vec<usize> = (0..self.headers.len()).filter(is_candidate).collect();
        let is_canonical = |position: &&usize| column.is_canonical(&self.headers[**position]);
        let canonical: Vec<usize> = candidates.iter().filter(is_canonical).copied().collect();
        match (candidates.as_slice(), canonical.as_slice()) {
            ([], _) => Ok(None),
            ([only], _) | (_, [only]) => Ok(Some(*only)),
            _ => Err(LoadError::AmbiguousColumn {
                path: path.to_owned(),
                column: column.key(),
                headers: candidates.iter().map(|position| self.headers[*position].clone()).collect(),
            }),
        }
    }

    fn check(&self, path: &Path) -> Result<(), LoadError> {
        let is_money_missing = !(self.has(Column::Amount) || self.has(Column::Quantity) && self.has(Column::UnitPrice));
        let mut lacking: Vec<Column> =
            [Column::Customer, Column::Date].into_iter().filter(|column| !self.has(*column)).collect();
        if is_money_missing {
            lacking.extend([Column::Quantity, Column::UnitPrice].into_iter().filter(|column| !self.has(*column)));
        }
        if lacking.is_empty() {
            return Ok(());
        }
        if is_rfm_table(&self.headers) {
            return Err(LoadError::RfmTable { path: path.to_owned() });
        }
        let unmapped = self.unmapped();
        let lacking =
            lacking.into_iter().map(|column| Lacking { column, nearest: nearest(column, &unmapped) }).collect();
        Err(LoadError::MissingColumns { path: path.to_owned(), lacking, headers: self.headers.clone() })
    }
}

/// Whether these are the headers of a ready-made RFM table: recency, frequency and monetary are among them.
pub fn is_rfm_table(headers: &[String]) -> bool {
    let has = |name: &str| headers.iter().any(|header| plain(header) == name);
    has("recency") && has("frequency") && (has("monetary") || has("monetaryvalue"))
}

fn position_of(path: &Path, headers: &[String], column: Column, wanted: &str) -> Result<usize, LoadError> {
    let positions = |is_same: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..headers.len()).filter(|position| is_same(&headers[*position])).collect()
    };
    let exact = positions(&|header| header.trim() == wanted.trim());
    let found = if exact.is_empty() { positions(&|header| plain(header) == plain(wanted)) } else { exact };
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(LoadError::NoSuchHeader {
            path: path.to_owned(),
            column: column.key(),
            header: wanted.to_owned(),
            headers: headers.to_vec(),
        }),
        several => Err(LoadError::AmbiguousColumn {
            path: path.to_owned(),
            column: column.key(),
            headers: several.iter().map(|position| headers[*position].clone()).collect(),
        }),
    }
}

/// The header that looks most like one of a column's names.
fn nearest(column: Column, headers: &[String]) -> Option<String> {
    let likeness = |header: &String| {
        let header = plain(header);
        let names = column.names();
        names.map(|name| strsim::jaro_winkler(&header, name)).fold(0.0, f64::max)
    };
    let scored = headers.iter().map(|header| (likeness(header), header)).filter(|(score, _)| *score > 0.8);
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, header)| header.clone())
}

#[cfg(test)]
mod tests {
    use crate::contract::{Fault, StageFault};

    use super::*;

    fn headers(line: &str) -> Vec<String> {
        line.split(',').map(String::from).collect()
    }

    fn find(line: &str, given: &ColumnHeaders) -> Result<Mapping, LoadError> {
        Mapping::find(Path::new("sales.csv"), &headers(line), given)
    }

    #[test]
    fn columns_are_found_wherever_they_stand() {
        let mapping = find("Country,Price,Customer ID,Quantity,InvoiceDate,Invoice,Extra", &ColumnHeaders::default());
        let mapping = mapping.unwrap();
        assert_eq!(mapping.position(Column::Customer), Some(2));
        assert_eq!(mapping.header(Column::UnitPrice), Some("Price"));
        assert_eq!(mapping.position(Column::Amount), None);
        assert_eq!(mapping.unmapped(), ["Extra"]);
        assert_eq!(mapping.found().len(), 6);
    }

    #[test]
    fn two_headers_for_one_column_are_refused_unless_one_is_canonical_or_chosen() {
        let line = "client,buyer,date,amount";
        let error = find(line, &ColumnHeaders::default()).unwrap_err();
        assert!(error.to_string().contains("`client` and `buyer`"), "{error}");
        assert_eq!(error.fault(), Fault::Data);
        let chosen = ColumnHeaders { customer: Some("Buyer".into()), ..ColumnHeaders::default() };
        assert_eq!(find(line, &chosen).unwrap().position(Column::Customer), Some(1));
        let canonical = find("client,customer_id,date,amount", &ColumnHeaders::default()).unwrap();
        assert_eq!(canonical.position(Column::Customer), Some(1));
    }

    #[test]
    fn what_is_missing_is_listed_with_what_is_there_and_what_is_near() {
        let error = find("Custommer,Orderdate,Qty,Extra", &ColumnHeaders::default()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`customer`") && text.contains("`unit_price`"), "{text}");
        assert!(text.contains("`Custommer`, `Orderdate`, `Qty`, `Extra`"), "{text}");
        assert!(error.hint().unwrap().contains("customer: Custommer"), "{:?}", error.hint());
    }

    #[test]
    fn a_line_amount_stands_in_for_quantity_and_price() {
        assert!(find("customer,date,total", &ColumnHeaders::default()).is_ok());
        assert!(find("customer,date,quantity", &ColumnHeaders::default()).is_err());
    }

    #[test]
    fn a_header_that_columns_takes_is_no_candidate_for_another() {
        let given = ColumnHeaders { customer: Some("order id".into()), ..ColumnHeaders::default() };
        let mapping = find("Order ID,date,total", &given).unwrap();
        assert_eq!((mapping.position(Column::Customer), mapping.position(Column::Invoice)), (Some(0), None));
        let missing = ColumnHeaders { customer: Some("Client No".into()), ..ColumnHeaders::default() };
        let error = find("Order ID,date,total", &missing).unwrap_err().to_string();
        assert!(error.contains("no header `Client No`"), "{error}");
    }

    #[test]
    fn an_rfm_table_is_told_from_transactions() {
        let error = find("customer_id,Recency,Frequency,Monetary", &ColumnHeaders::default()).unwrap_err();
        assert!(matches!(error, LoadError::RfmTable { .. }));
        assert!(error.hint().unwrap().contains("segpipe predict"));
    }
}
