//! The lines of speed.toml as a terminal shows them: one table, and below it what must be known to read it.

use crate::render::number::{Shown, show, show_ratio};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::claims;
use crate::render::text::grid;
use crate::speed::{Line, Wanted};
use std::fmt::Write;
use weighbridge_schema::speed::Limit;
use weighbridge_statistics::bootstrap::Interval;

/// The table, and a line for each remark.
#[must_use]
pub fn text(lines: &[Line<'_>]) -> String {
    let columns = [
        ("line", Align::Left),
        ("measured [95 %]", Align::Right),
        ("n", Align::Right),
        ("wanted", Align::Left),
        ("verdict", Align::Left),
    ];
    let mut table = Table::new("speed", "How fast our own arms and the harness are", &columns);
    for line in lines {
        table.push(vec![
            Content::text(line.name),
            measured(line).map_or(Content::Nothing, Content::Number),
            Content::Text(line.n.to_string()),
            Content::Text(wanted(&line.wanted)),
            Content::text(line.verdict.words()),
        ]);
    }
    let mut out = grid(&table);
    for line in lines {
        if let Some(remark) = &line.remark {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{}: {}: {remark}", line.name, line.verdict.words());
        }
    }
    out
}

fn measured(line: &Line<'_>) -> Option<Shown> {
    let value = line.value?;
    Some(match line.wanted {
        Wanted::Ratio(_) => show_ratio(value, line.interval),
        Wanted::Value(limit) => shown(value, line.interval, limit),
    })
}

fn wanted(wanted: &Wanted<'_>) -> String {
    match wanted {
        Wanted::Ratio(judged) => claims::wanted(judged),
        Wanted::Value(limit) => {
            let sign = match limit {
                Limit::AtMostNs(_) | Limit::AtMostBytes(_) => '≤',
                Limit::AtLeast(_) => '≥',
            };
            format!("{sign} {}", shown(limit.value(), None, *limit).text())
        }
    }
}

/// A value in the unit of `limit`.
fn shown(value: f64, interval: Option<Interval>, limit: Limit) -> Shown {
    match limit.unit() {
        Some(unit) => show(value, interval, unit, false),
        None => show_ratio(value, interval),
    }
}
