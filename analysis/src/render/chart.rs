//! A figure before it is drawn: one model, two ways out (pgfplots, SVG).

/// How an axis maps values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By powers; all values are above 0.
    Log,
}

/// An axis with everything decided: both ways out draw the same ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it shows, with the unit.
    pub label: String,
    /// How.
    pub scale: Scale,
    /// Smallest and largest value.
    pub range: (f64, f64),
    /// Places and their labels.
    pub ticks: Vec<(f64, String)>,
    /// `true` where the smallest value is at the top (rows of names).
    pub reversed: bool,
}

/// Along which axis the error bars lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Errors {
    /// Horizontal.
    X,
    /// Vertical.
    Y,
}

/// A measured point; `low` and `high` are the interval's ends along [`Errors`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Horizontal place.
    pub x: f64,
    /// Vertical place.
    pub y: f64,
    /// The interval's ends; `None` when there is no interval.
    pub interval: Option<(f64, f64)>,
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Marks of the palette's colour and shape, unconnected.
    Marks(usize),
    /// Marks joined by a line.
    Line(usize),
    /// Marks joined by a dashed line.
    Dashed(usize),
    /// A thin grey line without marks, which joins what belongs together.
    Thread,
}

/// Points that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name in the legend; `None` keeps it out.
    pub name: Option<String>,
    /// Its look.
    pub style: Style,
    /// Its points.
    pub points: Vec<Point>,
}

/// One pair of axes.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its title; empty for none.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
    /// Direction of the error bars.
    pub errors: Errors,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Name of its file, after `figure-`.
    pub name: &'static str,
    /// Its title in the report; the paper's caption is in the section's source.
    pub title: String,
    /// Panels, side by side in pairs. Empty when there is nothing to show.
    pub panels: Vec<Panel>,
}

impl Chart {
    /// Every named series of any panel, once: a subject that failed in the last panel is in the legend too.
    #[must_use]
    pub fn legend(&self) -> Vec<(&str, Style)> {
        let mut entries: Vec<(&str, Style)> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if let Some(name) = series.name.as_deref()
                && entries.iter().all(|(known, _)| *known != name)
            {
                entries.push((name, series.style));
            }
        }
        entries
    }

    /// `true` when the panels are rows of names, which are set one below the other.
    #[must_use]
    pub fn is_rows(&self) -> bool {
        self.panels.first().is_some_and(|panel| panel.y.reversed)
    }

    /// Characters of the longest label of a vertical axis: how much room it takes.
    #[must_use]
    pub fn longest_label(&self) -> usize {
        let labels = self.panels.iter().flat_map(|panel| &panel.y.ticks);
        labels.map(|(_, label)| label.chars().count()).max().unwrap_or(0)
    }
}

/// Shapes of marks. There are more of them than colours, and their number has no factor in common with that
/// of the colours: every pair occurs before one comes again.
pub const SHAPES_COUNT: usize = 11;

/// Colours that people with any colour vision tell apart (Okabe & Ito 2008, without the yellow, which is
/// too pale on paper), as red, green, blue. Marks differ as well: no figure depends on colour.
pub const PALETTE: [(u8, u8, u8); 7] = [
    (0, 114, 178),
    (213, 94, 0),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (120, 120, 120),
];

impl Axis {
    /// A log axis round all of `values`, or a linear one from 0 when they lie within a factor of 20.
    #[must_use]
    pub fn fitting(label: &str, values: &[f64]) -> Self {
        let (low, high) = extent(values);
        if low > 0.0 && high / low > 20.0 {
            Self::log(label, values)
        } else {
            Self::linear(label, values)
        }
    }

    /// A log axis round all of `values`.
    #[must_use]
    pub fn log(label: &str, values: &[f64]) -> Self {
        let (low, high) = extent(values);
        let range = (low / 1.35, high * 1.35);
        Self {
            label: label.to_owned(),
            scale: Scale::Log,
            range,
            ticks: log_ticks(range),
            reversed: false,
        }
    }

    /// A linear axis from 0.
    #[must_use]
    pub fn linear(label: &str, values: &[f64]) -> Self {
        let (_, high) = extent(values);
        let step = linear_step(high);
        let range = (0.0, high * 1.08);
        let count = (range.1 / step).floor() as usize;
        let ticks = (0..=count).map(|i| i as f64 * step).map(|at| (at, plain(at))).collect();
        Self { label: label.to_owned(), scale: Scale::Linear, range, ticks, reversed: false }
    }

    /// A log axis with ticks at `values` only: the settings that were measured.
    #[must_use]
    pub fn settings(label: &str, values: &[f64]) -> Self {
        let ticks = values.iter().map(|&at| (at, plain(at))).collect();
        Self { ticks, ..Self::log(label, values) }
    }

    /// A row per name, the first at the top.
    #[must_use]
    pub fn rows(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        let range = (-0.6, names.len() as f64 - 0.4);
        Self { label: String::new(), scale: Scale::Linear, range, ticks, reversed: true }
    }
}

impl Series {
    /// Every value along the axis of the errors, interval ends included.
    pub fn extremes(&self, errors: Errors) -> impl Iterator<Item = f64> + '_ {
        self.points.iter().flat_map(move |point| {
            let at = if errors == Errors::X { point.x } else { point.y };
            let (low, high) = point.interval.unwrap_or((at, at));
            [at, low, high]
        })
    }
}

fn extent(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low.is_finite() && high > 0.0 { (low, high) } else { (1.0, 1.0) }
}

fn log_ticks((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let first = low.log10().floor() as i32;
    let last = high.log10().ceil() as i32;
    let within = |at: &f64| *at >= low && *at <= high;
    let at = |steps: &[f64]| -> Vec<f64> {
        let all = (first..=last).flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)));
        all.filter(within).collect()
    };
    let decades = at(&[1.0]);
    let places = match decades.len() {
        0 => at(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
        1 | 2 => at(&[1.0, 2.0, 5.0]),
        _ => decades,
    };
    places.into_iter().map(|at| (at, plain(at))).collect()
}

fn linear_step(high: f64) -> f64 {
    let power = 10f64.powi((high / 5.0).log10().floor() as i32);
    let wanted = high / 5.0 / power;
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|step| *step >= wanted).unwrap_or(10.0);
    nice * power
}

/// Shortest decimal form, without the dust of floating-point powers; thousands as `k`, millions as `M`.
fn plain(value: f64) -> String {
    if value >= 1_000_000.0 {
        return format!("{}M", plain(value / 1_000_000.0));
    }
    if value >= 10_000.0 {
        return format!("{}k", plain(value / 1000.0));
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        assert_eq!(labels(&Axis::log("", &[0.5, 140.0])), ["1", "10", "100"]);
        assert_eq!(labels(&Axis::log("", &[1.2, 4.0])), ["1", "2", "5"]);
        assert_eq!(labels(&Axis::linear("", &[930.0])), ["0", "200", "400", "600", "800", "1000"]);
        assert_eq!(labels(&Axis::linear("", &[42_000.0])), ["0", "10k", "20k", "30k", "40k"]);
        assert_eq!(labels(&Axis::log("", &[120_000.0, 9e6])), ["100k", "1M", "10M"]);
        assert_eq!(labels(&Axis::settings("", &[1.0, 8.0])), ["1", "8"]);
    }

    #[test]
    fn nothing_to_show_still_makes_an_axis() {
        let axis = Axis::fitting("", &[]);
        assert!(axis.range.0 < axis.range.1);
        let axis = Axis::linear("", &[0.0]);
        assert!(axis.range.0 < axis.range.1 && axis.ticks.len() < 20, "{axis:?}");
    }
}
