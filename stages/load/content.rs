//! What a file is by its first bytes, and its text as a stream of bytes, unpacked and in UTF-8 or Windows-1252.
//!
//! For: telling formats apart by content, whatever a file is called. Not for: rows (`delimited`, `xlsx`, `parquet`).

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;

use super::dialect::is_read_as_it_stands;
use super::error::LoadError;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Text with a delimiter.
    Csv,
    /// The same, packed by gzip.
    CsvGz,
    /// A workbook.
    Xlsx,
    /// Parquet.
    Parquet,
}

impl Format {
    /// The word in the table `sources`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv | Self::CsvGz => "csv",
            Self::Xlsx => "xlsx",
            Self::Parquet => "parquet",
        }
    }

    /// What errors call it.
    pub(super) const fn shown(self) -> &'static str {
        match self {
            Self::Csv => "text",
            Self::CsvGz => "gzip",
            Self::Xlsx => "XLSX",
            Self::Parquet => "Parquet",
        }
    }
}

const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Beginnings of files that are not read, what they are, and what to do.
const UNSUPPORTED: [(&[u8], &str, &str); 9] = [
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel 97-2003 (or an encrypted one)", "save it as .xlsx or .csv"),
    (b"BZh", "packed by bzip2", "unpack it, or pack it by gzip"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it, or pack it by gzip"),
    (b"\xfd7zXZ", "packed by xz", "unpack it, or pack it by gzip"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it"),
    (b"%PDF", "a PDF document", "export the table as CSV or XLSX"),
    (b"<!DOCTYPE", "a web page", "download the file itself"),
    (b"<!doctype", "a web page", "download the file itself"),
    (b"<html", "a web page", "download the file itself"),
];

/// Tells the format of the file at `path` by its first bytes; returns it with the file's size.
///
/// # Errors
/// [`LoadError`] where there is no file, it is empty, or of a kind that is not read.
pub(super) fn identify(path: &Path) -> Result<(Format, u64), LoadError> {
    let unreadable = |source| LoadError::File { path: path.to_owned(), source };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(LoadError::Directory { path: path.to_owned() });
    }
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(64).read_to_end(&mut head)).map_err(unreadable)?;
    if head.is_empty() {
        return Err(LoadError::Empty { path: path.to_owned() });
    }
    let format = match head.as_slice() {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Format::Xlsx,
        [b'P', b'A', b'R', b'1', ..] => Format::Parquet,
        [0x1f, 0x8b, ..] => Format::CsvGz,
        _ => Format::Csv,
    };
    if format == Format::Csv {
        refuse_unsupported(path, &head)?;
    }
    Ok((format, metadata.len()))
}

/// Refuses content that is known not to be a table of text.
pub(super) fn refuse_unsupported(path: &Path, head: &[u8]) -> Result<(), LoadError> {
    if head.starts_with(LFS_POINTER) {
        return Err(LoadError::LfsPointer { path: path.to_owned() });
    }
    match UNSUPPORTED.iter().find(|(beginning, _, _)| head.starts_with(beginning)) {
        Some((_, kind, advice)) => Err(LoadError::Unsupported { path: path.to_owned(), kind, advice }),
        None => Ok(()),
    }
}

/// How much of a file was read so far, for progress.
pub(super) type Consumed = Arc<AtomicU64>;

/// A file that counts what is read of it.
struct Counted {
    file: File,
    consumed: Consumed,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.consumed.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// The text of a file: unpacked, without a byte order mark, and in UTF-8 where it was in another encoding than
/// UTF-8 and Windows-1252.
pub(super) struct TextReader {
    bytes: Box<dyn Read + Send>,
    /// The encoding that the file declares by its byte order mark, or that was given.
    pub(super) encoding: Option<&'static Encoding>,
}

impl TextReader {
    /// Opens the file at `path`; `given` is the encoding of the params.
    ///
    /// # Errors
    /// [`LoadError`] where the file cannot be read.
    pub(super) fn open(
        path: &Path,
        format: Format,
        given: Option<&'static Encoding>,
        consumed: Consumed,
    ) -> Result<Self, LoadError> {
        let file = File::open(path).map_err(|source| LoadError::File { path: path.to_owned(), source })?;
        let file = BufReader::with_capacity(1 << 18, Counted { file, consumed });
        let mut bytes: Box<dyn Read + Send> = match format {
            Format::CsvGz => Box::new(MultiGzDecoder::new(file)),
            _ => Box::new(file),
        };
        let mut head = [0; 3];
        let length =
            read_full(&mut bytes, &mut head).map_err(|cause| LoadError::reading(path, format.shown(), cause))?;
        let head = &head[..length];
        let (declared, mark) = match head {
            [0xef, 0xbb, 0xbf] => (Some(UTF_8), 3),
            [0xff, 0xfe, ..] => (Some(UTF_16LE), 2),
            [0xfe, 0xff, ..] => (Some(UTF_16BE), 2),
            _ => (None, 0),
        };
        let encoding = declared.or(given);
        let bytes = io::Cursor::new(head[mark..].to_vec()).chain(bytes);
        let bytes: Box<dyn Read + Send> = match encoding {
            Some(encoding) if !is_read_as_it_stands(encoding) => Box::new(Decoded::new(bytes, encoding)),
            _ => Box::new(bytes),
        };
        Ok(Self { bytes, encoding })
    }
}

impl Read for TextReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.bytes.read(buffer)
    }
}

/// Fills `buffer` as far as the stream goes.
pub(super) fn read_full(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match reader.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// A stream turned into UTF-8.
struct Decoded<R> {
    source: R,
    decoder: Decoder,
    raw: Vec<u8>,
    /// Decoded bytes, and how many of them were handed on.
    text: Vec<u8>,
    start: usize,
    is_at_end: bool,
}

impl<R: Read> Decoded<R> {
    fn new(source: R, encoding: &'static Encoding) -> Self {
        let decoder = encoding.new_decoder_without_bom_handling();
        Self { source, decoder, raw: vec![0; 1 << 16], text: Vec::new(), start: 0, is_at_end: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        let length = self.source.read(&mut self.raw)?;
        self.is_at_end = length == 0;
        let capacity = self.decoder.max_utf8_buffer_length(length).unwrap_or(usize::MAX).min(1 << 20);
        self.text.resize(capacity, 0);
        let raw = &self.raw[..length];
        let (_, _, written, had_errors) = self.decoder.decode_to_utf8(raw, &mut self.text, self.is_at_end);
        if had_errors {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the bytes do not fit the encoding"));
        }
        self.text.truncate(written);
        self.start = 0;
        Ok(())
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.start == self.text.len() && !self.is_at_end {
            self.refill()?;
        }
        let length = buffer.len().min(self.text.len() - self.start);
        buffer[..length].copy_from_slice(&self.text[self.start..self.start + length]);
        self.start += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], given: Option<&'static Encoding>) -> (String, Option<&'static Encoding>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut reader = TextReader::open(&path, Format::Csv, given, Consumed::default()).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (text, reader.encoding)
    }

    #[test]
    fn byte_order_marks_are_obeyed_and_taken_away() {
        assert_eq!(read(b"\xef\xbb\xbfa,b", None), ("a,b".into(), Some(UTF_8)));
        assert_eq!(read(b"\xff\xfea\0\xe9\0", None), ("aé".into(), Some(UTF_16LE)));
        assert_eq!(read(b"\xfe\xff\0a\0\xe9", None), ("aé".into(), Some(UTF_16BE)));
        assert_eq!(read(b"ab", None), ("ab".into(), None));
        assert_eq!(read(b"a\0b\0", Some(UTF_16LE)), ("ab".into(), Some(UTF_16LE)));
    }

    #[test]
    fn long_texts_survive_the_change_of_encoding() {
        let text = "Überraschungsei €3\n".repeat(20_000);
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&[b"\xff\xfe".as_slice(), &bytes].concat(), None).0, text);
    }

    #[test]
    fn formats_are_told_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let format_of = |bytes: &[u8]| {
            let path = folder.path().join("sales.csv");
            std::fs::write(&path, bytes).unwrap();
            identify(&path)
        };
        assert_eq!(format_of(b"PAR1").unwrap(), (Format::Parquet, 4));
        assert_eq!(format_of(b"PK\x03\x04").unwrap().0, Format::Xlsx);
        assert_eq!(format_of(b"\x1f\x8b\x08").unwrap().0, Format::CsvGz);
        assert_eq!(format_of(b"a,b").unwrap().0, Format::Csv);
        assert!(matches!(format_of(b""), Err(LoadError::Empty { .. })));
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n";
        assert!(matches!(format_of(pointer), Err(LoadError::LfsPointer { .. })));
        assert!(matches!(format_of(b"\xd0\xcf\x11\xe0"), Err(LoadError::Unsupported { .. })));
        assert!(matches!(identify(folder.path()), Err(LoadError::Directory { .. })));
        assert!(matches!(identify(&folder.path().join("none")), Err(LoadError::File { .. })));
    }
}
