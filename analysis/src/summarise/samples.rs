//! Grouping: polars filters, derives and groups the long frame; what comes out is one sorted list of numbers
//! per cell and quantity, and the latency histograms per cell.

use crate::load::Run;
use crate::load::frame::{Ingested, is_emulated};
use crate::load::question::CellKey;
use crate::quantity::{Latency, Quantity};
use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use polars::prelude::*;
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::record::Outcome;
use weighbridge_statistics::arm::Arm;
use weighbridge_statistics::pooled::Pooled;

/// What the invocations of each cell showed.
#[derive(Debug, Default)]
pub struct Samples {
    /// Ascending.
    numbers: BTreeMap<(CellKey, Quantity), Vec<f64>>,
    latencies: BTreeMap<CellKey, Pooled>,
    failed: BTreeMap<CellKey, usize>,
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
            let pooled = self.latencies.get(key)?;
            let enough = pooled.samples_count() >= latency.least_samples_count();
            return enough.then_some(Arm::Pooled(pooled, latency.share()));
        }
        let numbers = self.numbers.get(&(key.clone(), quantity))?;
        Some(Arm::Median(numbers))
    }

    /// The value of an exact quantity on which all invocations agree.
    #[must_use]
    pub fn exact_value(&self, key: &CellKey, quantity: Quantity) -> Option<f64> {
        if !quantity.is_exact() {
            return None;
        }
        let numbers = self.numbers.get(&(key.clone(), quantity))?;
        let first = *numbers.first()?;
        (numbers.last() == Some(&first)).then_some(first)
    }

    /// Requests behind a quantile of latency.
    #[must_use]
    pub fn samples_count(&self, key: &CellKey, quantity: Quantity) -> Option<u64> {
        match quantity {
            Quantity::Latency(_) => self.latencies.get(key).map(Pooled::samples_count),
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
pub fn group(run: &Run, ingested: &Ingested) -> Result<Samples> {
    let mut samples = Samples {
        numbers: group_numbers(ingested).context("grouping the observations")?,
        latencies: group_latencies(run),
        failed: BTreeMap::new(),
    };
    for observation in run.observations.iter().filter(|o| o.outcome != Outcome::Ok) {
        let trial = &observation.trial;
        let key = CellKey { experiment: trial.experiment.clone(), cell: trial.cell.clone() };
        *samples.failed.entry(key).or_default() += 1;
    }
    Ok(samples)
}

fn group_numbers(ingested: &Ingested) -> Result<BTreeMap<(CellKey, Quantity), Vec<f64>>> {
    let id = |metric: Metric| {
        let place = ingested.quantities.iter().position(|q| *q == Quantity::Metric(metric));
        lit(place.map(|place| place as i64).unwrap_or(-1))
    };
    let valid = ingested
        .rows
        .clone()
        .lazy()
        .filter(col("failed").not().and(col("emulated").not().or(col("survives_emulation"))));
    let columns = [col("observation"), col("cell"), col("quantity"), col("value")];
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
            (col("value").cast(DataType::Float64) * lit(1e9)
                / col("divisor_ns").cast(DataType::Float64))
            .alias("value"),
        ])
    };
    let wall = rate(Metric::Measured, Metric::RequestsPerSecond);
    let cpu = rate(Metric::ServerCpu, Metric::RequestsPerCpuSecond);
    let grouped = concat([plain, wall, cpu], UnionArgs::default())?
        .group_by([col("cell"), col("quantity")])
        .agg([col("value").sort(SortOptions::default())])
        .collect()?;
    rows_of(&grouped, ingested)
}

fn rows_of(
    grouped: &DataFrame,
    ingested: &Ingested,
) -> Result<BTreeMap<(CellKey, Quantity), Vec<f64>>> {
    let cells = grouped.column("cell")?.i64()?;
    let quantities = grouped.column("quantity")?.i64()?;
    let values = grouped.column("value")?.list()?;
    let mut rows = BTreeMap::new();
    for ((cell, quantity), list) in cells.iter().zip(quantities.iter()).zip(values.series_iter()) {
        let (Some(cell), Some(quantity), Some(list)) = (cell, quantity, list) else { continue };
        let key = ingested.cells[cell as usize].clone();
        let numbers = list.f64()?.iter().flatten().collect();
        rows.insert((key, ingested.quantities[quantity as usize]), numbers);
    }
    Ok(rows)
}

fn group_latencies(run: &Run) -> BTreeMap<CellKey, Pooled> {
    let mut by_cell: BTreeMap<CellKey, Vec<&Histogram<u64>>> = BTreeMap::new();
    for (&place, histogram) in &run.histograms {
        let observation = &run.observations[place];
        if is_emulated(run, observation) {
            continue;
        }
        let trial = &observation.trial;
        let key = CellKey { experiment: trial.experiment.clone(), cell: trial.cell.clone() };
        by_cell.entry(key).or_default().push(histogram);
    }
    by_cell.into_iter().map(|(key, histograms)| (key, Pooled::new(&histograms))).collect()
}
