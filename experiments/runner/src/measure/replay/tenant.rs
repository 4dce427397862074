//! The tenants of this machine: an instance each, or what one host serves.

use super::life::{Answered, Tenant};
use super::{Stage, rest_until};
use crate::failure::{Failure, Phase};
use crate::http::{Kept, PreparedRequest};
use crate::kernel::clock::monotonic_ns;
use crate::measure::instance::Running;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest wait for the answer of a tenant that is up.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A tenant that has an instance of its own.
pub(super) struct OfInstance<'a, 's> {
    stage: &'s Stage<'a, 's>,
    number: u32,
    /// Instances that it has had.
    starts_count: u32,
    /// The instance that is up, with the connection to it.
    up: Option<(Running<'a>, Kept)>,
}

impl<'a, 's> OfInstance<'a, 's> {
    /// None is up yet.
    pub(super) fn new(stage: &'s Stage<'a, 's>, number: u32) -> Self {
        Self { stage, number, starts_count: 0, up: None }
    }

    /// The instance that is up; its connection ends.
    pub(super) fn into_running(self) -> Option<Running<'a>> {
        self.up.map(|(running, _)| running)
    }
}

impl Tenant for OfInstance<'_, '_> {
    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn rest_until(&mut self, ns: u64) -> Result<(), Failure> {
        rest_until(ns)
    }

    fn is_up(&self) -> bool {
        self.up.is_some()
    }

    fn ask(&mut self) -> Result<Answered, Failure> {
        let stage = self.stage;
        if let Some((_, kept)) = &mut self.up {
            let at_ns = asked_over(kept, stage.request)?;
            return Ok(Answered { at_ns, met_start: false });
        }
        let copy = self.number + self.starts_count * stage.replay.load.tenants;
        self.starts_count += 1;
        let running = stage.start(copy).inspect_err(|failure| stage.books.lose(&failure.cause))?;
        let entered = stage.books.enter(self.number, running.instance.as_ref());
        entered.map_err(Failure::at(Phase::Start))?;
        let at_ns = running.first.response_ns;
        let kept = Kept::to(running.instance.address());
        self.up = Some((running, kept));
        Ok(Answered { at_ns, met_start: true })
    }

    fn end(&mut self) -> Result<(), Failure> {
        let Some((running, kept)) = self.up.take() else { return Ok(()) };
        // The server waits for who is connected.
        drop(kept);
        self.stage.books.leave(self.number);
        running.end().map(drop)
    }
}

/// A tenant of a host that serves all of them, and loads and drops them by itself.
pub(super) struct OfHost {
    kept: Kept,
    request: PreparedRequest,
}

impl OfHost {
    /// What is asked for by `request` of the host at that address.
    pub(super) fn new(address: SocketAddr, request: PreparedRequest) -> Self {
        Self { kept: Kept::to(address), request }
    }
}

impl Tenant for OfHost {
    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn rest_until(&mut self, ns: u64) -> Result<(), Failure> {
        rest_until(ns)
    }

    fn is_up(&self) -> bool {
        false
    }

    fn ask(&mut self) -> Result<Answered, Failure> {
        let at_ns = asked_over(&mut self.kept, &self.request)?;
        Ok(Answered { at_ns, met_start: false })
    }

    fn end(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

/// Asks over a connection that is kept, and gives the moment at which the answer, a correct one, was complete.
fn asked_over(kept: &mut Kept, request: &PreparedRequest) -> Result<u64, Failure> {
    let answered = kept.ask(request, ANSWER_LIMIT).map_err(Failure::at(Phase::Load))?;
    let (at_ns, answer) = answered;
    answer.check(request).map_err(Failure::at(Phase::Load))?;
    Ok(at_ns)
}
