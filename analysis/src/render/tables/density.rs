//! Tenants raised until a wall: what each additional one takes, how many a GiB holds, and what ended the raise.

use crate::load::question::{CellKey, Question, Setting};
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, setting_words, subject_cell, versus_title,
};
use crate::results::Results;
use std::collections::{BTreeMap, BTreeSet};
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::raise::{Raise, Wall};

/// Rows: setting x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, QuestionKind::Density);
    let mut table = Table::new(
        QuestionKind::Density.key(),
        "Density: what each additional tenant takes, and what ends it",
        &[
            ("subject", Align::Left),
            ("PSS per tenant [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("of available memory", Align::Right),
            ("tenants per GiB [95 % interval]", Align::Right),
            ("tenants", Align::Right),
            ("wall", Align::Wrap(0.16)),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Density, &mut table, |question, key| {
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        let pss = Quantity::Metric(Metric::TenantPss);
        vec![
            subject_cell(key),
            number(Metric::TenantPss),
            ratio_cell(results, question, key, pss),
            number(Metric::TenantAvailable),
            number(Metric::TenantsPerGib),
            number(Metric::TenantsRaised),
            wall_cell(results, key),
            n_cell(results, key, pss),
        ]
    });
    table
}

/// Rows: level x subject, for the levels that a subject was raised to.
#[must_use]
pub fn levels(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "density-levels",
        "Density: each level of the raise",
        &[
            ("subject", Align::Left),
            ("PSS of all", Align::Right),
            ("start of an additional tenant", Align::Right),
            ("p50 of the probe", Align::Right),
            ("p99 of the probe", Align::Right),
            ("n", Align::Right),
        ],
    );
    for question in results.of_kind(QuestionKind::Density) {
        for setting in &question.settings {
            for level in levels_of(results, question, setting) {
                let setting = Setting { parameter: Parameter::Tenants(level), ..setting.clone() };
                table.rows.push(Row::Heading(setting_words(&setting)));
                let keys = question.subjects.iter().map(|s| question.key(&setting, s));
                for key in keys {
                    let all = Quantity::Metric(Metric::PackingPss);
                    if results.summary(&key, all).is_none() {
                        continue;
                    }
                    let number = |metric| number_cell(results, &key, Quantity::Metric(metric));
                    table.push(vec![
                        subject_cell(&key),
                        number(Metric::PackingPss),
                        number(Metric::TenantStart),
                        number(Metric::LatencyP50),
                        number(Metric::LatencyP99),
                        n_cell(results, &key, all),
                    ]);
                }
            }
        }
    }
    table
}

/// The levels at which any subject has a memory of all its tenants.
fn levels_of(results: &Results<'_>, question: &Question, setting: &Setting) -> BTreeSet<u32> {
    let is_of = |key: &CellKey| {
        key.experiment == question.experiment
            && key.cell.workload == setting.workload
            && key.cell.architecture == setting.architecture
            && question.subjects.contains(&key.cell.subject)
    };
    let known = results
        .summaries
        .keys()
        .filter(|(key, quantity)| *quantity == Quantity::Metric(Metric::PackingPss) && is_of(key));
    let level = |(key, _): &(CellKey, Quantity)| match key.cell.parameter {
        Parameter::Tenants(tenants) => Some(tenants),
        _ => None,
    };
    known.filter_map(level).collect()
}

/// The walls that the visits of a cell met; with how many visits met each, where they met several.
fn wall_cell(results: &Results<'_>, key: &CellKey) -> Content {
    let of_cell = results.run.counted().filter(|(_, seen)| CellKey::of(&seen.trial) == *key);
    let raises: Vec<&Raise> = of_cell.filter_map(|(_, seen)| seen.raise.as_ref()).collect();
    let mut walls: BTreeMap<Wall, usize> = BTreeMap::new();
    for raise in &raises {
        *walls.entry(raise.wall).or_default() += 1;
    }
    let all = raises.len();
    let words = walls.iter().map(|(wall, &count)| match count == all {
        true => wall.words().to_owned(),
        false => format!("{} ({count} of {all})", wall.words()),
    });
    match words.collect::<Vec<_>>() {
        words if words.is_empty() => Content::Nothing,
        words => Content::Text(words.join(", ")),
    }
}
