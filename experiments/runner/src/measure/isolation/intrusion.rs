//! What is started in the service's place, and what is known of it before the first visit.

use crate::inventory::artifacts::Artifacts;
use crate::inventory::imports::functions_count;
use crate::subject::bundle::refused_calls_count;
use anyhow::Context;
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::isolation::Confinement;
use weighbridge_schema::start::Start;

/// The mode of seccomp in which a filter decides.
const FILTERED: u32 = 2;

/// What is started in the service's place, and what is known of it before.
pub struct Intrusion {
    /// How the probe is started.
    pub(super) start: Start,
    /// How long a request that spins is waited for.
    pub(super) spin: Duration,
    /// Functions that the service's component imports, where it is one.
    pub(super) functions_imported_count: Option<u64>,
}

impl Intrusion {
    /// The probe that `start` starts, in the place of what `own` does.
    ///
    /// # Errors
    /// An artifact is not there, or is no component though its name says so.
    pub fn new(
        own: &Start,
        start: Start,
        in_place_of: &BTreeMap<String, String>,
        artifacts: &Artifacts,
        spin: Duration,
    ) -> anyhow::Result<Self> {
        let mut functions_imported_count = None;
        for (name, other) in in_place_of {
            artifacts.path(other)?;
            let alone = BTreeMap::from([(name.clone(), other.clone())]);
            // What is compiled ahead of time imports what the component does that it was made of.
            if own.with_artifacts(&alone).is_some() && name.ends_with("wasm") {
                let component = artifacts.path(&name.replace(".cwasm", ".wasm"))?;
                let bytes = std::fs::read(&component)
                    .with_context(|| format!("read {}", component.display()))?;
                let count = functions_count(&bytes)
                    .with_context(|| format!("look into {}", component.display()))?;
                functions_imported_count = Some(count);
            }
        }
        Ok(Self { start, spin, functions_imported_count })
    }

    /// System calls that the filter of a bundle refuses, where the process says that a filter is in place.
    pub(super) fn calls_refused_count(&self, confinement: Option<&Confinement>) -> Option<u64> {
        let is_bundle = matches!(self.start, Start::Bundle { .. } | Start::Containerd { .. });
        let is_filtered = confinement?.seccomp_mode == Some(FILTERED);
        (is_bundle && is_filtered).then(refused_calls_count)
    }
}
