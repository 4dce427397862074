//! What is to be done with something else in the service's place: a probe, or a service that waits.

use super::{Lookup, Task};
use crate::inventory::artifacts::Artifacts;
use crate::measure::isolation::Intrusion;
use crate::measure::waiting::Waiting;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::time::Duration;
use weighbridge_schema::method::Method;
use weighbridge_schema::parameter::Parameter;
use weighbridge_schema::start::Start;
use weighbridge_schema::subject::Subject;

impl<'a> Lookup<'a, '_> {
    pub(super) fn isolation(
        &self,
        subject: &Subject,
        artifacts: &Artifacts,
        in_place_of: &BTreeMap<String, String>,
        spin_ms: u64,
    ) -> Result<Task<'a>> {
        let start = self.start_in_place(subject);
        let spin = Duration::from_millis(spin_ms);
        let intrusion = Intrusion::new(&subject.start, start, in_place_of, artifacts, spin)?;
        Ok(Task::Isolation(Box::new(intrusion)))
    }

    pub(super) fn waiting(&self, subject: &Subject, artifacts: &Artifacts) -> Result<Task<'a>> {
        let method = &self.planned.definition.method;
        let (
            Method::Waiting {
                in_place_of, backend_requests, connections, rest_ms, warmup_ms, ..
            },
            Parameter::Delay(delay_us),
        ) = (method, self.planned.trial.cell.parameter)
        else {
            bail!("it sets no delay of a backend");
        };
        for other in in_place_of.values() {
            artifacts.path(other)?;
        }
        Ok(Task::Waiting(Box::new(Waiting {
            start: self.start_in_place(subject),
            load: self.closed_load(*connections, *warmup_ms)?,
            backend_requests: *backend_requests,
            delay: Duration::from_micros(delay_us.into()),
            rest: Duration::from_millis(*rest_ms),
        })))
    }

    fn start_in_place(&self, subject: &Subject) -> Start {
        let name = &self.planned.trial.cell.subject;
        self.planned.definition.method.start(name, &subject.start).into_owned()
    }
}
