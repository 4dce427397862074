//! Throughput of the closed loop: per second of the clock, and per second of the subject's CPU time.

use crate::load::question::{CellKey, Question};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::Quantity;

/// Rows: workload x concurrency x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let wall = Quantity::Metric(Metric::RequestsPerSecond);
    let cpu = Quantity::Metric(Metric::RequestsPerCpuSecond);
    let versus = versus_title(results, QuestionKind::Throughput);
    let mut table = Table::new(
        "throughput",
        "Throughput, closed loop; answers: the fewest that one window held",
        &[
            ("subject", Align::Left),
            ("requests/s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("requests/CPU-s [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("answers", Align::Right),
            ("n", Align::Right),
        ],
    );
    rows_by_setting(results, QuestionKind::Throughput, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, wall),
            limited(results, question, key, ratio_cell(results, question, key, wall)),
            number_cell(results, key, cpu),
            ratio_cell(results, question, key, cpu),
            fewest_answers(results, key),
            n_cell(results, key, wall),
        ]
    });
    table
}

/// Marks a ratio by the clock that the load generator may have had a hand in.
pub(super) fn limited(
    results: &Results<'_>,
    question: &Question,
    key: &CellKey,
    ratio: Content,
) -> Content {
    match ratio {
        Content::Number(shown) if results.is_limited(key, &question.baseline) => {
            Content::Qualified(shown, "generator-limited".to_owned())
        }
        other => other,
    }
}

/// The fewest answers that a counted window of the cell held: the rate is no finer than one of them.
fn fewest_answers(results: &Results<'_>, key: &CellKey) -> Content {
    let of_cell = results.run.counted().filter(|(_, o)| CellKey::of(&o.trial) == *key);
    let counts = of_cell.filter_map(|(_, o)| o.metrics.get(&Metric::RequestsCompleted));
    counts.min().map_or(Content::Nothing, |count| Content::text(count.to_string()))
}
