//! The stages of this segpipe: the one list that names them all.
//!
//! For: adding a stage by one line. Not for: an order of running, which follows from what reads what.
//! Called by: `cli`, which hands the list to whoever needs it.

use segpipe_stages::contract::Stage;
use segpipe_stages::{deploy, evaluate, load, preprocess, rfm, track, train, validate, visualize};

/// Every kind of stage, in the order in which a pipeline usually has them.
pub(super) static STAGES: &[&dyn Stage] = &[
    &load::Load,
    &validate::Validate,
    &preprocess::Preprocess,
    &rfm::Rfm,
    &train::Train,
    &evaluate::Evaluate,
    &visualize::Visualize,
    &track::Track,
    &deploy::Deploy,
];
