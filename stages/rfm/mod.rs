//! Recency, frequency and monetary of every customer, their quintile scores and their cell in the RFM grid.
//!
//! For: [`rfm`], a pure function from purchases to [`Customers`], and the stage around it. Not for: which lines count
//! (`preprocess`), or clustering (`train`). Called by: the orchestrator, scoring of transactions.

pub mod grid;
mod params;
mod purchases;
pub mod scores;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::contract::{
    self, CheckedParams, Fault, Input, Note, NoteLevel, Output, ParamError, Stage, StageContext, StageError,
    StageFault, StageReport,
};
use crate::customers::Customers;
use crate::moment::{DAY, Moment, day_after, text_of};
use crate::numerals::counted;
use crate::{implementation, table};

pub use params::RfmParams;
pub use purchases::{Collected, Purchases, collect};

/// The stage `rfm`.
#[derive(Debug, Clone, Copy)]
pub struct Rfm;

/// Orders that give no customers.
#[derive(Debug, thiserror::Error)]
pub enum RfmError {
    /// There are no purchases.
    #[error("`orders` has no purchases")]
    Empty,
    /// A line is neither a purchase nor a return.
    #[error("`orders.kind` is `{kind}`, which is neither `purchase` nor `return`")]
    Kind {
        /// What it is.
        kind: String,
    },
    /// The snapshot lies before what it is to be compared with.
    #[error("the snapshot {snapshot} is before the last purchase at {last}")]
    Snapshot {
        /// The snapshot.
        snapshot: String,
        /// Time of the last purchase.
        last: String,
        /// The day after it.
        earliest: Option<String>,
    },
    /// More money than a column holds.
    #[error("the money of customer `{customer}` adds up to more than 29 digits")]
    Money {
        /// Who.
        customer: String,
    },
    /// The customers do not fit their table, which cannot happen.
    #[error("the customers do not fit their table")]
    Batch(#[source] arrow_schema::ArrowError),
}

impl StageFault for RfmError {
    fn fault(&self) -> Fault {
        match self {
            Self::Empty | Self::Kind { .. } | Self::Money { .. } => Fault::Data,
            Self::Snapshot { .. } => Fault::Params,
            Self::Batch(_) => Fault::Bug,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Snapshot { earliest: Some(day), .. } => {
                Some(format!("set `rfm.snapshot` to {day} or later, or set `preprocess.until` before the snapshot"))
            }
            Self::Empty => Some("see `preprocess.waterfall` for what removed them".to_owned()),
            _ => None,
        }
    }
}

/// The customers of `collected`, sorted by id, and the snapshot from which recency is counted, in microseconds.
///
/// Recency is the whole days (rounded down) from the last purchase to the snapshot, which is one day after the last
/// line of the orders unless `params` say otherwise.
///
/// # Errors
/// [`RfmError`] where there are no purchases, or the snapshot is before the last one.
pub fn rfm(collected: &Collected, params: &RfmParams) -> Result<(Customers, i64), RfmError> {
    let purchases = &collected.customers;
    let last = purchases.iter().map(|customer| customer.last).max().ok_or(RfmError::Empty)?;
    let latest = collected.latest.unwrap_or(last);
    let snapshot = params.snapshot.map_or_else(|| latest.saturating_add(DAY), Moment::start);
    if snapshot < last {
        let earliest = day_after(last);
        return Err(RfmError::Snapshot { snapshot: text_of(snapshot), last: text_of(last), earliest });
    }
    let recency: Vec<i64> =
        purchases.iter().map(|customer| snapshot.saturating_sub(customer.last).div_euclid(DAY)).collect();
    let frequency: Vec<i64> = purchases.iter().map(|customer| customer.frequency).collect();
    let monetary: Vec<f64> = purchases.iter().map(|customer| customer.monetary).collect();
    let recency_scores = scores::scores(&recency, |one, other| other.cmp(one));
    let frequency_scores = scores::scores(&frequency, i64::cmp);
    let monetary_scores = scores::scores(&monetary, f64::total_cmp);
    let scores = recency_scores.iter().zip(&frequency_scores).zip(&monetary_scores);
    let scores: Vec<[i64; 3]> =
        scores.map(|((recency, frequency), monetary)| [*recency, *frequency, *monetary]).collect();
    let rfm_segments =
        scores.iter().map(|[recency, frequency, _]| grid::name(*recency, *frequency).to_owned()).collect();
    let ids = purchases.iter().map(|customer| customer.id.clone()).collect();
    Ok((Customers { ids, recency, frequency, monetary, scores, rfm_segments }, snapshot))
}

/// What a reader of the run should know.
pub fn notes(collected: &Collected) -> Vec<Note> {
    let spent_nothing = collected.customers.iter().filter(|customer| customer.monetary <= 0.0).count() as u64;
    let nothing = (spent_nothing > 0).then(|| Note {
        level: NoteLevel::Warning,
        text: format!("{} got back all they spent, or more", counted(spent_nothing, "customer")),
    });
    let returned = (collected.only_returned > 0).then(|| Note {
        level: NoteLevel::Info,
        text: format!("{} left out: they bought nothing", counted(collected.only_returned, "customer")),
    });
    nothing.into_iter().chain(returned).collect()
}

static INPUTS: [Input; 1] = [Input::new("orders", "preprocess.orders")];

static OUTPUTS: [Output; 1] = [Output::table("customers", "customers.parquet")];

impl Stage for Rfm {
    fn name(&self) -> &'static str {
        "rfm"
    }

    fn summary(&self) -> &'static str {
        "recency, frequency and monetary of every customer, with scores"
    }

    fn inputs(&self) -> &'static [Input] {
        &INPUTS
    }

    fn outputs(&self) -> &'static [Output] {
        &OUTPUTS
    }

    fn implementation(&self) -> &'static str {
        implementation::of("rfm")
    }

    fn params_schema(&self) -> Value {
        contract::schema_of::<RfmParams>()
    }

    fn check_params(&self, raw: &Map<String, Value>) -> Result<CheckedParams, ParamError> {
        contract::check::<RfmParams>(raw)
    }

    fn run(&self, ctx: &StageContext<'_>) -> Result<StageReport, StageError> {
        let collected = collect(&ctx.input("orders")?.path, &ctx.directory, ctx.observer)?;
        let (customers, snapshot) = rfm(&collected, &ctx.params()?)?;
        let mut facts = collected.facts.clone();
        facts.insert("snapshot".to_owned(), text_of(snapshot));
        table::write_output(ctx, "customers", &customers.to_batch().map_err(RfmError::Batch)?, &facts)?;
        for note in notes(&collected) {
            ctx.observer.note(note);
        }
        Ok(StageReport { headline: counted(customers.len() as u64, "customer") })
    }
}
