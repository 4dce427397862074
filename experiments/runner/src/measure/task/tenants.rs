//! What is to be done with many tenants: raise them, start them at once, or ask them as a load does.

use super::{Lookup, Task};
use crate::http::PreparedRequest;
use crate::inventory::artifacts::Artifacts;
use crate::inventory::tenants;
use crate::measure::density::Bounds;
use crate::measure::replay::Replay;
use crate::measure::starters::Wanted;
use crate::measure::tenants::Tenants;
use anyhow::{Context, Result, bail, ensure};
use std::rc::Rc;
use weighbridge_schema::definition::Profile;
use weighbridge_schema::method::Method;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::subject::Subject;

impl<'a> Lookup<'a, '_> {
    pub(super) fn density(&self, subject: &Subject, artifacts: &Artifacts) -> Result<Task<'a>> {
        let tenants_most = self.tenants_most()?;
        let tenants = self.tenants_of(subject, artifacts, tenants_most)?;
        let method = &self.planned.definition.method;
        let bounds = Bounds::of(method, tenants_most, self.measure_ms()?);
        let bounds = bounds.context("its method raises no tenants")?;
        Ok(Task::Density { request: self.first_request(subject, artifacts)?, tenants, bounds })
    }

    pub(super) fn storm(&self, subject: &Subject, artifacts: &Artifacts) -> Result<Task<'a>> {
        let (count, stand_ready) = match self.planned.trial.cell.parameter {
            Parameter::Starts(count) => (count, false),
            Parameter::Ready(count) => (count, true),
            other => bail!("a storm cannot have `{other}`"),
        };
        // A host of many is asked for one more before, which makes it a warm one.
        let tenants = self.tenants_of(subject, artifacts, count.saturating_add(1))?;
        ensure!(
            !stand_ready || tenants.is_none(),
            "tenants of one host are not started before they are asked"
        );
        let wanted = Wanted { count, stand_ready };
        Ok(Task::Storm { request: self.first_request(subject, artifacts)?, tenants, wanted })
    }

    pub(super) fn replay(&self, subject: &Subject, artifacts: &Artifacts) -> Result<Task<'a>> {
        let method = &self.planned.definition.method;
        let Method::Replay { bursts, warmup_ms, idle_argument, .. } = method else {
            bail!("its method replays no load");
        };
        let Parameter::Replay(number) = self.planned.trial.cell.parameter else {
            bail!("it names no load");
        };
        let load = method.load(number).context("the definition has no load of that number")?;
        let tenants = self.tenants_of(subject, artifacts, load.tenants)?;
        let start = match load.idle_timeout_ms {
            // A host drops its idle tenants by itself, when it is told after which time.
            Some(ms) if tenants.is_some() => {
                subject.start.with_value(idle_argument, &format!("{ms}ms")).with_context(|| {
                    format!("its start has no `{idle_argument}` with a time behind")
                })?
            }
            _ => subject.start.clone(),
        };
        let replay = Box::new(Replay {
            start,
            load: load.clone(),
            number,
            bursts: *bursts,
            warmup_ms: *warmup_ms,
            measure_ms: self.measure_ms()?,
        });
        Ok(Task::Replay { request: self.first_request(subject, artifacts)?, tenants, replay })
    }

    /// The files of so many tenants of a subject whose one process holds all of them, and what these are asked; `None`
    /// of every other subject.
    fn tenants_of(
        &self,
        subject: &Subject,
        artifacts: &Artifacts,
        count: u32,
    ) -> Result<Option<Tenants>> {
        let Some(artifact) = tenants::artifact_of(&subject.start) else { return Ok(None) };
        tenants::make(artifacts, artifact, count)?;
        self.tenants().map(Some)
    }

    fn tenants_most(&self) -> Result<u32> {
        let profile: Profile = self.inventory.manifest.profile.parse()?;
        let (method, name) = (&self.planned.definition.method, &self.planned.trial.cell.subject);
        let most = method.tenants_most(profile, name);
        most.with_context(|| format!("the definition sets no tenants_most.{profile}.{name}"))
    }

    /// What the tenants of one host are asked.
    fn tenants(&self) -> Result<Tenants> {
        let (shape, body) = self.inventory.catalog.request(self.workload()?)?;
        Ok(Tenants::new(shape, body))
    }

    /// What an instance is asked first: of one that serves many tenants the first of them, whose file is there then.
    pub(super) fn first_request(
        &self,
        subject: &Subject,
        artifacts: &Artifacts,
    ) -> Result<Rc<PreparedRequest>> {
        match self.tenants_of(subject, artifacts, 1)? {
            Some(tenants) => Ok(Rc::new(tenants.request(0))),
            None => self.request(),
        }
    }
}
