//! One row a customer, as a marketing department wants it: values, segment, name and what to do.
//!
//! For: joining `rfm.customers`, `train.assignments` and `evaluate.segments`. Not for: writing CSV or XLSX.
//! Called by: the command line's `export`.

use std::path::Path;

use crate::contract::{Fault, StageFault};
use crate::customers::Customers;
use crate::results::{assignments_of, segments_of};
use crate::schema;
use crate::table::{self, TableError};

/// Heads of the columns, in the order of the fields of [`ExportRow`].
pub const COLUMNS: [&str; 7] = ["customer", "recency", "frequency", "monetary", "segment", "segment_name", "action"];

/// One customer.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportRow {
    /// Id.
    pub customer: String,
    /// Days since the last purchase.
    pub recency: i64,
    /// Orders, or purchase days.
    pub frequency: i64,
    /// Money spent.
    pub monetary: f64,
    /// Segment.
    pub segment: i64,
    /// Its name.
    pub segment_name: String,
    /// What to do.
    pub action: String,
}

/// Tables that cannot be read or joined.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// One of them cannot be read.
    #[error(transparent)]
    Table(#[from] TableError),
    /// They are of different customers.
    #[error("`{customers}` and `{assignments}` are not of the same customers")]
    Customers {
        /// The table of customers.
        customers: String,
        /// The table of assignments.
        assignments: String,
    },
    /// A customer's segment is not described.
    #[error("customer `{customer}` is in a segment that `{segments}` does not have")]
    Segment {
        /// The customer.
        customer: String,
        /// The table of segments.
        segments: String,
    },
}

impl StageFault for ExportError {
    fn fault(&self) -> Fault {
        match self {
            Self::Table(error) => error.fault(),
            Self::Customers { .. } | Self::Segment { .. } => Fault::Stage,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Table(error) => error.hint(),
            Self::Customers { .. } | Self::Segment { .. } => {
                Some("bring them up to date with `segpipe run`".to_owned())
            }
        }
    }
}

/// The rows, in the order of `customers`.
///
/// # Errors
/// [`ExportError`] where a table cannot be read or they do not belong together.
pub fn read(customers: &Path, assignments: &Path, segments: &Path) -> Result<Vec<ExportRow>, ExportError> {
    let (people, _) = Customers::read(customers)?;
    let assigned = assignments_of(&table::read(assignments, &schema::assignments())?.0);
    let described = segments_of(&table::read(segments, &schema::segments())?.0);
    if people.ids != assigned.ids {
        let [customers, assignments] = [customers, assignments].map(|path| path.display().to_string());
        return Err(ExportError::Customers { customers, assignments });
    }
    let row = |index: usize| {
        let number = assigned.segments[index] as i64;
        let fact = described.iter().find(|fact| fact.segment == number);
        let fact = fact.ok_or_else(|| ExportError::Segment {
            customer: people.ids[index].clone(),
            segments: segments.display().to_string(),
        })?;
        Ok(ExportRow {
            customer: people.ids[index].clone(),
            recency: people.recency[index],
            frequency: people.frequency[index],
            monetary: people.monetary[index],
            segment: number,
            segment_name: assigned.names[index].clone(),
            action: fact.action.clone(),
        })
    };
    (0..people.len()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results_fixture::{Fixture, Setup};
    use crate::table::Facts;

    #[test]
    fn every_customer_is_joined_with_the_segment_and_its_action() {
        let fixture = Fixture::new(Setup::default());
        let [customers, assignments, segments] =
            ["customers", "assignments", "segments"].map(|name| fixture.path(name));
        let rows = read(customers, assignments, segments).unwrap();
        assert_eq!(rows.len(), 120);
        let expected = ExportRow {
            customer: "customer-000041".to_owned(),
            recency: fixture.customers.recency[41],
            frequency: fixture.customers.frequency[41],
            monetary: fixture.customers.monetary[41],
            segment: 1,
            segment_name: "Segment of customers number 1".to_owned(),
            action: "write to them".to_owned(),
        };
        assert_eq!(rows[41], expected);
    }

    #[test]
    fn tables_of_different_customers_are_refused() {
        let fixture = Fixture::new(Setup::default());
        let mut customers = fixture.customers.clone();
        customers.ids[0] = "nobody".to_owned();
        table::write(fixture.path("customers"), &customers.to_batch().unwrap(), &Facts::new()).unwrap();
        let [customers, assignments, segments] =
            ["customers", "assignments", "segments"].map(|name| fixture.path(name));
        let error = read(customers, assignments, segments).unwrap_err();
        assert!(error.to_string().ends_with("are not of the same customers"), "{error}");
    }
}
