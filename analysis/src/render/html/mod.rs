//! The report: one page with the paper's tables and figures, which needs neither TeX nor a network.
//! It is whole without its scripts; they filter, sort, draw, and lead from a number to the raw log.

pub mod decision;
pub mod page;
pub mod sections;
pub mod svg;
pub mod table;
pub mod trail;

/// Free text, safe in HTML and SVG.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}
