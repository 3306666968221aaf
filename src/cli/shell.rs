//! `segpipe completions`: what a shell needs to complete arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use super::Ending;
use super::args::Arguments;
use super::printer::Printer;

/// Prints the completions for `shell`.
pub(super) fn completions(shell: Shell) -> Ending {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "segpipe", &mut script);
    Printer::data(&script)?;
    Ok(0)
}
