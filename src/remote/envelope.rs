//! A record as it lies in the shared cache: sealed, and signed where its writer has a key.
//!
//! For: closing and opening it, and telling what is wrong with one. Not for: whether it is the one asked for, or its
//! objects (`fetch`). Called by: `fetch`, `push`.
//!
//! ```text
//! segpipe-record 1
//! DIGEST of the body
//! PUBLIC-KEY SIGNATURE, or `unsigned`
//! BODY, the record in JSON
//! ```
//!
//! What is signed is the first line and the body. The body names the outputs by digest, so that the signature is one
//! for their content too.

use crate::digest::Digest;
use crate::signing::{PublicKey, SigningKey};
use crate::store::records::Record;

const HEADER: &str = "segpipe-record 1";
const UNSIGNED: &str = "unsigned";

/// Why a record is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("damaged")]
    Damaged,
    #[error("not signed, and `cache.trust` lists who may sign")]
    Unsigned,
    #[error("signed by `{0}`, which `cache.trust` does not list")]
    Untrusted(String),
    #[error("not what `{0}` signed")]
    Altered(PublicKey),
}

/// The envelope of `record`.
///
/// # Errors
/// Where it cannot be written as JSON.
pub(super) fn close(record: &Record, key: Option<&SigningKey>) -> serde_json::Result<Vec<u8>> {
    let body = serde_json::to_string(record)?;
    let seal = Digest::of_bytes(body.as_bytes());
    let signed = key.map(|key| format!("{} {}", key.public(), key.sign(&message(&body))));
    let signed = signed.unwrap_or_else(|| UNSIGNED.to_owned());
    Ok(format!("{HEADER}\n{seal}\n{signed}\n{body}\n").into_bytes())
}

/// The record in an envelope, where it is intact and, with anybody in `trust`, signed by one of them.
pub(super) fn open(bytes: &[u8], trust: &[PublicKey]) -> Result<Record, Problem> {
    let (signed, body) = read(bytes).ok_or(Problem::Damaged)?;
    if !trust.is_empty() {
        check(signed, body, trust)?;
    }
    let record: Record = serde_json::from_str(body).map_err(|_| Problem::Damaged)?;
    if Digest::of_bytes(record.document.as_bytes()) != record.fingerprint {
        return Err(Problem::Damaged);
    }
    Ok(printable(record))
}

/// The line about who signed, and the body, of an envelope whose seal is right.
fn read(bytes: &[u8]) -> Option<(&str, &str)> {
    let rest = std::str::from_utf8(bytes).ok()?.strip_prefix(HEADER)?.strip_prefix('\n')?;
    let (seal, rest) = rest.split_once('\n')?;
    let (signed, rest) = rest.split_once('\n')?;
    let body = rest.strip_suffix('\n')?;
    (seal.parse() == Ok(Digest::of_bytes(body.as_bytes()))).then_some((signed, body))
}

fn check(signed: &str, body: &str, trust: &[PublicKey]) -> Result<(), Problem> {
    if signed == UNSIGNED {
        return Err(Problem::Unsigned);
    }
    let (key, signature) = signed.split_once(' ').ok_or(Problem::Damaged)?;
    let key: PublicKey = key.parse().map_err(|_| Problem::Damaged)?;
    if !trust.contains(&key) {
        return Err(Problem::Untrusted(key.to_string()));
    }
    if key.has_signed(&message(body), signature) { Ok(()) } else { Err(Problem::Altered(key)) }
}

/// What is signed. It begins with what it is, so that no signature for anything else is one for a record.
fn message(body: &str) -> Vec<u8> {
    format!("{HEADER}\n{body}").into_bytes()
}

/// The record with nothing in its texts that would confuse a terminal.
fn printable(mut record: Record) -> Record {
    let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    record.headline = plain(&record.headline);
    for note in &mut record.notes {
        note.text = plain(&note.text);
    }
    record
}

#[cfg(test)]
mod tests {
    use segpipe_stages::contract::{Note, NoteLevel};

    use super::*;
    use crate::store::records::RecordedOutput;

    fn record() -> Record {
        let document = "segpipe-fingerprint format 1\n".to_owned();
        let output = RecordedOutput { digest: Digest::of_bytes(b"table"), rows: Some(4338) };
        Record {
            fingerprint: Digest::of_bytes(document.as_bytes()),
            document,
            headline: "4 338 customers".to_owned(),
            notes: Vec::new(),
            seconds: 0.25,
            outputs: [("customers".to_owned(), output)].into(),
        }
    }

    fn pair() -> (SigningKey, PublicKey) {
        let (secret, public) = SigningKey::generate().unwrap();
        (secret.parse().unwrap(), public)
    }

    #[test]
    fn a_record_survives_its_envelope() {
        let (key, public) = pair();
        let unsigned = close(&record(), None).unwrap();
        let signed = close(&record(), Some(&key)).unwrap();
        assert_eq!(open(&unsigned, &[]), Ok(record()));
        assert_eq!(open(&signed, &[]), Ok(record()));
        assert_eq!(open(&signed, &[public]), Ok(record()));
    }

    #[test]
    fn with_anybody_trusted_only_what_they_signed_is_believed() {
        let (key, public) = pair();
        let (stranger, _) = pair();
        let open = |bytes: &[u8]| open(bytes, &[public]).unwrap_err();
        assert_eq!(open(&close(&record(), None).unwrap()), Problem::Unsigned);
        let theirs = open(&close(&record(), Some(&stranger)).unwrap());
        assert_eq!(theirs, Problem::Untrusted(stranger.public().to_string()));
        // Somebody puts the signature that they saw over a record of their own.
        let signed = String::from_utf8(close(&record(), Some(&key)).unwrap()).unwrap();
        let line = signed.lines().nth(2).unwrap().to_owned();
        let other = Record { headline: "5 customers".to_owned(), ..record() };
        let forged = String::from_utf8(close(&other, None).unwrap()).unwrap().replacen(UNSIGNED, &line, 1);
        assert_eq!(open(forged.as_bytes()), Problem::Altered(public));
    }

    #[test]
    fn every_flipped_byte_of_a_signed_record_makes_it_a_miss() {
        let (key, public) = pair();
        let intact = close(&record(), Some(&key)).unwrap();
        for position in 0..intact.len() {
            let mut damaged = intact.clone();
            damaged[position] ^= 1;
            assert!(open(&damaged, &[public]).is_err(), "byte {position}");
        }
    }

    #[test]
    fn a_record_whose_document_is_another_is_damaged() {
        let wrong = Record { document: "another".to_owned(), ..record() };
        assert_eq!(open(&close(&wrong, None).unwrap(), &[]), Err(Problem::Damaged));
    }

    #[test]
    fn what_would_confuse_a_terminal_does_not_arrive() {
        let note = Note { level: NoteLevel::Info, text: "a\u{1b}[2Jb".to_owned() };
        let hostile = Record { headline: "x\r\u{7}y".to_owned(), notes: vec![note], ..record() };
        let opened = open(&close(&hostile, None).unwrap(), &[]).unwrap();
        assert_eq!((opened.headline.as_str(), opened.notes[0].text.as_str()), ("x  y", "a [2Jb"));
    }
}
