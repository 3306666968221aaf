//! The `segpipe` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    segpipe::cli::main()
}
