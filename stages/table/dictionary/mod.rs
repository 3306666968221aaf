//! Columns in which values recur: a dictionary of them, and the place of each row's value there.
//!
//! For: the writer's columns of decimals and of recurring texts. Not for: other types, whose pages the library fills.
//! It hashes and compares every single text, where arrays know already which are alike, and counts the references to
//! every decimal of more than 18 digits; both took longer than all else about a table. Page headers and metadata are
//! the library's here too; only what is in the pages is written here, as Parquet's encodings have it
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>).

mod decimals;
mod hybrid;
mod texts;

use std::ops::Range;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_buffer::BooleanBufferBuilder;
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriteSpec, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use decimals::DistinctDecimals;
use texts::DistinctTexts;

/// The most rows of a page.
const PAGE_ROWS: usize = 32_768;

/// A column of a row group under way.
pub(super) struct DictionaryColumn {
    descriptor: ColumnDescPtr,
    dictionary: Dictionary,
    /// Which rows of the page under way have a value.
    present: BooleanBufferBuilder,
    /// Their values.
    cells: Cells,
    pages: Vec<CompressedPage>,
}

enum Dictionary {
    Decimals(DistinctDecimals),
    Texts(DistinctTexts),
}

/// The values of some rows.
enum Cells {
    /// By their places in the dictionary.
    Places(Vec<u32>),
    /// As they are, where the dictionary is full.
    Plain(Vec<u8>),
}

impl DictionaryColumn {
    /// A column without rows; none where it is of another type.
    pub(super) fn new(descriptor: &ColumnDescPtr, data_type: &DataType) -> Option<Self> {
        let dictionary = match data_type {
            DataType::Decimal128(..) => Dictionary::Decimals(DistinctDecimals::new(descriptor)),
            DataType::Dictionary(..) => Dictionary::Texts(DistinctTexts::default()),
            _ => return None,
        };
        let (present, cells) = (BooleanBufferBuilder::new(PAGE_ROWS), Cells::Places(Vec::with_capacity(PAGE_ROWS)));
        Some(Self { descriptor: ColumnDescPtr::clone(descriptor), dictionary, present, cells, pages: Vec::new() })
    }

    /// Appends some rows of an array.
    pub(super) fn write(&mut self, array: &dyn Array, mut rows: Range<usize>) {
        while !rows.is_empty() {
            let end = rows.end.min(rows.start + PAGE_ROWS - self.present.len());
            let taken = self.dictionary.add(array, rows.start..end, &mut self.cells);
            match array.nulls() {
                Some(nulls) => self.present.append_packed_range(
                    nulls.offset() + rows.start..nulls.offset() + taken,
                    nulls.buffer().as_slice(),
                ),
                None => self.present.append_n(taken - rows.start, true),
            }
            if taken < end || self.present.len() == PAGE_ROWS {
                self.end_page();
            }
            rows.start = taken;
        }
    }

    /// Begins a new page, of values as they are once the dictionary is full.
    fn end_page(&mut self) {
        let next = match &self.dictionary {
            Dictionary::Texts(texts) if texts.is_full() => Cells::Plain(Vec::new()),
            _ => Cells::Places(Vec::with_capacity(PAGE_ROWS)),
        };
        let cells = std::mem::replace(&mut self.cells, next);
        let present = self.present.finish();
        if present.is_empty() {
            return;
        }
        let mut content = Vec::new();
        if self.descriptor.max_def_level() > 0 {
            let levels = hybrid::levels(&present);
            content.extend_from_slice(&(levels.len() as u32).to_le_bytes());
            content.extend_from_slice(&levels);
        }
        let encoding = match cells {
            Cells::Places(places) => {
                let width = self.dictionary.len().saturating_sub(1).max(1).ilog2() + 1;
                content.push(width as u8);
                hybrid::encode(&places, width, &mut content);
                Encoding::RLE_DICTIONARY
            }
            Cells::Plain(plain) => {
                content.extend_from_slice(&plain);
                Encoding::PLAIN
            }
        };
        self.pages.push(uncompressed(content, |buf| Page::DataPage {
            buf,
            num_values: present.len() as u32,
            encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        }));
    }

    /// The bytes of the column chunk, with what the file has to say about it.
    ///
    /// # Errors
    /// Where the library refuses.
    pub(super) fn close(mut self) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        self.end_page();
        let mut chunk = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut chunk);
        writer.write_page(self.dictionary.page())?;
        let (mut offsets, mut first_data, mut rows) = (OffsetIndexBuilder::new(), None, 0);
        for page in self.pages {
            let PageWriteSpec { num_values, offset, compressed_size, .. } = writer.write_page(page)?;
            offsets.append_row_count(i64::from(num_values));
            offsets.append_offset_and_size(offset as i64, compressed_size as i32);
            first_data.get_or_insert(offset as i64);
            rows += u64::from(num_values);
        }
        let size = chunk.bytes_written();
        let metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_num_values(rows as i64)
            .set_total_compressed_size(size as i64)
            .set_total_uncompressed_size(size as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(first_data.unwrap_or_default())
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: size as u64,
            rows_written: rows,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        Ok((chunk.into_inner()?.into(), close))
    }
}

impl Dictionary {
    /// Number of values.
    fn len(&self) -> usize {
        match self {
            Self::Decimals(decimals) => decimals.len(),
            Self::Texts(texts) => texts.len(),
        }
    }

    /// Adds the values of some rows to `cells`; returns the first row for which `cells` is the wrong place or too full,
    /// else the end of `rows`.
    fn add(&mut self, array: &dyn Array, rows: Range<usize>, cells: &mut Cells) -> usize {
        match (self, cells) {
            (Self::Decimals(decimals), Cells::Places(places)) => {
                decimals.add(array.as_primitive(), rows.clone(), places);
                rows.end
            }
            (Self::Texts(texts), Cells::Places(places)) => texts.add(array.as_dictionary(), rows, places),
            (_, Cells::Plain(plain)) => texts::add_plain(array.as_dictionary(), rows, plain),
        }
    }

    fn page(&self) -> CompressedPage {
        let content = match self {
            Self::Decimals(decimals) => decimals.to_plain(),
            Self::Texts(texts) => texts.to_plain(),
        };
        let num_values = self.len() as u32;
        let page = |buf| Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
        uncompressed(content, page)
    }
}

fn uncompressed(content: Vec<u8>, page: impl FnOnce(Bytes) -> Page) -> CompressedPage {
    let size = content.len();
    CompressedPage::new(page(content.into()), size)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use arrow_array::types::Int32Type;
    use arrow_array::{ArrayRef, Decimal128Array, DictionaryArray, RecordBatch};
    use arrow_schema::{Field, Schema, SchemaRef};
    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::super::writer::ROW_GROUP_ROWS;
    use super::super::{Facts, read, write};
    use super::*;
    use crate::schema;

    fn write_column(path: &Path, array: ArrayRef) -> (RecordBatch, SchemaRef) {
        let field = Field::new("value", array.data_type().clone(), array.null_count() > 0);
        let schema = Arc::new(Schema::new(vec![field]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
        write(path, &batch, &Facts::new()).unwrap();
        (batch, schema)
    }

    fn read_back(array: ArrayRef) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.parquet");
        let (batch, schema) = write_column(&path, array);
        assert!(read(&path, &schema).unwrap().0 == batch);
    }

    fn decimals(values: impl IntoIterator<Item = Option<i128>>, precision: u8) -> ArrayRef {
        let array: Decimal128Array = values.into_iter().collect();
        Arc::new(array.with_data_type(DataType::Decimal128(precision, 3)))
    }

    fn texts<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> ArrayRef {
        Arc::new(values.into_iter().collect::<DictionaryArray<Int32Type>>())
    }

    #[test]
    fn values_are_read_back_over_pages_and_row_groups() {
        let rows = ROW_GROUP_ROWS as i128 + 70_001;
        let present = |row: i128| row % 7 != 0 && (row / 20_000) % 3 != 1;
        for (precision, most) in [(18, 10_i128.pow(18) - 1), (38, 10_i128.pow(38) - 1)] {
            let value = |row: i128| [most - row % 40_000, row * 1_000_000 - most / 2, -most, 0][row as usize % 4];
            read_back(decimals((0..rows).map(|row| Some(value(row))), precision));
            read_back(decimals((0..rows).map(|row| present(row).then(|| value(row))), precision));
        }
        let words: Vec<String> = (0..5_000).map(|number| format!("tea cup no. {number}")).collect();
        let word = |row: i128| words[(row * row % 5_003 / 20 * 20) as usize % words.len()].as_str();
        read_back(texts((0..rows).map(|row| Some(word(row)))));
        read_back(texts((0..rows).map(|row| present(row).then(|| word(row)))));
    }

    #[test]
    fn columns_with_one_value_one_row_or_none_are_read_back() {
        for values in [vec![], vec![Some(5)], vec![None], vec![None; 9], vec![Some(-1); 40_000], vec![Some(1), None]] {
            read_back(decimals(values.clone(), 38));
            let text = |value: Option<i128>| value.map(|value| ["", "a mug", "ü"][value.rem_euclid(3) as usize]);
            read_back(texts(values.into_iter().map(text)));
        }
    }

    #[test]
    fn texts_that_are_too_many_for_a_dictionary_are_written_as_they_are_from_there_on() {
        let long = "x".repeat(100);
        let words: Vec<String> = (0..150_000).map(|number| format!("{number} {long}")).collect();
        let rows = || words.iter().enumerate().map(|(row, word)| (row % 5 != 0).then_some(word.as_str()));
        read_back(texts(rows()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("values.parquet");
        write_column(&path, texts(rows()));
        let file = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
        let pages = file.get_row_group(0).unwrap().get_column_page_reader(0).unwrap();
        let encodings: Vec<Encoding> = pages.map(|page| page.unwrap().encoding()).collect();
        let plain = encodings.iter().rposition(|encoding| *encoding == Encoding::RLE_DICTIONARY).unwrap() + 1;
        assert!(encodings.len() > plain + 5, "{encodings:?}");
        assert!(encodings[plain..].iter().all(|encoding| *encoding == Encoding::PLAIN), "{encodings:?}");
    }

    #[test]
    fn the_bytes_depend_on_the_texts_and_not_on_the_dictionaries_they_came_with() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, other] = ["ours", "other"].map(|name| folder.path().join(name));
        let words = ["mug", "tray", "mug", "mug", "lamp"];
        write_column(&ours, texts(words.map(Some)));
        let keys = arrow_array::Int32Array::from(vec![3, 0, 1, 3, 4]);
        let values = arrow_array::StringArray::from(vec!["tray", "mug", "never", "mug", "lamp"]);
        let array = DictionaryArray::try_new(keys, Arc::new(values)).unwrap();
        assert_eq!(*array.data_type(), schema::recurring());
        write_column(&other, Arc::new(array));
        assert!(std::fs::read(ours).unwrap() == std::fs::read(other).unwrap());
    }
}
