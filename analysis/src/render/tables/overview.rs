//! The table at the end of a run: experiment | workload | subject | median | vs baseline | n.

use crate::load::question::Kind;
use crate::quantity::{Latency, Quantity};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{n_cell, number_cell, parameter_words, ratio_cell};
use crate::results::Results;
use weighbridge_schema::metric::Metric;

/// The one quantity that answers a kind's question.
#[must_use]
pub fn headline(kind: Kind) -> Quantity {
    match kind {
        Kind::Equivalence => Quantity::Metric(Metric::CasesEqual),
        Kind::ColdStart => Quantity::Metric(Metric::TimeToFirstResponse),
        Kind::Instantiation => Quantity::Metric(Metric::Instantiation),
        Kind::WarmUp => Quantity::Metric(Metric::LatencyP50),
        Kind::HighestRate => Quantity::Metric(Metric::HighestRate),
        Kind::Throughput => Quantity::Metric(Metric::RequestsPerSecond),
        Kind::Latency => Quantity::Latency(Latency::P50),
        Kind::Memory => Quantity::Metric(Metric::Pss),
        Kind::ArtifactSize => Quantity::Metric(Metric::Shipped),
    }
}

/// Rows: every cell that was asked for.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut baselines: Vec<&str> = results.questions.iter().map(|q| q.baseline.as_str()).collect();
    baselines.dedup();
    let versus = match baselines.as_slice() {
        [one] => format!("vs {one}"),
        _ => "vs baseline".to_owned(),
    };
    let mut table = Table::new(
        "overview",
        "Overview",
        &[
            ("experiment", Align::Left),
            ("workload", Align::Left),
            ("subject", Align::Left),
            ("median [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    for question in &results.questions {
        let quantity = headline(question.kind);
        for key in question.keys() {
            let cell = &key.cell;
            let workload = cell.workload.as_ref().map_or("-", |w| w.as_str());
            let words = format!("{workload} {}", parameter_words(cell.parameter));
            table.push(vec![
                Content::text(question.experiment.as_str()),
                Content::text(words.trim_end()),
                Content::text(cell.subject.as_str()),
                number_cell(results, &key, quantity),
                // Thirty-three cases of thirty-four are no smaller quantity: they are a failure.
                match question.kind {
                    Kind::Equivalence => Content::Nothing,
                    _ => ratio_cell(results, question, &key, quantity),
                },
                n_cell(results, &key, quantity),
            ]);
        }
    }
    table
}
