//! Every comparison with a baseline: how large, how consistent, and how likely by chance.

use crate::compare::Comparison;
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::marginal::is_copies;
use crate::render::tables::setting_words;
use crate::results::Results;

/// Rows: experiment x setting x subject, each by the quantity that answers the experiment's question.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "comparisons",
        "Comparisons with the baseline",
        &[
            ("subject", Align::Left),
            ("ratio [95 % interval]", Align::Right),
            ("A12", Align::Right),
            ("p (Holm)", Align::Right),
            ("says", Align::Wrap(0.28)),
        ],
    );
    table.when_empty = "nothing to compare";
    let questions = results.questions.iter().filter(|q| q.kind.facts().has_ratio);
    for question in questions {
        let quantity = question.kind.facts().headline;
        for setting in question.settings.iter().filter(|s| !is_copies(s.parameter)) {
            let found: Vec<&Comparison> = question
                .subjects
                .iter()
                .filter_map(|s| results.comparison(&question.key(setting, s), quantity))
                .collect();
            if found.is_empty() {
                continue;
            }
            let words = setting_words(setting);
            let separator = if words.is_empty() { "" } else { ", " };
            table.rows.push(Row::Heading(format!(
                "{}{separator}{words}: {} vs {}",
                question.experiment,
                quantity.title(),
                question.baseline
            )));
            for comparison in found {
                table.push(cells(comparison));
            }
        }
    }
    table
}

fn cells(comparison: &Comparison) -> Vec<Content> {
    let or_nothing = |text: Option<String>| text.map_or(Content::Nothing, Content::Text);
    vec![
        Content::text(comparison.key.cell.subject.as_str()),
        match comparison.ratio {
            Some(ratio) => Content::Number(
                show_ratio(ratio, comparison.interval).of(&comparison.key, comparison.quantity),
            ),
            None => Content::Absent("undefined".to_owned()),
        },
        or_nothing(comparison.a12.map(|a12| format!("{a12:.2}"))),
        or_nothing(comparison.p_adjusted.map(p_words)),
        Content::Text(says(comparison)),
    ]
}

fn says(comparison: &Comparison) -> String {
    let mut words = comparison.effect.words().to_owned();
    if let Some(doubt) = comparison.doubt {
        words += &format!(": {}", doubt.words());
    }
    if let Some(first) = comparison.without_repeats {
        words += &format!("; without repeated visits {}", show_ratio(first, None).text());
    }
    words
}

/// `0.034`; small ones as a bound.
pub(crate) fn p_words(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { format!("{p:.3}") }
}
