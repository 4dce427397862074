//! The lines of speed.toml against a run, and against what was read beside it: how fast our own arms, the load
//! generator and the harness are.

use crate::judge::{Judged, Verdict, check_claims, key_of};
use crate::results::Results;
use std::collections::BTreeSet;
use weighbridge_schema::parse::ParseError;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::speed::{Bound, Found, Limit, Reading, Readings, Thresholds};
use weighbridge_statistics::bootstrap::Interval;
use weighbridge_statistics::order::{LEAST_VALUES_COUNT, median_interval};
use weighbridge_statistics::quantile::median;

/// What a line wants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Wanted<'a> {
    /// A ratio, as the claim says.
    Ratio(&'a Judged),
    /// A value, within the limit.
    Value(Limit),
}

/// A line, what was measured, and how it fares.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it wants.
    pub wanted: Wanted<'a>,
    /// The median, in the unit of what is wanted; `None` where it was not measured.
    pub value: Option<f64>,
    /// Its 95 % interval; `None` also where there are too few values for one.
    pub interval: Option<Interval>,
    /// Values, or pairs of them.
    pub n: usize,
    /// The verdict, by the whole interval.
    pub verdict: Verdict,
    /// Why it was not measured, why it is undecided, or of what the values are.
    pub remark: Option<String>,
}

/// Whether the lines of `file` mean something.
///
/// # Errors
/// A claim that means nothing, a repeated name, an unknown metric, a limit in another unit or of nothing.
pub fn check(file: &str, thresholds: &Thresholds) -> Result<(), ParseError> {
    check_claims(file, &thresholds.claim)?;
    let fail = |name: &str, message: &str| {
        let message = format!("line `{name}`: {message}");
        ParseError { file: file.to_owned(), line: None, message }
    };
    let claims = thresholds.claim.iter().map(|claim| (&claim.name, None));
    let bounds = thresholds.bound.iter().map(|bound| (&bound.name, Some(bound.limit)));
    let readings = thresholds.reading.iter().map(|reading| (&reading.name, Some(reading.limit)));
    let mut names = BTreeSet::new();
    for (name, limit) in claims.chain(bounds).chain(readings) {
        if !names.insert(name) {
            return Err(fail(name, "the name is used twice"));
        }
        let is_some_number = |limit: Limit| limit.value().is_finite() && limit.value() > 0.0;
        if limit.is_some_and(|limit| !is_some_number(limit)) {
            return Err(fail(name, "the limit must be above 0"));
        }
    }
    for bound in &thresholds.bound {
        let quantity = Quantity::named(&bound.metric)
            .map_err(|unknown| fail(&bound.name, &unknown.to_string()))?;
        if bound.limit.unit() != Some(quantity.unit()) {
            let message = format!("`{}` has another unit than the limit's key", bound.metric);
            return Err(fail(&bound.name, &message));
        }
    }
    Ok(())
}

/// Every line, in the order of the file: claims, bounds, readings. `results` are those of a run that was judged by the
/// claims of `thresholds`.
#[must_use]
pub fn lines<'a>(
    thresholds: &'a Thresholds,
    readings: &Readings,
    results: &'a Results<'_>,
) -> Vec<Line<'a>> {
    let claims = results.judged.iter().map(|judged| of_claim(judged, results));
    let bounds = thresholds.bound.iter().map(|bound| of_bound(bound, results));
    let of_reading = |reading: &'a Reading| of_reading(reading, readings.get(&reading.name));
    claims.chain(bounds).chain(thresholds.reading.iter().map(of_reading)).collect()
}

fn of_claim<'a>(judged: &'a Judged, results: &Results<'_>) -> Line<'a> {
    let claim = &judged.claim;
    let key = key_of(claim, &results.run.manifest.fingerprint.architecture);
    let versus = key.with_subject(&claim.versus);
    let pairs = Quantity::from_key(&claim.metric)
        .map(|quantity| results.samples.pairs(&key, &versus, quantity));
    Line {
        name: &claim.name,
        wanted: Wanted::Ratio(judged),
        value: judged.ratio,
        interval: judged.interval,
        n: pairs.map_or(0, |pairs| pairs.len()),
        verdict: judged.verdict,
        remark: judged.reason.clone(),
    }
}

fn of_bound<'a>(bound: &'a Bound, results: &Results<'_>) -> Line<'a> {
    let key = key_of(&bound.as_claim(), &results.run.manifest.fingerprint.architecture);
    let quantity = Quantity::from_key(&bound.metric);
    let summary = quantity.and_then(|quantity| results.summary(&key, quantity));
    let Some(summary) = summary else {
        let missing = results.missing.get(&key);
        let why = missing.map_or_else(
            || format!("the run has no {} of {}", bound.metric, bound.subject),
            |found| format!("{} {}: {}", bound.subject, found.cause.words(), found.reason),
        );
        return not_measured(&bound.name, bound.limit, why);
    };
    let measured = (Some(summary.point), summary.interval, summary.n);
    judged(&bound.name, bound.limit, measured, None)
}

fn of_reading<'a>(reading: &'a Reading, found: Option<&Found>) -> Line<'a> {
    let Some(found) = found.filter(|found| !found.values.is_empty()) else {
        let why = found.and_then(|found| found.remark.clone());
        let why = why.unwrap_or_else(|| "nothing has read it".to_owned());
        return not_measured(&reading.name, reading.limit, why);
    };
    let values = &found.values;
    let measured = (median(values), median_interval(values), values.len());
    judged(&reading.name, reading.limit, measured, found.remark.clone())
}

fn not_measured(name: &str, limit: Limit, why: String) -> Line<'_> {
    Line {
        name,
        wanted: Wanted::Value(limit),
        value: None,
        interval: None,
        n: 0,
        verdict: Verdict::NotMeasured,
        remark: Some(why),
    }
}

fn judged(
    name: &str,
    limit: Limit,
    (value, interval, n): (Option<f64>, Option<Interval>, usize),
    remark: Option<String>,
) -> Line<'_> {
    let too_few = || format!("{n} values, and an interval takes {LEAST_VALUES_COUNT}");
    let remark = if interval.is_none() { Some(too_few()) } else { remark };
    let verdict = interval.map_or(Verdict::Undecided, |interval| verdict(limit, interval));
    Line { name, wanted: Wanted::Value(limit), value, interval, n, verdict, remark }
}

/// A limit that the interval touches is kept.
fn verdict(limit: Limit, Interval { low, high }: Interval) -> Verdict {
    let value = limit.value();
    let (holds, contradicted) = match limit {
        Limit::AtMostNs(_) | Limit::AtMostBytes(_) => (high <= value, low > value),
        Limit::AtLeast(_) => (low >= value, high < value),
    };
    match (holds, contradicted) {
        (true, _) => Verdict::Holds,
        (_, true) => Verdict::Contradicted,
        _ => Verdict::Undecided,
    }
}
