//! A table in HTML: rows that can be filtered and sorted, numbers that open.

use crate::load::question::CellKey;
use crate::render::html::escape;
use crate::render::html::trail::Trail;
use crate::render::number::Shown;
use crate::render::table::{Align, Column, Content, Row, Table};
use crate::results::Results;
use std::fmt::Write;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::name::WorkloadName;
use weighbridge_schema::quantity::Quantity;

/// The mark of a number that the load generator may have limited.
pub const LIMITED_MARK: &str = "‡";

/// The `<table>` element. A group of rows is a `tbody`, below its heading: rows are sorted within
/// it.
#[must_use]
pub fn render(results: &Results<'_>, table: &Table, trail: &mut Trail) -> String {
    let title = escape(&table.title);
    // Writing to a String cannot fail, here and below.
    let mut out = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{title}\">\
         <table data-name=\"{}\">\n<thead><tr>",
        table.name
    );
    for column in &table.columns {
        let _ =
            write!(out, "<th scope=\"col\"{}>{}</th>", class(column.align), escape(&column.title));
    }
    out.push_str("</tr></thead>\n");
    let count = table.columns.len();
    let is_heading = |row: &Row| matches!(row, Row::Heading(_));
    for group in table.rows.chunk_by(|_, next| !is_heading(next)) {
        out.push_str("<tbody>\n");
        let setting = group.iter().find_map(key_of);
        for row in group {
            match row {
                Row::Heading(text) => {
                    let _ = writeln!(
                        out,
                        "<tr class=\"group\"><th colspan=\"{count}\" scope=\"rowgroup\">\
                         <span>{}</span></th></tr>",
                        escape(text)
                    );
                }
                Row::Cells(cells) => {
                    let _ = write!(out, "<tr{}>", attributes(row, &table.columns, setting));
                    for (index, (cell, column)) in cells.iter().zip(&table.columns).enumerate() {
                        let text = content(results, cell, column, trail);
                        let class = class(column.align);
                        let _ = match index {
                            0 => write!(out, "<th scope=\"row\"{class}>{text}</th>"),
                            _ => write!(out, "<td{class}>{text}</td>"),
                        };
                    }
                    out.push_str("</tr>\n");
                }
            }
        }
        out.push_str("</tbody>\n");
    }
    if table.rows.is_empty() {
        let words = escape(table.when_empty);
        let _ =
            writeln!(out, "<tbody><tr><td colspan=\"{count}\"><em>{words}</em></td></tr></tbody>");
    }
    out.push_str("</table></div>\n");
    out
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"number\"",
        Align::Wrap(_) => " class=\"wrap\"",
    }
}

fn key_of(row: &Row) -> Option<&CellKey> {
    let Row::Cells(cells) = row else { return None };
    let mut numbers = cells.iter().filter_map(|cell| match cell {
        Content::Number(shown) | Content::Qualified(shown, _) => shown.of.as_ref(),
        _ => None,
    });
    numbers.next().map(|(key, _)| key)
}

/// What the filters go by. A row without any number has the workload of its group, and the subject
/// that it names.
fn attributes(row: &Row, columns: &[Column], setting: Option<&CellKey>) -> String {
    let Row::Cells(cells) = row else { return String::new() };
    let own = key_of(row);
    let named = match (columns.first(), cells.first()) {
        (Some(column), Some(Content::Text(text))) if column.title == "subject" => Some(&**text),
        _ => None,
    };
    let subject = own.map(|key| key.cell.subject.as_str()).or(named);
    let cell = own.or(setting).map(|key| &key.cell);
    let workload = cell.and_then(|cell| cell.workload.as_ref());
    let parts = [
        ("subject", subject),
        ("workload", workload.map(WorkloadName::as_str)),
        ("architecture", cell.map(|cell| cell.architecture.as_str())),
    ];
    let known = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| format!(" data-{name}=\"{}\"", escape(value))).collect()
}

/// A number that leads back is a button; a ratio of it says so to the script.
fn number(results: &Results<'_>, shown: &Shown, trail: &mut Trail) -> String {
    let text = match &shown.interval {
        Some((low, high)) => format!(
            "{} <span class=\"interval\">[{}, {}]</span>",
            escape(&shown.value_and_unit()),
            escape(low),
            escape(high)
        ),
        None => escape(&shown.value_and_unit()),
    };
    let Some((key, quantity)) = &shown.of else { return text };
    let is_ratio = shown.unit == "×";
    let index = trail.index_of(key, *quantity);
    let ratio = if is_ratio { " data-ratio" } else { "" };
    let button = format!("<button type=\"button\" data-number=\"{index}\"{ratio}>{text}</button>");
    if !is_limited(results, key, *quantity, is_ratio) {
        return button;
    }
    let why = "the load generator may have set the pace";
    format!("{button}<abbr class=\"limited\" title=\"{why}\">{LIMITED_MARK}</abbr>")
}

/// Whether the load generator may have had a hand in a number; what is counted by the subject's own
/// CPU time stands for itself.
fn is_limited(results: &Results<'_>, key: &CellKey, quantity: Quantity, is_ratio: bool) -> bool {
    let depends =
        matches!(quantity, Quantity::Metric(Metric::RequestsPerSecond) | Quantity::Latency(_));
    let versus = results.comparison(key, quantity).filter(|_| is_ratio).map(|c| &c.versus);
    depends
        && match versus {
            Some(baseline) => results.is_limited(key, baseline),
            None => results.limited.contains(key),
        }
}

fn content(results: &Results<'_>, content: &Content, column: &Column, trail: &mut Trail) -> String {
    match content {
        Content::Text(text) if column.title == "verdict" => {
            let word = text.split([':', ' ']).next().unwrap_or_default();
            format!("<span class=\"verdict {}\">{}</span>", escape(word), escape(text))
        }
        Content::Text(text) => escape(text),
        Content::Toned(tone, text) => {
            format!("<span class=\"tone-{}\">{}</span>", tone.name(), escape(text))
        }
        Content::Code(text) => format!("<code>{}</code>", escape(text)),
        Content::Number(shown) => number(results, shown, trail),
        Content::Qualified(shown, what) => {
            format!("{} <em>({})</em>", number(results, shown, trail), escape(what))
        }
        Content::Absent(why) => format!("<em>{}</em>", escape(why)),
        Content::Nothing => "–".to_owned(),
    }
}
