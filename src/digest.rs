//! Digests of content: blake3, written as 64 hexadecimal digits.
//!
//! For: hashing bytes and files. Not for: remembering digests of files (`store::remembered`) or deciding what enters
//! a fingerprint (`fingerprint`). Called by: everything that compares content.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::str::FromStr;

use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};
use rayon::prelude::*;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are hashed by themselves: 2^k of blake3's chunks, so that they are a tree of their own in its tree.
const PART: u64 = 1 << 20;
/// Bytes of a part that are read at a time; they stay in the processor's cache until they are hashed.
const READ: usize = 1 << 17;

/// The blake3 digest of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of everything in an open file of which nothing was read yet; a large one is read and hashed in parts
    /// on all threads.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_open(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if metadata.is_file() && metadata.len() > PART {
            match of_parts(file, metadata.len()) {
                // It is shorter by now.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {}
                done => return done,
            }
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(file)?;
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// The digest of a file's content.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_open(&File::open(path)?)
    }
}

/// The digest of the first `length` bytes of a file, which are more than a part.
fn of_parts(file: &File, length: u64) -> io::Result<Digest> {
    let starts: Vec<u64> = (0..length).step_by(PART as usize).collect();
    let values = starts
        .into_par_iter()
        .map_init(|| vec![0; READ], |buffer, start| part_value(file, start..length.min(start + PART), buffer));
    let values: Vec<ChainingValue> = values.collect::<io::Result<_>>()?;
    let (left, right) = halves(&values);
    let root = merge_subtrees_root(&merged(left), &merged(right), Mode::Hash);
    Ok(Digest(*root.as_bytes()))
}

/// What a part contributes to the digest of the whole.
fn part_value(file: &File, part: Range<u64>, buffer: &mut [u8]) -> io::Result<ChainingValue> {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(part.start);
    let mut at = part.start;
    while at < part.end {
        let length = (part.end - at).min(buffer.len() as u64);
        let piece = &mut buffer[..length as usize];
        file.read_exact_at(piece, at)?;
        hasher.update(piece);
        at += length;
    }
    Ok(hasher.finalize_non_root())
}

/// What parts that stand side by side contribute together. blake3 gives the left side as many as a power of two holds.
fn merged(values: &[ChainingValue]) -> ChainingValue {
    if let [value] = values {
        return *value;
    }
    let (left, right) = halves(values);
    merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
}

fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(1 << (values.len() - 1).ilog2())
}

/// Takes the digest of content that comes in pieces.
#[derive(Debug, Default)]
pub struct Hasher(blake3::Hasher);

impl Hasher {
    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces so far.
    pub fn digest(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(blake3::Hash::from_bytes(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// Text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no blake3 digest of 64 hexadecimal digits")]
pub struct DigestError(String);

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let hash = blake3::Hash::from_hex(text).map_err(|_| DigestError(text.to_owned()))?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Written)
    }
}

/// Takes a digest from its text, wherever that is.
struct Written;

impl Visitor<'_> for Written {
    type Value = Digest;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a blake3 digest")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Digest, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest of nothing, from the blake3 test vectors.
    const NOTHING: &str = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

    #[test]
    fn digests_are_blake3_and_survive_their_text() {
        assert_eq!(Digest::of_bytes(b"").to_string(), NOTHING);
        assert_eq!(NOTHING.parse(), Ok(Digest::of_bytes(b"")));
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.digest(), Digest::of_bytes(b"abc"));
    }

    #[test]
    fn a_file_of_any_length_has_the_digest_of_its_bytes() {
        let bytes: Vec<u8> = (0..13 * PART / 2).map(|index| (index % 251) as u8).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for length in [0, 3, PART - 1, PART, PART + 1, 2 * PART, 5 * PART / 2, 3 * PART, 4 * PART, 13 * PART / 2] {
            let part = &bytes[..length as usize];
            std::fs::write(&path, part).unwrap();
            assert_eq!(Digest::of_file(&path).unwrap(), Digest::of_bytes(part), "{length}");
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_is_told_by_its_parts() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(3 * PART / 2).unwrap();
        for length in [2 * PART, 9 * PART] {
            assert_eq!(of_parts(&file, length).unwrap_err().kind(), ErrorKind::UnexpectedEof, "{length}");
        }
    }

    #[test]
    fn a_folder_has_no_digest() {
        assert!(Digest::of_file(tempfile::tempdir().unwrap().path()).is_err());
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        for text in ["", "abc", &NOTHING[1..], "zz1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
