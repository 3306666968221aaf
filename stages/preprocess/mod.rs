//! From valid transactions to the lines that count, by stated policies, with a waterfall of every step.
//!
//! For: returns ([`params::Returns`]), duplicates, product codes, countries, dates. Not for: judging whether data are
//! good (`validate`). Called by: the orchestrator; scoring of transactions calls [`clean`].

mod clean;
pub mod filter;
pub mod matching;
pub mod params;
pub mod pattern;
pub mod policy;
mod sighting;
#[cfg(test)]
mod tests;
pub mod waterfall;

use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Fault, Input, Note, NoteLevel, Output, ParamError, Stage, StageContext, StageError,
    StageFault, StageReport,
};
use crate::implementation;
use crate::numerals::{count, counted, money};
use crate::spill::SpillError;
use crate::table;

pub use clean::{Cleaned, Files, clean};
pub use params::{PreprocessParams, Repeats, Returns};
use waterfall::Step;

/// The stage `preprocess`.
#[derive(Debug, Clone, Copy)]
pub struct Preprocess;

/// Lines that cannot be cleaned.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    /// A line lacks something that every order has.
    #[error("row {row} of source {source_file} has no `{column}`")]
    Incomplete {
        /// Ordinal of its file.
        source_file: i32,
        /// Its number there.
        row: i64,
        /// The column.
        column: &'static str,
    },
    /// No line is left.
    #[error("no line is left after step `{step}`, which removed the last {}", count(*removed))]
    NothingLeft {
        /// The step's name.
        step: &'static str,
        /// How many lines there were before it.
        removed: u64,
        /// The waterfall.
        table: String,
    },
    /// More money than a column holds.
    #[error("the money of the lines adds up to more than 29 digits")]
    Money,
    /// The disk refuses.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// Lines do not fit their table, which cannot happen.
    #[error("the lines do not fit their table")]
    Batch(#[from] arrow_schema::ArrowError),
}

impl StageFault for PreprocessError {
    fn fault(&self) -> Fault {
        match self {
            Self::Incomplete { .. } | Self::NothingLeft { .. } | Self::Money => Fault::Data,
            Self::Spill(error) => error.fault(),
            Self::Batch(_) => Fault::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Incomplete { .. } => {
                "connect `preprocess.transactions` to a table without such rows, like `validate.valid`"
            }
            Self::NothingLeft { step: "returns", .. } => {
                "invoice numbers that begin with `C` are cancellations; see whether that is true of this shop"
            }
            Self::NothingLeft { step: "window", .. } => "see whether `from` and `until` fit the data",
            Self::NothingLeft { step: "countries", .. } => "see how the data write the names of countries",
            Self::NothingLeft { step: "exclude_codes", .. } => "leave out fewer codes",
            Self::Money => "look for amounts, prices or quantities that cannot be true",
            _ => return None,
        };
        Some(hint.to_owned())
    }

    fn details(&self) -> Option<String> {
        match self {
            Self::NothingLeft { table, .. } => Some(table.clone()),
            _ => None,
        }
    }
}

static INPUTS: [Input; 2] = [
    Input::new("transactions", "validate.valid"),
    // For the waterfall's steps from what was read to what is valid.
    Input::new("quarantine", "validate.quarantine"),
];

static OUTPUTS: [Output; 3] = [
    Output::table("orders", "orders.parquet"),
    Output::table("waterfall", "waterfall.parquet"),
    Output::table("orphans", "orphans.parquet"),
];

impl Stage for Preprocess {
    fn name(&self) -> &'static str {
        "preprocess"
    }

    fn summary(&self) -> &'static str {
        "keeps the lines that count, by policy, and shows what each step removed"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("preprocess")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<PreprocessParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<PreprocessParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let (orders, orphans) = (ctx.output("orders")?, ctx.output("orphans")?);
        let (transactions, quarantine) = (&ctx.input("transactions")?.path, &ctx.input("quarantine")?.path);
        let files = Files { transactions, quarantine, orders: &orders, orphans: &orphans };
        let cleaned = clean(files, &ctx.params()?, &ctx.directory, ctx.observer)?;
        cleaned.check()?;
        ctx.set_rows("orders", cleaned.rows)?;
        ctx.set_rows("orphans", cleaned.orphans)?;
        let waterfall = waterfall::to_batch(&cleaned.falls).map_err(PreprocessError::Batch)?;
        table::write_output(ctx, "waterfall", &waterfall, &cleaned.facts)?;
        cleaned.notes().into_iter().for_each(|note| ctx.observer.note(note));
        Ok(StageReport { headline: cleaned.headline() })
    }
}

impl Cleaned {
    /// Whether anything is left.
    ///
    /// # Errors
    /// [`PreprocessError::NothingLeft`] with the step that removed the last line.
    pub fn check(&self) -> Result<(), PreprocessError> {
        if self.rows > 0 {
            return Ok(());
        }
        let last = self.falls.iter().find(|fall| fall.rows == 0);
        let (step, removed) = last.map_or(("loaded", 0), |fall| (fall.name(), fall.rows_removed));
        Err(PreprocessError::NothingLeft { step, removed, table: waterfall::to_text(&self.falls) })
    }

    /// What a reader of the run should know.
    pub fn notes(&self) -> Vec<Note> {
        let unmet = self.unmet.iter().map(|(param, entry)| Note {
            level: NoteLevel::Warning,
            text: format!("no line has `{entry}`, which `{param}` names"),
        });
        let lost = self.falls.windows(2).filter_map(|pair| lost_customers(&pair[0], &pair[1]));
        let orphans = self.falls.iter().find(|fall| fall.step == Step::OrphanReturns && fall.rows_removed > 0);
        let orphans = orphans.map(|fall| Note {
            level: NoteLevel::Info,
            text: format!(
                "{} worth {} without a purchase that accounts for all of it; see `orphans`",
                counted(fall.rows_removed, "return"),
                money(fall.amount_removed)
            ),
        });
        unmet.chain(lost).chain(orphans).collect()
    }

    fn headline(&self) -> String {
        let customers = self.falls.last().map_or(0, |fall| fall.customers);
        format!("{} of {}", counted(self.rows, "line"), counted(customers, "customer"))
    }
}

/// A remark on customers who are no customers, because nothing they bought is left.
fn lost_customers(before: &waterfall::Fall, after: &waterfall::Fall) -> Option<Note> {
    let lost = before.customers - after.customers;
    let is_about_returns = matches!(after.step, Step::Returns | Step::OrphanReturns | Step::OnlyReturns);
    let text = format!("{} left out: nothing they bought is left beside returns", counted(lost, "customer"));
    (is_about_returns && lost > 0).then_some(Note { level: NoteLevel::Info, text })
}
