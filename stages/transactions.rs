//! From transactions to customers in one call, by the same code and the same policies as the stages.
//!
//! For: scoring people's transactions with a model that is there already (`segpipe predict`, the scoring service).
//! Not for: the pipeline, where `validate`, `preprocess` and `rfm` are stages of their own.
//!
//! A data set to be scored may be one customer's: what `validate` says about the data set as a whole is a remark then
//! and no error.

use std::path::Path;

use crate::contract::{Observer, ParamError, Params, StageError};
use crate::customers::Customers;
use crate::moment::text_of;
use crate::preprocess::{self, PreprocessParams};
use crate::rfm::{self, RfmParams};
use crate::table::Facts;
use crate::validate::{self, ValidateParams};

/// The policies by which transactions become customers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CustomerParams {
    /// Which rows may go on.
    pub validate: ValidateParams,
    /// Which of them count.
    pub preprocess: PreprocessParams,
    /// From when recency is counted.
    pub rfm: RfmParams,
}

/// What came of transactions.
#[derive(Debug, Clone, PartialEq)]
pub struct Derived {
    /// The customers.
    pub customers: Customers,
    /// The facts that `rfm.customers` would have.
    pub facts: Facts,
    /// Rows that `validate` set aside.
    pub quarantined: u64,
}

impl CustomerParams {
    /// The params of a bundle, whose policy.json holds the policy as JSON; the defaults where it does not say.
    ///
    /// # Errors
    /// [`ParamError`] where it is no policy.
    pub fn of_bundle(policy: Option<&serde_json::Value>) -> Result<Self, ParamError> {
        policy.map_or_else(|| Ok(Self::default()), |policy| Self::of_policy(&policy.to_string()))
    }

    /// The params of a model whose customers have the fact `policy` (preprocess's checked params as a JSON object), with
    /// the defaults of the other stages. Its date window is left out: it chose what to learn from, not what to score.
    ///
    /// # Errors
    /// [`ParamError`] where the text is no such object.
    pub fn of_policy(policy: &str) -> Result<Self, ParamError> {
        let parsed = serde_json::from_str::<PreprocessParams>(policy);
        let preprocess = parsed.map_err(|error| ParamError::new("policy", error.to_string()))?;
        preprocess.check()?;
        let preprocess = PreprocessParams { from: None, until: None, ..preprocess };
        Ok(Self { preprocess, ..Self::default() })
    }
}

/// The customers of a table of transactions, as `load` writes it.
/// `scratch` is a folder for the tables in between, which are removed again.
///
/// # Errors
/// What the stages fail with, but for the size of the data set.
pub fn customers_of_transactions(
    transactions: &Path,
    params: &CustomerParams,
    scratch: &Path,
    observer: &dyn Observer,
) -> Result<Derived, StageError> {
    let folder = tempfile::tempdir_in(scratch).map_err(|error| StageError::disk("make a folder in", scratch, error))?;
    let path = |name: &str| folder.path().join(format!("{name}.parquet"));
    let (valid, quarantine, orders, orphans) = (path("valid"), path("quarantine"), path("orders"), path("orphans"));
    let files = validate::Files { transactions, valid: &valid, quarantine: &quarantine };
    let sorted = validate::sort(files, &params.validate.clone().for_scoring(), folder.path(), observer)?;
    sorted.check()?;
    let files = preprocess::Files { transactions: &valid, quarantine: &quarantine, orders: &orders, orphans: &orphans };
    let cleaned = preprocess::clean(files, &params.preprocess, folder.path(), observer)?;
    cleaned.check()?;
    let collected = rfm::collect(&orders, folder.path(), observer)?;
    let (customers, snapshot) = rfm::rfm(&collected, &params.rfm)?;
    let notes = [sorted.notes(), cleaned.notes(), rfm::notes(&collected)].concat();
    for note in notes {
        observer.note(note);
    }
    let mut facts = collected.facts;
    facts.insert("snapshot".to_owned(), text_of(snapshot));
    Ok(Derived { customers, facts, quarantined: sorted.quarantined() })
}

#[cfg(test)]
mod tests {
    use crate::fixture::{Line, Listener, facts, transactions};
    use crate::table;

    use super::*;

    fn customers(lines: &[Line], params: &CustomerParams) -> Result<(Customers, Facts, Vec<String>), StageError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("transactions.parquet");
        table::write(&path, &transactions(lines), &facts()).unwrap();
        let listener = Listener::default();
        let result = customers_of_transactions(&path, params, folder.path(), &listener);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left in the scratch folder");
        result.map(|found| (found.customers, found.facts, listener.texts()))
    }

    #[test]
    fn one_customer_is_scored_with_a_remark_and_no_error() {
        let lines = [
            Line::new("1 a 2011-01-01 X 6 2.55"),
            Line::new("C2 a 2011-01-05 X -1 2.55"),
            Line::new("3 - 2011-01-05 X 1 2.55"),
        ];
        let (found, facts, notes) = customers(&lines, &CustomerParams::default()).unwrap();
        assert_eq!(found.ids, ["a"]);
        // Gross: the snapshot is a day after 2011-01-01, the last line that counts.
        assert_eq!((found.recency[0], found.frequency[0], found.monetary[0].to_bits()), (1, 1, 15.3_f64.to_bits()));
        assert_eq!(facts["snapshot"], "2011-01-02T00:00:00");
        assert!(notes.contains(&"1 customer, at least 10 expected (`too_few_customers`)".to_owned()), "{notes:?}");
    }

    #[test]
    fn the_policy_of_a_model_is_followed() {
        let policy = r#"{"returns":"net","duplicates":"drop","exclude_codes":["POST"],"countries":[],"from":"2020-01-01","until":null}"#;
        let params = CustomerParams::of_policy(policy).unwrap();
        let lines = [
            Line::new("1 a 2011-01-01 X 6 2.00"),
            Line::new("1 a 2011-01-01 X 6 2.00"),
            Line::new("1 a 2011-01-01 POST 1 9.00"),
            Line::new("C2 a 2011-01-05 X -1 2.00"),
        ];
        let (found, facts, _) = customers(&lines, &params).unwrap();
        assert_eq!((found.recency[0], found.monetary[0].to_bits()), (5, 10.0_f64.to_bits()));
        assert_eq!(facts["returns"], "net");
        let error = CustomerParams::of_policy(r#"{"returns":"sometimes"}"#).unwrap_err();
        assert_eq!(error.path, ["policy"]);
    }

    #[test]
    fn transactions_without_a_customer_are_refused() {
        let error = customers(&[Line { customer: None, ..Line::default() }], &CustomerParams::default()).unwrap_err();
        assert_eq!(error.fault, crate::contract::Fault::Data);
    }
}
