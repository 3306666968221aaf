//! The bundle that scoring uses: the one that `deploy` made, or another.

use std::path::{Path, PathBuf};

use segpipe_stages::deploy::bundle::{self, Bundle};
use segpipe_stages::deploy::manifest;

use super::args::Overriding;
use super::failure::{self, Failure};
use super::project::{self, Surroundings};
use crate::store::ARTIFACTS;

/// Where the bundle is: the kind of stage that makes it, its output.
const BUNDLE: (&str, &str) = ("deploy", "bundle");

/// The bundle in `folder`, else the one beside the pipeline file, checked against its manifest.
pub(super) fn open(around: &Surroundings, folder: Option<&Path>) -> Result<Bundle, Failure> {
    bundle::open(&find(around, folder)?).map_err(|error| failure::of_fault(&error))
}

/// Where the bundle in `folder`, else the one beside the pipeline file, is.
pub(super) fn find(around: &Surroundings, folder: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = folder.map_or_else(|| own(around), Path::to_owned);
    if folder.join(manifest::NAME).is_file() {
        return Ok(folder);
    }
    let text = format!("there is no bundle in `{}`", folder.display());
    Err(Failure::usage(text).with_hint("`segpipe run` makes one; `--bundle` names another"))
}

/// Where this pipeline's bundle is; where it would usually be, if there is no pipeline file that says so.
fn own(around: &Surroundings) -> PathBuf {
    let pipeline = around.open(&Overriding::default()).ok();
    let place = pipeline.and_then(|pipeline| project::output(&pipeline, BUNDLE.0, BUNDLE.1));
    place.unwrap_or_else(|| around.directory().join(ARTIFACTS).join(BUNDLE.0).join(BUNDLE.1))
}
