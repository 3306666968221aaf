//! One source file, whatever its format, with its headers read and its columns found.
//!
//! For: `files`, which reads several of them into one table. Not for: the formats themselves.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::columns::Mapping;
use super::content::{Consumed, Format, identify};
use super::delimited::Delimited;
use super::dialect::{Dialect, Evidence};
use super::error::LoadError;
use super::params::LoadParams;
use super::parquet::ParquetFile;
use super::rows::Block;
use super::xlsx::{Chosen, Workbook};

/// A file with its headers.
enum Content {
    Delimited(Delimited),
    Workbook(Workbook),
    Parquet(ParquetFile),
}

/// A file whose headers are known.
pub(super) struct Headed {
    path: PathBuf,
    format: Format,
    bytes: u64,
    content: Content,
}

/// A file whose columns are known.
pub(super) struct Opened {
    headed: Headed,
    mapping: Mapping,
    /// The sheets, for a workbook.
    chosen: Option<Chosen>,
}

impl Headed {
    /// Reads the headers of the file at `path`.
    ///
    /// # Errors
    /// [`LoadError`] where it cannot be read or holds no table.
    pub(super) fn open(path: &Path, params: &LoadParams) -> Result<Self, LoadError> {
        let (format, bytes) = identify(path)?;
        let content = match format {
            Format::Csv | Format::CsvGz => Content::Delimited(Delimited::open(path, format, params)?),
            Format::Xlsx => Content::Workbook(Workbook::open(path, params)?),
            Format::Parquet => Content::Parquet(ParquetFile::open(path)?),
        };
        Ok(Self { path: path.to_owned(), format, bytes, content })
    }

    /// Its format.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The headers.
    pub(super) fn headers(&self, params: &LoadParams) -> &[String] {
        match &self.content {
            Content::Delimited(file) => &file.headers,
            Content::Workbook(file) => file.headers(&params.columns),
            Content::Parquet(file) => &file.headers,
        }
    }
}

impl Opened {
    /// Finds the columns of a file.
    ///
    /// # Errors
    /// [`LoadError`] where required columns are missing.
    pub(super) fn new(headed: Headed, params: &LoadParams) -> Result<Self, LoadError> {
        let mut chosen = None;
        let mapping = match &headed.content {
            Content::Workbook(file) => chosen.insert(file.choose(&params.columns)?).mapping.clone(),
            _ => Mapping::find(&headed.path, headed.headers(params), &params.columns)?,
        };
        if let Content::Parquet(file) = &headed.content {
            file.check(&mapping)?;
        }
        Ok(Self { headed, mapping, chosen })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.headed.path
    }

    /// Its format.
    pub(super) fn format(&self) -> Format {
        self.headed.format
    }

    /// Its size.
    pub(super) fn bytes(&self) -> u64 {
        self.headed.bytes
    }

    /// Its columns.
    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Its delimiter, for text.
    pub(super) fn delimiter(&self) -> Option<char> {
        match &self.headed.content {
            Content::Delimited(file) => Some(file.delimiter()),
            _ => None,
        }
    }

    /// Its encoding, for text read by `dialect`.
    pub(super) fn encoding(&self, dialect: &Dialect) -> Option<String> {
        let Content::Delimited(file) = &self.headed.content else { return None };
        let found = if dialect.is_utf8 { encoding_rs::UTF_8 } else { encoding_rs::WINDOWS_1252 };
        Some(file.declared.unwrap_or(found).name().to_ascii_lowercase())
    }

    /// Whether the file itself says that its rows are simulated.
    pub(super) fn is_simulated(&self) -> bool {
        matches!(&self.headed.content, Content::Parquet(file) if file.is_simulated)
    }

    /// What a reader should know about how it is read.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some(chosen) = &self.chosen {
            let left_out = chosen.left_out.iter();
            remarks.extend(left_out.map(|sheet| format!("the sheet `{sheet}` has other columns and is left out")));
        }
        if let Content::Parquet(file) = &self.headed.content
            && file.has_instants(&self.mapping)
        {
            remarks.push("its times are instants and are read as UTC".to_owned());
        }
        remarks
    }

    /// What its beginning suggests of how it is written.
    ///
    /// # Errors
    /// [`LoadError`] where the params cannot be used.
    pub(super) fn suggest(&self, params: &LoadParams) -> Result<Dialect, LoadError> {
        let unknown = Evidence::default().suggest(params);
        match &self.headed.content {
            Content::Delimited(file) => Ok(file.first_evidence(&self.mapping, &unknown)?.suggest(params)),
            _ => Ok(unknown),
        }
    }

    /// Reads all rows and hands them to `write`, in order, with how many bytes of the file are behind them.
    ///
    /// # Errors
    /// [`LoadError`] where the file is damaged, or `write` fails.
    pub(super) fn stream(
        &self,
        dialect: &Dialect,
        write: &mut (dyn FnMut(Vec<Block>, u64) -> Result<(), LoadError> + Send),
    ) -> Result<(), LoadError> {
        let consumed = Consumed::default();
        let behind = Consumed::clone(&consumed);
        let mut write = |blocks: Vec<Block>| write(blocks, behind.load(Ordering::Relaxed));
        match (&self.headed.content, &self.chosen) {
            (Content::Delimited(file), _) => file.stream((&self.mapping, dialect), consumed, &mut write),
            (Content::Workbook(file), Some(chosen)) => file.stream((chosen, dialect), &mut write),
            (Content::Workbook(_), None) => Ok(()),
            (Content::Parquet(file), _) => file.stream((&self.mapping, dialect), &mut write),
        }
    }
}
