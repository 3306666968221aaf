//! `segpipe schema`: the JSON Schema of the pipeline file, for editors.

use super::Ending;
use super::failure::Failure;
use super::printer::Printer;
use super::project::Surroundings;
use crate::spec;

/// Prints the schema.
pub(super) fn schema(around: &Surroundings) -> Ending {
    let schema = serde_json::to_string_pretty(&spec::schema(around.stages));
    let schema = schema.map_err(|error| Failure::new(70, format!("the schema cannot be written: {error}")))?;
    Printer::lines(&[schema])?;
    Ok(0)
}
