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

/// A measured point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Horizontal place.
    pub x: f64,
    /// Vertical place.
    pub y: f64,
    /// The horizontal interval's ends; `None` when there is no interval.
    pub interval: Option<(f64, f64)>,
}

/// What kind of system a subject is: it owns the colour and the mark, in every figure and every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// The plain process.
    Process,
    /// A container, with an engine or without.
    Container,
    /// A Wasm runtime.
    Wasm,
}

impl Family {
    /// All of them, in the order of a legend.
    pub const ALL: [Family; 3] = [Family::Process, Family::Container, Family::Wasm];

    /// The word of a legend.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Family::Process => "process",
            Family::Container => "container",
            Family::Wasm => "Wasm",
        }
    }

    /// Red, green, blue; told apart by people with any colour vision (Okabe & Ito 2008), and by their marks in grey.
    #[must_use]
    pub fn colour(self) -> (u8, u8, u8) {
        match self {
            Family::Process => (70, 70, 70),
            Family::Container => (213, 94, 0),
            Family::Wasm => (0, 114, 178),
        }
    }
}

/// Which of two values of the same subject a mark stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The first, or the only one.
    Filled,
    /// The second.
    Hollow,
}

/// How a series looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// The family's mark in its colour.
    Subject(Family, Form),
    /// A mark of the palette, for what is no subject, such as a stage.
    Marks(usize),
    /// A thin grey line without marks, which joins the stages of one start.
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

/// One pair of axes: a row for each name, and a value to the right.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// Its title; empty for none.
    pub title: String,
    /// Horizontal axis.
    pub x: Axis,
    /// Vertical axis.
    pub y: Axis,
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
    /// Panels, side by side in pairs that share their rows. Empty when there is nothing to show.
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

    /// Panels beside each other: two where both have the same rows, whose names then stand once.
    #[must_use]
    pub fn columns(&self) -> usize {
        let rows = |panel: &Panel| panel.y.ticks.clone();
        let alike = self.panels.windows(2).all(|pair| rows(&pair[0]) == rows(&pair[1]));
        if alike { self.panels.len().clamp(1, 2) } else { 1 }
    }

    /// Characters of the longest name in the legend.
    #[must_use]
    pub fn longest_name(&self) -> usize {
        self.legend().iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0)
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

    /// A row per name, the first at the top.
    #[must_use]
    pub fn rows(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(i, name)| (i as f64, name.clone())).collect();
        let range = (-0.6, names.len() as f64 - 0.4);
        Self { label: String::new(), scale: Scale::Linear, range, ticks, reversed: true }
    }
}

impl Series {
    /// Every horizontal value, interval ends included.
    pub fn extremes(&self) -> impl Iterator<Item = f64> + '_ {
        self.points.iter().flat_map(|point| {
            let (low, high) = point.interval.unwrap_or((point.x, point.x));
            [point.x, low, high]
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
    let values = match decades.len() {
        0 => at(&[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
        1 | 2 => at(&[1.0, 2.0, 5.0]),
        _ => decades,
    };
    values.into_iter().map(|at| (at, plain(at))).collect()
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
        assert_eq!(labels(&Axis::log("", &[120_000.0, 9e6])), ["100k", "1M", "10M"]);
    }

    #[test]
    fn nothing_to_show_still_makes_an_axis() {
        let axis = Axis::log("", &[]);
        assert!(axis.range.0 < axis.range.1);
    }

    /// In grey: the lightness of two families (relative luminance of sRGB, ITU-R BT.709) differs, and so does the mark.
    #[test]
    fn families_are_told_apart_in_grey() {
        let luminance = |family: Family| {
            let (red, green, blue) = family.colour();
            0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue)
        };
        for pair in Family::ALL.windows(2) {
            assert!((luminance(pair[0]) - luminance(pair[1])).abs() > 15.0, "{pair:?}");
        }
    }
}
