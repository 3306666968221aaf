//! The `customers` table in memory: who bought how recently, how often and for how much.
//!
//! For: reading and writing `rfm.customers`, and handing its three features to kernels. Not for: computing them.
//! Called by: `rfm`, `train`, `evaluate`, `visualize`, `deploy`, scoring.

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};

use crate::schema;
use crate::table::{self, Facts, TableError, column};

/// Names of the three features, in the order in which every matrix and model holds them.
pub const FEATURES: [&str; 3] = ["recency", "frequency", "monetary"];

/// One row per customer, all columns of equal length, sorted by id.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Customers {
    /// Customer ids, bytewise ascending.
    pub ids: Vec<String>,
    /// Whole days since the last purchase.
    pub recency: Vec<i64>,
    /// Distinct invoices (or purchase days, see the fact `frequency_unit`).
    pub frequency: Vec<i64>,
    /// Money spent, in the data's currency.
    pub monetary: Vec<f64>,
    /// Quintile scores 1..=5 of recency (5 = most recent), frequency and monetary (5 = most).
    pub scores: Vec<[i64; 3]>,
    /// Name in the grid of recency and frequency scores.
    pub rfm_segments: Vec<String>,
}

impl Customers {
    /// Number of customers.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Raw features, one row per customer, in the order of [`FEATURES`].
    pub fn features(&self) -> Vec<[f64; 3]> {
        let days_and_orders = self.recency.iter().zip(&self.frequency);
        days_and_orders.zip(&self.monetary).map(|((&r, &f), &m)| [r as f64, f as f64, m]).collect()
    }

    /// The table as a batch with the schema [`schema::customers`].
    ///
    /// # Errors
    /// Where the columns differ in length.
    pub fn to_batch(&self) -> Result<RecordBatch, arrow_schema::ArrowError> {
        let score =
            |index: usize| Arc::new(Int64Array::from_iter_values(self.scores.iter().map(|s| s[index]))) as ArrayRef;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(&self.ids)),
            Arc::new(Int64Array::from(self.recency.clone())),
            Arc::new(Int64Array::from(self.frequency.clone())),
            Arc::new(Float64Array::from(self.monetary.clone())),
            score(0),
            score(1),
            score(2),
            Arc::new(StringArray::from_iter_values(&self.rfm_segments)),
        ];
        RecordBatch::try_new(schema::customers(), columns)
    }

    /// Reads `rfm.customers` with its facts.
    ///
    /// # Errors
    /// [`TableError`] where the file cannot be read or is another table.
    pub fn read(path: &Path) -> Result<(Self, Facts), TableError> {
        let (batch, facts) = table::read(path, &schema::customers())?;
        let strings = |name: &str| column::<StringArray>(&batch, name).iter().flatten().map(String::from).collect();
        let integers = |name: &str| column::<Int64Array>(&batch, name).values().to_vec();
        let scores = ["recency_score", "frequency_score", "monetary_score"].map(integers);
        let customers = Self {
            ids: strings("customer_id"),
            recency: integers("recency"),
            frequency: integers("frequency"),
            monetary: column::<Float64Array>(&batch, "monetary").values().to_vec(),
            scores: (0..batch.num_rows()).map(|row| [scores[0][row], scores[1][row], scores[2][row]]).collect(),
            rfm_segments: strings("rfm_segment"),
        };
        Ok((customers, facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_survive_a_trip_through_their_table() {
        let customers = Customers {
            ids: vec!["12346".into(), "12347".into()],
            recency: vec![326, 2],
            frequency: vec![1, 7],
            monetary: vec![77_183.6, 4310.0],
            scores: vec![[1, 1, 5], [5, 5, 5]],
            rfm_segments: vec!["Hibernating".into(), "Champions".into()],
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("customers.parquet");
        table::write(&path, &customers.to_batch().unwrap(), &Facts::new()).unwrap();
        let (read_back, _) = Customers::read(&path).unwrap();
        assert_eq!(read_back, customers);
        assert_eq!(read_back.features()[1].map(f64::to_bits), [2.0, 7.0, 4310.0].map(f64::to_bits));
    }
}
