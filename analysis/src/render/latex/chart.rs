//! A figure as a `tikzpicture` of pgfplots axes, as wide as the line it stands on.

use crate::render::chart::{
    Axis, Chart, Family, Form, PALETTE, Panel, Point, SHAPES_COUNT, Scale, Series, Style,
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
/// Height of a row: of one of many panels, and of one that has the page to itself.
const ROW_HEIGHT_CM: (f64, f64) = (0.34, 0.5);
/// Gap between two panels side by side.
const GAP_CM: f64 = 0.4;
/// Room for a character of the labels' font.
const CHARACTER_CM: f64 = 0.158;

/// Characters of the longest name in a legend of which six stand side by side.
const LONGEST_OF_SIX: usize = 24;

/// The file's content.
#[must_use]
pub fn render(chart: &Chart) -> String {
    if chart.panels.is_empty() {
        return format!("{HEADER}\\textit{{not measured}}%\n");
    }
    let mut out = String::from(HEADER);
    // Writing to a String cannot fail, here and below.
    for (index, (red, green, blue)) in PALETTE.iter().enumerate() {
        let _ = writeln!(out, "\\definecolor{{wb{index}}}{{RGB}}{{{red},{green},{blue}}}");
    }
    for family in Family::ALL {
        let (red, green, blue) = family.colour();
        let _ = writeln!(
            out,
            "\\definecolor{{{}}}{{RGB}}{{{red},{green},{blue}}}",
            colour_name(family)
        );
    }
    let columns = chart.columns();
    let lines = chart.panels.len().div_ceil(columns);
    out.push_str("{\\centering\n\\begin{tikzpicture}[font=\\footnotesize]\n");
    let _ = writeln!(
        out,
        "\\begin{{groupplot}}[group style={{group size={columns} by {lines}, \
         horizontal sep={GAP_CM}cm, vertical sep=1.45cm}}, scale only axis, \
         scaled ticks=false, tick align=outside, tick pos=left, grid=major, grid style={{black!12}}, \
         legend cell align=left, legend style={{draw=none, fill=none, font=\\scriptsize, \
         legend columns={}, /tikz/every even column/.append style={{column sep=5pt}}}}]",
        if columns == 2 && chart.longest_name() <= LONGEST_OF_SIX { 6 } else { 3 }
    );
    for (index, panel) in chart.panels.iter().enumerate() {
        let is_last = index + 1 == chart.panels.len();
        let has_names = index % columns == 0;
        out.push_str(&axis(panel, &width(chart), has_names, is_last.then_some(chart)));
    }
    let _ = writeln!(
        out,
        "\\end{{groupplot}}\n\\node[below] at (current bounding box.south) \
         {{\\pgfplotslegendfromname{{wb-{}}}}};\n\\end{{tikzpicture}}\\par}}%",
        chart.name
    );
    out
}

/// Width of one panel's axes: the line, less the names of the rows, which stand once for panels side by side.
fn width(chart: &Chart) -> String {
    let columns = chart.columns() as f64;
    let labels_cm = chart.longest_label() as f64 * CHARACTER_CM + 0.55 + GAP_CM * (columns - 1.0);
    format!("{{{:.3}\\linewidth-{:.2}cm}}", 1.0 / columns, labels_cm / columns)
}

/// One panel; the last one holds the legend of the whole `chart`.
fn axis(panel: &Panel, width: &str, has_names: bool, legend_of: Option<&Chart>) -> String {
    let mut out = String::new();
    let rows = panel.y.ticks.len() as f64;
    let (small, large) = ROW_HEIGHT_CM;
    let height = rows * if rows > 10.0 { small } else { large } + 0.4;
    let _ = write!(out, "\\nextgroupplot[width={width}, height={height:.2}cm");
    if !panel.title.is_empty() {
        let _ = write!(out, ", title={{{}}}, title style={{yshift=-1ex}}", escape(&panel.title));
    }
    out.push_str(&axis_options("x", &panel.x));
    out.push_str(&axis_options("y", &panel.y));
    if !has_names {
        out.push_str(", yticklabels={}");
    }
    if let Some(chart) = legend_of {
        let _ = write!(out, ", legend to name=wb-{}", chart.name);
    }
    out.push_str("]\n");
    for one in &panel.series {
        out.push_str(&series(one));
    }
    for (name, style) in legend_of.map(Chart::legend).unwrap_or_default() {
        let look = look(style);
        let _ = writeln!(out, "\\addlegendimage{{{look}}}\n\\addlegendentry{{{}}}", escape(name));
    }
    out
}

fn axis_options(axis: &str, of: &Axis) -> String {
    let ticks: Vec<String> = of.ticks.iter().map(|(at, _)| coordinate(*at)).collect();
    let labels: Vec<String> = of.ticks.iter().map(|(_, l)| format!("{{{}}}", escape(l))).collect();
    let mut out = format!(
        ", {axis}min={}, {axis}max={}, {axis}tick={{{}}}, {axis}ticklabels={{{}}}, minor {axis} tick num=0",
        coordinate(of.range.0),
        coordinate(of.range.1),
        ticks.join(","),
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

fn series(series: &Series) -> String {
    let mut look = format!("{}, forget plot", look(series.style));
    if series.points.iter().any(|point| point.interval.is_some()) {
        look.push_str(", error bars/.cd, x dir=both, x explicit, error bar style={solid}");
    }
    let mut out = format!("\\addplot+[{look}] coordinates {{\n");
    for point in &series.points {
        let _ = writeln!(out, "  {}", coordinates(point));
    }
    out.push_str("};\n");
    out
}

fn look(style: Style) -> String {
    match style {
        Style::Subject(family, form) => format!("only marks, {}", subject_mark(family, form)),
        Style::Marks(i) => format!("only marks, {}", mark(i)),
        Style::Thread => "no marks, black!35, thin, solid".to_owned(),
    }
}

fn colour_name(family: Family) -> String {
    format!("wb{}", family.words().to_lowercase())
}

/// The mark differs by family as the colour does: a print in grey says the same.
fn subject_mark(family: Family, form: Form) -> String {
    let shape = match family {
        Family::Process => "*",
        Family::Container => "square*",
        Family::Wasm => "triangle*",
    };
    let colour = colour_name(family);
    let fill = if form == Form::Filled { colour.as_str() } else { "white" };
    format!(
        "mark={shape}, mark size=2pt, color={colour}, mark options={{solid, line width=0.7pt, fill={fill}}}"
    )
}

fn mark(index: usize) -> String {
    let colour = format!("wb{}", index % PALETTE.len());
    format!(
        "mark={}, mark size=1.8pt, color={colour}, mark options={{solid, line width=0.7pt, fill={colour}}}",
        MARKS[index % SHAPES_COUNT]
    )
}

fn coordinates(point: &Point) -> String {
    let at = format!("({}, {})", coordinate(point.x), coordinate(point.y));
    let Some((low, high)) = point.interval else { return at };
    let end = |length: f64| coordinate(length.max(0.0));
    format!("{at} += ({}, 0) -= ({}, 0)", end(high - point.x), end(point.x - low))
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
