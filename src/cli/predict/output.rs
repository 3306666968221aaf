//! What scoring adds to a row, as CSV.
//!
//! For: the header and the rows that `predict` writes. Not for: scoring.

use std::io::Write;
use std::path::Path;

use csv::Writer;
use segpipe_stages::contract::SourceOrigin;
use segpipe_stages::model::{Model, Score};

use super::super::failure::Failure;

/// The columns that scoring adds.
pub(super) const COLUMNS: [&str; 5] = ["segment", "segment_name", "distance", "runner_up", "margin"];

/// Added where the model or the input is of customers who never existed.
pub(super) const DATA_SOURCE: &str = "data_source";

/// Writes scored rows.
pub(super) struct Scored<'a, W: Write> {
    path: &'a Path,
    model: &'a Model,
    is_simulated: bool,
    writer: Writer<W>,
}

impl<'a, W: Write> Scored<'a, W> {
    /// Writes the header: `kept`, then what is added.
    pub(super) fn begin(
        out: W,
        path: &'a Path,
        model: &'a Model,
        kept: impl IntoIterator<Item = impl AsRef<[u8]>>,
        is_simulated: bool,
    ) -> Result<Self, Failure> {
        let mut scored = Self { path, model, is_simulated, writer: Writer::from_writer(out) };
        let source = is_simulated.then_some(DATA_SOURCE);
        scored.cells(kept)?;
        scored.cells(COLUMNS.into_iter().chain(source))?;
        scored.end_row()?;
        Ok(scored)
    }

    /// Writes a row: `kept`, then its score.
    pub(super) fn row(
        &mut self,
        kept: impl IntoIterator<Item = impl AsRef<[u8]>>,
        score: &Score,
    ) -> Result<(), Failure> {
        let model = self.model;
        let name = model.segments.get(score.segment).map_or("", |segment| segment.name.as_str());
        let runner_up = score.runner_up.map(|segment| segment.to_string()).unwrap_or_default();
        let margin = score.margin.map(|margin| margin.to_string()).unwrap_or_default();
        let (segment, distance) = (score.segment.to_string(), score.distance.to_string());
        let source = self.is_simulated.then_some(SourceOrigin::Simulated.as_str());
        self.cells(kept)?;
        self.cells([segment.as_str(), name, &distance, &runner_up, &margin].into_iter().chain(source))?;
        self.end_row()
    }

    /// Everything is written.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.writer.flush().map_err(|error| Failure::disk("write", self.path, &error))
    }

    fn cells(&mut self, cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Result<(), Failure> {
        let mut cells = cells.into_iter();
        let written = cells.try_for_each(|cell| self.writer.write_field(cell));
        written.map_err(|error| Failure::disk("write", self.path, &error))
    }

    fn end_row(&mut self) -> Result<(), Failure> {
        self.writer.write_record(None::<&[u8]>).map_err(|error| Failure::disk("write", self.path, &error))
    }
}
