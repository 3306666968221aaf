//! The command line: arguments in, exit code out.
//!
//! For: everything between the process and the library. Not for: deciding what is stale, or computing anything.
//! Called by: `main.rs`. One file a command; only `printer` and the reporters print.

pub mod args;
mod bundle;
mod cache;
mod check;
mod determinism;
mod diff;
mod explain;
mod export;
mod failure;
mod graph;
mod init;
mod lock;
mod panic;
mod place;
mod predict;
mod printer;
mod project;
mod run;
mod runs;
mod schema;
mod serve;
mod shared;
mod sheet;
mod shell;
mod signals;
mod simulate;
mod stages;
mod status;
mod sweep;
mod threads;
mod trace;
mod tracking;
mod units;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command, General};
use failure::Failure;
use printer::Printer;
use project::Surroundings;

use crate::program::guard;
use crate::report::{Detail, Look};

/// How a command ends: with an exit code of its own, or badly.
type Ending = Result<u8, Failure>;

/// The process: parses the arguments, does what they say, and explains what went wrong.
pub fn main() -> ExitCode {
    if let Some(code) = guard::intercept(std::env::args_os()) {
        return ExitCode::from(code);
    }
    panic::install_hook();
    signals::outlive_file_limit();
    let plain = Printer::new(Look::of_stderr(Detail::Normal));
    let done = std::panic::catch_unwind(|| start(std::env::args_os(), plain));
    let code = done.unwrap_or_else(|_| {
        let failure = panic::failure();
        plain.failure(&failure);
        failure.exit_code
    });
    ExitCode::from(code)
}

/// Runs the command that `line` names; returns the exit code.
fn start(line: impl IntoIterator<Item = OsString>, plain: Printer) -> u8 {
    let (printer, ending) = match Arguments::try_parse_from(line) {
        Ok(arguments) => {
            let printer = Printer::new(Look::of_stderr(detail(&arguments.general)));
            (printer, dispatch(arguments, printer))
        }
        Err(error) => (plain, plain.usage(&error).map(|()| u8::try_from(error.exit_code()).unwrap_or(failure::USAGE))),
    };
    ending.unwrap_or_else(|failure| {
        let failure = panic::explain(failure);
        printer.failure(&failure);
        failure.exit_code
    })
}

fn detail(general: &General) -> Detail {
    match (general.quiet, general.verbose) {
        (true, _) => Detail::Quiet,
        (_, true) => Detail::Verbose,
        _ => Detail::Normal,
    }
}

fn dispatch(arguments: Arguments, printer: Printer) -> Ending {
    if arguments.general.verbose {
        trace::listen(printer);
    }
    threads::check_environment()?;
    let around = Surroundings { file: arguments.general.file, printer, stages: stages::STAGES };
    match arguments.command {
        Command::Run(arguments) => run::run(&around, &arguments),
        Command::Push(arguments) => tracking::push(&around, &arguments),
        Command::Sweep(arguments) => sweep::sweep(&around, &arguments),
        Command::Runs(arguments) => runs::runs(&around, &arguments),
        Command::Diff(arguments) => diff::diff(&around, &arguments),
        Command::Status(arguments) => status::status(&around, &arguments),
        Command::Explain(arguments) => explain::explain(&around, &arguments),
        Command::Check(overriding) => check::check(&around, &overriding),
        Command::Graph(arguments) => graph::graph(&around, &arguments),
        Command::Simulate(arguments) => simulate::simulate(&around, &arguments),
        Command::Schema => schema::schema(&around),
        Command::Completions { shell } => shell::completions(shell),
        Command::Predict(arguments) => predict::predict(&around, &arguments),
        Command::Serve(arguments) => serve::serve(&around, &arguments),
        Command::Init(arguments) => init::init(&around, &arguments),
        Command::Cache(command) => cache::cache(&around, &command),
        Command::Lock(command) => lock::lock(&command),
        Command::Export(arguments) => export::export(&around, &arguments),
    }
}
