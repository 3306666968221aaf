//! `segpipe simulate`: a realistic data set of customers who never existed.

use segpipe_stages::numerals::count;
use segpipe_stages::simulate;

use super::args::SimulateArguments;
use super::project::Surroundings;
use super::{Ending, failure, signals};
use crate::report::Task;

/// Writes the data set.
pub(super) fn simulate(around: &Surroundings, arguments: &SimulateArguments) -> Ending {
    let printer = around.printer;
    let is_cancelled = signals::listen(move || printer.say(signals::FINISHING));
    let task = Task::new("simulate", printer.look, is_cancelled);
    let written = simulate::write(&arguments.out, arguments.customers, arguments.seed, &task);
    drop(task);
    let rows = written.map_err(|error| failure::of_fault(&error))?;
    printer.say(&format!("wrote `{}`: {} simulated rows", arguments.out.display(), count(rows)));
    Ok(0)
}
