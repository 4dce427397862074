//! A stretch of time as a person types it: `90s`, `30min`, `2h`.

use crate::invalid::{Invalid, invalid};
use std::time::Duration;

/// What a stretch of time looks like, for messages.
const EXPECTED: &str = "expected a whole number and a unit, such as 90s, 30min or 2h";

/// Reads a stretch of time. A number alone is refused: 30 may be half a minute or half an hour.
///
/// # Errors
/// Says what is wrong with it and what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    let digits_count = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, unit) = text.split_at(digits_count);
    let number: u64 = digits.parse().map_err(|_| invalid!("no stretch of time: {EXPECTED}"))?;
    let seconds = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "" => return Err(invalid!("no unit of time: {number}s, {number}min or {number}h?")),
        unit => return Err(invalid!("`{unit}` is no unit of time: {EXPECTED}")),
    };
    if number == 0 {
        return Err(invalid!("no time at all"));
    }
    Ok(Duration::from_secs(number.saturating_mul(seconds)))
}

/// The same in milliseconds.
///
/// # Errors
/// As [`parse_duration`].
pub fn parse_milliseconds(text: &str) -> Result<u64, Invalid> {
    parse_duration(text).map(|time| time.as_secs().saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_a_unit() {
        for (text, seconds) in [("90s", 90), ("30min", 1800), ("30m", 1800), ("2h", 7200)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for (text, expected) in [
            ("30", "no unit of time: 30s, 30min or 30h?"),
            ("30mn", "`mn` is no unit of time"),
            ("", "no stretch of time"),
            ("-5min", "no stretch of time"),
            ("1.5h", "`.5h` is no unit of time"),
            ("30 min", "` min` is no unit of time"),
            ("0s", "no time at all"),
            ("99999999999999999999s", "no stretch of time"),
        ] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
