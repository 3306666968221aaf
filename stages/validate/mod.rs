//! Sorts transactions into those that may go on and those that may not, and says why.
//!
//! For: schema and data rules with severities and thresholds ([`rules`]), a quarantine with reasons, and a report in
//! which rows and money add up. Not for: what counts as a purchase by policy (`preprocess`), or how many customers a
//! number of segments needs (`train`). Called by: the orchestrator; scoring of transactions calls [`sort`].

pub mod judge;
pub mod params;
pub mod report;
pub mod rules;
mod sort;
pub mod tally;
#[cfg(test)]
mod tests;
pub mod verdict;

use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Fault, Input, Note, NoteLevel, Output, ParamError, Stage, StageContext, StageError,
    StageFault, StageReport,
};
use crate::implementation;
use crate::numerals::{counted, percent};
use crate::table;

pub use params::ValidateParams;
pub use sort::{Files, Sorted, sort};

/// The stage `validate`.
#[derive(Debug, Clone, Copy)]
pub struct Validate;

/// Data that cannot be used, or cannot be sorted.
#[derive(Debug, thiserror::Error)]
pub enum ValidateError {
    /// The source has no rows.
    #[error("the data have no rows")]
    Empty,
    /// Every row breaks a rule.
    #[error("none of {} can be used; most have {meaning} (rule `{rule}`)", counted(*rows, "row"))]
    NothingValid {
        /// How many there are.
        rows: u64,
        /// The rule that most of them break.
        rule: &'static str,
        /// What that means.
        meaning: &'static str,
        /// All broken rules.
        table: String,
    },
    /// A rule of severity `error` does not hold.
    #[error("the data break {} of severity `error`: `{}`", counted(rules.len() as u64, "rule"), rules.join("`, `"))]
    Broken {
        /// Their names.
        rules: Vec<&'static str>,
        /// All broken rules.
        table: String,
    },
    /// More money than a column holds.
    #[error("the money of the rows that rule `{rule}` looks at adds up to more than 29 digits")]
    Money {
        /// The rule.
        rule: &'static str,
    },
    /// Rows do not fit their table, which cannot happen.
    #[error("the rows do not fit their table")]
    Batch(#[from] arrow_schema::ArrowError),
}

impl StageFault for ValidateError {
    fn fault(&self) -> Fault {
        match self {
            Self::Empty | Self::NothingValid { .. } | Self::Broken { .. } | Self::Money { .. } => Fault::Data,
            Self::Batch(_) => Fault::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Empty => Some("the source has a header at the most; see which file `load.source` names".to_owned()),
            Self::NothingValid { rule, .. } => Some(remedy(rule).to_owned()),
            Self::Broken { rules, .. } => {
                let rule = rules.first().copied().unwrap_or_default();
                Some(format!("{}, or set `rules.{rule}` of validate in pipeline.yaml", remedy(rule)))
            }
            Self::Money { .. } => Some("look for amounts, prices or quantities that cannot be true".to_owned()),
            Self::Batch(_) => None,
        }
    }

    fn details(&self) -> Option<String> {
        match self {
            Self::NothingValid { table, .. } | Self::Broken { table, .. } => Some(table.clone()),
            _ => None,
        }
    }
}

/// What to do where a rule breaks on too many rows.
fn remedy(rule: &str) -> &'static str {
    match rule {
        "missing_customer" => "name the column of customer ids with `load.columns.customer`",
        "unparseable_date" | "missing_date" => {
            "name the date column with `load.columns.date` or say `load.date_format`"
        }
        "unparseable_number" | "non_finite_number" => "see how the file writes numbers: `load.decimal_mark`",
        "missing_amount" => "name the columns with `load.columns.quantity` and `.unit_price`, or `.amount`",
        "ragged_row" => "see whether `load.delimiter` is the file's",
        "after_latest_date" => "see whether `latest_date` is right and days and months are not mixed up",
        "few_customers" | "too_few_customers" | "short_history" => "load more of the history",
        _ => "look at the rows and the columns they were read from",
    }
}

static INPUTS: [Input; 1] = [Input::new("transactions", "load.transactions")];

static OUTPUTS: [Output; 3] = [
    Output::table("valid", "valid.parquet"),
    Output::table("quarantine", "quarantine.parquet"),
    Output::table("report", "report.parquet"),
];

impl Stage for Validate {
    fn name(&self) -> &'static str {
        "validate"
    }

    fn summary(&self) -> &'static str {
        "sets aside the rows that cannot be used and says why"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("validate")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<ValidateParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<ValidateParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let (valid, quarantine) = (ctx.output("valid")?, ctx.output("quarantine")?);
        let files = Files { transactions: &ctx.input("transactions")?.path, valid: &valid, quarantine: &quarantine };
        let sorted = sort(files, &ctx.params()?, &ctx.directory, ctx.observer)?;
        sorted.check()?;
        ctx.set_rows("valid", sorted.valid())?;
        ctx.set_rows("quarantine", sorted.quarantined())?;
        let report = report::to_batch(&sorted.findings).map_err(ValidateError::Batch)?;
        table::write_output(ctx, "report", &report, &sorted.facts)?;
        sorted.notes().into_iter().for_each(|note| ctx.observer.note(note));
        let (valid, share) = (counted(sorted.valid(), "valid row"), percent(sorted.quarantined_share()));
        Ok(StageReport { headline: format!("{valid}, {share} quarantined") })
    }
}

impl Sorted {
    /// Whether the data may be used.
    ///
    /// # Errors
    /// [`ValidateError`] where there are no rows, none is valid, or a rule of severity `error` does not hold.
    pub fn check(&self) -> Result<(), ValidateError> {
        if self.rows() == 0 {
            return Err(ValidateError::Empty);
        }
        let table = || report::to_text(&self.findings);
        if self.valid() == 0 {
            let (rule, meaning) = self.main_reason();
            return Err(ValidateError::NothingValid { rows: self.rows(), rule, meaning, table: table() });
        }
        let broken = self.findings.iter().filter(|finding| finding.status == verdict::Status::Error);
        let rules: Vec<&'static str> = broken.map(|finding| finding.rule).collect();
        if rules.is_empty() { Ok(()) } else { Err(ValidateError::Broken { rules, table: table() }) }
    }

    /// What a reader of the run should know.
    pub fn notes(&self) -> Vec<Note> {
        let note = |finding: &verdict::Finding| {
            let level = match finding.status {
                verdict::Status::Quarantined => NoteLevel::Info,
                verdict::Status::Warning | verdict::Status::Error => NoteLevel::Warning,
                verdict::Status::Ok => return None,
            };
            let what = if level == NoteLevel::Info { "quarantined: " } else { "" };
            Some(Note { level, text: format!("{what}{} (`{}`)", finding.message, finding.rule) })
        };
        self.findings.iter().filter_map(note).collect()
    }
}
