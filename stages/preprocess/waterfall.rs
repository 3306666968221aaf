//! From the source to `orders` step by step: what is left after each decision and what it removed.
//!
//! For: counting while lines stream by, and the table `waterfall`. Not for: deciding about lines.
//! Called by: `preprocess`.
//!
//! A line belongs to the step that removes it, so it is there after all steps before. Customers and invoices are there
//! after a step as long as any of their lines is, see [`crate::reached`].

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Decimal128Array, Int64Array, RecordBatch, StringArray};

use crate::key::Key;
use crate::money::Total;
use crate::numerals::{aligned, count, counted, money};
use crate::reached::Reached;
use crate::schema;
use crate::spill::SpillError;
use crate::validate::rules::{COUNT, RULES};

use super::PreprocessError;
use super::params::{PreprocessParams, Repeats, Returns};

/// What removes lines, in the order in which it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing: everything that was read.
    Loaded,
    /// A rule of `validate`, by position; [`COUNT`] stands for a reason that is none of its rules.
    Quarantined(usize),
    /// Dates outside `from` and `until`.
    Window,
    /// Countries that are not listed.
    Countries,
    /// Product codes that are listed.
    ExcludedCodes,
    /// Repeated rows.
    Duplicates,
    /// Returns, by policy.
    Returns,
    /// Returns whose purchase was not found.
    OrphanReturns,
    /// Customers who only ever returned.
    OnlyReturns,
}

/// Number of steps that can be.
pub const STEPS: usize = COUNT + 9;

impl Step {
    /// Its position.
    pub const fn index(self) -> usize {
        match self {
            Self::Loaded => 0,
            Self::Quarantined(rule) => 1 + rule,
            Self::Window => COUNT + 2,
            Self::Countries => COUNT + 3,
            Self::ExcludedCodes => COUNT + 4,
            Self::Duplicates => COUNT + 5,
            Self::Returns => COUNT + 6,
            Self::OrphanReturns => COUNT + 7,
            Self::OnlyReturns => COUNT + 8,
        }
    }

    /// All steps in order.
    fn all() -> impl Iterator<Item = Self> {
        let filters = [Self::Window, Self::Countries, Self::ExcludedCodes, Self::Duplicates];
        let returns = [Self::Returns, Self::OrphanReturns, Self::OnlyReturns];
        let quarantined = (0..=COUNT).map(Self::Quarantined);
        std::iter::once(Self::Loaded).chain(quarantined).chain(filters).chain(returns)
    }

    /// How far a line got that this step removes, or that no step does.
    pub fn level_of(removed_by: Option<Self>) -> u8 {
        let level = removed_by.map_or(STEPS - 1, |step| step.index().saturating_sub(1));
        u8::try_from(level).unwrap_or(u8::MAX)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Quarantined(rule) => RULES.get(rule).map_or("quarantined", |rule| rule.name),
            Self::Window => "window",
            Self::Countries => "countries",
            Self::ExcludedCodes => "exclude_codes",
            Self::Duplicates => "duplicates",
            Self::Returns => "returns",
            Self::OrphanReturns => "orphan_returns",
            Self::OnlyReturns => "only_returns",
        }
    }

    /// Whether it is a decision of this policy. Rules of `validate` are shown where they removed something.
    fn is_taken(self, params: &PreprocessParams, removed: &Removed) -> bool {
        match self {
            Self::Loaded | Self::Returns => true,
            Self::Quarantined(_) => removed.rows > 0,
            Self::Window => params.from.is_some() || params.until.is_some(),
            Self::Countries => !params.countries.is_empty(),
            Self::ExcludedCodes => !params.exclude_codes.is_empty(),
            Self::Duplicates => params.duplicates == Repeats::Drop,
            Self::OrphanReturns => params.returns == Returns::Matched,
            Self::OnlyReturns => params.returns == Returns::Net,
        }
    }

    fn note(self, params: &PreprocessParams) -> String {
        let moment =
            |moment: Option<crate::moment::Moment>| moment.map_or("…".to_owned(), |moment| moment.to_string());
        match self {
            Self::Loaded => "everything that was read".to_owned(),
            Self::Quarantined(rule) => {
                let meaning = RULES.get(rule).map_or("another reason", |rule| rule.meaning);
                format!("quarantined: rows with {meaning}")
            }
            Self::Window => format!("outside {} to {}", moment(params.from), moment(params.until)),
            Self::Countries => format!("not in {}", params.countries.join(", ")),
            Self::ExcludedCodes => format!("product code is one of {}", params.exclude_codes.join(", ")),
            Self::Duplicates => "equal to an earlier row in every cell".to_owned(),
            Self::Returns => match params.returns {
                Returns::Gross => "cancellations and quantities of nothing or less are dropped".to_owned(),
                Returns::Net => "returns stay and reduce what was spent".to_owned(),
                Returns::Matched => "returns and the purchases they take back are dropped".to_owned(),
            },
            Self::OrphanReturns => "returns whose purchase was not found, or not all of it".to_owned(),
            Self::OnlyReturns => "returns of customers who bought nothing".to_owned(),
        }
    }
}

/// What one step removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Removed {
    /// Lines.
    pub rows: u64,
    /// Money of those lines, and of parts of others.
    pub amount: Total,
}

/// Counts of some lines, as they stream by.
#[derive(Debug, Clone)]
pub struct Flow {
    /// All lines.
    rows: u64,
    amount: Total,
    without_amount: u64,
    removed: [Removed; STEPS],
    /// Customers and invoices with the level that one of their lines reached.
    pub customers: Vec<(Key, u8)>,
    /// Likewise.
    pub invoices: Vec<(Key, u8)>,
}

impl Default for Flow {
    fn default() -> Self {
        let removed = [Removed::default(); STEPS];
        Self {
            rows: 0,
            amount: Total::default(),
            without_amount: 0,
            removed,
            customers: Vec::new(),
            invoices: Vec::new(),
        }
    }
}

impl Flow {
    /// Counts a line that `step` removes, or none.
    pub fn line(&mut self, amount: Option<i128>, step: Option<Step>) {
        self.rows += 1;
        self.without_amount += u64::from(amount.is_none());
        self.amount.add(amount.unwrap_or_default());
        if let Some(step) = step {
            self.removed[step.index()].rows += 1;
            self.removed[step.index()].amount.add(amount.unwrap_or_default());
        }
    }

    /// Counts money that `step` takes from a line that it does not remove.
    pub fn part(&mut self, amount: i128, step: Step) {
        self.removed[step.index()].amount.add(amount);
    }
}

/// The counts of all lines.
#[derive(Debug)]
pub struct Waterfall {
    flow: Flow,
    customers: Reached,
    invoices: Reached,
}

impl Waterfall {
    /// No lines yet. `scratch` is where files are made if there is too much to remember.
    pub fn new(scratch: &Path) -> Self {
        Self { flow: Flow::default(), customers: Reached::new(scratch), invoices: Reached::new(scratch) }
    }

    /// Adds counts.
    ///
    /// # Errors
    /// [`SpillError`] where the disk refuses.
    pub fn add(&mut self, flow: &Flow) -> Result<(), SpillError> {
        self.flow.rows += flow.rows;
        self.flow.amount.merge(flow.amount);
        self.flow.without_amount += flow.without_amount;
        for (removed, more) in self.flow.removed.iter_mut().zip(&flow.removed) {
            removed.rows += more.rows;
            removed.amount.merge(more.amount);
        }
        self.customers.extend(&flow.customers)?;
        self.invoices.extend(&flow.invoices)
    }

    /// The rows of the table.
    ///
    /// # Errors
    /// [`PreprocessError`] where money adds up to more than a column holds, or the disk refuses.
    pub fn finish(self, params: &PreprocessParams) -> Result<Vec<Fall>, PreprocessError> {
        let (customers, invoices) = (self.customers.counts(STEPS)?, self.invoices.counts(STEPS)?);
        let (mut rows, mut amount) = (self.flow.rows, self.flow.amount);
        let mut falls = Vec::new();
        for step in Step::all() {
            let removed = &self.flow.removed[step.index()];
            rows -= removed.rows;
            amount = amount.minus(removed.amount);
            if !step.is_taken(params, removed) {
                continue;
            }
            let value = |total: Total| total.value().ok_or(PreprocessError::Money);
            let mut note = step.note(params);
            if step == Step::Loaded && self.flow.without_amount > 0 {
                note = format!("{note}; {} without an amount", counted(self.flow.without_amount, "row"));
            }
            falls.push(Fall {
                step,
                rows,
                customers: customers[step.index()],
                invoices: invoices[step.index()],
                amount: value(amount)?,
                rows_removed: removed.rows,
                amount_removed: value(removed.amount)?,
                note,
            });
        }
        Ok(falls)
    }
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fall {
    /// The step.
    pub step: Step,
    /// Lines left.
    pub rows: u64,
    /// Customers left.
    pub customers: u64,
    /// Invoices left.
    pub invoices: u64,
    /// Money left.
    pub amount: i128,
    /// Lines it removed.
    pub rows_removed: u64,
    /// Money it removed.
    pub amount_removed: i128,
    /// What it did.
    pub note: String,
}

impl Fall {
    /// The step's name.
    pub fn name(&self) -> &'static str {
        self.step.name()
    }
}

/// The table `waterfall`.
///
/// # Errors
/// Where the columns do not fit the schema, which cannot happen.
pub fn to_batch(falls: &[Fall]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let numbers = |number: fn(&Fall) -> u64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(falls.iter().map(|fall| number(fall) as i64)))
    };
    let amounts = |amount: fn(&Fall) -> i128| -> Result<ArrayRef, arrow_schema::ArrowError> {
        let amounts = Decimal128Array::from_iter_values(falls.iter().map(amount));
        Ok(Arc::new(amounts.with_precision_and_scale(38, 9)?))
    };
    let columns = vec![
        Arc::new(StringArray::from_iter_values(falls.iter().map(Fall::name))),
        numbers(|fall| fall.rows),
        numbers(|fall| fall.customers),
        numbers(|fall| fall.invoices),
        amounts(|fall| fall.amount)?,
        numbers(|fall| fall.rows_removed),
        amounts(|fall| fall.amount_removed)?,
        Arc::new(StringArray::from_iter_values(falls.iter().map(|fall| fall.note.as_str()))),
    ];
    RecordBatch::try_new(schema::waterfall(), columns)
}

/// The table as text, to print below an error.
pub fn to_text(falls: &[Fall]) -> String {
    let heading = ["step", "rows", "customers", "invoices", "money", "note"].map(str::to_owned).to_vec();
    let line = |fall: &Fall| {
        let counts = [fall.rows, fall.customers, fall.invoices].map(count);
        let texts = [vec![fall.name().to_owned()], counts.to_vec(), vec![money(fall.amount), fall.note.clone()]];
        texts.concat()
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(falls.iter().map(line)).collect();
    aligned(&rows, &[false, true, true, true, true, false])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_in_their_order() {
        assert!(Step::all().map(Step::index).eq(0..STEPS));
        assert_eq!(Step::level_of(Some(Step::Quarantined(0))), 0);
        assert_eq!(usize::from(Step::level_of(None)), STEPS - 1);
    }

    #[test]
    fn every_step_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = Step::all().map(Step::name).collect();
        assert_eq!(names.len(), STEPS);
    }
}
