//! summary.json: every summary, comparison and verdict for programs (`compare` reads two of them). Numbers
//! are not rounded here: they are in the base unit, nanoseconds, bytes, counts or per second.

use crate::compare::{Doubt, Effect};
use crate::judge::Judged;
use crate::load::question::CellKey;
use crate::results::Results;
use crate::summarise::missing::Missing;
use serde::Serialize;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::name::{ExperimentName, SubjectName, WorkloadName};
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::stop::StopReason;
use weighbridge_statistics::bootstrap::{CONFIDENCE, Interval, RESAMPLES_COUNT};
use weighbridge_statistics::steady::Steady;

#[derive(Serialize)]
struct Document<'a> {
    generated_by: &'static str,
    schema_version: u32,
    run: &'a str,
    profile: &'a str,
    commit: Option<&'a str>,
    seed: u64,
    resamples_count: usize,
    confidence: f64,
    summaries: Vec<SummaryLine<'a>>,
    calibration: Option<&'a str>,
    comparisons: Vec<ComparisonLine<'a>>,
    paces: Vec<PaceLine<'a>>,
    stops: Vec<StopLine<'a>>,
    verdicts: &'a [Judged],
    missing: Vec<MissingLine<'a>>,
    notes: &'a [String],
}

#[derive(Serialize)]
struct CellLine<'a> {
    experiment: &'a ExperimentName,
    workload: Option<&'a WorkloadName>,
    parameter: Parameter,
    architecture: &'a str,
    subject: &'a SubjectName,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    #[serde(flatten)]
    cell: CellLine<'a>,
    metric: String,
    unit: &'static str,
    n: usize,
    n_failed: usize,
    samples_count: Option<u64>,
    point: f64,
    interval: Option<Interval>,
    exact: bool,
}

#[derive(Serialize)]
struct ComparisonLine<'a> {
    #[serde(flatten)]
    cell: CellLine<'a>,
    metric: String,
    versus: &'a SubjectName,
    ratio: Option<f64>,
    interval: Option<Interval>,
    a12: Option<f64>,
    p: Option<f64>,
    p_adjusted: Option<f64>,
    effect: Effect,
    doubt: Option<Doubt>,
}

#[derive(Serialize)]
struct PaceLine<'a> {
    #[serde(flatten)]
    cell: CellLine<'a>,
    invocation: u32,
    steady: Steady,
    median_ns: Option<f64>,
}

#[derive(Serialize)]
struct StopLine<'a> {
    #[serde(flatten)]
    cell: CellLine<'a>,
    reason: StopReason,
    invocations_count: u32,
    half_width_percent: Option<f64>,
    target_percent: Option<f64>,
}

#[derive(Serialize)]
struct MissingLine<'a> {
    #[serde(flatten)]
    cell: CellLine<'a>,
    #[serde(flatten)]
    missing: &'a Missing,
}

fn cell_line(key: &CellKey) -> CellLine<'_> {
    CellLine {
        experiment: &key.experiment,
        workload: key.cell.workload.as_ref(),
        parameter: key.cell.parameter,
        architecture: &key.cell.architecture,
        subject: &key.cell.subject,
    }
}

fn unit(quantity: Quantity) -> &'static str {
    use weighbridge_schema::metric::Unit;
    match quantity.unit() {
        Unit::Nanoseconds => "ns",
        Unit::Bytes => "bytes",
        Unit::Count => "count",
        Unit::RequestsPerSecond => "per_second",
    }
}

fn paces<'a>(results: &'a Results<'_>) -> Vec<PaceLine<'a>> {
    let all = results.paces.iter().flat_map(|(key, paces)| paces.iter().map(move |p| (key, p)));
    all.map(|(key, pace)| PaceLine {
        cell: cell_line(key),
        invocation: pace.invocation,
        steady: pace.steady,
        median_ns: pace.median_ns,
    })
    .collect()
}

fn stops<'a>(results: &'a Results<'_>) -> Vec<StopLine<'a>> {
    let all = results.run.stops.iter();
    all.map(|(key, stop)| StopLine {
        cell: cell_line(key),
        reason: stop.reason,
        invocations_count: stop.invocations_count,
        half_width_percent: stop.half_width_percent,
        target_percent: stop.target_percent,
    })
    .collect()
}

/// The file's content.
///
/// # Errors
/// When a number is not finite, which the earlier stations rule out.
pub fn render(results: &Results<'_>) -> serde_json::Result<String> {
    let manifest = &results.run.manifest;
    let summaries = results.summaries.values().map(|summary| SummaryLine {
        cell: cell_line(&summary.key),
        metric: summary.quantity.key(),
        unit: unit(summary.quantity),
        n: summary.n,
        n_failed: summary.n_failed,
        samples_count: summary.samples_count,
        point: summary.point,
        interval: summary.interval,
        exact: summary.is_exact(),
    });
    let comparisons = results.comparisons.values().map(|comparison| ComparisonLine {
        cell: cell_line(&comparison.key),
        metric: comparison.quantity.key(),
        versus: &comparison.versus,
        ratio: comparison.ratio,
        interval: comparison.interval,
        a12: comparison.a12,
        p: comparison.p,
        p_adjusted: comparison.p_adjusted,
        effect: comparison.effect,
        doubt: comparison.doubt,
    });
    let missing = &results.missing;
    let document = Document {
        generated_by: "cargo xtask analyze",
        schema_version: SCHEMA_VERSION,
        run: &manifest.run,
        profile: &manifest.profile,
        commit: manifest.revision.as_ref().map(|revision| revision.commit.as_str()),
        seed: results.seed,
        resamples_count: RESAMPLES_COUNT,
        confidence: CONFIDENCE,
        summaries: summaries.collect(),
        calibration: results.calibration.as_ref().map(|c| c.run.as_str()),
        comparisons: comparisons.collect(),
        paces: paces(results),
        stops: stops(results),
        verdicts: &results.judged,
        missing: missing
            .iter()
            .map(|(key, missing)| MissingLine { cell: cell_line(key), missing })
            .collect(),
        notes: &results.notes,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
