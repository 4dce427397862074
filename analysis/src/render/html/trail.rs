//! From a number of the page back to the raw log: what the page's script shows when a number is
//! opened.

use crate::explain::{formula, line_of, lines};
use crate::load::question::CellKey;
use crate::render::latex::numbers::stem;
use crate::render::number::{show, show_ratio};
use crate::results::Results;
use anyhow::{Result, anyhow};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use weighbridge_schema::method::QuestionKind;
use weighbridge_schema::metric::Unit;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::quantity::{Latency, Quantity};

/// The numbers that a page shows, each once, in the order in which it shows them.
#[derive(Debug, Default)]
pub struct Trail {
    indices: BTreeMap<(CellKey, Quantity), usize>,
    numbers: Vec<(CellKey, Quantity)>,
}

impl Trail {
    /// The place of a number among those of the page.
    pub fn index_of(&mut self, key: &CellKey, quantity: Quantity) -> usize {
        *self.indices.entry((key.clone(), quantity)).or_insert_with(|| {
            self.numbers.push((key.clone(), quantity));
            self.numbers.len() - 1
        })
    }
}

#[derive(Serialize)]
struct Document<'a> {
    run: &'a str,
    profile: &'a str,
    seed: u64,
    /// Path from the page to the run's folder.
    folder: &'a str,
    formulas: Vec<String>,
    numbers: Vec<Option<Number<'a>>>,
    quantiles: Quantiles,
}

/// Short keys: there are over a thousand of them in a page.
#[derive(Serialize)]
struct Number<'a> {
    key: String,
    title: String,
    unit: &'static str,
    shown: String,
    n: usize,
    point: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio_shown: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    versus: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    formula: usize,
    visits: Vec<Visit>,
}

/// Line of the raw log, block, repetition, value, the value it is divided by, and how it counts: 0
/// it does, 1 it does although it was disturbed, 2 it does not.
type Visit = (Option<usize>, u32, u32, f64, Option<f64>, u8);

/// The data of the page as JSON that may stand within a script element.
///
/// # Errors
/// When a number is not finite, which the earlier stations rule out.
pub fn render(results: &Results<'_>, trail: &Trail, folder: &str) -> Result<String> {
    let manifest = &results.run.manifest;
    let lines = lines(results.run);
    let mut formulas: Vec<String> = Vec::new();
    let mut numbers = Vec::new();
    for (key, quantity) in &trail.numbers {
        let words = formula(*quantity, results.comparison(key, *quantity));
        let index = formulas.iter().position(|known| *known == words).unwrap_or_else(|| {
            formulas.push(words);
            formulas.len() - 1
        });
        numbers.push(number(results, &lines, key, *quantity, index));
    }
    let document = Document {
        run: &manifest.run,
        profile: &manifest.profile,
        seed: manifest.seed,
        folder,
        formulas,
        numbers,
        quantiles: quantiles(results)?,
    };
    // Nothing in a script element may look like its end; JSON needs no `<` outside of strings.
    Ok(serde_json::to_string(&document)?.replace('<', "\\u003c"))
}

/// `None` where the cell has no such reading; it keeps its place, because cells of the page name
/// places.
fn number<'a>(
    results: &'a Results<'_>,
    lines: &BTreeMap<(&Trial, u32), usize>,
    key: &CellKey,
    quantity: Quantity,
    formula: usize,
) -> Option<Number<'a>> {
    let summary = results.summary(key, quantity)?;
    let comparison = results.comparison(key, quantity);
    let versus = comparison.map(|comparison| key.with_subject(&comparison.versus));
    let visits = results.samples.visits(key, quantity).map(|visit| {
        let beside = versus.as_ref();
        let divisor = beside.and_then(|other| results.samples.beside(&visit, other, quantity));
        let counts = match (visit.counts, visit.is_disturbed) {
            (true, false) => 0,
            (true, true) => 1,
            (false, _) => 2,
        };
        let line = line_of(lines, key, &visit);
        (line, visit.invocation, visit.repeat, visit.value, divisor, counts)
    });
    let (point, interval, unit) = (summary.point, summary.interval, quantity.unit());
    Some(Number {
        key: stem(results, key, quantity),
        title: quantity.title(),
        unit: unit_word(unit),
        shown: show(point, interval, unit, summary.is_exact()).text(),
        n: summary.n,
        point,
        ratio: comparison.and_then(|comparison| comparison.ratio),
        ratio_shown: comparison.and_then(|c| Some(show_ratio(c.ratio?, c.interval).text())),
        versus: comparison.map(|comparison| comparison.versus.as_str()),
        says: comparison.map(|comparison| match comparison.doubt {
            Some(doubt) => format!("{}: {}", comparison.effect.words(), doubt.words()),
            None => comparison.effect.words().to_owned(),
        }),
        formula,
        visits: visits.collect(),
    })
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => "ns",
        Unit::Bytes => "bytes",
        Unit::Count => "count",
        Unit::RequestsPerSecond => "per_second",
    }
}

/// The shares of requests whose latency the page draws.
const SHARES: [f64; 12] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999];

/// Latency by share of requests, by the key of the cell's p50.
type Quantiles = BTreeMap<String, Vec<(f64, u64)>>;

/// Those of all visits of a cell of the open loop that count, together. A share that fewer than one
/// request lies beyond is left out: it would be the slowest request under another name.
fn quantiles(results: &Results<'_>) -> Result<Quantiles> {
    let p50 = Quantity::Latency(Latency::P50);
    let is_shown = |key: &CellKey| {
        let mut open_loop = results.of_kind(QuestionKind::Latency);
        let question = open_loop.find(|question| question.experiment == key.experiment);
        // What an emulator timed has no summary.
        question.is_some_and(|question| !question.is_twin(&key.cell.subject))
            && results.summary(key, p50).is_some()
    };
    let mut pooled: BTreeMap<CellKey, Histogram<u64>> = BTreeMap::new();
    for (index, observation) in results.run.counted() {
        let Some(packed) = results.run.histograms.get(&index) else { continue };
        let key = CellKey::of(&observation.trial);
        if !is_shown(&key) {
            continue;
        }
        let name = key.to_string();
        let histogram = packed.unpack()?;
        let all = pooled.entry(key).or_insert_with(|| {
            let mut empty = Histogram::new_from(&histogram);
            empty.auto(true);
            empty
        });
        all.add(&histogram).map_err(|error| anyhow!("merging the latencies of {name}: {error}"))?;
    }
    let of_cell = |(key, histogram): (CellKey, Histogram<u64>)| {
        let is_known = |share: &&f64| (1.0 - **share) * histogram.len() as f64 >= 1.0;
        let shown = SHARES.iter().filter(is_known);
        let points = shown.map(|&share| (share, histogram.value_at_quantile(share))).collect();
        (stem(results, &key, p50), points)
    };
    Ok(pooled.into_iter().map(of_cell).collect())
}
