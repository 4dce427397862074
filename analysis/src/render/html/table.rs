//! A table in HTML.

use crate::render::html::escape;
use crate::render::number::Shown;
use crate::render::table::{Align, Content, Row, Table};
use std::fmt::Write;

/// The `<table>` element.
#[must_use]
pub fn render(table: &Table) -> String {
    // Writing to a String cannot fail, here and below.
    let mut out = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
    for column in &table.columns {
        let _ = write!(out, "<th{}>{}</th>", class(column.align), escape(&column.title));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    let count = table.columns.len();
    for row in &table.rows {
        match row {
            Row::Heading(text) => {
                let _ = writeln!(
                    out,
                    "<tr><th class=\"group\" colspan=\"{count}\" scope=\"rowgroup\">{}</th></tr>",
                    escape(text)
                );
            }
            Row::Cells(cells) => {
                out.push_str("<tr>");
                for (cell, column) in cells.iter().zip(&table.columns) {
                    let _ = write!(out, "<td{}>{}</td>", class(column.align), content(cell));
                }
                out.push_str("</tr>\n");
            }
        }
    }
    if table.rows.is_empty() {
        let words = escape(table.when_empty);
        let _ = writeln!(out, "<tr><td colspan=\"{count}\"><em>{words}</em></td></tr>");
    }
    out.push_str("</tbody>\n</table></div>\n");
    out
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"number\"",
        Align::Wrap(_) => " class=\"wrap\"",
    }
}

fn number(shown: &Shown) -> String {
    match &shown.interval {
        Some((low, high)) => format!(
            "{} <span class=\"interval\">[{}, {}]</span>",
            escape(&shown.value_and_unit()),
            escape(low),
            escape(high)
        ),
        None => escape(&shown.value_and_unit()),
    }
}

fn content(content: &Content) -> String {
    match content {
        Content::Text(text) => escape(text),
        Content::Code(text) => format!("<code>{}</code>", escape(text)),
        Content::Number(shown) => number(shown),
        Content::Qualified(shown, what) => format!("{} <em>({})</em>", number(shown), escape(what)),
        Content::Absent(why) => format!("<em>{}</em>", escape(why)),
        Content::Nothing => "–".to_owned(),
    }
}
