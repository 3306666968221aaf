//! `segpipe lock merge`: git's merge driver for pipeline.lock.
//!
//! For: files in, file out, and what there is to say. Not for: what a merge is (`lock::merge`).

use std::path::Path;

use segpipe_stages::contract::StageError;
use segpipe_stages::numerals::counted;

use super::Ending;
use super::args::{LockCommand, LockMergeArguments};
use super::failure::Failure;
use crate::lock::Lock;
use crate::store::{StoreError, files};

/// Does what is asked.
pub(super) fn lock(command: &LockCommand) -> Ending {
    match command {
        LockCommand::Merge(arguments) => merge(arguments),
    }
}

fn merge(arguments: &LockMergeArguments) -> Ending {
    let LockMergeArguments { base, ours, theirs } = arguments;
    let [base, our_lock, theirs] = [read(base)?, read(ours)?, read(theirs)?];
    let merged = Lock::merged(&base, &our_lock, &theirs);
    files::write_synced(ours, merged.to_text().as_bytes()).map_err(of_store)?;
    let conflicts: Vec<String> = merged.conflicts().map(|conflict| format!("  {conflict}")).collect();
    if conflicts.is_empty() {
        return Ok(0);
    }
    let count = counted(conflicts.len() as u64, "fact");
    let text = format!("both sides changed pipeline.lock, and {count} of it only a run can tell");
    let hint = "merge pipeline.yaml, then `segpipe run` writes pipeline.lock anew; `git add` it after that";
    Err(Failure { details: Some(conflicts.join("\n")), ..Failure::new(1, text).with_hint(hint) })
}

/// One of the three. What is no lock is not merged as if it named nothing: ours stays as it is then.
fn read(path: &Path) -> Result<Lock, Failure> {
    let bytes = files::read_if_present(path).map_err(of_store)?;
    let bytes = bytes.ok_or_else(|| Failure::usage(format!("there is no file `{}`", path.display())))?;
    let text = String::from_utf8_lossy(&bytes);
    if Lock::is_text_of_one(&text) {
        return Ok(Lock::parse(&text));
    }
    let hint = "merge pipeline.yaml, remove pipeline.lock and let `segpipe run` write it anew";
    Err(Failure::new(1, format!("`{}` is no pipeline.lock that this segpipe can read", path.display())).with_hint(hint))
}

fn of_store(error: StoreError) -> Failure {
    Failure::from(&StageError::from(error))
}
