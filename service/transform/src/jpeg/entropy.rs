//! The entropy coded data of a scan: where they end, and what is put behind them.

use std::io::BufRead;
use std::ops::Range;

/// What stands behind the data of each stretch: one bits, with which no Huffman code begins, longer
/// than what a decoder reads ahead. Where data are missing it meets a code that does not exist, in
/// the place of the zero bits that the decoder makes up.
pub(super) const AFTER_DATA: [u8; 16] =
    [0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0, 0xFF, 0];

/// A segment that the decoder skips between scans and fails on within one. It ends those scans that
/// go on without Huffman codes.
pub(super) const UNKNOWN_SEGMENT: [u8; 4] = [0xFF, 0xF0, 0, 2];

/// The data of one scan.
pub(super) struct Data {
    /// The bytes between restart markers.
    pub(super) stretches: Vec<Range<usize>>,
    /// Where the marker behind the data stands.
    pub(super) end: usize,
}

/// Finds the data of a scan that begins at `start` and has `restarts` restart markers, numbered as
/// they must be; `None` where that is not so or the body ends before a marker.
pub(super) fn read(body: &[u8], start: usize, restarts: usize) -> Option<Data> {
    let mut stretches = Vec::new();
    let mut begin = start;
    let mut at = start;
    loop {
        let mut rest = body.get(at..)?;
        at += rest.skip_until(0xFF).ok()?;
        // Behind a last byte that is none, the length would say otherwise.
        let marker = at.checked_sub(1).filter(|marker| body.get(*marker) == Some(&0xFF))?;
        let fill = body.get(at..)?.iter().take_while(|byte| **byte == 0xFF).count();
        let code = *body.get(at + fill)?;
        at += fill + 1;
        match code {
            // A byte of data that is 255.
            0 => {}
            0xD0..=0xD7 => {
                if stretches.len() == restarts || code != restart_marker(stretches.len()) {
                    return None;
                }
                stretches.push(begin..marker);
                begin = at;
            }
            _ => {
                stretches.push(begin..marker);
                let is_complete = stretches.len() == restarts + 1;
                return is_complete.then_some(Data { stretches, end: marker });
            }
        }
    }
}

/// The code of a restart marker, from its index in the scan.
pub(super) fn restart_marker(index: usize) -> u8 {
    0xD0 + (index % 8) as u8
}

/// How many bytes of code the data hold: a 255 has a zero behind it.
pub(super) fn byte_count(data: &[u8]) -> usize {
    let stuffed = data.windows(2).filter(|pair| pair == &[0xFF, 0]).count();
    data.len() - stuffed
}
