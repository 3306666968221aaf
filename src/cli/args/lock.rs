//! The arguments of `segpipe lock`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const MERGE_EXAMPLES: &str = "\
What one side changed is taken. What both changed differently can only be told by a run: it is written
as a line `conflict …`, the exit code is 1, and the next complete `segpipe run` writes the file anew.
Until then `segpipe run --locked` fails.

For git to merge pipeline.lock in this way, once in the repository (and committed) and once per clone:
  echo 'pipeline.lock merge=segpipe' >> .gitattributes
  git config merge.segpipe.name 'pipeline.lock, fact by fact'
  git config merge.segpipe.driver 'segpipe lock merge %O %A %B'

Examples:
  segpipe lock merge base.lock pipeline.lock theirs.lock
  segpipe run && git add pipeline.lock     after a conflict, once pipeline.yaml is merged";

const LOCK_EXAMPLES: &str = "\
Examples:
  segpipe lock merge base.lock pipeline.lock theirs.lock
  segpipe lock merge --help                how to make git use it";

/// What is to be done with pipeline.lock.
#[derive(Debug, Subcommand)]
#[command(after_help = LOCK_EXAMPLES)]
pub enum LockCommand {
    /// Merge two versions of pipeline.lock fact by fact, as git's merge driver
    #[command(after_help = MERGE_EXAMPLES)]
    Merge(LockMergeArguments),
}

/// The arguments of `segpipe lock merge`.
#[derive(Debug, Args)]
pub struct LockMergeArguments {
    /// The version that both come from (`%O`)
    pub base: PathBuf,
    /// Our version, which the result is written to (`%A`)
    pub ours: PathBuf,
    /// Their version (`%B`)
    pub theirs: PathBuf,
}
