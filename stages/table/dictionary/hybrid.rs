//! Parquet's hybrid of runs and packed bits, by which levels and places are written.
//!
//! For: pages of a dictionary column. Not for: the plain values.
//! (<https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>)

use arrow_buffer::BooleanBuffer;

/// Numbers are packed by eight.
const GROUP: usize = 8;

/// Definition levels of rows, 1 for a row with a value: one run where all have one, else their bits.
pub(super) fn levels(rows: &BooleanBuffer) -> Vec<u8> {
    let mut levels = Vec::new();
    if rows.count_set_bits() == rows.len() {
        write_varint(rows.len() << 1, &mut levels);
        levels.push(1);
    } else {
        write_varint(rows.len().div_ceil(GROUP) << 1 | 1, &mut levels);
        levels.extend_from_slice(rows.sliced().as_slice());
    }
    levels
}

/// Appends numbers of `width` bits: equal ones that fill a group as a run, what is between packed.
pub(super) fn encode(numbers: &[u32], width: u32, buffer: &mut Vec<u8>) {
    let (mut at, mut packed_from) = (0, 0);
    while at < numbers.len() {
        let first = numbers[at];
        let run = numbers[at..].iter().take_while(|number| **number == first).count();
        if run < GROUP {
            at += GROUP;
            continue;
        }
        pack(&numbers[packed_from..at], width, buffer);
        write_varint(run << 1, buffer);
        buffer.extend_from_slice(&first.to_le_bytes()[..width.div_ceil(u8::BITS) as usize]);
        at += run;
        packed_from = at;
    }
    pack(&numbers[packed_from..], width, buffer);
}

/// Appends numbers of `width` bits as one bit-packed run, filled up with zeros.
fn pack(numbers: &[u32], width: u32, buffer: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    let groups = numbers.len().div_ceil(GROUP);
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
    use super::*;

    fn encoded(numbers: &[u32], width: u32) -> Vec<u8> {
        let mut buffer = Vec::new();
        encode(numbers, width, &mut buffer);
        buffer
    }

    #[test]
    fn numbers_are_packed_from_the_lowest_bit_on() {
        // The example of the format's description: 0 to 7 in three bits each are 88 C6 FA.
        assert_eq!(encoded(&[0, 1, 2, 3, 4, 5, 6, 7], 3), [0b11, 0x88, 0xc6, 0xfa]);
        assert_eq!(encoded(&[1, 0, 1], 1), [0b11, 0b101]);
        assert!(encoded(&[], 3).is_empty());
    }

    #[test]
    fn eight_equal_numbers_and_more_are_a_run() {
        // Nine is headed by 18, and 300 in ten bits takes two bytes: 2C 01.
        assert_eq!(encoded(&[300; 9], 10), [18, 0x2c, 0x01]);
        // 0 to 7 as above; then ten sixes; then a one alone, filled up with zeros.
        let numbers = [&[0, 1, 2, 3, 4, 5, 6, 7][..], &[6; 10], &[1]].concat();
        assert_eq!(encoded(&numbers, 3), [0b11, 0x88, 0xc6, 0xfa, 20, 6, 0b11, 1, 0, 0]);
        assert_eq!(encoded(&[5; 7], 3), [0b11, 0b0110_1101, 0b1101_1011, 0b0001_0110]);
    }

    #[test]
    fn levels_are_a_run_or_the_bits_of_the_rows() {
        // 300 in sevens is AC 02; the run of 300 ones is headed by 600, which is D8 04.
        assert_eq!(levels(&BooleanBuffer::new_set(300)), [0xd8, 0x04, 1]);
        let bits: BooleanBuffer = [true, false, true, true, true, true, true, true, false, true].into_iter().collect();
        assert_eq!(levels(&bits), [0b101, 0b1111_1101, 0b10]);
    }
}
