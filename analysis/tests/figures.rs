//! The drawn figures, parsed: every mark and every end of an interval lies within its frame.

#![allow(clippy::unwrap_used, reason = "clippy knows test functions, not their helpers")]

use crate::support;
use crate::support::Fixture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use weighbridge_analysis::load::{Run, load};
use weighbridge_analysis::render::{self, Destinations};

/// Every figure of a run by the name of its file.
fn figures(run: &Run) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let destinations = Destinations {
        output: folder.path().join("paper"),
        report: folder.path().join("report"),
        pdf: Some(folder.path().join("weighbridge.pdf")),
        pdf_missing: None,
    };
    render::write(&support::analyse(run, &[]), &destinations).unwrap();
    let folders = [destinations.output, destinations.report.join("figures")];
    let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    let is_figure = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("figure-") || name.ends_with(".svg")
    };
    let files = entries.map(|entry| entry.unwrap().path()).filter(is_figure);
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn published() -> Run {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../paper/data");
    let runs = std::fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path());
    load(&runs.filter(|path| path.join("manifest.json").is_file()).max().unwrap()).unwrap()
}

/// `cargo xtask paper paper/data/RUN` draws it.
#[test]
fn the_picture_of_the_readme_is_of_the_published_run() {
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cold-start.svg");
    let picture = std::fs::read_to_string(picture).unwrap();
    assert!(
        figures(&published())["cold-start.svg"] == picture,
        "docs/cold-start.svg is of another run: cargo xtask paper paper/data/RUN"
    );
}

/// `key=NUMBER` of an axis.
fn option(line: &str, key: &str) -> f64 {
    let text = line.split(&format!(", {key}=")).nth(1).unwrap();
    text.split([',', ']']).next().unwrap().parse().unwrap()
}

/// The numbers of a coordinate: `(x, y) += (e, 0) -= (f, 0)`.
fn numbers(line: &str) -> Vec<f64> {
    let fields = line.split(['(', ')', ',', ' ', '+', '=']).filter(|field| !field.is_empty());
    fields.filter_map(|field| field.parse().ok()).collect()
}

/// Marks of a pgfplots figure, each with whether it lies within the axes that it belongs to.
fn marks_of_pgfplots(text: &str) -> Vec<(String, bool)> {
    let mut marks = Vec::new();
    let mut frame = None;
    for line in text.lines() {
        if line.starts_with("\\nextgroupplot") {
            let of = |key| option(line, key);
            frame = Some([of("xmin"), of("xmax"), of("ymin"), of("ymax")]);
        } else if line.trim_start().starts_with('(') {
            let [left, right, bottom, top] = frame.unwrap();
            let found = numbers(line);
            let (x, y) = (found[0], found[1]);
            let (above, below) = match found[..] {
                [_, _, above, _, below, _] => (above, below),
                _ => (0.0, 0.0),
            };
            let is_within = x - below >= left && x + above <= right && (bottom..=top).contains(&y);
            marks.push((line.trim().to_owned(), is_within));
        }
    }
    marks
}

/// Marks of an SVG, each with whether its middle lies within the axes that were drawn last before it.
fn marks_of_svg(text: &str) -> Vec<(String, bool)> {
    let coordinates = |path: &str| -> Vec<f64> {
        let fields = path.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
        fields.filter_map(|field| field.parse().ok()).collect()
    };
    let mut marks = Vec::new();
    let mut frame = None;
    for line in text.lines().take_while(|line| !line.starts_with("<text x=\"3")) {
        let Some(path) = line.strip_prefix("<path d=\"M") else { continue };
        let path = path.split('"').next().unwrap();
        let is_axes = line.contains("fill=\"none\" stroke=\"currentColor\"/>");
        if is_axes && path.contains('V') && path.contains('H') {
            let [left, top, bottom, right] = coordinates(path)[..] else { panic!("{path}") };
            frame = Some([left, right, top, bottom]);
        } else if line.contains("stroke-width=\"1.5\"") && path.contains('m') {
            let found = coordinates(path.split('m').next().unwrap());
            let Some([left, right, top, bottom]) = frame else { continue };
            let is_legend = found[1] > bottom;
            let is_within =
                (left..=right).contains(&found[0]) && (top..=bottom).contains(&found[1]);
            if !is_legend {
                marks.push((path.to_owned(), is_within));
            }
        }
    }
    marks
}

fn check(figures: &BTreeMap<String, String>, least_marks_count: usize) {
    let mut count = 0;
    for (name, text) in figures {
        let marks =
            if name.ends_with(".svg") { marks_of_svg(text) } else { marks_of_pgfplots(text) };
        let outside: Vec<_> = marks.iter().filter(|(_, is_within)| !is_within).collect();
        assert!(outside.is_empty(), "{name}: outside of its frame: {outside:?}");
        count += marks.len();
    }
    assert!(count >= least_marks_count, "{count} marks in {:?}", figures.keys());
}

#[test]
fn every_mark_is_inside_its_frame() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(10).write(folder.path());
    check(&figures(&load(folder.path()).unwrap()), 40);
    check(&figures(&published()), 400);
}

/// The test's own eyes: a mark that stands where commit 8da7646 drew the baseline's is found.
#[test]
fn a_mark_outside_is_seen() {
    let text = "\\nextgroupplot[width=1cm, xmin=1, xmax=8, ymin=0, ymax=3, a=b]\n\\addplot+[x] coordinates {\n  \
                (0.64, 2)\n  (2, 2) += (7, 0) -= (0.1, 0)\n  (2, 2) += (1, 0) -= (0.1, 0)\n};\n";
    let found: Vec<bool> = marks_of_pgfplots(text).into_iter().map(|(_, inside)| inside).collect();
    assert_eq!(found, [false, false, true]);
}

/// A line between two settings says that something was measured between them.
#[test]
fn no_line_joins_two_settings() {
    for (name, text) in figures(&published()) {
        let is_ladder = name.contains("stages");
        assert!(is_ladder || !text.contains("no marks") && !text.contains("thick"), "{name}");
    }
}

/// A subject looks the same whatever else the run holds: its family decides, not its place in a list.
#[test]
fn a_subject_keeps_its_look_from_run_to_run() {
    let mut run = published();
    let look = |run: &Run| {
        let text = &figures(run)["figure-throughput.tex"];
        let of = |family: &str| text.contains(&format!("color=wb{family}"));
        (of("process"), of("container"), of("wasm"))
    };
    let before = look(&run);
    run.manifest.experiments.values_mut().for_each(|entry| entry.subjects.reverse());
    assert_eq!(look(&run), before);
    assert_eq!(before, (true, true, true));
}
