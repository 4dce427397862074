//! The bytes of one line of `observations.jsonl`: an observation, and the check over all other bytes of the line.
//!
//! A log is kept for years and copied from machine to machine. A digit that changes on the way still is JSON: only a
//! check tells it from what was measured.

use crate::record::Observation;
use std::fmt;

/// What stands before the eight digits of the check.
const BEFORE: &[u8] = b",\"check\":\"";
/// What stands after them.
const AFTER: &[u8] = b"\"}";
const DIGITS_COUNT: usize = 8;

/// A line that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub observation: Observation,
    /// Whether it holds a check; runs from before there was one do not.
    pub is_checked: bool,
}

/// Why a line was not read.
#[derive(Debug)]
pub enum LineError {
    /// Its check is that of other bytes.
    Changed {
        /// The check that stands in the line.
        recorded: String,
        /// The check of its bytes.
        found: String,
    },
    /// It is no observation.
    NoObservation(serde_json::Error),
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LineError::Changed { recorded, found } => write!(
                f,
                "changed since it was written: its check is {recorded}, and that of its bytes is {found}"
            ),
            LineError::NoObservation(error) => write!(f, "not an observation: {error}"),
        }
    }
}

impl std::error::Error for LineError {}

/// CRC-32 (IEEE) of `bytes` in eight lower-case hexadecimal digits: finds every change of up to 32 bits in a row.
fn check(bytes: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(bytes))
}

/// The line, with its newline.
///
/// # Errors
/// The observation cannot be serialised, which its type excludes.
pub fn write(observation: &Observation) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = serde_json::to_vec(observation)?;
    // The brace that closes the object comes after the check.
    line.pop();
    let check = check(&line);
    for part in [BEFORE, check.as_bytes(), AFTER, b"\n"] {
        line.extend_from_slice(part);
    }
    Ok(line)
}

/// The bytes before the check, and the check; `None` where the line does not end in one.
fn divide(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_suffix(AFTER)?;
    let (rest, recorded) = rest.split_at_checked(rest.len().checked_sub(DIGITS_COUNT)?)?;
    Some((rest.strip_suffix(BEFORE)?, recorded))
}

/// Reads a line, without its newline.
///
/// # Errors
/// It is not as it was written, or no observation.
pub fn read(line: &[u8]) -> Result<Line, LineError> {
    // What has lost its check by a change ends in a field that an observation does not know, and is refused for that.
    let Some((before, recorded)) = divide(line) else {
        let observation = serde_json::from_slice(line).map_err(LineError::NoObservation)?;
        return Ok(Line { observation, is_checked: false });
    };
    let found = check(before);
    if found.as_bytes() != recorded {
        let recorded = String::from_utf8_lossy(recorded).into_owned();
        return Err(LineError::Changed { recorded, found });
    }
    let object = [before, b"}"].concat();
    let observation = serde_json::from_slice(&object).map_err(LineError::NoObservation)?;
    Ok(Line { observation, is_checked: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::observation;

    #[test]
    fn a_line_is_read_back_and_one_without_a_check_is_told() {
        let observation = observation();
        let line = write(&observation).unwrap();
        let text = std::str::from_utf8(&line).unwrap();
        assert!(text.ends_with("\"}\n") && text.contains(",\"check\":\""), "{text}");
        let read_back = read(text.trim_end().as_bytes()).unwrap();
        assert_eq!(read_back, Line { observation: observation.clone(), is_checked: true });
        let plain = serde_json::to_vec(&observation).unwrap();
        assert_eq!(read(&plain).unwrap(), Line { observation, is_checked: false });
    }

    #[test]
    fn no_byte_can_change_unseen() {
        let line = write(&observation()).unwrap();
        let line = line.trim_ascii_end();
        for place in 0..line.len() {
            for byte in (0..=u8::MAX).filter(|byte| *byte != line[place]) {
                let mut changed = line.to_vec();
                changed[place] = byte;
                assert!(read(&changed).is_err(), "byte {place} became {byte}");
            }
        }
    }

    #[test]
    fn a_changed_digit_is_told_by_both_checks() {
        let line = String::from_utf8(write(&observation()).unwrap()).unwrap();
        let changed =
            line.replacen("\"time_to_first_response_ns\":9", "\"time_to_first_response_ns\":8", 1);
        assert_ne!(line, changed);
        let error = read(changed.trim_end().as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("changed since it was written: its check is "), "{error}");
    }
}
