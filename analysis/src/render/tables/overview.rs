//! The table at the end of a run: experiment | workload | subject | median | vs baseline | n.

use crate::load::question::{CellKey, Question};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::marginal::{is_copies, slope_cell, slope_n_cell, with_copies};
use crate::render::tables::{n_cell, number_cell, parameter_words, ratio_cell};
use crate::results::Results;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;

/// The place of the ratio in a row.
pub const RATIO_COLUMN: usize = 4;

/// The headline of a cell: where the generator may have set the pace of a closed loop, the rate by the subject's own
/// CPU time.
#[must_use]
pub fn headline_of(results: &Results<'_>, question: &Question, key: &CellKey) -> Quantity {
    let facts = question.kind.facts();
    let when_limited = facts.headline_when_limited;
    when_limited.filter(|_| results.is_limited(key, &question.baseline)).unwrap_or(facts.headline)
}

/// The three names of a row before its numbers; an instruction set that is not the machine's stands with the workload.
fn row(
    results: &Results<'_>,
    question: &Question,
    key: &CellKey,
    words: &str,
    numbers: [Content; 3],
) -> Vec<Content> {
    let workload = key.cell.workload.as_ref().map_or("-", |w| w.as_str());
    let architecture = &key.cell.architecture;
    let is_foreign = *architecture != results.run.manifest.fingerprint.architecture;
    let suffix = if is_foreign { format!(" ({architecture})") } else { String::new() };
    let names = [
        Content::text(question.experiment.as_str()),
        Content::text(format!("{}{suffix}", format!("{workload} {words}").trim_end())),
        Content::text(key.cell.subject.as_str()),
    ];
    names.into_iter().chain(numbers).collect()
}

fn numbers(results: &Results<'_>, question: &Question, key: &CellKey) -> [Content; 3] {
    let quantity = headline_of(results, question, key);
    [
        number_cell(results, key, quantity),
        // Thirty-three cases of thirty-four are no smaller quantity: they are a failure.
        if question.kind.facts().has_ratio {
            ratio_cell(results, question, key, quantity)
        } else {
            Content::Nothing
        },
        n_cell(results, key, quantity),
    ]
}

fn additional_instance(results: &Results<'_>, question: &Question, key: &CellKey) -> [Content; 3] {
    let quantity = Quantity::Metric(Metric::MarginalPss);
    [
        slope_cell(results, key, quantity),
        ratio_cell(results, question, &key.with_parameter(Parameter::None), quantity),
        slope_n_cell(results, key, quantity),
    ]
}

/// Whether no ratio can be told because the run was not asked for any baseline.
#[must_use]
pub fn lacks_baselines(results: &Results<'_>) -> bool {
    results.questions.iter().all(|question| {
        let mut keys = question.settings.iter().map(|s| question.key(s, &question.baseline));
        keys.all(|key| !results.is_asked(&key))
    })
}

/// Rows: every cell that the run was asked for; several instances side by side as what each additional one adds.
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
        let requested = |key: &CellKey| {
            question.asks(&results.run.manifest, &key.cell) && results.is_asked(key)
        };
        for key in question.keys().filter(|key| requested(key) && !is_copies(key.cell.parameter)) {
            let mut words = parameter_words(key.cell.parameter);
            if headline_of(results, question, &key) != question.kind.facts().headline {
                words += ", per CPU second";
            }
            table.push(row(results, question, &key, &words, numbers(results, question, &key)));
        }
        let Some((_, setting)) = with_copies(question) else { continue };
        for subject in &question.subjects {
            let key = question.key(setting, subject);
            if !results.is_asked(&key) {
                continue;
            }
            let numbers = additional_instance(results, question, &key);
            table.push(row(results, question, &key, "per further instance", numbers));
        }
    }
    table
}
