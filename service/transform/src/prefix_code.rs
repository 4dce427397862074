//! Bits and prefix (Huffman) codes as lossless WebP wants them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The longest code of a symbol, in bits.
const MAX_CODE_BITS: u8 = 15;

/// The longest code of a code length, in bits.
const MAX_LENGTH_CODE_BITS: u8 = 7;

/// The order in which the lengths of the codes for code lengths are written.
const LENGTH_CODE_ORDER: [usize; 19] =
    [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Collects bits, least significant first.
#[derive(Default)]
pub(crate) struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, fewer than 32.
    pending: u64,
    pending_bits: u32,
}

impl BitWriter {
    /// Appends the lowest `count` bits of `bits`: at most 32, and the others must be zero.
    #[inline]
    pub(crate) fn write(&mut self, bits: u32, count: u32) {
        self.pending |= u64::from(bits) << self.pending_bits;
        self.pending_bits += count;
        if self.pending_bits >= 32 {
            // The lower half is full; the cast takes it.
            self.bytes.extend_from_slice(&(self.pending as u32).to_le_bytes());
            self.pending >>= 32;
            self.pending_bits -= 32;
        }
    }

    /// Fills the last byte with zeros and gives all bytes.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        let rest = self.pending_bits.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..rest]);
        self.bytes
    }
}

/// A code: for each symbol its bits, already in the order of writing, and their number.
pub(crate) struct PrefixCode {
    entries: Vec<(u16, u8)>,
}

impl PrefixCode {
    /// The code of least length for these frequencies, at most `limit` bits a symbol. The same
    /// frequencies give the same code on every target: ties go to the smaller symbol.
    fn new(frequencies: &[u32], limit: u8) -> Self {
        let lengths = code_lengths(frequencies, limit);
        let mut entries: Vec<_> = lengths.iter().map(|&length| (0, length)).collect();
        let mut code = 0_u16;
        for length in 1..=limit {
            for entry in entries.iter_mut().filter(|entry| entry.1 == length) {
                entry.0 = code.reverse_bits() >> (16 - length);
                code = code.wrapping_add(1);
            }
            code <<= 1;
        }
        Self { entries }
    }

    /// Makes the code for a channel and writes its description.
    pub(crate) fn write_new(bits: &mut BitWriter, frequencies: &[u32]) -> Self {
        let code = Self::new(frequencies, MAX_CODE_BITS);
        let mut used = (0_u32..).zip(frequencies).filter(|(_, frequency)| **frequency > 0);
        let first = used.next().map_or(0, |(symbol, _)| symbol);
        if used.next().is_none() {
            write_single(bits, first);
            return code;
        }
        let mut length_frequencies = [0; 19];
        for &(_, length) in &code.entries {
            length_frequencies[usize::from(length)] += 1;
        }
        let length_code = Self::new(&length_frequencies, MAX_LENGTH_CODE_BITS);
        let only_one = length_frequencies.iter().filter(|&&count| count > 0).count() == 1;
        bits.write(0, 1);
        bits.write(LENGTH_CODE_ORDER.len() as u32 - 4, 4);
        for symbol in LENGTH_CODE_ORDER {
            // A single length takes no bits later on, but must be announced with some length here.
            let alone = only_one && length_frequencies[symbol] > 0;
            let length = if alone { 1 } else { length_code.entries[symbol].1 };
            bits.write(u32::from(length), 3);
        }
        // The lengths of all symbols of the alphabet follow.
        bits.write(0, 1);
        for &(_, length) in &code.entries {
            length_code.write(bits, usize::from(length));
        }
        code
    }

    /// Writes the code of a symbol: no bits at all where the alphabet has only this one.
    #[inline]
    pub(crate) fn write(&self, bits: &mut BitWriter, symbol: usize) {
        let (code, length) = self.entries[symbol];
        bits.write(u32::from(code), u32::from(length));
    }
}

/// Writes the description of a code whose only symbol is `symbol`, under 256.
pub(crate) fn write_single(bits: &mut BitWriter, symbol: u32) {
    // A simple code, of one symbol, of eight bits.
    bits.write(0b101, 3);
    bits.write(symbol, 8);
}

/// The lengths of an optimal code; 0 for a symbol that does not occur, or occurs alone. Where a
/// length is over the limit, frequencies are levelled until none is.
fn code_lengths(frequencies: &[u32], limit: u8) -> Vec<u8> {
    let mut frequencies = frequencies.to_vec();
    loop {
        let lengths = unlimited_code_lengths(&frequencies);
        if lengths.iter().all(|&length| length <= limit) {
            return lengths;
        }
        for frequency in frequencies.iter_mut().filter(|frequency| **frequency > 0) {
            *frequency = frequency.div_ceil(2);
        }
    }
}

fn unlimited_code_lengths(frequencies: &[u32]) -> Vec<u8> {
    // Node numbers break ties, so that the order is total: leaves first, then by age.
    let leaves = frequencies.iter().enumerate().filter(|(_, frequency)| **frequency > 0);
    let mut heap: BinaryHeap<_> =
        leaves.map(|(symbol, &frequency)| Reverse((u64::from(frequency), symbol))).collect();
    let mut parents = vec![None; frequencies.len()];
    while let Some(Reverse((first_weight, first))) = heap.pop() {
        let Some(Reverse((second_weight, second))) = heap.pop() else { break };
        let parent = parents.len();
        parents.push(None);
        parents[first] = Some(parent);
        parents[second] = Some(parent);
        heap.push(Reverse((first_weight + second_weight, parent)));
    }
    // Parents have larger numbers than their children: from the root down, depths are known in time.
    let mut depths = vec![0_u8; parents.len()];
    for node in (0..parents.len()).rev() {
        if let Some(parent) = parents[node] {
            // Weights grow at least like Fibonacci's numbers, so no depth passes 64.
            depths[node] = depths[parent] + 1;
        }
    }
    depths.truncate(frequencies.len());
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_least_significant_first() {
        let mut bits = BitWriter::default();
        bits.write(0b1, 1);
        bits.write(0b10, 2);
        bits.write(u32::MAX, 32);
        assert_eq!(bits.into_bytes(), [0xfd, 0xff, 0xff, 0xff, 0x07]);
    }

    #[test]
    fn lengths_are_optimal_and_complete() {
        assert_eq!(code_lengths(&[8, 4, 2, 1, 1], 15), [1, 2, 3, 4, 4]);
        assert_eq!(code_lengths(&[0, 7, 0], 15), [0, 0, 0]);
        assert_eq!(code_lengths(&[1, 1, 1, 1], 15), [2, 2, 2, 2]);
    }

    #[test]
    fn lengths_keep_the_limit_and_stay_a_code() {
        // Fibonacci's numbers make the deepest of trees.
        let mut frequencies = vec![1_u32, 1];
        while frequencies.len() < 40 {
            frequencies
                .push(frequencies[frequencies.len() - 1] + frequencies[frequencies.len() - 2]);
        }
        for limit in [7, 15] {
            let lengths = code_lengths(&frequencies, limit);
            assert!(lengths.iter().all(|length| (1..=limit).contains(length)), "{lengths:?}");
            let filled: u32 = lengths.iter().map(|&length| 1 << (limit - length)).sum();
            assert_eq!(filled, 1 << limit, "{lengths:?}");
        }
    }

    #[test]
    fn no_code_begins_another() {
        let code = PrefixCode::new(&[5, 9, 12, 13, 16, 45], 15);
        for (index, &(first, first_length)) in code.entries.iter().enumerate() {
            for &(second, second_length) in &code.entries[index + 1..] {
                let shorter = first_length.min(second_length);
                let mask = (1_u16 << shorter) - 1;
                assert_ne!(first & mask, second & mask);
            }
        }
    }
}
