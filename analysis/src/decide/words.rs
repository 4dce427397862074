//! Loads as a person types them: `3/min`, `12ms`, `200`.

/// What a rate may be of, with its seconds.
const PERIODS: [(&str, f64); 4] = [("s", 1.0), ("min", 60.0), ("h", 3600.0), ("day", 86_400.0)];
/// Units of time, with their seconds.
const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("min", 60.0),
    ("h", 3600.0),
];

/// Reads a rate in requests per second.
///
/// # Errors
/// Says what is wrong with it and what would be right.
pub fn parse_rate(text: &str) -> Result<f64, String> {
    let (number, period) = text
        .split_once('/')
        .ok_or("a rate is a number and a period, such as 3/min, 20/s or 0.5/h")?;
    let period_s = unit(period, &PERIODS)?;
    let number = above_zero(number.trim())?;
    Ok(number / period_s)
}

/// Reads a time above 0, in seconds.
///
/// # Errors
/// As [`parse_rate`].
pub fn parse_time(text: &str) -> Result<f64, String> {
    let time_s = parse_timeout(text)?;
    if time_s > 0.0 { Ok(time_s) } else { Err("no time at all".to_owned()) }
}

/// Reads a time of 0 or more, in seconds.
///
/// # Errors
/// As [`parse_rate`].
pub fn parse_timeout(text: &str) -> Result<f64, String> {
    let begin = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+')));
    let (number, name) = text.split_at(begin.unwrap_or(text.len()));
    if name.is_empty() {
        return Err("a time needs a unit, such as 12ms, 60s or 5min".to_owned());
    }
    let unit_s = unit(name, &UNITS)?;
    Ok(finite(number)?.max(0.0) * unit_s)
}

/// Reads a number of tenants.
///
/// # Errors
/// As [`parse_rate`].
pub fn parse_tenants(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) => Err("at least one tenant".to_owned()),
        Ok(count) => Ok(count),
        Err(_) => Err("tenants are a whole number, such as 200".to_owned()),
    }
}

fn above_zero(text: &str) -> Result<f64, String> {
    let number = finite(text)?;
    if number > 0.0 { Ok(number) } else { Err(format!("`{text}` is not above 0")) }
}

fn finite(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| format!("`{text}` is no number"))?;
    let is_one = number.is_finite() && number >= 0.0;
    if is_one { Ok(number) } else { Err(format!("`{text}` is no number that can be asked for")) }
}

/// The seconds of a unit.
fn unit(name: &str, units: &[(&str, f64)]) -> Result<f64, String> {
    if let Some((_, seconds)) = units.iter().find(|(known, _)| *known == name) {
        return Ok(*seconds);
    }
    let all: Vec<&str> = units.iter().map(|(known, _)| *known).collect();
    let alike: Vec<String> =
        (all.iter().filter(|known| known.chars().next() == name.chars().next()))
            .map(|known| format!("`{known}`"))
            .collect();
    match alike.is_empty() {
        false => Err(format!("`{name}` is no unit here; did you mean {}?", alike.join(" or "))),
        true => Err(format!("`{name}` is no unit here: there are {}", all.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_a_period() {
        for (text, expected) in
            [("3/min", 0.05), ("20/s", 20.0), ("0.5/h", 0.5 / 3600.0), ("86400/day", 1.0)]
        {
            assert_eq!(parse_rate(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("3/mn", "`mn` is no unit here; did you mean `min`?"),
            ("3/week", "`week` is no unit here: there are s, min, h, day"),
            ("3/", "`` is no unit here: there are s, min, h, day"),
            ("3", "a rate is a number and a period, such as 3/min, 20/s or 0.5/h"),
            ("three/min", "`three` is no number"),
            ("0/min", "`0` is not above 0"),
            ("-1/min", "`-1` is no number that can be asked for"),
            ("inf/min", "`inf` is no number that can be asked for"),
        ] {
            assert_eq!(parse_rate(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_time_has_a_unit() {
        for (text, expected) in [("12ms", 0.012), ("1.5s", 1.5), ("5min", 300.0), ("250us", 250e-6)]
        {
            assert_eq!(parse_time(text), Ok(expected), "{text}");
        }
        assert_eq!(parse_timeout("0s"), Ok(0.0));
        for (text, expected) in [
            ("0s", "no time at all"),
            ("12", "a time needs a unit, such as 12ms, 60s or 5min"),
            ("12mn", "`mn` is no unit here; did you mean `ms` or `min`?"),
            ("12 ms", "` ms` is no unit here: there are ns, us, µs, ms, s, min, h"),
            ("ms", "`` is no number"),
            ("-3ms", "`-3` is no number that can be asked for"),
        ] {
            assert_eq!(parse_time(text), Err(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn tenants_are_whole() {
        assert_eq!(parse_tenants("200"), Ok(200));
        assert!(parse_tenants("0").unwrap_err().contains("at least one"));
        assert!(parse_tenants("1.5").unwrap_err().contains("whole number"));
    }
}
