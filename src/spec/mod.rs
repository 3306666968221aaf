//! pipeline.yaml: from what is written (raw) to what runs (checked).
//!
//! For: reading, resolving names, variables, profiles and overrides, filling in defaults, checking; with errors that
//! show the place. Not for: digests, plans, execution. Called by: `cli`; everything above takes the checked form.
//!
//! [`read`] goes through `node` (YAML with places; `kept` saves long files from it), `raw` (its shape), `repeat`
//! (`foreach`), `overlay` (`--profile`, `--set`), `vars` (`${…}`), `own` (what `run` runs) and `check` (with `params`,
//! `outputs`, `order`) to a [`Pipeline`]. [`schema`] describes the same for editors.

mod check;
mod duration;
mod error;
mod kept;
mod many;
mod node;
mod order;
mod outputs;
mod overlay;
mod own;
mod params;
pub mod pipeline;
mod promises;
mod raw;
mod repeat;
mod resources;
mod schema;
pub mod shared;
mod snippet;
#[cfg(test)]
mod tests;
mod text;
mod vars;

use std::path::Path;

use segpipe_stages::contract::Stage;

use error::Refused;
use node::Node;
use pipeline::Pipeline;
use raw::Raw;

pub use error::SpecError;
pub use schema::schema;

/// What the command line changes for one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// The profile to lay over the file.
    pub profile: Option<String>,
    /// `STAGE.PARAM[.KEY]=VALUE`, each laid over what comes before it.
    pub sets: Vec<String>,
}

impl Overrides {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads and checks a pipeline file whose stages are of the kinds `stages`. What reading a long one brought is kept in
/// the file `kept`, where its folder is there, and saves the next command the work.
///
/// # Errors
/// [`SpecError`] with the place of the first thing that is wrong.
pub fn read(
    file: &Path,
    stages: &[&'static dyn Stage],
    overrides: &Overrides,
    kept: &Path,
) -> Result<Pipeline, SpecError> {
    let mut text = String::new();
    text::read(file, &mut text)
        .and_then(|()| parse(&text, file, stages, overrides, kept))
        .map_err(|refused| SpecError::new(file, &text, &overrides.sets, refused))
}

/// The checked pipeline of `text`, the content of `file`.
fn parse(
    text: &str,
    file: &Path,
    stages: &[&'static dyn Stage],
    overrides: &Overrides,
    kept: &Path,
) -> Result<Pipeline, Refused> {
    let known = kept::recall(kept, text).and_then(|root| settle(root, file, stages, overrides).ok());
    if let Some(pipeline) = known {
        return Ok(pipeline);
    }
    // What is wrong is told with its place, which only the text knows.
    let root = Node::parse(text)?;
    kept::keep(kept, text, &root);
    settle(root, file, stages, overrides)
}

/// Keeps what reading a long pipeline file brings in the file `kept`, where that is not there yet: the folder it belongs
/// into may have been made after the pipeline was read.
pub fn keep(file: &Path, kept: &Path) {
    let mut text = String::new();
    if kept.symlink_metadata().is_err()
        && text::read(file, &mut text).is_ok()
        && kept::is_long(&text)
        && let Ok(root) = Node::parse(&text)
    {
        kept::keep(kept, &text, &root);
    }
}

/// The checked pipeline of a tree, the content of `file`.
fn settle(root: Node, file: &Path, stages: &[&'static dyn Stage], overrides: &Overrides) -> Result<Pipeline, Refused> {
    let mut raw = Raw::read(root)?;
    repeat::expand(&mut raw)?;
    overlay::apply(&mut raw, overrides)?;
    vars::expand(&mut raw)?;
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    own::settle(&mut raw, file.parent().unwrap_or(Path::new("/")))?;
    check::check(&raw, stages, &file, !overrides.is_empty())
}
