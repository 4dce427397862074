//! The header of a scan: which components and which part of their coefficients it brings.

use crate::error::ServiceError;

use super::frame::{Colors, Frame};
use super::{corrupt, unsupported};

/// A scan header.
pub(super) struct Scan {
    pub(super) components: Vec<Part>,
    /// The first and the last coefficient.
    pub(super) band: (u8, u8),
    /// The lowest bit that earlier scans have brought (zero: none did), and that of this one.
    pub(super) bits: (u8, u8),
}

/// One component in a scan.
pub(super) struct Part {
    /// Its place in the frame.
    pub(super) index: usize,
    pub(super) dc_table: u8,
    pub(super) ac_table: u8,
}

impl Scan {
    /// Reads what stands behind the marker.
    pub(super) fn parse(content: &[u8], frame: &Frame) -> Result<Self, ServiceError> {
        let (&count, rest) = content.split_first().ok_or_else(corrupt)?;
        let selectors = rest.get(..2 * usize::from(count)).ok_or_else(corrupt)?;
        let &[first, last, bits] = &rest[selectors.len()..] else { return Err(corrupt()) };
        let mut components = Vec::new();
        for &[id, tables] in selectors.as_chunks().0 {
            let index = frame.components.iter().position(|component| component.id == id);
            let index = index.ok_or_else(corrupt)?;
            components.push(Part { index, dc_table: tables >> 4, ac_table: tables & 15 });
        }
        if !(1..=4).contains(&components.len()) {
            return Err(corrupt());
        }
        if !components.is_sorted_by(|one, next| one.index < next.index) {
            return Err(unsupported("components of a scan in another order than the frame's"));
        }
        // A sequential scan brings everything; what its header says about it is not looked at.
        let (band, bits) = match frame.is_progressive {
            true => ((first, last), (bits >> 4, bits & 15)),
            false => ((0, 63), (0, 0)),
        };
        Ok(Self { components, band, bits })
    }

    /// The content of a scan header that says the same to the decoder.
    pub(super) fn header(&self, colors: Colors) -> Vec<u8> {
        let mut header = vec![self.components.len() as u8];
        for part in &self.components {
            let id = colors.ids().get(part.index).copied().unwrap_or_default();
            header.extend([id, part.dc_table << 4 | part.ac_table]);
        }
        header.extend([self.band.0, self.band.1, self.bits.0 << 4 | self.bits.1]);
        header
    }

    pub(super) fn is_dc(&self) -> bool {
        self.band.0 == 0
    }

    /// Whether it brings one more bit of what an earlier scan brought.
    pub(super) fn is_refinement(&self) -> bool {
        self.bits.0 > 0
    }

    /// Whether it is nothing but one bit for each block.
    pub(super) fn refines_dc(&self) -> bool {
        self.is_dc() && self.is_refinement()
    }
}
