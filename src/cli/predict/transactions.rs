//! Transactions that the model has not seen, as customers: read as `load` reads them, by the bundle's policy.

use std::path::Path;

use segpipe_stages::contract::{Observer, Source, SourceOrigin};
use segpipe_stages::customers::Customers;
use segpipe_stages::deploy::bundle::Bundle;
use segpipe_stages::load::{self, LoadError, LoadParams};
use segpipe_stages::table::Facts;
use segpipe_stages::transactions::{self, CustomerParams};

use super::super::args::Overriding;
use super::super::failure::{self, Failure};
use super::super::project::Surroundings;

/// The kind of stage whose params say how transactions are written.
const LOAD: &str = "load";

/// The customers of the transactions in `path`, with the facts of their table.
pub(super) fn customers(
    around: &Surroundings,
    path: &Path,
    bundle: &Bundle,
    observer: &dyn Observer,
) -> Result<(Customers, Facts), Failure> {
    let scratch = std::env::temp_dir();
    let folder = tempfile::tempdir_in(&scratch).map_err(|error| Failure::disk("make a folder in", &scratch, &error))?;
    let table = folder.path().join("transactions.parquet");
    read(around, path, &table, observer)?;
    let params = CustomerParams::of_bundle(bundle.policy.preprocess.as_ref()).map_err(|error| {
        let text = format!("the policy of the bundle in `{}` cannot be used: {error}", bundle.directory.display());
        Failure::new(super::input::DATA, text)
    })?;
    let found = transactions::customers_of_transactions(&table, &params, folder.path(), observer);
    found.map(|found| (found.customers, found.facts)).map_err(|error| Failure::from(&error))
}

/// Reads `path` as the pipeline's `load` is told to; where that does not fit the file, with what the file itself tells.
fn read(around: &Surroundings, path: &Path, table: &Path, observer: &dyn Observer) -> Result<(), Failure> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let source = Source { path: path.to_owned(), name, digest: String::new(), origin: SourceOrigin::File };
    let told = told(around);
    let attempt = |params: &LoadParams| load::load_files(std::slice::from_ref(&source), params, table, observer);
    let done = match attempt(&told) {
        Err(LoadError::Cancelled) => Err(LoadError::Cancelled),
        Err(error) if told != LoadParams::default() => attempt(&LoadParams::default()).map_err(|_| error),
        done => done,
    };
    done.map(drop).map_err(|error| refused(&error))
}

/// What the pipeline file says about how transactions are written, where there is one.
fn told(around: &Surroundings) -> LoadParams {
    let params = around.open(&Overriding::default()).ok().and_then(|pipeline| {
        let stage = pipeline.stages.into_iter().find(|stage| stage.stage.name() == LOAD)?;
        stage.params.to::<LoadParams>().ok()
    });
    LoadParams { source: None, ..params.unwrap_or_default() }
}

fn refused(error: &LoadError) -> Failure {
    let failure = failure::of_fault(error);
    match error {
        LoadError::RfmTable { .. } => {
            failure.with_hint("give it as CSV or Parquet with the headers `recency`, `frequency` and `monetary`")
        }
        _ => failure,
    }
}
