//! Operations within a process: what each takes in each subject, and which steps the factor between the first and
//! the last is the product of.

use crate::compare::compare_cell;
use crate::load::question::{CellKey, Question, Setting};
use crate::render::number::show_ratio;
use crate::render::table::{Align, Content, Row, Table};
use crate::render::tables::{
    n_cell, number_cell, ratio_cell, rows_by_setting, setting_words, subject_cell, versus_title,
};
use crate::results::Results;
use weighbridge_schema::method::{Method, QuestionKind};
use weighbridge_schema::metric::{Direction, Metric};
use weighbridge_schema::name::SubjectName;
use weighbridge_schema::operation::AttributionStep;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_statistics::bootstrap::Interval;

const CPU: Quantity = Quantity::Metric(Metric::OperationCpu);

/// Rows: operation x subject.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let kind = QuestionKind::Operations;
    let versus = versus_title(results, kind);
    let mut table = Table::new(
        kind.key(),
        "Operations within a process: CPU time",
        &[
            ("subject", Align::Left),
            ("median [95 % interval]", Align::Right),
            (&versus, Align::Right),
            ("n", Align::Right),
        ],
    );
    table.abreast = 2;
    rows_by_setting(results, kind, &mut table, |question, key| {
        vec![
            subject_cell(key),
            number_cell(results, key, CPU),
            ratio_cell(results, question, key, CPU),
            n_cell(results, key, CPU),
        ]
    });
    table
}

/// Rows: whole request x step, then their product, then the factor as measured; and the same for the service as it
/// serves, where the run has that too.
#[must_use]
pub fn factor(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "operations-factor",
        "Where the factor comes from: steps between neighbours, and their product",
        &[
            ("subject", Align::Left),
            ("versus", Align::Left),
            ("factor [95 % interval]", Align::Right),
            ("n", Align::Right),
            ("what it differs by", Align::Wrap(0.45)),
        ],
    );
    for question in results.of_kind(QuestionKind::Operations) {
        let Method::Operations { steps, served, .. } = &question.method else { continue };
        for setting in &question.settings {
            let Parameter::Operation(operation) = setting.parameter else { continue };
            if operation.is_whole() {
                let both = (steps.as_slice(), served.as_slice());
                attribute(results, question, setting, both, &mut table);
            }
        }
    }
    table
}

/// A factor between two subjects.
struct Link {
    subject: SubjectName,
    versus: SubjectName,
    ratio: f64,
    interval: Option<Interval>,
    n: usize,
    words: String,
}

impl Link {
    /// One subject beside another, block by block; `None` when either was not measured, or the ratio is undefined.
    fn between(
        results: &Results<'_>,
        key: &CellKey,
        quantity: Quantity,
        versus: &SubjectName,
    ) -> Option<Self> {
        let found = compare_cell(&results.samples, key, quantity, versus, results.seed)?;
        let of_rate = quantity.direction() == Direction::HigherIsBetter;
        let inverted = |Interval { low, high }| Interval { low: 1.0 / high, high: 1.0 / low };
        let (ratio, interval) = match of_rate {
            // Twice the requests for a second of CPU time is half the time for each.
            true => (1.0 / found.ratio?, found.interval.map(inverted)),
            false => (found.ratio?, found.interval),
        };
        let (subject, versus) = (key.cell.subject.clone(), versus.clone());
        let n = found.n.0.min(found.n.1);
        Some(Self { subject, versus, ratio, interval, n, words: String::new() })
    }

    /// What it has besides another one: the quotient, between the quotients of the far ends.
    fn besides(mut self, other: &Link) -> Self {
        let ends = self.interval.zip(other.interval);
        self.interval = ends
            .map(|(of, versus)| Interval { low: of.low / versus.high, high: of.high / versus.low });
        self.ratio /= other.ratio;
        self.n = self.n.min(other.n);
        self.versus = other.subject.clone();
        self
    }

    fn cells(&self) -> Vec<Content> {
        vec![
            Content::text(self.subject.as_str()),
            Content::text(self.versus.as_str()),
            Content::Number(show_ratio(self.ratio, self.interval)),
            Content::Text(self.n.to_string()),
            Content::text(&self.words),
        ]
    }
}

/// The steps that can be taken: each from one measured subject to the next, with the words of those between that were
/// not.
fn climb(
    baseline: &SubjectName,
    steps: &[AttributionStep],
    between: impl Fn(&SubjectName, &SubjectName) -> Option<Link>,
) -> Vec<Link> {
    let (mut before, mut words, mut found) = (baseline, Vec::new(), Vec::new());
    for AttributionStep { to, by } in steps {
        words.push(by.as_str());
        if let Some(link) = between(to, before) {
            found.push(Link { words: words.join("; "), ..link });
            words.clear();
            before = to;
        }
    }
    found
}

fn attribute(
    results: &Results<'_>,
    question: &Question,
    setting: &Setting,
    (steps, served): (&[AttributionStep], &[AttributionStep]),
    table: &mut Table,
) {
    let between = |subject: &SubjectName, versus: &SubjectName| {
        Link::between(results, &question.key(setting, subject), CPU, versus)
    };
    let found = climb(&question.baseline, steps, between);
    let whole = found.last().and_then(|last| between(&last.subject, &question.baseline));
    let Some(whole) = whole else { return };
    table.rows.push(Row::Heading(setting_words(setting)));
    found.iter().for_each(|link| table.push(link.cells()));
    let inside = conclude(1.0, &found, "the whole, measured side by side", &whole, table);
    if let Some((mut links, served)) = as_served(results, setting, served) {
        // What the first has besides is what it has above the code in process.
        let first = links.remove(0);
        links.insert(0, first.besides(&whole));
        links.iter().for_each(|link| table.push(link.cells()));
        let words = "the whole as it serves: CPU time for each request by throughput";
        conclude(inside, &links, words, &served, table);
    }
}

/// The product of all steps so far, whether it is the whole, and the whole.
fn conclude(before: f64, links: &[Link], words: &str, whole: &Link, table: &mut Table) -> f64 {
    let product = before * links.iter().map(|link| link.ratio).product::<f64>();
    table.push(vec![
        Content::text("product of the steps"),
        Content::Nothing,
        Content::Number(show_ratio(product, None)),
        Content::Nothing,
        Content::Text(verdict(product, whole)),
    ]);
    table.push(vec![
        Content::text(whole.subject.as_str()),
        Content::text(whole.versus.as_str()),
        Content::Number(show_ratio(whole.ratio, whole.interval)),
        Content::Text(whole.n.to_string()),
        Content::text(words),
    ]);
    product
}

/// Steps and whole of the workload with the operation's name, by the CPU time that the subjects of a closed loop take
/// for each request; under that setting which shows most of the steps.
fn as_served(
    results: &Results<'_>,
    setting: &Setting,
    steps: &[AttributionStep],
) -> Option<(Vec<Link>, Link)> {
    let Parameter::Operation(operation) = setting.parameter else { return None };
    let served = results.of_kind(QuestionKind::Throughput).flat_map(|question| {
        question.settings.iter().filter_map(move |of| {
            let is_of_it =
                of.workload.as_ref().is_some_and(|name| name.as_str() == operation.key());
            let between = |subject: &SubjectName, versus: &SubjectName| {
                let per_cpu_second = Quantity::Metric(Metric::RequestsPerCpuSecond);
                Link::between(results, &question.key(of, subject), per_cpu_second, versus)
            };
            let is_here = is_of_it && of.architecture == setting.architecture;
            let found = climb(&question.baseline, steps, between);
            let end = steps.last().filter(|_| is_here)?;
            let last = found.last().filter(|last| last.subject == end.to)?;
            let whole = between(&last.subject, &question.baseline)?;
            Some((found, whole))
        })
    });
    served.max_by_key(|(found, _)| found.len())
}

/// Whether the steps multiply up to what was measured. Ratios within one block do so exactly; of medians of ratios the
/// product is the median of the products only nearly.
fn verdict(product: f64, whole: &Link) -> String {
    match whole.interval {
        None => "too few invocations to say whether that is the whole".to_owned(),
        Some(Interval { low, high }) if (low..=high).contains(&product) => {
            "within the interval of the whole".to_owned()
        }
        Some(_) => {
            let percent = (product / whole.ratio - 1.0).abs() * 100.0;
            format!("{percent:.1} % beside the whole, and outside of its interval")
        }
    }
}
