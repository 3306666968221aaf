//! What can be said about loading in pipeline.yaml.
//!
//! For: [`super::Load`], `segpipe predict` and `segpipe init`, which read files the same way. Not for: deciding what is
//! left unsaid; `dialect` does that from the data.

use encoding_rs::Encoding;
use jiff::civil::date;
use jiff::fmt::strtime;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{Download, ParamError, Params, SourceRequest, SourceSelection};

use super::names::Column;

/// Params of `load`. Everything but `source` is found in the data where it is left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LoadParams {
    /// The files with the transactions, relative to the pipeline file's folder: a path, a list of paths and patterns
    /// (`data/2011-*.csv`), or one of several paths with a way to fetch it. Must be given.
    pub source: Option<SourceParam>,
    /// Which header is which column, where the names alone do not say it.
    pub columns: ColumnHeaders,
    /// How dates are written: `iso` (2011-12-09 12:50), `month_first` (12/9/2011 12:50), `day_first` (09/12/2011 12:50),
    /// or a pattern of strptime such as `%d.%m.%Y %H:%M`. Unset: found from all dates of a file.
    pub date_format: Option<String>,
    /// What separates cells: one character, or `tab`. Unset: found among comma, semicolon, tab and `|`.
    pub delimiter: Option<String>,
    /// Character encoding, e.g. `utf-8`, `windows-1252`, `latin-1`, `utf-16le`. Unset: found from the whole file.
    pub encoding: Option<String>,
    /// What stands before the decimals. Unset: found from all numbers of a file.
    pub decimal_mark: Option<DecimalMark>,
    /// The worksheet of a workbook. Unset: all whose headers have the columns needed, in their order.
    pub sheet: Option<String>,
}

/// The files a run reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    untagged,
    expecting = "expected a path, a list of paths and patterns, or a mapping with `one_of` (and `download`, `fallback`)"
)]
pub enum SourceParam {
    /// One path or pattern.
    Path(String),
    /// Several, read in this order.
    Paths(Vec<String>),
    /// One of several paths, and what to do where none is there.
    Choice(SourceChoice),
}

/// One of several paths, and what to do where none is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceChoice {
    /// The paths. Exactly one may exist.
    pub one_of: Vec<String>,
    /// Where the file can be fetched from when it is missing.
    #[serde(default)]
    pub download: Option<DownloadParam>,
    /// What stands in when it is missing and cannot be fetched.
    #[serde(default)]
    pub fallback: Option<Fallback>,
}

/// A file on the web.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DownloadParam {
    /// Address of the file or of a zip archive.
    pub url: String,
    /// Name of the one file wanted from the zip archive. Unset: the address is the file itself.
    #[serde(default)]
    pub member: Option<String>,
    /// Where it is placed, relative to the pipeline file's folder: one of the paths of `one_of`.
    pub to: String,
    /// Licence of the data, printed when it is fetched.
    #[serde(default)]
    pub licence: Option<String>,
    /// Nothing larger than this is fetched or unpacked, in bytes.
    #[serde(default = "default_max_bytes")]
    pub max_bytes: u64,
}

/// What stands in for a file that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Generated data, with warnings in the output and in every product.
    Simulate,
}

/// What stands before the decimals of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum DecimalMark {
    /// `1234.5`, `1,234.5`.
    #[default]
    #[serde(rename = ".")]
    Point,
    /// `1234,5`, `1.234,5`.
    #[serde(rename = ",")]
    Comma,
}

impl DecimalMark {
    /// The mark itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Point => ".",
            Self::Comma => ",",
        }
    }
}

/// The header of each column, for columns whose name is not recognised.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ColumnHeaders {
    /// Who bought.
    pub customer: Option<String>,
    /// When.
    pub date: Option<String>,
    /// How many.
    pub quantity: Option<String>,
    /// Price of one.
    pub unit_price: Option<String>,
    /// Money of the line. Stands above quantity × unit price.
    pub amount: Option<String>,
    /// Which purchase the line belongs to. Without it, frequency counts distinct purchase days.
    pub invoice: Option<String>,
    /// Code of the product.
    pub product: Option<String>,
    /// What the product is.
    pub description: Option<String>,
    /// The customer's country.
    pub country: Option<String>,
}

impl ColumnHeaders {
    /// The header given for a column.
    pub fn get(&self, column: Column) -> Option<&str> {
        let header = match column {
            Column::Customer => &self.customer,
            Column::Date => &self.date,
            Column::Quantity => &self.quantity,
            Column::UnitPrice => &self.unit_price,
            Column::Amount => &self.amount,
            Column::Invoice => &self.invoice,
            Column::Product => &self.product,
            Column::Description => &self.description,
            Column::Country => &self.country,
        };
        header.as_deref()
    }
}

const fn default_max_bytes() -> u64 {
    1 << 30
}

impl Params for LoadParams {
    const INCIDENTAL: &'static [&'static str] = &["source"];

    fn check(&self) -> Result<(), ParamError> {
        self.request()?;
        self.delimiter_byte()?;
        self.encoding()?;
        self.date_rule()?;
        for column in Column::ALL {
            if self.columns.get(column).is_some_and(str::is_empty) {
                let path = format!("columns.{}", column.key());
                return Err(ParamError::new(
                    &path,
                    "the header is empty; leave the column out to have it found by name",
                ));
            }
        }
        Ok(())
    }
}

/// How dates are to be read, as far as the params say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DateRule {
    /// `iso`.
    Iso,
    /// `month_first`.
    MonthFirst,
    /// `day_first`.
    DayFirst,
    /// A pattern of strptime.
    Pattern(String),
}

impl DateRule {
    /// The rule as the params write it.
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Iso => "iso",
            Self::MonthFirst => "month_first",
            Self::DayFirst => "day_first",
            Self::Pattern(pattern) => pattern,
        }
    }
}

impl LoadParams {
    /// The files to be found, fetched or simulated.
    ///
    /// # Errors
    /// A [`ParamError`] where no source is given.
    pub fn request(&self) -> Result<SourceRequest, ParamError> {
        let all = |paths: &[String]| SourceRequest {
            selection: SourceSelection::All(paths.to_vec()),
            download: None,
            may_simulate: false,
        };
        let request = match &self.source {
            None => Err("name the file with the transactions, e.g. `source: data/sales.csv`"),
            Some(SourceParam::Path(path)) if path.trim().is_empty() => Err("the path is empty"),
            Some(SourceParam::Path(path)) => Ok(all(std::slice::from_ref(path))),
            Some(SourceParam::Paths(paths)) if paths.is_empty() => Err("the list names no path"),
            Some(SourceParam::Paths(paths)) => Ok(all(paths)),
            Some(SourceParam::Choice(choice)) if choice.one_of.is_empty() => Err("`one_of` names no path"),
            Some(SourceParam::Choice(choice)) => Ok(choice.request()),
        };
        request.map_err(|message| ParamError::new("source", message))
    }

    /// The delimiter, where one is given.
    pub(super) fn delimiter_byte(&self) -> Result<Option<u8>, ParamError> {
        let Some(text) = &self.delimiter else { return Ok(None) };
        let byte = match (text.to_ascii_lowercase().as_str(), text.as_bytes()) {
            ("tab" | "\\t", _) => Some(b'\t'),
            ("comma", _) => Some(b','),
            ("semicolon", _) => Some(b';'),
            ("pipe", _) => Some(b'|'),
            (_, [byte]) => Some(*byte),
            _ => None,
        };
        let is_fit = |byte: &u8| byte.is_ascii() && !byte.is_ascii_alphanumeric() && !b"\"\r\n".contains(byte);
        match byte.filter(is_fit) {
            Some(byte) => Ok(Some(byte)),
            None => Err(ParamError::new("delimiter", "a delimiter is one character such as `;`, or `tab`")),
        }
    }

    /// The encoding, where one is given.
    pub(super) fn encoding(&self) -> Result<Option<&'static Encoding>, ParamError> {
        let Some(label) = &self.encoding else { return Ok(None) };
        let label = if label.eq_ignore_ascii_case("latin-1") { "latin1" } else { label.trim() };
        let known = Encoding::for_label_no_replacement(label.as_bytes());
        let message = "no such encoding is known; `utf-8`, `windows-1252` and `utf-16le` are the usual ones";
        known.map(Some).ok_or_else(|| ParamError::new("encoding", message))
    }

    /// The rule for dates, where one is given.
    pub(super) fn date_rule(&self) -> Result<Option<DateRule>, ParamError> {
        let Some(text) = &self.date_format else { return Ok(None) };
        let sample = date(2011, 12, 9).at(12, 50, 0, 0);
        Ok(Some(match text.as_str() {
            "iso" => DateRule::Iso,
            "month_first" => DateRule::MonthFirst,
            "day_first" => DateRule::DayFirst,
            pattern if pattern.contains('%') && strtime::format(pattern, sample).is_ok() => {
                DateRule::Pattern(pattern.to_owned())
            }
            _ => {
                let message =
                    "a date format is `iso`, `month_first`, `day_first` or a pattern such as `%d.%m.%Y %H:%M`";
                return Err(ParamError::new("date_format", message));
            }
        }))
    }
}

impl SourceChoice {
    fn request(&self) -> SourceRequest {
        let download = self.download.as_ref().map(|download| Download {
            url: download.url.clone(),
            member: download.member.clone(),
            to: download.to.clone(),
            licence: download.licence.clone(),
            max_bytes: download.max_bytes,
        });
        SourceRequest {
            selection: SourceSelection::OneOf(self.one_of.clone()),
            download,
            may_simulate: self.fallback == Some(Fallback::Simulate),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::contract;

    use super::*;

    fn params(value: &Value) -> LoadParams {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn refused(value: &Value) -> ParamError {
        contract::check::<LoadParams>(value.as_object().unwrap()).unwrap_err()
    }

    #[test]
    fn a_source_is_a_path_a_list_or_a_choice() {
        let request = params(&json!({"source": "a.csv"})).request().unwrap();
        assert_eq!(request.selection, SourceSelection::All(vec!["a.csv".into()]));
        assert!(!request.may_simulate && request.download.is_none());
        let request = params(&json!({"source": ["a.csv", "b*.csv"]})).request().unwrap();
        assert_eq!(request.selection, SourceSelection::All(vec!["a.csv".into(), "b*.csv".into()]));
        let download = json!({"url": "https://example.org/a.zip", "member": "a.xlsx", "to": "data/a.xlsx"});
        let choice = json!({"one_of": ["data/a.csv", "data/a.xlsx"], "download": download, "fallback": "simulate"});
        let request = params(&json!({"source": choice})).request().unwrap();
        assert_eq!(request.selection, SourceSelection::OneOf(vec!["data/a.csv".into(), "data/a.xlsx".into()]));
        assert!(request.may_simulate);
        let download = request.download.unwrap();
        assert_eq!((download.to.as_str(), download.max_bytes), ("data/a.xlsx", 1 << 30));
    }

    #[test]
    fn a_missing_or_misshapen_source_is_asked_for() {
        assert_eq!(refused(&json!({})).path, ["source"]);
        assert!(refused(&json!({})).message.contains("source: data/sales.csv"));
        assert!(refused(&json!({"source": 5})).message.contains("expected a path, a list"));
        assert!(refused(&json!({"source": {"one_of": ["a"], "fetch": 1}})).message.contains("expected a path"));
        assert_eq!(refused(&json!({"source": []})).message, "the list names no path");
    }

    #[test]
    fn the_source_is_no_part_of_what_determines_the_result() {
        let raw = json!({"source": "a.csv", "delimiter": ";"});
        let checked = contract::check::<LoadParams>(raw.as_object().unwrap()).unwrap();
        assert_eq!(checked.incidental.keys().collect::<Vec<_>>(), ["source"]);
        assert_eq!(checked.to::<LoadParams>().unwrap(), params(&raw));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (key, value) in [
            ("delimiter", json!(";;")),
            ("delimiter", json!("a")),
            ("encoding", json!("utf-99")),
            ("date_format", json!("european")),
            ("date_format", json!("%Q")),
        ] {
            assert_eq!(refused(&json!({"source": "a.csv", key: value})).path, [key]);
        }
        assert_eq!(refused(&json!({"source": "a.csv", "columns": {"customer": ""}})).path, ["columns", "customer"]);
        assert_eq!(refused(&json!({"source": "a.csv", "decimal_mark": ";"})).path, ["decimal_mark"]);
    }

    #[test]
    fn names_of_delimiters_and_encodings_are_understood() {
        assert_eq!(params(&json!({"delimiter": "tab"})).delimiter_byte().unwrap(), Some(b'\t'));
        assert_eq!(params(&json!({"delimiter": ";"})).delimiter_byte().unwrap(), Some(b';'));
        let latin = params(&json!({"encoding": "latin-1"})).encoding().unwrap();
        assert_eq!(latin, Some(encoding_rs::WINDOWS_1252));
        let rule = params(&json!({"date_format": "%d.%m.%Y %H:%M"})).date_rule().unwrap();
        assert_eq!(rule, Some(DateRule::Pattern("%d.%m.%Y %H:%M".into())));
    }
}
