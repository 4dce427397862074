//! Warm-up: how the pace of fresh instances developed, and what it is when it is steady.

use crate::load::question::CellKey;
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{
    absent, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use crate::summarise::steady::Pace;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::quantile::median;
use weighbridge_statistics::steady::Steady;

/// Rows: workload x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let versus = versus_title(results, QuestionKind::WarmUp);
    let mut table = Table::new(
        "warm-up",
        "Warm-up: the pace of fresh instances",
        &[
            ("subject", Align::Left),
            ("invocations by development", Align::Wrap(0.26)),
            ("steady from request", Align::Right),
            ("steady median [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    let steady = Quantity::SteadyLatency;
    rows_by_setting(results, QuestionKind::WarmUp, &mut table, |question, key| {
        let paces = results.paces.get(key).map_or(&[][..], Vec::as_slice);
        vec![
            subject_cell(key),
            match paces {
                [] => absent(results, key),
                paces => Content::Text(development(paces)),
            },
            steady_from(paces),
            median_cell(results, key, paces),
            ratio_cell(results, question, key, steady),
            n_cell(results, key, paces),
        ]
    });
    table
}

/// `flat 5, warm-up 1`: invocations by how their pace developed; what did not occur is left out.
pub(crate) fn development(paces: &[Pace]) -> String {
    let count = |wanted: fn(&Steady) -> bool| paces.iter().filter(|p| wanted(&p.steady)).count();
    let counts = [
        ("flat", count(|steady| matches!(steady, Steady::Flat))),
        ("warm-up", count(|steady| matches!(steady, Steady::WarmUp { .. }))),
        ("slow-down", count(|steady| matches!(steady, Steady::SlowDown { .. }))),
        ("no steady state", count(|steady| matches!(steady, Steady::NoSteadyState))),
    ];
    let occurred = counts.iter().filter(|(_, count)| *count > 0);
    occurred.map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>().join(", ")
}

/// The median over the invocations that have a steady state; requests count from 1.
fn steady_from(paces: &[Pace]) -> Content {
    let first = paces.iter().filter_map(|pace| pace.steady.steady_from());
    let requests: Vec<f64> = first.map(|index| (index + 1) as f64).collect();
    median(&requests).map_or(Content::Nothing, |request| Content::Text(format!("{request:.0}")))
}

fn median_cell(results: &Results<'_>, key: &CellKey, paces: &[Pace]) -> Content {
    match number_cell(results, key, Quantity::SteadyLatency) {
        Content::Nothing if !paces.is_empty() => Content::Absent("no steady state".to_owned()),
        content => content,
    }
}

/// Invocations with a steady state, of all that have a series where these are more.
fn n_cell(results: &Results<'_>, key: &CellKey, paces: &[Pace]) -> Content {
    let content = super::n_cell(results, key, Quantity::SteadyLatency);
    let steady = paces.iter().filter(|pace| pace.median_ns.is_some()).count();
    match content {
        Content::Text(text) if steady > 0 && steady < paces.len() => {
            Content::Text(format!("{text}, of {}", paces.len()))
        }
        content => content,
    }
}
