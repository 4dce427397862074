//! The claims and how they fare in this run.

use crate::judge::{Judged, Relation};
use crate::render::number::{show_plain, show_ratio};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::comparisons::p_words;
use crate::results::Results;

/// Rows: claim.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "claims",
        "Claims and verdicts",
        &[
            ("claim", Align::Wrap(0.36)),
            ("ratio", Align::Wrap(0.2)),
            ("wanted", Align::Left),
            ("verdict", Align::Wrap(0.15)),
            ("after correction", Align::Wrap(0.13)),
        ],
    );
    table.when_empty = "no claims";
    for judged in &results.judged {
        table.push(vec![
            Content::text(&judged.claim.sentence),
            ratio(judged),
            Content::Text(wanted(judged)),
            verdict(judged),
            corrected(judged),
        ]);
    }
    table
}

/// `< 0.1×`.
pub(crate) fn wanted(judged: &Judged) -> String {
    let sign = match judged.claim.relation {
        Relation::Less => '<',
        Relation::Greater => '>',
    };
    format!("{sign} {}×", show_plain(judged.claim.factor))
}

fn ratio(judged: &Judged) -> Content {
    match judged.ratio {
        Some(ratio) => Content::Number(show_ratio(ratio, judged.interval)),
        None => Content::Nothing,
    }
}

/// The verdict after Holm's correction; why there is none.
fn corrected(judged: &Judged) -> Content {
    match (judged.corrected, judged.p_adjusted) {
        (Some(verdict), Some(p)) => {
            Content::Text(format!("{} (p {})", verdict.words(), p_words(p)))
        }
        _ if !judged.is_confirmatory => Content::text("exploratory"),
        // Read, not sampled, or not measured.
        _ => Content::Nothing,
    }
}

fn verdict(judged: &Judged) -> Content {
    let words = judged.verdict.words();
    match &judged.reason {
        // Why a side was not measured is in its own table.
        Some(reason) if judged.ratio.is_some() => Content::Text(format!("{words}: {reason}")),
        _ => Content::text(words),
    }
}
