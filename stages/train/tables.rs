//! The tables of `train`: model, assignments and the study.
//!
//! For: turning results into batches with the columns of [`crate::schema`]. Called by: `train`.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::ArrowError;

use super::study::{Candidate, Study};
use crate::model::{Model, ModelSegment, Score};
use crate::schema;

fn integers(values: impl Iterator<Item = usize>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values.map(|value| value as i64)))
}

fn numbers(values: impl Iterator<Item = f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter_values(values))
}

fn numbers_if_any(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

fn strings<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// `train.model`.
pub(super) fn model(model: &Model) -> Result<RecordBatch, ArrowError> {
    let segments = || model.segments.iter();
    let values =
        |pick: fn(&ModelSegment) -> [f64; 3], index: usize| numbers(segments().map(move |each| pick(each)[index]));
    let mut columns = vec![
        integers(segments().map(|segment| segment.segment)),
        strings(segments().map(|segment| segment.name.as_str())),
        integers(segments().map(|segment| segment.customers as usize)),
    ];
    columns.extend((0..3).map(|index| values(|segment| segment.centroid, index)));
    columns.extend((0..3).map(|index| values(|segment| segment.mean, index)));
    RecordBatch::try_new(schema::model(), columns)
}

/// `train.assignments`.
pub(super) fn assignments(ids: &[String], scores: &[Score], model: &Model) -> Result<RecordBatch, ArrowError> {
    let runner_up = scores.iter().map(|score| score.runner_up.map(|segment| segment as i64));
    let columns = vec![
        strings(ids.iter().map(String::as_str)),
        integers(scores.iter().map(|score| score.segment)),
        strings(scores.iter().map(|score| model.segments[score.segment].name.as_str())),
        numbers(scores.iter().map(|score| score.distance)),
        Arc::new(runner_up.collect::<Int64Array>()),
        numbers_if_any(scores.iter().map(|score| score.margin)),
    ];
    RecordBatch::try_new(schema::assignments(), columns)
}

/// `train.k_selection`.
pub(super) fn k_selection(study: &Study) -> Result<RecordBatch, ArrowError> {
    let all = || study.candidates.iter();
    let is_selected = (0..study.candidates.len()).map(|index| Some(index == study.selected));
    let columns = vec![
        integers(all().map(Candidate::k)),
        numbers(all().map(|candidate| candidate.partition.inertia)),
        numbers_if_any(all().map(|candidate| candidate.silhouette)),
        numbers_if_any(all().map(|candidate| candidate.calinski_harabasz)),
        numbers_if_any(all().map(|candidate| candidate.davies_bouldin)),
        numbers(all().map(|candidate| candidate.smallest_share)),
        integers(all().map(|candidate| candidate.partition.iterations)),
        Arc::new(is_selected.collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(schema::k_selection(), columns)
}
