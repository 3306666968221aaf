//! The arguments of `segpipe run`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

use super::Overriding;

const RUN_EXAMPLES: &str = "\
Examples:
  segpipe run                              everything that is not up to date
  segpipe run --dry-run                    what that would be, and why
  segpipe run --from train                 `train` and all after it, with the upstream that is there
  segpipe run --only rfm --force           one stage, even if it is fresh
  segpipe run +evaluate                    `evaluate` and all that it needs
  segpipe run 'seg*+' tag:weekly           stages by pattern and what comes after them, and by tag
  segpipe run --from train --strict        fail rather than go on from what is not up to date
  segpipe run --set train.k=5 --to train   another number of segments, no further than `train`
  segpipe run --profile robust             with the params of a profile
  segpipe run --trace run.html             with a page of when each stage began and ended
  segpipe run --watch                      and again whenever a file is saved that it reads
  segpipe run --locked                     fail if the results differ from pipeline.lock
  segpipe run --check-determinism train    run a stage twice and compare every byte that it writes
  segpipe run --json | jq .outcome         for programs: one JSON object a line";

/// The arguments of `segpipe run`.
#[derive(Debug, Default, Args)]
#[command(after_help = RUN_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct RunArguments {
    /// Stages to bring up to date: a name, a pattern (`seg*`) or `tag:NAME`; `+` before it also means all that it needs,
    /// `+` after it all that needs it [default: every stage]
    #[arg(value_name = "STAGES", conflicts_with_all = ["from", "to", "only"])]
    pub select: Vec<String>,
    /// Begin at this stage: it and all after it are brought up to date, what is before it is used as it is
    #[arg(long, value_name = "STAGE")]
    pub from: Option<String>,
    /// Go no further than this stage: it and all it needs
    #[arg(long, value_name = "STAGE")]
    pub to: Option<String>,
    /// This stage alone
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["from", "to"])]
    pub only: Option<String>,
    /// Run the selected stages even if they are fresh
    #[arg(long)]
    pub force: bool,
    /// Overrides.
    #[command(flatten)]
    pub overriding: Overriding,
    /// Show what would be done, and why; touches nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Stages that may run at once [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = count())]
    pub jobs: Option<NonZeroUsize>,
    /// Threads to compute with [default: `RAYON_NUM_THREADS`, else as many as there are processors]
    #[arg(long, value_name = "N", value_parser = count())]
    pub threads: Option<NonZeroUsize>,
    /// After a failure, go on with stages that do not need the one that failed
    #[arg(long)]
    pub keep_going: bool,
    /// Fail at once (exit code 4) where another run holds this project
    #[arg(long)]
    pub no_wait: bool,
    /// Fail (exit code 1) instead of going on from stages that are left out and not up to date
    #[arg(long)]
    pub strict: bool,
    /// Fail (exit code 1) where the results differ from pipeline.lock
    #[arg(long, conflicts_with = "dry_run")]
    pub locked: bool,
    /// Run this stage twice, with what it needs, and fail (exit code 1) where a byte of its outputs differs; leaves the
    /// outputs and what is known of the stage as they are
    #[arg(long, value_name = "STAGE", conflicts_with_all = ["select", "from", "to", "only", "force", "dry_run",
        "keep_going", "strict", "locked", "json", "trace"])]
    pub check_determinism: Option<String>,
    /// Tell what happens as JSON lines on stdout
    #[arg(long)]
    pub json: bool,
    /// Run again whenever a file is saved that the pipeline reads: pipeline.yaml, sources, scripts and other deps
    #[arg(long, conflicts_with = "dry_run")]
    pub watch: bool,
    /// Write when each stage began and ended: a Chrome trace, or a page where the name ends in `.html`
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub trace: Option<PathBuf>,
}

/// Reads a number of threads or jobs.
pub(super) fn count() -> impl clap::builder::TypedValueParser<Value = NonZeroUsize> {
    use clap::builder::TypedValueParser;
    let parser = RangedU64ValueParser::<u16>::new().range(1..=1024);
    parser.map(|number| NonZeroUsize::new(usize::from(number)).unwrap_or(NonZeroUsize::MIN))
}
