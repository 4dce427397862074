//! Published answers beside one run, each with one verdict: reproduced, explained by what we measured otherwise, or not
//! reproduced here.

use crate::answers::{Answer, Factor, Numbers, Pair, Standing};
use crate::render::number::{show_plain, show_ratio};
use std::fmt::Write;

/// What a run says of a published factor.
#[derive(Debug, Clone, PartialEq)]
pub enum Reconciled<'a> {
    /// The first pair, which is nearest to what the source describes, has its size.
    Reproduced(&'a Pair, Factor),
    /// Another boundary or setting has it; the first pair is so many times the published factor, where it was measured.
    Explained {
        /// The pair that has the published size.
        by: &'a Pair,
        /// Its factor.
        factor: Factor,
        /// The first pair's factor, divided by the published one.
        first: Option<f64>,
    },
    /// No pair that was measured has it; the nearest one.
    NotReproduced(&'a Pair, Factor),
    /// None of its pairs was measured, and why where that is known.
    NotMeasured(Option<&'a str>),
}

impl Answer {
    /// What the numbers of a run say of it.
    #[must_use]
    pub fn reconcile<'a>(&'a self, numbers: &Numbers<'_>) -> Reconciled<'a> {
        let measured = |pair: &'a Pair| Some((pair, numbers.factor(pair)?));
        let of_size = |(_, factor): &(&Pair, Factor)| self.standing(*factor) == Standing::OneSize;
        let mut all = self.pairs.iter().filter_map(measured);
        let first = self.pairs.first().and_then(measured);
        if let Some((pair, factor)) = first.filter(of_size) {
            return Reconciled::Reproduced(pair, factor);
        }
        if let Some((by, factor)) = all.clone().find(of_size) {
            let first =
                first.map(|(_, factor)| factor.point / self.nearest_published(factor.point));
            return Reconciled::Explained { by, factor, first };
        }
        let distance =
            |factor: Factor| (factor.point / self.nearest_published(factor.point)).ln().abs();
        let Some(mut nearest) = all.next() else {
            return Reconciled::NotMeasured(self.not_here.as_deref());
        };
        for other in all {
            if distance(other.1) < distance(nearest.1) {
                nearest = other;
            }
        }
        Reconciled::NotReproduced(nearest.0, nearest.1)
    }

    /// The end of the published range that is nearest to a factor; the factor itself within it.
    fn nearest_published(&self, factor: f64) -> f64 {
        let [least, most] = self.published;
        factor.clamp(least, most)
    }
}

/// A paragraph for each answer whose source or words hold `text`, and a line with the counts. `None` where there is no
/// such answer.
#[must_use]
pub fn text(answers: &[Answer], numbers: &Numbers<'_>, text: Option<&str>) -> Option<String> {
    let text = text.map(str::to_lowercase);
    let is_meant = |answer: &&Answer| {
        let words = format!("{}: {}", answer.source, answer.says).to_lowercase();
        text.as_ref().is_none_or(|text| words.contains(text.as_str()))
    };
    let meant: Vec<&Answer> = answers.iter().filter(is_meant).collect();
    if meant.is_empty() {
        return None;
    }
    let (mut out, mut counts) = (String::new(), [0usize; 4]);
    for answer in &meant {
        let reconciled = answer.reconcile(numbers);
        counts[place(&reconciled)] += 1;
        let [least, most] = answer.published.map(show_plain);
        let range = if least == most { least } else { format!("{least} to {most}") };
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "{} ({})", answer.source, answer.read.words());
        let _ = writeln!(out, "  says      {}: {range}×", answer.says);
        let _ = writeln!(out, "  boundary  {}", answer.boundary);
        let _ = writeln!(out, "  here      {}\n", words(&reconciled));
    }
    let [reproduced, explained, not_reproduced, not_measured] = counts;
    let _ = writeln!(
        out,
        "answers: {}; {reproduced} reproduced, {explained} explained by another boundary or setting, {not_reproduced} \
         not reproduced, {not_measured} not measured",
        meant.len()
    );
    Some(out)
}

fn place(reconciled: &Reconciled<'_>) -> usize {
    match reconciled {
        Reconciled::Reproduced(..) => 0,
        Reconciled::Explained { .. } => 1,
        Reconciled::NotReproduced(..) => 2,
        Reconciled::NotMeasured(_) => 3,
    }
}

fn words(reconciled: &Reconciled<'_>) -> String {
    let shown = |factor: &Factor| show_ratio(factor.point, factor.interval).text();
    match reconciled {
        Reconciled::Reproduced(pair, factor) => {
            format!("reproduced: {}, {}", pair.what, shown(factor))
        }
        Reconciled::Explained { by, factor, first } => {
            let first = first.map_or_else(
                || "the nearest boundary was not measured".to_owned(),
                |times| format!("the nearest boundary has {} that", show_ratio(times, None).text()),
            );
            format!("explained: {}, {}; {first}", by.what, shown(factor))
        }
        Reconciled::NotReproduced(pair, factor) => {
            format!("not reproduced: the nearest is {}, {}", pair.what, shown(factor))
        }
        Reconciled::NotMeasured(Some(why)) => format!("not measured: {why}"),
        Reconciled::NotMeasured(None) => "not measured in this run".to_owned(),
    }
}
