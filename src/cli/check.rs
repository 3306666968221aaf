//! `segpipe check`: reads and checks the pipeline file, and does nothing else.

use super::Ending;
use super::args::Overriding;
use super::project::{self, Surroundings};

/// Says that the file is right, or fails with what is wrong.
pub(super) fn check(around: &Surroundings, overriding: &Overriding) -> Ending {
    let pipeline = around.open(overriding)?;
    let file = project::shown(&pipeline.file);
    around.printer.say(&format!("`{}` is right: {} stages", file.display(), pipeline.stages.len()));
    Ok(0)
}
