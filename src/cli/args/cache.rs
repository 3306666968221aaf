//! The arguments of `segpipe cache`.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::cli::units;

const CACHE_EXAMPLES: &str = "\
Results are kept in artifacts/.segpipe: objects by the digest of their content, and a record per result.

Examples:
  segpipe cache stats
  segpipe cache verify --repair            what is damaged is made anew by the next run
  segpipe cache gc --older-than 30d --dry-run
  segpipe cache gc --at-most 2GB --keep 3f2a
  segpipe cache push                       what the shared cache lacks of the current results
  segpipe cache keygen                     keys for signed results";

const CACHE_PUSH_EXAMPLES: &str = "\
Every run sends what it computed to `cache.remote` of pipeline.yaml; this sends what was computed while
it could not be reached, and heals what is damaged there. SEGPIPE_CACHE_REMOTE and SEGPIPE_CACHE_MODE
(`read-write`, `read`, `off`) go before what the file says, SEGPIPE_CACHE_KEY signs what is sent.
Credentials come from the storage's own variables, e.g. AWS_ACCESS_KEY_ID.

Examples:
  segpipe cache push
  SEGPIPE_CACHE_REMOTE=s3://results/shop segpipe cache push";

const CACHE_KEYGEN_EXAMPLES: &str = "\
Whoever has the private key in SEGPIPE_CACHE_KEY signs what is sent to the shared cache. With the public
key in pipeline.yaml, nothing else is believed, and no secret is needed to tell:

  cache:
    remote: s3://results/shop
    trust: [PUBLIC]

Examples:
  segpipe cache keygen
  segpipe cache keygen | sed -n 's/^private //p' | gh secret set SEGPIPE_CACHE_KEY";

/// What is to be done with the cache.
#[derive(Debug, Subcommand)]
#[command(after_help = CACHE_EXAMPLES)]
pub enum CacheCommand {
    /// Tell how much it holds, and how much of that is needed
    Stats(CacheStatsArguments),
    /// Read everything in it again and compare it with its digest
    #[command(after_help = CACHE_EXAMPLES)]
    Verify(CacheVerifyArguments),
    /// Remove old results, and what no result leads to
    #[command(after_help = CACHE_EXAMPLES)]
    Gc(CacheGcArguments),
    /// Send what the shared cache lacks of the current results
    #[command(after_help = CACHE_PUSH_EXAMPLES)]
    Push(CachePushArguments),
    /// Make a pair of keys for signed results
    #[command(after_help = CACHE_KEYGEN_EXAMPLES)]
    Keygen,
}

/// The arguments of `segpipe cache push`.
#[derive(Debug, Args)]
pub struct CachePushArguments {
    /// Fail at once where a run holds the project
    #[arg(long)]
    pub no_wait: bool,
}

/// The arguments of `segpipe cache stats`.
#[derive(Debug, Args)]
pub struct CacheStatsArguments {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `segpipe cache verify`.
#[derive(Debug, Args)]
pub struct CacheVerifyArguments {
    /// Remove what is damaged and the records that lead to it; the next run makes it anew
    #[arg(long)]
    pub repair: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Fail at once where a run holds the project
    #[arg(long)]
    pub no_wait: bool,
}

/// The arguments of `segpipe cache gc`. What the outputs at their places come from, and what pipeline.lock names, stays.
#[derive(Debug, Args)]
pub struct CacheGcArguments {
    /// Results that were computed longer ago than this go: `12h`, `30d`, `8w`
    #[arg(long, value_name = "AGE", value_parser = units::age)]
    pub older_than: Option<Duration>,
    /// The oldest results go until what is left has this size: `500MB`, `2GB`, `1GiB`
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub at_most: Option<u64>,
    /// The results of this run stay, named as in `segpipe diff`; may be given several times
    #[arg(long, value_name = "RUN")]
    pub keep: Vec<String>,
    /// Tell what would go and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
    /// Fail at once where a run holds the project
    #[arg(long)]
    pub no_wait: bool,
}
