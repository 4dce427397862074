//! The tempting number beside the careful one, both from this run.

use crate::answers::{Numbers, Pair};
use crate::pitfalls;
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Table};
use crate::results::Results;

/// Rows: a choice that is rarely stated.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "pitfalls",
        "The tempting number beside the careful one, of the same run",
        &[
            ("what is not said", Align::Wrap(0.17)),
            ("tempting", Align::Wrap(0.25)),
            ("factor", Align::Right),
            ("careful", Align::Wrap(0.25)),
            ("factor", Align::Right),
            ("off by", Align::Right),
        ],
    );
    // A test reads the rows: they belong to this program.
    table.when_empty = "analysis/pitfalls.toml cannot be read";
    let numbers = Numbers::of(results);
    for pitfall in pitfalls::read().unwrap_or_default() {
        let off_by = pitfall.off_by(&numbers);
        table.push(vec![
            Content::text(&pitfall.choice),
            Content::text(&pitfall.tempting.what),
            factor(&numbers, &pitfall.tempting),
            Content::text(&pitfall.careful.what),
            factor(&numbers, &pitfall.careful),
            off_by.map_or(Content::Nothing, |times| Content::Number(show_ratio(times, None))),
        ]);
    }
    table
}

fn factor(numbers: &Numbers<'_>, pair: &Pair) -> Content {
    numbers.factor(pair).map_or_else(
        || Content::Absent("not measured in this run".to_owned()),
        |factor| Content::Number(show_ratio(factor.point, factor.interval)),
    )
}
