//! summary.json: every summary, comparison and verdict for programs (`compare` reads two of them). Numbers
//! are not rounded here: they are in the base unit, nanoseconds, bytes, counts or per second.

use crate::compare::Effect;
use crate::judge::Judged;
use crate::load::question::CellKey;
use crate::quantity::Quantity;
use crate::results::Results;
use crate::summarise::missing::Missing;
use serde::Serialize;
use weighbridge_schema::SCHEMA_VERSION;
use weighbridge_schema::name::{ExperimentName, SubjectName, WorkloadName};
use weighbridge_schema::parameter::Parameter;
use weighbridge_statistics::bootstrap::{CONFIDENCE, Interval, RESAMPLES_COUNT};

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
    comparisons: Vec<ComparisonLine<'a>>,
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
    effect: Effect,
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
        effect: comparison.effect,
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
        comparisons: comparisons.collect(),
        verdicts: &results.judged,
        missing: missing
            .iter()
            .map(|(key, missing)| MissingLine { cell: cell_line(key), missing })
            .collect(),
        notes: &results.notes,
    };
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}
