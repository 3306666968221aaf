//! Where in a body's table reading is at the moment.
//!
//! For: [`Place`], which the readers of all forms move along, so that an error can name row and column.

use std::cell::Cell;

use segpipe_stages::customers::FEATURES;

use crate::serve::problem::Problem;

/// Where in the table reading is at the moment, for the message about what comes there.
#[derive(Default)]
pub(super) struct Place {
    /// From 1; 0 outside of rows.
    row: Cell<u64>,
    feature: Cell<Option<usize>>,
}

impl Place {
    pub(super) fn enter_row(&self, index: usize) {
        self.row.set(index as u64 + 1);
        self.feature.set(None);
    }

    pub(super) fn enter_column(&self, feature: usize) {
        self.feature.set(Some(feature));
    }

    pub(super) fn leave_column(&self) {
        self.feature.set(None);
    }

    pub(super) fn leave(&self) {
        self.row.set(0);
        self.feature.set(None);
    }

    /// What is wrong, and where.
    pub(super) fn problem(&self, error: &serde_json::Error) -> Problem {
        let problem = Problem::malformed(format!("the body cannot be read: {error}"));
        let problem = if self.row.get() > 0 { problem.at_row(self.row.get()) } else { problem };
        match self.feature.get() {
            Some(feature) => problem.at_column(FEATURES[feature]),
            None => problem,
        }
    }
}
