//! Short documents for people: headings, paragraphs, warnings, lists and tables, written as HTML or as Markdown.
//!
//! For: the model card in both forms, and the tables of the report. Not for: what they say.
//! Called by: `visualize`, `deploy`.
//!
//! Blocks hold plain text; each form escapes it in its own way, so nothing that stood in the data becomes markup.

pub mod html;
pub mod markdown;
pub mod numbers;
pub mod tables;

/// One piece of a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// A heading of level 1 to 3.
    Heading(u8, String),
    /// A paragraph.
    Paragraph(String),
    /// Something that would mislead a reader who overlooked it.
    Alert(String),
    /// A list of points.
    List(Vec<String>),
    /// A table.
    Table(Table),
}

/// A table of texts.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Heads of the columns.
    pub header: Vec<String>,
    /// Which columns hold numbers, and stand to the right.
    pub is_numeric: Vec<bool>,
    /// Rows, each as long as the header.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. A head that begins with `#` (which is left out) names a column of numbers.
    pub fn new(header: &[&str]) -> Self {
        Self {
            header: header.iter().map(|head| head.trim_start_matches('#').to_owned()).collect(),
            is_numeric: header.iter().map(|head| head.starts_with('#')).collect(),
            rows: Vec::new(),
        }
    }

    /// The same table with these rows.
    #[must_use]
    pub fn with_rows(self, rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        Self { rows: rows.into_iter().collect(), ..self }
    }
}

impl Block {
    /// A paragraph.
    pub fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph(text.into())
    }

    /// A heading.
    pub fn heading(level: u8, text: impl Into<String>) -> Self {
        Self::Heading(level, text.into())
    }
}
