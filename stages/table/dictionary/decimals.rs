//! Columns of decimals, encoded by a dictionary of all their values.
//!
//! For: the writer. Not for: other types, whose pages the library fills. It counts the references to every single decimal
//! of more than 18 digits, which took longer than all else about a table's numbers. Page headers and metadata are the
//! library's here too; only what is in the pages is written in this file, as Parquet's encodings have it: definition
//! levels and places as RLE/bit-packed hybrids, values plain (<https://parquet.apache.org/docs/file-format/data-pages/encodings/>).

use std::ops::Range;

use arrow_array::{Array, Decimal128Array};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, Type};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use crate::key::{Key, KeyMap};

/// Rows of a page; a multiple of 8, so that the bits of a page's rows are whole bytes.
const PAGE_ROWS: usize = 32_768;

/// A column of a row group under way.
pub(super) struct DecimalColumn {
    descriptor: ColumnDescPtr,
    /// Places in the dictionary of the values so far.
    places: KeyMap<u32>,
    dictionary: Vec<i128>,
    /// The value of every row that has one, by its place.
    values: Vec<u32>,
    /// Which rows have one.
    present: BooleanBufferBuilder,
}

impl DecimalColumn {
    /// A column without rows; none where it is of another type, or in lists.
    pub(super) fn new(descriptor: &ColumnDescPtr) -> Option<Self> {
        let is_decimal = descriptor.type_precision() > 0 && descriptor.max_rep_level() == 0;
        let is_known = matches!(descriptor.physical_type(), Type::INT64 | Type::FIXED_LEN_BYTE_ARRAY);
        (is_decimal && is_known).then(|| Self {
            descriptor: ColumnDescPtr::clone(descriptor),
            places: KeyMap::default(),
            dictionary: Vec::new(),
            values: Vec::new(),
            present: BooleanBufferBuilder::new(0),
        })
    }

    /// Appends rows.
    pub(super) fn write(&mut self, array: &Decimal128Array) {
        self.values.reserve(array.len() - array.null_count());
        if let Some(nulls) = array.nulls() {
            self.present.append_buffer(nulls.inner());
            nulls.valid_indices().for_each(|row| self.push(array.value(row)));
        } else {
            self.present.append_n(array.len(), true);
            array.values().iter().for_each(|value| self.push(*value));
        }
    }

    fn push(&mut self, value: i128) {
        let next = self.dictionary.len() as u32;
        let place = *self.places.entry(spread(value)).or_insert(next);
        if place == next {
            self.dictionary.push(value);
        }
        self.values.push(place);
    }

    /// The bytes of the column chunk, with what the file has to say about it.
    pub(super) fn close(mut self) -> Result<(Bytes, ColumnCloseResult), ParquetError> {
        let present = self.present.finish();
        let mut chunk = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut chunk);
        pages.write_page(self.dictionary_page())?;
        let (mut offsets, mut first_data, mut start) = (OffsetIndexBuilder::new(), None, 0);
        for row in (0..present.len()).step_by(PAGE_ROWS) {
            let rows = present.slice(row, PAGE_ROWS.min(present.len() - row));
            let end = start + rows.count_set_bits();
            let page = pages.write_page(self.data_page(&rows, start..end))?;
            offsets.append_row_count(rows.len() as i64);
            offsets.append_offset_and_size(page.offset as i64, page.compressed_size as i32);
            first_data.get_or_insert(page.offset as i64);
            start = end;
        }
        let size = chunk.bytes_written();
        let metadata = ColumnChunkMetaData::builder(self.descriptor)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
            .set_num_values(present.len() as i64)
            .set_total_compressed_size(size as i64)
            .set_total_uncompressed_size(size as i64)
            .set_dictionary_page_offset(Some(0))
            .set_data_page_offset(first_data.unwrap_or_default())
            .build()?;
        let close = ColumnCloseResult {
            bytes_written: size as u64,
            rows_written: present.len() as u64,
            metadata,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        Ok((chunk.into_inner()?.into(), close))
    }

    fn dictionary_page(&self) -> CompressedPage {
        let mut buffer = Vec::new();
        for value in &self.dictionary {
            if self.descriptor.physical_type() == Type::INT64 {
                buffer.extend_from_slice(&(*value as i64).to_le_bytes());
            } else {
                let length = self.descriptor.type_length() as usize;
                buffer.extend_from_slice(&value.to_be_bytes()[size_of::<i128>() - length..]);
            }
        }
        let num_values = self.dictionary.len() as u32;
        uncompressed(buffer, |buf| Page::DictionaryPage {
            buf,
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        })
    }

    /// The page of some rows, whose values are those in `values`.
    fn data_page(&self, rows: &BooleanBuffer, values: Range<usize>) -> CompressedPage {
        let mut buffer = Vec::new();
        if self.descriptor.max_def_level() > 0 {
            let levels = levels(rows);
            buffer.extend_from_slice(&(levels.len() as u32).to_le_bytes());
            buffer.extend_from_slice(&levels);
        }
        let largest = (self.dictionary.len() as u32).saturating_sub(1).max(1);
        let width = largest.ilog2() + 1;
        buffer.push(width as u8);
        pack(&self.values[values], width, &mut buffer);
        uncompressed(buffer, |buf| Page::DataPage {
            buf,
            num_values: rows.len() as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        })
    }
}

/// Another number for every number, the high half of a product as its low half: hashes of keys look there only, and
/// amounts are multiples of large powers of two and five.
fn spread(value: i128) -> Key {
    value.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_left(64)
}

fn uncompressed(buffer: Vec<u8>, page: impl FnOnce(Bytes) -> Page) -> CompressedPage {
    let size = buffer.len();
    CompressedPage::new(page(buffer.into()), size)
}

/// Definition levels of rows, 1 for a row with a value: one run where all have one, else their bits.
fn levels(rows: &BooleanBuffer) -> Vec<u8> {
    let mut levels = Vec::new();
    if rows.count_set_bits() == rows.len() {
        write_varint(rows.len() << 1, &mut levels);
        levels.push(1);
    } else {
        write_varint(rows.len().div_ceil(8) << 1 | 1, &mut levels);
        levels.extend_from_slice(rows.sliced().as_slice());
    }
    levels
}

/// Appends numbers of `width` bits as one bit-packed run.
fn pack(numbers: &[u32], width: u32, buffer: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(8);
    write_varint(groups << 1 | 1, buffer);
    let end = buffer.len() + groups * width as usize;
    let (mut bits, mut count) = (0_u64, 0);
    for number in numbers {
        bits |= u64::from(*number) << count;
        count += width;
        if count >= u32::BITS {
            buffer.extend_from_slice(&(bits as u32).to_le_bytes());
            bits >>= u32::BITS;
            count -= u32::BITS;
        }
    }
    buffer.extend_from_slice(&bits.to_le_bytes());
    buffer.resize(end, 0);
}

/// Appends a number in sevens of bits, the lowest first (ULEB128).
fn write_varint(mut number: usize, buffer: &mut Vec<u8>) {
    while number >= 0x80 {
        buffer.push(number as u8 | 0x80);
        number >>= 7;
    }
    buffer.push(number as u8);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, RecordBatch};
    use arrow_schema::{DataType, Field, Schema};

    use super::super::{Facts, read, write};
    use super::*;

    fn read_back(values: Vec<Option<i128>>, data_type: DataType) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("decimals.parquet");
        let is_nullable = values.contains(&None);
        let schema = Arc::new(Schema::new(vec![Field::new("number", data_type.clone(), is_nullable)]));
        let array: ArrayRef = Arc::new(Decimal128Array::from(values).with_data_type(data_type));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![array]).unwrap();
        write(&path, &batch, &Facts::new()).unwrap();
        assert_eq!(read(&path, &schema).unwrap().0, batch);
    }

    #[test]
    fn decimals_of_both_widths_are_read_back_over_pages_and_row_groups() {
        let rows = 1_048_576 + 70_001;
        for (precision, most) in [(18, 10_i128.pow(18) - 1), (38, 10_i128.pow(38) - 1)] {
            let value = |row: i128| [most - row % 40_000, row * 1_000_000 - most / 2, -most, 0][row as usize % 4];
            read_back((0..rows).map(|row| Some(value(row))).collect(), DataType::Decimal128(precision, 3));
            let present = |row: i128| row % 7 != 0 && (row / 20_000) % 3 != 1;
            let values = (0..rows).map(|row| present(row).then(|| value(row)));
            read_back(values.collect(), DataType::Decimal128(precision, 3));
        }
    }

    #[test]
    fn columns_with_one_value_one_row_or_none_are_read_back() {
        for values in [vec![], vec![Some(5)], vec![None], vec![None; 9], vec![Some(-1); 40_000], vec![Some(1), None]] {
            read_back(values, DataType::Decimal128(38, 9));
        }
    }

    #[test]
    fn a_run_of_bits_is_packed_from_the_lowest_on() {
        // The example of the format's description: 0 to 7 in three bits each are 88 C6 FA.
        let mut packed = Vec::new();
        pack(&[0, 1, 2, 3, 4, 5, 6, 7], 3, &mut packed);
        assert_eq!(packed, [0b11, 0x88, 0xc6, 0xfa]);
        packed.clear();
        pack(&[1; 9], 1, &mut packed);
        assert_eq!(packed, [0b101, 0xff, 0x01]);
    }

    #[test]
    fn levels_are_a_run_or_the_bits_of_the_rows() {
        // 300 in sevens is AC 02; the run of 300 ones is headed by 600, which is D8 04.
        assert_eq!(levels(&BooleanBuffer::new_set(300)), [0xd8, 0x04, 1]);
        let bits: BooleanBuffer = [true, false, true, true, true, true, true, true, false, true].into_iter().collect();
        assert_eq!(levels(&bits), [0b101, 0b1111_1101, 0b10]);
    }
}
