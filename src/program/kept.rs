//! What a program wrote, before anything of it is kept: there, of the declared kind, its own, and as promised.
//!
//! For: refusing a result that the next stage would stumble over. Not for: keeping it (the engine). Called by:
//! [`super::Program`].

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use segpipe_stages::contract::{Output, OutputKind, StageContext, StageError};

use super::Program;
use super::error::ProgramError;
use super::launch::{file_error, output_variable};
use super::promise;

/// Looks at every declared output; returns the rows of the tables.
pub(super) fn check(program: &Program, ctx: &StageContext<'_>) -> Result<BTreeMap<String, u64>, StageError> {
    let mut rows = BTreeMap::new();
    for output in &program.outputs {
        let path = ctx.output(&output.name)?;
        check_kind(program, output, &path)?;
        unshare(&path).map_err(file_error("copy", &path))?;
        if output.kind == OutputKind::Table {
            let count = promise::check(&output.name, &path, program.promises.get(&*output.name))?;
            ctx.set_rows(&output.name, count)?;
            rows.insert(output.name.to_string(), count);
        }
    }
    Ok(rows)
}

fn check_kind(program: &Program, output: &Output, path: &Path) -> Result<(), ProgramError> {
    let name = output.name.to_string();
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let (command, variable) = (program.command.shown(), output_variable(&name));
            return Err(ProgramError::Missing { command, output: name, variable });
        }
        Err(source) => return Err(file_error("read", path)(source)),
    };
    let wants_folder = output.kind == OutputKind::Directory;
    let expected = match (wants_folder, metadata.is_symlink()) {
        (_, true) => "a file of its own",
        (true, _) => "a folder",
        (false, _) => "a file",
    };
    let is_right = if wants_folder { metadata.is_dir() } else { metadata.is_file() };
    if is_right { Ok(()) } else { Err(ProgramError::Kind { output: name, found: found(&metadata), expected }) }
}

fn found(metadata: &Metadata) -> &'static str {
    match metadata.file_type() {
        kind if kind.is_symlink() => "a link",
        kind if kind.is_dir() => "a folder",
        kind if kind.is_file() => "a file",
        _ => "neither file nor folder",
    }
}

/// A file that has another name elsewhere becomes one of its own: who writes to the other would reach into the store.
fn unshare(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if metadata.is_dir() {
        return fs::read_dir(path)?.try_for_each(|entry| unshare(&entry?.path()));
    }
    if !metadata.is_file() || metadata.nlink() == 1 {
        return Ok(());
    }
    let copy = path.with_extension("copy-of-its-own");
    fs::copy(path, &copy)?;
    fs::rename(copy, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_name_elsewhere_becomes_one_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let [outside, inside] = ["outside", "out/deep/inside.csv"].map(|name| folder.path().join(name));
        fs::create_dir_all(inside.parent().unwrap()).unwrap();
        fs::write(&outside, "content").unwrap();
        fs::hard_link(&outside, &inside).unwrap();
        unshare(&folder.path().join("out")).unwrap();
        fs::write(&outside, "edited").unwrap();
        assert_eq!(fs::read_to_string(&inside).unwrap(), "content");
        assert_eq!(fs::read_dir(inside.parent().unwrap()).unwrap().count(), 1);
    }
}
