//! The raw lines as one long polars frame: a row per observation and quantity, integer keys throughout.

use crate::load::Run;
use crate::load::question::CellKey;
use anyhow::{Context, Result, anyhow, bail};
use polars::prelude::*;
use std::collections::BTreeMap;
use weighbridge_schema::metric::Metric;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::quantity::Quantity;
use weighbridge_schema::record::{Observation, Outcome};

/// The frame and what its integer keys stand for.
pub struct Ingested {
    /// Columns: observation (its place in the run), cell, quantity (keys), value (integer, in the quantity's unit),
    /// failed, emulated, survives_emulation.
    pub rows: DataFrame,
    /// Cells by the integer in column `cell`.
    pub cells: Vec<CellKey>,
    /// Quantities by the integer in column `quantity`.
    pub quantities: Vec<Quantity>,
}

#[derive(Default)]
struct Columns {
    observation: Vec<i64>,
    cell: Vec<i64>,
    quantity: Vec<i64>,
    value: Vec<i64>,
    failed: Vec<bool>,
    emulated: Vec<bool>,
    survives_emulation: Vec<bool>,
}

/// Whether an observation's times are an emulator's: it says so, or it is of another instruction set than
/// the machine that made it, which nothing but an emulator can have executed.
#[must_use]
pub fn is_emulated(run: &Run, observation: &Observation) -> bool {
    let architecture = &observation.trial.cell.architecture;
    let machine = run.manifest.machine(observation.machine.as_deref());
    observation.emulated || *architecture != machine.architecture
}

/// Builds the frame from all observations, those too that do not count: a repeated visit is compared with its
/// neighbours.
///
/// # Errors
/// A value beyond 2^63, or a derived metric in the raw log.
pub fn ingest(run: &Run) -> Result<Ingested> {
    let quantities: Vec<Quantity> = Quantity::all().collect();
    let ids: BTreeMap<Quantity, i64> = quantities.iter().copied().zip(0..).collect();
    let mut cell_ids: BTreeMap<CellKey, i64> = BTreeMap::new();
    let mut columns = Columns::default();
    run.observations.iter().try_for_each(refuse_derived)?;
    for (index, observation) in run.observations.iter().enumerate() {
        let emulated = is_emulated(run, observation);
        for (key, quantity, value) in readings(observation) {
            let next = cell_ids.len() as i64;
            let cell = *cell_ids.entry(key).or_insert(next);
            let value = i64::try_from(value).with_context(|| too_large(observation, quantity))?;
            columns.observation.push(index as i64);
            columns.cell.push(cell);
            columns.quantity.push(ids[&quantity]);
            columns.value.push(value);
            columns.failed.push(observation.outcome != Outcome::Ok);
            columns.emulated.push(emulated);
            columns.survives_emulation.push(quantity.survives_emulation());
        }
    }
    let mut cells: Vec<(i64, CellKey)> = cell_ids.into_iter().map(|(key, id)| (id, key)).collect();
    cells.sort_by_key(|(id, _)| *id);
    let cells = cells.into_iter().map(|(_, key)| key).collect();
    Ok(Ingested { rows: columns.into_frame()?, cells, quantities })
}

/// What a line says of its cell; of a raise of tenants, what it says of each level, which is a cell of its own.
fn readings(observation: &Observation) -> impl Iterator<Item = (CellKey, Quantity, u64)> + '_ {
    let key = CellKey::of(&observation.trial);
    let metrics = observation.metrics.iter().map(|(&m, &value)| (Quantity::Metric(m), value));
    let stages = observation.stages_ns.iter().map(|(&s, &value)| (Quantity::Stage(s), value));
    let levels = observation.raise.iter().flat_map(|raise| &raise.levels).flat_map({
        let key = key.clone();
        move |level| {
            let key = key.with_parameter(Parameter::Tenants(level.tenants_count));
            let metrics = level.metrics.iter();
            metrics.map(move |(&m, &value)| (key.clone(), Quantity::Metric(m), value))
        }
    });
    let own = metrics.chain(stages).map(move |(quantity, value)| (key.clone(), quantity, value));
    own.chain(levels)
}

fn too_large(observation: &Observation, quantity: Quantity) -> String {
    format!("position {}: `{}` is beyond 2^63", observation.position, quantity.key())
}

fn refuse_derived(observation: &Observation) -> Result<()> {
    let derived = |metric: &&Metric| metric.is_derived();
    let levels = observation.raise.iter().flat_map(|raise| &raise.levels);
    let of_levels = levels.flat_map(|level| level.metrics.keys());
    if let Some(metric) = observation.metrics.keys().chain(of_levels).find(derived) {
        bail!(
            "position {}: `{}` is derived here and must not be in the raw log",
            observation.position,
            metric.key()
        );
    }
    Ok(())
}

impl Columns {
    fn into_frame(self) -> Result<DataFrame> {
        let frame = df!(
            "observation" => self.observation,
            "cell" => self.cell,
            "quantity" => self.quantity,
            "value" => self.value,
            "failed" => self.failed,
            "emulated" => self.emulated,
            "survives_emulation" => self.survives_emulation,
        );
        frame.map_err(|error| anyhow!("building the frame of observations: {error}"))
    }
}
