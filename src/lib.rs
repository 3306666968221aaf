//! segpipe: the orchestrator, the command line, the tracking client and the scoring service.
//!
//! The modules form ranks and import only lower ranks:
//! address, crash, digest, event, signing → program → spec, store → graph, fingerprint, remote → lock → plan, cache →
//! engine → report, mlflow, source, features → history, sweep, serve → cli.

pub mod address;
pub mod cache;
pub mod cli;
pub mod crash;
pub mod digest;
pub mod engine;
pub mod event;
pub mod features;
pub mod fingerprint;
pub mod graph;
pub mod history;
pub mod lock;
pub mod mlflow;
pub mod plan;
pub mod program;
pub mod remote;
pub mod report;
pub mod serve;
pub mod signing;
pub mod source;
pub mod spec;
pub mod store;
pub mod sweep;
