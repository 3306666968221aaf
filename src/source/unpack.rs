//! Takes one file out of a fetched zip archive.
//!
//! For: `download`. Not for: archives that users bring. The size limit holds for what comes out, whatever the archive
//! says about itself, and the checksum is verified before anything is placed.

use std::fs::{File, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use segpipe_stages::contract::Observer;
use zip::ZipArchive;
use zip::result::ZipError;

use super::error::FetchError;
use super::part::disk;
use super::place::place;

const BUFFER: usize = 1 << 16;

/// Unpacks `member` of the archive to `target`.
pub(super) fn unpack(
    archive: &Path,
    member: &str,
    target: &Path,
    limit: u64,
    observer: &dyn Observer,
) -> Result<(), FetchError> {
    let file = File::open(archive).map_err(disk("open", archive))?;
    let mut zip = ZipArchive::new(BufReader::new(file)).map_err(damaged)?;
    let names: Vec<String> = zip.file_names().filter_map(|name| Some(name.ok()?.into_owned())).take(8).collect();
    let content = match zip.by_name(member) {
        Ok(content) => content,
        Err(ZipError::FileNotFound) => return Err(FetchError::Member { member: member.to_owned(), names }),
        Err(error) => return Err(damaged(error)),
    };
    let folder = target.parent().unwrap_or(Path::new("."));
    let mode = Permissions::from_mode(0o666);
    let temporary = tempfile::Builder::new().prefix(".unpacking-").permissions(mode).tempfile_in(folder);
    let mut temporary = temporary.map_err(disk("create a file in", folder))?;
    copy(content, temporary.as_file_mut(), target, limit, observer)?;
    let temporary = temporary.into_temp_path();
    place(&temporary, target)?;
    // It was moved away, so there is nothing left to delete.
    let _ = temporary.keep();
    Ok(())
}

fn copy(
    mut from: impl Read,
    to: &mut File,
    target: &Path,
    limit: u64,
    observer: &dyn Observer,
) -> Result<(), FetchError> {
    let mut buffer = vec![0; BUFFER];
    let mut total = 0;
    loop {
        if observer.is_cancelled() {
            return Err(FetchError::Cancelled);
        }
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(damaged(error)),
        };
        total += read as u64;
        if total > limit {
            return Err(FetchError::TooLarge { limit });
        }
        to.write_all(&buffer[..read]).map_err(disk("write", target))?;
    }
}

fn damaged(error: impl std::error::Error + Send + Sync + 'static) -> FetchError {
    FetchError::Archive { source: Box::new(error) }
}
