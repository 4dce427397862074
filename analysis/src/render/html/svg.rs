//! A figure as SVG. Text and lines take the page's colour, so that one file suits light and dark.

use crate::render::chart::{
    Axis, Chart, Family, Form, PALETTE, Panel, Point, SHAPES_COUNT, Scale, Series, Style,
};
use crate::render::html::escape;
use std::fmt::Write;

/// Width of the axes of a panel that stands alone, and of one of two side by side.
const PANEL_WIDTH: (f64, f64) = (520.0, 380.0);
const ROW_HEIGHT: f64 = 22.0;
const GAP: f64 = 30.0;
const LEGEND_LINE: f64 = 20.0;
/// Average advance of a character of the 12 px font: only for making room.
const CHARACTER: f64 = 6.8;

/// Where a panel's axes stand.
struct Frame<'a> {
    panel: &'a Panel,
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// Whether the rows' names stand to its left; of two panels side by side, the first has them for both.
    has_names: bool,
}

/// The whole file; `None` when the figure is empty.
#[must_use]
pub fn render(chart: &Chart) -> Option<String> {
    chart.panels.first()?;
    let margin = chart.longest_label() as f64 * CHARACTER + 18.0;
    let columns = chart.columns();
    let width = if columns == 1 { PANEL_WIDTH.0 } else { PANEL_WIDTH.1 };
    let mut body = String::new();
    let mut bottom: f64 = 0.0;
    let mut top = 0.0;
    for (index, panel) in chart.panels.iter().enumerate() {
        let column = index % columns;
        if column == 0 {
            top = bottom + 26.0;
        }
        let height = panel.y.ticks.len() as f64 * ROW_HEIGHT;
        let left = margin + column as f64 * (width + GAP);
        Frame { panel, left, top, width, height, has_names: column == 0 }.draw(&mut body);
        bottom = bottom.max(top + height + 44.0);
    }
    let total = margin + columns as f64 * (width + GAP);
    let end = legend(chart, &mut body, bottom + 14.0, total);
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {total:.0} {end:.0}\" role=\"img\" \
         aria-label=\"{}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" \
         style=\"max-width:{total:.0}px\">\n\
         <style>svg{{color:#1a1a1a}}@media(prefers-color-scheme:dark){{svg{{color:#e6e6e6}}}}</style>\n\
         {body}</svg>\n",
        escape(&chart.title)
    ))
}

/// Share of the axis, from its smallest value, at which `value` lies.
fn share(axis: &Axis, value: f64) -> f64 {
    let (low, high) = axis.range;
    let share = match axis.scale {
        Scale::Linear => (value - low) / (high - low),
        Scale::Log => (value.max(low) / low).ln() / (high / low).ln(),
    };
    share.clamp(-0.02, 1.02)
}

impl Frame<'_> {
    fn x(&self, value: f64) -> f64 {
        self.left + share(&self.panel.x, value) * self.width
    }

    fn y(&self, value: f64) -> f64 {
        let share = share(&self.panel.y, value);
        self.top + self.height * if self.panel.y.reversed { share } else { 1.0 - share }
    }

    fn draw(&self, out: &mut String) {
        self.draw_axes(out);
        for series in &self.panel.series {
            self.draw_series(series, out);
        }
    }

    // Writing to a String cannot fail, here and below.
    fn draw_axes(&self, out: &mut String) {
        let (left, top) = (self.left, self.top);
        let (right, bottom) = (left + self.width, top + self.height);
        for (at, label) in &self.panel.x.ticks {
            let x = self.x(*at);
            let _ = writeln!(
                out,
                "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>\
                 <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"currentColor\">{}</text>",
                bottom + 16.0,
                escape(label)
            );
        }
        for (at, label) in &self.panel.y.ticks {
            let y = self.y(*at);
            let _ = writeln!(
                out,
                "<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>"
            );
            if !self.has_names {
                continue;
            }
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"currentColor\">{}</text>",
                left - 7.0,
                y + 4.0,
                escape(label)
            );
        }
        let _ = writeln!(
            out,
            "<path d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\" fill=\"none\" stroke=\"currentColor\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"currentColor\">{}</text>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"600\" fill=\"currentColor\">{}</text>",
            left + self.width / 2.0,
            bottom + 34.0,
            escape(&self.panel.x.label),
            left + self.width / 2.0,
            top - 8.0,
            escape(&self.panel.title)
        );
    }

    fn draw_series(&self, series: &Series, out: &mut String) {
        let colour = match series.style {
            Style::Subject(family, _) => rgb(family.colour()),
            Style::Marks(i) => colour(i),
            Style::Thread => "currentColor".to_owned(),
        };
        if series.style == Style::Thread {
            let points: Vec<String> = (series.points.iter())
                .map(|p| format!("{:.1} {:.1}", self.x(p.x), self.y(p.y)))
                .collect();
            let _ = writeln!(
                out,
                "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" stroke-opacity=\".45\"/>",
                points.join("L")
            );
        }
        for point in &series.points {
            self.draw_interval(point, &colour, out);
            mark_of(series.style, self.x(point.x), self.y(point.y), out);
        }
    }

    fn draw_interval(&self, point: &Point, colour: &str, out: &mut String) {
        let Some((low, high)) = point.interval else { return };
        let (a, b, y) = (self.x(low), self.x(high), self.y(point.y));
        let _ = writeln!(
            out,
            "<path d=\"M{a:.1} {:.1}v8M{b:.1} {:.1}v8M{a:.1} {y:.1}H{b:.1}\" fill=\"none\" stroke=\"{colour}\" \
             stroke-width=\"1.3\"/>",
            y - 4.0,
            y - 4.0
        );
    }
}

fn rgb((red, green, blue): (u8, u8, u8)) -> String {
    format!("rgb({red},{green},{blue})")
}

/// The mark of a style; a thread has none. The grey of a process takes the page's colour, so that it is seen on a dark
/// one.
fn mark_of(style: Style, x: f64, y: f64, out: &mut String) {
    let (family, form) = match style {
        Style::Subject(family, form) => (family, form),
        Style::Marks(i) => return mark(i, x, y, out),
        Style::Thread => return,
    };
    let path = match family {
        Family::Process => SHAPES[0],
        Family::Container => SHAPES[1],
        Family::Wasm => SHAPES[2],
    };
    let colour = match family {
        Family::Process => "currentColor".to_owned(),
        Family::Container | Family::Wasm => rgb(family.colour()),
    };
    let fill = if form == Form::Filled { colour.as_str() } else { "none" };
    let _ = writeln!(
        out,
        "<path d=\"M{x:.1} {y:.1}{path}\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    );
}

/// Circle, square, triangle, diamond, round the point that they mark.
const SHAPES: [&str; 4] = [
    "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "m-3.6 -3.6h7.2v7.2h-7.2z",
    "m0 -5l4.6 8h-9.2z",
    "m0 -5l5 5l-5 5l-5 -5z",
];

fn colour(index: usize) -> String {
    rgb(PALETTE[index % PALETTE.len()])
}

/// Filled circle, square, triangle, diamond; the same hollow; cross, plus, asterisk.
fn mark(index: usize, x: f64, y: f64, out: &mut String) {
    let shape = index % SHAPES_COUNT;
    let (cross, plus) = ("m-3.6 -3.6l7.2 7.2m0 -7.2l-7.2 7.2", "m-4.6 0h9.2m-4.6 -4.6v9.2");
    let path = match shape {
        0..=3 => SHAPES[shape].to_owned(),
        4..=7 => SHAPES[shape - 4].to_owned(),
        8 => cross.to_owned(),
        9 => plus.to_owned(),
        _ => format!("{plus}M{x:.1} {y:.1}{cross}"),
    };
    let colour = colour(index);
    let fill = if shape < 4 { colour.as_str() } else { "none" };
    let _ = writeln!(
        out,
        "<path d=\"M{x:.1} {y:.1}{path}\" fill=\"{fill}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    );
}

/// Draws the legend below the panels and gives the place where the figure ends.
fn legend(chart: &Chart, out: &mut String, top: f64, total: f64) -> f64 {
    let (mut x, mut y) = (20.0, top);
    for (name, style) in chart.legend() {
        let width = name.chars().count() as f64 * CHARACTER + 32.0;
        if x + width > total && x > 20.0 {
            (x, y) = (20.0, y + LEGEND_LINE);
        }
        mark_of(style, x, y - 4.0, out);
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{y:.1}\" fill=\"currentColor\">{}</text>",
            x + 10.0,
            escape(name)
        );
        x += width;
    }
    y + 12.0
}
