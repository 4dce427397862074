//! The sections of the page: a kind of experiment each, which folds, with its question, figures and
//! tables.

use crate::render::chart::Chart;
use crate::render::html::trail::Trail;
use crate::render::html::{decision, escape, svg, table};
use crate::render::table::Table;
use crate::render::{Rendered, origin};
use crate::results::Results;
use anyhow::Result;
use std::fmt::Write;

/// What is about the whole run stands after the experiments.
const LATER: [&str; 6] =
    ["comparisons", "published-answers", "equal-things", "subjects", "provenance", "not-measured"];

/// The sections that are open at first: what everybody wants, and the first numbers.
const OPEN: [&str; 2] = ["claims", "cold-start"];

/// A section before it is written.
pub struct Section<'a> {
    /// Its anchor: the name of its first table.
    pub id: &'static str,
    /// Its heading.
    pub title: &'a str,
    /// Its tables, the one that it is named after first.
    pub tables: Vec<&'a Table>,
}

impl Section<'_> {
    /// The heading without what follows a colon or comma: for the list of contents.
    #[must_use]
    pub fn short_title(&self) -> &str {
        self.title.split([':', ',', ';']).next().unwrap_or(self.title)
    }

    /// Whether the run has nothing for it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.rows.is_empty())
    }
}

/// Verdicts first, then the experiments, then what is about all of them.
#[must_use]
pub fn sections(rendered: &Rendered) -> Vec<Section<'_>> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    for table in &rendered.tables {
        let home = origin::home(table.name);
        match sections.iter_mut().find(|section| section.id == home) {
            Some(section) => section.tables.push(table),
            None => {
                sections.push(Section { id: table.name, title: &table.title, tables: vec![table] });
            }
        }
    }
    let rank = |section: &Section<'_>| LATER.iter().position(|later| *later == section.id);
    sections.sort_by_key(|section| rank(section).map_or(0, |rank| rank + 1));
    sections
}

/// Writes a section.
///
/// # Errors
/// When a number is not finite, which the earlier stations rule out.
pub fn write(
    out: &mut String,
    results: &Results<'_>,
    rendered: &Rendered,
    section: &Section<'_>,
    trail: &mut Trail,
) -> Result<()> {
    let open = if OPEN.contains(&section.id) { " open" } else { "" };
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "<details class=\"section\" id=\"{}\"{open}><summary><h2>{}</h2></summary>",
        section.id,
        escape(section.title)
    );
    for question in results.questions.iter().filter(|q| q.kind.key() == section.id) {
        let _ = writeln!(out, "<p class=\"question\">{}</p>", escape(&question.text));
    }
    again(out, results, section.id);
    let charts = rendered.charts.iter().chain(&rendered.of_report);
    for chart in charts.filter(|chart| origin::home(chart.name) == section.id) {
        figure(out, chart);
    }
    let _ = writeln!(out, "<div class=\"plots\" data-section=\"{}\"></div>", section.id);
    for (index, shown) in section.tables.iter().enumerate() {
        if index > 0 {
            let _ = writeln!(out, "<h3>{}</h3>", escape(&shown.title));
        }
        if shown.name == "claims" {
            out.push_str(&table::render(results, &verdict_first(shown), trail));
        } else {
            out.push_str(&table::render(results, shown, trail));
        }
    }
    if section.id == "conditions" {
        out.push_str(&decision::form(results)?);
    }
    out.push_str("</details>\n");
    Ok(())
}

/// A telephone shows little more than the first column.
fn verdict_first(claims: &Table) -> Table {
    let mut claims = claims.clone();
    if let Some(verdict) = claims.columns.iter().position(|column| column.title == "verdict") {
        claims.lead_with(verdict);
    }
    claims
}

/// The line that measures it again.
fn again(out: &mut String, results: &Results<'_>, name: &str) {
    let Some(line) = origin::again(results, name) else { return };
    let manifest = &results.run.manifest;
    let line = format!("{line} --profile {} --seed {}", manifest.profile, manifest.seed);
    let _ =
        writeln!(out, "<p class=\"again\">To measure it again: <code>{}</code></p>", escape(&line));
}

fn figure(out: &mut String, chart: &Chart) {
    let Some(figure) = svg::render(chart) else { return };
    let caption = escape(&chart.title);
    let _ = writeln!(
        out,
        "<figure><div class=\"drawing\" role=\"region\" tabindex=\"0\" \
         aria-label=\"{caption}\">{figure}</div>\
         <figcaption>{caption}</figcaption></figure>"
    );
}
