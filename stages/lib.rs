//! The nine stages of segpipe, the contract they fulfil, the tables they hand to each other, scoring and simulation.
//!
//! Start at [`contract`] (what a stage is) and [`schema`] (what the tables hold), then read one stage, e.g. [`rfm`].
//! This crate knows no engine, clock, terminal or network.
#![doc = include_str!("README.md")]

pub mod bands;
pub mod contract;
pub mod customers;
pub mod document;
pub mod duplicates;
#[cfg(test)]
mod fixture;
pub mod implementation;
pub mod kernels;
pub mod key;
pub mod lines;
pub mod model;
pub mod moment;
pub mod money;
pub mod numerals;
pub mod palette;
pub mod problems;
pub mod random;
pub mod reached;
pub mod results;
#[cfg(test)]
mod results_fixture;
pub mod schema;
pub mod spill;
pub mod stream;
pub mod table;
pub mod texts;
pub mod transactions;

pub mod deploy;
pub mod evaluate;
pub mod load;
pub mod preprocess;
pub mod rfm;
pub mod simulate;
pub mod track;
pub mod train;
pub mod validate;
pub mod visualize;
