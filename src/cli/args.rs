//! The arguments of the command, as clap reads them, with the help texts.
//!
//! For: names, values, defaults, conflicts, examples. Not for: what the commands do. Called by: `cli`.

mod cache;
mod lock;
mod run;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::mlflow::ModelUri;

pub use cache::{CacheCommand, CacheGcArguments, CachePushArguments, CacheStatsArguments, CacheVerifyArguments};
pub use lock::{LockCommand, LockMergeArguments};
pub use run::RunArguments;
use run::count;

const EXIT_CODES: &str = "\
Exit codes:
  0    all is well
  1    a stage failed, or `--locked`, `--strict` or `--check-determinism` found what must not be
  2    the command line, the pipeline file, a stage's name or a param is wrong
  3    the data is missing, unreadable or rejected by `validate`
  4    the cache, the disk or the project's lock (`--no-wait`) is in the way
  5    tracking failed where delivery was demanded
  70   a bug in segpipe
  130  interrupted (Ctrl-C)

Environment:
  RAYON_NUM_THREADS  computing threads, where `--threads` is not given
  SEGPIPE_CACHE_…    REMOTE, MODE, KEY: where results are shared (`segpipe cache push --help`)
  NO_COLOR           no colours, whatever the terminal can do
  RUST_BACKTRACE     1: where a bug was hit, in detail

Examples:
  segpipe run                       bring everything up to date
  segpipe run --from train          resume at `train` with what is there
  segpipe run --set train.k=5       try another number of segments
  segpipe init sales.csv            begin with one's own data";

/// Customer segmentation that can be trusted and repeated: from a transaction log to evaluated, packaged segments.
#[derive(Debug, Parser)]
#[command(name = "segpipe", version, after_long_help = EXIT_CODES, max_term_width = 100)]
#[command(after_help = "`segpipe --help` also lists exit codes, environment variables and examples.")]
pub struct Arguments {
    /// What every command takes.
    #[command(flatten)]
    pub general: General,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const GENERAL: &str = "General options";

/// What every command takes.
#[derive(Debug, Clone, Args)]
pub struct General {
    /// The pipeline file; paths in it and in `--set` are relative to its folder
    #[arg(long, global = true, value_name = "PATH", default_value = "pipeline.yaml", help_heading = GENERAL)]
    pub file: PathBuf,
    /// Say nothing but warnings and errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = GENERAL)]
    pub quiet: bool,
    /// Say more: every output with its digest, every remark
    #[arg(long, short, global = true, help_heading = GENERAL)]
    pub verbose: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring the pipeline up to date: run what is stale, leave or restore the rest
    Run(RunArguments),
    /// Tell which stages are fresh, stale or to be restored, and why; runs nothing
    Status(StatusArguments),
    /// Tell of one stage what was compared with what: why it would run, or why it would not; runs nothing
    Explain(ExplainArguments),
    /// Check the pipeline file and nothing else
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Overriding),
    /// Draw which stage reads from which, and which are up to date
    Graph(GraphArguments),
    /// Write a commented pipeline file for one's own transactions
    Init(InitArguments),
    /// Deliver the runs that wait to the MLflow server
    Push(PushArguments),
    /// Run and rank every combination of some params; touches no output
    Sweep(SweepArguments),
    /// List the local runs, newest first: outcome, time, result, delivered or waiting
    Runs(RunsArguments),
    /// Show how two local runs differ: params, metrics, segments, customers, fingerprints
    Diff(DiffArguments),
    /// Look after the cache: how much it holds, whether all of it is intact, what of it may go
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Look after pipeline.lock: merge two versions of it
    #[command(subcommand)]
    Lock(LockCommand),
    /// Write one row per customer with segment and recommended action, as CSV or XLSX
    Export(ExportArguments),
    /// Give new customers or new transactions the segments of the trained model
    Predict(PredictArguments),
    /// Answer over HTTP which segment a customer is in
    Serve(ServeArguments),
    /// Write a realistic data set of customers who never existed
    Simulate(SimulateArguments),
    /// Print the JSON Schema of the pipeline file
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print what a shell needs to complete segpipe's arguments
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell
        shell: Shell,
    },
}

const CHECK_EXAMPLES: &str = "\
Examples:
  segpipe check
  segpipe check --profile robust --set train.k=5";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  segpipe schema > pipeline.schema.json
  and as the first line of pipeline.yaml: # yaml-language-server: $schema=pipeline.schema.json";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  segpipe completions bash > ~/.local/share/bash-completion/completions/segpipe
  segpipe completions zsh > ~/.zfunc/_segpipe";

/// What changes the pipeline for one command.
#[derive(Debug, Clone, Default, Args)]
pub struct Overriding {
    /// Override a param for this command; may be given several times
    #[arg(long = "set", value_name = "STAGE.PARAM[.KEY]=VALUE")]
    pub sets: Vec<String>,
    /// Lay a profile of the pipeline file over its params
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
}

const STATUS_EXAMPLES: &str = "\
Examples:
  segpipe status
  segpipe status --set train.k=5           what another number of segments would re-run
  segpipe status --json | jq '.stages[] | select(.state != \"fresh\")'";

/// The arguments of `segpipe status`.
#[derive(Debug, Default, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArguments {
    /// Overrides.
    #[command(flatten)]
    pub overriding: Overriding,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const EXPLAIN_EXAMPLES: &str = "\
What determines a stage's result is one document: its kind and implementation, its params, the
digests of its inputs and sources. It is shown beside that of the last result: `-` is what stood
there then, `+` what stands there now.

Examples:
  segpipe explain train
  segpipe explain train --set train.k=5    what another number of segments would change
  segpipe explain train --json | jq .differences";

/// The arguments of `segpipe explain`.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct ExplainArguments {
    /// The stage
    #[arg(value_name = "STAGE")]
    pub stage: String,
    /// Overrides.
    #[command(flatten)]
    pub overriding: Overriding,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const PUSH_EXAMPLES: &str = "\
Every run that executed something waits in artifacts/.outbox until a server has it. The server is
`track.tracking_uri`, else MLFLOW_TRACKING_URI, else http://127.0.0.1:5000; who asks, and how, is
said by MLflow's own environment variables, e.g. MLFLOW_TRACKING_USERNAME.

Examples:
  segpipe push
  segpipe push --verify                    deliver anew what was deleted on the server
  MLFLOW_TRACKING_URI=http://mlflow:5000 segpipe push";

/// The arguments of `segpipe push`.
#[derive(Debug, Default, Args)]
#[command(after_help = PUSH_EXAMPLES)]
pub struct PushArguments {
    /// Look up what was delivered before, and deliver anew what the server does not have any more
    #[arg(long)]
    pub verify: bool,
}

const SWEEP_EXAMPLES: &str = "\
VALUES are separated by commas; `2..10` is every whole number from 2 to 10, `0.1..0.5:0.1` goes by
steps of 0.1. What the combinations share is computed once, all of it stays in the store, and neither
the outputs at their places nor pipeline.lock change. An interrupted sweep goes on where it was. Its
run in MLflow has a child per combination; none of them becomes a version of the registered model.

Examples:
  segpipe sweep --set train.k=2..10 --set train.scaling=standard,log
  segpipe sweep --set train.k=3..6 --profile robust --by davies_bouldin
  segpipe sweep --set preprocess.returns=gross,net -o returns.csv";

/// The arguments of `segpipe sweep`.
#[derive(Debug, Args)]
#[command(after_help = SWEEP_EXAMPLES)]
pub struct SweepArguments {
    /// A param and its values; may be given several times
    #[arg(long = "set", value_name = "STAGE.PARAM[.KEY]=VALUES", required = true)]
    pub sets: Vec<String>,
    /// Lay a profile of the pipeline file under all combinations
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The metric by which combinations are ranked
    #[arg(long, value_name = "METRIC", default_value = "silhouette")]
    pub by: String,
    /// Stages that may run at once [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = count())]
    pub jobs: Option<NonZeroUsize>,
    /// Threads to compute with [default: `RAYON_NUM_THREADS`, else as many as there are processors]
    #[arg(long, value_name = "N", value_parser = count())]
    pub threads: Option<NonZeroUsize>,
    /// Fail at once (exit code 4) where another run holds this project
    #[arg(long)]
    pub no_wait: bool,
    /// Also write the table to a file, as CSV
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub json: bool,
}

const RUNS_EXAMPLES: &str = "\
Runs are those that executed something, or went back to an earlier result; they are kept in
artifacts/.outbox.

Examples:
  segpipe runs
  segpipe runs --json | jq '.runs[] | select(.delivered == null)'";

/// The arguments of `segpipe runs`.
#[derive(Debug, Args)]
#[command(after_help = RUNS_EXAMPLES)]
pub struct RunsArguments {
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const DIFF_EXAMPLES: &str = "\
A run is named by the beginning of its key, its folder's name in artifacts/.outbox, `latest` or
`latest~1` (the newest, or the one before it, that is no part of a sweep), or `HEAD`: the newest run
that made everything which the pipeline.lock of git's HEAD names (without git, the one in the folder).

Examples:
  segpipe diff latest~1 latest
  segpipe diff HEAD latest                 against what is committed
  segpipe diff 3f2a 91c0 --json | jq .customers";

/// The arguments of `segpipe diff`.
#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub struct DiffArguments {
    /// A run
    #[arg(value_name = "A")]
    pub first: String,
    /// Another run
    #[arg(value_name = "B")]
    pub second: String,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const GRAPH_EXAMPLES: &str = "\
Examples:
  segpipe graph
  segpipe graph --format mermaid --bare    for a README
  segpipe graph --format html > graph.html
  segpipe graph --format dot | dot -Tsvg > pipeline.svg";

/// The arguments of `segpipe graph`.
#[derive(Debug, Args)]
#[command(after_help = GRAPH_EXAMPLES)]
pub struct GraphArguments {
    /// How it is drawn
    #[arg(long, value_enum, default_value_t = GraphFormat::Text)]
    pub format: GraphFormat,
    /// Leave out which stages are up to date
    #[arg(long)]
    pub bare: bool,
    /// Overrides.
    #[command(flatten)]
    pub overriding: Overriding,
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// A line per stage with the outputs it reads.
    Text,
    /// A Mermaid flowchart.
    Mermaid,
    /// Graphviz.
    Dot,
    /// A page that needs nothing from elsewhere.
    Html,
}

const INIT_EXAMPLES: &str = "\
Examples:
  segpipe init sales.csv
  segpipe init exports/2024.xlsx --output pipeline-2024.yaml
  segpipe init sales.csv --force           over a pipeline.yaml that is there";

/// The arguments of `segpipe init`.
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub struct InitArguments {
    /// A file of transactions: CSV, TSV, either of them gzipped, XLSX or Parquet
    pub source: PathBuf,
    /// Where to write the pipeline file
    #[arg(long, short, value_name = "PATH", default_value = "pipeline.yaml")]
    pub output: PathBuf,
    /// How dates are written, where the data cannot tell: `iso`, `month_first`, `day_first` or a pattern
    #[arg(long, value_name = "FORMAT")]
    pub date_format: Option<String>,
    /// Overwrite a file that is there
    #[arg(long)]
    pub force: bool,
}

const EXPORT_EXAMPLES: &str = "\
Examples:
  segpipe export > segments.csv
  segpipe export -o segments.xlsx";

/// The arguments of `segpipe export`.
#[derive(Debug, Args)]
#[command(after_help = EXPORT_EXAMPLES)]
pub struct ExportArguments {
    /// Where to write, as CSV or XLSX by its ending [default: CSV on stdout]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

const PREDICT_EXAMPLES: &str = "\
INPUT is a table with the columns `recency`, `frequency` and `monetary`, in any case; other columns
are kept, and one row comes out per row, in order. Or it is transactions, as `load` reads them; then
one row comes out per customer, with recency counted from the day after the last one in INPUT.

Examples:
  segpipe predict customers.csv -o scored.csv
  segpipe predict march.csv.gz -o march-segments.csv
  segpipe predict customers.parquet -o scored.csv --bundle releases/7/bundle";

/// The arguments of `segpipe predict`.
#[derive(Debug, Args)]
#[command(after_help = PREDICT_EXAMPLES)]
pub struct PredictArguments {
    /// Customers' recency, frequency and monetary values, or transactions
    pub input: PathBuf,
    /// Where to write, as CSV
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
    /// The bundle whose model is used [default: artifacts/deploy/bundle beside the pipeline file]
    #[arg(long, value_name = "FOLDER")]
    pub bundle: Option<PathBuf>,
}

const SERVE_EXAMPLES: &str = "\
The bundle in artifacts/ is served unless another is named, and read again whenever it changes.
POST /invocations takes what MLflow's scoring servers take; /openapi.json describes everything.
A token that every request must show may also stand in SEGPIPE_SERVE_TOKEN. With --model-uri,
MLFLOW_TRACKING_URI and MLflow's own variables say where the registry is and who asks.
Transactions are kept in TMPDIR while they are worked on, and nowhere after that.

Examples:
  segpipe serve
  segpipe serve --bundle releases/7/bundle --bind 0.0.0.0:8080 --token-file token.txt
  segpipe serve --model-uri models:/customer-segmentation@champion
  segpipe serve --check                    exit code 0 where a service answers";

/// The arguments of `segpipe serve`.
#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub struct ServeArguments {
    /// The bundle [default: artifacts/deploy/bundle beside the pipeline file]
    #[arg(long, value_name = "FOLDER", conflicts_with = "model_uri")]
    pub bundle: Option<PathBuf>,
    /// A registered model instead: `models:/NAME@ALIAS` or `models:/NAME/VERSION`
    #[arg(long, value_name = "URI")]
    pub model_uri: Option<ModelUri>,
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub bind: SocketAddr,
    /// A file with the token that every request must show, but for /ping, /health and /version
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Largest body to be scored, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 8, value_parser = RangedU64ValueParser::<u64>::new().range(1..=1024))]
    pub max_body: u64,
    /// Largest file of transactions, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 256, value_parser = RangedU64ValueParser::<u64>::new().range(1..=65536))]
    pub max_upload: u64,
    /// Requests at once; more are turned away with 503
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = RangedU64ValueParser::<usize>::new().range(1..=65536))]
    pub concurrency: usize,
    /// Seconds that a request may take to arrive and to be answered, and for which a reader may take nothing of its answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = RangedU64ValueParser::<u64>::new().range(1..=3600))]
    pub time_out: u64,
    /// Ask the service at ADDRESS (by default that of --bind) whether it is well, and serve nothing
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1)]
    pub check: Option<Option<SocketAddr>>,
}

const SIMULATE_EXAMPLES: &str = "\
Equal customers and seeds give equal bytes. About 121 rows come of each customer.

Examples:
  segpipe simulate --customers 4372 --seed 42 --out data/simulated.csv
  segpipe simulate --customers 413000 --seed 1 --out fifty_million.parquet";

/// The arguments of `segpipe simulate`.
#[derive(Debug, Args)]
#[command(after_help = SIMULATE_EXAMPLES)]
pub struct SimulateArguments {
    /// How many customers
    #[arg(long, value_name = "N")]
    pub customers: u64,
    /// Which random numbers
    #[arg(long, value_name = "S")]
    pub seed: u64,
    /// Where to write, as CSV or Parquet by its ending
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace())
    }

    fn run(line: &str) -> RunArguments {
        match parse(line).unwrap().command {
            Command::Run(arguments) => arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn clap_finds_nothing_wrong_with_the_definitions() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn run_takes_all_its_flags_at_once() {
        let line = "segpipe run --from train --to deploy --force --set train.k=5 --set load.columns.customer=id \
                    --profile robust --jobs 8 --threads 2 --keep-going --no-wait --locked --json";
        let run = run(line);
        assert_eq!((run.from.as_deref(), run.to.as_deref(), run.only), (Some("train"), Some("deploy"), None));
        assert_eq!(run.overriding.sets, ["train.k=5", "load.columns.customer=id"]);
        assert_eq!(run.overriding.profile.as_deref(), Some("robust"));
        assert_eq!((run.jobs, run.threads), (NonZeroUsize::new(8), NonZeroUsize::new(2)));
        assert!(run.force && run.keep_going && run.no_wait && run.locked && run.json);
    }

    #[test]
    fn the_file_and_the_amount_of_text_may_stand_anywhere() {
        for line in ["segpipe --file a.yaml -v status", "segpipe status --file a.yaml --verbose"] {
            let general = parse(line).unwrap().general;
            assert_eq!(general.file, PathBuf::from("a.yaml"));
            assert!(general.verbose);
        }
        assert_eq!(parse("segpipe check").unwrap().general.file, PathBuf::from("pipeline.yaml"));
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        for line in [
            "segpipe run --only train --from load",
            "segpipe run --dry-run --locked",
            "segpipe run --check-determinism train --force",
            "segpipe run --quiet --verbose",
            "segpipe run --jobs 0",
            "segpipe run --threads many",
            "segpipe run --set",
            "segpipe simulate --customers 5",
            "segpipe predict in.csv",
            "segpipe sweep",
            "segpipe diff latest",
            "segpipe graph --format png",
            "segpipe serve --bundle a --model-uri models:/a@b",
            "segpipe serve --model-uri shop",
            "segpipe serve --bind nowhere",
            "segpipe serve --concurrency 0",
            "segpipe lock merge base.lock pipeline.lock",
            "segpipe lock",
            "segpipe walk",
            "segpipe",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    /// Help as on a terminal of 100 columns, wherever the test runs.
    fn help(path: &[&str]) -> String {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut found = &mut command;
        for name in path {
            found = found.find_subcommand_mut(name).unwrap();
        }
        found.clone().term_width(100).render_long_help().to_string()
    }

    #[test]
    fn the_help_reads_as_it_did() {
        insta::assert_snapshot!("help", help(&[]));
        insta::assert_snapshot!("help_run", help(&["run"]));
        insta::assert_snapshot!("help_predict", help(&["predict"]));
    }

    #[test]
    fn the_help_names_every_exit_code_and_every_command_has_examples() {
        let mut command = Arguments::command();
        let help = command.render_long_help().to_string();
        for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "5 ", "70 ", "130 "] {
            assert!(help.lines().any(|line| line.trim_start().starts_with(code)), "{code}: {help}");
        }
        for subcommand in command.get_subcommands_mut().filter(|subcommand| subcommand.get_name() != "help") {
            let help = subcommand.render_help().to_string();
            assert!(help.contains("Examples:\n  segpipe"), "{help}");
        }
    }
}
