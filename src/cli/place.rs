//! A file that appears complete or not at all: written beside its place under another name, then renamed.
//!
//! For: what commands write at the user's word. Not for: outputs of stages (`store`). Called by: `export`, `init`,
//! `predict`.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::Failure;

/// Modes of new files, before the user's mask.
const MODE: u32 = 0o666;

/// Writes `path` with what `write` writes. Where that fails, whatever was there before stays.
pub(super) fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>) -> Result<(), Failure> {
    let disk = |action: &str, error: &io::Error| {
        let failure = Failure::disk(action, path, error);
        let is_folderless = error.kind() == io::ErrorKind::NotFound;
        if is_folderless { failure.with_hint("make the folder first") } else { failure }
    };
    let place = Place::of(path).map_err(|error| disk("write", &error))?;
    match place {
        Place::Special(mut file) => write(&mut file),
        Place::File(target) => {
            let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let temporary = temporary(folder).map_err(|error| disk("create", &error))?;
            let mut out = BufWriter::new(temporary);
            write(&mut out)?;
            let temporary = out.into_inner().map_err(|error| disk("write", error.error()))?;
            temporary.as_file().sync_all().map_err(|error| disk("write", &error))?;
            temporary.persist(&target).map_err(|error| disk("write", &error.error))?;
            Ok(())
        }
    }
}

/// The failure of writing to `path`.
pub(super) fn failed(path: &Path) -> impl Fn(io::Error) -> Failure {
    let path = path.to_owned();
    move |error| Failure::disk("write", &path, &error)
}

fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mode = Permissions::from_mode(MODE);
    tempfile::Builder::new().prefix(".segpipe-").permissions(mode).tempfile_in(folder)
}

/// What is at a path.
enum Place {
    /// A file, or nothing yet; links are followed.
    File(PathBuf),
    /// A terminal, a pipe, `/dev/null`: nothing that could be replaced.
    Special(File),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if found.is_file() => Ok(Self::File(path.canonicalize()?)),
            Ok(_) => Ok(Self::Special(File::options().write(true).open(path)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File(path.to_owned())),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_could_not_be_completed_leaves_the_old_one_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        fs::write(&path, "old").unwrap();
        let failed = write(&path, |out| {
            out.write_all(b"half").unwrap();
            Err(Failure::usage("no"))
        });
        assert_eq!(failed.unwrap_err().message, "no");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, |out| out.write_all(b"new").map_err(super::failed(&path))).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_and_a_folder_in_its_place_are_said() {
        let folder = tempfile::tempdir().unwrap();
        let failure = write(&folder.path().join("no/out.csv"), |_| Ok(())).unwrap_err();
        assert_eq!((failure.exit_code, failure.hint.as_deref()), (4, Some("make the folder first")));
        assert_eq!(write(folder.path(), |_| Ok(())).unwrap_err().exit_code, 4);
    }

    #[test]
    fn a_device_is_written_to_and_a_link_is_followed() {
        write(Path::new("/dev/null"), |out| out.write_all(b"gone").map_err(failed(Path::new("/dev/null")))).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write(&link, |out| out.write_all(b"new").map_err(failed(&link))).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert!(link.is_symlink());
    }
}
