//! Which bits of which coefficients the scans of a progressive image have brought.

use super::scan::Scan;

const COEFFICIENTS: usize = 64;
/// The highest bit that a scan may begin with.
const HIGHEST_BIT: u8 = 13;

/// The lowest bit that is known of each coefficient of each component; `None` before its first scan.
pub(super) struct Progression {
    lowest_bits: [[Option<u8>; COEFFICIENTS]; 4],
}

impl Default for Progression {
    fn default() -> Self {
        Self { lowest_bits: [[None; COEFFICIENTS]; 4] }
    }
}

impl Progression {
    /// Follows one scan; `None` if it cannot come next.
    pub(super) fn add(&mut self, scan: &Scan) -> Option<()> {
        let (first, last) = (usize::from(scan.band.0), usize::from(scan.band.1));
        let (high, low) = scan.bits;
        let has_order = first <= last && last < COEFFICIENTS && low <= HIGHEST_BIT;
        let has_one_kind = if scan.is_dc() { last == 0 } else { scan.components.len() == 1 };
        let refines_by_one = !scan.is_refinement() || high == low + 1;
        if !has_order || !has_one_kind || !refines_by_one {
            return None;
        }
        let expected = scan.is_refinement().then_some(high);
        for part in &scan.components {
            let known = self.lowest_bits.get_mut(part.index)?;
            if !scan.is_dc() && known[0].is_none() {
                return None;
            }
            for bit in known.get_mut(first..=last)? {
                if *bit != expected {
                    return None;
                }
                *bit = Some(low);
            }
        }
        Some(())
    }

    /// Whether nothing is left out of the first `components` components.
    pub(super) fn is_complete(&self, components: usize) -> bool {
        self.lowest_bits.iter().take(components).flatten().all(|bit| *bit == Some(0))
    }
}
