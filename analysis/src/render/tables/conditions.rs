//! When to use which, by the verdicts of the run.

use crate::conditions;
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Table};
use crate::results::Results;

/// Rows: condition, with the ratio and the verdict of its claim.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "conditions",
        "When to use which, by the verdicts of this run",
        &[
            ("when", Align::Wrap(0.34)),
            ("claim", Align::Wrap(0.2)),
            ("ratio", Align::Right),
            ("verdict", Align::Left),
            ("take", Align::Wrap(0.22)),
        ],
    );
    table.when_empty = "no claims";
    // A test reads the rows: they belong to this program.
    for condition in conditions::read().unwrap_or_default() {
        let judged = results.judged.iter().find(|judged| judged.claim.name == condition.claim);
        let Some(judged) = judged else { continue };
        let ratio = judged.ratio.map(|ratio| show_ratio(ratio, judged.interval));
        table.push(vec![
            Content::text(&condition.when),
            Content::Code(condition.claim.clone()),
            ratio.map_or(Content::Nothing, Content::Number),
            Content::text(judged.verdict.words()),
            condition.take(judged.verdict).map_or(Content::Nothing, Content::text),
        ]);
    }
    table
}
