//! What is to be done with a tenant and another one that attacks beside it.

use super::{Lookup, OpenLoad, Task};
use crate::inventory::artifacts::Artifacts;
use crate::inventory::tenants;
use crate::measure::neighbour::{AGGRESSOR, Aggressor, Neighbours};
use anyhow::{Context, Result, bail};
use weighbridge_schema::method::Method;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::subject::Subject;

impl<'a> Lookup<'a, '_> {
    pub(super) fn neighbour(&self, subject: &Subject, artifacts: &Artifacts) -> Result<Task<'a>> {
        let method = &self.planned.definition.method;
        let Method::Neighbour {
            attacks: _,
            in_place_of,
            rate_per_second,
            connections,
            warmup_ms,
            spins_count,
            held_connections_count,
        } = method
        else {
            bail!("its method has no neighbour");
        };
        let Parameter::Attack(attack) = self.planned.trial.cell.parameter else {
            bail!("it names no attack");
        };
        for other in in_place_of.values() {
            artifacts.path(other)?;
        }
        let aggressor = match subject.start.tenants() {
            Some(artifact) => {
                let other = in_place_of.get(artifact);
                let other = other.with_context(|| format!("in_place_of has no `{artifact}`"))?;
                tenants::add(artifacts, artifact, AGGRESSOR, other)?;
                Aggressor::Tenant
            }
            None => {
                let start = method.aggressor(&subject.start);
                Aggressor::Instance(start.context("its start takes no other artifact")?)
            }
        };
        let load = OpenLoad {
            rate_per_second: *rate_per_second,
            connections: *connections,
            warmup_ms: *warmup_ms,
            measure_ms: self.measure_ms()?,
        };
        Ok(Task::Neighbour(Box::new(Neighbours {
            request: self.first_request(subject, artifacts)?,
            load,
            attack,
            aggressor,
            spins_count: *spins_count,
            held_connections_count: *held_connections_count,
        })))
    }
}
