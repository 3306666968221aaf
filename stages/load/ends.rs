//! Where the cells of a delimited text end, found for 64 bytes at a time.
//!
//! For: the one loop that looks at every byte. Cells are short, so that to begin a search costs more than the search;
//! here a search goes on where the last one ended. Not for: quotes, which are rare. Called by: `records`.

/// Bytes looked at together.
const WINDOW: usize = 64;

/// A search for two bytes.
pub(super) struct Ends<'a> {
    bytes: &'a [u8],
    marks: [u8; 2],
    /// Where the bytes begin that were looked at last.
    window: usize,
    /// Which of them are marks, the first one's bit lowest.
    found: u64,
}

impl<'a> Ends<'a> {
    /// A search in `bytes` for `marks`.
    pub(super) fn new(bytes: &'a [u8], marks: [u8; 2]) -> Self {
        let mut ends = Self { bytes, marks, window: 0, found: 0 };
        ends.look(0);
        ends
    }

    /// Where the first mark stands from `start` on.
    #[inline]
    pub(super) fn find(&mut self, start: usize) -> Option<usize> {
        let window = start / WINDOW * WINDOW;
        if window != self.window {
            self.look(window);
        }
        let mut found = self.found & (u64::MAX << (start % WINDOW));
        while found == 0 {
            if self.window + WINDOW >= self.bytes.len() {
                return None;
            }
            self.look(self.window + WINDOW);
            found = self.found;
        }
        Some(self.window + found.trailing_zeros() as usize)
    }

    fn look(&mut self, window: usize) {
        self.window = window;
        let rest = self.bytes.get(window..).unwrap_or_default();
        self.found = if let Some(bytes) = rest.first_chunk() {
            marks_in(bytes, self.marks)
        } else {
            let mut bytes = [0; WINDOW];
            bytes[..rest.len()].copy_from_slice(rest);
            marks_in(&bytes, self.marks) & ((1 << rest.len()) - 1)
        };
    }
}

/// One bit a byte. Written so that compilers compare many bytes in one instruction.
fn marks_in(bytes: &[u8; WINDOW], [one, other]: [u8; 2]) -> u64 {
    /// Multiplied by this, the lowest bits of eight bytes come together in the highest byte.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut is_mark = [0_u8; WINDOW];
    for (is_mark, byte) in is_mark.iter_mut().zip(bytes) {
        *is_mark = u8::from(*byte == one) | u8::from(*byte == other);
    }
    let (eights, _) = is_mark.as_chunks();
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> (u64::BITS - 8);
    eights.iter().rev().fold(0, |found, eight| found << 8 | bits(eight))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_place_of_a_window_is_found() {
        for place in 0..3 * WINDOW {
            for length in [place + 1, place + 2, 4 * WINDOW] {
                let mut bytes = vec![b'x'; length];
                bytes[place] = b',';
                let mut ends = Ends::new(&bytes, [b',', b'\n']);
                assert_eq!(ends.find(0), Some(place));
                assert_eq!((ends.find(place), ends.find(place + 1)), (Some(place), None));
            }
        }
        assert_eq!(Ends::new(b"", [b',', b'\n']).find(0), None);
        assert_eq!(Ends::new(&[b'x'; WINDOW], [b',', b'\n']).find(WINDOW), None);
    }

    proptest! {
        #[test]
        fn all_marks_are_found_one_after_the_other_and_nothing_else(bytes in prop::collection::vec(0..4_u8, 0..300)) {
            let mut ends = Ends::new(&bytes, [0, 3]);
            let (mut found, mut start) = (Vec::new(), 0);
            while let Some(end) = ends.find(start) {
                found.push(end);
                start = end + 1;
            }
            let expected: Vec<usize> = (0..bytes.len()).filter(|at| [0, 3].contains(&bytes[*at])).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
