//! Digests of content: blake3, written as 64 hexadecimal digits.
//!
//! For: hashing bytes and files. Not for: remembering digests of files (`store::remembered`) or deciding what enters
//! a fingerprint (`fingerprint`). Called by: everything that compares content.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::panic::resume_unwind;
use std::path::Path;
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;

/// The blake3 digest of some content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of everything `reader` gives, of which a large part is read while another is hashed.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn of_reader(mut reader: impl Read + Send) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let mut piece = Vec::new();
        reader.by_ref().take(PIECE).read_to_end(&mut piece)?;
        hasher.update(&piece);
        if piece.len() as u64 == PIECE {
            hash_beside(&mut hasher, reader, piece)?;
        }
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// The digest of a file's content.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        Self::of_reader(File::open(path)?)
    }
}

/// Hashes the rest of what `reader` gives while a thread of its own reads it, with `room` as one of the pieces' memory.
fn hash_beside(hasher: &mut blake3::Hasher, mut reader: impl Read + Send, room: Vec<u8>) -> io::Result<()> {
    let (full, pieces) = mpsc::sync_channel::<Vec<u8>>(1);
    let (used, empty) = mpsc::channel();
    for room in [room, Vec::new(), Vec::new()] {
        let _ = used.send(room);
    }
    thread::scope(|scope| {
        let read = thread::Builder::new().spawn_scoped(scope, move || {
            // The other end hangs up only when it has everything.
            while let Ok(mut piece) = empty.recv() {
                piece.clear();
                let read = reader.by_ref().take(PIECE).read_to_end(&mut piece)?;
                if read == 0 || full.send(piece).is_err() {
                    break;
                }
            }
            Ok(())
        })?;
        for piece in pieces {
            hasher.update(&piece);
            let _ = used.send(piece);
        }
        read.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
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
        assert_eq!(Digest::of_reader(&b"abc"[..]).unwrap(), Digest::of_bytes(b"abc"));
        let mut hasher = Hasher::default();
        hasher.update(b"a");
        hasher.update(b"bc");
        assert_eq!(hasher.digest(), Digest::of_bytes(b"abc"));
    }

    #[test]
    fn content_of_any_length_has_the_digest_of_its_bytes() {
        let bytes: Vec<u8> = (0..5 * PIECE as usize / 2).map(|index| (index % 251) as u8).collect();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 5 * PIECE / 2] {
            let part = &bytes[..length as usize];
            assert_eq!(Digest::of_reader(part).unwrap(), Digest::of_bytes(part), "{length}");
        }
    }

    #[test]
    fn a_reader_that_fails_late_is_an_error() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("torn"))
            }
        }
        for length in [0, PIECE, 3 * PIECE] {
            let reader = io::repeat(7).take(length).chain(Fails);
            assert_eq!(Digest::of_reader(reader).unwrap_err().to_string(), "torn", "{length}");
        }
    }

    #[test]
    fn text_that_is_no_digest_is_refused() {
        for text in ["", "abc", &NOTHING[1..], "zz1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
