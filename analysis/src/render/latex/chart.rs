//! A figure as a `tikzpicture` of pgfplots axes, as wide as the line it stands on.

use crate::render::chart::{
    Axis, Chart, Errors, PALETTE, Panel, Point, SHAPES_COUNT, Scale, Series, Style,
};
use crate::render::latex::{HEADER, escape};
use std::fmt::Write;

/// The shapes of marks, in the order of the other ways out.
const MARKS: [&str; SHAPES_COUNT] = [
    "*",
    "square*",
    "triangle*",
    "diamond*",
    "o",
    "square",
    "triangle",
    "diamond",
    "x",
    "+",
    "asterisk",
];
const ROW_HEIGHT_CM: f64 = 0.55;
/// Room for a character of the labels' font.
const CHARACTER_CM: f64 = 0.158;

/// The file's content.
#[must_use]
pub fn render(chart: &Chart) -> String {
    if chart.panels.is_empty() {
        return format!("{HEADER}\\textit{{not measured}}%\n");
    }
    let mut out = String::from(HEADER);
    // Writing to a String cannot fail, here and below.
    for (place, (red, green, blue)) in PALETTE.iter().enumerate() {
        let _ = writeln!(out, "\\definecolor{{wb{place}}}{{RGB}}{{{red},{green},{blue}}}");
    }
    let columns = if chart.is_rows() { 1 } else { chart.panels.len().min(2) };
    let lines = chart.panels.len().div_ceil(columns);
    out.push_str("{\\centering\n\\begin{tikzpicture}[font=\\footnotesize]\n");
    let _ = writeln!(
        out,
        "\\begin{{groupplot}}[group style={{group size={columns} by {lines}, \
         horizontal sep=1.4cm, vertical sep=1.7cm}}, scale only axis, \
         scaled ticks=false, tick align=outside, tick pos=left, grid=major, grid style={{black!12}}, \
         legend cell align=left, legend style={{draw=none, fill=none, font=\\scriptsize, \
         legend columns={}, /tikz/every even column/.append style={{column sep=5pt}}}}]",
        if columns == 2 { 5 } else { 3 }
    );
    for (place, panel) in chart.panels.iter().enumerate() {
        let is_last = place + 1 == chart.panels.len();
        out.push_str(&axis(panel, &width(chart), is_last.then_some(chart)));
    }
    let _ = writeln!(
        out,
        "\\end{{groupplot}}\n\\node[below] at (current bounding box.south) \
         {{\\pgfplotslegendfromname{{wb-{}}}}};\n\\end{{tikzpicture}}\\par}}%",
        chart.name
    );
    out
}

/// Width of one panel's axes: the line, less what stands beside them.
fn width(chart: &Chart) -> String {
    match (chart.is_rows(), chart.panels.len()) {
        (true, _) => {
            let labels_cm = chart.longest_label() as f64 * CHARACTER_CM + 0.55;
            format!("{{\\linewidth-{labels_cm:.2}cm}}")
        }
        (false, 1) => "{\\linewidth-1.6cm}".to_owned(),
        (false, _) => "{0.5\\linewidth-1.5cm}".to_owned(),
    }
}

/// One panel; the last one holds the legend of the whole `chart`.
fn axis(panel: &Panel, width: &str, legend_of: Option<&Chart>) -> String {
    let mut out = String::new();
    let rows = panel.y.ticks.len() as f64;
    let height = if panel.y.reversed { rows * ROW_HEIGHT_CM + 0.4 } else { 4.2 };
    let _ = write!(out, "\\nextgroupplot[width={width}, height={height:.2}cm");
    if !panel.title.is_empty() {
        let _ = write!(out, ", title={{{}}}", escape(&panel.title));
    }
    out.push_str(&axis_options("x", &panel.x));
    out.push_str(&axis_options("y", &panel.y));
    if let Some(chart) = legend_of {
        let _ = write!(out, ", legend to name=wb-{}", chart.name);
    }
    out.push_str("]\n");
    for one in &panel.series {
        out.push_str(&series(one, panel.errors));
    }
    for (name, style) in legend_of.map(Chart::legend).unwrap_or_default() {
        let look = look(style);
        let _ = writeln!(out, "\\addlegendimage{{{look}}}\n\\addlegendentry{{{}}}", escape(name));
    }
    out
}

fn axis_options(axis: &str, of: &Axis) -> String {
    let places: Vec<String> = of.ticks.iter().map(|(at, _)| coordinate(*at)).collect();
    let labels: Vec<String> = of.ticks.iter().map(|(_, l)| format!("{{{}}}", escape(l))).collect();
    let mut out = format!(
        ", {axis}min={}, {axis}max={}, {axis}tick={{{}}}, {axis}ticklabels={{{}}}, minor {axis} tick num=0",
        coordinate(of.range.0),
        coordinate(of.range.1),
        places.join(","),
        labels.join(","),
    );
    if of.scale == Scale::Log {
        let _ = write!(out, ", {axis}mode=log");
    }
    if of.reversed {
        let _ = write!(out, ", {axis} dir=reverse");
    }
    if !of.label.is_empty() {
        let _ = write!(out, ", {axis}label={{{}}}", escape(&of.label));
    }
    out
}

fn series(series: &Series, errors: Errors) -> String {
    let mut look = format!("{}, forget plot", look(series.style));
    let direction = match errors {
        Errors::X => "x",
        Errors::Y => "y",
    };
    if series.points.iter().any(|point| point.interval.is_some()) {
        let _ = write!(
            look,
            ", error bars/.cd, {direction} dir=both, {direction} explicit, error bar style={{solid}}"
        );
    }
    let mut out = format!("\\addplot+[{look}] coordinates {{\n");
    for point in &series.points {
        let _ = writeln!(out, "  {}", coordinates(point, errors));
    }
    out.push_str("};\n");
    out
}

fn look(style: Style) -> String {
    match style {
        Style::Marks(i) => format!("only marks, {}", mark(i)),
        Style::Line(i) => format!("{}, thick, solid", mark(i)),
        Style::Dashed(i) => format!("{}, thick, dashed", mark(i)),
        Style::Thread => "no marks, black!35, thin, solid".to_owned(),
    }
}

fn mark(place: usize) -> String {
    let colour = format!("wb{}", place % PALETTE.len());
    format!(
        "mark={}, mark size=1.8pt, color={colour}, mark options={{solid, line width=0.7pt, fill={colour}}}",
        MARKS[place % SHAPES_COUNT]
    )
}

fn coordinates(point: &Point, errors: Errors) -> String {
    let at = format!("({}, {})", coordinate(point.x), coordinate(point.y));
    let Some((low, high)) = point.interval else { return at };
    let (centre, pair): (f64, fn(f64) -> String) = match errors {
        Errors::X => (point.x, |e| format!("({}, 0)", coordinate(e))),
        Errors::Y => (point.y, |e| format!("(0, {})", coordinate(e))),
    };
    format!("{at} += {} -= {}", pair((high - centre).max(0.0)), pair((centre - low).max(0.0)))
}

/// Six significant digits: far below what can be seen, and stable to compare.
fn coordinate(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (5 - value.abs().log10().floor() as i32).max(0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}
