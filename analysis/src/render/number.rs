//! Rounding: the one place where numbers lose digits. The interval's width says how many are meant.

use crate::load::question::CellKey;
use weighbridge_schema::metric::Unit;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::bootstrap::Interval;

/// A narrow no-break space, between groups of digits and before units.
pub const THIN_SPACE: char = '\u{202f}';

/// A number as it will be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The value, without unit.
    pub value: String,
    /// Ends of the interval, in the same unit and with the same digits; `None` where there is none to show.
    pub interval: Option<(String, String)>,
    /// The unit's symbol; empty for counts.
    pub unit: &'static str,
    /// What it is a number of, for the ways out that lead back to the raw log.
    pub of: Option<(CellKey, Quantity)>,
}

impl Shown {
    /// The same number, with what it is of.
    #[must_use]
    pub fn of(self, key: &CellKey, quantity: Quantity) -> Self {
        Self { of: Some((key.clone(), quantity)), ..self }
    }

    /// Value and unit.
    #[must_use]
    pub fn value_and_unit(&self) -> String {
        with_unit(&self.value, self.unit)
    }

    /// Value, unit and interval: `1.23 ms [1.20, 1.26]`.
    #[must_use]
    pub fn text(&self) -> String {
        match &self.interval {
            Some((low, high)) => format!("{} [{low}, {high}]", self.value_and_unit()),
            None => self.value_and_unit(),
        }
    }
}

/// `value` and `unit`, joined as typography wants it.
#[must_use]
pub fn with_unit(value: &str, unit: &str) -> String {
    match unit {
        "" => value.to_owned(),
        "×" | "/s" => format!("{value}{unit}"),
        _ => format!("{value}{THIN_SPACE}{unit}"),
    }
}

/// A quantity with its interval, in the unit that suits its size. `is_exact` shows no interval: a file's
/// size has none.
#[must_use]
pub fn show(point: f64, interval: Option<Interval>, unit: Unit, is_exact: bool) -> Shown {
    let (divisor, symbol) = scale(point, unit);
    let scaled = |value: f64| value / divisor;
    if is_exact {
        let whole = divisor == 1.0 && matches!(unit, Unit::Bytes | Unit::Count);
        let decimals = if whole { 0 } else { 3 - magnitude(scaled(point)) };
        let value = round(scaled(point), decimals);
        return Shown { value, interval: None, unit: symbol, of: None };
    }
    digits(
        scaled(point),
        interval.map(|i| Interval { low: scaled(i.low), high: scaled(i.high) }),
        symbol,
    )
}

/// A ratio with its interval.
#[must_use]
pub fn show_ratio(ratio: f64, interval: Option<Interval>) -> Shown {
    digits(ratio, interval.filter(|i| i.low < i.high), "×")
}

/// A factor or another bare number, as a human wrote it.
#[must_use]
pub fn show_plain(value: f64) -> String {
    format!("{value}")
}

fn scale(point: f64, unit: Unit) -> (f64, &'static str) {
    match unit {
        Unit::Nanoseconds if point < 1e3 => (1.0, "ns"),
        Unit::Nanoseconds if point < 1e6 => (1e3, "µs"),
        Unit::Nanoseconds if point < 1e9 => (1e6, "ms"),
        Unit::Nanoseconds => (1e9, "s"),
        Unit::Bytes if point < 1024.0 => (1.0, "B"),
        Unit::Bytes if point < 1_048_576.0 => (1024.0, "KiB"),
        Unit::Bytes if point < 1_073_741_824.0 => (1_048_576.0, "MiB"),
        Unit::Bytes => (1_073_741_824.0, "GiB"),
        Unit::Count => (1.0, ""),
        Unit::RequestsPerSecond => (1.0, "/s"),
    }
}

/// Power of ten of the first digit; 0 for 0.
fn magnitude(value: f64) -> i32 {
    if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 }
}

/// Two digits of the interval's width are shown, and value and ends with as many decimals: rounding moves no
/// end by more than a twentieth of the width. The value keeps at least two digits and at most five, and a
/// lower end above 0 is never shown as 0. Without an interval: three digits.
fn digits(point: f64, interval: Option<Interval>, unit: &'static str) -> Shown {
    let Some(Interval { low, high }) = interval else {
        let decimals = if point == 0.0 { 0 } else { 2 - magnitude(point) };
        let value = round(point, decimals.min(6));
        return Shown { value, interval: None, unit, of: None };
    };
    let width = high - low;
    let mut decimals = if point == 0.0 { 0 } else { 2 - magnitude(point) };
    if width > 0.0 {
        decimals = 1 - magnitude(width);
    }
    let least = if point == 0.0 { 0 } else { 1 - magnitude(point) };
    let least = if low > 0.0 { least.max(-magnitude(low)) } else { least };
    let most = if point == 0.0 { 6 } else { 4 - magnitude(point) };
    let decimals = decimals.min(most).max(least);
    Shown {
        value: round(point, decimals),
        interval: Some((round(low, decimals), round(high, decimals))),
        unit,
        of: None,
    }
}

/// Rounds to so many decimals (negative: to tens, hundreds) and groups the digits from five on.
fn round(value: f64, decimals: i32) -> String {
    let text = if decimals >= 0 {
        format!("{value:.*}", decimals as usize)
    } else {
        let step = 10f64.powi(-decimals);
        format!("{:.0}", (value / step).round() * step)
    };
    group(&text)
}

fn group(text: &str) -> String {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
    let (whole, fraction) =
        unsigned.split_once('.').map_or((unsigned, None), |(w, f)| (w, Some(f)));
    let mut grouped = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && whole.len() > 4 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(THIN_SPACE);
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{grouped}.{fraction}"),
        None => grouped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(point: f64, ends: Option<(f64, f64)>, unit: Unit, expected: &str) {
        let interval = ends.map(|(low, high)| Interval { low, high });
        let found = show(point, interval, unit, false).text().replace(THIN_SPACE, " ");
        assert_eq!(found, expected);
    }

    #[test]
    fn the_width_decides_the_digits() {
        use Unit::{Bytes, Count, Nanoseconds, RequestsPerSecond};
        check(
            1_234_567.0,
            Some((1_204_000.0, 1_293_000.0)),
            Nanoseconds,
            "1.235 ms [1.204, 1.293]",
        );
        check(
            1_234_567.0,
            Some((1_230_000.0, 1_241_000.0)),
            Nanoseconds,
            "1.235 ms [1.230, 1.241]",
        );
        check(128.4e6, Some((94.2e6, 146.7e6)), Nanoseconds, "128 ms [94, 147]");
        check(640.0, Some((600.0, 700.0)), Nanoseconds, "640 ns [600, 700]");
        check(42_135.0, Some((41_513.0, 42_702.0)), RequestsPerSecond, "42 100/s [41 500, 42 700]");
        check(2_097_152.0, Some((2_097_152.0, 2_097_152.0)), Bytes, "2.00 MiB [2.00, 2.00]");
        check(0.0, Some((0.0, 0.0)), Count, "0 [0, 0]");
        check(0.0, None, RequestsPerSecond, "0/s");
        // A wide interval does not round the value or its lower end to nothing.
        check(12.0, Some((1.0, 900.0)), Count, "12 [1, 900]");
        check(1_234_567.0, None, Nanoseconds, "1.23 ms");
    }

    #[test]
    fn exact_quantities_have_no_interval() {
        let found = show(6_094_848.0, Some(Interval::exact(6_094_848.0)), Unit::Bytes, true);
        assert_eq!(found.text().replace(THIN_SPACE, " "), "5.812 MiB");
        assert_eq!(show(17.0, None, Unit::Count, true).text(), "17");
        assert_eq!(show(512.0, None, Unit::Bytes, true).value, "512");
    }

    #[test]
    fn ratios_carry_their_sign() {
        let interval = Some(Interval { low: 0.0121, high: 0.0143 });
        assert_eq!(show_ratio(0.0133, interval).text(), "0.0133× [0.0121, 0.0143]");
        assert_eq!(show_ratio(14.23, None).text(), "14.2×");
    }
}
