//! `stops.json`: why each cell ended with as many invocations as it has. The runner writes it at the end of a
//! run; an interrupted or an older one has none.

use crate::load::question::CellKey;
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::Path;
use weighbridge_schema::plan::Trial;
use weighbridge_schema::stop::Stop;

/// Stops by cell.
pub type Stops = BTreeMap<CellKey, Stop>;

/// Reads the file in the run's `folder`; nothing where there is none.
pub(crate) fn load(folder: &Path) -> Result<Stops> {
    let path = folder.join("stops.json");
    if !path.exists() {
        return Ok(Stops::new());
    }
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let stops: Vec<Stop> = serde_json::from_str(&text)
        .with_context(|| format!("reading {}: not a list of stops", path.display()))?;
    let mut by_cell = Stops::new();
    for stop in stops {
        let key = CellKey { experiment: stop.experiment.clone(), cell: stop.cell.clone() };
        if let Some(twice) = by_cell.insert(key, stop) {
            bail!("{}: {} {} stops twice", path.display(), twice.experiment, twice.cell);
        }
    }
    Ok(by_cell)
}

/// Whether the run still wanted a planned trial: its cell had not ended before it.
#[must_use]
pub fn is_wanted(stops: &Stops, trial: &Trial) -> bool {
    let stop = stops.get(&CellKey::of(trial));
    stop.is_none_or(|stop| trial.invocation < stop.invocations_count)
}
