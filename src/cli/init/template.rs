//! The pipeline file that `init` writes: what was found in the data, with comments on what can be changed.
//!
//! For: the text alone. Not for: finding anything out, or writing the file.

use std::fmt::Write;

/// What was found in somebody's own data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Found {
    /// The file, relative to the pipeline file's folder.
    pub(super) source: String,
    /// Column keys with the headers that stand for them.
    pub(super) columns: Vec<(String, String)>,
    /// Column keys for which there is no header.
    pub(super) absent: Vec<String>,
    /// Headers that stand for no column.
    pub(super) unmapped: Vec<String>,
    /// How dates are written, for text.
    pub(super) date_format: Option<String>,
    /// What separates cells, for delimited text.
    pub(super) delimiter: Option<String>,
    /// Character encoding, for text.
    pub(super) encoding: Option<String>,
    /// What stands before decimals, for text.
    pub(super) decimal_mark: Option<String>,
}

/// Words that mean something else in YAML, or did so once.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

const DATES: &str = "iso (2011-12-09), month_first (12/9/2011), day_first (9/12/2011) or a pattern (%d.%m.%Y %H:%M)";

const STAGES: &str = "
  # Rules that the rows must keep; rows that break one go to a quarantine, with the reason.
  validate: {}

  preprocess:
    params:
      # What becomes of returns and cancellations: gross (dropped), net (subtracted) or matched (removed with the
      # purchase they belong to).
      returns: gross
      # Rows that are there twice: keep or drop.
      duplicates: keep

  # Per customer: days since the last purchase, number of purchases, money spent.
  rfm: {}

  train:
    params:
      # How the three are made comparable: standard, log (for very uneven spending), robust, minmax or none.
      scaling: standard
      # Number of segments, or auto.
      k: 4
      seed: 42

  evaluate: {}
  visualize: {}
  track: {}
  deploy: {}
";

/// The text of the pipeline file called `name`.
pub(super) fn pipeline(name: &str, found: &Found) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema=pipeline.schema.json\n\
         # (`segpipe schema > pipeline.schema.json` makes your editor complete and check this file.)\n\
         #\n\
         # Customer segments of {}, as `segpipe init` found it. Change what is wrong, then:\n\
         #   segpipe check            is this file right?\n\
         #   segpipe run --dry-run    what would a run do, and why?\n\
         #   segpipe run\n\
         # Paths are relative to this file's folder.\n",
        found.source.escape_debug(),
    );
    let _ = writeln!(text, "name: {}\n\nstages:\n  load:\n    params:", quoted(name));
    let _ = writeln!(text, "      # A path, a list of paths and patterns (`data/*.csv`).");
    let _ = writeln!(text, "      source: {}", quoted(&found.source));
    write_columns(&mut text, found);
    let settings = [
        (format!("How dates are written: {DATES}."), "date_format", &found.date_format),
        ("What separates cells.".to_owned(), "delimiter", &found.delimiter),
        ("Character encoding.".to_owned(), "encoding", &found.encoding),
        ("What stands before decimals.".to_owned(), "decimal_mark", &found.decimal_mark),
    ];
    for (comment, key, value) in settings {
        if let Some(value) = value {
            let _ = writeln!(text, "      # {comment}\n      {key}: {}", quoted(value));
        }
    }
    text + STAGES
}

fn write_columns(text: &mut String, found: &Found) {
    let _ = writeln!(text, "      # Which header is which column.\n      columns:");
    for (key, header) in &found.columns {
        let _ = writeln!(text, "        {key}: {}", quoted(header));
    }
    for key in &found.absent {
        let _ = writeln!(text, "        # {key}:");
    }
    if !found.unmapped.is_empty() {
        let unmapped: Vec<String> = found.unmapped.iter().map(|header| quoted(header)).collect();
        let _ = writeln!(text, "        # not used: {}", unmapped.join(", "));
    }
}

/// A text as YAML that means nothing but itself.
fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./-".contains(c))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain {
        return text.to_owned();
    }
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_written_out_with_comments() {
        let own = |text: &str| Some(text.to_owned());
        let pair = |key: &str, header: &str| (key.to_owned(), header.to_owned());
        let found = Found {
            source: "data/sales \"2024\".csv".to_owned(),
            columns: vec![pair("customer", "Kunden-Nr."), pair("date", "Datum"), pair("amount", "${Betrag}")],
            absent: vec!["invoice".to_owned()],
            unmapped: vec!["Filiale\nNord".to_owned()],
            date_format: own("day_first"),
            delimiter: own(";"),
            encoding: own("windows-1252"),
            decimal_mark: own(","),
        };
        let text = pipeline("sales", &found);
        for line in [
            "name: sales",
            "      source: \"data/sales \\\"2024\\\".csv\"",
            "        customer: Kunden-Nr.",
            "        amount: \"$${Betrag}\"",
            "        # invoice:",
            "        # not used: \"Filiale\\nNord\"",
            "      date_format: day_first",
            "      delimiter: \";\"",
            "      decimal_mark: \",\"",
            "  deploy: {}",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn a_text_is_quoted_where_it_could_mean_something_else() {
        let texts = ["a/b-c_1.csv", "No", "2024.csv", "a b", "x: y", ""];
        assert_eq!(texts.map(quoted), ["a/b-c_1.csv", "\"No\"", "\"2024.csv\"", "\"a b\"", "\"x: y\"", "\"\""]);
    }

    #[test]
    fn what_text_alone_has_is_left_out_for_other_files() {
        let found = Found { source: "sales.parquet".to_owned(), ..Found::default() };
        let text = pipeline("sales", &found);
        assert!(text.contains("source: sales.parquet\n"), "{text}");
        assert!(!text.contains("delimiter:") && !text.contains("encoding:"), "{text}");
    }
}
