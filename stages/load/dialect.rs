//! How a file writes text, numbers and dates: what its cells give away, and the decision taken from all of them.
//!
//! For: every format. A file is read once with what its beginning suggests while the evidence of all its cells is
//! gathered; where the whole file says otherwise it is read again. Not for: reading the cells (`numbers`, `dates`).

use std::path::Path;

use encoding_rs::Encoding;

use super::dates::{OrderHint, Parts};
use super::error::LoadError;
use super::numbers::MarkHint;
use super::params::{DateRule, DecimalMark, LoadParams};

/// Where one of a hundred contradicts the others it is taken for a slip, and its cells for unusable.
const SLIPS: u64 = 100;

/// How the cells of a file are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    /// Order of day and month, or a pattern.
    pub(super) dates: DateRule,
    /// Decimal mark.
    pub(super) mark: DecimalMark,
    /// Whether text is UTF-8; otherwise it is Windows-1252, which Latin-1 is a part of.
    pub(super) is_utf8: bool,
}

/// What the cells of a file, or of a part of it, give away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Evidence {
    dates: DateEvidence,
    marks: MarkEvidence,
    text: TextEvidence,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct DateEvidence {
    year_first: u64,
    same: u64,
    month_first: Witnesses,
    day_first: Witnesses,
    either: Witnesses,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct MarkEvidence {
    point: Witnesses,
    comma: Witnesses,
    either: Witnesses,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct TextEvidence {
    /// Characters of several bytes that are valid UTF-8.
    valid: u64,
    /// Bytes that are not.
    invalid: u64,
    /// Bytes that are no character of Windows-1252 either, and zeros.
    foreign: u64,
}

/// Cells that say the same, and the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Witnesses {
    count: u64,
    first: Option<String>,
}

impl Witnesses {
    fn add(&mut self, text: &str) {
        self.count += 1;
        self.first.get_or_insert_with(|| text.chars().take(60).collect());
    }

    fn merge(&mut self, later: Self) {
        self.count += later.count;
        self.first = self.first.take().or(later.first);
    }

    fn sample(&self) -> String {
        self.first.clone().unwrap_or_default()
    }

    fn is_slip_beside(&self, other: &Self) -> bool {
        self.count * SLIPS <= other.count
    }
}

impl Evidence {
    /// Takes in a date as written.
    pub(super) fn see_date(&mut self, parts: Parts, text: &str) {
        match parts.hint() {
            Some(OrderHint::YearFirst) => self.dates.year_first += 1,
            Some(OrderHint::Same) => self.dates.same += 1,
            Some(OrderHint::MonthFirst) => self.dates.month_first.add(text),
            Some(OrderHint::DayFirst) => self.dates.day_first.add(text),
            Some(OrderHint::Either) => self.dates.either.add(text),
            None => {}
        }
    }

    /// Takes in what a number, as written, says about the decimal mark.
    pub(super) fn see_mark(&mut self, hint: MarkHint, text: &str) {
        match hint {
            MarkHint::Point => self.marks.point.add(text),
            MarkHint::Comma => self.marks.comma.add(text),
            MarkHint::Either => self.marks.either.add(text),
            MarkHint::None => {}
        }
    }

    /// Takes in the raw bytes of whole lines.
    pub(super) fn see_bytes(&mut self, bytes: &[u8]) {
        if bytes.is_ascii() {
            self.text.foreign += u64::from(memchr::memchr(0, bytes).is_some());
            return;
        }
        self.text.foreign += u64::from(memchr::memchr(0, bytes).is_some());
        if std::str::from_utf8(bytes).is_ok() {
            // Every character beyond ASCII begins with one byte of these.
            self.text.valid += bytes.iter().filter(|byte| **byte >= 0xc0).count() as u64;
            return;
        }
        for chunk in bytes.utf8_chunks() {
            self.text.valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count() as u64;
            self.text.invalid += chunk.invalid().len() as u64;
            let is_foreign = |byte: &&u8| matches!(byte, 0x81 | 0x8d | 0x8f | 0x90 | 0x9d);
            self.text.foreign += chunk.invalid().iter().filter(is_foreign).count() as u64;
        }
    }

    /// Adds what later cells give away.
    pub(super) fn merge(&mut self, later: Self) {
        self.dates.year_first += later.dates.year_first;
        self.dates.same += later.dates.same;
        self.dates.month_first.merge(later.dates.month_first);
        self.dates.day_first.merge(later.dates.day_first);
        self.dates.either.merge(later.dates.either);
        self.marks.point.merge(later.marks.point);
        self.marks.comma.merge(later.marks.comma);
        self.marks.either.merge(later.marks.either);
        self.text.valid += later.text.valid;
        self.text.invalid += later.text.invalid;
        self.text.foreign += later.text.foreign;
    }

    /// Whether any date was written as text.
    pub(super) fn has_dates(&self) -> bool {
        self.dates.year_first + self.dates.same > 0
            || [&self.dates.month_first, &self.dates.day_first, &self.dates.either].iter().any(|seen| seen.count > 0)
    }

    /// The dialect that a part of the file suggests, where nothing is settled yet.
    pub(super) fn suggest(&self, params: &LoadParams) -> Dialect {
        let path = Path::new("");
        Dialect {
            dates: self.settle_dates(path, params).unwrap_or(DateRule::MonthFirst),
            mark: self.settle_mark(path, params).unwrap_or_default(),
            is_utf8: self.settle_text(path, params).unwrap_or(true),
        }
    }

    /// The dialect, settled by the params or by all cells of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError`] where neither settles it.
    pub(super) fn settle(&self, path: &Path, params: &LoadParams) -> Result<Dialect, LoadError> {
        Ok(Dialect {
            is_utf8: self.settle_text(path, params)?,
            mark: self.settle_mark(path, params)?,
            dates: self.settle_dates(path, params)?,
        })
    }

    fn settle_dates(&self, path: &Path, params: &LoadParams) -> Result<DateRule, LoadError> {
        if let Some(rule) = params.date_rule()? {
            return Ok(rule);
        }
        let DateEvidence { same, month_first, day_first, either, .. } = &self.dates;
        match (month_first.count, day_first.count) {
            (0, 0) if either.count > 0 => {
                Err(LoadError::DateOrderUnsettled { path: path.to_owned(), sample: either.sample() })
            }
            (0, 0) if *same > 0 => Ok(DateRule::MonthFirst),
            (0, 0) => Ok(DateRule::Iso),
            _ if day_first.is_slip_beside(month_first) => Ok(DateRule::MonthFirst),
            _ if month_first.is_slip_beside(day_first) => Ok(DateRule::DayFirst),
            _ => Err(LoadError::DateOrderMixed {
                path: path.to_owned(),
                month_first: month_first.sample(),
                day_first: day_first.sample(),
            }),
        }
    }

    fn settle_mark(&self, path: &Path, params: &LoadParams) -> Result<DecimalMark, LoadError> {
        if let Some(mark) = params.decimal_mark {
            return Ok(mark);
        }
        let MarkEvidence { point, comma, either } = &self.marks;
        let unsettled = |sample| Err(LoadError::DecimalMarkUnsettled { path: path.to_owned(), sample });
        match (point.count, comma.count) {
            (0, 0) if either.count > 0 => unsettled(either.sample()),
            (0, 0) => Ok(DecimalMark::Point),
            _ if comma.is_slip_beside(point) => Ok(DecimalMark::Point),
            _ if point.is_slip_beside(comma) => Ok(DecimalMark::Comma),
            _ => unsettled(format!("{}` and `{}", point.sample(), comma.sample())),
        }
    }

    fn settle_text(&self, path: &Path, params: &LoadParams) -> Result<bool, LoadError> {
        let TextEvidence { valid, invalid, foreign } = &self.text;
        let given = params.encoding()?;
        let refuse = |encoding: &str| Err(LoadError::Encoding { path: path.to_owned(), encoding: encoding.to_owned() });
        match given {
            Some(given) if given == encoding_rs::UTF_8 && *invalid > 0 => refuse("UTF-8"),
            Some(given) => Ok(given != encoding_rs::WINDOWS_1252),
            None if *foreign > 0 => refuse("UTF-8 or Windows-1252"),
            None if *invalid > 0 && valid > invalid => refuse("UTF-8 throughout, though much of it is"),
            None => Ok(*invalid == 0),
        }
    }
}

/// Whether text in `encoding` is read as it stands; otherwise it is turned into UTF-8 first.
pub(super) fn is_read_as_it_stands(encoding: &Encoding) -> bool {
    encoding == encoding_rs::UTF_8 || encoding == encoding_rs::WINDOWS_1252
}

#[cfg(test)]
mod tests {
    use super::super::numbers::{MONEY, read_with_hint};
    use super::*;

    fn dates(texts: &[&str]) -> Result<DateRule, LoadError> {
        let mut evidence = Evidence::default();
        for text in texts {
            evidence.see_date(Parts::read(text).unwrap(), text);
        }
        evidence.settle(Path::new("sales.csv"), &LoadParams::default()).map(|dialect| dialect.dates)
    }

    fn mark(texts: &[&str]) -> Result<DecimalMark, LoadError> {
        let mut evidence = Evidence::default();
        for text in texts {
            evidence.see_mark(read_with_hint(text, DecimalMark::Point, MONEY).1, text);
        }
        evidence.settle(Path::new("sales.csv"), &LoadParams::default()).map(|dialect| dialect.mark)
    }

    fn is_utf8(bytes: &[u8], encoding: Option<&str>) -> Result<bool, LoadError> {
        let mut evidence = Evidence::default();
        evidence.see_bytes(bytes);
        let params = LoadParams { encoding: encoding.map(String::from), ..LoadParams::default() };
        evidence.settle(Path::new("sales.csv"), &params).map(|dialect| dialect.is_utf8)
    }

    #[test]
    fn one_date_that_fits_one_order_settles_it() {
        assert_eq!(dates(&["1/2/2011", "1/13/2011", "3/4/2011"]).unwrap(), DateRule::MonthFirst);
        assert_eq!(dates(&["1/2/2011", "13/1/2011", "3/4/2011"]).unwrap(), DateRule::DayFirst);
        assert_eq!(dates(&["2011-01-02"]).unwrap(), DateRule::Iso);
        assert_eq!(dates(&[]).unwrap(), DateRule::Iso);
        assert_eq!(dates(&["1/1/2011", "2/2/2011"]).unwrap(), DateRule::MonthFirst);
    }

    #[test]
    fn an_order_that_nothing_settles_is_asked_for() {
        let error = dates(&["1/1/2011", "1/2/2011", "2011-12-30"]).unwrap_err();
        assert!(matches!(&error, LoadError::DateOrderUnsettled { sample, .. } if sample == "1/2/2011"), "{error}");
        let error = dates(&["1/13/2011", "13/1/2011"]).unwrap_err();
        assert!(matches!(error, LoadError::DateOrderMixed { .. }));
    }

    #[test]
    fn one_slip_in_a_hundred_does_not_unsettle_the_rest() {
        let mut texts = vec!["1/13/2011"; 100];
        texts.push("13/1/2011");
        assert_eq!(dates(&texts).unwrap(), DateRule::MonthFirst);
        let mut texts = vec!["2,50"; 200];
        texts.extend(["1.5", "2.5"]);
        assert_eq!(mark(&texts).unwrap(), DecimalMark::Comma);
    }

    #[test]
    fn numbers_settle_the_mark_and_whole_numbers_need_none() {
        assert_eq!(mark(&["1", "2.5", "1.234"]).unwrap(), DecimalMark::Point);
        assert_eq!(mark(&["1", "2,5", "1.234"]).unwrap(), DecimalMark::Comma);
        assert_eq!(mark(&["1", "2"]).unwrap(), DecimalMark::Point);
        assert!(matches!(mark(&["1.234"]), Err(LoadError::DecimalMarkUnsettled { .. })));
        assert!(mark(&["1.5", "1,5"]).unwrap_err().to_string().contains("`1.5` and `1,5`"));
    }

    #[test]
    fn text_is_utf8_or_else_windows_1252_or_refused() {
        assert!(is_utf8("tea caddy £5".as_bytes(), None).unwrap());
        assert!(!is_utf8(b"tea caddy \xa35", None).unwrap());
        assert!(is_utf8(b"caf\xe9", Some("utf-8")).is_err());
        assert!(!is_utf8(b"caf\xe9", Some("latin-1")).unwrap());
        assert!(is_utf8(b"\xff\x81", None).is_err());
        assert!(is_utf8(b"a\0b", None).is_err());
        let mixed = ["ééé".as_bytes(), b"\xe9"].concat();
        assert!(is_utf8(&mixed, None).is_err());
    }

    #[test]
    fn what_is_given_is_not_questioned() {
        let mut evidence = Evidence::default();
        evidence.see_mark(MarkHint::Either, "1.234");
        evidence.see_date(Parts::read("1/2/2011").unwrap(), "1/2/2011");
        let params = LoadParams {
            date_format: Some("day_first".into()),
            decimal_mark: Some(DecimalMark::Comma),
            ..LoadParams::default()
        };
        let dialect = evidence.settle(Path::new("sales.csv"), &params).unwrap();
        assert_eq!((dialect.dates, dialect.mark), (DateRule::DayFirst, DecimalMark::Comma));
    }
}
