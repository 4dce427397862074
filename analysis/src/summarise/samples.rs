//! Grouping: polars filters, derives and groups the long frame; what comes out is one number per invocation, by
//! cell and quantity, and the latency histograms per cell. Each number keeps its invocation: the block in which it was
//! measured, which pairs it with the other subjects' numbers.

use crate::load::Run;
use crate::load::frame::{Ingested, is_emulated};
use crate::load::question::CellKey;
use crate::quantity::{Latency, Quantity};
use crate::summarise::{marginal, steady};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use polars::prelude::*;
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;
use weighbridge_statistics::arm::Arm;
use weighbridge_statistics::pooled::Pooled;

/// One number per invocation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    by_invocation: BTreeMap<u32, f64>,
    /// Ascending.
    sorted: Vec<f64>,
}

impl Numbers {
    /// The numbers by the invocation that showed them.
    #[must_use]
    pub fn new(by_invocation: BTreeMap<u32, f64>) -> Self {
        let mut sorted: Vec<f64> = by_invocation.values().copied().collect();
        sorted.sort_by(f64::total_cmp);
        Self { by_invocation, sorted }
    }

    /// The numbers by the invocation that showed them.
    pub fn by_invocation(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        self.by_invocation.iter().map(|(&invocation, &value)| (invocation, value))
    }
}

/// The latency histograms of a cell.
#[derive(Debug)]
struct Latencies {
    /// Invocations in the order of `pooled`.
    invocations: Vec<u32>,
    pooled: Pooled,
}

/// What the invocations of each cell showed.
#[derive(Debug, Default)]
pub struct Samples {
    numbers: BTreeMap<(CellKey, Quantity), Numbers>,
    latencies: BTreeMap<CellKey, Latencies>,
    failed: BTreeMap<CellKey, usize>,
    /// Of a run of several machines: which one made the invocation.
    machines: BTreeMap<CellKey, BTreeMap<u32, String>>,
}

impl Samples {
    /// Every cell and quantity there is something to say about, in order.
    pub fn keys(&self) -> impl Iterator<Item = (&CellKey, Quantity)> {
        let numbers = self.numbers.keys().map(|(key, quantity)| (key, *quantity));
        let latencies = self
            .latencies
            .keys()
            .flat_map(|key| Latency::ALL.map(|latency| (key, Quantity::Latency(latency))));
        numbers.chain(latencies)
    }

    /// The sample to compute with; `None` where there is none, or where it is too small for the quantile.
    #[must_use]
    pub fn arm(&self, key: &CellKey, quantity: Quantity) -> Option<Arm<'_>> {
        if let Quantity::Latency(latency) = quantity {
            let pooled = &self.latencies.get(key)?.pooled;
            let enough = pooled.samples_count() >= latency.least_samples_count();
            return enough.then_some(Arm::Pooled(pooled, latency.share()));
        }
        let numbers = self.numbers.get(&(key.clone(), quantity))?;
        Some(Arm::Median(&numbers.sorted))
    }

    /// One value per invocation: the number itself, or the quantile of that invocation's requests alone. `None` where
    /// there is none.
    #[must_use]
    pub fn values(&self, key: &CellKey, quantity: Quantity) -> Option<Vec<f64>> {
        match self.arm(key, quantity)? {
            Arm::Median(sorted) => Some(sorted.to_vec()),
            Arm::Pooled(pooled, q) => pooled.each(q),
        }
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
        let (Some(a), Some(b)) =
            (self.by_invocation(key, quantity), self.by_invocation(other, quantity))
        else {
            return Vec::new();
        };
        let mut groups: BTreeMap<Option<&str>, Vec<(f64, f64)>> = BTreeMap::new();
        for (invocation, value) in a {
            let of = |key: &CellKey| self.machines.get(key)?.get(&invocation).map(String::as_str);
            let Some(&versus) = b.get(&invocation) else { continue };
            if of(key) == of(other) {
                groups.entry(of(key)).or_default().push((value, versus));
            }
        }
        groups.into_values().collect()
    }

    /// One value per invocation, as [`Samples::values`] gives them, by the invocation's number.
    fn by_invocation(&self, key: &CellKey, quantity: Quantity) -> Option<BTreeMap<u32, f64>> {
        if let Quantity::Latency(_) = quantity {
            let invocations = self.latencies.get(key)?.invocations.iter().copied();
            return Some(invocations.zip(self.values(key, quantity)?).collect());
        }
        Some(self.numbers.get(&(key.clone(), quantity))?.by_invocation.clone())
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
            Quantity::Latency(_) => self.latencies.get(key).map(|l| l.pooled.samples_count()),
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
    let mut numbers = group_numbers(ingested).context("grouping the observations")?;
    numbers.extend(marginal::derive(&numbers));
    numbers.extend(steady::derive(paces));
    let mut samples = Samples { numbers, latencies: group_latencies(run), ..Samples::default() };
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

fn group_numbers(ingested: &Ingested) -> Result<Grouped> {
    let id = |metric: Metric| {
        let place = ingested.quantities.iter().position(|q| *q == Quantity::Metric(metric));
        lit(place.map(|place| place as i64).unwrap_or(-1))
    };
    let valid = ingested
        .rows
        .clone()
        .lazy()
        .filter(col("failed").not().and(col("emulated").not().or(col("survives_emulation"))));
    let columns =
        [col("observation"), col("cell"), col("quantity"), col("invocation"), col("value")];
    let plain = valid.clone().select(columns).with_column(col("value").cast(DataType::Float64));
    let rate = |divisor: Metric, derived: Metric| {
        let completed = valid.clone().filter(col("quantity").eq(id(Metric::RequestsCompleted)));
        let divisor = valid
            .clone()
            .filter(col("quantity").eq(id(divisor)).and(col("value").gt(lit(0i64))))
            .select([col("observation"), col("value").alias("divisor_ns")]);
        completed.inner_join(divisor, col("observation"), col("observation")).select([
            col("observation"),
            col("cell"),
            id(derived).cast(DataType::Int64).alias("quantity"),
            col("invocation"),
            (col("value").cast(DataType::Float64) * lit(1e9)
                / col("divisor_ns").cast(DataType::Float64))
            .alias("value"),
        ])
    };
    let wall = rate(Metric::Measured, Metric::RequestsPerSecond);
    let cpu = rate(Metric::ServerCpu, Metric::RequestsPerCpuSecond);
    let grouped = concat([plain, wall, cpu], UnionArgs::default())?
        .group_by([col("cell"), col("quantity")])
        .agg([col("invocation"), col("value")])
        .collect()?;
    rows_of(&grouped, ingested)
}

fn rows_of(grouped: &DataFrame, ingested: &Ingested) -> Result<Grouped> {
    let cells = grouped.column("cell")?.i64()?.iter();
    let quantities = grouped.column("quantity")?.i64()?.iter();
    let invocations = grouped.column("invocation")?.list()?.series_iter();
    let values = grouped.column("value")?.list()?.series_iter();
    let mut rows = BTreeMap::new();
    for ((cell, quantity), (invocations, values)) in
        cells.zip(quantities).zip(invocations.zip(values))
    {
        let (Some(cell), Some(quantity)) = (cell, quantity) else { continue };
        let (Some(invocations), Some(values)) = (invocations, values) else { continue };
        let invocations = invocations.i64()?.iter().flatten();
        let numbers = invocations.zip(values.f64()?.iter().flatten());
        // Invocations were written from u32.
        let numbers = numbers.map(|(invocation, value)| (invocation as u32, value)).collect();
        let key = ingested.cells[cell as usize].clone();
        rows.insert((key, ingested.quantities[quantity as usize]), Numbers::new(numbers));
    }
    Ok(rows)
}

fn group_latencies(run: &Run) -> BTreeMap<CellKey, Latencies> {
    let mut by_cell: BTreeMap<CellKey, BTreeMap<u32, &Histogram<u64>>> = BTreeMap::new();
    for (place, observation) in run.counted() {
        let Some(histogram) = run.histograms.get(&place) else { continue };
        if !is_emulated(run, observation) {
            let of_cell = by_cell.entry(CellKey::of(&observation.trial)).or_default();
            of_cell.insert(observation.trial.invocation, histogram);
        }
    }
    let pool = |histograms: BTreeMap<u32, &Histogram<u64>>| {
        let (invocations, histograms): (Vec<u32>, Vec<_>) = histograms.into_iter().unzip();
        Latencies { invocations, pooled: Pooled::new(&histograms) }
    };
    by_cell.into_iter().map(|(key, histograms)| (key, pool(histograms))).collect()
}
