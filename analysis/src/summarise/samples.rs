//! Grouping: polars filters, derives and groups the long frame; what comes out is one number per invocation, by cell
//! and quantity; of latency, a quantile of the invocation's requests. Each number keeps its invocation: the block in
//! which it was measured, which pairs it with the other subjects' numbers.

use crate::load::Run;
use crate::load::frame::{Ingested, is_emulated};
use crate::load::histograms::Packed;
use crate::load::question::{CellKey, questions};
use crate::summarise::{density, growth, marginal, neighbour, steady};
use anyhow::{Context, Result};
use polars::prelude::*;
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::quantity::{Latency, Quantity};
use weighbridge_schema::record::Outcome;

/// What one visit to a trial showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Visited {
    /// Number of the invocation: the block.
    pub invocation: u32,
    /// Number of the repetition, 0 for the planned visit.
    pub repeat: u32,
    /// Whether the trial counts by it.
    pub counts: bool,
    /// Whether other work on the machine disturbed it.
    pub is_disturbed: bool,
    /// The number.
    pub value: f64,
}

/// One number per invocation that counts, and those of all visits.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// The visit that counts, by invocation.
    by_invocation: BTreeMap<u32, Visited>,
    /// Every visit, by invocation and repetition.
    visits: BTreeMap<(u32, u32), Visited>,
    /// The numbers that count, ascending.
    sorted: Vec<f64>,
}

impl Numbers {
    /// Numbers of which each counts.
    #[must_use]
    pub fn new(by_invocation: BTreeMap<u32, f64>) -> Self {
        let visit = |(invocation, value)| Visited {
            invocation,
            repeat: 0,
            counts: true,
            is_disturbed: false,
            value,
        };
        Self::of_visits(by_invocation.into_iter().map(visit))
    }

    /// The numbers of all visits.
    #[must_use]
    pub fn of_visits(visits: impl Iterator<Item = Visited>) -> Self {
        let visits: BTreeMap<_, _> = visits.map(|v| ((v.invocation, v.repeat), v)).collect();
        let counted = visits.values().filter(|visit| visit.counts);
        let by_invocation: BTreeMap<_, _> = counted.map(|v| (v.invocation, *v)).collect();
        let mut sorted: Vec<f64> = by_invocation.values().map(|visit| visit.value).collect();
        sorted.sort_by(f64::total_cmp);
        Self { by_invocation, visits, sorted }
    }

    /// The numbers that count, by the invocation that showed them.
    pub fn by_invocation(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.by_invocation.iter().map(|(&invocation, visit)| (invocation, visit.value))
    }

    /// The numbers of all visits, those that do not count among them.
    pub(crate) fn visits(&self) -> impl Iterator<Item = &Visited> {
        self.visits.values()
    }

    /// What a number of another cell's `visit` is compared with: that of the same invocation and repetition, which was
    /// measured beside it; where that was disturbed or not made, the one that counts.
    fn beside(&self, visit: &Visited) -> Option<f64> {
        let neighbour = self.visits.get(&(visit.invocation, visit.repeat));
        let undisturbed = neighbour.filter(|neighbour| !neighbour.is_disturbed);
        let counted = || self.by_invocation.get(&visit.invocation);
        Some(undisturbed.or_else(counted)?.value)
    }
}

/// What the invocations of each cell showed.
#[derive(Debug, Default)]
pub struct Samples {
    numbers: BTreeMap<(CellKey, Quantity), Numbers>,
    /// Requests of all invocations of a cell whose latencies were taken.
    requests_count: BTreeMap<CellKey, u64>,
    failed: BTreeMap<CellKey, usize>,
    /// Of a run of several machines: which one made the invocation.
    machines: BTreeMap<CellKey, BTreeMap<u32, String>>,
}

impl Samples {
    /// Every cell and quantity there is something to say about, in order.
    pub fn keys(&self) -> impl Iterator<Item = (&CellKey, Quantity)> {
        self.numbers.keys().map(|(key, quantity)| (key, *quantity))
    }

    /// One value per invocation, ascending: the number itself, or the quantile of that invocation's requests. `None`
    /// where there is none.
    #[must_use]
    pub fn values(&self, key: &CellKey, quantity: Quantity) -> Option<&[f64]> {
        Some(&self.numbers.get(&(key.clone(), quantity))?.sorted)
    }

    /// The numbers of two cells side by side, from the blocks that showed both: of a quantile of latency, that of each
    /// invocation's requests alone.
    #[must_use]
    pub fn pairs(&self, key: &CellKey, other: &CellKey, quantity: Quantity) -> Vec<(f64, f64)> {
        self.pairs_by_machine(key, other, quantity).into_iter().flatten().collect()
    }

    /// The same, apart by the machine that measured them. Blocks never cross machines, so that each pair is of one.
    #[must_use]
    pub fn pairs_by_machine(
        &self,
        key: &CellKey,
        other: &CellKey,
        quantity: Quantity,
    ) -> Vec<Vec<(f64, f64)>> {
        let of = |key: &CellKey| self.numbers.get(&(key.clone(), quantity));
        let (Some(a), Some(b)) = (of(key), of(other)) else { return Vec::new() };
        let mut groups: BTreeMap<Option<&str>, Vec<(f64, f64)>> = BTreeMap::new();
        for (invocation, visit) in &a.by_invocation {
            let machine =
                |key: &CellKey| self.machines.get(key)?.get(invocation).map(String::as_str);
            let Some(versus) = b.beside(visit) else { continue };
            if machine(key) == machine(other) {
                groups.entry(machine(key)).or_default().push((visit.value, versus));
            }
        }
        groups.into_values().collect()
    }

    /// Two cells' numbers block by block, each beside what was measured beside it.
    #[must_use]
    pub fn paired(of: &Numbers, other: &Numbers) -> Vec<(f64, f64)> {
        let visits = of.by_invocation.values();
        visits.filter_map(|visit| Some((visit.value, other.beside(visit)?))).collect()
    }

    /// The numbers of two cells from the planned visits alone, disturbed or not, as if nothing had been repeated.
    #[must_use]
    pub fn first_pairs(
        &self,
        key: &CellKey,
        other: &CellKey,
        quantity: Quantity,
    ) -> Vec<(f64, f64)> {
        let first = |key: &CellKey| {
            let numbers = self.numbers.get(&(key.clone(), quantity))?;
            let planned = numbers.visits.values().filter(|visit| visit.repeat == 0);
            Some(planned.map(|visit| (visit.invocation, visit.value)).collect::<BTreeMap<_, _>>())
        };
        let (Some(a), Some(b)) = (first(key), first(other)) else { return Vec::new() };
        a.into_iter().filter_map(|(block, value)| Some((value, *b.get(&block)?))).collect()
    }

    /// Every visit to a cell, those that do not count among them, by invocation and repetition.
    pub fn visits(&self, key: &CellKey, quantity: Quantity) -> impl Iterator<Item = Visited> + '_ {
        let numbers = self.numbers.get(&(key.clone(), quantity));
        numbers.into_iter().flat_map(|numbers| numbers.visits.values().copied())
    }

    /// What a visit's number is divided by where `other` is the cell below it; `None` where that was not measured.
    #[must_use]
    pub fn beside(&self, visit: &Visited, other: &CellKey, quantity: Quantity) -> Option<f64> {
        self.numbers.get(&(other.clone(), quantity))?.beside(visit)
    }

    /// Whether any visit to the cell was a repetition.
    #[must_use]
    pub fn has_repeats(&self, key: &CellKey, quantity: Quantity) -> bool {
        let numbers = self.numbers.get(&(key.clone(), quantity));
        numbers.is_some_and(|numbers| numbers.visits.keys().any(|&(_, repeat)| repeat > 0))
    }

    /// The value of an exact quantity on which all invocations agree.
    #[must_use]
    pub fn exact_value(&self, key: &CellKey, quantity: Quantity) -> Option<f64> {
        if !quantity.is_exact() {
            return None;
        }
        let numbers = &self.numbers.get(&(key.clone(), quantity))?.sorted;
        let first = *numbers.first()?;
        (numbers.last() == Some(&first)).then_some(first)
    }

    /// Requests behind a quantile of latency.
    #[must_use]
    pub fn samples_count(&self, key: &CellKey, quantity: Quantity) -> Option<u64> {
        match quantity {
            Quantity::Latency(_) => self.requests_count.get(key).copied(),
            _ => None,
        }
    }

    /// Invocations of the cell that failed.
    #[must_use]
    pub fn failed_count(&self, key: &CellKey) -> usize {
        self.failed.get(key).copied().unwrap_or(0)
    }
}

/// Groups a run's readings. Times that an emulator took never come through.
///
/// # Errors
/// When polars fails, which would be a mistake of ours.
pub fn group(run: &Run, ingested: &Ingested, paces: &steady::Paces) -> Result<Samples> {
    let mut numbers = group_numbers(run, ingested).context("grouping the observations")?;
    numbers.extend(marginal::derive(&numbers));
    numbers.extend(density::derive(&numbers));
    numbers.extend(neighbour::times_before(&numbers));
    numbers.extend(neighbour::times_control(&numbers));
    numbers.extend(growth::derive(&questions(&run.manifest)?, &numbers));
    numbers.extend(steady::derive(paces));
    let histograms = group_histograms(run);
    numbers.extend(latency_quantiles(run, &histograms)?);
    let requests_count = |(key, of_cell): (&CellKey, &Vec<(usize, &Packed)>)| {
        let counted = of_cell.iter().filter(|(index, _)| run.counted[*index]);
        (key.clone(), counted.map(|(_, packed)| packed.samples_count()).sum())
    };
    let requests_count = histograms.iter().map(requests_count).collect();
    let mut samples = Samples { numbers, requests_count, ..Samples::default() };
    for (_, observation) in run.counted() {
        let Some(machine) = &observation.machine else { continue };
        let of_cell = samples.machines.entry(CellKey::of(&observation.trial)).or_default();
        of_cell.insert(observation.trial.invocation, machine.clone());
    }
    let counted = run.observations.iter().zip(&run.counted).filter(|(_, counts)| **counts);
    for (observation, _) in counted.filter(|(o, _)| o.outcome != Outcome::Ok) {
        *samples.failed.entry(CellKey::of(&observation.trial)).or_default() += 1;
    }
    Ok(samples)
}

/// Numbers by cell and quantity.
pub(crate) type Grouped = BTreeMap<(CellKey, Quantity), Numbers>;

fn group_numbers(run: &Run, ingested: &Ingested) -> Result<Grouped> {
    let id = |metric: Metric| {
        let index = ingested.quantities.iter().position(|q| *q == Quantity::Metric(metric));
        lit(index.map(|index| index as i64).unwrap_or(-1))
    };
    let valid = ingested
        .rows
        .clone()
        .lazy()
        .filter(col("failed").not().and(col("emulated").not().or(col("survives_emulation"))));
    let columns = [col("observation"), col("cell"), col("quantity"), col("value")];
    let plain = valid.clone().select(columns).with_column(col("value").cast(DataType::Float64));
    let of = |metric: Metric| valid.clone().filter(col("quantity").eq(id(metric)));
    let rate = |completed: LazyFrame, divisor: Metric, derived: Metric| {
        let divisor = of(divisor)
            .filter(col("value").gt(lit(0i64)))
            .select([col("observation"), col("value").alias("divisor_ns")]);
        completed.inner_join(divisor, col("observation"), col("observation")).select([
            col("observation"),
            col("cell"),
            id(derived).cast(DataType::Int64).alias("quantity"),
            (col("value").cast(DataType::Float64) * lit(1e9)
                / col("divisor_ns").cast(DataType::Float64))
            .alias("value"),
        ])
    };
    // The same two rules as `Observation::value`: between n completions lie n - 1 gaps; a log without their span has
    // the window's length.
    let completed = of(Metric::RequestsCompleted);
    let gaps = completed.clone().with_column((col("value") - lit(1i64)).alias("value"));
    let spans =
        of(Metric::CompletionsSpan).select([col("observation"), col("value").alias("span_ns")]);
    let without_span = completed
        .clone()
        .left_join(spans, col("observation"), col("observation"))
        .filter(col("span_ns").is_null());
    let between = rate(gaps, Metric::CompletionsSpan, Metric::RequestsPerSecond);
    let wall = rate(without_span, Metric::Measured, Metric::RequestsPerSecond);
    let cpu = rate(completed, Metric::ServerCpu, Metric::RequestsPerCpuSecond);
    let starts = rate(of(Metric::StartsAnswered), Metric::LastAnswer, Metric::StartsPerSecond);
    let grouped = concat([plain, between, wall, cpu, starts], UnionArgs::default())?
        .group_by([col("cell"), col("quantity")])
        .agg([col("observation"), col("value")])
        .collect()?;
    rows_of(&grouped, run, ingested)
}

fn rows_of(grouped: &DataFrame, run: &Run, ingested: &Ingested) -> Result<Grouped> {
    let cells = grouped.column("cell")?.i64()?.iter();
    let quantities = grouped.column("quantity")?.i64()?.iter();
    let observations = grouped.column("observation")?.list()?.series_iter();
    let values = grouped.column("value")?.list()?.series_iter();
    // Places were written from usize.
    let visited = |(index, value): (i64, f64)| visited(run, index as usize, value);
    let mut rows = BTreeMap::new();
    for ((cell, quantity), (observations, values)) in
        cells.zip(quantities).zip(observations.zip(values))
    {
        let (Some(cell), Some(quantity)) = (cell, quantity) else { continue };
        let (Some(observations), Some(values)) = (observations, values) else { continue };
        let indices = observations.i64()?.iter().flatten();
        let numbers = Numbers::of_visits(indices.zip(values.f64()?.iter().flatten()).map(visited));
        let key = ingested.cells[cell as usize].clone();
        if !numbers.sorted.is_empty() {
            rows.insert((key, ingested.quantities[quantity as usize]), numbers);
        }
    }
    Ok(rows)
}

/// The latency histogram of every visit that was measured and not emulated, by cell, with the visit's place in the run.
type Histograms<'a> = BTreeMap<CellKey, Vec<(usize, &'a Packed)>>;

fn group_histograms(run: &Run) -> Histograms<'_> {
    let mut by_cell = Histograms::new();
    for (&index, histogram) in &run.histograms {
        let observation = &run.observations[index];
        if observation.outcome == Outcome::Ok && !is_emulated(run, observation) {
            let of_cell = by_cell.entry(CellKey::of(&observation.trial)).or_default();
            of_cell.push((index, histogram));
        }
    }
    by_cell
}

/// Each quantile of the requests of each visit alone. A quantile that one counted visit to the cell has too few
/// requests for is known of none: the median over the others would be about other trials.
fn latency_quantiles(run: &Run, histograms: &Histograms<'_>) -> Result<Grouped> {
    let mut grouped = Grouped::new();
    for (key, of_cell) in histograms {
        let counted = of_cell.iter().filter(|(index, _)| run.counted[*index]);
        let Some(fewest) = counted.map(|(_, packed)| packed.samples_count()).min() else {
            continue;
        };
        let mut known: Vec<(Latency, Vec<Visited>)> = Latency::ALL
            .into_iter()
            .filter(|latency| fewest >= latency.least_requests_count())
            .map(|latency| (latency, Vec::with_capacity(of_cell.len())))
            .collect();
        for &(index, packed) in of_cell {
            let histogram = packed.unpack()?;
            for (latency, values) in &mut known {
                let value = histogram.value_at_quantile(latency.share());
                values.push(visited(run, index, value as f64));
            }
        }
        grouped.extend(known.into_iter().map(|(latency, values)| {
            let quantity = Quantity::Latency(latency);
            ((key.clone(), quantity), Numbers::of_visits(values.into_iter()))
        }));
    }
    Ok(grouped)
}

fn visited(run: &Run, index: usize, value: f64) -> Visited {
    let observation = &run.observations[index];
    Visited {
        invocation: observation.trial.invocation,
        repeat: observation.repeat,
        counts: run.counted[index],
        is_disturbed: !observation.disturbed.is_empty(),
        value,
    }
}
