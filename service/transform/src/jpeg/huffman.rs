//! The Huffman tables of an image: which there are, and the reading of a scan of DC coefficients.

use crate::error::ServiceError;

use super::frame::Frame;
use super::scan::Scan;
use super::{corrupt, unsupported};

const LONGEST_CODE_BITS: usize = 16;

/// The tables that have been defined so far.
#[derive(Default)]
pub(super) struct Tables {
    dc: [Option<Table>; 4],
    has_ac: [bool; 4],
}

/// One table, for decoding bit by bit.
struct Table {
    /// How many codes there are of each length, from one bit on.
    counts: [u8; LONGEST_CODE_BITS],
    symbols: Vec<u8>,
}

impl Tables {
    /// Reads one segment of tables; `None` if it is broken.
    pub(super) fn read(&mut self, content: &[u8]) -> Option<()> {
        let mut rest = content;
        while !rest.is_empty() {
            let (&kind, after) = rest.split_first()?;
            let (&counts, after) = after.split_first_chunk()?;
            let count: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, after) = after.split_at_checked(count)?;
            let table = Table { counts, symbols: symbols.to_vec() };
            let index = usize::from(kind & 15);
            match kind >> 4 {
                0 => *self.dc.get_mut(index)? = Some(table),
                1 => *self.has_ac.get_mut(index)? = true,
                _ => return None,
            }
            rest = after;
        }
        Some(())
    }

    /// Refuses a scan whose tables are not there.
    pub(super) fn check(&self, scan: &Scan) -> Result<(), ServiceError> {
        let has_dc = |index: u8| self.dc.get(usize::from(index)).is_some_and(Option::is_some);
        let has_ac = |index: u8| self.has_ac.get(usize::from(index)).is_some_and(|has| *has);
        let needs_dc = scan.is_dc() && !scan.is_refinement();
        let needs_ac = scan.band.1 > 0;
        let is_there = scan.components.iter().all(|part| {
            (!needs_dc || has_dc(part.dc_table)) && (!needs_ac || has_ac(part.ac_table))
        });
        if is_there {
            return Ok(());
        }
        if self.dc.iter().all(Option::is_none) && self.has_ac == [false; 4] {
            // Frames of a motion JPEG leave the standard's tables out.
            return Err(unsupported("Huffman tables that are left out"));
        }
        Err(corrupt())
    }

    /// Reads a first scan of DC coefficients to its last block; `None` if it ends before.
    pub(super) fn read_dc_scan(&self, frame: &Frame, scan: &Scan, data: &[u8]) -> Option<()> {
        if !scan.is_dc() || scan.is_refinement() {
            return None;
        }
        let mut bits = Bits { data: data.iter(), byte: 0, left: 0 };
        let counts = frame.blocks_per_unit(scan);
        let mut order = Vec::new();
        for (part, count) in scan.components.iter().zip(counts) {
            let table = self.dc.get(usize::from(part.dc_table))?.as_ref()?;
            order.extend(std::iter::repeat_n(table, count));
        }
        for _ in 0..frame.units(scan) {
            for table in &order {
                let length = table.symbol(&mut bits)?;
                (0..length).try_for_each(|_| bits.next().map(|_| ()))?;
            }
        }
        Some(())
    }
}

impl Table {
    fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (mut code, mut first, mut index) = (0_usize, 0_usize, 0_usize);
        for count in self.counts {
            let count = usize::from(count);
            code |= usize::from(bits.next()?);
            // The codes of one length follow each other, and those of the next length behind them.
            if let Some(offset) = code.checked_sub(first).filter(|offset| *offset < count) {
                return self.symbols.get(index + offset).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// The bits of entropy coded data, highest first.
struct Bits<'a> {
    data: std::slice::Iter<'a, u8>,
    byte: u8,
    left: u32,
}

impl Bits<'_> {
    fn next(&mut self) -> Option<bool> {
        if self.left == 0 {
            self.byte = *self.data.next()?;
            self.left = 8;
            if self.byte == 0xFF {
                // Nothing else stands behind it in data, but fill bytes.
                while *self.data.next()? != 0 {}
            }
        }
        self.left -= 1;
        Some(self.byte >> self.left & 1 == 1)
    }
}
