//! The text of a pipeline file, refused where it is none.
//!
//! For: everything that can be wrong with a file before a word of it is read. Called by: [`super::read`].

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::error::{Refusal, Refused};
use super::node::{Place, Span};

/// No pipeline needs more.
const MAX_BYTES: u64 = 4 << 20;

/// Reads `file` into `text`, which then holds what can be shown of it even where it is refused.
pub(super) fn read(file: &Path, text: &mut String) -> Result<(), Refused> {
    let bytes = bytes(file)?;
    match String::from_utf8(bytes) {
        Ok(valid) => *text = valid,
        Err(error) => {
            let valid = String::from_utf8_lossy(&error.as_bytes()[..error.utf8_error().valid_up_to()]).into_owned();
            *text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            return Err(Refusal::NotUtf8.at(Place::File(end(&valid))));
        }
    }
    if text.trim_start_matches('\u{feff}').trim().is_empty() { Err(Refusal::Empty.into()) } else { Ok(()) }
}

fn bytes(file: &Path) -> Result<Vec<u8>, Refusal> {
    // Asked first, because opening a named pipe would wait for its other end.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(Refusal::Directory);
    }
    if !metadata.is_file() {
        return Err(Refusal::NotAFile);
    }
    let mut bytes = Vec::new();
    File::open(file).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES { Err(Refusal::TooLarge { limit: MAX_BYTES }) } else { Ok(bytes) }
}

fn unreadable(error: std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Refusal::Missing,
        ErrorKind::IsADirectory => Refusal::Directory,
        _ => Refusal::Unreadable(error),
    }
}

/// The place after the last character of `text`.
fn end(text: &str) -> Span {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Span { line: text.matches('\n').count() + 1, column: last.chars().count() + 1, length: 1 }
}
