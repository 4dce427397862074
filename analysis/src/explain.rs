//! Where a number comes from: its formula, the lines of the raw log, and the command that measures it again.

use crate::compare::Comparison;
use crate::load::Run;
use crate::load::question::CellKey;
use crate::render::latex::numbers::stem;
use crate::render::number::{show, show_ratio};
use crate::render::table::{Align, Content, Table};
use crate::render::text::grid;
use crate::results::Results;
use crate::summarise::samples::{Samples, Visited};
use crate::two_runs::samples_of;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::fmt::Write;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::parse::nearest;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::Outcome;
use weighbridge_schema::subject::Part;

/// The text that explains the number with this key of numbers.tex, with or without its last part (`ratio`, `median`,
/// ...).
///
/// # Errors
/// No number has this key; the message names the nearest one.
pub fn explain(run: &Run, results: &Results<'_>, requested: &str) -> Result<String> {
    let samples = samples_of(run)?;
    let (key, quantity) = find(results, &samples, requested)?;
    let mut out = format!("{}\n", stem(results, &key, quantity));
    // Writing to a String cannot fail, here and below.
    if let Some(summary) = results.summary(&key, quantity) {
        let shown = show(summary.point, summary.interval, quantity.unit(), summary.is_exact());
        let _ = writeln!(out, "  median  {}  n = {}", shown.text(), summary.n);
    }
    let comparison = results.comparison(&key, quantity);
    if let Some(comparison) = comparison
        && let Some(ratio) = comparison.ratio
    {
        let shown = show_ratio(ratio, comparison.interval).text();
        let _ = writeln!(out, "  ratio   {shown} to {}", comparison.versus);
    }
    let _ = write!(out, "\n{}\n", formula(quantity, comparison));
    out.push_str(&grid(&rows(run, &samples, &key, quantity, comparison)));
    let _ = write!(out, "\n{}", origin(run, &key, comparison));
    Ok(out)
}

fn find(results: &Results<'_>, samples: &Samples, requested: &str) -> Result<(CellKey, Quantity)> {
    let names: Vec<(String, &CellKey, Quantity)> = samples
        .keys()
        .map(|(key, quantity)| (stem(results, key, quantity), key, quantity))
        .collect();
    let is_asked = |name: &str| {
        let rest = requested.strip_prefix(name);
        rest.is_some_and(|rest| {
            rest.is_empty() || (rest.starts_with('/') && !rest[1..].contains('/'))
        })
    };
    if let Some((_, key, quantity)) = names.iter().find(|(name, ..)| is_asked(name)) {
        return Ok(((*key).clone(), *quantity));
    }
    let form = "experiment/workload/parameter/subject/quantity, with - where there is none";
    match nearest(requested, names.iter().map(|(name, ..)| name.as_str())) {
        Some(near) => bail!("this run has no number `{requested}`; did you mean `{near}`?"),
        None => bail!("this run has no number `{requested}`; a key reads {form}"),
    }
}

/// How the number is computed from the visits, in words.
pub(crate) fn formula(quantity: Quantity, comparison: Option<&Comparison>) -> String {
    let each = match quantity {
        Quantity::Latency(_) => "the quantile of each invocation's requests (its HdrHistogram)",
        Quantity::SteadyLatency => {
            "the median of each invocation's steady stretch (PELT changepoints)"
        }
        Quantity::Metric(_) | Quantity::Stage(_) => "the metric of each invocation",
    };
    let mut out = if quantity.is_exact() {
        format!("{each}: exact, so that all must agree\n")
    } else {
        format!(
            "{each}; of several visits of a block the last undisturbed one counts;\nthen the median over invocations with \
             the 95 % interval between order statistics (Hettmansperger, Sheather 1986)\n"
        )
    };
    if let Some(comparison) = comparison {
        let _ = writeln!(
            out,
            "the ratio is the median of the ratios to {} within the blocks, with the same kind of interval",
            comparison.versus
        );
    }
    out
}

/// Each visit with its line in the raw log, and what it was divided by.
fn rows(
    run: &Run,
    samples: &Samples,
    key: &CellKey,
    quantity: Quantity,
    comparison: Option<&Comparison>,
) -> Table {
    let versus = comparison.map(|comparison| key.with_subject(&comparison.versus));
    let divisor = comparison.map_or_else(|| "-".to_owned(), |c| c.versus.to_string());
    let mut table = Table::new(
        "rows",
        "Rows",
        &[
            ("observations.jsonl", Align::Right),
            ("block", Align::Right),
            ("visit", Align::Right),
            (key.cell.subject.as_str(), Align::Right),
            (divisor.as_str(), Align::Right),
            ("ratio", Align::Right),
            ("", Align::Left),
        ],
    );
    let text = |value: f64| Content::Number(show(value, None, quantity.unit(), false));
    let lines = lines(run);
    for visit in samples.visits(key, quantity) {
        let other = versus.as_ref().and_then(|versus| samples.beside(&visit, versus, quantity));
        let line = line_of(&lines, key, &visit);
        table.push(vec![
            line.map_or_else(
                || Content::Absent("derived".to_owned()),
                |l| Content::Text(l.to_string()),
            ),
            Content::Text(visit.invocation.to_string()),
            Content::Text(visit.repeat.to_string()),
            text(visit.value),
            other.map_or_else(|| Content::text("-"), text),
            other.map_or_else(
                || Content::text("-"),
                |other| Content::Number(show_ratio(visit.value / other, None)),
            ),
            Content::text(match (visit.counts, visit.is_disturbed) {
                (true, false) => "",
                (true, true) => "disturbed",
                (false, _) => "does not count",
            }),
        ]);
    }
    table
}

/// The numbers of the lines of the visits that were measured, from 1. A trial that failed and was
/// resumed has two lines; its number is from the second one.
#[must_use]
pub(crate) fn lines(run: &Run) -> BTreeMap<(&Trial, u32), usize> {
    let measured = run.observations.iter().enumerate().filter(|(_, o)| o.outcome == Outcome::Ok);
    measured.map(|(index, seen)| ((&seen.trial, seen.repeat), index + 1)).collect()
}

/// The number of the visit's line; `None` for what is derived from several cells, as a slope is.
pub(crate) fn line_of(
    lines: &BTreeMap<(&Trial, u32), usize>,
    key: &CellKey,
    visit: &Visited,
) -> Option<usize> {
    // Levels of a raise of tenants are in the line of its trial.
    let trial = if key.is_level() { &key.with_parameter(Parameter::None) } else { key };
    let (experiment, cell) = (trial.experiment.clone(), trial.cell.clone());
    let trial = Trial { experiment, cell, invocation: visit.invocation };
    lines.get(&(&trial, visit.repeat)).copied()
}

/// The run, its revision, what was measured, and the command that measures the cell again.
fn origin(run: &Run, key: &CellKey, comparison: Option<&Comparison>) -> String {
    let manifest = &run.manifest;
    let mut out = format!("run       {} ({})\n", manifest.run, run.folder.display());
    let revision = match (&manifest.revision, &manifest.revision_unknown) {
        (Some(revision), _) => {
            let dirty = if revision.dirty { ", with changes that are not committed" } else { "" };
            format!("{}{dirty}", revision.commit)
        }
        (None, Some(why)) => format!("unknown: {why}"),
        (None, None) => "unknown".to_owned(),
    };
    let _ = writeln!(out, "revision  {revision}");
    let subjects = [Some(&key.cell.subject), comparison.map(|c| &c.versus)];
    let subjects: Vec<&SubjectName> = subjects.into_iter().flatten().collect();
    for name in &subjects {
        let Some(entry) = manifest.subjects.get(*name) else { continue };
        for part in &entry.definition.size.shipped {
            let Part::Artifact(artifact) = part else { continue };
            if let Some(built) = manifest.artifacts.artifacts.get(artifact) {
                let _ = writeln!(out, "artifact  {artifact} sha256 {} ({name})", built.sha256);
            }
        }
    }
    let names: Vec<&str> = subjects.iter().map(|name| name.as_str()).collect();
    let workload = key.cell.workload.as_ref().map(|w| format!(" --workload {w}"));
    let _ = writeln!(
        out,
        "again     cargo xtask run {} --subject {}{} --profile {} --seed {}",
        key.experiment,
        names.join(","),
        workload.unwrap_or_default(),
        manifest.profile,
        manifest.seed
    );
    out
}
