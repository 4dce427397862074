//! The tables, one file each, and what they share.

pub mod architectures;
pub mod claims;
pub mod comparisons;
pub mod conditions;
pub mod density;
pub mod equal_things;
pub mod equivalence;
pub mod growth;
pub mod guest_languages;
pub mod isolation;
pub mod ladder;
pub mod latency;
pub mod marginal;
pub mod maturity;
pub mod memory;
pub mod neighbour;
pub mod not_measured;
pub mod operations;
pub mod overhead;
pub mod overview;
pub mod pitfalls;
pub mod plain;
pub mod portability;
pub mod provenance;
pub mod published_answers;
pub mod replay;
pub mod storm;
pub mod subjects;
pub mod throughput;
pub mod waiting;
pub mod warm_up;

use crate::compare::{Comparison, Doubt};
use crate::load::question::{CellKey, Question, Setting};
use crate::render::number::{show, show_ratio};
use crate::render::table::{Content, Row, Table};
use crate::results::Results;
use weighbridge_schema::manifest::Manifest;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::stop::StopReason;

/// Every table that goes into the paper and the report, in the report's order.
#[must_use]
pub fn all(results: &Results<'_>) -> Vec<Table> {
    let mut all = vec![
        claims::table(results),
        conditions::table(results),
        subjects::table(results),
        equivalence::table(results),
        plain::cold_start(results),
        ladder::table(results),
        plain::instantiation(results),
        warm_up::table(results),
        throughput::table(results),
        growth::table(results),
        growth::exponents(results),
        latency::table(results),
        plain::highest_rate(results),
        memory::table(results),
        marginal::table(results),
        plain::idle(results),
        density::table(results),
        density::levels(results),
        storm::table(results),
        neighbour::table(results),
        waiting::table(results),
        replay::table(results),
        replay::memory(results),
        replay::choices(results),
        replay::score(results),
        plain::artifact_size(results),
        guest_languages::table(results),
        architectures::table(results),
        architectures::instructions(results),
        portability::table(results),
        maturity::table(results),
        maturity::seen(results),
        isolation::table(results),
        isolation::seen(results),
        plain::overhead(results),
        plain::overhead_times(results),
        overhead::tools(results),
        overhead::seen(results),
        plain::instructions(results),
        operations::table(results),
        operations::factor(results),
        comparisons::table(results),
        published_answers::table(results),
        pitfalls::table(results),
        equal_things::table(results),
        provenance::table(results),
        not_measured::table(results),
    ];
    let has_one = |kind: &QuestionKind| all.iter().any(|table| table.name == kind.key());
    let others: Vec<QuestionKind> =
        QuestionKind::ALL.iter().copied().filter(|kind| !has_one(kind)).collect();
    all.extend(others.into_iter().map(|kind| plain::told_apart(results, kind)));
    all
}

/// A number; or why there is none; or a dash when the cell was measured and has no such reading.
pub(crate) fn number_cell(results: &Results<'_>, key: &CellKey, quantity: Quantity) -> Content {
    match results.summary(key, quantity) {
        Some(summary) => Content::Number(
            show(summary.point, summary.interval, quantity.unit(), summary.is_exact())
                .of(key, quantity),
        ),
        None => absent(results, key),
    }
}

/// The ratio against the baseline's cell.
pub(crate) fn ratio_cell(
    results: &Results<'_>,
    question: &Question,
    key: &CellKey,
    quantity: Quantity,
) -> Content {
    if results.summary(key, quantity).is_none() {
        return Content::Nothing;
    }
    if key.cell.subject == question.baseline {
        return Content::text("1");
    }
    match results.comparison(key, quantity) {
        Some(comparison) => match comparison.ratio {
            Some(ratio) => ratio_content(comparison, ratio),
            None => Content::Absent("undefined".to_owned()),
        },
        None => Content::Absent("baseline not measured".to_owned()),
    }
}

/// A ratio whose interval excludes 1 and that is undecided all the same says so; why stands in the table of all
/// comparisons, because it would make the column too wide here.
fn ratio_content(comparison: &Comparison, ratio: f64) -> Content {
    let shown = show_ratio(ratio, comparison.interval).of(&comparison.key, comparison.quantity);
    match comparison.doubt {
        Some(Doubt::Chance(_) | Doubt::BelowFloor(_)) => {
            Content::Qualified(shown, "undecided".to_owned())
        }
        _ => Content::Number(shown),
    }
}

/// Invocations, why there are so many where the run could choose, whether they are too few for an interval, and those
/// that failed.
pub(crate) fn n_cell(results: &Results<'_>, key: &CellKey, quantity: Quantity) -> Content {
    let (measured, failed) = results.counts(key);
    let summary = results.summary(key, quantity);
    let n = summary.map_or(measured, |summary| summary.n);
    let mut text = n.to_string();
    match results.run.stops.get(key).map(|stop| stop.reason) {
        Some(StopReason::Precise) => text.push_str(", precise"),
        Some(StopReason::Most) => text.push_str(", at most"),
        Some(StopReason::Budget) => text.push_str(", budget"),
        Some(StopReason::Decided) => text.push_str(", decided"),
        Some(StopReason::Fixed) | None => {}
    }
    if summary.is_some_and(|summary| summary.interval.is_none()) {
        text.push_str(", too few invocations");
    }
    if failed > 0 {
        text.push_str(&format!(" ({failed} failed)"));
    }
    Content::Text(text)
}

pub(crate) fn absent(results: &Results<'_>, key: &CellKey) -> Content {
    match results.missing.get(key) {
        Some(missing) => Content::Absent(missing.cause.words().to_owned()),
        None => Content::Nothing,
    }
}

/// `healthz, 8 connections`.
pub(crate) fn setting_words(setting: &Setting) -> String {
    let parameter = parameter_words(setting.parameter);
    match (&setting.workload, parameter.as_str()) {
        (Some(workload), "") => workload.to_string(),
        (Some(workload), parameter) => format!("{workload}, {parameter}"),
        (None, parameter) => parameter.to_owned(),
    }
}

/// The same; of a mix also what it is made of. Its latencies are those of the light requests, which stand first.
fn words_with_mix(manifest: &Manifest, setting: &Setting) -> String {
    let words = setting_words(setting);
    match setting.workload.as_ref().and_then(|workload| manifest.mixes.get(workload)) {
        Some(mix) => format!("{words} (of {mix})"),
        None => words,
    }
}

pub(crate) fn parameter_words(parameter: Parameter) -> String {
    match parameter {
        Parameter::None => String::new(),
        Parameter::Concurrency(1) => "1 connection".to_owned(),
        Parameter::Concurrency(n) => format!("{n} connections"),
        Parameter::Rate(n) => format!("{n} requests/s offered"),
        Parameter::Idle => "idle".to_owned(),
        Parameter::Loaded => "loaded".to_owned(),
        Parameter::Copies(1) => "1 instance".to_owned(),
        Parameter::Copies(n) => format!("{n} instances"),
        Parameter::PageCacheDropped => "page cache dropped".to_owned(),
        Parameter::Capability(capability) => capability.title().to_owned(),
        Parameter::Tenants(1) => "1 tenant".to_owned(),
        Parameter::Tenants(n) => format!("{n} tenants"),
        Parameter::Starts(1) => "1 start".to_owned(),
        Parameter::Starts(n) => format!("{n} starts at once"),
        Parameter::Ready(n) => format!("{n} that stand ready"),
        Parameter::Operation(operation) => operation.title().to_owned(),
        Parameter::Attack(attack) => attack.title().to_owned(),
        Parameter::Delay(0) => "backend answers at once".to_owned(),
        Parameter::Delay(us) => format!("backend answers after {} ms", f64::from(us) / 1e3),
        Parameter::Service(service) => service.title().to_owned(),
        Parameter::Replay(n) => format!("load {n}"),
    }
}

/// `vs native`; `vs baseline` where the experiments of a kind have different ones.
pub(crate) fn versus_title(results: &Results<'_>, kind: QuestionKind) -> String {
    let mut baselines: Vec<&SubjectName> = results.of_kind(kind).map(|q| &q.baseline).collect();
    baselines.dedup();
    match baselines.as_slice() {
        [one] => format!("vs {one}"),
        _ => "vs baseline".to_owned(),
    }
}

/// A heading per setting and below it a row per subject, for every experiment of `kind`.
pub(crate) fn rows_by_setting(
    results: &Results<'_>,
    kind: QuestionKind,
    table: &mut Table,
    cells: impl Fn(&Question, &CellKey) -> Vec<Content>,
) {
    rows_where(results, kind, |_| true, table, cells);
}

/// The same for some of the settings.
pub(crate) fn rows_where(
    results: &Results<'_>,
    kind: QuestionKind,
    is_shown: impl Fn(&Setting) -> bool,
    table: &mut Table,
    cells: impl Fn(&Question, &CellKey) -> Vec<Content>,
) {
    let several = results.of_kind(kind).count() > 1;
    for question in results.of_kind(kind) {
        for setting in question.settings.iter().filter(|setting| is_shown(setting)) {
            let words = words_with_mix(&results.run.manifest, setting);
            let heading = match (several, words.as_str()) {
                (true, "") => question.experiment.to_string(),
                (true, words) => format!("{}: {words}", question.experiment),
                (false, words) => words.to_owned(),
            };
            let architecture = &setting.architecture;
            let is_foreign = *architecture != results.run.manifest.fingerprint.architecture;
            let suffix = if is_foreign { format!(" ({architecture})") } else { String::new() };
            if !heading.is_empty() || is_foreign {
                table.rows.push(Row::Heading(format!("{heading}{suffix}")));
            }
            for key in question.subjects.iter().map(|subject| question.key(setting, subject)) {
                if question.visits(&key.cell) {
                    table.push(cells(question, &key));
                }
            }
        }
    }
}

/// The subject's name, as the first cell of a row.
pub(crate) fn subject_cell(key: &CellKey) -> Content {
    Content::text(key.cell.subject.as_str())
}
