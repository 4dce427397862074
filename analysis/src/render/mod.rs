//! Last station: results become files. Tables and figures are models first ([`table::Table`],
//! [`chart::Chart`]); paper, report and terminal are ways out of the same models.

pub mod beside;
pub mod brief;
pub mod chart;
pub mod decision;
pub mod figures;
pub mod history;
pub mod html;
pub mod json;
pub mod latex;
pub mod number;
pub mod origin;
pub mod speed;
pub mod table;
pub mod tables;
pub mod text;
pub mod upgrade;
pub mod verification;

use crate::results::Results;
use anyhow::{Context, Result};
use html::page::Surroundings;
use std::path::{Component, Path, PathBuf};

/// Every table and figure, before typesetting.
#[derive(Debug)]
pub struct Rendered {
    /// Tables in the report's order.
    pub tables: Vec<table::Table>,
    /// Figures in the report's order.
    pub charts: Vec<chart::Chart>,
    /// Figures that the report alone has.
    pub of_report: Vec<chart::Chart>,
}

/// Where the files go.
#[derive(Debug)]
pub struct Destinations {
    /// Folder of the paper's generated files.
    pub output: PathBuf,
    /// Folder of the report.
    pub report: PathBuf,
    /// Where the paper is, or will be, for the report's link to it.
    pub pdf: Option<PathBuf>,
    /// Why there is no PDF, for the report.
    pub pdf_missing: Option<String>,
}

/// Writes every file.
///
/// # Errors
/// A folder or file that cannot be written, by its path.
pub fn write(results: &Results<'_>, destinations: &Destinations) -> Result<()> {
    let rendered = Rendered {
        tables: tables::all(results),
        charts: figures::all(results),
        of_report: figures::of_report(results),
    };
    write_paper(results, &rendered, &destinations.output)?;
    write_report(results, &rendered, destinations)
}

fn write_paper(results: &Results<'_>, rendered: &Rendered, folder: &Path) -> Result<()> {
    let meta = tables::provenance::meta(results);
    save(&folder.join("numbers.tex"), &latex::numbers::render(results, rendered, &meta))?;
    for table in &rendered.tables {
        save(&folder.join(format!("table-{}.tex", table.name)), &latex::table::render(table))?;
    }
    for chart in &rendered.charts {
        save(&folder.join(format!("figure-{}.tex", chart.name)), &latex::chart::render(chart))?;
    }
    save(&folder.join("summary.txt"), &text::render(results))?;
    save(&folder.join("brief.txt"), &brief::render(results))?;
    save(&folder.join("summary.json"), &json::render(results)?)
}

fn write_report(
    results: &Results<'_>,
    rendered: &Rendered,
    destinations: &Destinations,
) -> Result<()> {
    let folder = &destinations.report;
    for chart in &rendered.charts {
        if let Some(svg) = html::svg::render(chart) {
            save(&folder.join("figures").join(format!("{}.svg", chart.name)), &svg)?;
        }
    }
    let surroundings = Surroundings {
        run_link: relative(folder, &results.run.folder)?,
        generated_link: relative(folder, &destinations.output)?,
        pdf_link: destinations.pdf.as_deref().map(|pdf| relative_file(folder, pdf)).transpose()?,
        pdf_missing: destinations.pdf_missing.clone(),
    };
    save(&folder.join("index.html"), &html::page::render(results, rendered, &surroundings)?)
}

/// The path from a folder to a file that may not be there yet; its folder is.
fn relative_file(from: &Path, to: &Path) -> Result<String> {
    let named = to.parent().zip(to.file_name());
    let (folder, name) = named.with_context(|| format!("{} names no file", to.display()))?;
    // `weighbridge.pdf` alone has a parent, which is empty and means the current folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(format!("{}/{}", relative(from, folder)?, name.to_string_lossy()))
}

fn save(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("making the folder {}", folder.display()))?;
    }
    std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// The path from folder `from` to folder `to`, with `/`.
fn relative(from: &Path, to: &Path) -> Result<String> {
    std::fs::create_dir_all(from)
        .with_context(|| format!("making the folder {}", from.display()))?;
    let full = |path: &Path| {
        path.canonicalize().with_context(|| format!("resolving the path {}", path.display()))
    };
    let (from, to) = (full(from)?, full(to)?);
    let common = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(common).map(|_| "..".to_owned());
    let down = to.components().skip(common).filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let parts: Vec<String> = up.chain(down).collect();
    Ok(if parts.is_empty() { ".".to_owned() } else { parts.join("/") })
}
