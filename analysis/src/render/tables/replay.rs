//! Loads that were replayed: what the cost model says of each in each packing beside what was measured, which packing
//! it takes beside the one that took the least, and how often that is the same.

use crate::decide::model::Estimate;
use crate::decide::replay::{By, Foretold, Held, Replayed, Verdict, replayed};
use crate::decide::score::Score;
use crate::load::question::CellKey;
use crate::render::number::{show, show_ratio};
use crate::render::table::{Align, Content, Table};
use crate::render::tables::{n_cell, number_cell, rows_by_setting, subject_cell};
use crate::results::Results;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::{Metric, Unit};
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::replay::ReplayLoad;
use weighbridge_statistics::bootstrap::Interval;

/// Rows: load x packing; CPU time, tail and starts.
#[must_use]
pub fn table(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        QuestionKind::Replay.key(),
        "Replay: CPU time and latency of loads, by the model and measured",
        &[
            ("subject", Align::Left),
            ("CPU time by the model [95 % interval]", Align::Right),
            ("measured", Align::Right),
            ("times the model's", Align::Right),
            ("p99 at least", Align::Right),
            ("measured", Align::Right),
            ("times the model's", Align::Right),
            ("starts by the model", Align::Right),
            ("measured", Align::Right),
            ("failed", Align::Right),
            ("n", Align::Right),
        ],
    );
    let replayed = replayed(results);
    rows_by_setting(results, QuestionKind::Replay, &mut table, |_, key| {
        let pair = Pair { results, foretold: foretold(&replayed, key), key };
        let [cpu, cpu_measured, cpu_times] =
            pair.beside(Metric::PackingCpu, |foretold| foretold.cpu_ns);
        let [p99, p99_measured, p99_times] =
            pair.beside(Metric::LatencyP99, |foretold| foretold.p99_least_ns);
        let starts = pair.foretold.and_then(|foretold| foretold.as_ref().ok()?.starts_count);
        let number = |metric| number_cell(results, key, Quantity::Metric(metric));
        vec![
            subject_cell(key),
            cpu,
            cpu_measured,
            cpu_times,
            p99,
            p99_measured,
            p99_times,
            starts.map_or(Content::Nothing, |count| {
                Content::Number(show(count, None, Unit::Count, false))
            }),
            number(Metric::StartsMet),
            number(Metric::RequestsFailed),
            n_cell(results, key, Quantity::Metric(Metric::PackingCpu)),
        ]
    });
    table
}

/// Rows: load x packing; memory.
#[must_use]
pub fn memory(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "replay-memory",
        "Replay: memory of loads, by the model and measured",
        &[
            ("subject", Align::Left),
            ("on average by the model [95 % interval]", Align::Right),
            ("measured", Align::Right),
            ("times the model's", Align::Right),
            ("with every tenant up", Align::Right),
            ("peak measured", Align::Right),
            ("times the model's", Align::Right),
            ("n", Align::Right),
        ],
    );
    let replayed = replayed(results);
    rows_by_setting(results, QuestionKind::Replay, &mut table, |_, key| {
        let pair = Pair { results, foretold: foretold(&replayed, key), key };
        let mean = pair.beside(Metric::PackingPss, |foretold| foretold.memory_bytes);
        let peak = pair.beside(Metric::PackingPssPeak, |foretold| foretold.peak_bytes);
        let n = n_cell(results, key, Quantity::Metric(Metric::PackingPss));
        std::iter::once(subject_cell(key)).chain(mean).chain(peak).chain([n]).collect()
    });
    table
}

/// What the model says of a cell; `None` of one that nobody asked.
fn foretold<'a>(
    replayed: &'a [Replayed<'_>],
    key: &CellKey,
) -> Option<&'a Result<Foretold, String>> {
    let mut all = replayed.iter().flat_map(|one| &one.configurations);
    all.find(|configuration| configuration.key == *key).map(|configuration| &configuration.foretold)
}

/// A cell, with what the model says of it.
struct Pair<'a, 'r> {
    results: &'a Results<'r>,
    foretold: Option<&'a Result<Foretold, String>>,
    key: &'a CellKey,
}

impl Pair<'_, '_> {
    /// The model's number, the measured one, and how many times the model's that is.
    fn beside(&self, metric: Metric, of: impl Fn(&Foretold) -> Estimate) -> [Content; 3] {
        let quantity = Quantity::Metric(metric);
        let measured = number_cell(self.results, self.key, quantity);
        let Some(foretold) = self.foretold else {
            return [Content::Nothing, measured, Content::Nothing];
        };
        match foretold {
            Err(why) => [Content::Absent(why.clone()), measured, Content::Nothing],
            Ok(foretold) => {
                let Estimate { point, interval } = of(foretold);
                let by_model = Content::Number(show(point, interval, quantity.unit(), false));
                let found = self.results.summary(self.key, quantity).filter(|_| point > 0.0);
                let times = found.map_or(Content::Nothing, |found| {
                    Content::Number(show_ratio(found.point / point, None))
                });
                [by_model, measured, times]
            }
        }
    }
}

/// Rows: load x what is compared.
#[must_use]
pub fn choices(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "replay-choices",
        "Replay: the packing that the model takes, and the one that took the least",
        &[
            ("load", Align::Left),
            ("by", Align::Left),
            ("the model takes", Align::Wrap(0.26)),
            ("took the least", Align::Left),
            ("the model's, times that", Align::Right),
            ("the choice is", Align::Left),
        ],
    );
    for one in replayed(results) {
        for held in &one.held {
            table.push(vec![
                Content::Text(load_words(one.number, one.load)),
                Content::text(held.by.words()),
                taken(held),
                held.least.as_ref().map_or(Content::Nothing, |least| Content::text(least.as_str())),
                held.times
                    .map_or(Content::Nothing, |times| Content::Number(show_ratio(times, None))),
                Content::text(held.verdict.words()),
            ]);
        }
    }
    table
}

/// `3: thumbnail, 8 tenants, 60/min each, bursts, always on`.
fn load_words(number: u32, load: &ReplayLoad) -> String {
    let ReplayLoad { workload, tenants, rate_per_minute, arrivals, idle_timeout_ms } = load;
    let policy = match idle_timeout_ms {
        Some(ms) => format!("ended after {ms} ms"),
        None => "always on".to_owned(),
    };
    let arrivals = arrivals.words();
    format!(
        "{number}: {workload}, {tenants} tenants, {rate_per_minute}/min each, {arrivals}, {policy}"
    )
}

fn taken(held: &Held) -> Content {
    match held.verdict {
        Verdict::NotJudged => Content::Nothing,
        Verdict::Right | Verdict::Wrong | Verdict::Open => Content::Text(held.taken.join(", ")),
    }
}

/// Rows: what is compared.
#[must_use]
pub fn score(results: &Results<'_>) -> Table {
    let mut table = Table::new(
        "replay-score",
        "Replay: how often the packing that the model takes took the least",
        &[
            ("by", Align::Left),
            ("right", Align::Right),
            ("wrong", Align::Right),
            ("open", Align::Right),
            ("not judged", Align::Right),
            ("right, % of the decided [95 % interval]", Align::Right),
        ],
    );
    let replayed = replayed(results);
    if replayed.is_empty() {
        return table;
    }
    for by in By::ALL {
        let score = Score::of(by, &replayed);
        let count = |count: u64| Content::Text(count.to_string());
        let share = score.share().map_or(Content::Nothing, |(share, ends)| {
            let ends = Interval { low: ends.low * 100.0, high: ends.high * 100.0 };
            Content::Number(show(share * 100.0, Some(ends), Unit::Count, false))
        });
        table.push(vec![
            Content::text(by.words()),
            count(score.right_count),
            count(score.wrong_count),
            count(score.open_count),
            count(score.not_judged_count),
            share,
        ]);
    }
    table
}
